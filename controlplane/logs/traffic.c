/* SPDX-License-Identifier: BSD-3-Clause */

/* One traffic record as a line. Pure. */

#include "common/base/ids.h"
#include "common/stats/outcome.h"
#include "logs/logs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A bounded line: what does not fit as a whole is left out, and nothing after it. */
struct line {
	char *buf;
	size_t cap, len;
	bool is_full;
	bool is_json;
};

static void put(struct line *l, const char *s, size_t n)
{
	if (l->is_full || l->len + n + 1 > l->cap) {
		l->is_full = true;
		return;
	}
	memcpy(l->buf + l->len, s, n);
	l->len += n;
	l->buf[l->len] = '\0';
}

static void put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* Quotes, backslashes and control bytes of other people's strings must not end the value. */
static void put_escaped(struct line *l, const char *s)
{
	for (; *s != '\0'; s++) {
		const unsigned char c = (unsigned char)*s;
		char esc[8];

		if (c == '"' || c == '\\') {
			put(l, "\\", 1);
			put(l, s, 1);
		} else if (c < 0x20 || c == 0x7f) {
			const int n = snprintf(esc, sizeof(esc), "\\u%04x", c);

			put(l, esc, n > 0 ? (size_t)n : 0);
		} else {
			put(l, s, 1);
		}
	}
}

static void begin_field(struct line *l, const char *key)
{
	if (l->is_json) {
		put_str(l, l->len > 1 ? ",\"" : "\"");
		put_str(l, key);
		put_str(l, "\":");
		return;
	}
	if (l->len > 0)
		put_str(l, " ");
	put_str(l, key);
	put_str(l, "=");
}

/* A field is whole or not there: on overflow the line ends before it. */
static void quoted(struct line *l, const char *key, const char *value)
{
	const size_t mark = l->len;

	begin_field(l, key);
	put_str(l, "\"");
	put_escaped(l, value);
	put_str(l, "\"");
	if (l->is_full)
		l->len = mark;
}

__attribute__((format(printf, 4, 5))) static void plain(struct line *l, const char *key,
							bool is_number, const char *fmt, ...)
{
	const size_t mark = l->len;
	char value[96];
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(value))
		return;
	begin_field(l, key);
	if (l->is_json && !is_number)
		put_str(l, "\"");
	put_str(l, value);
	if (l->is_json && !is_number)
		put_str(l, "\"");
	if (l->is_full)
		l->len = mark;
}

static void optional(struct line *l, const char *key, const char *value)
{
	if (value[0] != '\0')
		quoted(l, key, value);
}

static void put_time(struct line *l, const struct logs_traffic *t)
{
	const struct record *r = t->r;
	const time_t local = (time_t)(r->time_us / 1000000) + (time_t)t->utc_offset_s;
	const int64_t off = t->utc_offset_s < 0 ? -t->utc_offset_s : t->utc_offset_s;
	char tz[16];
	struct tm tm;

	gmtime_r(&local, &tm);
	plain(l, "date", false, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	plain(l, "time", false, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	plain(l, "eventtime", true, "%llu", (unsigned long long)r->time_us * 1000);
	(void)snprintf(tz, sizeof(tz), "%c%02d%02d", t->utc_offset_s < 0 ? '-' : '+',
		       (int)(off / 3600 % 100), (int)(off / 60 % 60));
	quoted(l, "tz", tz);
}

static void address(struct line *l, const char *key, const struct ip_addr *a)
{
	char text[IP_ADDR_STRLEN];

	ip_addr_emit(a, text);
	plain(l, key, false, "%s", text);
}

/* There is no geography here: everything is what the field calls Reserved. */
static void put_ends(struct line *l, const struct logs_traffic *t)
{
	const struct record *r = t->r;

	address(l, "srcip", &r->client);
	plain(l, "srcport", true, "%u", r->client_port);
	quoted(l, "srcintf", t->src_interface);
	quoted(l, "srcintfrole", t->src_role);
	quoted(l, "dstcountry", "Reserved");
	quoted(l, "srccountry", "Reserved");
	address(l, "dstip", &r->vip);
	plain(l, "dstport", true, "%u", r->vip_port);
	quoted(l, "dstintf", "root");
	quoted(l, "dstintfrole", "undefined");
	plain(l, "sessionid", true, "%llu", (unsigned long long)r->session_id);
}

static void put_service(struct line *l, const struct record *r)
{
	char service[16];

	(void)snprintf(service, sizeof(service), "tcp/%u", r->vip_port);
	quoted(l, "service", r->vip_port == 443 ? "HTTPS" : service);
	quoted(l, "proxyapptype", "http");
	plain(l, "proto", true, "6");
}

static bool is_accept(const struct record *r)
{
	return (r->flags & RECORD_F_ACCEPT) && !(r->flags & RECORD_F_CUT);
}

static void put_policy(struct line *l, const struct logs_traffic *t)
{
	const struct record *r = t->r;

	quoted(l, "action", is_accept(r) ? "accept" : "deny");
	plain(l, "policyid", true, "%u", r->policy_id);
	quoted(l, "policytype", "policy");
	if (r->policy_id != 0) {
		optional(l, "poluuid", t->policy_uuid);
		optional(l, "policyname", t->policy_name);
	}
	if (!is_accept(r)) {
		quoted(l, "trandisp", "dnat");
		address(l, "tranip", &r->vip);
		plain(l, "tranport", true, "%u", r->vip_port);
	}
	quoted(l, "appcat", "unscanned");
	plain(l, "duration", true, "%llu", (unsigned long long)(r->duration_us / 1000000));
	if (is_accept(r) && r->gateway_id != 0) {
		plain(l, "gatewayid", true, "%u", r->gateway_id);
		plain(l, "realserverid", true, "%u", r->server_id);
	}
	quoted(l, "vip", t->proxy);
	quoted(l, "accessproxy", t->proxy);
}

static void put_device(struct line *l, const struct logs_traffic *t)
{
	const struct record *r = t->r;
	const bool has_device = r->flags & RECORD_F_HAS_DEVICE;
	char uid[DEVICE_UID_STRLEN + 1];

	device_uid_emit(&r->uid, uid);
	if (has_device)
		quoted(l, "clientdeviceid", uid);
	quoted(l, "clientdevicemanageable", has_device ? "manageable" : "unknown");
	if (has_device) {
		optional(l, "clientdeviceems", t->ems_serial);
		optional(l, "clientdevicetags", t->tags);
	}
	quoted(l, "clientcert", r->flags & RECORD_F_CLIENT_CERT ? "yes" : "no");
	if (has_device)
		quoted(l, "emsconnection", r->flags & RECORD_F_EMS_ONLINE ? "online" : "offline");
}

/* The seed's sentence where it has one; its prefix with our reason elsewhere. */
static void put_msg(struct line *l, const struct record *r)
{
	char msg[256];

	switch (r->outcome) {
	case OUTCOME_POLICY_NO_MATCH:
	case OUTCOME_POLICY_NO_TAGS:
	case OUTCOME_ZTNA_POSTURE_STALE:
		quoted(l, "msg",
		       r->flags & RECORD_F_CUT
			       ? "Session ended because it no longer matches a policy"
			       : "Traffic denied because failed to match a policy or proxy-policy");
		return;
	case OUTCOME_POLICY_ACCEPT:
		return;
	default:
		(void)snprintf(msg, sizeof(msg), "%s because of: %s",
			       r->flags & RECORD_F_CUT ? "Session ended"
			       : is_accept(r)          ? "Traffic failed"
						       : "Traffic denied",
			       outcome_text((enum outcome)r->outcome));
		quoted(l, "msg", msg);
	}
}

static void put_bytes(struct line *l, const struct record *r)
{
	plain(l, "wanin", true, "%llu", (unsigned long long)r->server_in);
	plain(l, "rcvdbyte", true, "%llu", (unsigned long long)r->server_in);
	plain(l, "wanout", true, "%llu", (unsigned long long)r->server_out);
	plain(l, "lanin", true, "%llu", (unsigned long long)r->client_in);
	plain(l, "sentbyte", true, "%llu", (unsigned long long)r->client_in);
	plain(l, "lanout", true, "%llu", (unsigned long long)r->client_out);
}

/*
 * What the block page names, and `explain` takes. The field's format has no such thing: it stands
 * behind all of the field's own, so that whoever reads those by place or by name is not disturbed.
 */
static void put_request_id(struct line *l, const struct record *r)
{
	static const uint8_t none[sizeof(r->request_id)];
	char id[2 * sizeof(none) + 1];

	if (memcmp(r->request_id, none, sizeof(none)) == 0)
		return;
	for (unsigned i = 0; i < sizeof(none); i++)
		(void)snprintf(id + (size_t)2 * i, 3, "%02x", r->request_id[i]);
	quoted(l, "requestid", id);
}

static void put_fields(struct line *l, const struct logs_traffic *t)
{
	const struct record *r = t->r;

	put_time(l, t);
	quoted(l, "logid", "0005000024");
	quoted(l, "type", "traffic");
	quoted(l, "subtype", "ztna");
	quoted(l, "level", "notice");
	quoted(l, "vd", t->vdom);
	put_ends(l, t);
	put_service(l, r);
	put_policy(l, t);
	put_device(l, t);
	put_msg(l, r);
	put_bytes(l, r);
	if (r->flags & RECORD_F_HAS_DEVICE) {
		char uid[DEVICE_UID_STRLEN + 1];

		device_uid_emit(&r->uid, uid);
		quoted(l, "fctuid", uid);
	}
	/* The field's client reputation marks on a denial, with the values of the seed. */
	if (!is_accept(r)) {
		plain(l, "crscore", true, "30");
		plain(l, "craction", true, "13107");
		quoted(l, "crlevel", "high");
	}
	put_request_id(l, r);
}

size_t logs_traffic_keyvalue(const struct logs_traffic *t, char *buf, size_t cap)
{
	struct line l = {.buf = buf, .cap = cap};

	put_fields(&l, t);
	return l.len;
}

/* JSON has room for what the field's format does not: the reason code. */
static void put_extras(struct line *l, const struct record *r)
{
	plain(l, "code", true, "%u", r->code);
	quoted(l, "outcome", outcome_name((enum outcome)r->outcome));
	plain(l, "httpstatus", true, "%u", r->http_status);
}

size_t logs_traffic_json(const struct logs_traffic *t, char *buf, size_t cap)
{
	struct line l = {.buf = buf, .cap = cap - 1, .is_json = true};

	put_str(&l, "{");
	put_fields(&l, t);
	put_extras(&l, t->r);
	l.cap = cap;
	l.is_full = false;
	put_str(&l, "}");
	return l.len;
}
