/* SPDX-License-Identifier: BSD-3-Clause */

/* The words of a line, as those who play it look at them; and the calls of the owner. */

#pragma once

#include "world.h"

#include <string.h>

struct args {
	char *const *word;
	unsigned nb;
};

static inline bool is(const struct args *a, unsigned i, const char *word)
{
	return i < a->nb && strcmp(a->word[i], word) == 0;
}

/* The <i>th word as a number. */
uint32_t number(struct world *w, const struct args *a, unsigned i);
/* There must be <nb> words. */
void only(struct world *w, const struct args *a, unsigned nb);

/* A line that begins with a verb; NULL when there is no such verb. */
struct verb {
	const char *name;
	void (*fn)(struct world *w, const struct args *a);
	bool looks; /* at what is, and changes nothing */
};
const struct verb *verb_find(const char *name);
