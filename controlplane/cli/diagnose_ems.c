/* SPDX-License-Identifier: BSD-3-Clause */

/* diagnose test application fcnacd 2: the connectors, in the field's words. */

#include "cli/field.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>

static void print_ems_status(const json_t *e)
{
	const char *tenant = view_string(e, "tenant_id", "");

	printf("FortiClient EMS number %llu:\n", (unsigned long long)view_uint(e, "id"));
	printf("name(id): %s(%llu) confirmed: %s\n", view_string(e, "name", ""),
	       (unsigned long long)view_uint(e, "id"), view_bool(e, "verified") ? "yes" : "no");
	printf("is global: true\n");
	printf("interface vdom: root\n");
	printf("fetched-serial-number: %s\n", view_string(e, "serial_number", ""));
	printf("fetched-tenant-id: %s\n", tenant[0] != '\0' ? tenant : FIELD_ZERO_TENANT);
	printf("user-data:\n");
	printf("verified capabilities: %s\n",
	       view_string(e, "capabilities", "")[0] != '\0' ? "true" : "false");
	printf("verified identity: %s\n", view_bool(e, "verified") ? "true" : "false");
	printf("interface-selection-method: 0\n");
	printf("verify-peer-method: %d\n", view_bool(e, "trust_ca_cn") ? 4 : 3);
	/* A key for tokens that agents would show; nothing here reads them. */
	printf("ztna-public-key:(nil)\n");
	printf("Websocket status: %s, oif: 0\n", view_string(e, "websocket", ""));
}

int diagnose_fcnacd_2(struct cli *cli)
{
	json_t *j, *e;
	size_t i;
	const int rc = api_get(cli, "/api/v1/ems", &j);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		(void)view_json(j);
	} else {
		printf("EMS context status:\n");
		json_array_foreach(view_at(j, "ems"), i, e)
		{
			print_ems_status(e);
		}
	}
	json_decref(j);
	return CLI_OK;
}
