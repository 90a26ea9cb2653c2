/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Other people's bytes on an operator's terminal. Host names, user names, tags and error texts
 * come from devices and from EMS: none of them may move the cursor, set a title or turn text
 * around. What is not plain is replaced with '?', never left out, so that it is seen.
 */

#pragma once

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

/* Replace what a terminal would obey in <s>, in place; '\n' stays when <keep_lines>. */
void text_clean(char *s, size_t len, bool keep_lines);
/* The same for every string and key value of <j>. */
void text_clean_json(json_t *j);
/* Columns that <s> takes: its code points. */
size_t text_width(const char *s);
/* Bytes of <s> that take at most <width> columns. */
size_t text_fit(const char *s, size_t width);
/* <j> as JSON of printable ASCII alone; free() it. NULL: out of memory. */
char *text_json(const json_t *j);
/* Edits that turn <a> into <b>, for suggestions; more than 9 count as 9. */
unsigned text_distance(const char *a, const char *b);
