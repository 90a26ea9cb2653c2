/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What differs between two documents, by structure: members of lists are compared with the one of
 * the same id or name, wherever it stands, so that an insertion is one line and not a hundred.
 */

#pragma once

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

#define DOC_DIFF_MAX 5000u /* changes that are kept; all are counted */

/*
 * {"count": N, "changes": [{"op": "replace", "path": "policies[17].tags", "from": ..., "to": ...}],
 * "truncated": false}. op is add (no from), remove (no to), replace, or order (from and to list
 * the members that both have). NULL: out of memory. What is returned refers to <a> and <b>.
 */
json_t *doc_diff(json_t *a, json_t *b);
bool doc_diff_is_empty(const json_t *diff);

/*
 * For people, a line each: "+ PATH: VALUE", "- PATH: VALUE", "  PATH: OLD -> NEW". Long values are
 * cut. free() it; "" when nothing differs.
 */
char *doc_diff_text(const json_t *diff);
/*
 * One line for a log: "3 changes: policies[17].tags, + policies[20], - ems[2]"; what does not fit
 * is left out.
 */
void doc_diff_summary(const json_t *diff, char *ret, size_t cap);
