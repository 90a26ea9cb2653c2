/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Why would this be decided so? The same decision function, over the published snapshot, with
 * the steps written down.
 */

#include "common/policy/policy.h"
#include "config/config.h"
#include "rest/rest_priv.h"
#include "snap/publish.h"
#include "state/state.h"

#include <string.h>

static void get_explain(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_explain_routes[] = {
	{REST_GET, "/api/v1/explain", get_explain,
	 "?service= and ?uid= (none: no certificate), ?serial= (default: EMS's), ?source="},
	{0},
};

#define STEPS_MAX 4096u

static const char *step_name(uint8_t step)
{
	static const char *const name[] = {
		[POLICY_STEP_CERT_SERIAL] = "certificate serial number",
		[POLICY_STEP_REVOKED] = "certificate not revoked",
		[POLICY_STEP_DEVICE] = "device registered, online, not quarantined",
		[POLICY_STEP_POSTURE] = "posture known and fresh",
		[POLICY_STEP_POLICY_SERVICE] = "access proxy",
		[POLICY_STEP_POLICY_SOURCE] = "source address and interface",
		[POLICY_STEP_POLICY_TAGS] = "tags",
		[POLICY_STEP_POLICY_MATCH] = "policy matches",
	};

	return step < sizeof(name) / sizeof(name[0]) ? name[step] : "unknown";
}

static json_t *steps_json(const struct snap_view *v, const struct policy_trace *trace)
{
	static const char *const truth[] = {"false", "true", "unknown"};
	const struct snap_policy *policy = snap_arr(v, v->config->policies);
	const uint32_t nb = trace->nb < trace->cap ? trace->nb : trace->cap;
	json_t *list = json_array();

	for (uint32_t i = 0; i < nb; i++) {
		const struct policy_trace_row *r = &trace->row[i];
		json_t *j = json_pack("{s:s,s:s}", "step", step_name(r->step), "result",
				      truth[r->truth % 3]);

		if (r->policy < v->config->policies.count) {
			json_object_set_new(j, "policy_id", json_integer(policy[r->policy].id));
			json_object_set_new(j, "policy_name",
					    rest_slice(snap_str(v, policy[r->policy].name)));
		}
		json_array_append_new(list, j);
	}
	return list;
}

/* Index of the access proxy called <name>; SNAP_NONE: there is none. */
static uint32_t find_proxy(const struct snap_view *v, const char *name)
{
	const struct snap_access_proxy *ap = snap_arr(v, v->config->proxies);

	for (uint32_t i = 0; i < v->config->proxies.count; i++)
		if (slice_is_equal(snap_str(v, ap[i].name), slice_str(name)))
			return i;
	return SNAP_NONE;
}

static void read_now(const struct cp *cp, struct policy_now *now)
{
	*now = (struct policy_now){.now_ms = loop_now_ms()};
	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++)
		now->ems_contact_ms[i] =
			atomic_load_explicit(&cp->shm.rdv->ems_contact_ms[i], memory_order_relaxed);
}

/* The facts of a client with this certificate; EMS's own serial number unless one is given. */
static bool read_facts(const struct rest_req *req, const struct snap_view *v,
		       struct policy_facts *f, struct rest_res *res)
{
	const struct snap_access_proxy *ap = snap_arr(v, v->config->proxies);
	const struct snap_device *dev;
	char text[64];

	f->interface = ap[f->proxy].interface;
	f->is_pulled = true;
	if (rest_has_query(req, "source") && (!rest_query(req, "source", text, sizeof(text)) ||
					      ip_addr_parse(text, strlen(text), &f->source) < 0)) {
		rest_problem(res, 400, "source is no IP address.");
		return false;
	}
	if (!rest_has_query(req, "uid"))
		return true;
	if (!rest_query(req, "uid", text, sizeof(text)) ||
	    device_uid_parse(text, strlen(text), &f->uid) < 0) {
		rest_problem(res, 400, "A UID is 32 hex digits.");
		return false;
	}
	f->cert = POLICY_CERT_VERIFIED;
	dev = snap_device_find(v, &f->uid);
	if (dev != NULL) {
		f->ems = dev->ems;
		f->serial = dev->serial;
	}
	if (rest_has_query(req, "serial") &&
	    (!rest_query(req, "serial", text, sizeof(text)) ||
	     cert_serial_parse(text, strlen(text), &f->serial) < 0)) {
		rest_problem(res, 400, "serial is 1 to 40 hex digits.");
		return false;
	}
	return true;
}

static json_t *device_json(const struct cp *cp, const struct policy_facts *f)
{
	char shown[CERT_SERIAL_STRLEN + 1], known[CERT_SERIAL_STRLEN + 1];
	struct state_device d;
	json_t *j, *tags;
	uint32_t nb = 0;

	if (f->cert == POLICY_CERT_NONE)
		return json_null();
	cert_serial_emit(&f->serial, shown);
	if (!state_device_find(cp->state, &f->uid, &d))
		return json_pack("{s:b,s:s}", "known", 0, "certificate_serial", shown);
	cert_serial_emit(&d.serial, known);
	tags = json_array();
	if (d.tagset != STATE_NO_TAGSET) {
		const uint16_t *id = state_tagset(cp->state, d.tagset, &nb);

		for (uint32_t i = 0; i < nb; i++)
			json_array_append_new(tags, rest_cstr(state_tag(cp->state, id[i])->name));
	}
	j = json_pack(
		"{s:b,s:s,s:s,s:b,s:b,s:b,s:b,s:o,s:o,s:i}", "known", 1, "certificate_serial",
		shown, "ems_serial", known, "registered", (d.flags & SNAP_DEV_REGISTERED) != 0,
		"online", (d.flags & SNAP_DEV_ONLINE) != 0, "quarantined",
		(d.flags & SNAP_DEV_QUARANTINED) != 0, "tags_known", d.tagset != STATE_NO_TAGSET,
		"tags", tags, "tags_updated", rest_slice(d.tags_time), "ems_id", (int)d.ems_id);
	return j;
}

static void get_explain(const struct rest_req *req, struct rest_res *res)
{
	static struct policy_trace_row row[STEPS_MAX]; /* under the lock */
	struct policy_trace trace = {.row = row, .cap = STEPS_MAX};
	struct policy_facts f = {0};
	struct policy_verdict verdict;
	struct policy_now now;
	struct snap_view v;
	char name[256];

	if (!publish_view(req->cp->publish, &v)) {
		rest_problem(res, 503, "No snapshot is published yet.");
		return;
	}
	if (!rest_query(req, "service", name, sizeof(name))) {
		rest_problem(res, 400, "service is missing: the name of an access proxy.");
		return;
	}
	f.proxy = find_proxy(&v, name);
	if (f.proxy == SNAP_NONE) {
		rest_problem(res, 404, "No access proxy of that name. See /api/v1/services.");
		return;
	}
	if (!read_facts(req, &v, &f, res))
		return;
	read_now(req->cp, &now);
	policy_decide(&v, &f, &now, &verdict, &trace);
	res->json = json_pack("{s:s,s:o,s:i,s:s,s:s,s:o,s:b,s:o,s:o,s:b}", "action",
			      verdict.is_accept ? "accept" : "deny", "policy_id",
			      json_integer(verdict.policy_id), "code", (int)verdict.code, "outcome",
			      outcome_name((enum outcome)verdict.outcome), "reason",
			      outcome_text((enum outcome)verdict.outcome), "device",
			      device_json(req->cp, &f), "ems_online", verdict.is_ems_online,
			      "steps", steps_json(&v, &trace), "service", rest_cstr(name),
			      "steps_cut", trace.nb > trace.cap);
}
