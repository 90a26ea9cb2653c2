/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A connection's life and the calls of its owner.
 *
 *	            connect                      SYN (cookies: the third ACK)
 *	              |                            |
 *	              v        SYN                 v
 *	          [SYN_SENT] ----------------> [SYN_RCVD]
 *	              |                            |
 *	              | SYN+ACK                    | ACK of our SYN
 *	              v                            v
 *	              +-------> [ESTABLISHED] <----+
 *	       shutdown or close  |       |  FIN
 *	                          v       v
 *	         [FIN_WAIT_1] <---+       +---> [CLOSE_WAIT]
 *	   ACK of FIN |    | FIN                    | shutdown or close
 *	              v    v                        v
 *	    [FIN_WAIT_2]  [CLOSING]             [LAST_ACK]
 *	              |    |                        |
 *	          FIN |    | ACK of FIN             | ACK of FIN
 *	              v    v                        v
 *	           [TIME_WAIT] --- 2 MSL ------> [CLOSED]
 *
 *	SYN_* -> ESTABLISHED   tcp_conn_established()
 *	any   -> TIME_WAIT     tcp_conn_time_wait(): a compact entry once the owner has closed
 *	any   -> CLOSED        tcp_conn_die(): reset, timeout, refusal, LAST_ACK's end
 *
 * Invariants:
 *  (1) A connection is in the table unless TCP_F_DEAD; a dead one waits for its owner's close.
 *  (2) TCP_F_OWNED: connect or accept gave it out and neither close nor abort took it back. Only
 *      such a connection is on the ready list. One that is neither owned nor closed is embryonic:
 *      a handshake or the accept list holds it, and it is freed without a word.
 *  (3) tcp_conn_free() is the one way out, and leaves every list, timer and buffer.
 */

#include "tcp/tcp_priv.h"

#include <errno.h>

/* ---- events ---- */

void tcp_conn_event(struct tcp_conn *c, uint32_t events)
{
	c->events |= (uint8_t)events;
	if ((c->flags & TCP_F_OWNED) && !(c->flags & TCP_F_IN_READYQ) && c->events != 0) {
		tcp_list_append(&c->st->readyq, c, TCP_L_EVENT);
		c->flags |= TCP_F_IN_READYQ;
	}
}

struct tcp_conn *tcp_ready(struct tcp_stack *st, uint32_t *ret_events)
{
	struct tcp_conn *c = tcp_list_first(st, &st->readyq);

	if (c == NULL)
		return NULL;
	tcp_list_remove(&st->readyq, c, TCP_L_EVENT);
	c->flags &= ~TCP_F_IN_READYQ;
	*ret_events = c->events;
	c->events = 0;
	return c;
}

const struct tcp_conn *tcp_ready_next(const struct tcp_stack *st)
{
	return tcp_list_first(st, &st->readyq);
}

struct tcp_conn *tcp_accept(struct tcp_stack *st)
{
	struct tcp_conn *c = tcp_list_first(st, &st->acceptq);

	if (c == NULL)
		return NULL;
	tcp_list_remove(&st->acceptq, c, TCP_L_EVENT);
	c->flags &= ~TCP_F_IN_ACCEPTQ;
	c->flags |= TCP_F_OWNED;
	tcp_conn_event(c, 0);
	return c;
}

void tcp_conn_want_output(struct tcp_conn *c)
{
	if (c->flags & (TCP_F_IN_OUTQ | TCP_F_DEAD))
		return;
	tcp_list_append(&c->st->outq, c, TCP_L_OUT);
	c->flags |= TCP_F_IN_OUTQ;
}

/* ---- moves between states ---- */

void tcp_conn_enter_half_open(struct tcp_conn *c)
{
	c->flags |= TCP_F_HALF_OPEN;
	tcp_list_append(&c->st->half_open, c, TCP_L_EVENT);
	c->st->nb_half_open++;
}

void tcp_conn_leave_half_open(struct tcp_conn *c)
{
	c->flags &= ~TCP_F_HALF_OPEN;
	tcp_list_remove(&c->st->half_open, c, TCP_L_EVENT);
	c->st->nb_half_open--;
}

void tcp_conn_set_state(struct tcp_conn *c, enum tcp_state s)
{
	c->state = (uint8_t)s;
}

void tcp_conn_established(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_stack *st = c->st;

	tcp_conn_set_state(c, TCP_S_ESTABLISHED);
	if (c->flags & TCP_F_HALF_OPEN)
		tcp_conn_leave_half_open(c);
	c->flags &= ~TCP_F_SEND_SYN;
	c->cwnd = tcp_init_cwnd(c->mss);
	c->ssthresh = TCP_MAX_CWND;
	c->quick_acks = 16;
	c->rto_backoff = 0;
	c->last_rx_ms = tcp_ms(now_us);
	c->last_tx_us = now_us;
	c->drs_since_us = (uint32_t)now_us;
	c->rtx_mode = TCP_RTX_NONE;
	wheel_cancel(&st->wheel, &c->t_ack);
	if (c->flags & TCP_F_FIN_QUEUED) {
		/* Shut down before it was open. */
		tcp_conn_set_state(c, TCP_S_FIN_WAIT_1);
		tcp_conn_want_output(c);
	}
	tcp_timer_arm_life(c, now_us);
	if (c->flags & TCP_F_PASSIVE) {
		tcp_count(st, OUTCOME_TCP_ACCEPTED);
		tcp_list_append(&st->acceptq, c, TCP_L_EVENT);
		c->flags |= TCP_F_IN_ACCEPTQ;
	} else {
		tcp_count(st, OUTCOME_TCP_CONNECTED);
		tcp_conn_event(c, TCP_EV_CONNECTED | TCP_EV_WRITABLE);
	}
}

void tcp_conn_die(struct tcp_conn *c, int error)
{
	struct tcp_stack *st = c->st;

	if (!(c->flags & TCP_F_OWNED)) {
		tcp_conn_free(c);
		return;
	}
	if (c->flags & TCP_F_DEAD)
		return;
	tcp_table_remove(st, c->hash, tcp_conn_id(c));
	if (c->state != TCP_S_TIME_WAIT)
		st->nb_conns--;
	if (c->flags & TCP_F_IN_OUTQ)
		tcp_list_remove(&st->outq, c, TCP_L_OUT);
	if (c->flags & TCP_F_HALF_OPEN)
		tcp_conn_leave_half_open(c);
	c->flags &= ~TCP_F_IN_OUTQ;
	c->flags |= TCP_F_DEAD;
	wheel_cancel(&st->wheel, &c->t_ack);
	wheel_cancel(&st->wheel, &c->t_life);
	tcp_sndq_free(c);
	tcp_ooo_free(c);
	tcp_flight_drop(c);
	tcp_conn_set_state(c, TCP_S_CLOSED);
	c->error = (int16_t)error;
	tcp_conn_event(c, error != 0 ? TCP_EV_ERROR : TCP_EV_SENT_ALL);
}

static void become_compact(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_stack *st = c->st;
	const bool owes_ack = c->flags & TCP_F_ACK_NOW;
	const struct tcp_tw w = {
		.tuple = c->tuple,
		.hash = c->hash,
		.snd_nxt = c->snd_nxt,
		.rcv_nxt = c->rcv_nxt,
		.ts_recent = c->ts_recent,
		.ts_off = c->ts_off,
		.has_ts = c->flags & TCP_F_TS,
	};
	struct tcp_opts o = {.tsval = tcp_ts_clock(now_us) + w.ts_off, .tsecr = w.ts_recent};

	if (w.has_ts)
		o.flags = TCP_OPT_F_TS;
	tcp_conn_free(c);
	tcp_tw_add(st, &w, now_us);
	if (owes_ack)
		tcp_ctl_send(
			st, &w.tuple,
			&(struct tcp_hdr_fields){
				.seq = w.snd_nxt, .ack = w.rcv_nxt, .flags = TCP_ACK, .opts = &o});
}

void tcp_conn_time_wait(struct tcp_conn *c, uint64_t now_us)
{
	if (!(c->flags & TCP_F_OWNED)) {
		become_compact(c, now_us);
		return;
	}
	if (c->state == TCP_S_TIME_WAIT)
		return;
	tcp_conn_set_state(c, TCP_S_TIME_WAIT);
	c->st->nb_conns--;
	wheel_cancel(&c->st->wheel, &c->t_life);
	tcp_sndq_free(c);
	tcp_ooo_free(c);
	tcp_flight_drop(c);
}

void tcp_conn_start_fin(struct tcp_conn *c)
{
	if (c->flags & (TCP_F_FIN_QUEUED | TCP_F_DEAD))
		return;
	c->flags |= TCP_F_FIN_QUEUED | TCP_F_FIN_WANTED;
	c->flags &= ~TCP_F_MORE;
	if (c->state == TCP_S_ESTABLISHED)
		tcp_conn_set_state(c, TCP_S_FIN_WAIT_1);
	else if (c->state == TCP_S_CLOSE_WAIT)
		tcp_conn_set_state(c, TCP_S_LAST_ACK);
	tcp_conn_want_output(c);
}

void tcp_conn_send_rst(struct tcp_conn *c)
{
	tcp_ctl_send(c->st, &c->tuple,
		     &(struct tcp_hdr_fields){
			     .seq = c->snd_nxt,
			     .ack = c->rcv_nxt,
			     .flags = TCP_RST | TCP_ACK,
		     });
}

/* ---- the owner's calls ---- */

int tcp_connect(struct tcp_stack *st, const struct tcp_tuple *tuple, uint64_t now_us,
		struct tcp_conn **ret_conn)
{
	const uint32_t hash = tcp_tuple_hash(st, tuple);
	const uint32_t id = tcp_table_find(st, tuple, hash);
	uint32_t min_iss = 0;

	st->now_us = now_us;
	if (id != 0 &&
	    (id < st->tw_base || st->free_conns == 0 || !tcp_tw_reuse(st, id, now_us, &min_iss)))
		return -EADDRINUSE;
	struct tcp_conn *c = tcp_conn_alloc(st, tuple, hash);

	if (c == NULL)
		return -ENOMEM;
	c->snd_una = tcp_isn(st, tuple, now_us);
	if (min_iss != 0 && seq_lt(c->snd_una, min_iss))
		c->snd_una = min_iss;
	c->snd_nxt = c->snd_una;
	c->snd_end = c->snd_una + 1;
	c->ts_off = tcp_ts_offset(st, tuple);
	c->rcv_wscale = st->rcv_wscale;
	tcp_conn_set_mss(c, tcp_mss_of(st, tuple));
	tcp_conn_set_state(c, TCP_S_SYN_SENT);
	c->flags |= TCP_F_OWNED | TCP_F_SEND_SYN;
	tcp_conn_want_output(c);
	*ret_conn = c;
	return 0;
}

void tcp_shutdown(struct tcp_conn *c, uint64_t now_us)
{
	c->st->now_us = now_us;
	tcp_conn_start_fin(c);
}

void tcp_close(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_stack *st = c->st;

	st->now_us = now_us;
	if (c->flags & TCP_F_IN_READYQ)
		tcp_list_remove(&st->readyq, c, TCP_L_EVENT);
	c->flags &= ~(TCP_F_OWNED | TCP_F_IN_READYQ);
	c->flags |= TCP_F_ORPHAN;
	c->orphan_us = now_us;
	if ((c->flags & TCP_F_DEAD) || c->state == TCP_S_SYN_SENT) {
		tcp_conn_free(c);
		return;
	}
	if (c->state == TCP_S_TIME_WAIT) {
		become_compact(c, now_us);
		return;
	}
	if (c->rcvq_bytes > 0) {
		/* RFC 2525 2.17: the peer must not believe that its bytes were read. */
		tcp_count(st, OUTCOME_TCP_CLOSE_UNREAD);
		tcp_conn_send_rst(c);
		tcp_conn_free(c);
		return;
	}
	tcp_conn_start_fin(c);
	tcp_timer_arm_life(c, now_us);
}

void tcp_abort(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_stack *st = c->st;

	st->now_us = now_us;
	if (!(c->flags & TCP_F_DEAD)) {
		/*
		 * RFC 9293 3.10.5; and in the states where the RFC takes all to be sent, when that
		 * is not so: the peer would wait for the rest.
		 */
		if (c->state == TCP_S_SYN_RCVD || c->state == TCP_S_ESTABLISHED ||
		    c->state == TCP_S_FIN_WAIT_1 || c->state == TCP_S_FIN_WAIT_2 ||
		    c->state == TCP_S_CLOSE_WAIT ||
		    (c->state > TCP_S_CLOSE_WAIT && c->state < TCP_S_TIME_WAIT &&
		     (c->snd_nxt != c->snd_end || (c->flags & TCP_F_FIN_WANTED))))
			tcp_conn_send_rst(c);
	}
	c->flags &= ~TCP_F_OWNED;
	tcp_conn_free(c);
}

void tcp_conn_set_more(struct tcp_conn *c, bool more)
{
	if (more) {
		c->flags |= TCP_F_MORE;
		return;
	}
	c->flags &= ~TCP_F_MORE;
	if (c->f->snd_next != NULL)
		tcp_conn_want_output(c);
}

void tcp_conn_set_keepalive(struct tcp_conn *c, uint32_t idle_s)
{
	c->keep_idle_s = (uint16_t)RTE_MIN(idle_s, UINT16_MAX);
	c->keep_probes = 0;
	if (!(c->flags & TCP_F_DEAD))
		tcp_timer_arm_life(c, c->st->now_us);
}

void tcp_icmp_error(struct tcp_stack *st, const struct tcp_tuple *tuple, uint32_t seq, uint16_t mtu,
		    uint64_t now_us)
{
	const uint32_t id = tcp_table_find(st, tuple, tcp_tuple_hash(st, tuple));

	st->now_us = now_us;
	if (id == 0 || id >= st->tw_base)
		return;
	struct tcp_conn *c = &st->conns[id - 1];

	/* RFC 5927 4.1: only about something that is in flight. */
	if (seq_lt(seq, c->snd_una) || seq_geq(seq, c->snd_nxt))
		return;
	if (mtu != 0) {
		tcp_pmtu_too_big(c, seq, mtu, now_us);
		return;
	}
	/* RFC 5461 4.1: a hard error only while the connection is being opened. */
	if (c->state == TCP_S_SYN_SENT)
		tcp_conn_die(c, -EHOSTUNREACH);
}

/* ---- looking ---- */

void tcp_conn_set_user(struct tcp_conn *c, void *user)
{
	c->user = user;
	c->has_user = true;
}

void *tcp_conn_user(const struct tcp_conn *c)
{
	return c->has_user ? c->user : NULL;
}

void *tcp_conn_listener_user(const struct tcp_conn *c)
{
	return c->has_user ? NULL : c->user;
}

const struct tcp_tuple *tcp_conn_tuple(const struct tcp_conn *c)
{
	return &c->tuple;
}

enum tcp_state tcp_conn_state(const struct tcp_conn *c)
{
	return (enum tcp_state)c->state;
}

int tcp_conn_error(const struct tcp_conn *c)
{
	return c->error;
}

struct stream *tcp_conn_stream(struct tcp_conn *c)
{
	return &c->stream;
}

size_t tcp_conn_unacked(const struct tcp_conn *c)
{
	return c->f->sndq_bytes;
}

void tcp_conn_view(const struct tcp_conn *c, struct tcp_conn_view *ret)
{
	*ret = (struct tcp_conn_view){
		.tuple = c->tuple,
		.state = (enum tcp_state)c->state,
		.cwnd = c->cwnd,
		.ssthresh = c->ssthresh,
		.srtt_us = c->srtt_us,
		.rttvar_us = c->rttvar_us,
		.rto_us = (uint32_t)tcp_rto(c),
		.snd_wnd = c->snd_wnd,
		.rcv_wnd = tcp_rcv_wnd(c),
		.mss = c->mss,
		.mtu = tcp_conn_mtu(c),
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.retransmits = c->retransmits,
		.sndq_bytes = c->f->sndq_bytes,
		.rcvq_bytes = c->rcvq_bytes,
	};
}

const char *tcp_state_name(enum tcp_state s)
{
	static const char *const names[TCP_S__COUNT] = {
		[TCP_S_CLOSED] = "closed",           [TCP_S_LISTEN] = "listen",
		[TCP_S_SYN_SENT] = "syn-sent",       [TCP_S_SYN_RCVD] = "syn-received",
		[TCP_S_ESTABLISHED] = "established", [TCP_S_FIN_WAIT_1] = "fin-wait-1",
		[TCP_S_FIN_WAIT_2] = "fin-wait-2",   [TCP_S_CLOSE_WAIT] = "close-wait",
		[TCP_S_CLOSING] = "closing",         [TCP_S_LAST_ACK] = "last-ack",
		[TCP_S_TIME_WAIT] = "time-wait",
	};

	return (unsigned)s < TCP_S__COUNT ? names[s] : "unknown";
}
