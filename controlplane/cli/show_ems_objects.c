/* SPDX-License-Identifier: BSD-3-Clause */

/* EMS's API objects: what is asked of EMS, when, and how that went. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

/* "at verification, on tags, every 120 s" */
static void schedule_text(const json_t *o, char *ret, size_t cap)
{
	const json_t *s = view_at(o, "schedule");
	const char *on = view_string(s, "on", "");
	char poll[40] = "";

	if (view_uint(s, "poll_s") > 0)
		(void)snprintf(poll, sizeof(poll), "every %llu s",
			       (unsigned long long)view_uint(s, "poll_s"));
	(void)snprintf(ret, cap, "%s%s%s%.60s%s%s",
		       view_bool(s, "at_verification") ? "at verification" : "",
		       view_bool(s, "at_verification") && on[0] != '\0' ? ", " : "",
		       on[0] != '\0' ? "on " : "", on,
		       poll[0] != '\0' && (on[0] != '\0' || view_bool(s, "at_verification")) ? ", "
											     : "",
		       poll);
}

static void print_object(const json_t *o)
{
	char text[VIEW_TEXT_MAX];

	printf("obj-id: %llu, desc: \"%s\", entry: \"%s\"\n",
	       (unsigned long long)view_uint(o, "id"), view_string(o, "description", ""),
	       view_string(o, "entry", ""));
	view_line("  object", o, "object", VIEW_PLAIN);
	view_line("  method", o, "method", VIEW_PLAIN);
	schedule_text(o, text, sizeof(text));
	view_line_text("  schedule", text);
	(void)snprintf(text, sizeof(text), "%llu ok, %llu failed, %llu of them timed out",
		       (unsigned long long)view_uint(o, "ok"),
		       (unsigned long long)view_uint(o, "failed"),
		       (unsigned long long)view_uint(o, "timeouts"));
	view_line_text("  calls", text);
	view_line("  records", o, "records", VIEW_PLAIN);
	view_line("  received", o, "bytes", VIEW_BYTES);
	view_line("  last took", o, "last_us", VIEW_US);
	view_line("  last http code", o, "last_http", VIEW_PLAIN);
	view_line("  last ok", o, "last_ok", VIEW_PLAIN);
	view_line("  last failure", o, "last_failure", VIEW_PLAIN);
	if (view_string(o, "last_error", "")[0] != '\0')
		view_line("  last error", o, "last_error", VIEW_PLAIN);
	view_line("  next poll", o, "next_poll", VIEW_PLAIN);
	view_line("  back-off until", o, "back_off_until", VIEW_PLAIN);
	if (view_string(o, "updated_after", "")[0] != '\0') {
		view_line("  cursor", o, "updated_after", VIEW_PLAIN);
		view_line("    offset", o, "offset", VIEW_PLAIN);
	}
}

static int print_objects(const struct cli *cli, const char *ems_id)
{
	struct api_target t;
	json_t *j, *o;
	size_t i;
	int rc;

	api_target_init(&t, "/api/v1/ems");
	api_target_segment(&t, ems_id);
	api_target_segment(&t, "objects");
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		rc = view_json(j);
	} else {
		printf("EMS %llu: %s\n", (unsigned long long)view_uint(j, "id"),
		       view_string(j, "name", "-"));
		json_array_foreach(view_at(j, "objects"), i, o) print_object(o);
	}
	json_decref(j);
	return rc;
}

int show_ems_objects(struct cli *cli)
{
	json_t *j, *e;
	size_t i;
	int rc;

	if (cli->nb_args > 0)
		return print_objects(cli, cli->arg[0]);
	rc = api_get(cli, "/api/v1/ems", &j);
	if (rc != CLI_OK)
		return rc;
	json_array_foreach(view_at(j, "ems"), i, e)
	{
		char id[24];

		(void)snprintf(id, sizeof(id), "%llu", (unsigned long long)view_uint(e, "id"));
		rc = rc == CLI_OK ? print_objects(cli, id) : rc;
	}
	json_decref(j);
	return rc;
}
