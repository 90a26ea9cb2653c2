/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * "| grep" of the shell: lines of a command's output that match. No program is run: a thread reads
 * what the command prints, so that live output passes as it comes.
 */

#pragma once

#include <stddef.h>

/* The filters of one line, each "grep [-i] [-v] PATTERN". */
struct grep;

/* NULL, and told the user, when <word> is not a filter that we know, or there is no memory. */
struct grep *grep_new(void);
int grep_add(struct grep *g, const char *const *word, size_t nb);
/* From here to grep_end() what is written to standard output is filtered. */
int grep_begin(struct grep *g);
void grep_end(struct grep *g);
void grep_free(struct grep *g);
