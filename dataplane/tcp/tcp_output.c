/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Segments out. Connections with something to send stand in one line; each may send a burst and
 * goes to the end of the line if it has more, so that a bulk transfer does not hold up the others,
 * and a connection with nothing to send costs nothing.
 *
 * Within a connection: an ACK that has something urgent to say (SACK), then what was lost, then
 * what is new, then an ACK if none of these carried it.
 */

#include "tcp/tcp_priv.h"

#include <rte_common.h>

#include <string.h>

#define BURST 16u
/* Segments of a turn's packets when the port cuts them: about as long on the wire as 64 KiB. */
#define BURST_TSO_SEGS 48u

/* One call's place to put packets. */
struct out {
	struct rte_mbuf **pkts;
	uint16_t nb, cap;
	uint16_t nb_joined; /* segments beyond the first of their packet */
	bool no_mem;
};

/* This turn is over. */
static bool is_full(const struct out *out)
{
	return out->nb == out->cap || out->nb + out->nb_joined >= BURST_TSO_SEGS;
}

/* The window that we offer, RFC 9293 3.8.6.2.2: the edge never moves back. */
static uint16_t select_wnd(struct tcp_conn *c)
{
	const uint32_t limit =
		tcp_is_rx_scarce(c->st) ? RTE_MIN(c->rcv_limit, TCP_SCARCE_RCV_WND) : c->rcv_limit;
	const uint32_t room = limit > c->rcvq_bytes ? limit - c->rcvq_bytes : 0;
	const uint32_t edge = c->rcv_nxt + room;

	if (seq_gt(edge, c->rcv_adv) && edge - c->rcv_adv >= RTE_MIN(c->rcv_limit / 2, c->rcv_mss))
		c->rcv_adv = edge;
	const uint32_t wnd = c->rcv_adv - c->rcv_nxt;
	const uint32_t unit = 1u << c->rcv_wscale;
	uint32_t field = (wnd + unit - 1) >> c->rcv_wscale;

	/*
	 * Rounded up, so that the edge does not seem to move back; but a trickle of small segments
	 * that nobody reads would push it on for ever, so once that has given a unit away, down
	 * (RFC 7323 2.4), and what was offered is still taken.
	 */
	if (seq_geq(c->rcv_nxt + (field << c->rcv_wscale), edge + unit))
		field = wnd >> c->rcv_wscale;
	if (field > UINT16_MAX)
		field = UINT16_MAX;
	c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt + (field << c->rcv_wscale));
	return (uint16_t)field;
}

static void fill_sacks(struct tcp_conn *c, struct tcp_opts *o)
{
	/* RFC 2883 4: the duplicate goes first. */
	if (c->flags & TCP_F_DSACK) {
		o->sacks[o->nb_sacks++] = c->rcv_dsack;
		c->flags &= ~TCP_F_DSACK;
	}
	for (unsigned i = 0; i < c->f->nb_rcv_sacks && o->nb_sacks < TCP_OPT_MAX_SACKS; i++)
		o->sacks[o->nb_sacks++] = c->f->rcv_sacks[i];
}

/* Everything that leaves a synchronized connection passes here: it acknowledges. */
static void emit(struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq, uint8_t flags, uint8_t ecn,
		 struct tcp_opts *o, uint64_t now_us)
{
	if (c->flags & TCP_F_ECE)
		flags |= TCP_ECE;
	if (c->flags & TCP_F_TS) {
		o->flags |= TCP_OPT_F_TS;
		o->tsval = tcp_ts_clock(now_us) + c->ts_off;
		o->tsecr = c->ts_recent;
	}
	tcp_emit_headers(c->st, &c->tuple, m,
			 &(struct tcp_hdr_fields){
				 .seq = seq,
				 .ack = c->rcv_nxt,
				 .wnd = select_wnd(c),
				 .flags = flags | TCP_ACK,
				 .ecn = ecn,
				 .opts = o,
			 });
	c->rcv_acked = c->rcv_nxt;
	c->flags &= ~(TCP_F_ACK_NOW | TCP_F_ACK_LATER);
	if (!(c->flags & TCP_F_MEM_WAIT) && c->rtx_mode != TCP_RTX_SYN)
		wheel_cancel(&c->st->wheel, &c->t_ack);
	tcp_count(c->st, OUTCOME_TCP_SEGS_OUT);
}

static struct rte_mbuf *alloc_out(struct tcp_conn *c, struct out *out)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->st->p.pool);

	if (m == NULL) {
		tcp_count(c->st, OUTCOME_MBUF_EXHAUSTED);
		out->no_mem = true;
		return NULL;
	}
	m->data_off = TCP_SEG_PAYLOAD_OFF;
	return m;
}

static void send_ack(struct tcp_conn *c, struct out *out, uint32_t seq, uint64_t now_us)
{
	struct rte_mbuf *m = alloc_out(c, out);
	struct tcp_opts o = {0};

	if (m == NULL)
		return;
	if (c->flags & TCP_F_SACK)
		fill_sacks(c, &o);
	emit(c, m, seq, 0, 0, &o, now_us);
	out->pkts[out->nb++] = m;
}

/* ---- SYN ---- */

static void send_syn(struct tcp_conn *c, struct out *out, uint64_t now_us)
{
	struct tcp_stack *st = c->st;
	struct rte_mbuf *m = alloc_out(c, out);

	if (m == NULL)
		return;
	const bool is_reply = c->state == TCP_S_SYN_RCVD;
	struct tcp_opts o = {.mss = (uint16_t)tcp_mss_of(st, &c->tuple), .wscale = c->rcv_wscale};

	/* A reply offers only what was offered, RFC 7323 2.2, 3.2, RFC 2018 2. */
	if (!is_reply || (c->flags & TCP_F_WSCALE))
		o.flags |= TCP_OPT_F_WSCALE;
	if (!is_reply || (c->flags & TCP_F_SACK))
		o.flags |= TCP_OPT_F_SACK_OK;
	if (!is_reply || (c->flags & TCP_F_TS)) {
		o.flags |= TCP_OPT_F_TS;
		o.tsval = tcp_ts_clock(now_us) + c->ts_off;
		o.tsecr = is_reply ? c->ts_recent : 0;
	}
	const uint8_t ecn = tcp_ecn_syn_flags(c);
	/* The window of a SYN is never scaled, RFC 7323 2.2. */
	const uint16_t wnd = (uint16_t)RTE_MIN(c->rcv_limit, UINT16_MAX);

	tcp_emit_headers(st, &c->tuple, m,
			 &(struct tcp_hdr_fields){
				 .seq = c->snd_una,
				 .ack = is_reply ? c->rcv_nxt : 0,
				 .wnd = wnd,
				 .flags = ecn | (is_reply ? TCP_SYN | TCP_ACK : TCP_SYN),
				 .opts = &o,
			 });
	if (is_reply) {
		c->rcv_adv = c->rcv_nxt + wnd;
		c->rcv_acked = c->rcv_nxt;
	}
	c->snd_nxt = c->snd_una + 1;
	if (c->rto_backoff == 0)
		c->last_tx_us = now_us;
	c->flags &= ~(TCP_F_SEND_SYN | TCP_F_ACK_NOW);
	c->rtx_mode = TCP_RTX_SYN;
	wheel_arm(&st->wheel, &c->t_ack, now_us + tcp_rto(c));
	tcp_count(st, OUTCOME_TCP_SEGS_OUT);
	out->pkts[out->nb++] = m;
}

/* ---- data ---- */

/* The port still holds the last transmission's headers, so this one needs its own buffer. */
static struct rte_mbuf *copy_seg(struct tcp_conn *c, const struct tcp_seg *g, struct out *out)
{
	struct rte_mbuf *m = alloc_out(c, out);

	if (m != NULL)
		memcpy((uint8_t *)m->buf_addr + TCP_SEG_PAYLOAD_OFF,
		       (const uint8_t *)g->m->buf_addr + g->off, g->len);
	return m;
}

static bool send_seg(struct tcp_conn *c, struct tcp_seg *g, struct out *out, uint64_t now_us)
{
	struct rte_mbuf *m = g->m;
	struct tcp_opts o = {0};
	uint8_t flags = 0, ecn = 0;

	if (rte_mbuf_refcnt_read(m) > 1) {
		m = copy_seg(c, g, out);
		if (m == NULL)
			return false;
	} else {
		rte_mbuf_refcnt_update(m, 1);
		m->data_off = g->off;
		m->next = NULL;
		m->nb_segs = 1;
	}
	m->data_len = g->len;
	m->pkt_len = g->len;
	if (g->flags & TCP_SEG_F_FIN)
		flags |= TCP_FIN;
	if (g->next == NULL && g->len > 0)
		flags |= TCP_PSH;
	if ((c->flags & TCP_F_ECN) && g->len > 0 && !(g->flags & TCP_SEG_F_SENT)) {
		ecn = TCP_IP_ECT0;
		flags |= tcp_ecn_data_flags(c);
	}
	emit(c, m, g->seq, flags, ecn, &o, now_us);
	out->pkts[out->nb++] = m;
	return true;
}

static bool is_cwnd_open(const struct tcp_conn *c, uint32_t len)
{
	const uint32_t pipe = tcp_pipe(c);

	return pipe == 0 || pipe + len <= c->cwnd || (c->flags & TCP_F_FORCE);
}

static struct tcp_seg *next_lost(struct tcp_conn *c)
{
	struct tcp_seg *g = c->f->rtx_hint != NULL ? c->f->rtx_hint : c->f->sndq_head;

	while (g != NULL && (g->flags & TCP_SEG_F_SENT) &&
	       (g->flags & (TCP_SEG_F_LOST | TCP_SEG_F_RTX)) != TCP_SEG_F_LOST)
		g = g->next;
	if (g != NULL && !(g->flags & TCP_SEG_F_SENT))
		g = NULL;
	c->f->rtx_hint = g;
	return g;
}

static void output_lost(struct tcp_conn *c, struct out *out, uint64_t now_us)
{
	while (c->f->nb_lost_pending > 0 && out->nb < out->cap) {
		struct tcp_seg *g = next_lost(c);

		if (g == NULL || !is_cwnd_open(c, g->len))
			return;
		tcp_pmtu_probe_lost(c, g->seq, now_us);
		/* The path's MTU may have shrunk since. */
		if (g->len > c->seg_cap && tcp_sndq_split(c, g, (uint16_t)c->seg_cap) < 0) {
			out->no_mem = true;
			return;
		}
		if (!send_seg(c, g, out, now_us))
			return;
		c->flags &= ~TCP_F_FORCE;
		tcp_recovery_sent(c, g, true, now_us);
	}
}

/*
 * How much of <g> the peer's window takes: all, none, or a part that is worth a segment of its
 * own (sender's side of silly window avoidance, RFC 9293 3.8.6.2.1).
 */
static uint32_t usable_wnd(const struct tcp_conn *c, const struct tcp_seg *g)
{
	const int32_t left = (int32_t)(c->snd_una + c->snd_wnd - g->seq);

	if (left >= (int32_t)g->len)
		return g->len;
	if (left <= 0)
		return 0;
	if ((uint32_t)left >= c->max_snd_wnd / 2 || (c->flags & TCP_F_OVERRIDE))
		return (uint32_t)left;
	return 0;
}

/* The first unsent segment, cut to what may leave now; NULL when nothing may. */
static struct tcp_seg *next_new(struct tcp_conn *c, struct out *out)
{
	struct tcp_seg *g = c->f->snd_next;

	if (g == NULL)
		return NULL;
	const bool is_fin = g->flags & TCP_SEG_F_FIN;

	if ((c->flags & TCP_F_MORE) && g->next == NULL && !is_fin && g->len < c->seg_cap)
		return NULL;
	const uint32_t len = RTE_MIN(usable_wnd(c, g), tcp_seg_limit(c, g));

	if ((len == 0 && g->len > 0) || !is_cwnd_open(c, len))
		return NULL;
	if (len < g->len && tcp_sndq_split(c, g, (uint16_t)len) < 0) {
		out->no_mem = true;
		return NULL;
	}
	return g;
}

/* RFC 5681 4.1: what was learnt about the path before a pause is stale. */
static void restart_after_idle(struct tcp_conn *c, uint64_t now_us)
{
	if (c->snd_una != c->snd_nxt || now_us - c->last_tx_us < tcp_rto(c))
		return;
	c->cwnd = RTE_MIN(c->cwnd, tcp_init_cwnd(c->mss));
	c->f->cubic.epoch_ms = 0;
}

static void account_new(struct tcp_conn *c, struct tcp_seg *g, uint64_t now_us)
{
	c->flags &= ~(TCP_F_FORCE | TCP_F_OVERRIDE);
	c->f->snd_next = g->next;
	if (c->snd_una == c->snd_nxt)
		c->f->rto_base_us = now_us;
	c->snd_nxt = seg_end(g);
	c->bytes_out += g->len;
	tcp_recovery_sent(c, g, false, now_us);
}

/* <first> and what may leave with it, <nb_max> segments at most, as one packet. */
static bool send_run(struct tcp_conn *c, struct tcp_seg *first, uint32_t nb_max, struct out *out,
		     uint64_t now_us)
{
	struct rte_mbuf *m = alloc_out(c, out);
	struct rte_mbuf *tail = m;
	struct tcp_seg *last, *g = first;
	struct tcp_opts o = {0};
	const uint16_t segsz = first->len;
	uint32_t nb = 0;
	uint8_t flags = 0;

	if (m == NULL)
		return false;
	do {
		last = g;
		tcp_tso_join(m, &tail, last);
		account_new(c, last, now_us);
		nb++;
		g = nb < nb_max ? next_new(c, out) : NULL;
	} while (g != NULL && tcp_tso_can_join(c, last, g));
	if (last->flags & TCP_SEG_F_FIN)
		flags |= TCP_FIN;
	if (last->next == NULL)
		flags |= TCP_PSH;
	emit(c, m, first->seq, flags, c->flags & TCP_F_ECN ? TCP_IP_ECT0 : 0, &o, now_us);
	if (nb > 1) {
		tcp_tso_mark(m, segsz);
		c->st->counters[OUTCOME_TCP_SEGS_OUT] += nb - 1;
		out->nb_joined += (uint16_t)(nb - 1);
	}
	out->pkts[out->nb++] = m;
	return true;
}

static void output_new(struct tcp_conn *c, struct out *out, uint64_t now_us)
{
	while (!is_full(out)) {
		if (c->flags & TCP_F_PATH_LOW)
			tcp_pmtu_try_probe(c, now_us);

		struct tcp_seg *g = next_new(c, out);

		if (g == NULL)
			return;
		restart_after_idle(c, now_us);

		const uint32_t nb_max = tcp_tso_segs(c, g);

		/*
		 * A run needs a buffer for its header, a segment alone has room for its own: when
		 * send queues hold the whole pool, only what is sent gives anything back.
		 */
		if (nb_max > 1 && send_run(c, g, nb_max, out, now_us))
			continue;
		if (!send_seg(c, g, out, now_us))
			return;
		account_new(c, g, now_us);
	}
}

static bool is_ack_urgent(const struct tcp_conn *c)
{
	/* Full segments have no room for SACK blocks, so these go ahead on their own. */
	return (c->flags & TCP_F_ACK_NOW) && (c->f->nb_rcv_sacks > 0 || (c->flags & TCP_F_DSACK));
}

static void conn_output(struct tcp_conn *c, struct out *out, uint64_t now_us)
{
	if (c->flags & TCP_F_SEND_SYN) {
		send_syn(c, out, now_us);
		return;
	}
	if (c->state <= TCP_S_SYN_SENT)
		return;
	if (c->flags & TCP_F_PROBE) {
		/* An old sequence number: the peer must answer with where it is. */
		c->flags &= ~TCP_F_PROBE;
		send_ack(c, out, c->snd_una - 1, now_us);
	}
	if (out->nb < out->cap && is_ack_urgent(c))
		send_ack(c, out, c->snd_nxt, now_us);
	if (c->state >= TCP_S_ESTABLISHED && c->state != TCP_S_TIME_WAIT) {
		if ((c->flags & TCP_F_FIN_WANTED) && tcp_sndq_fin(c) < 0)
			out->no_mem = true;
		if (c->f->dup_segs != 0)
			tcp_pipe_settle(c);
		if (c->f->frto != TCP_FRTO_NEW)
			output_lost(c, out, now_us);
		output_new(c, out, now_us);
		tcp_timer_rearm_rtx(c, now_us);
	}
	if (out->nb < out->cap && (c->flags & TCP_F_ACK_NOW))
		send_ack(c, out, c->snd_nxt, now_us);
}

static uint16_t output_ctl(struct tcp_stack *st, struct rte_mbuf **ret_pkts, uint16_t cap)
{
	uint16_t n = 0;

	while (n < cap && st->ctl_head != st->ctl_tail) {
		ret_pkts[n++] = st->ctl[st->ctl_head++ % TCP_CTL_RING];
		st->nb_tx_mbufs--;
		tcp_count(st, OUTCOME_TCP_SEGS_OUT);
	}
	return n;
}

uint16_t tcp_output(struct tcp_stack *st, struct rte_mbuf **ret_pkts, uint16_t cap, uint64_t now_us)
{
	/*
	 * While connections have something to send, replies that belong to none take half: a flood
	 * of SYNs must not hold up what was there before it.
	 */
	const bool is_busy = tcp_list_first(st, &st->outq) != NULL;
	uint16_t n = output_ctl(st, ret_pkts, is_busy ? cap / 2 : cap);
	struct tcp_conn *c;

	st->now_us = now_us;
	while (n < cap && (c = tcp_list_first(st, &st->outq)) != NULL) {
		struct out out = {.pkts = ret_pkts + n, .cap = RTE_MIN(BURST, (uint16_t)(cap - n))};

		tcp_list_remove(&st->outq, c, TCP_L_OUT);
		c->flags &= ~TCP_F_IN_OUTQ;
		conn_output(c, &out, now_us);
		n += out.nb;
		if (out.no_mem) {
			c->flags |= TCP_F_MEM_WAIT;
			wheel_arm(&st->wheel, &c->t_ack, now_us + TCP_MEM_RETRY_US);
		} else if (is_full(&out)) {
			tcp_conn_want_output(c);
		}
	}
	return n + output_ctl(st, ret_pkts + n, (uint16_t)(cap - n));
}
