/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Debug output: what it shows is the server's setting, the same for all who listen, and stays
 * until it is reset or the server starts anew. Listening is this program's own affair.
 */

#include "cli/api.h"
#include "cli/debug_stream.h"
#include "cli/handlers.h"
#include "cli/shell.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET "/api/v1/debug"

/* Change the settings by <j>, which is consumed. */
static int change(const struct cli *cli, const char *method, json_t *j)
{
	char *body = json_dumps(j, JSON_COMPACT);
	json_t *answer = NULL;
	int rc = CLI_BAD_ANSWER;

	json_decref(j);
	if (body != NULL)
		rc = api_send(cli, method, TARGET, body, strlen(body), &answer);
	if (rc == CLI_OK && cli->is_json && answer != NULL)
		rc = view_json(answer);
	json_decref(answer);
	free(body);
	return rc;
}

static int set(const struct cli *cli, const char *key, json_t *value)
{
	return change(cli, "PATCH", json_pack("{s:o}", key, value));
}

/* ---- diagnose debug ---- */

int diagnose_debug_fcnacd(struct cli *cli)
{
	const char *level = cli->arg[0];
	uint64_t n = 0;

	if (strcmp(level, "-1") == 0)
		return set(cli, "fcnacd", json_integer(-1));
	if (!cli_parse_uint(level, INT32_MAX, &n)) {
		cli_complain("a level is 0 (off) to %d, or -1 (all)", INT32_MAX);
		return CLI_USAGE;
	}
	return set(cli, "fcnacd", json_integer((json_int_t)n));
}

int diagnose_debug_timestamp(struct cli *cli)
{
	const bool is_on = strcmp(cli->arg[0], "enable") == 0;

	if (!is_on && strcmp(cli->arg[0], "disable") != 0) {
		cli_complain("timestamp takes enable or disable");
		return CLI_USAGE;
	}
	return set(cli, "timestamp", json_boolean(is_on));
}

int diagnose_filter_large_data(struct cli *cli)
{
	const bool is_on = strcmp(cli->arg[0], "yes") == 0;

	if (!is_on && strcmp(cli->arg[0], "no") != 0) {
		cli_complain("show-large-data takes yes or no");
		return CLI_USAGE;
	}
	return set(cli, "show_large_data", json_boolean(is_on));
}

int diagnose_debug_enable(struct cli *cli)
{
	return debug_stream_start(cli);
}

int diagnose_debug_disable(struct cli *cli)
{
	if (cli->shell == NULL)
		(void)fprintf(stderr, "Debug output goes to whoever runs diagnose debug enable, "
				      "and Ctrl-C ends it there; diagnose debug reset switches "
				      "its sources off.\n");
	debug_stream_stop(cli);
	return CLI_OK;
}

int diagnose_debug_reset(struct cli *cli)
{
	debug_stream_stop(cli);
	return change(cli, "PUT", json_object());
}

static const char *on_off(const json_t *j, const char *key)
{
	return view_bool(j, key) ? "enable" : "disable";
}

int diagnose_debug_info(struct cli *cli)
{
	json_t *j;
	const int rc = api_get(cli, TARGET, &j);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		(void)view_json(j);
	} else {
		const json_t *wad = view_at(j, "wad");
		const int level = (int)json_integer_value(json_object_get(j, "fcnacd"));

		printf("debug output:           %s\n",
		       view_uint(j, "listeners") > 0 ? "enable" : "disable");
		printf("console timestamp:      %s\n", on_off(j, "timestamp"));
		printf("show large data:        %s\n", on_off(j, "show_large_data"));
		printf("fcnacd debug level:     %d (0x%x)\n", level, (unsigned)level);
		printf("wad debug category:     %s\n",
		       json_array_size(view_at(wad, "category")) > 0 ? "policy" : "none");
		printf("wad debug level:        %s\n", view_string(wad, "level", ""));
	}
	json_decref(j);
	return CLI_OK;
}

/* ---- diagnose wad debug ---- */

int diagnose_wad_debug_category(struct cli *cli)
{
	return set(cli, "wad", json_pack("{s:[s]}", "category", cli->arg[0]));
}

int diagnose_wad_debug_level(struct cli *cli)
{
	return set(cli, "wad", json_pack("{s:s}", "level", cli->arg[0]));
}

int diagnose_wad_debug_disable(struct cli *cli)
{
	return set(cli, "wad", json_pack("{s:[],s:s}", "category", "level", "info"));
}

int diagnose_wad_debug_show(struct cli *cli)
{
	const json_t *wad;
	json_t *j;
	const int rc = api_get(cli, TARGET, &j);

	if (rc != CLI_OK)
		return rc;
	wad = view_at(j, "wad");
	if (cli->is_json) {
		(void)view_json(wad);
	} else {
		printf("Category: %s\n",
		       json_array_size(view_at(wad, "category")) > 0 ? "policy" : "none");
		printf("Level: %s\n", view_string(wad, "level", ""));
		printf("Save debug on crash: disabled\n");
		printf("Display: pid enabled\n");
	}
	json_decref(j);
	return CLI_OK;
}
