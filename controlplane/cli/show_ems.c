/* SPDX-License-Identifier: BSD-3-Clause */

/* The connectors, and what EMS can be told or asked. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

static const struct view_column call_columns[] = {
	{"ID", "id", VIEW_PLAIN, TABLE_RIGHT},
	{"OBJECT", "object", VIEW_PLAIN, 0},
	{"OK", "ok", VIEW_PLAIN, TABLE_RIGHT},
	{"FAILED", "failed", VIEW_PLAIN, TABLE_RIGHT},
	{"TIMEOUTS", "timeouts", VIEW_PLAIN, TABLE_RIGHT},
	{"RECORDS", "records", VIEW_PLAIN, TABLE_RIGHT},
	{"RECEIVED", "bytes", VIEW_BYTES, TABLE_RIGHT},
	{"TOOK", "last_us", VIEW_US, TABLE_RIGHT},
	{"HTTP", "last_http", VIEW_PLAIN, TABLE_RIGHT},
	{"LAST OK", "last_ok", VIEW_PLAIN, 0},
	{"LAST ERROR", "last_error", VIEW_PLAIN, TABLE_SHRINK},
};

/* What EMS does not offer, where that matters here. */
static void print_missing(const json_t *e)
{
	json_t *cap;
	size_t i;

	json_array_foreach(view_at(e, "capability_list"), i, cap)
	{
		char text[VIEW_TEXT_MAX];

		if (view_bool(cap, "offered") || view_string(cap, "without", "")[0] == '\0')
			continue;
		(void)snprintf(text, sizeof(text), "%.40s: %.200s", view_string(cap, "name", ""),
			       view_string(cap, "without", ""));
		view_line_text("  not offered", text);
	}
}

static void print_ems(const struct cli *cli, const json_t *e)
{
	char age[VIEW_TEXT_MAX], text[2 * VIEW_TEXT_MAX];

	printf("EMS %llu: %s\n", (unsigned long long)view_uint(e, "id"),
	       view_string(e, "name", "-"));
	(void)snprintf(text, sizeof(text), "%s port %llu%s", view_string(e, "server", "-"),
		       (unsigned long long)view_uint(e, "port"),
		       view_bool(e, "enabled") ? "" : " (disabled)");
	view_line_text("  server", text);
	view_line("  connected", e, "connected", VIEW_PLAIN);
	view_line("  verification", e, "verification", VIEW_PLAIN);
	view_line("  synced", e, "synced", VIEW_PLAIN);
	view_line("  websocket", e, "websocket", VIEW_PLAIN);
	view_line("  serial number", e, "serial_number", VIEW_PLAIN);
	view_line("  tenant", e, "tenant_id", VIEW_PLAIN);
	view_line("  capabilities", e, "capabilities", VIEW_PLAIN);
	print_missing(e);
	view_line("  certificate", e, "certificate", VIEW_PLAIN);
	view_line("  trust CA and CN", e, "trust_ca_cn", VIEW_PLAIN);
	(void)snprintf(text, sizeof(text), "%s, %s ago%s", view_string(e, "last_contact", "never"),
		       view_text(e, "last_contact_age_ms", VIEW_MS, age),
		       view_bool(e, "out_of_sync") ? "; OUT OF SYNC" : "");
	view_line_text("  last contact",
		       json_is_string(view_at(e, "last_contact")) ? text : "never; OUT OF SYNC");
	view_line("  notifications", e, "notifications", VIEW_PLAIN);
	view_line("  last notification", e, "last_notification", VIEW_PLAIN);
	if (view_string(e, "last_error", "")[0] != '\0') {
		view_line("  last error", e, "last_error", VIEW_PLAIN);
		view_line("    at", e, "last_error_time", VIEW_PLAIN);
	}
	printf("\n");
	(void)view_table(cli, view_at(e, "calls"), call_columns, NB(call_columns));
}

int show_ems(struct cli *cli)
{
	json_t *j, *e;
	size_t i;
	const int rc = api_get(cli, "/api/v1/ems", &j);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		(void)view_json(j);
	} else {
		json_array_foreach(view_at(j, "ems"), i, e)
		{
			printf("%s", i > 0 ? "\n" : "");
			print_ems(cli, e);
		}
		if (json_array_size(view_at(j, "ems")) == 0)
			printf("The document names no EMS.\n");
	}
	json_decref(j);
	return CLI_OK;
}

/* Accepted (202) answers have no body; say what happens now. */
static int tell_accepted(const struct cli *cli, int rc, json_t *j, const char *text)
{
	if (rc == CLI_OK)
		printf("%s\n", cli->is_json ? "{}" : text);
	json_decref(j);
	return rc;
}

int ems_pull(struct cli *cli)
{
	json_t *j;
	const int rc = api_post(cli, "/api/v1/ems/pull", "", 0, &j);

	return tell_accepted(cli, rc, j, "Pulling every object; see show ems.");
}

static int post_vpn(const struct cli *cli, const char *action)
{
	const char *interface = cli_option(cli, "interface");
	json_t *j, *answer = NULL;
	char *body;
	int rc;

	if (interface == NULL) {
		cli_complain("--interface is missing: where the VPN user comes in");
		return CLI_USAGE;
	}
	j = json_pack("{s:s,s:s,s:s,s:s}", "uid", cli->arg[0], "ip", cli->arg[1], "interface",
		      interface, "action", action);
	body = j == NULL ? NULL : json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (body == NULL) {
		cli_complain("arguments must be UTF-8");
		return CLI_USAGE;
	}
	rc = api_post(cli, "/api/v1/vpn/sessions", body, strlen(body), &answer);
	free(body);
	return tell_accepted(cli, rc, answer, "EMS is being told.");
}

int vpn_connect(struct cli *cli)
{
	return post_vpn(cli, "connect");
}

int vpn_disconnect(struct cli *cli)
{
	return post_vpn(cli, "disconnect");
}
