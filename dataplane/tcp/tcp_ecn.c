/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Explicit congestion notification, RFC 3168: a router marks instead of dropping.
 *
 *	SYN        ECE, CWR       we ask (params.ecn), the first time only: a path that swallows
 *	                          such SYNs gets a plain one next (RFC 3168 6.1.1.1)
 *	SYN-ACK    ECE            agreed; both flags, or none, is no agreement: some send back what
 *	                          they were sent
 *	data       ECT(0)         new data alone, neither ACKs nor what is resent (6.1.4, 6.1.5)
 *	marked CE  -> ACKs carry ECE until a segment with CWR comes
 *	ECE        -> the window shrinks once per round trip, the next new data carries CWR
 *
 * The reduction is RFC 8511's, smaller than that for a loss: a queue that marks is a short one.
 * TCP_F_ECN: asked for in SYN_SENT, agreed after. TCP_F_ECE: we owe the peer the echo.
 */

#include "tcp/tcp_priv.h"

uint8_t tcp_ecn_syn_flags(struct tcp_conn *c)
{
	if (c->state == TCP_S_SYN_RCVD)
		return c->flags & TCP_F_ECN ? TCP_ECE : 0;
	if (c->st->p.ecn != TCP_ECN_ASK || c->rto_backoff > 0) {
		c->flags &= ~TCP_F_ECN;
		return 0;
	}
	c->flags |= TCP_F_ECN;
	return TCP_ECE | TCP_CWR;
}

bool tcp_ecn_is_offered(const struct tcp_stack *st, const struct tcp_segin *s)
{
	const uint8_t both = TCP_ECE | TCP_CWR;

	/* A SYN that is ECN-capable itself comes through something that writes these bits. */
	return st->p.ecn != TCP_ECN_OFF && (s->flags & both) == both && s->ecn == 0;
}

void tcp_ecn_syn_ack_input(struct tcp_conn *c, const struct tcp_segin *s)
{
	if ((s->flags & (TCP_ECE | TCP_CWR)) != TCP_ECE)
		c->flags &= ~TCP_F_ECN;
}

void tcp_ecn_text_input(struct tcp_conn *c, const struct tcp_segin *s)
{
	if (!(c->flags & TCP_F_ECN))
		return;
	if (s->flags & TCP_CWR)
		c->flags &= ~TCP_F_ECE;
	if (s->ecn != TCP_IP_CE)
		return;
	tcp_count(c->st, OUTCOME_TCP_CE_IN);
	/* The sender should know at once, not with the second segment. */
	if (!(c->flags & TCP_F_ECE))
		c->flags |= TCP_F_ACK_NOW;
	c->flags |= TCP_F_ECE;
}

bool tcp_ecn_is_reduced(const struct tcp_conn *c)
{
	return c->f->ecn_reduced && seq_lt(c->snd_una, c->f->ecn_high);
}

void tcp_ecn_ack_input(struct tcp_conn *c, const struct tcp_segin *s, uint32_t delivered,
		       uint64_t now_us)
{
	struct tcp_flight *f = c->f;

	if (!(c->flags & TCP_F_ECN) || !(s->flags & TCP_ECE) || delivered == 0 ||
	    tcp_ecn_is_reduced(c))
		return;
	f->ecn_reduced = true;
	f->ecn_high = c->snd_nxt;
	f->ecn_cwr = true;
	f->has_history = true;
	/* RFC 3168 6.1.2: a loss in the same window has reduced it already. */
	if (f->rec != TCP_R_OPEN)
		return;
	tcp_count(c->st, OUTCOME_TCP_ECE_IN);
	c->ssthresh = c->st->cc->on_mark(c, now_us);
	c->cwnd = RTE_MIN(c->cwnd, c->ssthresh);
}

uint8_t tcp_ecn_data_flags(struct tcp_conn *c)
{
	if (!c->f->ecn_cwr)
		return 0;
	c->f->ecn_cwr = false;
	return TCP_CWR;
}
