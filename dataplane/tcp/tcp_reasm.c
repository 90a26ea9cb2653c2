/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The receive queue: the mbufs that arrived, their headers cut off.
 *
 *	rcvq  in order, one chain by mbuf->next; the reader sees its first buffer
 *	ooo   out of order, whole packets sorted by sequence number, linked by rx_next()
 *
 * A held packet needs no fields of its own: what a driver uses on the way out (tx_offload) and a
 * receive hash are free while we own it.
 *
 * Memory is bounded three ways: bytes by the window, packets out of order by a count, all
 * connections together by params.max_rx_mbufs, where what is out of order may have three quarters.
 * Small segments are copied behind the one before, so that a flood of tiny ones cannot hold a
 * buffer each.
 */

#include "tcp/tcp_priv.h"

#include <rte_common.h>

#include <string.h>

#define DELACK_MIN_US UINT64_C(1000)
#define COALESCE_MAX 512u
#define OOO_FIN 1u

static struct rte_mbuf *rx_next(const struct rte_mbuf *m)
{
	return (struct rte_mbuf *)(uintptr_t)m->tx_offload;
}

static void rx_set_next(struct rte_mbuf *m, struct rte_mbuf *next)
{
	m->tx_offload = (uintptr_t)next;
}

static uint32_t rx_seq(const struct rte_mbuf *m)
{
	return m->hash.fdir.lo;
}

static uint32_t rx_end(const struct rte_mbuf *m)
{
	return m->hash.fdir.lo + m->pkt_len;
}

const struct rte_mbuf *tcp_ooo_next(const struct rte_mbuf *m)
{
	return rx_next(m);
}

void tcp_ooo_span(const struct rte_mbuf *m, uint32_t *ret_begin, uint32_t *ret_end)
{
	*ret_begin = rx_seq(m);
	*ret_end = rx_end(m);
}

static void rx_free(struct tcp_conn *c, struct rte_mbuf *m)
{
	c->st->nb_rx_mbufs -= m->nb_segs;
	c->f->nb_ooo--;
	m->tx_offload = 0;
	rte_pktmbuf_free(m);
}

/* Cut <n> bytes off the front; the first buffer stays, perhaps empty. */
static void cut_head(struct rte_mbuf *m, uint32_t n)
{
	m->pkt_len -= n;
	for (struct rte_mbuf *b = m; n > 0 && b != NULL; b = b->next) {
		const uint16_t k = (uint16_t)RTE_MIN(n, (uint32_t)b->data_len);

		b->data_off += k;
		b->data_len -= k;
		n -= k;
	}
}

/* Cut <n> bytes off the end; buffers stay, perhaps empty. */
static void cut_tail(struct rte_mbuf *m, uint32_t n)
{
	uint32_t left = m->pkt_len - n;

	m->pkt_len = left;
	for (struct rte_mbuf *b = m; b != NULL; b = b->next) {
		b->data_len = (uint16_t)RTE_MIN(left, (uint32_t)b->data_len);
		left -= b->data_len;
	}
}

static bool can_copy_behind(const struct rte_mbuf *tail, const struct rte_mbuf *m)
{
	return m->nb_segs == 1 && m->data_len <= COALESCE_MAX && RTE_MBUF_DIRECT(tail) &&
	       rte_mbuf_refcnt_read(tail) == 1 && rte_pktmbuf_tailroom(tail) >= m->data_len;
}

static void copy_behind(struct rte_mbuf *tail, const struct rte_mbuf *m)
{
	memcpy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len),
	       rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	tail->data_len += m->data_len;
}

/* <m>, counted in nb_rx_mbufs already, goes to the end of what the reader sees. */
static void append(struct tcp_conn *c, struct rte_mbuf *m)
{
	const uint32_t len = m->pkt_len;

	if (c->rcvq_tail != NULL && can_copy_behind(c->rcvq_tail, m)) {
		copy_behind(c->rcvq_tail, m);
		c->st->nb_rx_mbufs--;
		rte_pktmbuf_free(m);
	} else {
		if (c->rcvq_tail != NULL)
			c->rcvq_tail->next = m;
		else
			c->rcvq_head = m;
		while (m->next != NULL)
			m = m->next;
		c->rcvq_tail = m;
	}
	c->rcv_nxt += len;
	c->rcvq_bytes += len;
	c->bytes_in += len;
}

static void take_fin(struct tcp_conn *c)
{
	c->rcv_nxt++;
	c->flags |= TCP_F_FIN_RCVD;
}

/* ---- SACK blocks, most recent first (RFC 2018 4) ---- */

static void sack_add(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	struct tcp_range r = {start, end};
	unsigned kept = 0;
	struct tcp_range old[TCP_OPT_MAX_SACKS];

	for (unsigned i = 0; i < c->f->nb_rcv_sacks; i++) {
		const struct tcp_range s = c->f->rcv_sacks[i];

		if (seq_leq(s.start, r.end) && seq_geq(s.end, r.start)) {
			r.start = seq_lt(s.start, r.start) ? s.start : r.start;
			r.end = seq_max(s.end, r.end);
		} else {
			old[kept++] = s;
		}
	}
	c->f->rcv_sacks[0] = r;
	kept = RTE_MIN(kept, TCP_OPT_MAX_SACKS - 1u);
	memcpy(&c->f->rcv_sacks[1], old, kept * sizeof(old[0]));
	c->f->nb_rcv_sacks = (uint8_t)(kept + 1);
}

static void sack_prune(struct tcp_conn *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->f->nb_rcv_sacks; i++) {
		if (seq_gt(c->f->rcv_sacks[i].start, c->rcv_nxt))
			c->f->rcv_sacks[n++] = c->f->rcv_sacks[i];
	}
	c->f->nb_rcv_sacks = (uint8_t)n;
}

static void dsack_set(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	tcp_count(c->st, OUTCOME_TCP_DUPLICATE);
	if (c->flags & TCP_F_SACK) {
		c->rcv_dsack = (struct tcp_range){start, end};
		c->flags |= TCP_F_DSACK;
	}
}

/* ---- out of order ---- */

static struct rte_mbuf *ooo_find_before(struct tcp_conn *c, uint32_t seq)
{
	struct rte_mbuf *prev = NULL;
	struct rte_mbuf *m = c->f->ooo_head;

	/* Mostly the next one in sequence: begin where the last one went. */
	if (c->f->ooo_last != NULL && seq_leq(rx_seq(c->f->ooo_last), seq)) {
		prev = c->f->ooo_last;
		m = rx_next(prev);
	}
	while (m != NULL && seq_leq(rx_seq(m), seq)) {
		prev = m;
		m = rx_next(m);
	}
	return prev;
}

static uint32_t max_ooo(const struct tcp_conn *c)
{
	return c->st->p.rcv_buf / TCP_MIN_MSS + 64;
}

/* Unlink and free what follows <prev> while [.., end) covers it. */
static void ooo_drop_covered(struct tcp_conn *c, struct rte_mbuf *prev, uint32_t end)
{
	for (;;) {
		struct rte_mbuf *m = prev != NULL ? rx_next(prev) : c->f->ooo_head;

		if (m == NULL || seq_gt(rx_end(m), end))
			return;
		if (prev != NULL)
			rx_set_next(prev, rx_next(m));
		else
			c->f->ooo_head = rx_next(m);
		if (c->f->ooo_last == m)
			c->f->ooo_last = prev;
		rx_free(c, m);
	}
}

static void ooo_link(struct tcp_conn *c, struct rte_mbuf *prev, struct rte_mbuf *m)
{
	if (prev != NULL) {
		rx_set_next(m, rx_next(prev));
		rx_set_next(prev, m);
	} else {
		rx_set_next(m, c->f->ooo_head);
		c->f->ooo_head = m;
	}
	c->f->ooo_last = m;
	c->f->nb_ooo++;
	c->st->nb_rx_mbufs += m->nb_segs;
}

/* <s>->m holds text alone, [seq, seq + pkt_len), all of it beyond rcv_nxt and in the window. */
static void ooo_insert(struct tcp_conn *c, struct tcp_segin *s, uint32_t seq, bool fin)
{
	struct tcp_stack *st = c->st;
	struct rte_mbuf *m = s->m;
	uint32_t end = seq + m->pkt_len;

	c->flags |= TCP_F_ACK_NOW;
	if (c->f->nb_ooo >= max_ooo(c) ||
	    (st->p.max_rx_mbufs != 0 &&
	     st->nb_rx_mbufs + m->nb_segs > st->p.max_rx_mbufs / 4 * 3)) {
		tcp_count(st, OUTCOME_TCP_OOO_FULL);
		return;
	}
	if (!tcp_flight_need(c))
		return;
	struct rte_mbuf *prev = ooo_find_before(c, seq);

	if (prev != NULL && seq_geq(rx_end(prev), end) && !fin) {
		dsack_set(c, seq, end);
		return;
	}
	tcp_count(st, OUTCOME_TCP_OUT_OF_ORDER);
	if (prev != NULL && seq_gt(rx_end(prev), seq)) {
		const uint32_t n = RTE_MIN(rx_end(prev) - seq, m->pkt_len);

		cut_head(m, n);
		seq += n;
	}
	ooo_drop_covered(c, prev, end);
	struct rte_mbuf *next = prev != NULL ? rx_next(prev) : c->f->ooo_head;

	if (next != NULL && seq_lt(rx_seq(next), end)) {
		cut_tail(m, end - rx_seq(next));
		end = rx_seq(next);
		fin = false;
	}
	if (end + fin != seq)
		sack_add(c, seq, end + fin); /* a FIN has a sequence number too */
	if (prev != NULL && !fin && rx_end(prev) == seq && prev->nb_segs == 1 &&
	    prev->hash.fdir.hi == 0 && can_copy_behind(prev, m)) {
		copy_behind(prev, m);
		prev->pkt_len += m->data_len;
		return;
	}
	m->hash.fdir.lo = seq;
	m->hash.fdir.hi = fin ? OOO_FIN : 0;
	ooo_link(c, prev, m);
	s->m = NULL;
}

/* What has become in order moves over. */
static void ooo_drain(struct tcp_conn *c)
{
	while (c->f->ooo_head != NULL && !(c->flags & TCP_F_FIN_RCVD) &&
	       seq_leq(rx_seq(c->f->ooo_head), c->rcv_nxt)) {
		struct rte_mbuf *m = c->f->ooo_head;
		const bool fin = m->hash.fdir.hi & OOO_FIN;

		c->f->ooo_head = rx_next(m);
		if (c->f->ooo_last == m)
			c->f->ooo_last = NULL;
		const uint32_t old = c->rcv_nxt - rx_seq(m);

		if (old > m->pkt_len || (old == m->pkt_len && !fin)) {
			rx_free(c, m);
			continue;
		}
		cut_head(m, old);
		c->f->nb_ooo--;
		m->tx_offload = 0;
		append(c, m);
		if (fin && !(c->flags & TCP_F_FIN_RCVD))
			take_fin(c);
	}
	/*
	 * What a peer has sent behind its own FIN is no part of the stream, and would be read after
	 * its end, one byte off.
	 */
	if (c->flags & TCP_F_FIN_RCVD) {
		tcp_ooo_free(c);
		c->f->nb_rcv_sacks = 0;
	}
	sack_prune(c);
	tcp_flight_settle(c);
}

/* ---- in ---- */

static bool is_rx_full(const struct tcp_stack *st, const struct rte_mbuf *m)
{
	return st->p.max_rx_mbufs != 0 && st->nb_rx_mbufs + m->nb_segs > st->p.max_rx_mbufs;
}

/*
 * A sender probes a tail that stays unacknowledged for two round trips and a little (RFC 8985 7.2),
 * one of which our ACK spends on the way: it must not wait longer than the other.
 */
static uint64_t delack_us(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_RTT_VALID))
		return TCP_DELACK_MAX_US;
	return RTE_MIN((uint64_t)c->srtt_us + DELACK_MIN_US, TCP_DELACK_MAX_US);
}

/* RFC 9293 3.10.7.4, seventh, and RFC 5681 4.2: when to acknowledge. */
static void decide_ack(struct tcp_conn *c, uint32_t len, bool filled_hole)
{
	struct tcp_stack *st = c->st;

	if (len > c->rcv_mss)
		c->rcv_mss = (uint16_t)RTE_MIN(len, RTE_MAX((uint32_t)c->mss_max, TCP_MIN_MSS));
	if (filled_hole || c->f->ooo_head != NULL || c->rcv_nxt - c->rcv_acked >= 2u * c->rcv_mss) {
		c->flags |= TCP_F_ACK_NOW;
	} else if (c->quick_acks > 0) {
		/* The sender is in slow start: each ACK opens its window. */
		c->quick_acks--;
		c->flags |= TCP_F_ACK_NOW;
	} else if (!(c->flags & TCP_F_ACK_LATER)) {
		c->flags |= TCP_F_ACK_LATER;
		wheel_arm(&st->wheel, &c->t_ack, st->now_us + delack_us(c));
	}
}

static void take_in_order(struct tcp_conn *c, struct tcp_segin *s, bool fin)
{
	struct tcp_stack *st = c->st;
	struct rte_mbuf *m = s->m;
	const uint32_t len = m->pkt_len;
	const bool filled = c->f->ooo_head != NULL;

	if (len > 0) {
		if (is_rx_full(st, m)) {
			tcp_count(st, OUTCOME_TCP_RCVQ_FULL);
			c->flags |= TCP_F_ACK_NOW;
			return;
		}
		st->nb_rx_mbufs += m->nb_segs;
		append(c, m);
		s->m = NULL;
	}
	if (fin)
		take_fin(c);
	if (filled)
		ooo_drain(c);
	decide_ack(c, len, filled);
	tcp_conn_event(c, TCP_EV_READABLE);
}

void tcp_rcv_text(struct tcp_conn *c, struct tcp_segin *s, uint64_t)
{
	uint32_t seq = s->seq;
	bool fin = s->flags & TCP_FIN;

	if (rte_pktmbuf_adj(s->m, (uint16_t)s->hdr_len) == NULL)
		return;
	if (seq_lt(seq, c->rcv_nxt)) {
		const uint32_t old = RTE_MIN(c->rcv_nxt - seq, s->len);

		if (old > 0)
			dsack_set(c, seq, seq + old);
		/* Bytes or a FIN that were acknowledged before: the ACK was lost, or is late. */
		c->flags |= TCP_F_ACK_NOW;
		if (seq_leq(segin_end(s), c->rcv_nxt))
			return;
		cut_head(s->m, old);
		seq += old;
	}
	const uint32_t end = seq + s->m->pkt_len;

	if (seq_gt(end, c->rcv_adv)) {
		/* A window probe, or a sender that does not look at the window. */
		c->flags |= TCP_F_ACK_NOW;
		fin = false;
		if (seq_geq(seq, c->rcv_adv))
			return;
		cut_tail(s->m, end - c->rcv_adv);
	}
	if (seq == c->rcv_nxt)
		take_in_order(c, s, fin);
	else
		ooo_insert(c, s, seq, fin);
}

/* ---- out, to the reader ---- */

/* The reader keeps up: let the window grow so that it does not limit the sender. */
static void grow_window(struct tcp_conn *c, uint32_t n)
{
	struct tcp_stack *st = c->st;
	const uint32_t rtt = RTE_MAX(c->srtt_us, 1000u);

	c->drs_bytes += n;
	if ((uint32_t)st->now_us - c->drs_since_us < rtt)
		return;
	if (c->drs_bytes >= c->rcv_limit / 4 && !tcp_is_rx_scarce(st))
		c->rcv_limit = RTE_MIN(st->p.rcv_buf, 2 * c->rcv_limit);
	c->drs_bytes = 0;
	c->drs_since_us = (uint32_t)st->now_us;
}

struct slice tcp_rcvq_peek(struct tcp_conn *c)
{
	while (c->rcvq_head != NULL && c->rcvq_head->data_len == 0) {
		struct rte_mbuf *m = c->rcvq_head;

		c->rcvq_head = m->next;
		if (c->rcvq_head == NULL)
			c->rcvq_tail = NULL;
		c->st->nb_rx_mbufs--;
		rte_pktmbuf_free_seg(m);
	}
	if (c->rcvq_head == NULL)
		return SLICE_EMPTY;
	return slice_of(rte_pktmbuf_mtod(c->rcvq_head, const void *), c->rcvq_head->data_len);
}

/* Receiver's side of silly window avoidance, RFC 9293 3.8.6.2.2. */
static bool is_update_worth(const struct tcp_conn *c)
{
	const uint32_t known = c->rcv_adv - c->rcv_nxt;
	const uint32_t room = c->rcv_limit > c->rcvq_bytes ? c->rcv_limit - c->rcvq_bytes : 0;

	if (room <= known)
		return false;
	if (room - known >= c->rcv_limit / 4)
		return true;
	return known < 2 * c->rcv_mss && room - known >= 2 * c->rcv_mss;
}

void tcp_rcvq_consume(struct tcp_conn *c, size_t n)
{
	struct rte_mbuf *m = c->rcvq_head;

	if (m == NULL || n > m->data_len)
		return;
	m->data_off += (uint16_t)n;
	m->data_len -= (uint16_t)n;
	c->rcvq_bytes -= (uint32_t)n;
	if (m->data_len == 0)
		(void)tcp_rcvq_peek(c);
	if ((c->flags & (TCP_F_DEAD | TCP_F_FIN_RCVD)) != 0)
		return;
	grow_window(c, (uint32_t)n);
	if (is_update_worth(c)) {
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_want_output(c);
	}
}

void tcp_ooo_free(struct tcp_conn *c)
{
	if (!tcp_has_flight(c))
		return;
	while (c->f->ooo_head != NULL) {
		struct rte_mbuf *m = c->f->ooo_head;

		c->f->ooo_head = rx_next(m);
		rx_free(c, m);
	}
	c->f->ooo_last = NULL;
}

void tcp_rcvq_free(struct tcp_conn *c)
{
	tcp_ooo_free(c);
	while (c->rcvq_head != NULL) {
		struct rte_mbuf *m = c->rcvq_head;

		c->rcvq_head = m->next;
		c->st->nb_rx_mbufs--;
		rte_pktmbuf_free_seg(m);
	}
	c->rcvq_tail = NULL;
	c->rcvq_bytes = 0;
}
