/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A line of the shell as words. Quotes as everywhere: '...' takes everything as it is, "..." and
 * what is not quoted let '\' take the meaning of the next character. '|' outside of quotes begins
 * a filter. A line whose first character is '#' is a comment. Pure.
 */

#pragma once

#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>

#define LINE_BYTES 4096u
#define LINE_WORDS (CLI_ARGS_MAX + 8u)
#define LINE_PARTS 4u /* a command and its filters */

struct line {
	const char *word[LINE_WORDS]; /* in <text> */
	size_t nb;
	size_t part[LINE_PARTS]; /* each begins with this word; the first with 0 */
	size_t nb_parts;
	/*
	 * Where the last word begins in the input, its quote with it; the input's length when it
	 * ends between two words.
	 */
	size_t last_at;
	bool is_in_word; /* the input ends within the last word */
	char quote;      /* that is still open, or 0 */
	char text[LINE_BYTES];
};

/*
 * 0, or -EINVAL: a quote is open, <l> holds what there is; -E2BIG: too long, or too many words or
 * filters; -EILSEQ: a control character.
 */
[[nodiscard]] int line_split(struct line *l, const char *s, size_t len);
/* The words of part <i>. */
size_t line_part(const struct line *l, size_t i, const char *const **ret);
/* <word> so that line_split() reads it back as one word. False: it does not fit. */
[[nodiscard]] bool line_quote(const char *word, char *ret, size_t cap);
