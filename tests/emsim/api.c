/* SPDX-License-Identifier: BSD-3-Clause */
/* The entries of the EMS REST interface that a gateway calls. */
#include "emsim/avatar.h"
#include "emsim/payload.h"
#include "emsim/sim.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	UID_LIST_MAX = 64,
	DEEP = 100000,
	BOMB_MIB = 1024,
	SLOW_MS = 50
};

/* What a handler made: a status and a body. */
struct answer {
	unsigned status;
	struct buf body;
};

/* One request on its way through a report handler. */
struct report_call {
	struct sim *sim;
	const struct http_req *rq;
	enum entry entry;
	struct report_page page;
	struct dev *devs[UID_LIST_MAX]; /* asked for by UID */
	size_t nb_devs;
	bool is_listed; /* there was a list, even if it names nobody */
	struct buf inner;
};

static void error_answer(struct answer *a, unsigned status, int retval, const char *message)
{
	a->status = status;
	buf_reset(&a->body);
	buf_printf(&a->body, "{\"result\": {\"retval\": %d, \"message\": \"%s\"}}", retval,
		   message);
}

static void do_serial_number(struct sim *sim, const struct http_req *, struct answer *a)
{
	buf_str(&a->body, "{\"result\": {\"retval\": 1, \"message\": null}, \"data\": ");
	buf_json(&a->body, sim->ids.serial);
	buf_str(&a->body, "}");
}

static bool is_without(const struct sim *sim, const char *capability)
{
	for (size_t i = 0; i < sim->nb_without; i++)
		if (strcmp(sim->without[i], capability) == 0)
			return true;
	return false;
}

static void do_capabilities(struct sim *sim, const struct http_req *, struct answer *a)
{
	static const char *const words[] = {"fabric-auth",
					    "silent-approval",
					    "websocket",
					    "websocket-malware",
					    "push-ca-certs",
					    "common-tags-api",
					    "tenant-id",
					    "client-avatars",
					    "single-vdom-connector",
					    "fgt-sysinfo-api",
					    "ztna-server-info",
					    "used-tags",
					    "crl"};
	bool is_first = true;

	buf_str(&a->body, "{\"result\": {\"retval\": 1, \"message\": null}, "
			  "\"data\": {\"capabilities\": [");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_without(sim, words[i]))
			continue;
		buf_str(&a->body, is_first ? "" : ", ");
		buf_json(&a->body, words[i]);
		is_first = false;
	}
	buf_str(&a->body, "], \"tenant_id\": ");
	buf_json(&a->body, sim->ids.tenant);
	buf_str(&a->body, "}}");
}

static void do_ca(struct sim *sim, const struct http_req *, struct answer *a)
{
	struct buf pem = {0};
	json_t *text;
	char *quoted;

	pki_pem(sim->pki.ztna_ca.cert, &pem);
	text = json_stringn(pem.p, pem.len);
	quoted = json_dumps(text, JSON_ENCODE_ANY);
	buf_printf(&a->body,
		   "{\"result\": {\"retval\": 1, \"message\": null}, "
		   "\"data\": {\"certificates\": [%s], \"revoked\": [",
		   quoted != NULL ? quoted : "");
	for (size_t i = 0; i < sim->store.nb_revoked; i++) {
		buf_str(&a->body, i > 0 ? ", \"" : "\"");
		buf_hex(&a->body, sim->store.revoked[i], SERIAL_LEN, true);
		buf_str(&a->body, "\"");
	}
	buf_str(&a->body, "]}}");
	free(quoted);
	json_decref(text);
	buf_free(&pem);
}

static void vpn_set(struct sim *sim, struct dev *d, bool is_v6, uint32_t ip)
{
	store_dev_set_vpn_ip(&sim->store, d, is_v6, ip);
	store_touch_sys(&sim->store, d);
	if (!fault_take(&sim->faults, FAULT_VPN_SILENT, ENTRY_VPN))
		sim->pending_topics |= TOPIC_TAGS | TOPIC_SYSINFO;
}

/* One element of uid_list: the gateway tells a device's VPN address. False: no such device. */
static bool vpn_one(struct sim *sim, const json_t *item)
{
	const char *uid_text = json_string_value(json_object_get(item, "uid"));
	const char *ip_text = json_string_value(json_object_get(item, "ip"));
	uint8_t uid[UID_LEN];
	struct dev *d;
	uint32_t ip;

	if (uid_text == NULL || ip_text == NULL || parse_hex(uid_text, uid, UID_LEN) < 0 ||
	    ip_parse(ip_text, &ip) < 0)
		return false;
	d = store_find(&sim->store, uid);
	if (d == NULL || (d->flags & (DEV_F_DELETED | DEV_F_VPN_REJECTED)) != 0)
		return false;
	if (!json_is_true(json_object_get(item, "is_delete")))
		vpn_set(sim, d, ip_is_v6(ip), ip);
	else if (d->extra != NULL && d->extra->vpn_ip[ip_is_v6(ip)] == ip)
		vpn_set(sim, d, ip_is_v6(ip), 0);
	return true;
}

static bool list_names(const json_t *list, const struct dev *d, uint32_t ip)
{
	uint8_t uid[UID_LEN];
	uint32_t item_ip;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(json_object_get(item, "uid"));
		const char *ip_text = json_string_value(json_object_get(item, "ip"));

		if (text != NULL && parse_hex(text, uid, UID_LEN) == 0 &&
		    memcmp(uid, d->uid, UID_LEN) == 0 && ip_text != NULL &&
		    ip_parse(ip_text, &item_ip) == 0 && item_ip == ip)
			return true;
	}
	return false;
}

/* A snapshot is the whole list: who is not in it has no VPN address any more. */
static void vpn_forget_others(struct sim *sim, const json_t *list)
{
	for (size_t i = 0; i < sim->store.nb_devs; i++) {
		struct dev *d = &sim->store.devs[i];

		for (unsigned k = 0; d->extra != NULL && k < 2; k++)
			if (d->extra->vpn_ip[k] != 0 && !list_names(list, d, d->extra->vpn_ip[k]))
				vpn_set(sim, d, k, 0);
	}
}

static void do_vpn(struct sim *sim, const struct http_req *rq, struct answer *a)
{
	json_t *root = json_loadb(rq->body, rq->body_len, 0, NULL);
	json_t *list = json_object_get(root, "uid_list");
	json_t *item;
	size_t i, nb = 0;

	if (!json_is_array(list)) {
		error_answer(a, 400, -1, "uid_list is missing");
		json_decref(root);
		return;
	}
	if (json_is_true(json_object_get(root, "is_snapshot")))
		vpn_forget_others(sim, list);
	buf_str(&a->body, "{\"result\": {\"retval\": 1, \"message\": \"FortiGate VPN connection "
			  "details updated successfully\"}, \"data\": {\"rejected_uid_list\": [");
	json_array_foreach(list, i, item)
	{
		const char *uid = json_string_value(json_object_get(item, "uid"));

		if (vpn_one(sim, item))
			continue;
		buf_str(&a->body, nb++ > 0 ? ", " : "");
		buf_json(&a->body, uid != NULL ? uid : "");
	}
	buf_str(&a->body, "]}}");
	json_decref(root);
}

static void copy_field(char *to, size_t cap, const json_t *item, const char *key)
{
	const char *s = json_string_value(json_object_get(item, key));

	copy_str(to, cap, s != NULL ? s : "");
}

/* The gateway's own interfaces: devices behind them are directly connected. */
static void do_gateways(struct sim *sim, const struct http_req *rq, struct answer *a)
{
	json_t *root = json_loadb(rq->body, rq->body_len, 0, NULL);
	json_t *list = json_object_get(root, "gateway_list");
	json_t *item;
	size_t i;

	if (!json_is_array(list)) {
		error_answer(a, 400, -1, "gateway_list is missing");
		json_decref(root);
		return;
	}
	if (sim->ids.gateways == NULL)
		sim->ids.gateways = xcalloc(GATEWAYS_MAX, sizeof(*sim->ids.gateways));
	sim->ids.nb_gateways = 0;
	json_array_foreach(list, i, item)
	{
		struct gateway *g = &sim->ids.gateways[sim->ids.nb_gateways];

		if (sim->ids.nb_gateways == GATEWAYS_MAX)
			break;
		copy_field(g->interface, sizeof(g->interface), item, "interface");
		copy_field(g->ip, sizeof(g->ip), item, "ip");
		copy_field(g->mac, sizeof(g->mac), item, "mac");
		copy_field(g->vdom, sizeof(g->vdom), item, "vdom");
		copy_field(g->sn, sizeof(g->sn), item, "sn");
		sim->ids.nb_gateways++;
	}
	for (i = 0; i < sim->store.nb_devs; i++) {
		struct dev *d = &sim->store.devs[i];

		if (d->extra == NULL || d->extra->gateway_mac[0] == '\0')
			continue;
		store_touch_sys(&sim->store, d);
		sim->pending_topics |= TOPIC_SYSINFO;
	}
	buf_str(&a->body, "{\"result\": {\"retval\": 1, \"message\": null}, \"data\": {}}");
	json_decref(root);
}

/* The device whose picture has this fingerprint; only those that somebody added have one. */
static const struct dev *find_face(const struct sim *sim, const uint8_t want[static SERIAL_LEN])
{
	uint8_t face[SERIAL_LEN];

	for (size_t i = 0; i < sim->store.nb_devs; i++) {
		const struct dev *d = &sim->store.devs[i];

		if ((d->flags & (DEV_F_SYNTH | DEV_F_DELETED)) != 0)
			continue;
		avatar_fingerprint(d->uid, d->extra != NULL ? d->extra->avatar : 0, face);
		if (memcmp(face, want, sizeof(face)) == 0)
			return d;
	}
	return NULL;
}

static void do_avatar(struct sim *sim, const struct http_req *rq, struct answer *a)
{
	struct buf png = {0}, base64 = {0};
	uint8_t want[SERIAL_LEN];
	const struct dev *d;
	uint32_t version;
	char text[64];

	if (!http_query(rq->query, "fingerprint", 0, text, sizeof(text)) ||
	    parse_hex(text, want, SERIAL_LEN) < 0) {
		error_answer(a, 400, -1, "Bad query");
		return;
	}
	d = find_face(sim, want);
	if (d == NULL) {
		error_answer(a, 200, -404, "There is no such avatar");
		return;
	}
	version = d->extra != NULL ? d->extra->avatar : 0;
	if (fault_take(&sim->faults, FAULT_WRONG_AVATAR, ENTRY_AVATAR))
		version++;
	avatar_png(d->uid, version, &png);
	payload_base64(&base64, png.p, png.len);
	buf_printf(&a->body,
		   "{\"result\": {\"retval\": 1, \"message\": null}, \"data\": "
		   "{\"fingerprint\": \"%s\", \"content\": \"%s\"}}",
		   text, base64.p);
	buf_free(&png);
	buf_free(&base64);
}

/* Each value becomes one of another type; from the records on, every other object an array. */
static json_t *wrong_types(const json_t *v, unsigned depth)
{
	json_t *out, *item;
	const char *key;
	size_t i;
	unsigned n = 0;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		out = json_object();
		json_object_foreach((json_t *)(uintptr_t)v, key, item)
		{
			bool is_swapped = depth > 0 && json_is_object(item) && n++ % 2 == 1;

			json_object_set_new(out, key,
					    is_swapped ? json_pack("[i,i]", 1, 2)
						       : wrong_types(item, depth + 1));
		}
		return out;
	case JSON_ARRAY:
		out = json_array();
		json_array_foreach(v, i, item)
			json_array_append_new(out, wrong_types(item, depth + 1));
		return out;
	case JSON_STRING:
		return json_integer(12345);
	case JSON_INTEGER:
	case JSON_REAL:
		return json_string("twelve");
	default:
		return json_pack("{s:i}", "value", 1);
	}
}

static void make_wrong_types(struct buf *text)
{
	json_t *root = json_loadb(text->p, text->len, 0, NULL);
	json_t *bad = root != NULL ? wrong_types(root, 0) : json_integer(1);
	char *s = json_dumps(bad, JSON_COMPACT | JSON_ENCODE_ANY);

	buf_reset(text);
	buf_str(text, s != NULL ? s : "1");
	free(s);
	json_decref(bad);
	json_decref(root);
}

static void make_deep(struct buf *text)
{
	buf_reset(text);
	for (int i = 0; i < DEEP; i++)
		buf_add(text, "[", 1);
	for (int i = 0; i < DEEP; i++)
		buf_add(text, "]", 1);
}

static void fault_inner(struct report_call *rc)
{
	struct faults *f = &rc->sim->faults;

	hostile_inner(rc->sim->hostile, rc->entry, &rc->inner);
	if (fault_take(f, FAULT_WRONG_TYPES, rc->entry))
		make_wrong_types(&rc->inner);
	if (fault_take(f, FAULT_DEEP_JSON, rc->entry))
		make_deep(&rc->inner);
	if (fault_take(f, FAULT_BAD_INNER_JSON, rc->entry))
		rc->inner.len = rc->inner.len * 2 / 3;
}

/* Zip the inner JSON into base64 at <data>, with the faults that strike on the way. */
static void zip_inner(struct report_call *rc, enum payload_style style, struct buf *data,
		      uint64_t *ret_size)
{
	struct faults *f = &rc->sim->faults;
	struct buf zipped = {0};

	*ret_size = rc->inner.len;
	if (fault_take(f, FAULT_ZIP_BOMB, rc->entry)) {
		(void)payload_bomb(&zipped, BOMB_MIB);
	} else if (fault_take(f, FAULT_ZIP_BOMB_TOLD, rc->entry)) {
		*ret_size = payload_bomb(&zipped, BOMB_MIB);
	} else {
		payload_zip(style, &zipped, rc->inner.p, rc->inner.len);
	}
	if (fault_take(f, FAULT_WRONG_SIZE, rc->entry))
		*ret_size /= 2;
	if (fault_take(f, FAULT_BAD_ZLIB, rc->entry))
		for (size_t i = 3; i < zipped.len; i += 7)
			zipped.p[i] = (char)(zipped.p[i] ^ 0x5a);
	payload_base64(data, zipped.p, zipped.len);
	if (fault_take(f, FAULT_BAD_BASE64, rc->entry))
		for (size_t i = 5; i < data->len; i += 11)
			data->p[i] = '!';
	buf_free(&zipped);
}

static void report_answer(struct report_call *rc, struct answer *a)
{
	enum payload_style style = rc->entry == ENTRY_TAGS ? PAYLOAD_GO : PAYLOAD_PYTHON;
	char offset[37], time[TIME_TEXT_LEN + 1];
	struct payload_page page = {
		.style = style,
		.offset_key = rc->entry == ENTRY_TAGS ? "tag_uid_offset" : "uid_offset",
		.offset = offset,
		.updated_after = time,
		.is_final = rc->page.is_final,
	};
	struct buf data = {0};

	if (rc->entry == ENTRY_TAGS)
		uuid_format(rc->page.cur.id, offset);
	else
		uid_format(rc->page.cur.id, offset);
	time_format(rc->page.cur.time, time);
	fault_inner(rc);
	page.is_zipped = !fault_take(&rc->sim->faults, FAULT_NOT_ZIPPED, rc->entry);
	page.unzipped_size = rc->inner.len;
	if (page.is_zipped)
		zip_inner(rc, style, &data, &page.unzipped_size);
	page.data = page.is_zipped ? data.p : rc->inner.p;
	payload_envelope(&a->body, &page);
	buf_free(&data);
}

/* The cursor and the UID list out of the query; false when they make no sense. */
static bool parse_call(struct report_call *rc)
{
	const char *q = rc->rq->query;
	const char *key = rc->entry == ENTRY_TAGS ? "tag_uid_offset" : "uid_offset";
	char text[80];
	uint8_t uid[UID_LEN];

	if (!http_query(q, "sn_list[]", 0, text, sizeof(text)))
		return false;
	if (http_query(q, "updated_after", 0, text, sizeof(text))) {
		if (time_parse(text, &rc->page.cur.time) < 0)
			return false;
		rc->page.cur.is_set = true;
	}
	if (http_query(q, key, 0, text, sizeof(text)) && uuid_parse(text, rc->page.cur.id) < 0)
		return false;
	for (unsigned i = 0; i < UID_LIST_MAX; i++) {
		struct dev *d;

		if (!http_query(q, "uid_list[]", i, text, sizeof(text)))
			break;
		if (parse_hex(text, uid, UID_LEN) < 0)
			return false;
		rc->is_listed = true;
		d = store_find(&rc->sim->store, uid);
		if (d != NULL)
			rc->devs[rc->nb_devs++] = d;
	}
	return true;
}

static void run_report(struct report_call *rc)
{
	struct sim *sim = rc->sim;
	struct cursor before = rc->page.cur;
	char text[8];

	rc->page.max = sim->page_size;
	rc->page.is_final = true;
	rc->page.with_mac = http_query(rc->rq->query, "send_mac", 0, text, sizeof(text)) &&
			    strcmp(text, "true") == 0;
	if (rc->entry == ENTRY_TAGS)
		report_tags(&sim->store, &sim->ids, &rc->page, &rc->inner);
	else if (rc->entry == ENTRY_SYSINFO && rc->is_listed)
		report_sysinfo_of(&sim->store, &sim->ids, &rc->inner, rc->devs, rc->nb_devs);
	else if (rc->entry == ENTRY_SYSINFO)
		report_sysinfo(&sim->store, &sim->ids, &rc->page, &rc->inner);
	else if (rc->is_listed)
		report_uid_tags_of(&sim->store, &rc->inner, rc->devs, rc->nb_devs);
	else
		report_uid_tags(&sim->store, &rc->page, &rc->inner);
	if (fault_take(&sim->faults, FAULT_MISSING_FINAL, rc->entry)) {
		rc->page.cur = before;
		rc->page.is_final = false;
	}
}

static void do_report(struct sim *sim, const struct http_req *rq, struct answer *a,
		      enum entry entry)
{
	struct report_call rc = {.sim = sim, .rq = rq, .entry = entry};

	if (!parse_call(&rc)) {
		error_answer(a, 400, -1, "Bad query");
		return;
	}
	if (rc.page.cur.is_set && fault_take(&sim->faults, FAULT_CURSOR_GONE, entry)) {
		error_answer(a, 200, -410, "The cursor is no longer valid");
		return;
	}
	run_report(&rc);
	report_answer(&rc, a);
	buf_free(&rc.inner);
}

static void do_sysinfo(struct sim *sim, const struct http_req *rq, struct answer *a)
{
	do_report(sim, rq, a, ENTRY_SYSINFO);
}

static void do_uid_tags(struct sim *sim, const struct http_req *rq, struct answer *a)
{
	do_report(sim, rq, a, ENTRY_UID_TAGS);
}

static void do_tags(struct sim *sim, const struct http_req *rq, struct answer *a)
{
	do_report(sim, rq, a, ENTRY_TAGS);
}

static const struct route {
	const char *method;
	const char *path;
	enum entry entry;
	void (*handle)(struct sim *sim, const struct http_req *rq, struct answer *a);
} routes[] = {
	{"GET", "/api/v1/system/serial_number", ENTRY_SERIAL_NUMBER, do_serial_number},
	{"GET", "/api/v1/system/capabilities", ENTRY_CAPABILITIES, do_capabilities},
	{"GET", "/api/v1/ztna/ca", ENTRY_CA, do_ca},
	{"GET", "/api/v1/report/fct/sysinfo", ENTRY_SYSINFO, do_sysinfo},
	{"GET", "/api/v1/report/fct/uid_tags", ENTRY_UID_TAGS, do_uid_tags},
	{"GET", "/api/v1/report/fct/tags", ENTRY_TAGS, do_tags},
	{"POST", "/api/v1/fgt/gateway_details/vpn", ENTRY_VPN, do_vpn},
	{"POST", "/api/v1/fgt/gateway_details/mac", ENTRY_GATEWAYS, do_gateways},
	{"GET", "/api/v1/report/fct/avatar", ENTRY_AVATAR, do_avatar},
	{"GET", "/api/v1/ws/notifications", ENTRY_WS, NULL},
};

static const struct route *find_route(const struct http_req *rq)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(rq->path, routes[i].path) == 0)
			return &routes[i];
	return NULL;
}

static bool is_authorized(const struct sim *sim, const struct conn *c)
{
	for (size_t i = 0; i < sim->nb_authorized; i++)
		if (strcmp(sim->authorized[i], c->cn) == 0)
			return true;
	return sim->nb_authorized == 0;
}

/* Reports have their inner JSON spoilt instead, by fault_inner(). */
static bool is_report(enum entry entry)
{
	return entry == ENTRY_SYSINFO || entry == ENTRY_UID_TAGS || entry == ENTRY_TAGS;
}

static void fault_envelope(struct sim *sim, enum entry entry, struct answer *a)
{
	if (!is_report(entry) && fault_take(&sim->faults, FAULT_WRONG_TYPES, entry))
		make_wrong_types(&a->body);
	if (!is_report(entry) && fault_take(&sim->faults, FAULT_DEEP_JSON, entry))
		make_deep(&a->body);
	if (fault_take(&sim->faults, FAULT_BAD_JSON, entry))
		a->body.len = a->body.len * 2 / 3;
}

/* Write the answer, the right way or as the faults say. */
static void send_answer(struct sim *sim, struct conn *c, enum entry entry, bool keep_alive,
			const struct answer *a)
{
	struct buf body = a->body;
	size_t told = body.len;

	if (fault_take(&sim->faults, FAULT_SLOW, entry))
		c->drip_ms = SLOW_MS;
	if (fault_take(&sim->faults, FAULT_TRUNCATE, entry)) {
		body.len /= 2;
		c->state = CONN_CLOSING;
	} else if (fault_take(&sim->faults, FAULT_BAD_LENGTH, entry)) {
		told += 100;
		c->is_mute = true;
	}
	if (told == body.len) {
		http_reply(c, a->status, "application/json", &body, keep_alive);
		return;
	}
	buf_printf(&c->out,
		   "HTTP/1.1 %u Answer\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\nConnection: keep-alive\r\n\r\n",
		   a->status, told);
	buf_add(&c->out, body.p, body.len);
}

/* What a client sent may not write lines of its own into the log. */
static void log_request(const struct sim *sim, const struct conn *c, const struct http_req *rq,
			unsigned status, size_t len)
{
	struct buf line = {0};

	if (!sim->is_verbose)
		return;
	buf_printf(&line, "emsim: %s %s %s%s%s -> %u %zu bytes", c->cn, rq->method, rq->path,
		   *rq->query != '\0' ? "?" : "", rq->query, status, len);
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] < ' ' || line.p[i] > '~')
			line.p[i] = '?';
	fprintf(stderr, "%s\n", line.p);
	buf_free(&line);
}

static void upgrade(struct sim *sim, struct conn *c, const struct http_req *rq, struct answer *a)
{
	if (!rq->is_upgrade || rq->ws_key[0] == '\0')
		error_answer(a, 400, -1, "Not a WebSocket upgrade");
	else if (fault_take(&sim->faults, FAULT_WS_REFUSE, ENTRY_WS))
		error_answer(a, 503, -1, "WebSocket refused");
	else
		ws_accept(sim, c, rq);
}

/* A site answers under its own name: the EMS's is nobody's. */
static bool is_this_site(const struct sim *sim, const struct http_req *rq)
{
	const size_t n = strlen(sim->site);

	return n == 0 || (strncasecmp(rq->host, sim->site, n) == 0 &&
			  (rq->host[n] == '\0' || rq->host[n] == ':'));
}

static void make_answer(struct sim *sim, struct conn *c, const struct http_req *rq,
			const struct route *r, struct answer *a)
{
	enum entry entry = r != NULL ? r->entry : ENTRY_OTHER;

	if (!is_authorized(sim, c) || fault_take(&sim->faults, FAULT_HTTP401, entry))
		error_answer(a, 401, -4, "Device is not authorized");
	else if (!is_this_site(sim, rq))
		error_answer(a, 403, -4, "Certificate user does not have access to global.");
	else if (fault_take(&sim->faults, FAULT_HTTP404, entry))
		error_answer(a, 404, -1, "No such entry");
	else if (fault_take(&sim->faults, FAULT_HTTP500, entry))
		error_answer(a, 500, -1, "Internal error");
	else if (r == NULL)
		error_answer(a, 404, -1, "No such entry");
	else if (strcmp(r->method, rq->method) != 0)
		error_answer(a, 405, -1, "Method not allowed");
	else if (r->handle == NULL)
		upgrade(sim, c, rq, a);
	else
		r->handle(sim, rq, a);
	fault_envelope(sim, entry, a);
}

void api_handle(struct sim *sim, struct conn *c, const struct http_req *rq)
{
	const struct route *r = find_route(rq);
	enum entry entry = r != NULL ? r->entry : ENTRY_OTHER;
	struct answer a = {.status = 200};

	sim->stats.requests[entry]++;
	if (fault_take(&sim->faults, FAULT_HANG, entry)) {
		c->state = CONN_HUNG;
		log_request(sim, c, rq, 0, 0);
		return;
	}
	make_answer(sim, c, rq, r, &a);
	if (c->state != CONN_WS && hostile_answer(sim->hostile, entry, rq->path, &c->out)) {
		buf_free(&a.body);
		return;
	}
	if (c->state != CONN_WS)
		send_answer(sim, c, entry, rq->keep_alive, &a);
	log_request(sim, c, rq, c->state == CONN_WS ? 101 : a.status, a.body.len);
	buf_free(&a.body);
}
