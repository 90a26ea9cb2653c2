/* SPDX-License-Identifier: BSD-3-Clause */

/* Status, and the lists that are one table each. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

static const struct view_column worker_columns[] = {
	{"WORKER", "worker", VIEW_PLAIN, TABLE_RIGHT},
	{"GENERATION", "generation", VIEW_PLAIN, TABLE_RIGHT},
	{"CONFIG", "config_generation", VIEW_PLAIN, TABLE_RIGHT},
	{"REFUSED", "refused_generation", VIEW_PLAIN, TABLE_RIGHT},
	{"SESSIONS", "sessions", VIEW_PLAIN, TABLE_RIGHT},
	{"TCP", "tcp_connections", VIEW_PLAIN, TABLE_RIGHT},
	{"TIME-WAIT", "time_wait", VIEW_PLAIN, TABLE_RIGHT},
	{"UPSTREAM IDLE", "upstream_idle", VIEW_PLAIN, TABLE_RIGHT},
	{"MBUFS FREE", "mbufs_free", VIEW_PLAIN, TABLE_RIGHT},
	{"LONGEST PASS", "longest_pass_us", VIEW_US, TABLE_RIGHT},
	{"LOAD", NULL, VIEW_PLAIN, TABLE_RIGHT},
};

static void print_workers(const struct cli *cli, const json_t *list)
{
	struct table_column heads[NB(worker_columns)];
	struct table t;
	json_t *w;
	size_t i;

	view_table_init(&t, heads, worker_columns, NB(worker_columns));
	json_array_foreach(list, i, w)
	{
		const uint64_t busy = view_uint(w, "busy_cycles");
		const uint64_t all = busy + view_uint(w, "idle_cycles");
		char load[16] = "-";

		view_table_row(&t, w, worker_columns, NB(worker_columns));
		if (all > 0)
			(void)snprintf(load, sizeof(load), "%.1f %%",
				       100.0 * (double)busy / (double)all);
		table_set(&t, NB(worker_columns) - 1, load);
	}
	printf("\n");
	(void)view_table_print(cli, &t);
	table_fini(&t);
}

static void print_dataplane(const struct cli *cli, const json_t *j)
{
	const json_t *dp = view_at(j, "dataplane");
	char text[96];

	if (!view_bool(dp, "alive")) {
		view_line_text("Data plane", "not running; start tagwarden-dataplane");
		return;
	}
	(void)snprintf(text, sizeof(text), "running, pid %llu, %s huge pages",
		       (unsigned long long)view_uint(dp, "pid"),
		       view_bool(dp, "hugepages") ? "with" : "without");
	view_line_text("Data plane", text);
	view_line("  since", dp, "started", VIEW_PLAIN);
	if (view_bool(dp, "restart_needed"))
		view_line_text("", "its ports or workers changed in the document: restart it");
	print_workers(cli, view_at(dp, "workers"));
}

int show_status(struct cli *cli)
{
	json_t *j;
	const int rc = api_get(cli, "/api/v1/status", &j);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		(void)view_json(j);
		json_decref(j);
		return CLI_OK;
	}
	view_line("Version", j, "version", VIEW_PLAIN);
	view_line("Control plane since", j, "started", VIEW_PLAIN);
	config_print_state(view_at(j, "config"));
	view_line("Document read", j, "reloaded", VIEW_PLAIN);
	view_line("  refused reloads", j, "reload_failures", VIEW_PLAIN);
	view_line("Devices", j, "devices.total", VIEW_PLAIN);
	view_line("  online", j, "devices.online", VIEW_PLAIN);
	view_line("  registered", j, "devices.registered", VIEW_PLAIN);
	view_line("  quarantined", j, "devices.quarantined", VIEW_PLAIN);
	view_line("  with tags", j, "devices.with_tags", VIEW_PLAIN);
	view_line("Snapshot", j, "snapshot.generation", VIEW_PLAIN);
	view_line("  of document", j, "snapshot.config_generation", VIEW_PLAIN);
	view_line("  failed publishes", j, "snapshot.failures", VIEW_PLAIN);
	view_line("  last publish took", j, "snapshot.last_publish_us", VIEW_US);
	view_line("  workers took it in", j, "snapshot.last_spread_us", VIEW_US);
	view_line("Records read", j, "records.read", VIEW_PLAIN);
	view_line("  lost", j, "records.lost", VIEW_PLAIN);
	print_dataplane(cli, j);
	json_decref(j);
	return CLI_OK;
}

int show_tags(struct cli *cli)
{
	static const struct view_column columns[] = {
		{"ID", "id", VIEW_PLAIN, TABLE_RIGHT},
		{"TAG", "name", VIEW_PLAIN, TABLE_SHRINK},
		{"KIND", "kind", VIEW_PLAIN, 0},
		{"DEVICES", "devices", VIEW_PLAIN, TABLE_RIGHT},
		{"EMS", "ems_id", VIEW_PLAIN, TABLE_RIGHT},
		{"UUID", "uuid", VIEW_PLAIN, TABLE_SHRINK},
	};

	return view_resource(cli, "/api/v1/tags", "tags", columns, NB(columns));
}

int show_policies(struct cli *cli)
{
	static const struct view_column columns[] = {
		{"ID", "id", VIEW_PLAIN, TABLE_RIGHT},
		{"NAME", "name", VIEW_PLAIN, TABLE_SHRINK},
		{"ACTION", "action", VIEW_PLAIN, 0},
		{"ENABLED", "enabled", VIEW_PLAIN, 0},
		{"ACCESS PROXIES", "access_proxies", VIEW_LIST, TABLE_SHRINK},
		{"SOURCE", "source", VIEW_LIST, TABLE_SHRINK},
		{"TAGS", "tags", VIEW_COND, TABLE_SHRINK},
		{"STALE POSTURE", "stale_posture", VIEW_PLAIN, 0},
		{"LOG", "log", VIEW_PLAIN, 0},
	};
	const int rc = view_resource(cli, "/api/v1/policies", "policies", columns, NB(columns));

	if (rc == CLI_OK && !cli->is_json)
		printf("\nFirst match in this order; what matches none is denied (policy 0).\n");
	return rc;
}

int show_interfaces(struct cli *cli)
{
	static const struct view_column columns[] = {
		{"INTERFACE", "interface", VIEW_PLAIN, 0},
		{"PORT", "port", VIEW_PLAIN, 0},
		{"DRIVER", "driver", VIEW_PLAIN, 0},
		{"MAC", "mac", VIEW_PLAIN, 0},
		{"RXQ", "rx_queues", VIEW_PLAIN, TABLE_RIGHT},
		{"TXQ", "tx_queues", VIEW_PLAIN, TABLE_RIGHT},
		{"MTU", "mtu", VIEW_PLAIN, TABLE_RIGHT},
		{"TX CKSUM", "tx_checksum", VIEW_PLAIN, 0},
		{"RX CKSUM", "rx_checksum", VIEW_PLAIN, 0},
		{"TSO", "tso", VIEW_PLAIN, 0},
		{"VLAN STRIP", "vlan_strip", VIEW_PLAIN, 0},
		{"VLAN INSERT", "vlan_insert", VIEW_PLAIN, 0},
		{"RSS", "rss", VIEW_PLAIN, 0},
	};

	return view_resource(cli, "/api/v1/interfaces", "interfaces", columns, NB(columns));
}

static void print_gateway(const json_t *gw)
{
	char url[VIEW_TEXT_MAX], type[VIEW_TEXT_MAX], vhost[VIEW_TEXT_MAX], ldb[VIEW_TEXT_MAX];
	json_t *s;
	size_t i;

	printf("  gateway %llu: %s (%s), virtual host %s, %s\n",
	       (unsigned long long)view_uint(gw, "id"), view_text(gw, "url_map", VIEW_PLAIN, url),
	       view_text(gw, "url_map_type", VIEW_PLAIN, type),
	       view_text(gw, "virtual_host", VIEW_PLAIN, vhost),
	       view_text(gw, "ldb_method", VIEW_PLAIN, ldb));
	json_array_foreach(view_at(gw, "real_servers"), i, s)
	{
		printf("    real server %llu: %s port %llu, weight %llu, %s\n",
		       (unsigned long long)view_uint(s, "id"), view_string(s, "address", "-"),
		       (unsigned long long)view_uint(s, "port"),
		       (unsigned long long)view_uint(s, "weight"), view_string(s, "status", "-"));
	}
}

static void print_service(const json_t *s)
{
	json_t *v;
	size_t i;

	printf("%s\n", view_string(s, "name", "-"));
	printf("  listens on %s port %llu, interface %s\n", view_string(s, "address", "-"),
	       (unsigned long long)view_uint(s, "port"), view_string(s, "interface", "-"));
	printf("  client certificate %s, empty certificate: %s\n",
	       view_bool(s, "client_cert") ? "asked for" : "not asked for",
	       view_string(s, "empty_cert_action", "-"));
	json_array_foreach(view_at(s, "virtual_hosts"), i, v)
		printf("  virtual host %s: %s\n", view_string(v, "name", "-"),
		       view_string(v, "host", "-"));
	json_array_foreach(view_at(s, "api_gateways"), i, v) print_gateway(v);
}

int show_services(struct cli *cli)
{
	json_t *j, *s;
	size_t i;
	const int rc = api_get(cli, "/api/v1/services", &j);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		(void)view_json(j);
	else
		json_array_foreach(view_at(j, "services"), i, s) print_service(s);
	json_decref(j);
	return CLI_OK;
}

int show_metrics(struct cli *cli)
{
	char *text;
	const int rc = api_get_text(cli, "/metrics", &text);

	if (rc == CLI_OK)
		(void)fputs(text, stdout);
	free(text);
	return rc;
}

int show_version(struct cli *cli)
{
	struct cli quiet = *cli;
	json_t *j;
	int rc;

	quiet.is_json = false;
	if (!cli->is_json)
		printf("tagwardenctl %s\n", TAGWARDEN_VERSION);
	rc = api_get(&quiet, "/api/v1/status", &j);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		json_t *both = json_pack("{s:s,s:s}", "tagwardenctl", TAGWARDEN_VERSION,
					 "tagwarden-controlplane", view_string(j, "version", "-"));

		rc = view_json(both);
		json_decref(both);
	} else {
		printf("tagwarden-controlplane %s\n", view_string(j, "version", "-"));
	}
	json_decref(j);
	return rc;
}
