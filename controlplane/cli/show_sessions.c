/* SPDX-License-Identifier: BSD-3-Clause */

/* Live sessions, and ending one. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

static const struct view_column columns[] = {
	{"ID", "id", VIEW_PLAIN, TABLE_RIGHT},
	{"W", "worker", VIEW_PLAIN, TABLE_RIGHT},
	{"STATE", "state", VIEW_PLAIN, 0},
	{"CLIENT", "client", VIEW_PLAIN, 0},
	{"UID", "uid", VIEW_PLAIN, TABLE_SHRINK},
	{"SERVICE", "service", VIEW_PLAIN, TABLE_SHRINK},
	{"POLICY", "policy_id", VIEW_PLAIN, TABLE_RIGHT},
	{"SERVER", "server", VIEW_PLAIN, 0},
	{"REQ", "requests", VIEW_PLAIN, TABLE_RIGHT},
	{"IN", "bytes_in", VIEW_BYTES, TABLE_RIGHT},
	{"OUT", "bytes_out", VIEW_BYTES, TABLE_RIGHT},
	{"TLS", "tls", VIEW_PLAIN, 0},
	{"STARTED", "started", VIEW_PLAIN, 0},
};

int show_sessions(struct cli *cli)
{
	struct api_target t;

	api_target_init(&t, "/api/v1/sessions");
	api_target_query(&t, "uid", cli_option(cli, "uid"));
	return view_pages(cli, &t, "sessions", columns, NB(columns), NULL);
}

int kill_session(struct cli *cli)
{
	struct api_target t;
	int rc;

	api_target_init(&t, "/api/v1/sessions");
	api_target_segment(&t, cli->arg[0]);
	rc = api_delete(cli, t.s);
	if (rc == CLI_OK)
		printf("%s\n", cli->is_json ? "{}" : "The worker is told to end it.");
	return rc;
}
