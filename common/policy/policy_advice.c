/* SPDX-License-Identifier: BSD-3-Clause */

/*
 *	who the client is --> what is known of it --> its tags    \
 *	(in the order in which policy_decide() asks)               > the smallest
 *	                                where it comes from, order /
 *
 * The first two are forced: each is a condition that every accept behind it needs. What is left
 * to choose are tags, the source and the order of policies.
 */

#include "common/policy/policy_advice.h"

#include "common/policy/policy_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET 4000000u /* nodes of expressions */
#define GREEDY_BUDGET 1000000u

struct advise {
	struct snap_config *config; /* a copy of our own: policies are moved in it */
	struct policy_case c;       /* with the changes so far */
	struct policy_world world;
	struct policy_verdict verdict;
	struct policy_candidate *cand;
	uint32_t nb_cand;
	uint64_t budget;
	struct policy_advice now; /* the changes so far */
	struct policy_advices *ret;
};

static struct snap_access_proxy *proxy_of(struct advise *a)
{
	return (struct snap_access_proxy *)((uint8_t *)a->config + a->config->proxies.off) +
	       a->c.facts.proxy;
}

static struct snap_policy *policies_of(struct advise *a)
{
	return (struct snap_policy *)((uint8_t *)a->config + a->config->policies.off);
}

static bool decide(struct advise *a)
{
	policy_case_decide(&a->world, a->config, &a->c, &a->verdict, NULL);
	return a->verdict.is_accept;
}

static void change(struct advise *a, enum policy_change_kind kind, uint32_t arg)
{
	if (a->now.nb < POLICY_ADVICE_CHANGES)
		a->now.change[a->now.nb++] =
			(struct policy_change){.kind = (uint8_t)kind, .arg = arg};
}

/* Keep <a->now>, which <policy> accepts, in its place: fewer changes first, older ones first. */
static void give(struct advise *a, uint32_t policy, bool is_exact)
{
	struct policy_advices *r = a->ret;
	uint32_t at = r->nb;

	a->now.policy = policy;
	a->now.is_exact = is_exact;
	while (at > 0 && r->advice[at - 1].nb > a->now.nb)
		at--;
	if (at == POLICY_ADVICES_MAX)
		return;
	if (r->nb < POLICY_ADVICES_MAX)
		r->nb++;
	memmove(&r->advice[at + 1], &r->advice[at], (r->nb - 1 - at) * sizeof(r->advice[0]));
	r->advice[at] = a->now;
}

/* ---- who the client is ---- */

/* A device in perfect order without a tag, to stand for one that is not there yet. */
static void imagine_device(struct advise *a)
{
	struct policy_case *c = &a->c;

	c->has_device = true;
	c->has_tags = true;
	c->is_revoked = false;
	memset(c->tags, 0, sizeof(c->tags));
	c->facts.cert = POLICY_CERT_VERIFIED;
	if (cert_serial_is_zero(&c->facts.serial))
		c->facts.serial.b[sizeof(c->facts.serial.b) - 1] = 1;
	c->device = (struct snap_device){
		.uid = c->facts.uid,
		.serial = c->facts.serial,
		.ems = c->facts.ems,
		.flags = SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO |
			 SNAP_DEV_HAS_TAGS,
	};
}

static void fix_cert(struct advise *a)
{
	struct policy_case *c = &a->c;

	if (c->is_record_revoked && c->is_revoked) {
		change(a, POLICY_CHANGE_REISSUE, 0);
	} else if (cert_serial_is_zero(&c->device.serial)) {
		change(a, POLICY_CHANGE_ISSUE, 0);
	} else if (c->device.ems != c->facts.ems) {
		change(a, POLICY_CHANGE_CERT_EMS, 0);
	} else if (!cert_serial_is_equal(&c->device.serial, &c->facts.serial)) {
		change(a, POLICY_CHANGE_SERIAL, 0);
		if (c->is_record_revoked)
			change(a, POLICY_CHANGE_REISSUE, 0);
	} else if (c->is_revoked || c->is_record_revoked) {
		change(a, POLICY_CHANGE_REISSUE, 0);
	}
	if (cert_serial_is_zero(&c->device.serial))
		c->device.serial.b[sizeof(c->device.serial.b) - 1] = 1;
	c->facts.serial = c->device.serial;
	c->facts.ems = c->device.ems;
	c->is_revoked = false;
}

static void fix_device(struct advise *a)
{
	struct policy_case *c = &a->c;

	if (!c->has_device) {
		if (c->is_revoked)
			change(a, POLICY_CHANGE_REISSUE, 0);
		change(a, POLICY_CHANGE_KNOW, 0);
		imagine_device(a);
		return;
	}
	fix_cert(a);
	if ((c->device.flags & SNAP_DEV_REGISTERED) == 0)
		change(a, POLICY_CHANGE_REGISTER, 0);
	if ((c->device.flags & SNAP_DEV_ONLINE) == 0)
		change(a, POLICY_CHANGE_ONLINE, 0);
	if ((c->device.flags & SNAP_DEV_QUARANTINED) != 0)
		change(a, POLICY_CHANGE_UNQUARANTINE, 0);
	c->device.flags |= SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO;
	c->device.flags &= (uint8_t)~SNAP_DEV_QUARANTINED;
}

static void show_cert(struct advise *a)
{
	if (proxy_of(a)->client_cert == 0)
		change(a, POLICY_CHANGE_ASK_CERT, 0);
	proxy_of(a)->client_cert = 1;
	change(a, POLICY_CHANGE_SHOW_CERT, 0);
	imagine_device(a);
}

static bool is_cert_needed(struct advise *a)
{
	return proxy_of(a)->client_cert != 0 && proxy_of(a)->empty_cert_action != SNAP_EMPTY_ACCEPT;
}

static void fix_who(struct advise *a)
{
	if (policy_case_has_cert(a->config, &a->c))
		fix_device(a);
	else if (is_cert_needed(a))
		show_cert(a);
}

/* ---- what is known of it ---- */

/* True when that is enough. */
static bool fix_known(struct advise *a)
{
	struct policy_case *c = &a->c;

	if (!policy_case_has_cert(a->config, c)) {
		if (a->config->ems.count == 0)
			return false;
		show_cert(a);
		if (decide(a))
			return true;
	}
	if (!policy_case_is_fresh(a->config, c)) {
		/* One that was only imagined brings its EMS along. */
		if (c->device.ems >= a->config->ems.count)
			return false;
		change(a, POLICY_CHANGE_CONTACT, 0);
		c->now.ems_contact_ms[c->device.ems] = c->now.now_ms;
		if (decide(a))
			return true;
	}
	if (!c->has_tags) {
		change(a, POLICY_CHANGE_TAGS, 0);
		c->has_tags = true;
		memset(c->tags, 0, sizeof(c->tags));
		if (decide(a))
			return true;
	}
	return false;
}

/* ---- tags, and the order of policies ---- */

static bool is_listed(const struct snap_config *config, struct snap_arr list, uint32_t idx)
{
	const uint32_t *i = (const uint32_t *)((const uint8_t *)config + list.off);

	for (uint32_t n = 0; n < list.count; n++)
		if (i[n] == idx)
			return true;
	return list.count == 0;
}

static bool is_source(const struct snap_config *config, const struct snap_policy *p,
		      const struct ip_addr *a)
{
	const struct snap_prefix *pre =
		(const struct snap_prefix *)((const uint8_t *)config + p->sources.off);

	for (uint32_t n = 0; n < p->sources.count; n++)
		if (snap_prefix_has(&pre[n], a))
			return true;
	return p->sources.count == 0;
}

static void find_candidates(struct advise *a)
{
	const struct snap_policy *p = policies_of(a);
	const struct policy_facts *f = &a->c.facts;

	for (uint32_t i = 0; i < a->config->policies.count; i++) {
		if (!is_listed(a->config, p[i].proxies, f->proxy))
			continue;
		a->ret->nb_service++;
		if (!is_listed(a->config, p[i].interfaces, f->interface) ||
		    !is_source(a->config, &p[i], &f->source))
			continue;
		a->cand[a->nb_cand++] = (struct policy_candidate){
			.policy = i,
			.expr = p[i].expr,
			.is_accept = p[i].action == SNAP_ACCEPT,
		};
	}
	a->ret->nb_source = a->nb_cand;
}

/* The search's answer as changes of <a>. */
static void take_tags(struct advise *a, const struct policy_search *s)
{
	for (uint32_t i = 0; i < s->nb_flips; i++) {
		change(a,
		       policy_case_has_tag(&a->c, s->flip[i]) ? POLICY_CHANGE_TAG_REMOVE
							      : POLICY_CHANGE_TAG_ADD,
		       s->flip[i]);
		policy_case_flip_tag(&a->c, s->flip[i]);
	}
}

static bool search(struct advise *a, struct policy_search *s, bool has_order, uint32_t max,
		   bool *ret_exact)
{
	*s = (struct policy_search){
		.config = a->config,
		.cand = a->cand,
		.nb = a->nb_cand,
		.has_order = has_order,
		.budget = a->budget,
	};
	for (uint32_t i = 0; i < a->nb_cand; i++)
		a->cand[i].is_dead = false;
	memcpy(s->tags, a->c.tags, sizeof(s->tags));

	bool is_found = policy_search(s, max);

	a->budget = s->budget;
	*ret_exact = is_found;
	if (!is_found && s->budget == 0) {
		s->budget = GREEDY_BUDGET;
		memcpy(s->tags, a->c.tags, sizeof(s->tags));
		is_found = policy_search_greedy(s, max);
		a->ret->is_exhausted |= !is_found;
	}
	return is_found;
}

static void advise_tags(struct advise *a)
{
	const struct policy_case before = a->c;
	const struct policy_advice changes = a->now;
	struct policy_search s;
	bool is_exact;

	if (search(a, &s, true, POLICY_ADVICE_TAGS, &is_exact)) {
		take_tags(a, &s);
		if (decide(a))
			give(a, a->verdict.policy, is_exact);
	}
	a->c = before;
	a->now = changes;
}

/* Put policy <from> at <to>, those between one further. The other way round undoes it. */
static void move(struct advise *a, uint32_t from, uint32_t to)
{
	struct snap_policy *p = policies_of(a), one = p[from];

	if (to < from)
		memmove(&p[to + 1], &p[to], (from - to) * sizeof(*p));
	else
		memmove(&p[from], &p[from + 1], (to - from) * sizeof(*p));
	p[to] = one;
}

/* An accept policy that stands behind the deny policy that decides, moved above it. */
static void advise_move(struct advise *a, uint32_t max_tags)
{
	const struct policy_case before = a->c;
	const struct policy_advice changes = a->now;
	struct policy_search s;
	bool is_exact;

	if (search(a, &s, false, max_tags, &is_exact)) {
		const uint32_t from = s.cand[s.target].policy;

		take_tags(a, &s);
		(void)decide(a);
		const uint32_t above = a->verdict.policy;
		if (!a->verdict.is_accept && above != SNAP_NONE && above < from) {
			change(a, POLICY_CHANGE_MOVE, from);
			a->now.change[a->now.nb - 1].above = above;
			move(a, from, above);
			if (decide(a))
				give(a, from, is_exact);
			move(a, above, from);
		}
	}
	a->c = before;
	a->now = changes;
}

/* ---- the source ---- */

/* From an address of a policy for the same access proxy, as the device is now. */
static void advise_source(struct advise *a)
{
	const struct policy_case before = a->c;
	const struct policy_advice changes = a->now;
	const struct snap_policy *p = policies_of(a);
	uint32_t tried = 0;

	for (uint32_t i = 0; i < a->config->policies.count && tried < 64; i++) {
		const struct snap_prefix *pre =
			(const struct snap_prefix *)((const uint8_t *)a->config + p[i].sources.off);

		if (p[i].action != SNAP_ACCEPT || p[i].sources.count == 0 ||
		    !is_listed(a->config, p[i].proxies, a->c.facts.proxy) ||
		    is_source(a->config, &p[i], &a->c.facts.source))
			continue;
		tried++;
		a->c.facts.source = pre[0].addr;
		if (decide(a) && a->verdict.policy == i) {
			change(a, POLICY_CHANGE_SOURCE, i);
			give(a, i, true);
			break;
		}
		a->c = before;
	}
	a->c = before;
	a->now = changes;
}

/* ---- all of it ---- */

struct undo {
	struct policy_case c;
	struct policy_advice now;
	uint8_t client_cert;
};

static struct undo undo_begin(struct advise *a)
{
	return (struct undo){a->c, a->now, proxy_of(a)->client_cert};
}

static void undo_end(struct advise *a, const struct undo *u)
{
	a->c = u->c;
	a->now = u->now;
	proxy_of(a)->client_cert = u->client_cert;
}

/* What is forced, then the tags. <is_move>: the order of policies too. */
static void advise_known(struct advise *a, bool is_move)
{
	const struct undo u = undo_begin(a);

	if (fix_known(a))
		give(a, a->verdict.policy, true);
	else if (policy_case_has_cert(a->config, &a->c) && a->c.has_tags && is_move)
		advise_move(a, POLICY_ADVICE_TAGS);
	else if (policy_case_has_cert(a->config, &a->c) && a->c.has_tags)
		advise_tags(a);
	undo_end(a, &u);
}

static void advise_all(struct advise *a)
{
	find_candidates(a);
	fix_who(a);
	if (decide(a)) {
		give(a, a->verdict.policy, true);
		return;
	}
	advise_known(a, false);
	advise_source(a);
	(void)decide(a);
	if (a->verdict.policy != SNAP_NONE)
		advise_move(a, 0);
	if (a->ret->nb == 0)
		advise_known(a, true);
}

int policy_advise(const struct snap_config *config, const struct policy_case *c,
		  struct policy_advices *ret)
{
	int rc = -ENOMEM;

	*ret = (struct policy_advices){};
	if (c->facts.proxy >= config->proxies.count)
		return -EINVAL;

	struct advise *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	*a = (struct advise){.c = *c, .budget = BUDGET, .ret = ret};
	a->c.facts.is_pulled = true;
	a->config = malloc(config->len);
	a->cand = calloc((size_t)config->policies.count + 1, sizeof(*a->cand));
	if (a->config == NULL || a->cand == NULL)
		goto free_all;
	memcpy(a->config, config, config->len);
	rc = 0;
	ret->is_accept = decide(a);
	if (!ret->is_accept)
		advise_all(a);

free_all:
	free(a->cand);
	free(a->config);
	free(a);
	return rc;
}
