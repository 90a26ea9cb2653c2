/* SPDX-License-Identifier: BSD-3-Clause */

/* diagnose endpoint record list: every line of the field's, in its order. */

#include "cli/field.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define INDENT "                "
#define MAC_STRLEN 17

/* EMS writes 00-0c-29-71-39-17, the appliances 00:0c:29:71:39:17. */
static const char *mac_of(const char *mac, char ret[static MAC_STRLEN + 1])
{
	if (strlen(mac) != MAC_STRLEN)
		return mac;
	for (size_t i = 0; i <= MAC_STRLEN; i++)
		ret[i] = mac[i] == '-' ? ':' : mac[i];
	return ret;
}

static void print_head(const json_t *d)
{
	const char *vdom = field_value(d, "VDOM");
	char mac[MAC_STRLEN + 1];

	printf(INDENT "IP Address = %s\n", field_value(d, "IP Address"));
	printf(INDENT "MAC Address = %s\n", mac_of(field_value(d, "MAC Address"), mac));
	printf(INDENT "MAC list = %s\n", field_value(d, "MAC list"));
	printf(INDENT "VDOM = %s (0)\n", vdom[0] != '\0' ? vdom : "root");
	printf(INDENT "EMS serial number: %s\n", view_string(d, "ems_serial_number", ""));
	printf(INDENT "EMS tenant id: %s\n", field_tenant(d));
	printf(INDENT "Client cert SN: %s\n", view_string(d, "client_cert_sn", ""));
	printf(INDENT "Public IP address: %s\n", field_value(d, "Public IP address"));
	printf(INDENT "Quarantined: %s\n", view_bool(d, "quarantined") ? "yes" : "no");
	printf(INDENT "Online status: %s\n", view_bool(d, "online") ? "online" : "offline");
	printf(INDENT "Registration status: %s\n",
	       view_bool(d, "registered") ? "registered" : "unregistered");
	printf(INDENT "On-net status: %s\n", view_bool(d, "on_net") ? "on-net" : "off-net");
}

static void print_labels(const json_t *d, const char *const *label, size_t nb)
{
	for (size_t i = 0; i < nb; i++)
		printf(INDENT "%s: %s\n", label[i], field_value(d, label[i]));
}

static void print_fields(const json_t *d)
{
	static const char *const client[] = {
		"Gateway Interface",
		"FortiClient version",
		"AVDB version",
		"FortiClient app signature version",
		"FortiClient vulnerability scan engine version",
	};
	static const char *const host[] = {
		"Host Name",       "OS Type", "OS Version", "Host Description",  "Domain",
		"Last Login User", "Owner",   "Host Model", "Host Manufacturer", "CPU Model",
		"Memory Size",
	};
	static const char *const feature[] = {
		"AV Feature", "FW Feature", "WF Feature", "AS Feature", "VS Feature", "VN Feature",
	};

	print_labels(d, client, NB(client));
	printf(INDENT "FortiClient UID: %s\n", view_string(d, "uid", ""));
	print_labels(d, host, NB(host));
	for (size_t i = 0; i < NB(feature); i++)
		printf(INDENT "%s: %d\n", feature[i],
		       strcmp(field_value(d, feature[i]), "installed") == 0);
}

/* Vulnerabilities are not pulled: this is what the appliances print before they were. */
static void print_tail(const json_t *d)
{
	printf(INDENT "Last vul message received time: N/A\n");
	printf(INDENT "Last vul scanned time: N/A\n");
	printf(INDENT "Last vul statistic: critical=0, high=0, medium=0, low=0, info=0\n");
	printf(INDENT "Avatar source username: %s\n", field_value(d, "Last Login User"));
	printf(INDENT "Avatar source email: %s\n", field_value(d, "Avatar source email"));
	printf(INDENT "Avatar source: %s\n", field_value(d, "Avatar source"));
	printf(INDENT "Phone number: %s\n", field_value(d, "Phone number"));
}

static void print_routes(const json_t *list)
{
	char mac[MAC_STRLEN + 1];
	json_t *r;
	size_t i;

	printf(INDENT "Number of Routes: (%zu)\n", json_array_size(list));
	json_array_foreach(list, i, r)
	{
		const bool is_vpn = strcasecmp(view_string(r, "type", ""), "vpn") == 0;

		printf(INDENT "        Gateway Route #%zu:\n", i);
		printf(INDENT "                - IP:%s, MAC: %s, VPN: %s\n",
		       view_string(r, "ip", ""), mac_of(view_string(r, "mac", ""), mac),
		       is_vpn ? "yes" : "no");
		printf(INDENT "                - Interface:%s, VFID:0, SN: %s\n",
		       view_string(r, "interface", ""), view_string(r, "gateway_sn", ""));
	}
}

static void print_record(struct field_walk *w, const json_t *d)
{
	printf("Record #%u:\n", w->nb);
	print_head(d);
	print_fields(d);
	print_tail(d);
	print_routes(view_at(d, "routes"));
}

int diagnose_record_list(struct cli *cli)
{
	struct field_walk w = {
		.cli = cli,
		.on_device = print_record,
		.ip = cli->nb_args > 0 ? cli->arg[0] : NULL,
	};
	const int rc = field_walk(&w);

	if (rc == CLI_OK && !cli->is_json)
		printf("online records: %u; offline records: %u; quarantined records: %u; "
		       "out-of-sync records: %u\n",
		       w.online, w.offline, w.quarantined, w.out_of_sync);
	return rc;
}
