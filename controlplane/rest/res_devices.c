/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices and tags as EMS told of them. */

#include "config/config.h"
#include "ems/ems_avatar.h"
#include "rest/rest_priv.h"
#include "state/state.h"

#include <stdio.h>
#include <string.h>

static void get_devices(const struct rest_req *req, struct rest_res *res);
static void get_device(const struct rest_req *req, struct rest_res *res);
static void get_avatar(const struct rest_req *req, struct rest_res *res);
static void get_tags(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_device_routes[] = {
	{REST_GET, "/api/v1/devices", get_devices,
	 "devices; ?limit= ?cursor= ?tag= ?uid= (prefix) ?ip= ?detail=1; follow next_cursor"},
	{REST_GET, "/api/v1/devices/*", get_device, "one device by UID, with all that EMS told"},
	{REST_GET, "/api/v1/devices/*/avatar", get_avatar,
	 "the picture of a device's user, PNG or JPEG", .is_unlocked = true},
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

/* The fingerprint is kept as bytes. */
static json_t *fingerprint_json(struct slice field)
{
	char text[2 * EMS_FINGERPRINT_LEN + 1] = "";

	for (size_t i = 0; i < field.len && i < EMS_FINGERPRINT_LEN; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", field.ptr[i]);
	return json_string(text);
}

static json_t *field_json(const struct state_device *d, enum state_field f)
{
	const bool is_avatar = f == STATE_F_AVATAR;

	return json_pack("{s:s,s:s,s:o}", "label", state_field_label(f), "key",
			 is_avatar ? "avatar_fingerprint" : state_field_key(f), "value",
			 is_avatar ? fingerprint_json(d->field[f]) : rest_slice(d->field[f]));
}

/* All that EMS told of a device. */
static json_t *detail(const struct state *st, const struct state_device *d)
{
	json_t *j = brief(st, d), *fields = json_array();

	for (size_t f = 0; f < STATE_F__COUNT; f++)
		json_array_append_new(fields, field_json(d, (enum state_field)f));
	json_object_set_new(j, "fields", fields);
	json_object_set_new(j, "sysinfo_updated", rest_slice(d->sysinfo_time));
	json_object_set_new(j, "routes", routes_json(d));
	json_object_set_new(j, "ems_serial_number",
			    rest_cstr(state_ems_status(st, d->ems_id)->serial_number));
	json_object_set_new(j, "ems_tenant_id",
			    rest_cstr(state_ems_status(st, d->ems_id)->tenant_id));
	return j;
}

static bool slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}

static bool has_ip(const struct state_device *d, const char *ip)
{
	if (slice_is(d->field[STATE_F_IP], ip))
		return true;
	for (uint32_t i = 0; i < d->nb_routes; i++)
		if (slice_is(d->route[i].ip, ip))
			return true;
	return false;
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
#define DETAIL_MAX 200u /* a page's devices with all of their fields */

struct device_filter {
	bool by_tag, by_uid, by_ip;
	char tag[STATE_TAG_MAX + 8], prefix[DEVICE_UID_STRLEN + 1], ip[64];
};

static bool read_filter(const struct rest_req *req, struct device_filter *f, struct rest_res *res)
{
	f->by_tag = rest_query(req, "tag", f->tag, sizeof(f->tag));
	f->by_uid = rest_query(req, "uid", f->prefix, sizeof(f->prefix));
	f->by_ip = rest_query(req, "ip", f->ip, sizeof(f->ip));
	if ((f->by_tag || !rest_has_query(req, "tag")) &&
	    (f->by_uid || !rest_has_query(req, "uid")) && (f->by_ip || !rest_has_query(req, "ip")))
		return true;
	rest_problem(res, 400, "tag, uid or ip is not readable, or too long.");
	return false;
}

static bool is_wanted(const struct state *st, const struct state_device *d,
		      const struct device_filter *f)
{
	char uid[DEVICE_UID_STRLEN + 1];

	device_uid_emit(&d->uid, uid);
	return (!f->by_tag || has_tag(st, d, f->tag)) &&
	       (!f->by_uid || strncasecmp(uid, f->prefix, strlen(f->prefix)) == 0) &&
	       (!f->by_ip || has_ip(d, f->ip));
}

static void get_devices(const struct rest_req *req, struct rest_res *res)
{
	const struct state *st = req->cp->state;
	const bool has_detail = rest_query_uint(req, "detail", 0, 1) == 1;
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	const uint64_t cap = has_detail && limit > DETAIL_MAX ? DETAIL_MAX : limit;
	uint32_t pos = (uint32_t)rest_query_uint(req, "cursor", 0, UINT32_MAX);
	struct device_filter f;
	struct state_device d;
	json_t *list;
	bool more = true;

	if (!read_filter(req, &f, res))
		return;
	list = json_array();
	for (uint32_t n = 0; n < LOOK_MAX && json_array_size(list) < cap; n++) {
		more = state_device_next(st, &pos, &d);
		if (!more)
			break;
		if (is_wanted(st, &d, &f))
			json_array_append_new(list, has_detail ? detail(st, &d) : brief(st, &d));
	}
	res->json = json_pack("{s:o,s:o}", "devices", list, "next_cursor",
			      more ? json_integer(pos) : json_null());
}

static void get_device(const struct rest_req *req, struct rest_res *res)
{
	const struct state *st = req->cp->state;
	struct device_uid uid;
	struct state_device d;

	if (device_uid_parse(req->arg, strlen(req->arg), &uid) < 0) {
		rest_problem(res, 400, "A UID is 32 hex digits.");
		return;
	}
	if (!state_device_find(st, &uid, &d)) {
		rest_problem(res, 404, "EMS has not told of this device.");
		return;
	}
	res->json = detail(st, &d);
}

/* 0, or the status and the reason why there is no fingerprint. */
static int find_avatar(const struct rest_req *req, unsigned *ret_ems, struct ems_fingerprint *ret,
		       const char **ret_why)
{
	struct device_uid uid;
	struct state_device d;
	int status = 404;

	*ret_why = "A UID is 32 hex digits.";
	if (device_uid_parse(req->arg, strlen(req->arg), &uid) < 0)
		return 400;
	cp_lock(req->cp);
	*ret_why = "EMS has not told of this device.";
	if (state_device_find(req->cp->state, &uid, &d)) {
		*ret_why = "EMS has told of no picture.";
		*ret_ems = d.ems_id;
		if (ems_fingerprint_of(d.field[STATE_F_AVATAR], ret))
			status = 0;
	}
	cp_unlock(req->cp);
	return status;
}

static void get_avatar(const struct rest_req *req, struct rest_res *res)
{
	struct ems_fingerprint fp;
	const char *why, *type;
	uint8_t *bytes;
	unsigned ems_id;
	size_t len;
	const int status = find_avatar(req, &ems_id, &fp, &why);

	if (status != 0) {
		rest_problem(res, status, why);
		return;
	}
	if (ems_avatar_load(req->cp, &fp, &bytes, &len, &type) == 0) {
		res->text = (char *)bytes;
		res->bytes_len = len;
		res->content_type = type;
		return;
	}
	cp_lock(req->cp);
	ems_avatar_want(req->cp, ems_id, &fp);
	cp_unlock(req->cp);
	rest_problem(res, 404, "EMS is being asked for the picture. Try again.");
}

static void get_tags(const struct rest_req *req, struct rest_res *res)
{
	static const char *const kind[] = {"unknown", "zero_trust", "classification", "outbreak",
					   "fabric"};
	const struct state *st = req->cp->state;
	json_t *list = json_array();

	for (uint32_t i = 0; i < state_nb_tags(st); i++) {
		const struct state_tag *t = state_tag(st, i);

		json_array_append_new(
			list, json_pack("{s:i,s:o,s:o,s:s,s:i,s:o,s:i}", "id", (int)i, "name",
					rest_cstr(t->name), "plain", rest_cstr(state_tag_plain(t)),
					"kind", kind[t->kind <= SNAP_TAG_FABRIC ? t->kind : 0],
					"ems_id", (int)t->ems_id, "uuid", rest_cstr(t->uuid),
					"devices", (int)t->nb_devices));
	}
	res->json = json_pack("{s:o}", "tags", list);
	rest_etag_json(req, res);
}
