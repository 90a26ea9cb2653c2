/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Decisions on sessions: at each request, and again whenever the snapshot or the time changes
 * something that the last one rested on. A decision is never final.
 */

#include "session/session_priv.h"

#include <rte_cycles.h>

static struct session_list *bucket_of(struct session_worker *sw, const struct device_uid *uid)
{
	return &sw->by_uid[snap_device_hash(sw->p.seed, uid) & sw->uid_mask];
}

void decide_index(struct session *s)
{
	s->has_device = true;
	LIST_INSERT_HEAD(bucket_of(s->sw, &s->facts.uid), s, uid_link);
}

void decide_unindex(struct session *s)
{
	if (s->has_device)
		LIST_REMOVE(s, uid_link);
	s->has_device = false;
}

/* pairs with the control plane's store when it hears from that EMS */
static uint64_t contact_ms(const struct session_worker *sw, uint32_t ems)
{
	return atomic_load_explicit(&sw->p.shm->rdv->ems_contact_ms[ems], memory_order_relaxed);
}

void decide_now(struct session *s, struct policy_verdict *ret)
{
	struct session_worker *sw = s->sw;
	const struct snap_view *v = &sw->view;
	const struct snap_access_proxy *ap = snap_arr(v, v->config->proxies);
	struct policy_now now = {.now_ms = sw->now_us / 1000};

	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++)
		now.ems_contact_ms[i] = contact_ms(sw, i);
	s->facts.proxy = s->listener->service->proxy;
	s->facts.interface = ap[s->facts.proxy].interface;
	policy_decide(v, &s->facts, &now, ret, NULL);
	s->decided_generation = v->root->generation;
	s->config_generation = v->root->config_generation;
	s->decided_contact_ms = s->facts.ems < SNAP_MAX_EMS ? now.ems_contact_ms[s->facts.ems] : 0;
	s->is_decided_existing = s->facts.is_existing;
}

/*
 * A decision is a function of snapshot, facts, contact with the device's EMS and time. If all are
 * as they were when this session was let in, and the time is not yet one at which that may change,
 * so is the verdict; no need to walk the policies for each request of a connection.
 */
static bool is_still_decided(const struct session *s)
{
	const struct session_worker *sw = s->sw;
	const struct snap_view *v = &sw->view;
	struct policy_now now = {.now_ms = sw->now_us / 1000};

	if (!s->verdict.is_accept || s->decided_generation != v->root->generation ||
	    s->config_generation != v->root->config_generation ||
	    s->facts.is_existing != s->is_decided_existing ||
	    now.now_ms >= s->verdict.valid_until_ms)
		return false;
	/* Without a device nothing says which EMS it would have to be. */
	if (!s->has_device || s->facts.ems >= SNAP_MAX_EMS)
		return false;
	now.ems_contact_ms[s->facts.ems] = contact_ms(sw, s->facts.ems);
	return now.ems_contact_ms[s->facts.ems] == s->decided_contact_ms &&
	       policy_is_fresh(v, s->facts.ems, &now, 0) == s->verdict.is_ems_online;
}

void decide_request(struct session *s)
{
	s->facts.is_existing = s->is_accepted;
	if (is_still_decided(s))
		return;
	decide_now(s, &s->verdict);
	s->verdict.device = NULL; /* lives no longer than this loop iteration */
	if (s->verdict.is_accept)
		decide_arm_recheck(s);
}

/* Posture that goes stale changes a verdict without any event: come back at that time. */
void decide_arm_recheck(struct session *s)
{
	const uint64_t at_ms = s->verdict.valid_until_ms;

	if (at_ms == UINT64_MAX)
		wheel_cancel(&s->sw->wheel, &s->recheck);
	else
		wheel_arm(&s->sw->wheel, &s->recheck, (at_ms + 1) * 1000);
}

static void cut(struct session *s, const struct policy_verdict *now, uint64_t notified_us)
{
	struct session_worker *sw = s->sw;
	const bool is_busy = s->state == SESSION_EXCHANGE || s->state == SESSION_TUNNEL ||
			     s->state == SESSION_CONNECT;

	s->verdict = *now;
	s->verdict.device = NULL;
	session_count(sw, OUTCOME_SESSION_CUT);
	session_count(sw, now->outcome);
	evidence_request(s, now->outcome, now->code, RECORD_F_CUT);
	if (notified_us != 0 && sw->now_us >= notified_us)
		histogram_add(&sw->p.feedback->cut_us, sw->now_us - notified_us);
	/* In mid-answer a reset is the one end that no client takes for a complete one. */
	if (is_busy)
		session_end(s, true);
	else
		front_linger(s);
}

/* Its access proxy is no longer configured. */
static void cut_orphan(struct session *s)
{
	session_count(s->sw, OUTCOME_SESSION_CUT);
	session_end(s, true);
}

void decide_again(struct session *s, uint64_t notified_us)
{
	struct policy_verdict now;

	if (s->state == SESSION_FREE || s->state == SESSION_LINGER)
		return;
	if (s->listener->service == NULL) {
		cut_orphan(s);
		return;
	}
	if (s->state == SESSION_PULL) {
		/* What was asked of EMS has come, or is known not to exist. */
		s->facts.is_pulled = notified_us != 0 || s->facts.is_pulled;
		request_begin(s);
		return;
	}
	/* Nothing granted that could be withdrawn; requests are decided anyway. */
	if (!s->is_accepted)
		return;
	session_count(s->sw, OUTCOME_SESSION_REDECIDED);
	s->facts.is_existing = true;
	decide_now(s, &now);
	if (!now.is_accept) {
		cut(s, &now, notified_us);
		return;
	}
	s->verdict = now;
	s->verdict.device = NULL;
	decide_arm_recheck(s);
	evidence_row(s);
}

void decide_on_change(void *user, const struct snap_change *ch)
{
	struct session_worker *sw = user;
	struct session *s = LIST_FIRST(bucket_of(sw, &ch->uid));
	struct session *next;

	for (; s != NULL; s = next) {
		next = LIST_NEXT(s, uid_link); /* <s> may end; the one after it does not */
		if (device_uid_is_equal(&s->facts.uid, &ch->uid))
			decide_again(s, ch->notified_us);
	}
}

static void sweep_some(struct session_worker *sw)
{
	for (uint32_t n = 0; n < SESSION_SWEEP; n++) {
		if (sw->sweep_at == sw->p.max_sessions) {
			sw->is_sweeping = false;
			return;
		}
		decide_again(&sw->session[sw->sweep_at++], 0);
	}
}

/*
 * Some of all, so that a change that touches everything does not stop the packets. By time and not
 * by number: a session that is not in the cache costs ten times one that is.
 */
void decide_sweep(struct session_worker *sw)
{
	if (!sw->is_sweeping)
		return;

	const uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * SESSION_SWEEP_US;

	do
		sweep_some(sw);
	while (sw->is_sweeping && rte_rdtsc() < until);
}
