/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices and tags as EMS told of them. */

#include "config/config.h"
#include "ems/ems_avatar.h"
#include "rest/rest_priv.h"
#include "state/state.h"
#include "state/state_vpn.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void get_devices(const struct rest_req *req, struct rest_res *res);
static void get_device(const struct rest_req *req, struct rest_res *res);
static void get_avatar(const struct rest_req *req, struct rest_res *res);
static void get_tags(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_device_routes[] = {
	{REST_GET, "/api/v1/devices", get_devices,
	 "devices; ?limit= ?cursor= ?tag= ?uid= (prefix) ?ip= ?mac= ?detail=1; follow next_cursor"},
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

/* What is written in several ways is compared by what it means: IPv6 addresses. */
static bool is_ip(struct slice text, const struct ip_addr *ip)
{
	struct ip_addr a;

	return text.len > 0 && ip_addr_parse((const char *)text.ptr, text.len, &a) == 0 &&
	       memcmp(&a, ip, sizeof(a)) == 0;
}

static bool has_ip(const struct state_device *d, const struct ip_addr *ip)
{
	if (is_ip(d->field[STATE_F_IP], ip))
		return true;
	for (uint32_t i = 0; i < d->nb_routes; i++)
		if (is_ip(d->route[i].ip, ip))
			return true;
	return false;
}

/* EMS writes MACs with dashes; who asks may write colons. */
static bool is_mac(struct slice text, const char *mac)
{
	if (text.len == 0 || text.len != strlen(mac))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char c = mac[i] == ':' ? '-' : mac[i];
		const char e = text.ptr[i] == ':' ? '-' : (char)text.ptr[i];

		if (tolower((unsigned char)c) != tolower((unsigned char)e))
			return false;
	}
	return true;
}

static bool has_mac(const struct state_device *d, const char *mac)
{
	if (is_mac(d->field[STATE_F_MAC], mac))
		return true;
	for (uint32_t i = 0; i < d->nb_routes; i++)
		if (is_mac(d->route[i].mac, mac))
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
	bool by_tag, by_uid, by_ip, by_mac;
	char tag[STATE_TAG_MAX + 16], prefix[DEVICE_UID_STRLEN + 1], mac[24];
	struct ip_addr ip;
	bool is_no_ip; /* a text that no device can have */
	bool has_vpn;  /* whom the VPN daemon gave <ip>: EMS may not have told yet */
	struct device_uid vpn_uid;
};

/* The filter <key>; false: it is there and cannot be read. */
static bool read_text(const struct rest_req *req, const char *key, char *ret, size_t cap,
		      bool *ret_is_there)
{
	*ret_is_there = rest_query(req, key, ret, cap);
	return *ret_is_there || !rest_has_query(req, key);
}

static bool read_filter(const struct rest_req *req, struct device_filter *f, struct rest_res *res)
{
	struct state_vpn vpn;
	char ip[64];

	*f = (struct device_filter){0};
	if (!read_text(req, "tag", f->tag, sizeof(f->tag), &f->by_tag) ||
	    !read_text(req, "uid", f->prefix, sizeof(f->prefix), &f->by_uid) ||
	    !read_text(req, "ip", ip, sizeof(ip), &f->by_ip) ||
	    !read_text(req, "mac", f->mac, sizeof(f->mac), &f->by_mac)) {
		rest_problem(res, 400, "tag, uid, ip or mac is not readable, or too long.");
		return false;
	}
	if (!f->by_ip)
		return true;
	f->is_no_ip = ip_addr_parse(ip, strlen(ip), &f->ip) < 0;
	f->has_vpn = !f->is_no_ip && state_vpn_find(req->cp->state, &f->ip, &vpn);
	if (f->has_vpn)
		f->vpn_uid = vpn.uid;
	return true;
}

static bool is_at(const struct state_device *d, const struct device_filter *f)
{
	return !f->is_no_ip &&
	       (has_ip(d, &f->ip) || (f->has_vpn && device_uid_is_equal(&f->vpn_uid, &d->uid)));
}

static bool is_wanted(const struct state *st, const struct state_device *d,
		      const struct device_filter *f)
{
	char uid[DEVICE_UID_STRLEN + 1];

	device_uid_emit(&d->uid, uid);
	return (!f->by_tag || has_tag(st, d, f->tag)) &&
	       (!f->by_uid || strncasecmp(uid, f->prefix, strlen(f->prefix)) == 0) &&
	       (!f->by_mac || has_mac(d, f->mac)) && (!f->by_ip || is_at(d, f));
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
