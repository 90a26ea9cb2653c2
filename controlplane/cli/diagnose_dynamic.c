/* SPDX-License-Identifier: BSD-3-Clause */

/* diagnose firewall dynamic list: tags' addresses in the field's format. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

struct dynamic {
	const struct cli *cli;
	const char *type; /* "ip" or "mac" */
	json_t *object;   /* whose members are printed */
	json_t *list;     /* --json: of the object's members */
	json_t *all;      /* --json: of objects */
	uint64_t nb_ranges, nb_addresses;
	int rc;
};

static void on_member(void *user, json_t *item)
{
	struct dynamic *d = user;
	const char *text = json_string_value(item);
	const bool is_mac = strcmp(d->type, "mac") == 0;

	if (text == NULL)
		return;
	if (d->list != NULL) {
		json_array_append(d->list, item);
		return;
	}
	if (strchr(text, '-') != NULL)
		d->nb_ranges++;
	else
		d->nb_addresses++;
	printf("        %s(%s)\n",
	       is_mac                      ? "MAC"
	       : strchr(text, '-') != NULL ? "RANGE"
					   : "ADDR",
	       text);
}

static void on_page(void *)
{
}

static int members(struct dynamic *d)
{
	struct api_pages p = {
		.list_key = "members", .on_item = on_member, .on_page = on_page, .user = d};
	struct api_target t;
	int rc;

	api_target_init(&t, "/api/v1/addresses/members");
	api_target_query(&t, "name", view_string(d->object, "name", ""));
	api_target_query(&t, "limit", "1000");
	rc = api_get_pages(d->cli, &t, &p);
	/* It went away meanwhile. */
	return rc == CLI_NOT_FOUND ? CLI_OK : rc;
}

static void on_object(void *user, json_t *item)
{
	struct dynamic *d = user;

	if (d->rc != CLI_OK || strcmp(view_string(item, "type", ""), d->type) != 0)
		return;
	d->object = item;
	if (d->all != NULL) {
		d->list = json_array();
		json_object_set(item, "members", d->list);
		json_array_append(d->all, item);
		d->rc = members(d);
		json_decref(d->list);
		d->list = NULL;
		return;
	}
	printf("CMDB name: %s\n", view_string(item, "name", ""));
	printf("TAG name: %s\n", view_string(item, "tag", ""));
	printf("%s: ID(%llu)\n", view_string(item, "name", ""),
	       (unsigned long long)view_uint(item, "id"));
	d->rc = members(d);
	printf("\n");
}

static int objects(struct dynamic *d)
{
	struct api_pages p = {
		.list_key = "addresses", .on_item = on_object, .on_page = on_page, .user = d};
	struct api_target t;
	int rc;

	api_target_init(&t, "/api/v1/addresses");
	rc = api_get_pages(d->cli, &t, &p);
	return rc == CLI_OK ? d->rc : rc;
}

static int section(const struct cli *cli, const char *type)
{
	struct dynamic d = {.cli = cli, .type = type};
	const bool is_mac = strcmp(type, "mac") == 0;
	int rc;

	printf("%s dynamic addresses in VDOM root(vfid: 0):\n", is_mac ? "MAC" : "IP");
	rc = objects(&d);
	if (rc != CLI_OK)
		return rc;
	if (!is_mac)
		printf("Total IP dynamic range blocks: %llu.\n", (unsigned long long)d.nb_ranges);
	printf("Total %s dynamic addresses: %llu.\n", is_mac ? "MAC" : "IP",
	       (unsigned long long)d.nb_addresses);
	return CLI_OK;
}

static int as_json(const struct cli *cli)
{
	struct dynamic d = {.cli = cli, .type = "ip", .all = json_array()};
	int rc = objects(&d);

	d.type = "mac";
	if (rc == CLI_OK)
		rc = objects(&d);
	if (rc == CLI_OK)
		rc = view_json(d.all);
	json_decref(d.all);
	return rc;
}

int diagnose_dynamic_list(struct cli *cli)
{
	int rc;

	if (cli->is_json)
		return as_json(cli);
	printf("List all dynamic addresses:\n");
	rc = section(cli, "ip");
	printf("\n");
	return rc == CLI_OK ? section(cli, "mac") : rc;
}
