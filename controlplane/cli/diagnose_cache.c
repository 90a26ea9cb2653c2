/* SPDX-License-Identifier: BSD-3-Clause */

/* diagnose test application fcnacd 7 and 8: the ZTNA cache by UID, and its routes. */

#include "cli/field.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>

static void print_tags(const struct field_walk *w, const json_t *d)
{
	json_t *v;
	size_t i;

	printf("Tags:\n");
	json_array_foreach(view_at(d, "tags"), i, v)
	{
		const char *name = json_string_value(v);
		const json_t *tag = name != NULL ? field_find_tag(w->tags, name) : NULL;
		const unsigned kind = field_tag_kind(tag);

		if (name != NULL)
			printf("idx:%llu, ttdl:%u   name:%s\n",
			       (unsigned long long)view_uint(tag, "id"), kind,
			       field_tag_name(tag, name));
	}
}

static void print_entry(struct field_walk *w, const json_t *d)
{
	const json_t *routes = view_at(d, "routes");
	const char *ip = view_string(json_array_get(routes, 0), "ip", field_value(d, "IP Address"));
	const bool has_sysinfo = view_string(d, "sysinfo_updated", "")[0] != '\0';
	const bool has_tags = json_is_array(view_at(d, "tags"));
	const uint64_t ems_id = view_uint(d, "ems_id");

	printf("Entry #%u:\n", w->nb);
	printf(" - UID: %s\n", view_string(d, "uid", ""));
	printf(" - EMS Fabric ID: %s:%s\n", view_string(d, "ems_serial_number", ""),
	       field_tenant(d));
	printf(" - Sys upd time: %s\n", view_string(d, "sysinfo_updated", ""));
	printf(" - Tag upd time: %s\n", view_string(d, "tags_updated", ""));
	printf("lls_idx_mask = 0x%08x\n", ems_id > 0 && ems_id <= 32 ? 1u << (ems_id - 1) : 0);
	printf("#ID:%u\n", w->nb - 1);
	printf("UID:     %s\n", view_string(d, "uid", ""));
	printf("State:   sysinfo:%d, tag:%d, tagsz:%zu, out-of-sync:%d\n", has_sysinfo, has_tags,
	       json_array_size(view_at(d, "tags")), field_is_out_of_sync(w, d));
	printf("Owner:   %s\n", field_value(d, "Owner"));
	printf("Cert SN: %s\n", view_string(d, "client_cert_sn", ""));
	printf("online:  %s\n", view_bool(d, "online") ? "Yes" : "No");
	printf("Route IP:%s\n", ip);
	printf("vfid:    0\n");
	printf("has more:%s\n", json_array_size(routes) > 1 ? "Yes" : "No");
	print_tags(w, d);
}

int diagnose_fcnacd_7(struct cli *cli)
{
	struct field_walk w = {.cli = cli, .on_device = print_entry};

	return field_walk(&w);
}

static void print_route_entry(struct field_walk *, const json_t *d)
{
	const json_t *routes = view_at(d, "routes");
	json_t *r;
	size_t i;

	json_array_foreach(routes, i, r)
	{
		printf("IP: %s, vfid: 0, uid: %s\n", view_string(r, "ip", ""),
		       view_string(d, "uid", ""));
	}
	if (json_array_size(routes) == 0 && field_value(d, "IP Address")[0] != '\0')
		printf("IP: %s, vfid: 0, uid: %s\n", field_value(d, "IP Address"),
		       view_string(d, "uid", ""));
}

int diagnose_fcnacd_8(struct cli *cli)
{
	struct field_walk w = {.cli = cli, .on_device = print_route_entry};

	if (!cli->is_json)
		printf("IP-VfID Cache:\n");
	return field_walk(&w);
}
