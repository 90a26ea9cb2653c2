/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/field.h"

#include "cli/view.h"

#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

bool field_is_out_of_sync(const struct field_walk *w, const json_t *d)
{
	json_t *e;
	size_t i;

	json_array_foreach(w->ems, i, e)
	{
		if (view_uint(e, "id") == view_uint(d, "ems_id"))
			return view_bool(e, "out_of_sync");
	}
	return true;
}

static void take(struct field_walk *w, json_t *d)
{
	w->nb++;
	if (view_bool(d, "online"))
		w->online++;
	else
		w->offline++;
	w->quarantined += view_bool(d, "quarantined");
	w->out_of_sync += field_is_out_of_sync(w, d);
	if (w->list != NULL)
		json_array_append(w->list, d);
	else
		w->on_device(w, d);
}

static void on_item(void *user, json_t *item)
{
	take(user, item);
}

static void on_page(void *)
{
}

int field_walk(struct field_walk *w)
{
	struct api_pages p = {
		.list_key = "devices", .on_item = on_item, .on_page = on_page, .user = w};
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
		api_target_query(&t, "detail", "1");
		api_target_query(&t, "ip", w->ip);
		rc = api_get_pages(w->cli, &t, &p);
		if (rc == CLI_OK && w->list != NULL)
			rc = view_json(w->list);
		json_decref(w->list);
	}
	json_decref(tags);
	json_decref(ems);
	return rc;
}

const char *field_value(const json_t *d, const char *label)
{
	json_t *f;
	size_t i;

	json_array_foreach(view_at(d, "fields"), i, f)
	{
		if (strcmp(view_string(f, "label", ""), label) == 0)
			return view_string(f, "value", "");
	}
	return "";
}

const char *field_tenant(const json_t *d)
{
	const char *s = view_string(d, "ems_tenant_id", "");

	return s[0] != '\0' ? s : FIELD_ZERO_TENANT;
}

unsigned field_tag_kind(const json_t *tag)
{
	static const char *const name[] = {"zero_trust", "classification", "outbreak", "fabric"};
	const char *kind = view_string(tag, "kind", "");

	for (unsigned i = 0; i < NB(name); i++)
		if (strcmp(kind, name[i]) == 0)
			return i + 1;
	return 0;
}

const json_t *field_find_tag(const json_t *tags, const char *name)
{
	json_t *t;
	size_t i;

	json_array_foreach(tags, i, t)
	{
		if (strcmp(view_string(t, "name", ""), name) == 0)
			return t;
	}
	return NULL;
}

const char *field_tag_name(const json_t *tag, const char *name)
{
	return view_string(tag, "plain", name);
}
