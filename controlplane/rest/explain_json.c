/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/explain_json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_MAX 32768u
#define POLICIES_MAX 500u /* told in full */

/* What a decision takes, too large for a stack. */
struct decided {
	const struct explain_moment *m;
	const struct snap_config *config;
	struct policy_world world;
	struct policy_verdict verdict;
	struct policy_advices advices;
	struct policy_trace trace;
	struct policy_trace_row row[ROWS_MAX];
};

static const char *truth_word(unsigned truth)
{
	static const char *const word[] = {"false", "true", "unknown"};

	return word[truth % 3];
}

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

static const struct snap_policy *policy_at(const struct decided *d, uint32_t i)
{
	return (const struct snap_policy *)explain_arr(d->config, d->config->policies) + i;
}

static uint32_t nb_rows(const struct decided *d)
{
	return d->trace.nb < d->trace.cap ? d->trace.nb : d->trace.cap;
}

static json_t *steps_json(const struct decided *d)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < nb_rows(d) && i < 8 * POLICIES_MAX; i++) {
		const struct policy_trace_row *r = &d->row[i];
		json_t *j = json_pack("{s:s,s:s}", "step", step_name(r->step), "result",
				      truth_word(r->truth));

		if (r->policy < d->config->policies.count) {
			const struct snap_policy *p = policy_at(d, r->policy);

			json_object_set_new(j, "policy_id", json_integer(p->id));
			json_object_set_new(j, "policy_name",
					    rest_slice(explain_str(d->config, p->name)));
		}
		json_array_append_new(list, j);
	}
	return list;
}

/* ---- the rule tree ---- */

static json_t *age_json(const struct explain_moment *m, uint64_t ms)
{
	/* What was told later says nothing of that time. */
	if (ms == 0 || ms > m->real_ms)
		return json_null();
	return json_integer((json_int_t)((m->real_ms - ms) / 1000));
}

static json_t *told_json(const struct explain_moment *m, uint64_t ms)
{
	return ms > m->real_ms ? json_null() : rest_time_ms(ms);
}

static json_t *ems_name_json(const struct decided *d, uint32_t idx)
{
	const struct snap_ems *e = explain_arr(d->config, d->config->ems);

	return idx < d->config->ems.count ? rest_slice(explain_str(d->config, e[idx].name))
					  : json_null();
}

static json_t *leaf_json(const struct decided *d, uint32_t tag, enum policy_truth truth)
{
	const struct explain_moment *m = d->m;
	const struct snap_tag *tags = explain_arr(d->config, d->config->tags);
	const bool has_device = m->c.has_device;
	json_t *name = tag < d->config->tags.count
			       ? rest_slice(explain_str(d->config, tags[tag].name))
			       : json_null();

	return json_pack(
		"{s:s,s:o,s:s,s:o,s:o,s:o}", "op", "tag", "tag", name, "result", truth_word(truth),
		"updated", has_device && m->c.has_tags ? told_json(m, m->dev.tags_ms) : json_null(),
		"age_s", has_device && m->c.has_tags ? age_json(m, m->dev.tags_ms) : json_null(),
		"ems", has_device ? ems_name_json(d, m->c.device.ems) : json_null());
}

/* <is_known>: may the tags be used for this policy? */
static json_t *tree_json(const struct decided *d, const struct snap_node *n, bool is_known)
{
	static const char *const op[] = {"tag", "any", "all", "none"};
	const struct snap_expr e = {.root = *n};
	const enum policy_truth truth =
		policy_expr_eval(d->config, &e, is_known ? d->m->c.tags : NULL, POLICY_TAG_WORDS);

	if (n->op == SNAP_NODE_TAG)
		return leaf_json(d, n->tag, truth);

	const struct snap_node *child = explain_arr(d->config, n->children);
	json_t *of = json_array();

	for (uint32_t i = 0; i < n->children.count; i++)
		json_array_append_new(of, tree_json(d, &child[i], is_known));
	return json_pack("{s:s,s:s,s:o}", "op", op[n->op & 3], "result", truth_word(truth), "of",
			 of);
}

/* Why the tags of a policy are unknown. */
static const char *unknown_text(const struct decided *d)
{
	if (!policy_case_has_cert(d->config, &d->m->c) || !d->m->c.has_device)
		return "there is no device";
	if (!d->m->c.has_tags)
		return "EMS has not told the device's tags";
	return "contact with EMS was lost for too long";
}

struct considered {
	uint32_t policy;
	int source, tags; /* enum policy_truth; -1: not looked at */
	bool is_match;
};

static const char *result_text(const struct decided *d, const struct considered *c)
{
	const bool is_accept = policy_at(d, c->policy)->action == SNAP_ACCEPT;

	if (c->is_match)
		return is_accept                   ? "accepts"
		       : c->tags == POLICY_UNKNOWN ? "might match, so it denies"
						   : "denies";
	return "does not match";
}

static json_t *considered_json(const struct decided *d, const struct considered *c)
{
	const struct snap_policy *p = policy_at(d, c->policy);
	const struct snap_expr *e = explain_arr(d->config, d->config->exprs);
	json_t *j = json_pack(
		"{s:o,s:o,s:s,s:b,s:o,s:o,s:s}", "policy_id", json_integer(p->id), "policy_name",
		rest_slice(explain_str(d->config, p->name)), "action",
		p->action == SNAP_ACCEPT ? "accept" : "deny", "access_proxy", 1, "source",
		c->source < 0 ? json_null() : json_boolean(c->source == POLICY_TRUE), "tags",
		c->tags < 0 || p->expr == SNAP_NONE
			? json_null()
			: tree_json(d, &e[p->expr].root, c->tags != POLICY_UNKNOWN),
		"result", result_text(d, c));

	if (c->tags == POLICY_UNKNOWN)
		json_object_set_new(j, "tags_unknown", json_string(unknown_text(d)));
	return j;
}

/* Every policy for the access proxy, in the order in which it was considered. */
static void add_policies(json_t *j, const struct decided *d)
{
	json_t *list = json_array();
	json_int_t others = 0;

	for (uint32_t i = 0; i < nb_rows(d); i++) {
		struct considered c = {d->row[i].policy, -1, -1, false};

		if (d->row[i].step != POLICY_STEP_POLICY_SERVICE)
			continue;
		if (d->row[i].truth != POLICY_TRUE) {
			others++;
			continue;
		}
		for (; i + 1 < nb_rows(d) && d->row[i + 1].policy == c.policy; i++) {
			const struct policy_trace_row *r = &d->row[i + 1];

			if (r->step == POLICY_STEP_POLICY_SOURCE)
				c.source = r->truth;
			else if (r->step == POLICY_STEP_POLICY_TAGS)
				c.tags = r->truth;
			else if (r->step == POLICY_STEP_POLICY_MATCH)
				c.is_match = true;
		}
		if (json_array_size(list) < POLICIES_MAX)
			json_array_append_new(list, considered_json(d, &c));
	}
	json_object_set_new(j, "policies", list);
	json_object_set_new(j, "policies_for_others", json_integer(others));
}

/* ---- who, and what EMS said ---- */

static json_t *names_json(const struct history_device *dev)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < dev->names_len;) {
		const size_t n = strnlen(dev->names + i, dev->names_len - i);

		json_array_append_new(list, rest_string(dev->names + i, n));
		i += (uint32_t)n + 1;
	}
	return list;
}

static json_t *device_json(const struct decided *d)
{
	const struct explain_moment *m = d->m;
	const struct history_device *dev = &m->dev;
	char uid[DEVICE_UID_STRLEN + 1], shown[CERT_SERIAL_STRLEN + 1];
	char known[CERT_SERIAL_STRLEN + 1];
	json_t *j;

	if (m->c.facts.cert == POLICY_CERT_NONE)
		return json_null();
	device_uid_emit(&m->c.facts.uid, uid);
	cert_serial_emit(&m->c.facts.serial, shown);
	j = json_pack("{s:s,s:b,s:s,s:s}", "uid", uid, "known", dev->is_known, "certificate_serial",
		      shown, "serials", explain_serials_text(m));
	if (!dev->is_known)
		return j;
	cert_serial_emit(&dev->serial, known);
	json_t *more = json_pack(
		"{s:s,s:b,s:b,s:b,s:b,s:o,s:o,s:o,s:o,s:i,s:o}", "ems_serial", known, "registered",
		(dev->flags & SNAP_DEV_REGISTERED) != 0, "online",
		(dev->flags & SNAP_DEV_ONLINE) != 0, "quarantined",
		(dev->flags & SNAP_DEV_QUARANTINED) != 0, "tags_known", dev->has_tags, "tags",
		names_json(dev), "tags_updated", told_json(m, dev->tags_ms), "tags_age_s",
		age_json(m, dev->tags_ms), "sysinfo_updated", told_json(m, dev->sysinfo_ms),
		"ems_id", (int)dev->ems_id, "ems", ems_name_json(d, m->c.device.ems));
	json_object_update(j, more);
	json_decref(more);
	return j;
}

/* The EMS that owns the device, or, for an unknown one, issued the certificate. */
static json_t *ems_json(const struct decided *d)
{
	const struct explain_moment *m = d->m;
	const struct snap_ems *e = explain_arr(d->config, d->config->ems);
	const uint32_t i = m->c.has_device ? m->c.device.ems : m->c.facts.ems;

	if (m->c.facts.cert == POLICY_CERT_NONE || i >= d->config->ems.count || i >= SNAP_MAX_EMS)
		return json_null();
	const uint64_t at = m->c.now.ems_contact_ms[i];
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:i,s:b}", "id", json_integer(e[i].id), "name",
			 rest_slice(explain_str(d->config, e[i].name)), "serial_number",
			 rest_slice(explain_str(d->config, e[i].serial_number)), "contact",
			 told_json(m, at), "contact_age_s", age_json(m, at), "threshold_s",
			 (int)e[i].out_of_sync_s, "in_contact", d->verdict.is_ems_online);
}

/* ---- what would turn it ---- */

static const char *kind_word(uint8_t kind)
{
	static const char *const word[] = {
		[POLICY_CHANGE_ASK_CERT] = "ask-certificate",
		[POLICY_CHANGE_SHOW_CERT] = "show-certificate",
		[POLICY_CHANGE_KNOW] = "register-unknown",
		[POLICY_CHANGE_ISSUE] = "issue-certificate",
		[POLICY_CHANGE_CERT_EMS] = "certificate-of-other-ems",
		[POLICY_CHANGE_SERIAL] = "certificate-serial",
		[POLICY_CHANGE_REISSUE] = "revoked-certificate",
		[POLICY_CHANGE_REGISTER] = "register",
		[POLICY_CHANGE_ONLINE] = "online",
		[POLICY_CHANGE_UNQUARANTINE] = "lift-quarantine",
		[POLICY_CHANGE_CONTACT] = "ems-contact",
		[POLICY_CHANGE_TAGS] = "tags-unknown",
		[POLICY_CHANGE_TAG_ADD] = "add-tag",
		[POLICY_CHANGE_TAG_REMOVE] = "remove-tag",
		[POLICY_CHANGE_SOURCE] = "source",
		[POLICY_CHANGE_MOVE] = "move-policy",
	};

	return kind < sizeof(word) / sizeof(word[0]) ? word[kind] : "unknown";
}

static json_t *change_json(const struct decided *d, const struct policy_advice *a,
			   const struct policy_change *c)
{
	const struct snap_tag *tags = explain_arr(d->config, d->config->tags);
	char text[EXPLAIN_TEXT_MAX];
	json_t *j;

	explain_change_text(d->m, a, c, text);
	j = json_pack("{s:s,s:o}", "kind", kind_word(c->kind), "text", rest_cstr(text));
	if ((c->kind == POLICY_CHANGE_TAG_ADD || c->kind == POLICY_CHANGE_TAG_REMOVE) &&
	    c->arg < d->config->tags.count)
		json_object_set_new(j, "tag",
				    rest_slice(explain_str(d->config, tags[c->arg].name)));
	return j;
}

static json_t *advice_json(const struct decided *d, const struct policy_advice *a)
{
	const struct snap_policy *p = policy_at(d, a->policy);
	char text[EXPLAIN_TEXT_MAX];
	json_t *list = json_array();

	for (uint32_t i = 0; i < a->nb; i++)
		json_array_append_new(list, change_json(d, a, &a->change[i]));
	explain_advice_text(d->m, a, text);
	return json_pack("{s:o,s:o,s:o,s:b,s:o}", "text", rest_cstr(text), "policy_id",
			 json_integer(p->id), "policy_name",
			 rest_slice(explain_str(d->config, p->name)), "smallest", a->is_exact,
			 "changes", list);
}

static void add_advice(json_t *j, const struct decided *d)
{
	json_t *list = json_array();
	char text[EXPLAIN_TEXT_MAX];

	for (uint32_t i = 0; i < d->advices.nb; i++)
		json_array_append_new(list, advice_json(d, &d->advices.advice[i]));
	if (d->advices.nb == 0 && !d->advices.is_accept) {
		explain_no_advice_text(d->m, &d->advices, text);
		json_object_set_new(j, "no_change", rest_cstr(text));
	}
	json_object_set_new(j, "would_allow", list);
}

/* ---- all of it ---- */

static json_t *service_json(const struct decided *d)
{
	const struct snap_access_proxy *ap = explain_arr(d->config, d->config->proxies);
	const uint32_t i = d->m->c.facts.proxy;

	return i < d->config->proxies.count ? rest_slice(explain_str(d->config, ap[i].name))
					    : json_null();
}

static json_t *decided_json(const struct decided *d)
{
	const struct policy_verdict *v = &d->verdict;
	const uint32_t p = v->policy;
	json_t *j =
		json_pack("{s:o,s:s,s:o,s:o,s:i,s:s,s:s,s:o,s:o,s:o,s:b,s:o,s:b}", "at",
			  rest_time_ms(d->m->real_ms), "action", v->is_accept ? "accept" : "deny",
			  "policy_id", json_integer(v->policy_id), "policy_name",
			  p < d->config->policies.count
				  ? rest_slice(explain_str(d->config, policy_at(d, p)->name))
				  : json_null(),
			  "code", (int)v->code, "outcome", outcome_name((enum outcome)v->outcome),
			  "reason", outcome_text((enum outcome)v->outcome), "service",
			  service_json(d), "device", device_json(d), "ems", ems_json(d),
			  "ems_online", v->is_ems_online, "steps", steps_json(d), "steps_cut",
			  d->trace.nb > d->trace.cap || nb_rows(d) > 8 * POLICIES_MAX);

	add_policies(j, d);
	add_advice(j, d);
	return j;
}

json_t *explain_json(const struct explain_moment *m, struct policy_verdict *ret)
{
	struct decided *d = calloc(1, sizeof(*d));
	json_t *j = NULL;

	if (d == NULL)
		return NULL;
	d->m = m;
	d->config = m->config->config;
	d->trace = (struct policy_trace){.row = d->row, .cap = ROWS_MAX};
	policy_case_decide(&d->world, d->config, &m->c, &d->verdict, &d->trace);
	if (policy_advise(d->config, &m->c, &d->advices) == 0)
		j = decided_json(d);
	if (ret != NULL) {
		*ret = d->verdict;
		ret->device = NULL;
	}
	free(d);
	return j;
}
