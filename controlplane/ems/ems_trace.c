/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_trace.h"

#include "debug/debug.h"

#include <stdio.h>
#include <stdlib.h>

/* What the field's lines name and we do not have: constants that can be recognized. */
#define OUTGOING_INTERFACE 0u
#define VERIFY_PEER_METHOD 4u
#define LOCKED_MAX 500u /* records under one hold of the lock */
#define FAILED 17       /* the field's number for a call that failed */

static bool is_on(void)
{
	return debug_is_on(DEBUG_FCNACD);
}

#define LINE(label, ...) debug_line(DEBUG_FCNACD, label, __VA_ARGS__)

/* ---- VPN users ---- */

void ems_trace_vpn(const struct ems_conn *c, const struct ems_vpn *vpn)
{
	char uid[DEVICE_UID_STRLEN + 1], ip[IP_ADDR_STRLEN];
	struct state_ems_pin pin;

	if (!is_on())
		return;
	device_uid_emit(&vpn->uid, uid);
	ip_addr_emit(&vpn->ip, ip);
	/* The tenant is the connector's thread's to know; what was pinned is the state's. */
	if (!state_ems_pin(c->cp->state, c->id, &pin))
		pin = (struct state_ems_pin){.tenant_id = "00000000000000000000000000000000"};
	LINE("ec_daemon_submit_sock_call:49", "sent %zu,%zu", sizeof(*vpn), sizeof(*vpn));
	debug_more(DEBUG_FCNACD, "fcems_call_vpn_client_gateway_call:1151",
		   "VPN act %s (UID: %s, Interface: %s, IP: %s, VDom: %s, FortiProxy-SN: %s) "
		   "added to EMS %s(%s:%s)",
		   vpn->is_delete ? "disconnect" : "connect", uid, vpn->interface, ip, c->vdom,
		   c->gateway_sn, c->name, c->serial_number, pin.tenant_id);
}

/* ---- calls ---- */

static void trace_request(const char *text)
{
	char what[32];
	const size_t len = strlen(text);

	if (len == 0)
		return;
	(void)snprintf(what, sizeof(what), "request (%zu):", len);
	debug_payload(DEBUG_FCNACD, "ec_ez_worker_prep_data_url:98", what, text, len);
}

static void trace_url(const struct ems_conn *c, enum state_obj obj, const char *query)
{
	char port[8] = "";

	if (c->port != 443)
		(void)snprintf(port, sizeof(port), ":%u", c->port);
	LINE("ec_ez_worker_prep_data_url:184", "Full URL: https://%s%s/%s%s%s", c->host, port,
	     ems_objs[obj].entry, query[0] != '\0' ? "?" : "", query);
}

void ems_trace_submit(struct ems_conn *c, enum state_obj obj, const char *query, const char *json)
{
	ems_trace_complete(c);
	if (!is_on())
		return;
	c->traced |= 1u << obj;
	LINE("ec_ez_worker_base_prep_resolver:374", "Outgoing interface index %u for %u (%s).",
	     OUTGOING_INTERFACE, c->id, c->name);
	trace_request(json != NULL ? json : query);
	trace_url(c, obj, query);
	/* One callback checks every connector's EMS; its number here is the connector's. */
	LINE("ec_ez_worker_base_prep_ssl:423",
	     "verify peer method: %u, current ssl_cb: 0x%x, new ssl_cb: 0x%x", VERIFY_PEER_METHOD,
	     c->id, c->id);
	LINE("ec_ems_context_submit_work:519",
	     "Call submitted successfully.\n    obj-id: %u, desc: %s, entry: %s.", c->obj_id[obj],
	     ems_objs[obj].desc, ems_objs[obj].entry);
}

/*
 * The certificate of the connection that carried the call. The connection is kept between calls,
 * so that it may have been checked before; it has not changed since.
 */
static void trace_certificate(const struct ems_conn *c, bool is_good)
{
	if (c->status.fingerprint[0] == '\0')
		return;
	LINE("__get_ec_fctems_certificate_info:431", "ems cert ca_cn: %s", c->status.ca_cn);
	LINE("__get_ec_fctems_certificate_info:432", "ems cert fingerprint: %s",
	     c->status.fingerprint);
	LINE("__match_server_cert_key:487", "verify_peer_method: %u", VERIFY_PEER_METHOD);
	LINE("__match_server_cert_key:505", "ret=%d", is_good ? 1 : 0);
}

void ems_trace_answer(struct ems_conn *c, enum state_obj obj, bool is_transferred,
		      const struct ems_answer *a)
{
	if (!is_on() || (c->traced & 1u << obj) == 0)
		return;
	c->trace_answered |= 1u << obj;
	if (!is_transferred) {
		if (c->tls_why[0] != '\0')
			LINE("__match_server_cert_key:505", "ret=0 (%s)", c->tls_why);
		return;
	}
	trace_certificate(c, true);
	LINE("ec_ez_worker_process:368", "Processing call for obj-id: %u, entry: \"%s\"",
	     c->obj_id[obj], ems_objs[obj].entry);
	debug_payload(DEBUG_FCNACD, "ec_ez_worker_process:387", "reply:", a->body, a->len);
}

static void trace_end(struct ems_conn *c, enum state_obj obj, const char *error)
{
	ems_trace_forget(c, obj);
	LINE("_update_obj_stats:336", "Storing (%u, %s, %d)", c->obj_id[obj], c->name,
	     error == NULL ? 0 : FAILED);
	if (error == NULL)
		LINE("ec_ez_worker_process:475",
		     "Call completed successfully.\n    obj-id: %u, desc: \"%s\", entry: \"%s\".",
		     c->obj_id[obj], ems_objs[obj].desc, ems_objs[obj].entry);
	else
		LINE("ec_ez_worker_process:475",
		     "Call completed with failure.\n    obj-id: %u, desc: \"%s\", entry: \"%s\".\n"
		     "    error info: Error (-1@__generic_process_result_ex:205). Error: %s",
		     c->obj_id[obj], ems_objs[obj].desc, ems_objs[obj].entry, error);
}

void ems_trace_failed(struct ems_conn *c, enum state_obj obj, const char *what)
{
	char clean[STATE_ERR_STRLEN];
	size_t n = 0;

	if ((c->traced & 1u << obj) == 0)
		return;
	/* It may be EMS's own text, which must not go on in a line of its own. */
	for (; what[n] != '\0' && n + 1 < sizeof(clean); n++)
		clean[n] = (unsigned char)what[n] < 0x20 ? ' ' : what[n];
	clean[n] = '\0';
	trace_end(c, obj, clean);
}

void ems_trace_complete(struct ems_conn *c)
{
	for (unsigned i = 0; c->trace_answered != 0 && i < STATE_OBJ__COUNT; i++)
		if ((c->trace_answered & 1u << i) != 0)
			trace_end(c, (enum state_obj)i, NULL);
}

void ems_trace_forget(struct ems_conn *c, enum state_obj obj)
{
	c->traced &= ~(1u << obj);
	c->trace_answered &= ~(1u << obj);
}

/* ---- content ---- */

void ems_trace_unzipped(const json_t *data, const json_t *content)
{
	char *text;

	if (!is_on() || !json_is_true(json_object_get(data, "is_zipped")))
		return;
	/* EMS writes it compact and in this order too; the text itself is gone. */
	text = json_dumps(content, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text == NULL)
		return;
	debug_payload(DEBUG_FCNACD, "fcems_json_unzip:289", "unzipped:", text, strlen(text));
	free(text);
}

/* The user whose groups are no longer this device's, of the old record or the new. */
static struct slice left_user(const struct state *st, const struct state_sysinfo *s)
{
	const struct slice user = s->field[STATE_F_USER];
	struct state_device old;
	const bool is_known = state_device_find(st, &s->uid, &old);
	const struct slice was = is_known ? old.field[STATE_F_USER] : SLICE_EMPTY;

	if (was.len > 0 && (was.len != user.len || memcmp(was.ptr, user.ptr, user.len) != 0))
		return was;
	return (s->flags & SNAP_DEV_REGISTERED) == 0 ? user : SLICE_EMPTY;
}

static void trace_sysinfo(const struct state *st, const struct state_sysinfo *s)
{
	const struct slice user = left_user(st, s);
	char uid[DEVICE_UID_STRLEN + 1];

	device_uid_emit(&s->uid, uid);
	LINE("ec_rec_add:1133", "called (FTCL UID %s).", uid);
	LINE("ec_avatar_update:440", "called (FTCL UID %s).", uid);
	if (user.len > 0)
		LINE("ec_record_del_user_store:1649", "deleting user store for user %.*s, vfid:0",
		     (int)user.len, (const char *)user.ptr);
}

void ems_trace_records(struct ems_conn *c, const struct state_batch *b, uint32_t first_sysinfo,
		       uint32_t first_tags)
{
	char uid[DEVICE_UID_STRLEN + 1];

	if (!is_on())
		return;
	for (uint32_t i = first_sysinfo; i < b->nb_sysinfo; i += LOCKED_MAX) {
		cp_lock(c->cp);
		for (uint32_t k = i; k < b->nb_sysinfo && k < i + LOCKED_MAX; k++)
			if (!b->sysinfo[k].is_deleted)
				trace_sysinfo(c->cp->state, &b->sysinfo[k]);
		cp_unlock(c->cp);
	}
	for (uint32_t i = first_tags; i < b->nb_tags; i++) {
		device_uid_emit(&b->tags[i].uid, uid);
		LINE("ec_record_sync_tags_info_store:1419", "Received %u tags for %s with sn %s",
		     b->tags[i].nb_tags, uid, c->serial_number);
	}
}

/* ---- notifications ---- */

void ems_trace_frame(bool is_text, bool is_final, size_t len)
{
	LINE("__ws_writefunction_once:963", "received frame: opcode:%s, fin:%d, mask: 0, len: %zu.",
	     is_text ? "TEXT(1)" : "BINARY(2)", is_final, len);
}

void ems_trace_text(const char *text, size_t len)
{
	/* The field counts the terminating NUL. */
	LINE("fcems_ws_on_text:369", "WebSocket Recv(%zu): %.*s", len + 1, (int)len, text);
}

void ems_trace_update(const struct ems_conn *c, enum state_obj obj)
{
	LINE("ec_ems_context_update_call:393",
	     "Update didn't constitute a scheduled call for obj-id %u", c->obj_id[obj]);
}
