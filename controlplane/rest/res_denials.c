/* SPDX-License-Identifier: BSD-3-Clause */

/* The latest denials: what the client showed beside what EMS knew. */

#include "common/stats/outcome.h"
#include "logs/denials.h"
#include "logs/logs.h"
#include "rest/rest_priv.h"
#include "snap/publish.h"

#include <string.h>
#include <strings.h>

static void get_denials(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_denial_routes[] = {
	{REST_GET, "/api/v1/denials", get_denials,
	 "latest denials, last first; ?limit= ?uid= ?request= (id) ?mismatch=1"},
	{0},
};

#define REQUEST_ID_STRLEN 32

static void emit_id(const uint8_t id[static 16], char ret[static REQUEST_ID_STRLEN + 1])
{
	static const char digit[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		ret[2 * i] = digit[id[i] >> 4];
		ret[2 * i + 1] = digit[id[i] & 15];
	}
	ret[REQUEST_ID_STRLEN] = '\0';
}

static bool has_mismatch(const struct denial *d)
{
	return d->is_known && (d->r.flags & RECORD_F_HAS_DEVICE) &&
	       !cert_serial_is_equal(&d->r.cert_serial, &d->dev.serial);
}

/* What the certificate claimed, and what EMS's record of that device said. */
static void add_device(json_t *j, const struct denial *d, uint32_t ems_id)
{
	char uid[DEVICE_UID_STRLEN + 1], shown[CERT_SERIAL_STRLEN + 1];
	char known[CERT_SERIAL_STRLEN + 1];

	device_uid_emit(&d->r.uid, uid);
	cert_serial_emit(&d->r.cert_serial, shown);
	cert_serial_emit(&d->dev.serial, known);
	json_object_set_new(j, "uid", json_string(uid));
	json_object_set_new(j, "ems_id", ems_id != 0 ? json_integer(ems_id) : json_null());
	json_object_set_new(j, "certificate_serial", json_string(shown));
	json_object_set_new(j, "ems_serial", d->is_known ? json_string(known) : json_null());
	json_object_set_new(j, "serials_match",
			    d->is_known ? json_boolean(!has_mismatch(d)) : json_null());
}

static json_t *denial_json(const struct cp *cp, const struct denial *d)
{
	const struct record *r = &d->r;
	char id[REQUEST_ID_STRLEN + 1];
	json_t *j;

	emit_id(r->request_id, id);
	j = json_pack(
		"{s:o,s:s,s:i,s:s,s:s,s:o,s:o,s:o,s:o,s:I,s:i,s:b}", "time",
		rest_time_ms(r->time_us / 1000), "request_id", id, "code", (int)r->code, "outcome",
		outcome_name((enum outcome)r->outcome), "reason",
		outcome_text((enum outcome)r->outcome), "policy_id", json_integer(r->policy_id),
		"policy_name", d->policy[0] != '\0' ? rest_cstr(d->policy) : json_null(), "service",
		d->proxy[0] != '\0' ? rest_cstr(d->proxy) : json_null(), "client",
		rest_endpoint(&r->client, r->client_port), "session_id", (json_int_t)r->session_id,
		"http_status", (int)r->http_status, "cut", (r->flags & RECORD_F_CUT) != 0);
	if (r->flags & RECORD_F_HAS_DEVICE)
		add_device(j, d, publish_ems_id(cp->publish, r->ems));
	return j;
}

struct filter {
	bool by_uid, by_request, by_mismatch;
	struct device_uid uid;
	char request[REQUEST_ID_STRLEN + 2];
};

static bool read_filter(const struct rest_req *req, struct filter *f, struct rest_res *res)
{
	char text[DEVICE_UID_STRLEN + 2];

	*f = (struct filter){.by_mismatch = rest_query_uint(req, "mismatch", 0, 1) == 1};
	f->by_uid = rest_has_query(req, "uid");
	if (f->by_uid && (!rest_query(req, "uid", text, sizeof(text)) ||
			  device_uid_parse(text, strlen(text), &f->uid) < 0)) {
		rest_problem(res, 400, "A UID is 32 hex digits.");
		return false;
	}
	f->by_request = rest_has_query(req, "request");
	if (f->by_request && (!rest_query(req, "request", f->request, sizeof(f->request)) ||
			      strlen(f->request) != REQUEST_ID_STRLEN)) {
		rest_problem(res, 400, "A request id is 32 hex digits.");
		return false;
	}
	return true;
}

static bool is_wanted(const struct filter *f, const struct denial *d)
{
	char id[REQUEST_ID_STRLEN + 1];

	emit_id(d->r.request_id, id);
	return (!f->by_uid ||
		((d->r.flags & RECORD_F_HAS_DEVICE) && device_uid_is_equal(&d->r.uid, &f->uid))) &&
	       (!f->by_request || strcasecmp(id, f->request) == 0) &&
	       (!f->by_mismatch || has_mismatch(d));
}

static void get_denials(const struct rest_req *req, struct rest_res *res)
{
	const struct denials *all = logs_denials(req->cp);
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	const struct denial *d;
	json_t *list;
	struct filter f;

	if (!read_filter(req, &f, res))
		return;
	list = json_array();
	for (uint32_t i = 0; all != NULL && json_array_size(list) < limit; i++) {
		d = denials_get(all, i);
		if (d == NULL)
			break;
		if (is_wanted(&f, d))
			json_array_append_new(list, denial_json(req->cp, d));
	}
	res->json = json_pack("{s:o,s:I}", "denials", list, "kept",
			      (json_int_t)(all != NULL ? denials_count(all) : 0));
}
