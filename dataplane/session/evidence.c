/* SPDX-License-Identifier: BSD-3-Clause */

/* Records for the control plane's logs, and the rows that `show sessions` reads. */

#include "session/session_priv.h"

/* Of this run, by a look at the wall clock twice a second (session.c). */
static uint64_t wall_us(const struct session_worker *sw)
{
	return sw->now_us + sw->wall_offset_us;
}

static struct record *reserve(struct session_worker *sw)
{
	struct record *r = record_ring_reserve(&sw->ring);

	if (r == NULL)
		session_count(sw, OUTCOME_RECORD_DROPPED);
	return r;
}

static void commit(struct session_worker *sw)
{
	record_ring_commit(&sw->ring);
	session_count(sw, OUTCOME_RECORD_WRITTEN);
}

static void fill_who(struct record *r, const struct session *s)
{
	const struct tcp_tuple *t = tcp_conn_tuple(s->tcp);

	r->time_us = wall_us(s->sw);
	r->session_id = s->id;
	r->client = t->remote;
	r->client_port = t->remote_port;
	r->vip = t->local;
	r->vip_port = t->local_port;
	r->ems = s->facts.ems;
	r->cert_serial = s->facts.serial;
	r->uid = s->facts.uid;
	if (s->is_resumed)
		r->flags |= RECORD_F_RESUMED;
	if (s->has_device)
		r->flags |= RECORD_F_CLIENT_CERT | RECORD_F_HAS_DEVICE;
}

static void fill_decision(struct record *r, const struct session *s)
{
	const struct policy_verdict *v = &s->verdict;

	r->config_generation = s->config_generation;
	r->generation = s->decided_generation;
	r->interface = s->facts.interface;
	r->proxy = s->facts.proxy;
	r->policy = v->policy;
	r->policy_id = v->policy_id;
	r->posture = v->posture;
	if (v->posture != SNAP_NONE)
		r->flags |= RECORD_F_POSTURE;
	if (v->is_ems_online)
		r->flags |= RECORD_F_EMS_ONLINE;
	if (v->is_accept)
		r->flags |= RECORD_F_ACCEPT;
	if (v->is_log)
		r->flags |= RECORD_F_LOG;
}

/* Indices of a request that was not decided yet: those of the present configuration. */
static void fill_undecided(struct record *r, const struct session *s)
{
	const struct snap_view *v = &s->sw->view;
	const struct snap_access_proxy *ap = snap_arr(v, v->config->proxies);

	r->config_generation = v->root->config_generation;
	r->generation = v->root->generation;
	r->policy = SNAP_NONE;
	r->posture = SNAP_NONE;
	if (s->listener->service == NULL) {
		r->proxy = SNAP_NONE;
		r->interface = SNAP_NONE;
		return;
	}
	r->proxy = s->listener->service->proxy;
	r->interface = ap[r->proxy].interface;
	if (ap[r->proxy].log_blocked)
		r->flags |= RECORD_F_LOG;
}

static uint32_t back_interface(const struct session *s)
{
	const struct session_worker *sw = s->sw;

	if (s->x.server_port == 0)
		return SNAP_NONE;
	return sw->p.interface_of(sw->p.user, &s->x.server_addr);
}

void evidence_request(struct session *s, enum outcome why, uint16_t code, uint16_t extra_flags)
{
	struct record *r = reserve(s->sw);

	if (r == NULL)
		return;
	*r = (struct record){
		.kind = RECORD_TRAFFIC,
		.flags = extra_flags,
		.outcome = (uint16_t)why,
		.code = code,
		.duration_us = s->sw->now_us - s->x.start_us,
		.http_status = s->x.status,
		.back_interface = back_interface(s),
		.gateway_id = s->x.gateway_id,
		.server_id = s->x.server_id,
		.server = s->x.server_addr,
		.server_port = s->x.server_port,
		.client_in = s->x.client_in,
		.client_out = s->x.client_out,
		.server_out = s->x.server_out,
		.server_in = s->x.server_in,
	};
	memcpy(r->request_id, s->x.request_id, sizeof(r->request_id));
	fill_who(r, s);
	if (s->decided_generation != 0)
		fill_decision(r, s);
	else
		fill_undecided(r, s);
	/* A refusal that is not policy's has no policy, whatever was decided before it. */
	if (code == 0 && why != OUTCOME_POLICY_ACCEPT && !s->x.req_sent)
		r->flags &= (uint16_t)~RECORD_F_ACCEPT;
	commit(s->sw);
}

static uint16_t handshake_code(enum outcome why)
{
	switch (why) {
	case OUTCOME_TLS_CERT_INVALID:
		return 1;
	case OUTCOME_TLS_CERT_REQUIRED:
		return 2;
	case OUTCOME_TLS_CERT_REVOKED:
		return 63;
	default:
		return 0;
	}
}

void evidence_handshake(struct session *s, enum outcome why)
{
	struct record *r = reserve(s->sw);
	struct device_uid uid;
	struct cert_serial serial;

	if (r == NULL)
		return;
	*r = (struct record){
		.kind = RECORD_TRAFFIC,
		.outcome = (uint16_t)why,
		.code = handshake_code(why),
		.duration_us = s->sw->now_us - s->start_us,
		.back_interface = SNAP_NONE,
	};
	/* The client sees no page; the operator can still ask for this decision. */
	request_new_id(s->sw, r->request_id);
	fill_who(r, s);
	fill_undecided(r, s);
	/* Not verified: shown to the operator as what the client claimed. */
	if (tls_conn_shown_cert(s->tls, &uid, &serial)) {
		r->uid = uid;
		r->cert_serial = serial;
		r->flags |= RECORD_F_CLIENT_CERT | RECORD_F_HAS_DEVICE;
	}
	commit(s->sw);
}

void evidence_pull(struct session *s)
{
	struct record *r = reserve(s->sw);

	if (r == NULL)
		return;
	*r = (struct record){.kind = RECORD_DEVICE_PULL, .outcome = OUTCOME_DEVICE_PULL};
	fill_who(r, s);
	fill_undecided(r, s);
	commit(s->sw);
}

void evidence_health(struct session *s, bool is_up)
{
	struct record *r = reserve(s->sw);

	if (r == NULL)
		return;
	*r = (struct record){
		.kind = RECORD_HEALTH,
		.flags = is_up ? RECORD_F_ACCEPT : 0,
		.outcome = OUTCOME_UPSTREAM_CONNECT_FAILED,
		.server = s->x.server_addr,
		.server_port = s->x.server_port,
		.server_id = s->x.server_id,
		.gateway_id = s->x.gateway_id,
	};
	fill_who(r, s);
	fill_undecided(r, s);
	commit(s->sw);
}

static uint8_t row_state(const struct session *s)
{
	switch ((enum session_state)s->state) {
	case SESSION_HANDSHAKE:
		return 0;
	case SESSION_HEAD:
		return 1;
	case SESSION_TUNNEL:
		return 3;
	case SESSION_LINGER:
	case SESSION_FREE:
		return 4;
	default:
		return 2;
	}
}

/* Sequence lock: odd while it is written; the release pairs with the reader's acquire. */
static void row_begin(struct session_row *row)
{
	const uint64_t seq = atomic_load_explicit(&row->seq, memory_order_relaxed);

	atomic_store_explicit(&row->seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void row_end(struct session_row *row)
{
	const uint64_t seq = atomic_load_explicit(&row->seq, memory_order_relaxed);

	atomic_store_explicit(&row->seq, seq + 1, memory_order_release);
}

void evidence_row(struct session *s)
{
	struct session_row *row = &s->sw->p.rows[s->idx];
	const struct tcp_tuple *t = tcp_conn_tuple(s->tcp);

	row_begin(row);
	if (row->id != s->id) {
		row->id = s->id;
		row->start_ms = wall_us(s->sw) / 1000;
		row->client = t->remote;
		row->client_port = t->remote_port;
	}
	row->requests = s->nb_requests;
	row->bytes_in = s->bytes_in;
	row->bytes_out = s->bytes_out;
	row->server = s->x.server_addr;
	row->server_port = s->x.server_port;
	row->uid = s->facts.uid;
	row->has_device = s->has_device;
	row->ems = s->facts.ems;
	row->proxy = s->listener->service != NULL ? s->listener->service->proxy : SNAP_NONE;
	row->policy_id = s->verdict.policy_id;
	row->config_generation = s->sw->view.root->config_generation;
	row->decided_generation = s->decided_generation;
	row->tls13 = s->is_tls13;
	row->resumed = s->is_resumed;
	row->state = row_state(s);
	row_end(row);
}

void evidence_row_clear(struct session *s)
{
	struct session_row *row = &s->sw->p.rows[s->idx];

	row_begin(row);
	row->id = 0;
	row_end(row);
}
