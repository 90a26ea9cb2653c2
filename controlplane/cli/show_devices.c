/* SPDX-License-Identifier: BSD-3-Clause */

/* The fleet: a list that may have a million rows, and all that is known of one device. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <time.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define COLUMN_STATE 4

static const struct view_column columns[] = {
	{"UID", "uid", VIEW_PLAIN, 0},
	{"HOST", "hostname", VIEW_PLAIN, TABLE_SHRINK},
	{"USER", "user", VIEW_PLAIN, TABLE_SHRINK},
	{"IP", "ip", VIEW_PLAIN, 0},
	{"STATE", NULL, VIEW_PLAIN, 0},
	{"EMS", "ems_id", VIEW_PLAIN, TABLE_RIGHT},
	{"TAGS", "tags", VIEW_LIST, TABLE_SHRINK},
};

static const char *state_of(const json_t *d)
{
	if (view_bool(d, "quarantined"))
		return "quarantined";
	if (!view_bool(d, "registered"))
		return "unregistered";
	return view_bool(d, "online") ? "online" : "offline";
}

static void finish_row(struct table *t, const json_t *item)
{
	table_set(t, COLUMN_STATE, state_of(item));
	if (!json_is_array(view_at(item, "tags")))
		table_set(t, NB(columns) - 1, "unknown");
}

int show_devices(struct cli *cli)
{
	struct api_target t;

	api_target_init(&t, "/api/v1/devices");
	api_target_query(&t, "tag", cli_option(cli, "tag"));
	api_target_query(&t, "uid", cli_option(cli, "uid"));
	return view_pages(cli, &t, "devices", columns, NB(columns), finish_row);
}

/* EMS writes "2023-05-11 06:24:59.1435977", UTC. "" when it cannot be read. */
static const char *age_of(const char *when, char ret[static VIEW_TEXT_MAX])
{
	char us[VIEW_TEXT_MAX];
	struct tm tm = {0};
	time_t then, now = time(NULL);

	ret[0] = '\0';
	if (strptime(when, "%Y-%m-%d %H:%M:%S", &tm) == NULL &&
	    strptime(when, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return ret;
	then = timegm(&tm);
	if (then > 0 && then <= now)
		(void)snprintf(ret, VIEW_TEXT_MAX, " (%.40s ago)",
			       view_us((uint64_t)(now - then) * 1000000, us));
	return ret;
}

static void print_time(const char *label, const json_t *j, const char *key)
{
	const char *when = view_string(j, key, "");
	char age[VIEW_TEXT_MAX], text[2 * VIEW_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s%s", when[0] != '\0' ? when : "-", age_of(when, age));
	view_line_text(label, text);
}

static void print_routes(const struct cli *cli, const json_t *list)
{
	static const struct view_column route[] = {
		{"ROUTE IP", "ip", VIEW_PLAIN, 0}, {"MAC", "mac", VIEW_PLAIN, 0},
		{"TYPE", "type", VIEW_PLAIN, 0},   {"INTERFACE", "interface", VIEW_PLAIN, 0},
		{"VDOM", "vdom", VIEW_PLAIN, 0},   {"GATEWAY", "gateway_sn", VIEW_PLAIN, 0},
	};

	if (json_array_size(list) == 0)
		return;
	printf("\n");
	(void)view_table(cli, list, route, NB(route));
}

/* The latest denial for a serial number that EMS does not have for this device. */
static void print_mismatch(const struct cli *cli, const char *uid)
{
	struct api_target t;
	json_t *j, *d;

	api_target_init(&t, "/api/v1/denials");
	api_target_query(&t, "uid", uid);
	api_target_query(&t, "mismatch", "1");
	api_target_query(&t, "limit", "1");
	if (api_get(cli, t.s, &j) != CLI_OK)
		return;
	d = json_array_get(view_at(j, "denials"), 0);
	if (d != NULL) {
		printf("\nLast certificate mismatch, %s, request %s:\n",
		       view_string(d, "time", "-"), view_string(d, "request_id", "-"));
		view_line("  client showed", d, "certificate_serial", VIEW_PLAIN);
		view_line("  EMS had", d, "ems_serial", VIEW_PLAIN);
	}
	json_decref(j);
}

static void print_device(const struct cli *cli, const json_t *j)
{
	json_t *f;
	size_t i;

	view_line("UID", j, "uid", VIEW_PLAIN);
	view_line("Certificate serial", j, "client_cert_sn", VIEW_PLAIN);
	view_line_text("State", state_of(j));
	view_line("On-net", j, "on_net", VIEW_PLAIN);
	view_line("EMS", j, "ems_id", VIEW_PLAIN);
	view_line("  serial number", j, "ems_serial_number", VIEW_PLAIN);
	view_line("  tenant", j, "ems_tenant_id", VIEW_PLAIN);
	if (json_is_array(view_at(j, "tags")))
		view_line("Tags", j, "tags", VIEW_LIST);
	else
		view_line_text("Tags", "unknown: EMS has not told of this device's tags");
	print_time("  updated", j, "tags_updated");
	print_time("System info updated", j, "sysinfo_updated");
	json_array_foreach(view_at(j, "fields"), i, f)
	{
		const char *value = view_string(f, "value", "");

		if (value[0] != '\0')
			printf("  %-46s %s\n", view_string(f, "label", "-"), value);
	}
	print_routes(cli, view_at(j, "routes"));
	print_mismatch(cli, view_string(j, "uid", ""));
}

int show_device(struct cli *cli)
{
	struct api_target t;
	json_t *j;
	int rc;

	api_target_init(&t, "/api/v1/devices");
	api_target_segment(&t, cli->arg[0]);
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		rc = view_json(j);
	else
		print_device(cli, j);
	json_decref(j);
	return rc;
}
