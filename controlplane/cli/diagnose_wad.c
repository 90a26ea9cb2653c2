/* SPDX-License-Identifier: BSD-3-Clause */

/* diagnose wad dev query-by: a device as attributes with their lengths. */

#include "cli/field.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void print_attr(unsigned type, size_t len, const char *value)
{
	printf("Attr of type=%u, length=%zu, value(ascii)=%s\n", type, len, value);
}

static void print_tag_attr(const json_t *tags, const char *name, const char *sn, const char *tenant)
{
	static const char *const prefix[] = {"ZTNA", "ZTNA", "CLASS", "OUTBREAK", "FABRIC"};
	const json_t *tag = field_find_tag(tags, name);
	const unsigned kind = field_tag_kind(tag);
	char *value = NULL;
	const int n =
		asprintf(&value, "%s_%s_%s%s", prefix[kind], field_tag_name(tag, name), sn, tenant);

	if (n < 0)
		return;
	print_attr(3, (size_t)n, value);
	free(value);
}

static void print_attrs(const json_t *d, const json_t *tags)
{
	const char *uid = view_string(d, "uid", ""), *owner = field_value(d, "Owner");
	const char *sn = view_string(d, "ems_serial_number", "");
	const char *cert = view_string(d, "client_cert_sn", "");
	const char *online = view_bool(d, "online") ? "true" : "false";
	json_t *v;
	size_t i;

	/* UID, EMS serial number and tenant, each with its NUL; it prints up to the first. */
	print_attr(0, strlen(uid) + strlen(sn) + strlen(field_tenant(d)) + 3, uid);
	print_attr(4, strlen(owner), owner);
	print_attr(6, 1, online);
	print_attr(5, strlen(cert), cert);
	json_array_foreach(view_at(d, "tags"), i, v)
	{
		if (json_is_string(v))
			print_tag_attr(tags, json_string_value(v), sn, field_tenant(d));
	}
}

static int print_device(const struct cli *cli, const json_t *d)
{
	json_t *tags;
	int rc;

	if (cli->is_json)
		return view_json(d);
	rc = api_get(cli, "/api/v1/tags", &tags);
	if (rc != CLI_OK)
		return rc;
	print_attrs(d, view_at(tags, "tags"));
	json_decref(tags);
	return CLI_OK;
}

int diagnose_query_by_uid(struct cli *cli)
{
	struct api_target t;
	json_t *d;
	int rc;

	api_target_init(&t, "/api/v1/devices");
	api_target_segment(&t, cli->arg[0]);
	rc = api_get(cli, t.s, &d);
	if (rc != CLI_OK)
		return rc;
	if (strcasecmp(cli->arg[1], view_string(d, "ems_serial_number", "")) != 0 ||
	    strcasecmp(cli->arg[2], field_tenant(d)) != 0) {
		cli_complain("another EMS told of this device: %s %s",
			     view_string(d, "ems_serial_number", ""), field_tenant(d));
		rc = CLI_NOT_FOUND;
	} else {
		rc = print_device(cli, d);
	}
	if (rc == CLI_OK && !cli->is_json)
		printf("Response termination due to no more data\n");
	json_decref(d);
	return rc;
}

struct found {
	const struct cli *cli;
	int rc;
};

static void on_device(void *user, json_t *d)
{
	struct found *f = user;

	if (f->rc == CLI_OK)
		f->rc = print_device(f->cli, d);
}

static void on_page(void *)
{
}

/* An address may be that of several devices, behind each other's NAT. */
int diagnose_query_by_ipv4(struct cli *cli)
{
	struct found f = {.cli = cli};
	struct api_pages p = {
		.list_key = "devices", .on_item = on_device, .on_page = on_page, .user = &f};
	struct api_target t;
	int rc;

	api_target_init(&t, "/api/v1/devices");
	api_target_query(&t, "detail", "1");
	api_target_query(&t, "ip", cli->arg[0]);
	rc = api_get_pages(cli, &t, &p);
	rc = rc == CLI_OK ? f.rc : rc;
	if (rc == CLI_OK && p.nb == 0) {
		cli_complain("no device has the address %s; show devices lists those there are",
			     cli->arg[0]);
		return CLI_NOT_FOUND;
	}
	if (rc == CLI_OK && !cli->is_json)
		printf("Response termination due to no more data\n");
	return rc;
}
