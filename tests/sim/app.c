/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define REOPEN_US UINT64_C(7000000)
#define ZOMBIE_US UINT64_C(200000000)
#define PATIENCE_US UINT64_C(50000000) /* nobody may give up before */
#define TUPLE_PORT 80u

/* ---- opening ---- */

static void end_begin(struct sim *s, struct flow_end *e, const struct habits *h)
{
	*e = (struct flow_end){.habits = *h, .salt = (uint8_t)rng_next(&s->rng)};
}

void app_begin(struct sim *s, uint32_t i)
{
	struct flow *f = &s->flows[i];
	struct habits h[2];

	f->incarnation += f->nb_rounds > 0;
	for (unsigned k = 0; k < 2; k++)
		h[k] = scenario_habits(&s->rng, &s->sc);
	if (s->sc.is_bulk)
		h[!f->opener].to_send = 0;
	for (unsigned k = 0; k < 2; k++) {
		/* Bytes that come after a close make it a reset. */
		if (h[!k].to_send > 0 || f->is_simultaneous)
			h[k].closes_early = false;
		end_begin(s, &f->ends[k], &h[k]);
	}
	/* Of a peer that misbehaves nothing can be expected. */
	f->is_broken = s->sc.has_peer;
	f->ends[1].is_done = s->sc.has_peer;
	f->is_open = true;
	wire_open(&s->wire, i, s->now_us);
}

static void end_open(struct sim *s, uint32_t i, unsigned side)
{
	struct flow *f = &s->flows[i];
	struct flow_end *e = &f->ends[side];
	const struct tcp_tuple t = {f->addr[side], f->addr[!side], f->port[side], f->port[!side]};
	const int rc = tcp_connect(s->sides[side].st, &t, s->now_us, &e->conn);

	f->open_at_us[side] = UINT64_MAX;
	if (rc == -EADDRINUSE || rc == -ENOMEM) {
		e->conn = NULL;
		/* TIME-WAIT, or no connection is free. */
		if (f->incarnation == 0 && s->sc.params[side].max_conns > MAX_FLOWS)
			verdict_fail(&s->verdict, (int)i, "cannot open: %d", rc);
		f->open_at_us[side] = s->now_us + REOPEN_US;
		return;
	}
	if (rc < 0) {
		verdict_fail(&s->verdict, (int)i, "cannot open: %d", rc);
		return;
	}
	tcp_conn_set_keepalive(e->conn, e->habits.keepalive_s);
}

/* What an earlier incarnation has left in the way of the next. */
static bool has_zombie(const struct sim *s, unsigned side, const struct flow *f)
{
	for (uint32_t i = 0; i < MAX_ZOMBIES; i++) {
		const struct tcp_conn *c = s->sides[side].zombies[i].conn;

		if (c != NULL && tcp_conn_tuple(c)->local_port == f->port[side] &&
		    tcp_conn_tuple(c)->remote_port == f->port[!side])
			return true;
	}
	return false;
}

void app_open_due(struct sim *s)
{
	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		struct flow *f = &s->flows[i];

		for (unsigned k = 0; k < 2; k++) {
			if (f->open_at_us[k] > s->now_us)
				continue;
			if (!f->is_open && has_zombie(s, k, f)) {
				f->open_at_us[k] = s->now_us + 1000000;
				continue;
			}
			if (!f->is_open)
				app_begin(s, i);
			end_open(s, i, k);
		}
	}
}

/* ---- letting go ---- */

static void break_flow(struct flow *f)
{
	f->is_broken = true;
	for (unsigned k = 0; k < 2; k++) {
		/* It may never come to be accepted. */
		if (f->ends[k].conn == NULL)
			f->ends[k].is_done = true;
	}
}

static void end_let_go(struct sim *s, struct flow_end *e)
{
	e->conn = NULL;
	e->is_done = true;
	e->closed_us = s->now_us;
	s->progress++;
}

static void make_zombie(struct sim *s, unsigned side, struct tcp_conn *c)
{
	struct side *a = &s->sides[side];

	trace_note(&s->trace, s->now_us, -1, side, "a connection outlives its incarnation");
	tcp_conn_set_keepalive(c, 20);
	for (uint32_t i = 0; i < MAX_ZOMBIES; i++) {
		if (a->zombies[i].conn == NULL) {
			a->zombies[i].conn = c;
			a->zombies[i].until_us = s->now_us + ZOMBIE_US;
			return;
		}
	}
	tcp_abort(c, s->now_us);
}

static void run_zombies(struct sim *s, unsigned side)
{
	for (uint32_t i = 0; i < MAX_ZOMBIES; i++) {
		struct tcp_conn *c = s->sides[side].zombies[i].conn;
		struct slice in;

		if (c == NULL)
			continue;
		while ((in = stream_peek(tcp_conn_stream(c))).len > 0)
			stream_consume(tcp_conn_stream(c), in.len);
		if (tcp_conn_error(c) != 0 || stream_is_eof(tcp_conn_stream(c)))
			tcp_close(c, s->now_us);
		else if (s->now_us >= s->sides[side].zombies[i].until_us)
			tcp_abort(c, s->now_us);
		else
			continue;
		s->sides[side].zombies[i].conn = NULL;
	}
}

void app_lost_side(struct sim *s, unsigned side)
{
	memset(s->sides[side].zombies, 0, sizeof(s->sides[side].zombies));
	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		struct flow *f = &s->flows[i];

		if (!f->is_open || (f->ends[0].is_done && f->ends[1].is_done))
			continue;
		f->open_at_us[0] = f->open_at_us[1] = UINT64_MAX;
		f->ends[side].conn = NULL;
		f->ends[side].is_done = true;
		if (f->ends[!side].conn != NULL) {
			make_zombie(s, !side, f->ends[!side].conn);
			end_let_go(s, &f->ends[!side]);
		}
		break_flow(f);
	}
}

void app_let_go_all(struct sim *s)
{
	for (unsigned k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < MAX_ZOMBIES; i++) {
			if (s->sides[k].zombies[i].conn != NULL)
				tcp_abort(s->sides[k].zombies[i].conn, s->now_us);
			s->sides[k].zombies[i].conn = NULL;
		}
	}
}

/* ---- an end at work ---- */

static void write_some(struct flow_end *e, struct slice_mut room, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		room.ptr[i] = flow_pattern(e->salt, e->sent + i);
	stream_commit(tcp_conn_stream(e->conn), n);
	e->sent += n;
}

static void end_write(struct sim *s, struct flow_end *e)
{
	const struct habits *h = &e->habits;

	while (e->sent < h->to_send && s->now_us >= e->write_at_us) {
		struct slice_mut room = stream_reserve(tcp_conn_stream(e->conn));
		uint64_t n = h->to_send - e->sent;

		if (room.cap == 0)
			return;
		n = n < room.cap ? n : room.cap;
		if (h->write_max != 0 && n > h->write_max)
			n = rng_in(&s->rng, 1, h->write_max);
		write_some(e, room, n);
		if (h->write_pause_us != 0)
			e->write_at_us = s->now_us + rng_next(&s->rng) % h->write_pause_us;
		if (h->corks)
			tcp_conn_set_more(e->conn, !rng_one_in(&s->rng, 4));
	}
	if (e->sent == h->to_send && !e->is_shut) {
		if (h->corks)
			tcp_conn_set_more(e->conn, false);
		tcp_shutdown(e->conn, s->now_us);
		e->is_shut = true;
	}
}

static void read_bytes(struct sim *s, uint32_t flow, unsigned side, struct slice in, size_t n)
{
	struct flow_end *e = &s->flows[flow].ends[side];
	const uint8_t salt = s->flows[flow].ends[!side].salt;

	for (size_t i = 0; i < n; i++) {
		if (in.ptr[i] != flow_pattern(salt, e->recvd + i) &&
		    !(s->peer.is_on && (s->peer.traits & PEER_OVERLAP))) {
			verdict_fail(&s->verdict, (int)flow,
				     "side %u, flow %u: byte %" PRIu64 " is wrong", side, flow,
				     e->recvd + i);
			break;
		}
	}
	stream_consume(tcp_conn_stream(e->conn), n);
	e->recvd += n;
	s->progress += n;
	s->nb_bytes += n;
}

static void end_read(struct sim *s, uint32_t flow, unsigned side)
{
	struct flow_end *e = &s->flows[flow].ends[side], *peer = &s->flows[flow].ends[!side];
	struct stream *str = tcp_conn_stream(e->conn);

	while (s->now_us >= e->read_at_us) {
		const struct slice in = stream_peek(str);
		size_t n = in.len;

		if (n == 0)
			break;
		if (e->habits.read_pause_us != 0) {
			n = rng_in(&s->rng, 1, n);
			e->read_at_us = s->now_us + rng_next(&s->rng) % e->habits.read_pause_us;
		}
		read_bytes(s, flow, side, in, n);
		if (e->recvd >= e->habits.stall_at && !e->has_stalled) {
			e->has_stalled = true;
			e->read_at_us = s->now_us + e->habits.stall_us;
		}
	}
	if (!stream_is_eof(str) || e->has_seen_eof)
		return;
	e->has_seen_eof = true;
	s->progress++;
	if (!s->flows[flow].is_broken && (!peer->is_shut || e->recvd != peer->sent))
		verdict_fail(&s->verdict, (int)flow,
			     "side %u, flow %u: the end comes after %" PRIu64 " of %" PRIu64, side,
			     flow, e->recvd, peer->habits.to_send);
}

/*
 * A connection died. Fair when the peer let go of it in a way that may cost bytes, or when nothing
 * was heard for so long that giving up is what the RFCs ask for.
 */
static void end_died(struct sim *s, uint32_t flow, unsigned side)
{
	struct flow *f = &s->flows[flow];
	struct flow_end *e = &f->ends[side], *peer = &f->ends[!side];
	const struct wire_end *w = &s->wire.flows[flow].ends[side];
	const int error = tcp_conn_error(e->conn);
	const bool has_waited =
		s->now_us - w->heard_us >= PATIENCE_US || s->now_us - w->progress_us >= PATIENCE_US;
	const bool peer_gave_up =
		peer->closed_us != 0 && s->now_us - peer->closed_us >= PATIENCE_US;

	if (!f->is_broken && !(error == -ETIMEDOUT && has_waited && s->sc.is_hopeless) &&
	    !(error == -ECONNRESET && peer_gave_up) &&
	    /* A cookie, then an entry: our ACK of the first is wrong for the second. */
	    !(error == -ECONNRESET && s->wire.flows[flow].ends[!side].nb_iss > 1))
		verdict_fail(&s->verdict, (int)flow, "side %u, flow %u: the connection died: %s",
			     side, flow, strerror(-error));
	if (error == -ETIMEDOUT)
		s->nb_gave_up++;
	tcp_close(e->conn, s->now_us);
	end_let_go(s, e);
	break_flow(f);
}

static void end_run(struct sim *s, uint32_t flow, unsigned side)
{
	struct flow *f = &s->flows[flow];
	struct flow_end *e = &f->ends[side];

	if (e->conn == NULL)
		return;
	if (tcp_conn_error(e->conn) != 0) {
		end_died(s, flow, side);
		return;
	}
	if (tcp_conn_state(e->conn) < TCP_S_ESTABLISHED && tcp_conn_state(e->conn) != TCP_S_CLOSED)
		return;
	end_write(s, e);
	end_read(s, flow, side);
	if (e->recvd >= e->habits.abort_at) {
		tcp_abort(e->conn, s->now_us);
		end_let_go(s, e);
		break_flow(f);
	} else if (e->is_shut && (e->has_seen_eof || e->habits.closes_early)) {
		tcp_close(e->conn, s->now_us);
		end_let_go(s, e);
	}
}

/* Both ends are through: perhaps they do it again. */
static void flow_next(struct sim *s, uint32_t i)
{
	struct flow *f = &s->flows[i];

	if (!f->is_open || f->is_over || !f->ends[0].is_done || !f->ends[1].is_done)
		return;
	f->is_open = false;
	f->is_over = ++f->nb_rounds >= s->sc.nb_rounds;
	if (f->is_over) {
		f->is_open = true;
		return;
	}
	f->open_at_us[f->opener] = s->now_us + rng_in(&s->rng, 0, 200000);
}

void app_run(struct sim *s, unsigned side)
{
	for (uint32_t i = 0; i < s->sc.nb_flows; i++)
		end_run(s, i, side);
	run_zombies(s, side);
	for (uint32_t i = 0; side == 1 && i < s->sc.nb_flows; i++)
		flow_next(s, i);
}

void app_accept(struct sim *s, unsigned side)
{
	struct tcp_conn *c;

	while ((c = tcp_accept(s->sides[side].st)) != NULL) {
		const struct tcp_tuple *t = tcp_conn_tuple(c);
		uint32_t i = 0;

		while (i < s->sc.nb_flows && s->flows[i].port[!side] != t->remote_port)
			i++;
		if (i == s->sc.nb_flows) {
			tcp_abort(c, s->now_us); /* the flood's */
			continue;
		}
		struct flow *f = &s->flows[i];
		struct flow_end *e = &f->ends[side];

		if (!f->is_open || (f->is_broken && !s->sc.has_peer) || e->is_done ||
		    !wire_has_syn(&s->wire, i, side)) {
			make_zombie(s, side, c);
			continue;
		}
		if (e->conn != NULL) {
			verdict_fail(&s->verdict, (int)i, "accepted what nobody opened");
			tcp_abort(c, s->now_us);
			continue;
		}
		e->conn = c;
		tcp_conn_set_keepalive(c, e->habits.keepalive_s);
	}
}

bool app_is_finished(const struct sim *s)
{
	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		const struct flow *f = &s->flows[i];

		if (!f->is_over || !f->ends[0].is_done || !f->ends[1].is_done)
			return false;
	}
	return true;
}

static uint64_t earlier(uint64_t at, uint64_t now_us, uint64_t next)
{
	return at > now_us && at < next ? at : next;
}

uint64_t app_next_us(const struct sim *s)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		const struct flow *f = &s->flows[i];

		for (unsigned k = 0; k < 2; k++) {
			const struct flow_end *e = &f->ends[k];

			next = earlier(f->open_at_us[k], s->now_us, next);
			if (e->conn == NULL)
				continue;
			next = earlier(e->read_at_us, s->now_us, next);
			next = earlier(e->write_at_us, s->now_us, next);
		}
	}
	for (unsigned k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < MAX_ZOMBIES; i++) {
			if (s->sides[k].zombies[i].conn != NULL)
				next = earlier(s->sides[k].zombies[i].until_us, s->now_us, next);
		}
	}
	return next;
}
