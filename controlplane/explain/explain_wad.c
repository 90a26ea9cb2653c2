/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * `diagnose wad debug enable category policy`: how a request was matched, line by line. The data
 * plane writes no text; the request's record and what was known then are decided again, by the
 * same function, and told in the field's shapes (function names and line numbers are the field's
 * own and stand for nothing here).
 */

#include "debug/debug.h"
#include "explain/explain.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096u

struct wad {
	const struct record *r;
	struct explain_moment *m;
	const struct snap_config *config;
	struct debug_wad_who who;
	struct policy_world world;
	struct policy_verdict verdict;
	struct policy_trace trace;
	struct policy_trace_row row[ROWS_MAX];
	char client[IP_PORT_STRLEN], vip[IP_PORT_STRLEN];
};

#define SAY(w, level, function, line, ...)                                                         \
	debug_wad(DEBUG_L_##level, &(w)->who, function, line, __VA_ARGS__)

#define STR(config, s) (int)(s).len, (const char *)explain_str(config, s).ptr

static const struct snap_policy *policy_at(const struct wad *w, uint32_t i)
{
	return (const struct snap_policy *)explain_arr(w->config, w->config->policies) + i;
}

/* ---- what came in, and where it goes ---- */

static const struct snap_gateway *gateway_of(const struct wad *w,
					     const struct snap_access_proxy *ap)
{
	const struct snap_gateway *gw = explain_arr(w->config, ap->gateways);

	for (uint32_t i = 0; i < ap->gateways.count; i++)
		if (gw[i].id == w->r->gateway_id)
			return &gw[i];
	return NULL;
}

static void say_gateway(const struct wad *w)
{
	static const char *const service[] = {"http", "https", "tcp-forwarding"};
	const struct snap_access_proxy *ap = explain_arr(w->config, w->config->proxies);
	const struct snap_vhost *vhost = explain_arr(w->config, w->config->vhosts);
	char server[IP_PORT_STRLEN];

	ap += w->m->c.facts.proxy;
	const struct snap_gateway *gw = gateway_of(w, ap);
	SAY(w, INFO, "wad_vs_proxy_match_vhost", 2112, "6:%.*s: access proxy is %s",
	    STR(w->config, ap->name), w->vip);
	if (gw == NULL) {
		SAY(w, INFO, "wad_vs_proxy_match_gwy", 2319, "6:%.*s: %s", STR(w->config, ap->name),
		    w->r->outcome == OUTCOME_ZTNA_NO_GATEWAY ? "No gwy matched!"
							     : "no gwy was looked for");
		return;
	}
	const bool has_vhost = gw->vhost < w->config->vhosts.count;
	SAY(w, INFO, "wad_vs_proxy_match_gwy", 2319,
	    "6:%.*s: matching gwy by (%.*s) with vhost(%.*s).", STR(w->config, ap->name),
	    STR(w->config, gw->url_map), has_vhost ? (int)vhost[gw->vhost].name.len : 21,
	    has_vhost ? (const char *)explain_str(w->config, vhost[gw->vhost].name).ptr
		      : "_def_virtual_host_");
	SAY(w, INFO, "wad_vs_proxy_match_gwy", 2330, "6:%.*s: Matched gwy(%u) type(%s).",
	    STR(w->config, ap->name), gw->id, service[gw->service % 3]);
	if (w->r->server_port == 0)
		return;
	ip_port_emit(&w->r->server, w->r->server_port, server);
	SAY(w, INFO, "wad_http_vs_check_dst_ovrd", 864, "6:%.*s:%u: Found server: %s",
	    STR(w->config, ap->name), gw->id, server);
}

/* ---- the device ---- */

static void say_tags(const struct wad *w)
{
	const struct history_device *dev = &w->m->dev;
	const long long age = w->m->real_ms >= dev->tags_ms
				      ? (long long)(w->m->real_ms - dev->tags_ms) / 1000
				      : 0;

	if (!dev->has_tags) {
		SAY(w, INFO, "wad_ztna_dev_get_tags", 531, "tags of the device are not known");
		return;
	}
	for (uint32_t i = 0; i < dev->names_len;) {
		const size_t n = strnlen(dev->names + i, dev->names_len - i);

		SAY(w, VERBOSE, "wad_ztna_dev_get_tags", 540,
		    "tag=%.*s told=%llds before ems-id=%u", (int)n, dev->names + i, age,
		    dev->ems_id);
		i += (uint32_t)n + 1;
	}
}

static void say_device(const struct wad *w)
{
	const struct explain_moment *m = w->m;
	char uid[DEVICE_UID_STRLEN + 1], shown[CERT_SERIAL_STRLEN + 1];
	char known[CERT_SERIAL_STRLEN + 1];

	if (m->c.facts.cert != POLICY_CERT_VERIFIED) {
		SAY(w, INFO, "wad_ztna_dev_check", 402, "Device check: no client certificate");
		return;
	}
	device_uid_emit(&m->c.facts.uid, uid);
	cert_serial_emit(&m->c.facts.serial, shown);
	cert_serial_emit(&m->dev.serial, known);
	SAY(w, INFO, "wad_ztna_dev_check", 410, "Device check: uid=%s cert-sn=%s", uid, shown);
	if (!m->dev.is_known) {
		SAY(w, INFO, "wad_ztna_dev_check", 416, "Device check: EMS has not told of it");
		return;
	}
	SAY(w, INFO, "wad_ztna_dev_check", 423, "Device check: ems-sn=%s %s", known,
	    explain_serials_text(m));
	SAY(w, INFO, "wad_ztna_dev_check", 430,
	    "Device check: registered=%s online=%s quarantined=%s ems-connection=%s",
	    m->dev.flags & SNAP_DEV_REGISTERED ? "yes" : "no",
	    m->dev.flags & SNAP_DEV_ONLINE ? "yes" : "no",
	    m->dev.flags & SNAP_DEV_QUARANTINED ? "yes" : "no",
	    w->verdict.is_ems_online ? "online" : "offline");
	say_tags(w);
}

/* ---- the policies ---- */

static void say_row(const struct wad *w, const struct policy_trace_row *row)
{
	const struct snap_policy *p = policy_at(w, row->policy);
	const bool is_true = row->truth == POLICY_TRUE;
	char tree[EXPLAIN_TEXT_MAX];

	switch ((enum policy_step)row->step) {
	case POLICY_STEP_POLICY_SERVICE:
		SAY(w, VERBOSE, "wad_policy_match_proxy", 1204,
		    "policy-id=%u name=%.*s access proxy: %s", p->id, STR(w->config, p->name),
		    is_true ? "matched" : "not matched");
		break;
	case POLICY_STEP_POLICY_SOURCE:
		SAY(w, VERBOSE, "wad_policy_match_src", 1231,
		    "policy-id=%u source address and interface: %s", p->id,
		    is_true ? "matched" : "not matched");
		break;
	case POLICY_STEP_POLICY_TAGS:
		explain_tree_text(w->m, p->expr, row->truth != POLICY_UNKNOWN, tree);
		SAY(w, INFO, "wad_policy_match_dev_tags", 1277,
		    "policy-id=%u action=%s tags %s: %s", p->id,
		    p->action == SNAP_ACCEPT ? "accept" : "deny",
		    tree[0] != '\0' ? tree : "(none asked for)",
		    is_true ? "matched" : "not matched");
		break;
	default:
		break;
	}
}

static void say_result(const struct wad *w)
{
	const struct record *r = w->r;
	const bool is_accept = (r->flags & RECORD_F_ACCEPT) && !(r->flags & RECORD_F_CUT);

	if (r->policy_id == 0 && !is_accept) {
		SAY(w, INFO, "wad_http_req_check_policy", 772, "No policy matched!");
	} else {
		SAY(w, INFO, "wad_http_req_policy_set", 9413,
		    "match pid=%u policy-id=%u vd=0 in_if=%u, out_if=%u %s -> %s", r->policy_id,
		    r->policy_id, r->interface + 1,
		    r->back_interface == SNAP_NONE ? 0 : r->back_interface + 1, w->client, w->vip);
	}
	if (is_accept)
		SAY(w, INFO, "wad_http_req_policy_set", 9427, "request is accepted by policy-id=%u",
		    r->policy_id);
	else
		SAY(w, INFO, "wad_http_req_deny", 1518, "%s code=%03u: %s",
		    r->flags & RECORD_F_CUT ? "session is cut" : "request is denied", r->code,
		    outcome_text((enum outcome)r->outcome));
}

static void say_policies(const struct wad *w)
{
	const uint32_t nb = w->trace.nb < w->trace.cap ? w->trace.nb : w->trace.cap;

	if (!explain_is_decided(w->r))
		return;
	SAY(w, INFO, "wad_http_req_check_policy", 757, "starting policy matching(vs_pol=1): %s->%s",
	    w->client, w->vip);
	for (uint32_t i = 0; i < nb; i++)
		if (w->row[i].policy < w->config->policies.count)
			say_row(w, &w->row[i]);
}

static void say_all(struct wad *w)
{
	static const char digit[] = "0123456789abcdef";
	char id[33] = {0};

	for (unsigned i = 0; i < 16; i++) {
		id[2 * i] = digit[w->r->request_id[i] >> 4];
		id[2 * i + 1] = digit[w->r->request_id[i] & 15];
	}
	SAY(w, INFO, "wad_http_client_read_req", 2941, "Received request from client: %s id=%s",
	    w->client, id);
	if (w->config == NULL) {
		SAY(w, ERROR, "wad_http_req_check_policy", 741,
		    "the configuration of this request is gone");
		say_result(w);
		return;
	}
	say_gateway(w);
	say_device(w);
	say_policies(w);
	say_result(w);
}

void explain_wad(struct cp *cp, const struct record *r)
{
	struct wad *w = calloc(1, sizeof(*w));
	struct denial d;

	if (w == NULL)
		return;
	w->r = r;
	w->m = explain_moment_new();
	if (w->m == NULL)
		goto free_wad;
	/* Eight bytes of the id would not read well: a number like the field's. */
	w->who = (struct debug_wad_who){
		.session = r->session_id,
		.request = (uint64_t)r->request_id[0] << 16 | (uint64_t)r->request_id[1] << 8 |
			   r->request_id[2],
		.real_us = r->time_us,
	};
	w->trace = (struct policy_trace){.row = w->row, .cap = ROWS_MAX};
	ip_port_emit(&r->client, r->client_port, w->client);
	ip_port_emit(&r->vip, r->vip_port, w->vip);
	explain_note(cp, r, &d);
	if (explain_then(cp, &d, w->m)) {
		w->config = w->m->config->config;
		explain_settle(w->m);
		policy_case_decide(&w->world, w->config, &w->m->c, &w->verdict, &w->trace);
	}
	say_all(w);

free_wad:
	explain_moment_free(w->m);
	free(w);
}
