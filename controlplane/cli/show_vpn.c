/* SPDX-License-Identifier: BSD-3-Clause */

/* VPN sessions, and what EMS made of them. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#define NB(a) (sizeof(a) / sizeof((a)[0]))

int show_vpn(struct cli *cli)
{
	static const struct view_column columns[] = {
		{"IP", "ip", VIEW_PLAIN, 0},
		{"UID", "uid", VIEW_PLAIN, 0},
		{"INTERFACE", "interface", VIEW_PLAIN, TABLE_SHRINK},
		{"EMS", "state", VIEW_PLAIN, 0},
		{"SINCE", "since", VIEW_PLAIN, 0},
	};
	struct api_target t;

	api_target_init(&t, "/api/v1/vpn/sessions");
	api_target_query(&t, "uid", cli_option(cli, "uid"));
	return view_pages(cli, &t, "sessions", columns, NB(columns), NULL);
}
