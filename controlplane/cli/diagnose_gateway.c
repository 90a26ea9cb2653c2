/* SPDX-License-Identifier: BSD-3-Clause */

/* What EMS is told of this gateway: its interfaces, and who came by VPN. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

int diagnose_gateways(struct cli *cli)
{
	json_t *j;
	int rc = api_get(cli, "/api/v1/ems/gateways", &j);

	if (rc == CLI_OK)
		rc = view_json(j);
	json_decref(j);
	return rc;
}

int diagnose_fcnacd_99(struct cli *cli)
{
	json_t *j = NULL;
	const int rc = api_post(cli, "/api/v1/ems/gateways", "", 0, &j);

	if (rc == CLI_OK)
		printf("%s\n", cli->is_json ? "{}" : "EMS is being sent the list of interfaces.");
	json_decref(j);
	return rc;
}

/* ---- fcnacd 33 ---- */

static void keep(void *user, json_t *item)
{
	json_array_append(user, item);
}

static void on_page(void *)
{
}

static void print_session(size_t n, const json_t *s, const json_t *gateway)
{
	printf("%zu:\n", n);
	printf("  uid: %s\n", view_string(s, "uid", ""));
	printf("    route#0:\n");
	printf("    vdom: %s\n", view_string(gateway, "vdom", "root"));
	printf("    intf: %s\n", view_string(s, "interface", ""));
	printf("    sn: %s\n", view_string(gateway, "sn", ""));
	printf("IP: %s\n", view_string(s, "ip", ""));
}

static void print_family(const char *title, const json_t *list, const json_t *gateway, bool is_v6)
{
	unsigned n = 0;
	json_t *s;
	size_t i;

	printf("%s\n", title);
	json_array_foreach(list, i, s)
	{
		const char *ip = view_string(s, "ip", "");

		if ((strchr(ip, ':') != NULL) == is_v6)
			printf("%u: %s_%s: %s\n", n++, view_string(gateway, "vdom", "root"), ip,
			       view_string(s, "uid", ""));
	}
}

int diagnose_fcnacd_33(struct cli *cli)
{
	json_t *list = json_array(), *j = NULL, *gateway, *s;
	struct api_pages p = {
		.list_key = "sessions", .on_item = keep, .on_page = on_page, .user = list};
	struct api_target t;
	size_t i;
	int rc;

	api_target_init(&t, "/api/v1/vpn/sessions");
	rc = api_get_pages(cli, &t, &p);
	if (rc == CLI_OK)
		rc = api_get(cli, "/api/v1/ems/gateways", &j);
	if (rc == CLI_OK && cli->is_json) {
		rc = view_json(list);
	} else if (rc == CLI_OK) {
		gateway = json_array_get(view_at(j, "gateway_list"), 0);
		printf("Gateway VPN Cache:\n");
		json_array_foreach(list, i, s) print_session(i, s, gateway);
		print_family("Gateway IPv4 Cache:", list, gateway, false);
		print_family("Gateway IPv6 Cache:", list, gateway, true);
	}
	json_decref(j);
	json_decref(list);
	return rc;
}
