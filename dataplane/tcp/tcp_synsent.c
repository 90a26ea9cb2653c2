/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening: SYN in (passive), SYN_SENT's answers (active), and what both SYNs agree on. */

#include "tcp/tcp_priv.h"

#include <errno.h>

/* The peer's SYN says what it can do; we can do all of it. */
void tcp_apply_syn_opts(struct tcp_conn *c, const struct tcp_opts *o, uint64_t now_us)
{
	if (o->flags & TCP_OPT_F_TS) {
		c->flags |= TCP_F_TS | TCP_F_TS_RECENT;
		c->ts_recent = o->tsval;
		c->ts_recent_s = tcp_s(now_us);
	}
	if (o->flags & TCP_OPT_F_WSCALE) {
		c->flags |= TCP_F_WSCALE;
		c->snd_wscale = o->wscale;
	} else {
		c->rcv_wscale = 0;
	}
	if (o->flags & TCP_OPT_F_SACK_OK)
		c->flags |= TCP_F_SACK;
	/* RFC 9293 3.7.1: no option means 536. */
	tcp_conn_set_mss(c, o->mss != 0 ? o->mss : TCP_MIN_MSS);
}

void tcp_syn_accept(struct tcp_stack *st, struct tcp_segin *s, const struct tcp_listener *l,
		    uint32_t min_iss, uint64_t now_us)
{
	if (st->nb_half_open >= st->p.syn_backlog || st->free_conns == 0) {
		tcp_syncookie_send(st, s, now_us);
		return;
	}
	struct tcp_conn *c = tcp_conn_alloc(st, &s->tuple, s->hash);

	if (c == NULL)
		return;
	c->flags |= TCP_F_PASSIVE | TCP_F_SEND_SYN;
	tcp_conn_enter_half_open(c);
	c->user = l->user;
	c->rcv_nxt = s->seq + 1;
	c->snd_una = tcp_isn(st, &s->tuple, now_us);
	if (min_iss != 0 && seq_lt(c->snd_una, min_iss))
		c->snd_una = min_iss;
	c->snd_nxt = c->snd_una;
	c->snd_end = c->snd_una + 1;
	c->ts_off = tcp_ts_offset(st, &s->tuple);
	c->rcv_wscale = st->rcv_wscale;
	if (tcp_ecn_is_offered(st, s))
		c->flags |= TCP_F_ECN;
	tcp_apply_syn_opts(c, &s->opts, now_us);
	c->snd_wnd = s->wnd;
	c->max_snd_wnd = s->wnd;
	c->snd_wl1 = s->seq;
	tcp_conn_set_state(c, TCP_S_SYN_RCVD);
	tcp_conn_want_output(c);
}

static void take_window(struct tcp_conn *c, const struct tcp_segin *s)
{
	c->snd_wnd = s->wnd; /* not scaled: it is a SYN */
	c->max_snd_wnd = s->wnd;
	c->snd_wl1 = s->seq;
}

/* RFC 9293 3.10.7.3. */
void tcp_syn_sent_input(struct tcp_conn *c, struct tcp_segin *s, uint64_t now_us)
{
	const bool has_ack = s->flags & TCP_ACK;

	if (has_ack && (seq_leq(s->ack, c->snd_una) || seq_gt(s->ack, c->snd_nxt))) {
		tcp_count(c->st, OUTCOME_TCP_BAD_ACK);
		tcp_reply_rst(c->st, s);
		return;
	}
	if (s->flags & TCP_RST) {
		if (!has_ack)
			return;
		tcp_count(c->st, OUTCOME_TCP_RESET_IN);
		tcp_conn_die(c, -ECONNREFUSED);
		return;
	}
	if (!(s->flags & TCP_SYN))
		return;
	c->rcv_nxt = s->seq + 1;
	c->rcv_adv = c->rcv_nxt + RTE_MIN(c->rcv_limit, TCP_INIT_RCV_WND);
	tcp_apply_syn_opts(c, &s->opts, now_us);
	take_window(c, s);
	if (!has_ack) {
		/* Simultaneous open, RFC 9293 3.5 figure 7; nobody has answered about ECN. */
		c->flags &= ~TCP_F_ECN;
		tcp_conn_set_state(c, TCP_S_SYN_RCVD);
		c->flags |= TCP_F_SEND_SYN;
		tcp_conn_want_output(c);
		return;
	}
	c->snd_una = s->ack;
	tcp_ecn_syn_ack_input(c, s);
	if (c->rto_backoff == 0)
		tcp_rtt_sample(c, (uint32_t)(now_us - c->last_tx_us), now_us);
	c->flags |= TCP_F_ACK_NOW;
	tcp_conn_established(c, now_us);
	tcp_conn_want_output(c);
}
