/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Why was this decided so, and how would it be? The same decision function over what was known,
 * with the steps written down.
 */

#include "common/base/hex.h"
#include "logs/denials.h"
#include "logs/logs.h"
#include "rest/explain_json.h"
#include "rest/rest_priv.h"
#include "rest/when.h"
#include "snap/publish.h"
#include "state/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void get_explain(const struct rest_req *req, struct rest_res *res);
static void get_decision(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_explain_routes[] = {
	{REST_GET, "/api/v1/explain", get_explain,
	 "?service= and ?uid= (none: no certificate), ?serial= (default: EMS's), ?source=, ?at= "
	 "(as of "
	 "a time)",
	 .is_unlocked = true},
	{REST_GET, "/api/v1/decisions/*", get_decision,
	 "a decision by its id: as it was decided, and as it would be now", .is_unlocked = true},
	{0},
};

/* ---- a question ---- */

/* What the question says of the client, into <m>'s facts. */
static bool read_facts(const struct rest_req *req, struct explain_moment *m, struct rest_res *res)
{
	struct policy_facts *f = &m->c.facts;
	char text[64];

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
	if (rest_has_query(req, "serial") &&
	    (!rest_query(req, "serial", text, sizeof(text)) ||
	     cert_serial_parse(text, strlen(text), &f->serial) < 0)) {
		rest_problem(res, 400, "serial is 1 to 40 hex digits.");
		return false;
	}
	return true;
}

/* The certificate is EMS's own unless the question names another. */
static void assume_cert(const struct rest_req *req, struct explain_moment *m)
{
	const uint32_t ems =
		m->dev.is_known ? explain_ems_find(m->config->config, m->dev.ems_id) : SNAP_NONE;

	if (ems != SNAP_NONE)
		m->c.facts.ems = (uint8_t)ems;
	if (m->dev.is_known && !rest_has_query(req, "serial"))
		m->c.facts.serial = m->dev.serial;
}

static bool find_service(struct explain_moment *m, const char *name, struct rest_res *res)
{
	const struct snap_config *config = m->config->config;
	const struct snap_access_proxy *ap = explain_arr(config, config->proxies);

	m->c.facts.proxy = explain_proxy_find(config, slice_str(name));
	if (m->c.facts.proxy == SNAP_NONE) {
		rest_problem(res, 404, "No access proxy of that name. See /api/v1/services.");
		return false;
	}
	m->c.facts.interface = ap[m->c.facts.proxy].interface;
	return true;
}

static bool gather_now(const struct rest_req *req, struct explain_moment *m, const char *service,
		       struct rest_res *res)
{
	struct cp *cp = req->cp;

	if (!explain_now(cp, m)) {
		rest_problem(res, 503, "No snapshot is published yet.");
		return false;
	}
	if (!find_service(m, service, res))
		return false;
	if (m->c.facts.cert == POLICY_CERT_VERIFIED) {
		explain_device_now(cp, m);
		assume_cert(req, m);
		explain_revoked_now(cp, m);
	}
	return true;
}

/* ---- a question as of a time ---- */

static void problem_time(struct rest_res *res, const char *what, uint64_t ms)
{
	const time_t t = (time_t)(ms / 1000);
	char text[256], when[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)snprintf(text, sizeof(text), "%s %s.", what, when);
	rest_problem(res, 404, text);
}

/* Is what <past> holds enough for an answer? */
static bool is_known_then(const struct explain_moment *m, const struct history_past *past,
			  struct rest_res *res)
{
	if (past->oldest_ms == 0 || m->real_ms < past->oldest_ms) {
		problem_time(res, "Nothing is known of that time; the oldest that is known is of",
			     past->oldest_ms);
		return false;
	}
	if (m->dev.is_known && m->dev.ems_id <= STATE_MAX_EMS &&
	    m->real_ms < past->baseline_ms[m->dev.ems_id]) {
		problem_time(res,
			     "Nothing is known of that EMS's devices then; its first "
			     "synchronisation was complete at",
			     past->baseline_ms[m->dev.ems_id]);
		return false;
	}
	return true;
}

static bool gather_past(const struct rest_req *req, struct explain_moment *m,
			struct history_past *past, const char *service, struct rest_res *res)
{
	m->is_past = true;
	if (past->config != NULL) {
		m->config = history_config_ref(past->config);
	} else {
		m->config = history_config_now(req->cp);
		past->config_hash = 0;
	}
	if (m->config == NULL) {
		rest_problem(res, 503, "No snapshot is published yet.");
		return false;
	}
	if (!find_service(m, service, res))
		return false;
	explain_contacts_by_id(m, past->contact_ms);
	if (m->c.facts.cert != POLICY_CERT_VERIFIED)
		return is_known_then(m, past, res);
	if (past->is_changed)
		m->dev = past->dev;
	else
		explain_device_now(req->cp, m);
	assume_cert(req, m);
	explain_revoked_now(req->cp, m);
	return is_known_then(m, past, res);
}

static void add_note(json_t *list, const char *text)
{
	json_array_append_new(list, json_string(text));
}

/* What about an answer for an earlier time is not certain. */
static json_t *notes_json(const struct explain_moment *m, const struct history_past *past)
{
	json_t *list = json_array();

	if (past->config_hash == 0)
		add_note(list, "the configuration of then is not kept: it is today's");
	if (!past->is_running)
		add_note(list,
			 "the control plane did not run then: the data plane went on with what "
			 "it had");
	if (past->nb_crashes > 0)
		add_note(list,
			 "the control plane ended without a word since then: the last changes "
			 "before that may be missing");
	if (past->nb_lost > 0)
		add_note(list,
			 "some changes since then were not written: this device's may be among "
			 "them");
	if (past->is_tags_lost)
		add_note(list, "the device's tags of then were not written: they are unknown here");
	if (m->c.is_revoked || m->c.is_record_revoked)
		add_note(list, "revoked certificates are those of now");
	return list;
}

static void get_past(const struct rest_req *req, struct explain_moment *m, const char *service,
		     struct rest_res *res)
{
	struct history_past *past = calloc(1, sizeof(*past));
	bool is_ok = false;
	int rc = -ENOMEM;

	if (past != NULL)
		rc = history_past(req->cp, &m->c.facts.uid, m->real_ms, past);
	if (rc == -ENOENT) {
		rest_problem(res, 404, "No history is kept.");
	} else if (rc < 0) {
		rest_problem(res, 503, "The history cannot be read.");
	} else {
		cp_lock(req->cp);
		is_ok = gather_past(req, m, past, service, res);
		cp_unlock(req->cp);
	}
	if (is_ok) {
		explain_settle(m);
		res->json = explain_json(m, NULL);
		if (res->json != NULL)
			json_object_set_new(res->json, "known", notes_json(m, past));
		else
			rest_problem(res, 503, "Memory is short.");
	}
	if (past != NULL)
		history_config_unref(past->config);
	free(past);
}

/* Has the question a time? False: one that cannot be read, and <res> says so. */
static bool read_at(const struct rest_req *req, struct explain_moment *m, struct rest_res *res)
{
	char text[64];

	if (!rest_has_query(req, "at"))
		return true;
	if (!rest_query(req, "at", text, sizeof(text)) ||
	    when_parse(text, loop_real_ms(), &m->real_ms) < 0 || m->real_ms > loop_real_ms()) {
		rest_problem(res, 400,
			     "at is a time that was, as 2026-11-22T10:57:36Z, "
			     "\"2026-11-22 10:57:36\" (local), -600 or -10m.");
		return false;
	}
	return true;
}

static void get_explain(const struct rest_req *req, struct rest_res *res)
{
	struct explain_moment *m = explain_moment_new();
	char service[256];
	bool is_ok;

	if (m == NULL) {
		rest_problem(res, 503, "Memory is short.");
		return;
	}
	is_ok = read_facts(req, m, res) && read_at(req, m, res);
	if (is_ok && !rest_query(req, "service", service, sizeof(service))) {
		rest_problem(res, 400, "service is missing: the name of an access proxy.");
		is_ok = false;
	}
	if (is_ok && m->real_ms != 0) {
		get_past(req, m, service, res);
		is_ok = false;
	}
	if (is_ok) {
		cp_lock(req->cp);
		is_ok = gather_now(req, m, service, res);
		cp_unlock(req->cp);
	}
	if (is_ok) {
		explain_settle(m);
		res->json = explain_json(m, NULL);
		if (res->json == NULL)
			rest_problem(res, 503, "Memory is short.");
	}
	explain_moment_free(m);
}

/* ---- a denial ---- */

static bool parse_id(const char *s, uint8_t ret[static 16])
{
	return strlen(s) == 32 && hex_bytes(s, ret, 16);
}

/* The same client at the same access proxy, now. */
static bool gather_again(struct cp *cp, const struct denial *d, struct explain_moment *m)
{
	struct policy_facts *f = &m->c.facts;

	if (!explain_now(cp, m))
		return false;
	*f = (struct policy_facts){
		.source = d->r.client,
		.cert = d->r.flags & RECORD_F_HAS_DEVICE ? POLICY_CERT_VERIFIED : POLICY_CERT_NONE,
		.ems = d->r.ems,
		.is_pulled = true,
		.uid = d->r.uid,
		.serial = d->r.cert_serial,
	};
	f->proxy = explain_proxy_find(m->config->config, slice_str(d->proxy));
	if (f->proxy == SNAP_NONE)
		return false;
	const struct snap_access_proxy *ap =
		explain_arr(m->config->config, m->config->config->proxies);
	f->interface = ap[f->proxy].interface;
	if (f->cert == POLICY_CERT_VERIFIED) {
		explain_device_now(cp, m);
		explain_revoked_now(cp, m);
	}
	return true;
}

static json_t *address(const struct ip_addr *a, uint16_t port)
{
	char text[IP_PORT_STRLEN];

	ip_port_emit(a, port, text);
	return json_string(text);
}

static const char *action_word(const struct record *r)
{
	if (r->code != 0 || (r->flags & RECORD_F_CUT))
		return "deny";
	return r->flags & RECORD_F_ACCEPT ? "accept" : "refuse";
}

static json_t *denial_json(const struct denial *d, const char *id)
{
	const struct record *r = &d->r;
	const char *remedy =
		explain_is_decided(r) ? NULL : explain_outcome_remedy((enum outcome)r->outcome);
	char uid[DEVICE_UID_STRLEN + 1], shown[CERT_SERIAL_STRLEN + 1];
	json_t *j = json_pack(
		"{s:o,s:o,s:s,s:i,s:s,s:s,s:o,s:o,s:o,s:o,s:I,s:i,s:b,s:o}", "id", rest_cstr(id),
		"time", rest_time_ms(r->time_us / 1000), "action", action_word(r), "code",
		(int)r->code, "outcome", outcome_name((enum outcome)r->outcome), "reason",
		outcome_text((enum outcome)r->outcome), "policy_id", json_integer(r->policy_id),
		"policy_name", d->policy[0] != '\0' ? rest_cstr(d->policy) : json_null(), "service",
		d->proxy[0] != '\0' ? rest_cstr(d->proxy) : json_null(), "client",
		address(&r->client, r->client_port), "session_id", (json_int_t)r->session_id,
		"http_status", (int)r->http_status, "cut", (r->flags & RECORD_F_CUT) != 0, "remedy",
		remedy != NULL ? rest_cstr(remedy) : json_null());

	if (r->flags & RECORD_F_HAS_DEVICE) {
		device_uid_emit(&r->uid, uid);
		cert_serial_emit(&r->cert_serial, shown);
		json_object_set_new(j, "uid", json_string(uid));
		json_object_set_new(j, "certificate_serial", json_string(shown));
	}
	return j;
}

static void settle_decision(const struct denial *d, struct explain_moment *then,
			    struct explain_moment *now, json_t *j)
{
	const bool is_policy = explain_is_decided(&d->r);
	struct policy_verdict v;
	json_t *past = NULL, *present = NULL;

	if (then != NULL) {
		explain_settle(then);
		past = explain_json(then, &v);
		/*
		 * The evidence is read some milliseconds after the decision: what changed in
		 * between is seen here, and said.
		 */
		if (past != NULL)
			json_object_set_new(past, "is_exact",
					    json_boolean(!is_policy || v.code == d->r.code));
	}
	if (now != NULL) {
		explain_settle(now);
		present = explain_json(now, NULL);
	}
	json_object_set_new(j, "decided_by_policies", json_boolean(is_policy));
	json_object_set_new(j, "then", past != NULL ? past : json_null());
	json_object_set_new(j, "now", present != NULL ? present : json_null());
}

/* From the files: one that is not in memory, or whose configuration is not. */
static bool recall(struct cp *cp, const uint8_t id[static 16], struct denial *d,
		   struct explain_moment *then, bool *ret_has_then)
{
	if (history_denial_find(cp, id, d, &then->dev, &then->config) < 0)
		return false;
	explain_then_facts(d, then);
	*ret_has_then =
		then->config != NULL && then->c.facts.proxy < then->config->config->proxies.count;
	return true;
}

static bool remember(struct cp *cp, const uint8_t id[static 16], struct denial *d,
		     struct explain_moment *then, bool *ret_has_then)
{
	const struct denials *all = logs_denials(cp), *others = logs_others(cp);
	const struct denial *one = all != NULL ? denials_find(all, id) : NULL;

	if (one == NULL && others != NULL)
		one = denials_find(others, id);
	if (one == NULL)
		return false;
	*d = *one;
	*ret_has_then = explain_then(cp, d, then);
	return true;
}

static void get_decision(const struct rest_req *req, struct rest_res *res)
{
	struct explain_moment *then = explain_moment_new(), *now = explain_moment_new();
	bool has_then = false, has_now = false, is_found;
	struct denial d = {0};
	uint8_t id[16];

	if (then == NULL || now == NULL) {
		rest_problem(res, 503, "Memory is short.");
		goto free_both;
	}
	if (!parse_id(req->arg, id)) {
		rest_problem(res, 400, "A decision's id is 32 hex digits.");
		goto free_both;
	}
	cp_lock(req->cp);
	is_found = remember(req->cp, id, &d, then, &has_then);
	cp_unlock(req->cp);
	if (!has_then)
		is_found |= recall(req->cp, id, &d, then, &has_then);
	if (!is_found) {
		rest_problem(res, 404,
			     "No denial with that id is kept; the traffic log has them "
			     "all.");
		goto free_both;
	}
	cp_lock(req->cp);
	has_now = gather_again(req->cp, &d, now);
	cp_unlock(req->cp);
	res->json = denial_json(&d, req->arg);
	settle_decision(&d, has_then ? then : NULL, has_now ? now : NULL, res->json);

free_both:
	explain_moment_free(then);
	explain_moment_free(now);
}
