/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The field's diagnostic commands, word for word, with the output that its operators and their
 * scripts know. Only what this proxy has: lines about what it does not have are left out.
 */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define ZERO_TENANT "00000000000000000000000000000000"

/* ---- a walk over all devices, each with all that is known ---- */

struct walk {
	const struct cli *cli;
	void (*on_device)(struct walk *w, const json_t *device);
	const json_t *tags; /* of /api/v1/tags, for those that want ids and kinds */
	const json_t *ems;
	const char *ip; /* only this one; NULL: all */
	json_t *list;   /* --json: collected */
	unsigned nb, online, offline, quarantined, out_of_sync;
	int rc;
};

static bool is_out_of_sync(const struct walk *w, const json_t *d)
{
	json_t *e;
	size_t i;

	json_array_foreach(w->ems, i,
			   e) if (view_uint(e, "id") ==
				  view_uint(d, "ems_id")) return view_bool(e, "out_of_sync");
	return true;
}

static void on_brief(void *user, json_t *item)
{
	struct walk *w = user;
	struct api_target t;
	json_t *d;

	if (w->rc != CLI_OK || (w->ip != NULL && strcmp(view_string(item, "ip", ""), w->ip) != 0))
		return;
	api_target_init(&t, "/api/v1/devices");
	api_target_segment(&t, view_string(item, "uid", ""));
	w->rc = api_get(w->cli, t.s, &d);
	if (w->rc == CLI_NOT_FOUND) {
		w->rc = CLI_OK; /* went away meanwhile */
		return;
	}
	if (w->rc != CLI_OK)
		return;
	w->nb++;
	if (view_bool(d, "online"))
		w->online++;
	else
		w->offline++;
	w->quarantined += view_bool(d, "quarantined");
	w->out_of_sync += is_out_of_sync(w, d);
	if (w->list != NULL)
		json_array_append(w->list, d);
	else
		w->on_device(w, d);
	json_decref(d);
}

static void on_page(void *)
{
}

static int walk(struct walk *w)
{
	struct api_pages p = {
		.list_key = "devices", .on_item = on_brief, .on_page = on_page, .user = w};
	struct api_target t;
	json_t *ems, *tags = NULL;
	int rc = api_get(w->cli, "/api/v1/ems", &ems);

	if (rc == CLI_OK)
		rc = api_get(w->cli, "/api/v1/tags", &tags);
	if (rc == CLI_OK) {
		w->ems = view_at(ems, "ems");
		w->tags = view_at(tags, "tags");
		w->list = w->cli->is_json ? json_array() : NULL;
		api_target_init(&t, "/api/v1/devices");
		rc = api_get_pages(w->cli, &t, &p);
		rc = rc == CLI_OK ? w->rc : rc;
		if (rc == CLI_OK && w->list != NULL)
			rc = view_json(w->list);
		json_decref(w->list);
	}
	json_decref(tags);
	json_decref(ems);
	return rc;
}

static const char *field(const json_t *d, const char *label)
{
	json_t *f;
	size_t i;

	json_array_foreach(view_at(d, "fields"), i,
			   f) if (strcmp(view_string(f, "label", ""), label) ==
				  0) return view_string(f, "value", "");
	return "";
}

static const char *tenant_of(const json_t *d)
{
	const char *s = view_string(d, "ems_tenant_id", "");

	return s[0] != '\0' ? s : ZERO_TENANT;
}

/* ---- diagnose endpoint record list ---- */

#define INDENT "                "

static void print_fields(const json_t *d)
{
	static const char *const label[] = {
		"Gateway Interface",
		"FortiClient version",
		"AVDB version",
		"FortiClient app signature version",
		"FortiClient vulnerability scan engine version",
	};
	static const char *const after_uid[] = {
		"Host Name",       "OS Type",    "OS Version", "Host Description",  "Domain",
		"Last Login User", "Owner",      "Host Model", "Host Manufacturer", "CPU Model",
		"Memory Size",     "AV Feature", "FW Feature", "WF Feature",        "AS Feature",
		"VS Feature",      "VN Feature",
	};

	for (size_t i = 0; i < NB(label); i++)
		printf(INDENT "%s: %s\n", label[i], field(d, label[i]));
	printf(INDENT "FortiClient UID: %s\n", view_string(d, "uid", ""));
	for (size_t i = 0; i < NB(after_uid); i++)
		printf(INDENT "%s: %s\n", after_uid[i], field(d, after_uid[i]));
}

static void print_routes(const json_t *list)
{
	json_t *r;
	size_t i;

	printf(INDENT "Number of Routes: (%zu)\n", json_array_size(list));
	json_array_foreach(list, i, r)
	{
		const bool is_vpn = strcasecmp(view_string(r, "type", ""), "vpn") == 0;

		printf(INDENT "        Gateway Route #%zu:\n", i);
		printf(INDENT "                - IP:%s, MAC: %s, VPN: %s\n",
		       view_string(r, "ip", ""), view_string(r, "mac", ""), is_vpn ? "yes" : "no");
		printf(INDENT "                - Interface:%s, VFID:0, SN: %s\n",
		       view_string(r, "interface", ""), view_string(r, "gateway_sn", ""));
	}
}

static void print_record(struct walk *w, const json_t *d)
{
	const char *vdom = field(d, "VDOM");

	printf("Record #%u:\n", w->nb);
	printf(INDENT "IP Address = %s\n", field(d, "IP Address"));
	printf(INDENT "MAC Address = %s\n", field(d, "MAC Address"));
	printf(INDENT "MAC list = %s\n", field(d, "MAC list"));
	printf(INDENT "VDOM = %s (0)\n", vdom[0] != '\0' ? vdom : "root");
	printf(INDENT "EMS serial number: %s\n", view_string(d, "ems_serial_number", ""));
	printf(INDENT "EMS tenant id: %s\n", tenant_of(d));
	printf(INDENT "Client cert SN: %s\n", view_string(d, "client_cert_sn", ""));
	printf(INDENT "Public IP address: %s\n", field(d, "Public IP address"));
	printf(INDENT "Quarantined: %s\n", view_bool(d, "quarantined") ? "yes" : "no");
	printf(INDENT "Online status: %s\n", view_bool(d, "online") ? "online" : "offline");
	printf(INDENT "Registration status: %s\n",
	       view_bool(d, "registered") ? "registered" : "unregistered");
	printf(INDENT "On-net status: %s\n", view_bool(d, "on_net") ? "on-net" : "off-net");
	print_fields(d);
	print_routes(view_at(d, "routes"));
}

int diagnose_record_list(struct cli *cli)
{
	struct walk w = {
		.cli = cli,
		.on_device = print_record,
		.ip = cli->nb_args > 0 ? cli->arg[0] : NULL,
	};
	const int rc = walk(&w);

	if (rc == CLI_OK && !cli->is_json)
		printf("online records: %u; offline records: %u; quarantined records: %u; "
		       "out-of-sync records: %u\n",
		       w.online, w.offline, w.quarantined, w.out_of_sync);
	return rc;
}

/* ---- diagnose test application fcnacd ---- */

static unsigned kind_number(const char *kind)
{
	static const char *const name[] = {"zero_trust", "classification", "outbreak", "fabric"};

	for (unsigned i = 0; i < NB(name); i++)
		if (strcmp(kind, name[i]) == 0)
			return i + 1;
	return 0;
}

static const json_t *find_tag(const json_t *tags, const char *name)
{
	json_t *t;
	size_t i;

	json_array_foreach(tags, i, t) if (strcmp(view_string(t, "name", ""), name) == 0) return t;
	return NULL;
}

/* The name as EMS has it: what policies call CLASS_Low is its classification Low. */
static const char *plain_name(const char *name, unsigned kind)
{
	return kind == 2 && strncmp(name, "CLASS_", 6) == 0 ? name + 6 : name;
}

static void print_cache_tags(const struct walk *w, const json_t *d)
{
	json_t *v;
	size_t i;

	printf("Tags:\n");
	json_array_foreach(view_at(d, "tags"), i, v)
	{
		const char *name = json_string_value(v);
		const json_t *tag = name != NULL ? find_tag(w->tags, name) : NULL;
		const unsigned kind = kind_number(view_string(tag, "kind", ""));

		if (name != NULL)
			printf("idx:%llu, ttdl:%u   name:%s\n",
			       (unsigned long long)view_uint(tag, "id"), kind,
			       plain_name(name, kind));
	}
}

static void print_cache_entry(struct walk *w, const json_t *d)
{
	const json_t *routes = view_at(d, "routes");
	const char *ip = view_string(json_array_get(routes, 0), "ip", field(d, "IP Address"));
	const bool has_sysinfo = view_string(d, "sysinfo_updated", "")[0] != '\0';
	const bool has_tags = json_is_array(view_at(d, "tags"));
	const uint64_t ems_id = view_uint(d, "ems_id");

	printf("Entry #%u:\n", w->nb);
	printf(" - UID: %s\n", view_string(d, "uid", ""));
	printf(" - EMS Fabric ID: %s:%s\n", view_string(d, "ems_serial_number", ""), tenant_of(d));
	printf(" - Sys upd time: %s\n", view_string(d, "sysinfo_updated", ""));
	printf(" - Tag upd time: %s\n", view_string(d, "tags_updated", ""));
	printf("lls_idx_mask = 0x%08x\n", ems_id > 0 && ems_id <= 32 ? 1u << (ems_id - 1) : 0);
	printf("#ID:%u\n", w->nb - 1);
	printf("UID:     %s\n", view_string(d, "uid", ""));
	printf("State:   sysinfo:%d, tag:%d, tagsz:%d, out-of-sync:%d\n", has_sysinfo, has_tags,
	       json_array_size(view_at(d, "tags")) > 0, is_out_of_sync(w, d));
	printf("Owner:   %s\n", field(d, "Owner"));
	printf("Cert SN: %s\n", view_string(d, "client_cert_sn", ""));
	printf("online:  %s\n", view_bool(d, "online") ? "Yes" : "No");
	printf("Route IP:%s\n", ip);
	printf("vfid:    0\n");
	printf("has more:%s\n", json_array_size(routes) > 1 ? "Yes" : "No");
	print_cache_tags(w, d);
}

static void print_route_entry(struct walk *, const json_t *d)
{
	const json_t *routes = view_at(d, "routes");
	json_t *r;
	size_t i;

	json_array_foreach(routes, i, r) printf(
		"IP: %s, vfid: 0, uid: %s\n", view_string(r, "ip", ""), view_string(d, "uid", ""));
	if (json_array_size(routes) == 0 && field(d, "IP Address")[0] != '\0')
		printf("IP: %s, vfid: 0, uid: %s\n", field(d, "IP Address"),
		       view_string(d, "uid", ""));
}

static void print_ems_status(const json_t *e)
{
	const char *tenant = view_string(e, "tenant_id", "");

	printf("FortiClient EMS number %llu:\n", (unsigned long long)view_uint(e, "id"));
	printf("name(id): %s(%llu) confirmed: %s\n", view_string(e, "name", ""),
	       (unsigned long long)view_uint(e, "id"), view_bool(e, "verified") ? "yes" : "no");
	printf("is global: true\n");
	printf("interface vdom: root\n");
	printf("fetched-serial-number: %s\n", view_string(e, "serial_number", ""));
	printf("fetched-tenant-id: %s\n", tenant[0] != '\0' ? tenant : ZERO_TENANT);
	printf("user-data:\n");
	printf("verified capabilities: %s\n",
	       view_string(e, "capabilities", "")[0] != '\0' ? "true" : "false");
	printf("verified identity: %s\n", view_bool(e, "verified") ? "true" : "false");
	printf("interface-selection-method: 0\n");
	printf("verify-peer-method: 3\n");
	printf("Websocket status: %s, oif: 0\n", view_string(e, "websocket", ""));
}

static int fcnacd_status(const struct cli *cli)
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
		json_array_foreach(view_at(j, "ems"), i, e) print_ems_status(e);
	}
	json_decref(j);
	return CLI_OK;
}

int diagnose_fcnacd(struct cli *cli)
{
	struct walk w = {.cli = cli};

	if (strcmp(cli->arg[0], "2") == 0)
		return fcnacd_status(cli);
	if (strcmp(cli->arg[0], "5") == 0)
		return ems_pull(cli);
	if (strcmp(cli->arg[0], "7") == 0) {
		w.on_device = print_cache_entry;
		return walk(&w);
	}
	if (strcmp(cli->arg[0], "8") == 0) {
		w.on_device = print_route_entry;
		if (!cli->is_json)
			printf("IP-VfID Cache:\n");
		return walk(&w);
	}
	cli_complain("fcnacd takes 2 (EMS connections), 5 (pull now), 7 (devices) or 8 (routes)");
	return CLI_USAGE;
}

/* ---- diagnose wad dev query-by uid ---- */

static void print_attr(unsigned type, size_t len, const char *value)
{
	printf("Attr of type=%u, length=%zu, value(ascii)=%s\n", type, len, value);
}

static void print_tag_attr(const json_t *tags, const char *name, const char *sn, const char *tenant)
{
	static const char *const prefix[] = {"ZTNA", "ZTNA", "CLASS", "OUTBREAK", "FABRIC"};
	const unsigned kind = kind_number(view_string(find_tag(tags, name), "kind", ""));
	char *value = NULL;
	const int n =
		asprintf(&value, "%s_%s_%s%s", prefix[kind], plain_name(name, kind), sn, tenant);

	if (n >= 0)
		print_attr(3, (size_t)n, value);
	free(value);
}

static void print_attrs(const json_t *d, const json_t *tags)
{
	const char *uid = view_string(d, "uid", ""), *owner = field(d, "Owner");
	const char *sn = view_string(d, "ems_serial_number", "");
	const char *cert = view_string(d, "client_cert_sn", "");
	const char *online = view_bool(d, "online") ? "true" : "false";
	json_t *v;
	size_t i;

	/* UID, EMS serial number and tenant, each with its NUL; it prints up to the first. */
	print_attr(0, strlen(uid) + strlen(sn) + strlen(tenant_of(d)) + 3, uid);
	print_attr(4, strlen(owner), owner);
	print_attr(6, 1, online);
	print_attr(5, strlen(cert), cert);
	json_array_foreach(view_at(d, "tags"), i, v) if (json_is_string(v))
		print_tag_attr(tags, json_string_value(v), sn, tenant_of(d));
}

int diagnose_query_by_uid(struct cli *cli)
{
	struct api_target t;
	json_t *d, *tags;
	int rc;

	api_target_init(&t, "/api/v1/devices");
	api_target_segment(&t, cli->arg[0]);
	rc = api_get(cli, t.s, &d);
	if (rc != CLI_OK)
		return rc;
	rc = api_get(cli, "/api/v1/tags", &tags);
	if (rc == CLI_OK && cli->is_json) {
		rc = view_json(d);
	} else if (rc == CLI_OK) {
		if (strcmp(cli->arg[1], view_string(d, "ems_serial_number", "")) != 0 ||
		    strcmp(cli->arg[2], tenant_of(d)) != 0) {
			cli_complain("another EMS told of this device: %s %s",
				     view_string(d, "ems_serial_number", ""), tenant_of(d));
			rc = CLI_NOT_FOUND;
		} else {
			print_attrs(d, view_at(tags, "tags"));
		}
		printf("Response termination due to no more data\n");
	}
	json_decref(tags);
	json_decref(d);
	return rc;
}
