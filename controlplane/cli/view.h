/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From JSON to what people read. Everything that is printed here was cleaned by api.c.
 * Handlers' own static parts are fixed texts.
 */

#pragma once

#include "cli/api.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <jansson.h>

#define VIEW_TEXT_MAX 1024u

/* How a value reads. */
enum view_how {
	VIEW_PLAIN, /* strings as they are, numbers, yes and no; "-" for null or absent */
	VIEW_BYTES, /* 1.2 MiB */
	VIEW_US,    /* microseconds: 12.3 ms */
	VIEW_MS,    /* milliseconds */
	VIEW_LIST,  /* strings, joined with ", " */
	VIEW_COND,  /* a tag condition: any(A, all(B, C)) */
};

struct view_column {
	const char *head;
	const char *key; /* "a.b" goes into objects */
	enum view_how how;
	unsigned flags; /* TABLE_* */
};

/* The value at <key>; NULL when absent. */
json_t *view_at(const json_t *j, const char *key);
/* Write <j>'s value at <key> into <ret>; returns <ret>. */
const char *view_text(const json_t *j, const char *key, enum view_how how,
		      char ret[static VIEW_TEXT_MAX]);
const char *view_us(uint64_t us, char ret[static VIEW_TEXT_MAX]);
/* Strings and integers with a fallback. */
const char *view_string(const json_t *j, const char *key, const char *fallback);
uint64_t view_uint(const json_t *j, const char *key);
bool view_bool(const json_t *j, const char *key);

/* Print the JSON as it is. */
int view_json(const json_t *j);
/* "Label:   value", aligned. */
void view_line(const char *label, const json_t *j, const char *key, enum view_how how);
void view_line_text(const char *label, const char *text);

/* config.c: the lines of show status about the configuration. */
void config_print_state(const json_t *state);

/* A table of <list>'s objects; "none" when it is empty. */
int view_table(const struct cli *cli, const json_t *list, const struct view_column *column,
	       size_t nb);
/* For tables that are filled by hand or in pieces. */
void view_table_init(struct table *t, struct table_column *heads, const struct view_column *column,
		     size_t nb);
void view_table_row(struct table *t, const json_t *item, const struct view_column *column,
		    size_t nb);
int view_table_print(const struct cli *cli, struct table *t);

/* The commonest command: GET, then JSON or the table of one list. */
int view_resource(const struct cli *cli, const char *target, const char *list_key,
		  const struct view_column *column, size_t nb);

/*
 * A list of any length, page by page, up to --limit (1000 when it is not given; 0: all).
 * <finish_row> sets the cells of columns without a key; NULL: there are none.
 */
int view_pages(const struct cli *cli, const struct api_target *t, const char *list_key,
	       const struct view_column *column, size_t nb,
	       void (*finish_row)(struct table *t, const json_t *item));
