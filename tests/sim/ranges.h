/* SPDX-License-Identifier: BSD-3-Clause */

/* A set of numbers as disjoint ranges [lo, hi) in order: what has arrived, what was reported. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RANGES_CAP 512u

struct ranges {
	uint32_t nb;
	/* There were more than fit: the set says nothing any more until it is cleared. */
	bool is_overfull;
	struct {
		int64_t lo, hi;
	} r[RANGES_CAP];
};

static inline void ranges_clear(struct ranges *s)
{
	s->nb = 0;
	s->is_overfull = false;
}

void ranges_add(struct ranges *s, int64_t lo, int64_t hi);
/* Everything below <below> leaves the set. */
void ranges_forget(struct ranges *s, int64_t below);
/* All of [lo, hi) is in the set; an empty range is. */
bool ranges_has(const struct ranges *s, int64_t lo, int64_t hi);
/* How many numbers are in the set. */
int64_t ranges_total(const struct ranges *s);
/* The end of the range that holds <from>, or <from>. */
int64_t ranges_run_end(const struct ranges *s, int64_t from);
