/* SPDX-License-Identifier: BSD-3-Clause */

/* TCP connections, as their workers tell when they are asked. */

#include "config/config.h"
#include "rest/inquiry.h"
#include "rest/rest_priv.h"
#include "snap/publish.h"

#include <errno.h>
#include <string.h>

static void get_connections(const struct rest_req *req, struct rest_res *res);
static void get_connection(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_conn_routes[] = {
	{REST_GET, "/api/v1/connections", get_connections,
	 "TCP connections; ?address= ?port= ?state= ?limit= ?cursor=; follow next_cursor", true},
	{REST_GET, "/api/v1/connections/*", get_connection,
	 "one TCP connection: window, losses, timers, options, queues", true},
	{0},
};

#define ASK_MS 2000u
#define PAGE_MS 250u /* a page that took this long ends early: the cursor goes on */

static const char *const state_name[] = {
	[CONN_S_CLOSED] = "closed",           [CONN_S_LISTEN] = "listen",
	[CONN_S_SYN_SENT] = "syn-sent",       [CONN_S_SYN_RCVD] = "syn-received",
	[CONN_S_ESTABLISHED] = "established", [CONN_S_FIN_WAIT_1] = "fin-wait-1",
	[CONN_S_FIN_WAIT_2] = "fin-wait-2",   [CONN_S_CLOSE_WAIT] = "close-wait",
	[CONN_S_CLOSING] = "closing",         [CONN_S_LAST_ACK] = "last-ack",
	[CONN_S_TIME_WAIT] = "time-wait",
};

static const char *const recovery_name[] = {
	[CONN_R_OPEN] = "open",
	[CONN_R_RECOVERY] = "fast-recovery",
	[CONN_R_LOSS] = "loss",
};

static const char *const rtx_name[] = {
	[CONN_RTX_NONE] = "none",
	[CONN_RTX_RTO] = "retransmission",
	[CONN_RTX_TLP] = "tail-loss-probe",
	[CONN_RTX_REO] = "reordering",
	[CONN_RTX_PERSIST] = "zero-window-probe",
	[CONN_RTX_SYN] = "syn",
};

static const char *const range_name[] = {
	[CONN_RANGE_SACKED] = "sacked",    [CONN_RANGE_LOST] = "lost",
	[CONN_RANGE_RESENT] = "resent",    [CONN_RANGE_WAITS] = "unanswered",
	[CONN_RANGE_OOO] = "out-of-order",
};

#define NAME(table, i)                                                                             \
	((i) < sizeof(table) / sizeof((table)[0]) && (table)[i] != NULL ? (table)[i] : "unknown")

static json_t *number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

/* Nothing was measured, nothing is armed. */
static json_t *number_or_null(uint32_t n, uint32_t none)
{
	return n == none ? json_null() : number(n);
}

/* The index is of the configuration that the worker had: another one's names would mislead. */
static json_t *interface_json(struct cp *cp, const struct conn_row *r)
{
	struct publish_status ps;
	json_t *j = json_null();

	cp_lock(cp);
	if (cp->publish != NULL) {
		publish_status(cp->publish, &ps);
		if (ps.config_generation == r->config_generation &&
		    r->interface < cp->config->nb_interfaces)
			j = rest_cstr(cp->config->interfaces[r->interface].name);
	}
	cp_unlock(cp);
	return j;
}

/* What a list shows; all of it is in the detail too. */
static json_t *row_json(struct cp *cp, uint32_t worker, const struct conn_row *r)
{
	json_t *j = json_pack("{s:o,s:i,s:s,s:o,s:o,s:o,s:s,s:o,s:o}", "id",
			      json_sprintf("%u.%u.%u", worker, r->slot, r->generation), "worker",
			      (int)worker, "state", NAME(state_name, r->state), "local",
			      rest_endpoint(&r->local, r->local_port), "remote",
			      rest_endpoint(&r->remote, r->remote_port), "interface",
			      interface_json(cp, r), "opened_by",
			      r->state == CONN_S_TIME_WAIT && r->mss == 0 ? "unknown"
			      : r->flags & CONN_F_PASSIVE                 ? "peer"
									  : "us",
			      "session_id", r->session != 0 ? number(r->session) : json_null(),
			      "age_ms", number((uint64_t)r->age_ds * 100));

	json_object_set_new(j, "srtt_us", number_or_null(r->srtt_us, 0));
	json_object_set_new(j, "cwnd", number(r->cwnd));
	json_object_set_new(j, "in_flight", number(r->in_flight));
	json_object_set_new(j, "retransmits", number(r->retransmits));
	json_object_set_new(j, "send_queue", number(r->sndq_bytes));
	json_object_set_new(j, "receive_queue", number(r->rcvq_bytes));
	json_object_set_new(j, "bytes_in", number(r->bytes_in));
	json_object_set_new(j, "bytes_out", number(r->bytes_out));
	return j;
}

static json_t *options_json(const struct conn_row *r)
{
	const bool has_scale = r->flags & CONN_F_WSCALE;

	return json_pack("{s:b,s:b,s:o,s:o,s:i,s:i}", "timestamps", (r->flags & CONN_F_TS) != 0,
			 "sack", (r->flags & CONN_F_SACK) != 0, "send_window_scale",
			 has_scale ? json_integer(r->snd_wscale) : json_null(),
			 "receive_window_scale",
			 has_scale ? json_integer(r->rcv_wscale) : json_null(), "mss", (int)r->mss,
			 "segment_max", (int)r->seg_cap);
}

static json_t *timers_json(const struct conn_row *r)
{
	const char *life = r->state == CONN_S_TIME_WAIT ? "time-wait"
			   : r->flags & CONN_F_ORPHAN   ? "closing"
			   : r->keep_probes > 0         ? "keepalive-probe"
							: "keepalive";

	return json_pack("{s:{s:s,s:o},s:{s:o},s:{s:s,s:o}}", "retransmission", "purpose",
			 r->rtx_due_ms == CONN_NOT_ARMED ? "none" : NAME(rtx_name, r->rtx_mode),
			 "due_ms", number_or_null(r->rtx_due_ms, CONN_NOT_ARMED), "ack", "due_ms",
			 number_or_null(r->ack_due_ms, CONN_NOT_ARMED), "life", "purpose",
			 r->life_due_ms == CONN_NOT_ARMED ? "none" : life, "due_ms",
			 number_or_null(r->life_due_ms, CONN_NOT_ARMED));
}

static json_t *ranges_json(const struct inquiry_answer *a, bool is_ooo)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < a->nb_ranges; i++) {
		const struct conn_range *g = &a->range[i];

		if ((g->kind == CONN_RANGE_OOO) == is_ooo)
			json_array_append_new(
				list, json_pack("{s:o,s:o,s:s}", "begin", number(g->begin), "end",
						number(g->end), "what", NAME(range_name, g->kind)));
	}
	return list;
}

static json_t *sender_json(const struct inquiry_answer *a, const struct conn_row *r)
{
	json_t *j = json_pack(
		"{s:o,s:s,s:o,s:o,s:o}", "congestion",
		rest_string(r->congestion, strnlen(r->congestion, sizeof(r->congestion))),
		"recovery", NAME(recovery_name, r->recovery), "cwnd", number(r->cwnd), "ssthresh",
		number(r->ssthresh), "prior_cwnd", number_or_null(r->prior_cwnd, 0));

	json_object_set_new(j, "srtt_us", number_or_null(r->srtt_us, 0));
	json_object_set_new(j, "rttvar_us", number_or_null(r->srtt_us == 0 ? 0 : r->rttvar_us, 0));
	json_object_set_new(j, "min_rtt_us", number_or_null(r->min_rtt_us, 0));
	json_object_set_new(j, "rto_us", number(r->rto_us));
	json_object_set_new(j, "rto_backoff", number(r->rto_backoff));
	json_object_set_new(j, "unacked", number(r->unacked));
	json_object_set_new(j, "in_flight", number(r->in_flight));
	json_object_set_new(j, "sacked", number(r->sacked));
	json_object_set_new(j, "lost", number(r->lost));
	json_object_set_new(j, "resent", number(r->resent));
	json_object_set_new(j, "retransmits", number(r->retransmits));
	json_object_set_new(j, "reordering_seen", json_boolean(r->flags & CONN_F_REORDERING));
	json_object_set_new(j, "window", number(r->snd_wnd));
	json_object_set_new(j, "window_max", number(r->max_snd_wnd));
	json_object_set_new(j, "queue_bytes", number(r->sndq_bytes));
	json_object_set_new(j, "queue_segments", number(r->sndq_segs));
	json_object_set_new(j, "corked", json_boolean(r->flags & CONN_F_CORKED));
	json_object_set_new(j, "waits_for_buffers", json_boolean(r->flags & CONN_F_MEM_WAIT));
	json_object_set_new(j, "fin_queued", json_boolean(r->flags & CONN_F_FIN_QUEUED));
	json_object_set_new(j, "last_sent_ms", number(r->tx_ms));
	json_object_set_new(j, "ranges", ranges_json(a, false));
	return j;
}

static json_t *receiver_json(const struct inquiry_answer *a, const struct conn_row *r)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:b,s:o,s:o}", "window", number(r->rcv_wnd),
			 "window_limit", number(r->rcv_limit), "queue_bytes", number(r->rcvq_bytes),
			 "out_of_order_packets", number(r->nb_ooo), "fin_received",
			 (r->flags & CONN_F_FIN_RCVD) != 0, "last_received_ms", number(r->rx_ms),
			 "ranges", ranges_json(a, true));
}

static json_t *detail_json(struct cp *cp, uint32_t worker, const struct inquiry_answer *a)
{
	const struct conn_row *r = &a->row[0];
	json_t *j = row_json(cp, worker, r);

	json_object_set_new(j, "closed_by_owner", json_boolean(r->flags & CONN_F_ORPHAN));
	json_object_set_new(j, "session_leg",
			    r->session == 0                  ? json_null()
			    : r->flags & CONN_F_SESSION_BACK ? json_string("server")
							     : json_string("client"));
	json_object_set_new(j, "keepalive",
			    r->flags & CONN_F_KEEPALIVE
				    ? json_pack("{s:o,s:i}", "idle_s", number(r->keep_idle_s),
						"probes_unanswered", (int)r->keep_probes)
				    : json_null());
	json_object_set_new(j, "options", options_json(r));
	json_object_set_new(j, "timers", timers_json(r));
	json_object_set_new(j, "sender", sender_json(a, r));
	json_object_set_new(j, "receiver", receiver_json(a, r));
	return j;
}

/* ---- questions ---- */

static bool find_state(const char *name, uint8_t *ret)
{
	for (unsigned i = 0; i < CONN_S__COUNT; i++) {
		if (strcmp(name, state_name[i]) != 0)
			continue;
		*ret = (uint8_t)i;
		return true;
	}
	return false;
}

static bool read_filter(const struct rest_req *req, struct rdv_inquiry *q, struct rest_res *res)
{
	char text[64];

	if (rest_has_query(req, "address")) {
		if (!rest_query(req, "address", text, sizeof(text)) ||
		    ip_addr_parse(text, strlen(text), &q->addr) < 0) {
			rest_problem(res, 400, "address is no IP address.");
			return false;
		}
		q->filter |= RDV_FILTER_ADDR;
	}
	if (rest_has_query(req, "port")) {
		q->port = (uint16_t)rest_query_uint(req, "port", 0, 65535);
		if (q->port == 0) {
			rest_problem(res, 400, "port is a number from 1 to 65535.");
			return false;
		}
		q->filter |= RDV_FILTER_PORT;
	}
	if (rest_has_query(req, "state")) {
		if (!rest_query(req, "state", text, sizeof(text)) || !find_state(text, &q->state)) {
			rest_problem(res, 400,
				     "state is one of syn-sent, syn-received, established, "
				     "fin-wait-1, fin-wait-2, close-wait, closing, last-ack, "
				     "time-wait, closed.");
			return false;
		}
		q->filter |= RDV_FILTER_STATE;
	}
	return true;
}

static void tell_unanswered(struct rest_res *res, int rc)
{
	rest_problem(res, 503,
		     rc == -ESRCH ? "The data plane is not running, or has no such worker."
				  : "The worker did not answer. Try again.");
}

static uint32_t nb_workers(struct cp *cp)
{
	cp_lock(cp);

	const uint32_t nb = cp->shm.feedback != NULL ? cp->shm.fb_workers : 0;

	cp_unlock(cp);
	return nb;
}

/* The cursor is worker and slot in one number. */
static void get_connections(const struct rest_req *req, struct rest_res *res)
{
	static struct inquiry_answer a; /* the server's thread is the only one */
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	const uint64_t cursor = rest_query_uint(req, "cursor", 0, INT64_MAX);
	const uint64_t until_us = loop_now_us() + PAGE_MS * 1000;
	const uint32_t nb = nb_workers(req->cp);
	uint64_t worker = cursor >> 32;
	struct rdv_inquiry q = {.op = RDV_INQUIRY_LIST, .slot = (uint32_t)cursor};
	json_t *list;

	if (!read_filter(req, &q, res))
		return;
	if (nb == 0) {
		tell_unanswered(res, -ESRCH);
		return;
	}
	list = json_array();
	while (worker < nb && json_array_size(list) < limit && loop_now_us() < until_us) {
		const int rc = inquiry_ask(req->cp, (uint32_t)worker, &q, ASK_MS, &a);

		if (rc < 0) {
			json_decref(list);
			tell_unanswered(res, rc);
			return;
		}
		uint32_t i = 0;

		for (; i < a.nb_rows && json_array_size(list) < limit; i++)
			json_array_append_new(list, row_json(req->cp, (uint32_t)worker, &a.row[i]));
		if (i < a.nb_rows) {
			q.slot = a.row[i].slot; /* the next page begins with it */
		} else if (a.next == CONN_LAST || a.next <= q.slot) {
			worker++;
			q.slot = 0;
		} else {
			q.slot = a.next;
		}
	}
	res->json = json_pack("{s:o,s:o}", "connections", list, "next_cursor",
			      worker < nb ? json_integer((json_int_t)(worker << 32 | q.slot))
					  : json_null());
}

/* "0.17.3": worker, slot, generation. */
static bool parse_id(const char *s, uint32_t ret[static 3])
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t v = 0;
		size_t n = 0;

		for (; s[n] >= '0' && s[n] <= '9' && n < 10; n++)
			v = v * 10 + (uint64_t)(s[n] - '0');
		if (n == 0 || v > UINT32_MAX || s[n] != (i < 2 ? '.' : '\0'))
			return false;
		ret[i] = (uint32_t)v;
		s += n + 1;
	}
	return true;
}

static void get_connection(const struct rest_req *req, struct rest_res *res)
{
	static struct inquiry_answer a;
	struct rdv_inquiry q = {.op = RDV_INQUIRY_ONE};
	uint32_t id[3];
	int rc;

	if (!parse_id(req->arg, id)) {
		rest_problem(res, 400, "A connection's id is three numbers: 0.17.3.");
		return;
	}
	q.slot = id[1];
	q.generation = id[2];
	rc = inquiry_ask(req->cp, id[0], &q, ASK_MS, &a);
	if (rc == -ESRCH && nb_workers(req->cp) > 0)
		rest_problem(res, 404, "No such worker.");
	else if (rc < 0)
		tell_unanswered(res, rc);
	else if (a.nb_rows == 0)
		rest_problem(res, 404, "That connection is gone.");
	else
		res->json = detail_json(req->cp, id[0], &a);
}
