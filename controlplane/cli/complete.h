/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What may stand at the end of a command line: words, arguments, options, and names that the
 * server knows. For '?' and Tab in the shell, and for bash.
 */

#pragma once

#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>

#define COMPLETE_MAX 200u
#define COMPLETE_TEXT_MAX 128u
#define COMPLETE_HELP_MAX 160u

struct candidate {
	char text[COMPLETE_TEXT_MAX];
	char help[COMPLETE_HELP_MAX];
	bool is_hint; /* "UID": what it is, not what to type */
	bool is_open; /* more of the same word may follow: a folder */
};

struct candidates {
	struct candidate list[COMPLETE_MAX];
	size_t nb;
	bool is_cut; /* there are more */
};

/*
 * What may follow <word>[0..nb) and begins with <prefix>. Names are asked for within a second;
 * <cli> NULL: not at all.
 */
void complete_words(const struct cli *cli, const char *const *word, size_t nb, const char *prefix,
		    struct candidates *ret);
/*
 * The same for the first <len> bytes of a line of the shell; <ret_at> is where what is completed
 * begins.
 */
void complete_line(const struct cli *cli, const char *s, size_t len, struct candidates *ret,
		   size_t *ret_at);
/* Bytes that all candidates but hints begin with. */
size_t complete_common(const struct candidates *c);
void complete_add(struct candidates *c, const char *text, size_t len, const char *help,
		  bool is_hint);
