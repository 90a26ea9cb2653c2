/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The decision. Denial is what <ret> starts as; one line makes an accept of it.
 *
 *	facts --> certificate --> device --> policies, first match --> verdict
 *	             |              |            |
 *	          001 002 003    066 067      061 062 064 065 066
 *	             063           062
 */

#include "common/policy/policy.h"

#include "common/policy/policy_index.h"

#include <string.h>

struct decide {
	const struct snap_view *v;
	const struct policy_facts *f;
	const struct policy_now *now;
	const struct snap_access_proxy *proxy;
	struct policy_verdict *ret;
	struct policy_trace *trace;
	uint64_t fresh_until_ms; /* of the device's posture, without any policy's grace */
	/* why accept policies that matched otherwise did not */
	bool is_tags_failed;
	bool is_stale;
	bool is_posture_missing;
};

static void step(struct decide *d, enum policy_step s, enum policy_truth truth, uint32_t policy)
{
	struct policy_trace *t = d->trace;

	if (t == NULL)
		return;
	if (t->nb < t->cap)
		t->row[t->nb] = (struct policy_trace_row){
			.step = (uint8_t)s,
			.truth = (uint8_t)truth,
			.policy = policy,
		};
	t->nb++;
}

static enum policy_truth truth_of(bool is_true)
{
	return is_true ? POLICY_TRUE : POLICY_FALSE;
}

static void deny(struct decide *d, enum outcome outcome, uint16_t code)
{
	d->ret->is_accept = false;
	d->ret->outcome = (uint16_t)outcome;
	d->ret->code = code;
}

/* Nothing is known that could decide: ask EMS once, then deny. */
static void deny_unknown(struct decide *d)
{
	deny(d, OUTCOME_ZTNA_NO_DEVICE, 66);
	d->ret->is_pending = !d->f->is_pulled;
}

/* ---- posture: how long is it usable ---- */

/* The time until which the posture of devices of <ems> is usable; 0: not at all. */
static uint64_t fresh_until(const struct snap_view *v, uint8_t ems, const struct policy_now *now,
			    uint32_t grace_s)
{
	if (ems >= v->config->ems.count || now->ems_contact_ms[ems] == 0)
		return 0;
	const struct snap_ems *e = snap_arr(v, v->config->ems);
	return now->ems_contact_ms[ems] + ((uint64_t)e[ems].out_of_sync_s + grace_s) * 1000;
}

bool policy_is_fresh(const struct snap_view *v, uint8_t ems, const struct policy_now *now,
		     uint32_t grace_s)
{
	return now->now_ms < fresh_until(v, ems, now, grace_s);
}

/* May <p> use the posture as it is? Lowers valid_until_ms to when this changes by itself. */
static bool is_usable(struct decide *d, const struct snap_policy *p)
{
	uint32_t grace_s = p->stale == SNAP_STALE_ALLOW_FOR ? p->stale_s : 0;
	uint64_t until = fresh_until(d->v, d->ret->device->ems, d->now, grace_s);

	/* An accepted session keeps what it was accepted on, so time alone changes nothing. */
	if (p->stale == SNAP_STALE_KEEP_EXISTING && (d->f->is_existing || d->now->now_ms < until))
		return true;
	if (d->now->now_ms >= until)
		return false;
	if (until < d->ret->valid_until_ms)
		d->ret->valid_until_ms = until;
	return true;
}

/* ---- certificate and device ---- */

/* A record without what is asked of it because EMS has not sent that part yet. */
static bool is_partial(const struct decide *d, const struct snap_device *dev)
{
	return (dev->flags & SNAP_DEV_HAS_SYSINFO) == 0 && !d->f->is_pulled;
}

static bool check_serial(struct decide *d, const struct snap_device *dev)
{
	bool is_match = dev->ems == d->f->ems && !cert_serial_is_zero(&dev->serial) &&
			cert_serial_is_equal(&dev->serial, &d->f->serial);

	step(d, POLICY_STEP_CERT_SERIAL, truth_of(is_match), SNAP_NONE);
	if (is_match)
		return true;
	if (cert_serial_is_zero(&dev->serial) && is_partial(d, dev))
		deny_unknown(d);
	else if (cert_serial_is_zero(&dev->serial))
		deny(d, OUTCOME_ZTNA_CERT_SERIAL_UNKNOWN, 1);
	else
		deny(d, OUTCOME_ZTNA_CERT_INVALID, 1);
	return false;
}

static bool check_revoked(struct decide *d)
{
	bool is_revoked =
		d->v->root->revoked.count > 0 && snap_is_revoked(d->v, d->f->ems, &d->f->serial);

	step(d, POLICY_STEP_REVOKED, truth_of(!is_revoked), SNAP_NONE);
	if (is_revoked)
		deny(d, OUTCOME_ZTNA_CERT_REVOKED, 63);
	return !is_revoked;
}

static bool check_state(struct decide *d, const struct snap_device *dev)
{
	bool is_ok = false;

	if (dev == NULL || ((dev->flags & SNAP_DEV_REGISTERED) == 0 && is_partial(d, dev)))
		deny_unknown(d);
	else if ((dev->flags & SNAP_DEV_REGISTERED) == 0)
		deny(d, OUTCOME_ZTNA_NO_DEVICE, 66);
	else if ((dev->flags & SNAP_DEV_ONLINE) == 0)
		deny(d, OUTCOME_ZTNA_DEVICE_OFFLINE, 67);
	else if ((dev->flags & SNAP_DEV_QUARANTINED) != 0)
		deny(d, OUTCOME_ZTNA_QUARANTINED, 62);
	else
		is_ok = true;
	step(d, POLICY_STEP_DEVICE, dev == NULL ? POLICY_UNKNOWN : truth_of(is_ok), SNAP_NONE);
	return is_ok;
}

/* The device behind a verified certificate, into <ret>. False: denied. */
static bool check_device(struct decide *d)
{
	const struct snap_device *dev = snap_device_find(d->v, &d->f->uid);

	d->ret->device = dev;
	d->fresh_until_ms = fresh_until(d->v, dev != NULL ? dev->ems : d->f->ems, d->now, 0);
	d->ret->is_ems_online = d->now->now_ms < d->fresh_until_ms;
	if (dev != NULL) {
		d->ret->posture = dev->posture;
		if (!check_serial(d, dev))
			return false;
	}
	if (!check_revoked(d) || !check_state(d, dev))
		return false;
	step(d, POLICY_STEP_POSTURE,
	     dev->posture != SNAP_NONE && d->ret->is_ems_online ? POLICY_TRUE : POLICY_UNKNOWN,
	     SNAP_NONE);
	return true;
}

/* No certificate was shown. False: the access proxy does not stand for it. */
static bool check_empty(struct decide *d)
{
	if (d->proxy->client_cert == 0 || d->proxy->empty_cert_action == SNAP_EMPTY_ACCEPT)
		return true;
	step(d, POLICY_STEP_CERT_SERIAL, POLICY_UNKNOWN, SNAP_NONE);
	if (d->proxy->empty_cert_action == SNAP_EMPTY_ACCEPT_UNMANAGEABLE)
		/* Nothing tells an unmanageable device from one that hides its certificate yet. */
		deny(d, OUTCOME_ZTNA_CERT_EMPTY_MANAGEABLE, 3);
	else
		deny(d, OUTCOME_ZTNA_CERT_EMPTY, 2);
	return false;
}

/* ---- policies ---- */

static bool has_index(const struct snap_view *v, struct snap_arr list, uint32_t idx)
{
	const uint32_t *i = snap_arr(v, list);

	for (uint32_t n = 0; n < list.count; n++)
		if (i[n] == idx)
			return true;
	return list.count == 0;
}

static bool has_source(const struct snap_view *v, struct snap_arr list, const struct ip_addr *a)
{
	const struct snap_prefix *p = snap_arr(v, list);

	for (uint32_t n = 0; n < list.count; n++)
		if (snap_prefix_has(&p[n], a))
			return true;
	return list.count == 0;
}

/*
 * The first policy from <i> on that is for this service and source; <nb> when there is none. One by
 * one, for explanations and where there is no index; see match_indexed().
 */
static uint32_t next_candidate(struct decide *d, uint32_t i)
{
	const struct snap_policy *p = snap_arr(d->v, d->v->config->policies);
	uint32_t nb = d->v->config->policies.count;

	for (; i < nb; i++) {
		bool is_service = has_index(d->v, p[i].proxies, d->f->proxy);
		step(d, POLICY_STEP_POLICY_SERVICE, truth_of(is_service), i);
		if (!is_service)
			continue;
		bool is_source = has_index(d->v, p[i].interfaces, d->f->interface) &&
				 has_source(d->v, p[i].sources, &d->f->source);
		step(d, POLICY_STEP_POLICY_SOURCE, truth_of(is_source), i);
		if (is_source)
			break;
	}
	return i;
}

static const struct snap_policy *policies_of(const struct snap_view *v)
{
	return snap_arr(v, v->config->policies);
}

static enum policy_truth tags_truth(struct decide *d, const struct snap_policy *p, bool *ret_stale)
{
	*ret_stale = false;
	if (p->expr == SNAP_NONE)
		return POLICY_TRUE;
	if (d->ret->device == NULL || d->ret->posture == SNAP_NONE)
		return POLICY_UNKNOWN;
	if (!is_usable(d, p)) {
		*ret_stale = true;
		return POLICY_UNKNOWN;
	}
	return truth_of(snap_verdict(d->v, d->ret->posture, (uint32_t)(p - policies_of(d->v))));
}

static void decide_by(struct decide *d, uint32_t i, const struct snap_policy *p)
{
	d->ret->policy = i;
	d->ret->policy_id = p->id;
	step(d, POLICY_STEP_POLICY_MATCH, POLICY_TRUE, i);
	if (p->action == SNAP_ACCEPT) {
		d->ret->is_accept = true;
		d->ret->outcome = OUTCOME_POLICY_ACCEPT;
		d->ret->code = 0;
		d->ret->is_log = p->log == SNAP_LOG_ALL;
		return;
	}
	d->ret->is_log = p->log != SNAP_LOG_NONE;
	if (p->expr == SNAP_NONE)
		deny(d, OUTCOME_POLICY_DENY, 62);
	else
		deny(d, OUTCOME_POLICY_DENY_TAGS, 64);
}

/* A deny policy asks for tags that nobody knows: it might have matched, so it does. */
static void deny_by_unknown(struct decide *d, uint32_t i, const struct snap_policy *p,
			    bool is_stale)
{
	decide_by(d, i, p);
	if (is_stale)
		deny(d, OUTCOME_ZTNA_POSTURE_STALE, 66);
	else if (d->ret->device != NULL)
		deny_unknown(d);
	else
		deny(d, OUTCOME_ZTNA_NO_DEVICE, 66);
}

/* Why <p>, an accept policy for this service and source, did not let the request through. */
static void note_failed(struct decide *d, enum policy_truth tags, bool is_stale)
{
	if (is_stale)
		d->is_stale = true;
	else if (tags == POLICY_UNKNOWN && d->ret->device != NULL)
		d->is_posture_missing = true;
	else
		d->is_tags_failed = true;
}

/* Does policy <i>, which is for this service and source, decide? */
static bool try_policy(struct decide *d, uint32_t i)
{
	const struct snap_policy *p = policies_of(d->v) + i;
	bool is_stale;
	enum policy_truth tags = tags_truth(d, p, &is_stale);

	step(d, POLICY_STEP_POLICY_TAGS, tags, i);
	if (tags == POLICY_TRUE) {
		decide_by(d, i, p);
		return true;
	}
	if (p->action == SNAP_ACCEPT) {
		note_failed(d, tags, is_stale);
	} else if (tags == POLICY_UNKNOWN) {
		deny_by_unknown(d, i, p, is_stale);
		return true;
	}
	return false;
}

static bool match_policies(struct decide *d)
{
	uint32_t nb = d->v->config->policies.count;

	for (uint32_t i = next_candidate(d, 0); i < nb; i = next_candidate(d, i + 1))
		if (try_policy(d, i))
			return true;
	return false;
}

/*
 * The same by the index, for a decision that nobody asked the steps of. It has to come to the same
 * verdict in all its fields (tests/unit/common/policy/test_policy_index.c compares them).
 *
 * Whether a policy decides depends on its tags, and these are one of three for a whole decision:
 *
 *	fresh     the posture is usable by all: those decide whose tags are true, the verdict row
 *	stale     those decide that ask for no tags or deny; some others may use what is stale
 *	unknown   those decide that ask for no tags or deny
 *
 * What the policies before the deciding one leave behind (why nothing matched, and until when the
 * verdict is valid) is asked of sets, too.
 */

/* The first policy from <from> on that is for the request and in <last>; <nb>: there is none. */
static uint32_t next_of(const struct decide *d, const struct policy_sets *s, const uint64_t *last,
			uint32_t from)
{
	const struct snap_policy *p = policies_of(d->v);
	const uint32_t nb = d->v->config->policies.count;

	for (uint32_t i = from;; i++) {
		i = policy_sets_next(s, last, i);
		if (i >= nb)
			return nb;
		if (!s->must_check_sources || has_source(d->v, p[i].sources, &d->f->source))
			return i;
	}
}

static bool has_any(const struct decide *d, const struct policy_sets *s, enum snap_index_set set)
{
	return next_of(d, s, snap_index_set(d->v, set), 0) < d->v->config->policies.count;
}

static bool is_dated(const struct snap_policy *p)
{
	return p->expr != SNAP_NONE && p->stale == SNAP_STALE_DENY;
}

/* Lowers valid_until_ms as is_usable() does for fresh posture, for the policies up to <last>. */
static void limit_validity(struct decide *d, const struct policy_sets *s, uint32_t last)
{
	const uint64_t *graced = snap_index_set(d->v, SNAP_SET_GRACED);
	const uint32_t nb = d->v->config->policies.count;

	/* Most often the policy that decides is such a one itself. */
	uint32_t dated = last;
	if (last >= nb || !is_dated(policies_of(d->v) + last))
		dated = next_of(d, s, snap_index_set(d->v, SNAP_SET_DATED), 0);
	if (dated < nb && dated <= last) {
		d->ret->valid_until_ms = d->fresh_until_ms;
		return;
	}
	for (uint32_t i = next_of(d, s, graced, 0); i < nb && i <= last;
	     i = next_of(d, s, graced, i + 1)) {
		const uint32_t grace_s = policies_of(d->v)[i].stale_s;
		const uint64_t until = fresh_until(d->v, d->ret->device->ems, d->now, grace_s);

		if (until < d->ret->valid_until_ms)
			d->ret->valid_until_ms = until;
		/* As soon as any policy's grace ends is as soon as it can be. */
		if (grace_s <= d->v->index->least_grace_s)
			return;
	}
}

static bool match_fresh(struct decide *d, const struct policy_sets *s)
{
	const uint32_t i = next_of(d, s, snap_verdicts(d->v, d->ret->posture), 0);

	limit_validity(d, s, i);
	if (i < d->v->config->policies.count) {
		decide_by(d, i, policies_of(d->v) + i);
		return true;
	}
	d->is_tags_failed = has_any(d, s, SNAP_SET_ASKING);
	return false;
}

static bool match_stale(struct decide *d, const struct policy_sets *s)
{
	const uint64_t *set = snap_index_set(d->v, SNAP_SET_STALE);
	const uint32_t nb = d->v->config->policies.count;

	for (uint32_t i = next_of(d, s, set, 0); i < nb; i = next_of(d, s, set, i + 1))
		if (try_policy(d, i))
			return true;
	d->is_stale = d->is_stale || has_any(d, s, SNAP_SET_STRICT);
	return false;
}

static bool match_unknown(struct decide *d, const struct policy_sets *s)
{
	const uint32_t i = next_of(d, s, snap_index_set(d->v, SNAP_SET_UNKNOWN), 0);

	if (i < d->v->config->policies.count && try_policy(d, i))
		return true;
	if (has_any(d, s, SNAP_SET_ASKING))
		note_failed(d, POLICY_UNKNOWN, false);
	return false;
}

static bool match_indexed(struct decide *d)
{
	const struct policy_sets s = policy_sets_of(d->v, d->f);

	if (d->ret->device == NULL || d->ret->posture == SNAP_NONE)
		return match_unknown(d, &s);
	return d->ret->is_ems_online ? match_fresh(d, &s) : match_stale(d, &s);
}

static void deny_implicit(struct decide *d)
{
	if (d->is_stale)
		deny(d, OUTCOME_ZTNA_POSTURE_STALE, 66);
	else if (d->is_posture_missing)
		deny_unknown(d);
	else if (d->is_tags_failed)
		deny(d, OUTCOME_POLICY_NO_TAGS, 65);
	else
		deny(d, OUTCOME_POLICY_NO_MATCH, 61);
}

void policy_decide(const struct snap_view *v, const struct policy_facts *f,
		   const struct policy_now *now, struct policy_verdict *ret,
		   struct policy_trace *trace)
{
	struct decide d = {.v = v, .f = f, .now = now, .ret = ret, .trace = trace};

	*ret = (struct policy_verdict){
		.outcome = OUTCOME_POLICY_NO_MATCH,
		.code = 61,
		.policy = SNAP_NONE,
		.posture = SNAP_NONE,
		.valid_until_ms = UINT64_MAX,
	};
	if (trace != NULL)
		trace->nb = 0;
	/* A session may outlive its access proxy. */
	if (f->proxy >= v->config->proxies.count) {
		ret->is_log = true;
		return;
	}
	d.proxy = &((const struct snap_access_proxy *)snap_arr(v, v->config->proxies))[f->proxy];
	ret->is_log = d.proxy->log_blocked != 0;
	/* A certificate that nobody asked for is no identity. */
	bool has_cert = f->cert == POLICY_CERT_VERIFIED && d.proxy->client_cert != 0;
	if (!(has_cert ? check_device(&d) : check_empty(&d)))
		return;
	const bool is_matched =
		v->index != NULL && trace == NULL ? match_indexed(&d) : match_policies(&d);
	if (!is_matched)
		deny_implicit(&d);
}
