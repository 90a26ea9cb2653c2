/* SPDX-License-Identifier: BSD-3-Clause */

/* The audit log's latest entries. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

enum column {
	COL_TIME,
	COL_HOW,
	COL_FROM,
	COL_WHAT,
	COL_RESULT,
	COL__NB,
};

/* A request is method, path and status; what the control plane did by itself is told in words. */
static void finish_row(struct table *t, const json_t *item)
{
	char what[VIEW_TEXT_MAX], result[VIEW_TEXT_MAX];
	const char *detail = view_string(item, "detail", "");
	const uint64_t status = view_uint(item, "status");

	if (view_at(item, "method") != NULL)
		(void)snprintf(what, sizeof(what), "%.16s %.500s", view_string(item, "method", ""),
			       view_string(item, "path", ""));
	else
		(void)snprintf(what, sizeof(what), "%.500s", view_string(item, "what", "-"));
	if (status != 0)
		(void)snprintf(result, sizeof(result), "%u %.500s", (unsigned)status, detail);
	else
		(void)snprintf(result, sizeof(result), "%.500s", detail[0] != '\0' ? detail : "-");
	table_set(t, COL_WHAT, what);
	table_set(t, COL_RESULT, result);
}

int show_audit(struct cli *cli)
{
	static const struct view_column columns[] = {
		[COL_TIME] = {"TIME", "time", VIEW_PLAIN, 0},
		[COL_HOW] = {"WHO", "how", VIEW_PLAIN, 0},
		[COL_FROM] = {"FROM", "from", VIEW_PLAIN, 0},
		[COL_WHAT] = {"WHAT", NULL, VIEW_PLAIN, TABLE_SHRINK},
		[COL_RESULT] = {"RESULT", NULL, VIEW_PLAIN, TABLE_SHRINK},
	};
	struct api_target t;

	api_target_init(&t, "/api/v1/audit");
	return view_pages(cli, &t, "entries", columns, COL__NB, finish_row);
}
