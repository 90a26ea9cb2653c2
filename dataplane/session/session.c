/* SPDX-License-Identifier: BSD-3-Clause */

/* Pools, the life of a session, and the worker's round over what is ready. */

#include "session/session_priv.h"
#include "tls/tls_sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define CERT_CACHE 4096u
#define MAX_SERVERS 1024u
/* Buffers: two per busy session; beyond this many busy ones sessions take turns. */
#define MAX_BUFS 8192u
#define MIN_BUFS 64u

static bool make_pools(struct session_worker *sw)
{
	const uint32_t n = sw->p.max_sessions;
	uint32_t nb_bufs = n * 2 < MAX_BUFS ? n * 2 : MAX_BUFS;
	uint32_t buckets = 16;

	if (nb_bufs < MIN_BUFS)
		nb_bufs = MIN_BUFS;
	while (buckets < n)
		buckets *= 2;
	sw->uid_mask = buckets - 1;
	sw->session = calloc(n, sizeof(*sw->session));
	sw->by_uid = calloc(buckets, sizeof(*sw->by_uid));
	sw->buf_pool = calloc(nb_bufs, sizeof(*sw->buf_pool));
	if (sw->session == NULL || sw->by_uid == NULL || sw->buf_pool == NULL)
		return false;
	for (uint32_t i = n; i-- > 0;) {
		sw->session[i].idx = i;
		LIST_INSERT_HEAD(&sw->unused, &sw->session[i], link);
	}
	for (uint32_t i = nb_bufs; i-- > 0;) {
		sw->buf_pool[i].next = sw->bufs;
		sw->bufs = &sw->buf_pool[i];
	}
	return true;
}

struct session_worker *session_worker_new(const struct session_params *params)
{
	struct session_worker *sw = calloc(1, sizeof(*sw));

	if (sw == NULL)
		return NULL;
	sw->p = *params;
	if (sw->p.max_sessions > sw->p.nb_rows)
		sw->p.max_sessions = sw->p.nb_rows;
	LIST_INIT(&sw->unused);
	LIST_INIT(&sw->live);
	TAILQ_INIT(&sw->again);
	wheel_init(&sw->wheel, 0);
	sw->next_id = params->worker + params->nb_workers;
	record_ring_init(&sw->ring, params->shm, params->worker);
	sw->tls = tls_worker_new(params->shm->secrets, CERT_CACHE);
	if (sw->tls != NULL && params->tls_sessions != NULL)
		tls_worker_use_sessions(sw->tls, params->tls_sessions, params->worker);

	const struct upstream_params up = {
		.max_conns = params->max_sessions + UPSTREAM_IDLE_MAX,
		.max_servers = MAX_SERVERS,
		.tcp = params->tcp,
		.wheel = &sw->wheel,
		.counters = params->counters,
		.pick_local = params->pick_local,
		.user = params->user,
	};
	sw->upstream = upstream_new(&up);
	if (sw->tls == NULL || sw->upstream == NULL || !make_pools(sw)) {
		session_worker_free(sw);
		return NULL;
	}
	return sw;
}

void session_worker_free(struct session_worker *sw)
{
	if (sw == NULL)
		return;
	while (!LIST_EMPTY(&sw->live))
		session_end(LIST_FIRST(&sw->live), true);
	service_free_all(sw);
	upstream_free(sw->upstream);
	tls_worker_free(sw->tls);
	free(sw->session);
	free(sw->by_uid);
	free(sw->buf_pool);
	free(sw->round_robin);
	free(sw);
}

struct buf *session_buf_get(struct session_worker *sw)
{
	struct buf *b = sw->bufs;

	if (b == NULL)
		return NULL;
	sw->bufs = b->next;
	b->off = 0;
	b->len = 0;
	return b;
}

void session_buf_put(struct session_worker *sw, struct buf **b)
{
	if (*b == NULL)
		return;
	(*b)->next = sw->bufs;
	sw->bufs = *b;
	*b = NULL;
}

void session_arm(struct session *s, uint64_t after_us)
{
	s->deadline_us = s->sw->now_us + after_us;
	if (!wheel_timer_is_armed(&s->deadline) ||
	    wheel_timer_deadline_us(&s->deadline) > s->deadline_us)
		wheel_arm(&s->sw->wheel, &s->deadline, s->deadline_us);
}

void session_again(struct session *s)
{
	if (s->is_again)
		return;
	s->is_again = true;
	s->sw->nb_again++;
	TAILQ_INSERT_TAIL(&s->sw->again, s, again_link);
}

struct session *session_open(struct session_worker *sw, struct tcp_conn *c)
{
	struct listener *l = tcp_conn_listener_user(c);
	struct session *s = LIST_FIRST(&sw->unused);

	if (s == NULL || l->service == NULL) {
		session_count(sw, OUTCOME_SESSION_FULL);
		return NULL;
	}

	struct tls_conn *tls = tls_conn_new(l->service->tls, tcp_conn_stream(c), SLICE_EMPTY);

	if (tls == NULL) {
		session_count(sw, OUTCOME_SESSION_FULL);
		return NULL;
	}
	LIST_REMOVE(s, link);
	*s = (struct session){
		.leg.kind = LEG_FRONT,
		.state = SESSION_HANDSHAKE,
		.idx = s->idx,
		.id = sw->next_id,
		.start_us = sw->now_us,
		.sw = sw,
		.listener = l,
		.tcp = c,
		.tls = tls,
		.names = l->service->names,
		.verdict.policy = SNAP_NONE,
		.verdict.posture = SNAP_NONE,
		.facts.source = tcp_conn_tuple(c)->remote,
		.deadline.kind = SESSION_TIMER_DEADLINE,
		.recheck.kind = SESSION_TIMER_RECHECK,
	};
	s->names->refs++;
	sw->next_id += sw->p.nb_workers;
	LIST_INSERT_HEAD(&sw->live, s, link);
	sw->nb_live++;
	tcp_conn_set_user(c, s);
	session_arm(s, sw->view.config->handshake_ms * 1000ull);
	session_count(sw, OUTCOME_SESSION_OPENED);
	evidence_row(s);
	return s;
}

void session_end(struct session *s, bool is_reset)
{
	struct session_worker *sw = s->sw;

	if (s->back != NULL)
		upstream_release(sw->upstream, s->back, false, sw->now_us);
	s->back = NULL;
	if (is_reset)
		tcp_abort(s->tcp, sw->now_us);
	else
		tcp_close(s->tcp, sw->now_us);
	tls_conn_free(s->tls);
	service_names_unref(&s->names);
	s->tls = NULL;
	s->tcp = NULL;
	session_buf_put(sw, &s->in);
	session_buf_put(sw, &s->from);
	decide_unindex(s);
	wheel_cancel(&sw->wheel, &s->deadline);
	wheel_cancel(&sw->wheel, &s->recheck);
	if (s->is_again) {
		TAILQ_REMOVE(&sw->again, s, again_link);
		sw->nb_again--;
	}
	s->is_again = false;
	evidence_row_clear(s);
	s->state = SESSION_FREE;
	LIST_REMOVE(s, link);
	LIST_INSERT_HEAD(&sw->unused, s, link);
	sw->nb_live--;
}

void session_step(struct session *s)
{
	/* A record that found no buffers half-way goes first; its errors show up below. */
	if (s->tls != NULL)
		(void)tls_conn_flush(s->tls);
	if (s->back != NULL && s->back->tls != NULL)
		(void)tls_conn_flush(s->back->tls);
	switch ((enum session_state)s->state) {
	case SESSION_HANDSHAKE:
		if (front_handshake(s))
			request_read(s);
		break;
	case SESSION_HEAD:
		request_read(s);
		break;
	case SESSION_CONNECT:
		request_connect(s);
		break;
	case SESSION_EXCHANGE:
		exchange_run(s);
		break;
	case SESSION_TUNNEL:
		tunnel_run(s);
		break;
	case SESSION_LINGER:
		front_drain(s);
		break;
	case SESSION_PULL: /* waits for EMS, not for bytes */
	case SESSION_FREE:
		break;
	}
}

uint64_t session_id_of(const struct tcp_conn *c, bool *ret_is_back)
{
	const struct leg *leg = tcp_conn_user(c);

	*ret_is_back = leg != NULL && leg->kind == LEG_BACK;
	if (leg == NULL)
		return 0;
	if (leg->kind == LEG_FRONT)
		return container_of(leg, const struct session, leg)->id;

	const struct session *s = container_of(leg, const struct upstream_conn, leg)->user;

	return s != NULL ? s->id : 0;
}

/* The client's TCP connection died. */
static void on_front_error(struct session *s)
{
	if (s->state == SESSION_EXCHANGE || s->state == SESSION_TUNNEL ||
	    s->state == SESSION_CONNECT) {
		session_count(s->sw, OUTCOME_CLIENT_ABORTED);
		evidence_request(s, OUTCOME_CLIENT_ABORTED, 0, 0);
	}
	session_end(s, true);
}

/*
 * What came is decrypted for all that are ready, then all are served (run_again(), in this same
 * run): each of the two keeps a core's instruction cache busy, and taking turns would have it load
 * both again for every request.
 */
static void on_front_ready(struct session *s)
{
	if (s->state != SESSION_HEAD || s->is_again || !front_has_room(s)) {
		session_step(s);
		return;
	}
	/* What is wrong shows up again in the step; a request may have waited for room alone. */
	if (request_fill(s) != -EAGAIN || s->in != NULL)
		session_again(s);
}

static void on_ready(struct session_worker *sw, struct tcp_conn *c, uint32_t events)
{
	struct leg *leg = tcp_conn_user(c);

	if (leg == NULL) /* let go of, or not accepted yet */
		return;
	if (leg->kind == LEG_BACK) {
		struct upstream_conn *back = container_of(leg, struct upstream_conn, leg);

		/* Its bytes may have been read, and it was given back, since the event. */
		if (back->user == NULL && !upstream_conn_is_quiet(back))
			upstream_on_idle_event(sw->upstream, back, sw->now_us);
		else if (back->user != NULL)
			session_step(back->user);
		return;
	}

	struct session *s = container_of(leg, struct session, leg);

	if (events & TCP_EV_ERROR)
		on_front_error(s);
	else
		on_front_ready(s);
}

/* Nothing moved for too long. Who was it that kept the others waiting? */
static void on_exchange_deadline(struct session *s)
{
	const bool is_upload = !s->x.req_done && s->in == NULL;
	const enum outcome why = is_upload            ? OUTCOME_HTTP_TIMEOUT
				 : !front_has_room(s) ? OUTCOME_CLIENT_STALLED
						      : OUTCOME_UPSTREAM_TIMEOUT;

	if (!s->x.res_started && why == OUTCOME_UPSTREAM_TIMEOUT) {
		request_retry(s, why);
		return;
	}
	if (!s->x.res_started && is_upload) {
		request_refuse(s, 408, why);
		return;
	}
	session_count(s->sw, why);
	evidence_request(s, why, 0, 0);
	session_end(s, true);
}

/* The session's time is up: what that means depends on what it waited for. */
static void on_deadline(struct session *s)
{
	struct session_worker *sw = s->sw;

	if (sw->now_us < s->deadline_us) { /* put off since */
		wheel_arm(&sw->wheel, &s->deadline, s->deadline_us);
		return;
	}
	switch ((enum session_state)s->state) {
	case SESSION_HANDSHAKE:
		session_count(sw, OUTCOME_TLS_TIMEOUT);
		session_end(s, true);
		break;
	case SESSION_HEAD:
		if (s->in != NULL && s->in->len > 0) {
			request_refuse(s, 408, OUTCOME_HTTP_TIMEOUT);
			break;
		}
		session_count(sw, OUTCOME_SESSION_IDLE);
		front_linger(s);
		break;
	case SESSION_PULL:
		s->facts.is_pulled = true;
		request_begin(s);
		break;
	case SESSION_EXCHANGE:
		on_exchange_deadline(s);
		break;
	case SESSION_CONNECT: /* its own timer is the connection's; this one waits for a buffer */
		session_arm(s, sw->view.config->upstream_ms * 1000ull);
		session_step(s);
		break;
	case SESSION_TUNNEL:
		session_count(sw, OUTCOME_SESSION_IDLE);
		evidence_request(s, OUTCOME_POLICY_ACCEPT, 0, 0);
		front_linger(s);
		break;
	case SESSION_LINGER:
		session_end(s, true);
		break;
	case SESSION_FREE:
		break;
	}
}

static void on_upstream_timer(struct session_worker *sw, struct upstream_conn *c)
{
	if (upstream_on_timer(sw->upstream, c, sw->now_us))
		request_retry(c->user, OUTCOME_UPSTREAM_TIMEOUT);
}

static void run_timers(struct session_worker *sw)
{
	struct wheel_timer *t;

	while ((t = wheel_pop(&sw->wheel, sw->now_us)) != NULL) {
		if (t->kind == UPSTREAM_TIMER_CONN)
			on_upstream_timer(sw, container_of(t, struct upstream_conn, timer));
		else if (t->kind == SESSION_TIMER_DEADLINE)
			on_deadline(container_of(t, struct session, deadline));
		else
			decide_again(container_of(t, struct session, recheck), 0);
	}
}

/* Its lines up to what is rarely touched, and a head's worth of what it has read. */
static void prefetch(const struct session *s)
{
	for (size_t off = 0; off < offsetof(struct session, http_host); off += 64)
		__builtin_prefetch((const uint8_t *)s + off);
	for (size_t off = 0; s->in != NULL && off < 256; off += 64)
		__builtin_prefetch((const uint8_t *)s->in + off);
}

/* Once over those that had more to do; they may queue themselves anew for the next run. */
static void run_again(struct session_worker *sw)
{
	for (uint32_t n = sw->nb_again; n > 0 && !TAILQ_EMPTY(&sw->again); n--) {
		struct session *s = TAILQ_FIRST(&sw->again);
		const struct session *next = TAILQ_NEXT(s, again_link);

		if (next != NULL)
			prefetch(next);
		TAILQ_REMOVE(&sw->again, s, again_link);
		sw->nb_again--;
		s->is_again = false;
		session_step(s);
	}
}

static void mail(struct session_worker *sw)
{
	struct rdv_mailbox *box = &sw->p.shm->rdv->mailbox[sw->p.worker];
	const uint64_t seq = atomic_load_explicit(&box->seq, memory_order_acquire);
	struct session *s;

	if (seq == atomic_load_explicit(&box->done, memory_order_relaxed))
		return;
	if (box->op == RDV_OP_KILL_SESSION) {
		LIST_FOREACH (s, &sw->live, link)
			if (s->id == box->arg)
				break;
		if (s != NULL)
			session_end(s, true);
	}
	/* pairs with the control plane's acquire: the mail has been acted on */
	atomic_store_explicit(&box->done, seq, memory_order_release);
}

static void set_gauges(struct session_worker *sw)
{
	struct feedback_worker *fw = sw->p.feedback;

	atomic_store_explicit(&fw->sessions, sw->nb_live, memory_order_relaxed);
	atomic_store_explicit(&fw->upstream_idle, upstream_nb_idle(sw->upstream),
			      memory_order_relaxed);
}

/* Certificates and tickets live by the wall clock; a second's grain is enough for them. */
static void set_time(struct session_worker *sw)
{
	struct timespec now;

	if (sw->now_us < sw->next_time_us)
		return;
	sw->next_time_us = sw->now_us + 500000;
	clock_gettime(CLOCK_REALTIME, &now);
	tls_worker_set_time(sw->tls, now.tv_sec);
	sw->wall_offset_us =
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 - sw->now_us;
}

/* The first lines of a session or server connection, which are looked at first. */
static void prefetch_owner(const struct tcp_conn *c)
{
	const uint8_t *leg = c != NULL ? tcp_conn_user(c) : NULL;

	for (size_t off = 0; leg != NULL && off < 256; off += 64)
		__builtin_prefetch(leg + off);
}

void session_worker_run(struct session_worker *sw, uint64_t now_us)
{
	struct tcp_conn *c;
	uint32_t events;

	sw->now_us = now_us;
	if (!sw->has_view)
		return;
	set_time(sw);
	while ((c = tcp_accept(sw->p.tcp)) != NULL) {
		struct session *s = session_open(sw, c);

		if (s == NULL)
			tcp_abort(c, now_us);
		else
			session_step(s);
	}
	while ((c = tcp_ready(sw->p.tcp, &events)) != NULL) {
		prefetch_owner(tcp_ready_next(sw->p.tcp));
		on_ready(sw, c, events);
	}
	run_again(sw);
	run_timers(sw);
	decide_sweep(sw);
	mail(sw);
	set_gauges(sw);
}

uint64_t session_worker_next_deadline(const struct session_worker *sw)
{
	if (!TAILQ_EMPTY(&sw->again) || sw->is_sweeping)
		return 0;
	return wheel_next_us(&sw->wheel);
}

int session_worker_adopt(struct session_worker *sw, const struct snap_view *view, uint64_t now_us)
{
	const bool is_first = !sw->has_view;
	int rc = 0;

	sw->now_us = now_us;
	if (is_first)
		wheel_init(&sw->wheel, now_us);
	/* The worker keeps it whole until this one was taken. */
	const struct snap_view before = sw->view;

	sw->view = *view;
	sw->has_view = true;
	if (is_first || sw->config_generation != view->root->config_generation)
		rc = service_adopt(sw, view, is_first ? NULL : &before);
	/*
	 * Those that surely changed at once; the rest, when it may have changed too, by the sweep.
	 */
	if (!is_first && (!snap_changes_since(view, sw->generation, decide_on_change, sw) ||
			  sw->decide_generation != view->root->decide_generation)) {
		sw->is_sweeping = true;
		sw->sweep_at = 0;
	}
	sw->decide_generation = view->root->decide_generation;
	sw->config_generation = view->root->config_generation;
	sw->generation = view->root->generation;
	return rc;
}
