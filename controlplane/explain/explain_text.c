/* SPDX-License-Identifier: BSD-3-Clause */

/* Advice in words, for operators. */

#include "explain/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
	char *s;
	size_t len;
};

/* What does not fit is left out: an explanation may end early, never beyond its buffer. */
static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(t->s + t->len, EXPLAIN_TEXT_MAX - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len = t->len + (size_t)n < EXPLAIN_TEXT_MAX ? t->len + (size_t)n
							       : EXPLAIN_TEXT_MAX - 1;
}

static const struct snap_policy *policy_at(const struct explain_moment *m, uint32_t i)
{
	return (const struct snap_policy *)explain_arr(m->config->config,
						       m->config->config->policies) +
	       i;
}

static void say_slice(struct text *t, struct slice s)
{
	say(t, "%.*s", (int)(s.len < 256 ? s.len : 256), (const char *)s.ptr);
}

static void say_tag(struct text *t, const struct explain_moment *m, uint32_t tag)
{
	const struct snap_config *config = m->config->config;
	const struct snap_tag *tags = explain_arr(config, config->tags);

	if (tag < config->tags.count)
		say_slice(t, explain_str(config, tags[tag].name));
}

/* The depth is bounded by the check of the configuration. */
static void say_tree(struct text *t, const struct explain_moment *m, const struct snap_node *n,
		     bool is_known)
{
	static const char *const op[] = {"", "any", "all", "none"};
	static const char *const truth[] = {"false", "true", "unknown"};
	const struct snap_node *child = explain_arr(m->config->config, n->children);
	const struct snap_expr e = {.root = *n};

	if (n->op == SNAP_NODE_TAG)
		say_tag(t, m, n->tag);
	else
		say(t, "%s(", op[n->op & 3]);
	for (uint32_t i = 0; n->op != SNAP_NODE_TAG && i < n->children.count; i++) {
		say(t, "%s", i > 0 ? ", " : "");
		say_tree(t, m, &child[i], is_known);
	}
	say(t, "%s=%s", n->op == SNAP_NODE_TAG ? "" : ")",
	    truth[policy_expr_eval(m->config->config, &e, is_known ? m->c.tags : NULL,
				   POLICY_TAG_WORDS) %
		  3]);
}

void explain_tree_text(const struct explain_moment *m, uint32_t expr, bool is_known,
		       char ret[static EXPLAIN_TEXT_MAX])
{
	const struct snap_expr *e = explain_arr(m->config->config, m->config->config->exprs);
	struct text t = {.s = ret};

	ret[0] = '\0';
	if (expr < m->config->config->exprs.count)
		say_tree(&t, m, &e[expr].root, is_known);
}

static void say_ems(struct text *t, const struct explain_moment *m, uint32_t ems)
{
	const struct snap_config *config = m->config->config;
	const struct snap_ems *e = explain_arr(config, config->ems);

	if (ems < config->ems.count)
		say_slice(t, explain_str(config, e[ems].name));
	else
		say(t, "EMS");
}

static void say_contact(struct text *t, const struct explain_moment *m)
{
	const struct snap_config *config = m->config->config;
	const struct snap_ems *e = explain_arr(config, config->ems);
	const uint32_t ems = m->c.device.ems;
	const uint64_t at = ems < SNAP_MAX_EMS ? m->c.now.ems_contact_ms[ems] : 0;

	if (at == 0)
		say(t, "there has been no contact with ");
	else
		say(t, "the last contact is %llu s old with ",
		    (unsigned long long)(m->c.now.now_ms - at) / 1000);
	say_ems(t, m, ems);
	if (ems < config->ems.count)
		say(t, ", tags are good for %u s without it", e[ems].out_of_sync_s);
	say(t, ": restore the connection (tagwardenctl show ems)");
}

static void say_serial(struct text *t, const struct explain_moment *m)
{
	char sn[CERT_SERIAL_STRLEN + 1];

	cert_serial_emit(&m->dev.serial, sn);
	say(t,
	    "the certificate's serial number must be %s: re-register the endpoint, or choose its "
	    "newest certificate",
	    sn);
}

/* A source that policy <p> takes. */
static void say_source(struct text *t, const struct explain_moment *m, const struct snap_policy *p)
{
	const struct snap_prefix *pre = explain_arr(m->config->config, p->sources);
	char ip[IP_ADDR_STRLEN];

	ip_addr_emit(&pre[0].addr, ip);
	say(t, "a source address that policy %u is for (%s/%u)", p->id, ip,
	    snap_prefix_is_v4(&pre[0]) ? pre[0].len - 96u : pre[0].len);
}

static void say_change(struct text *t, const struct explain_moment *m,
		       const struct policy_change *c)
{
	switch ((enum policy_change_kind)c->kind) {
	case POLICY_CHANGE_ASK_CERT:
		say(t, "the access proxy must ask for a client certificate (client_cert)");
		break;
	case POLICY_CHANGE_SHOW_CERT:
		say(t, "the client must show the certificate of a registered device");
		break;
	case POLICY_CHANGE_KNOW:
		say(t, "EMS must know the device: register the endpoint");
		break;
	case POLICY_CHANGE_ISSUE:
		say(t,
		    "EMS must issue a ZTNA certificate for the device: re-register the endpoint");
		break;
	case POLICY_CHANGE_CERT_EMS:
		say(t, "the certificate must be one of ");
		say_ems(t, m, m->c.device.ems);
		say(t, ", where the device is registered: re-register the endpoint");
		break;
	case POLICY_CHANGE_SERIAL:
		say_serial(t, m);
		break;
	case POLICY_CHANGE_REISSUE:
		say(t, "the certificate is revoked, EMS must issue another: re-register the "
		       "endpoint");
		break;
	case POLICY_CHANGE_REGISTER:
		say(t, "the device must be registered with EMS");
		break;
	case POLICY_CHANGE_ONLINE:
		say(t, "the device must be online at EMS: check the endpoint's connection to it");
		break;
	case POLICY_CHANGE_UNQUARANTINE:
		say(t, "EMS must lift the device's quarantine");
		break;
	case POLICY_CHANGE_CONTACT:
		say_contact(t, m);
		break;
	case POLICY_CHANGE_TAGS:
		say(t, "EMS must tell the device's tags");
		break;
	case POLICY_CHANGE_TAG_ADD:
		say(t, "tag ");
		say_tag(t, m, c->arg);
		say(t, " on the device");
		break;
	case POLICY_CHANGE_TAG_REMOVE:
		say(t, "tag ");
		say_tag(t, m, c->arg);
		say(t, " gone from the device");
		break;
	case POLICY_CHANGE_SOURCE:
		say_source(t, m, policy_at(m, c->arg));
		break;
	case POLICY_CHANGE_MOVE:
		say(t, "policy %u moved above policy %u, which denies first",
		    policy_at(m, c->arg)->id, policy_at(m, c->above)->id);
		break;
	}
}

void explain_change_text(const struct explain_moment *m, const struct policy_advice *a,
			 const struct policy_change *c, char ret[static EXPLAIN_TEXT_MAX])
{
	struct text t = {.s = ret};

	(void)a;
	ret[0] = '\0';
	say_change(&t, m, c);
}

/* Of one kind only: a noun phrase that goes before "would let". */
static bool is_phrase(const struct policy_change *c)
{
	return c->kind == POLICY_CHANGE_TAG_ADD || c->kind == POLICY_CHANGE_TAG_REMOVE ||
	       c->kind == POLICY_CHANGE_SOURCE || c->kind == POLICY_CHANGE_MOVE;
}

void explain_advice_text(const struct explain_moment *m, const struct policy_advice *a,
			 char ret[static EXPLAIN_TEXT_MAX])
{
	struct text t = {.s = ret};
	const uint32_t id = policy_at(m, a->policy)->id;
	bool is_all_phrases = true;

	ret[0] = '\0';
	for (uint32_t i = 0; i < a->nb; i++) {
		const bool was_phrase = i > 0 && is_phrase(&a->change[i - 1]);

		if (i > 0)
			say(&t, "%s", was_phrase ? ", and " : "; then ");
		say_change(&t, m, &a->change[i]);
		is_all_phrases &= is_phrase(&a->change[i]);
	}
	if (a->nb > 0 && a->change[a->nb - 1].kind == POLICY_CHANGE_MOVE)
		say(&t, ",");
	say(&t, is_all_phrases ? " would let policy %u accept" : "; policy %u would then accept",
	    id);
}

void explain_no_advice_text(const struct explain_moment *m, const struct policy_advices *all,
			    char ret[static EXPLAIN_TEXT_MAX])
{
	const struct snap_config *config = m->config->config;
	const struct snap_access_proxy *ap = explain_arr(config, config->proxies);
	struct text t = {.s = ret};

	ret[0] = '\0';
	if (all->is_exhausted)
		say(&t, "no change was found in the time allowed; there may be one");
	else if (all->nb_service == 0)
		say(&t, "no policy covers this access proxy: one that accepts is needed");
	else if (all->nb_source == 0)
		say(&t, "no policy covers this access proxy from this source: one is needed");
	else
		say(&t, "nothing that the device could change would do: a policy must change");
	if (m->c.facts.proxy < config->proxies.count) {
		say(&t, " (");
		say_slice(&t, explain_str(config, ap[m->c.facts.proxy].name));
		say(&t, ")");
	}
}

const char *explain_outcome_remedy(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_TLS_CERT_REQUIRED:
		return "the client must show the certificate of a registered device: check that "
		       "its "
		       "endpoint agent has one and that the browser offered it";
	case OUTCOME_TLS_CERT_INVALID:
		return "the certificate must be one that the ZTNA CA of a connected EMS signed, in "
		       "its dates and for client authentication: re-register the endpoint, and "
		       "check "
		       "that EMS's CA is the one that is known here (tagwardenctl show ems)";
	case OUTCOME_TLS_CERT_REVOKED:
		return "the certificate is revoked, EMS must issue another: re-register the "
		       "endpoint";
	case OUTCOME_ZTNA_NO_GATEWAY:
		return "no API gateway of the access proxy takes this host and path: add one, or "
		       "ask "
		       "for another address (tagwardenctl show services)";
	case OUTCOME_ZTNA_NO_REAL_SERVER:
		return "no real server of the API gateway is up: check the servers (tagwardenctl "
		       "show "
		       "services)";
	default:
		return explain_is_policy(outcome)
			       ? NULL
			       : "nothing that a policy could do: the reason says what went wrong";
	}
}

const char *explain_serials_text(const struct explain_moment *m)
{
	if (m->c.facts.cert != POLICY_CERT_VERIFIED)
		return "no certificate was shown";
	if (!m->dev.is_known)
		return "EMS has not told of the device";
	if (cert_serial_is_zero(&m->dev.serial))
		return "EMS has issued no ZTNA certificate";
	return cert_serial_is_equal(&m->dev.serial, &m->c.facts.serial) ? "same" : "DIFFERENT";
}
