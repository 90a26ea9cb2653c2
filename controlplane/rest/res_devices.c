/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices and tags as EMS told of them. */

#include "config/config.h"
#include "rest/rest_priv.h"
#include "state/state.h"

#include <string.h>

static void get_devices(const struct rest_req *req, struct rest_res *res);
static void get_device(const struct rest_req *req, struct rest_res *res);
static void get_tags(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_device_routes[] = {
	{REST_GET, "/api/v1/devices", get_devices,
	 "devices; ?limit= ?cursor= ?tag= ?uid= (prefix); follow next_cursor"},
	{REST_GET, "/api/v1/devices/*", get_device, "one device by UID, with all that EMS told"},
	{REST_GET, "/api/v1/tags", get_tags, "tags with kind and number of devices"},
	{0},
};

static json_t *tags_json(const struct state *st, uint32_t tagset)
{
	json_t *list;
	uint32_t nb;

	if (tagset == STATE_NO_TAGSET)
		return json_null();
	list = json_array();
	const uint16_t *id = state_tagset(st, tagset, &nb);

	for (uint32_t i = 0; i < nb; i++)
		json_array_append_new(list, rest_cstr(state_tag(st, id[i])->name));
	return list;
}

static json_t *brief(const struct state *st, const struct state_device *d)
{
	char uid[DEVICE_UID_STRLEN + 1], sn[CERT_SERIAL_STRLEN + 1];

	device_uid_emit(&d->uid, uid);
	cert_serial_emit(&d->serial, sn);
	return json_pack(
		"{s:s,s:s,s:i,s:b,s:b,s:b,s:b,s:o,s:o,s:o,s:o,s:o}", "uid", uid, "client_cert_sn",
		sn, "ems_id", (int)d->ems_id, "registered", (d->flags & SNAP_DEV_REGISTERED) != 0,
		"online", (d->flags & SNAP_DEV_ONLINE) != 0, "quarantined",
		(d->flags & SNAP_DEV_QUARANTINED) != 0, "on_net", (d->flags & SNAP_DEV_ON_NET) != 0,
		"hostname", rest_slice(d->field[STATE_F_HOST_NAME]), "user",
		rest_slice(d->field[STATE_F_USER]), "ip", rest_slice(d->field[STATE_F_IP]), "tags",
		tags_json(st, d->tagset), "tags_updated", rest_slice(d->tags_time));
}

static bool has_tag(const struct state *st, const struct state_device *d, const char *name)
{
	uint32_t nb;

	if (d->tagset == STATE_NO_TAGSET)
		return false;
	const uint16_t *id = state_tagset(st, d->tagset, &nb);

	for (uint32_t i = 0; i < nb; i++)
		if (strcmp(state_tag(st, id[i])->name, name) == 0)
			return true;
	return false;
}

/* Work under the lock is bounded by devices looked at, not by devices found. */
#define LOOK_MAX 20000u

static void get_devices(const struct rest_req *req, struct rest_res *res)
{
	const struct state *st = req->cp->state;
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	uint32_t pos = (uint32_t)rest_query_uint(req, "cursor", 0, UINT32_MAX);
	json_t *list = json_array();
	char tag[STATE_TAG_MAX + 8], prefix[DEVICE_UID_STRLEN + 1];
	const bool by_tag = rest_query(req, "tag", tag, sizeof(tag));
	const bool by_uid = rest_query(req, "uid", prefix, sizeof(prefix));
	struct state_device d;
	bool more = true;

	if ((!by_tag && rest_has_query(req, "tag")) || (!by_uid && rest_has_query(req, "uid"))) {
		json_decref(list);
		rest_problem(res, 400, "tag or uid is not readable, or too long.");
		return;
	}
	for (uint32_t n = 0; n < LOOK_MAX && json_array_size(list) < limit; n++) {
		char uid[DEVICE_UID_STRLEN + 1];

		more = state_device_next(st, &pos, &d);
		if (!more)
			break;
		device_uid_emit(&d.uid, uid);
		if ((by_tag && !has_tag(st, &d, tag)) ||
		    (by_uid && strncasecmp(uid, prefix, strlen(prefix)) != 0))
			continue;
		json_array_append_new(list, brief(st, &d));
	}
	res->json = json_pack("{s:o,s:o}", "devices", list, "next_cursor",
			      more ? json_integer(pos) : json_null());
}

static json_t *routes_json(const struct state_device *d)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < d->nb_routes; i++) {
		const struct state_route *r = &d->route[i];

		json_array_append_new(list, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "ip",
						      rest_slice(r->ip), "mac", rest_slice(r->mac),
						      "type", rest_slice(r->type), "interface",
						      rest_slice(r->interface), "vdom",
						      rest_slice(r->vdom), "gateway_sn",
						      rest_slice(r->gateway_sn)));
	}
	return list;
}

static void get_device(const struct rest_req *req, struct rest_res *res)
{
	const struct state *st = req->cp->state;
	struct device_uid uid;
	struct state_device d;
	json_t *fields;

	if (device_uid_parse(req->arg, strlen(req->arg), &uid) < 0) {
		rest_problem(res, 400, "A UID is 32 hex digits.");
		return;
	}
	if (!state_device_find(st, &uid, &d)) {
		rest_problem(res, 404, "EMS has not told of this device.");
		return;
	}
	res->json = brief(st, &d);
	fields = json_array();
	for (size_t f = 0; f < STATE_F__COUNT; f++)
		json_array_append_new(
			fields, json_pack("{s:s,s:s,s:o}", "label", state_field_label(f), "key",
					  state_field_key(f), "value", rest_slice(d.field[f])));
	json_object_set_new(res->json, "fields", fields);
	json_object_set_new(res->json, "sysinfo_updated", rest_slice(d.sysinfo_time));
	json_object_set_new(res->json, "routes", routes_json(&d));
	json_object_set_new(res->json, "ems_serial_number",
			    rest_cstr(state_ems_status(st, d.ems_id)->serial_number));
	json_object_set_new(res->json, "ems_tenant_id",
			    rest_cstr(state_ems_status(st, d.ems_id)->tenant_id));
}

static void get_tags(const struct rest_req *req, struct rest_res *res)
{
	static const char *const kind[] = {"unknown", "zero_trust", "classification", "outbreak",
					   "fabric"};
	const struct state *st = req->cp->state;
	json_t *list = json_array();

	for (uint32_t i = 0; i < state_nb_tags(st); i++) {
		const struct state_tag *t = state_tag(st, i);

		json_array_append_new(list,
				      json_pack("{s:i,s:o,s:s,s:i,s:o,s:i}", "id", (int)i, "name",
						rest_cstr(t->name), "kind",
						kind[t->kind <= SNAP_TAG_FABRIC ? t->kind : 0],
						"ems_id", (int)t->ems_id, "uuid",
						rest_cstr(t->uuid), "devices", (int)t->nb_devices));
	}
	res->json = json_pack("{s:o}", "tags", list);
}
