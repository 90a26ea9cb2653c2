/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The send queue: one mbuf is one segment (tcp_priv.h, struct tcp_seg). reserve() hands out room
 * in the last one until it is full or has been sent; commit() makes it part of the stream.
 *
 * Invariant: [sndq_head, snd_next) has TCP_SEG_F_SENT, [snd_next, NULL) has not.
 */

#include "tcp/tcp_priv.h"

#include <rte_common.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

#include <errno.h>
#include <string.h>

#define STOP_GAP 32u

static uint8_t *seg_payload(struct tcp_seg *g)
{
	return (uint8_t *)g->m->buf_addr + g->off;
}

/* The buffer that the pool will give next was last used a while ago. */
static void prefetch_next(struct rte_mempool *pool)
{
	const struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());

	if (cache == NULL || cache->len == 0)
		return;
	const uint8_t *m = cache->objs[cache->len - 1];

	rte_prefetch0(m);
	rte_prefetch0(m + 64);
	rte_prefetch0(m + sizeof(struct rte_mbuf)); /* struct tcp_seg */
	rte_prefetch0(m + sizeof(struct rte_mbuf) + TCP_SEG_PAYLOAD_OFF);
}

static struct tcp_seg *seg_new(struct tcp_stack *st)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(st->p.pool);

	if (m == NULL) {
		tcp_count(st, OUTCOME_MBUF_EXHAUSTED);
		return NULL;
	}
	prefetch_next(st->p.pool);

	struct tcp_seg *g = m->buf_addr;

	*g = (struct tcp_seg){.m = m, .off = TCP_SEG_PAYLOAD_OFF};
	st->nb_tx_mbufs++;
	return g;
}

/*
 * One segment in STOP_GAP is a stop, and stops are linked among themselves, so that finding a
 * segment by its number costs a walk over stops and one between two of them, whatever the peer
 * names in its SACK blocks.
 */
static void add_stop(struct tcp_flight *f, struct tcp_seg *g)
{
	if (f->stop_tail != NULL && ++f->stop_gap < STOP_GAP)
		return;
	f->stop_gap = 0;
	if (f->stop_tail != NULL)
		f->stop_tail->skip = g;
	else
		f->stop_head = g;
	f->stop_tail = g;
}

/* <g> goes: mostly the first, since the queue shrinks from its head. */
static void drop_stop(struct tcp_flight *f, const struct tcp_seg *g)
{
	struct tcp_seg *prev = NULL, *s = f->stop_head;

	if (g->skip == NULL && g != f->stop_tail)
		return;
	for (; s != NULL && s != g; s = s->skip)
		prev = s;
	if (prev != NULL)
		prev->skip = g->skip;
	else
		f->stop_head = g->skip;
	if (f->stop_tail == g)
		f->stop_tail = prev;
}

struct tcp_seg *tcp_sndq_find(const struct tcp_conn *c, uint32_t seq)
{
	const struct tcp_flight *f = c->f;
	struct tcp_seg *g = f->sndq_head, *hint = f->sack_hint;

	if (hint != NULL && seq - hint->seq < STOP_GAP * c->seg_cap) {
		g = hint;
	} else {
		for (struct tcp_seg *s = f->stop_head; s != NULL && seq_leq(s->seq, seq);
		     s = s->skip)
			g = s;
	}
	while (g != NULL && (g->flags & TCP_SEG_F_SENT) && seq_leq(seg_end(g), seq))
		g = g->next;
	return g != NULL && (g->flags & TCP_SEG_F_SENT) ? g : NULL;
}

static void seg_free(struct tcp_conn *c, struct tcp_seg *g)
{
	/* The accounts of what is in flight forget it. */
	if (g->flags & TCP_SEG_F_SENT)
		tcp_seg_set_flags(c, g, 0, TCP_SEG_F_SACKED | TCP_SEG_F_LOST | TCP_SEG_F_RTX);
	if (g->flags & TCP_SEG_F_TIMED)
		TAILQ_REMOVE(&c->f->timed, g, timed);
	if (c->f->rtx_hint == g)
		c->f->rtx_hint = NULL;
	if (c->f->sack_hint == g)
		c->f->sack_hint = NULL;
	drop_stop(c->f, g);
	c->st->nb_tx_mbufs--;
	/* This mbuf alone: its <next> may be left over from a packet, see tcp_tso.c. */
	rte_pktmbuf_free_seg(g->m);
}

void tcp_sndq_free(struct tcp_conn *c)
{
	if (!tcp_has_flight(c))
		return;
	struct tcp_seg *g = c->f->sndq_head;

	while (g != NULL) {
		struct tcp_seg *next = g->next;

		seg_free(c, g);
		g = next;
	}
	if (c->f->snd_spare != NULL)
		seg_free(c, c->f->snd_spare);
	c->f->sndq_head = NULL;
	c->f->sndq_tail = NULL;
	c->f->snd_next = NULL;
	c->f->snd_spare = NULL;
	c->f->sndq_bytes = 0;
	c->f->sndq_segs = 0;
}

static void append(struct tcp_conn *c, struct tcp_seg *g)
{
	g->next = NULL;
	g->seq = c->snd_end;
	if (c->f->sndq_tail != NULL)
		c->f->sndq_tail->next = g;
	else
		c->f->sndq_head = g;
	c->f->sndq_tail = g;
	if (c->f->snd_next == NULL)
		c->f->snd_next = g;
	c->f->sndq_segs++;
	add_stop(c->f, g);
}

/* Tiny commits that are each sent at once must not hold a buffer each without bound. */
static uint32_t max_segs(const struct tcp_conn *c)
{
	return 2 * (c->st->p.snd_buf / c->seg_cap) + 32;
}

static bool has_room(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return g != NULL && !(g->flags & (TCP_SEG_F_SENT | TCP_SEG_F_FIN)) && g->len < c->seg_cap;
}

static bool can_commit(const struct tcp_conn *c)
{
	return (c->state == TCP_S_ESTABLISHED || c->state == TCP_S_CLOSE_WAIT) &&
	       !(c->flags & TCP_F_FIN_QUEUED);
}

/* A segment to put bytes into; false when one of the pools is empty. */
static bool get_spare(struct tcp_conn *c)
{
	if (!tcp_flight_need(c))
		return false;
	if (c->f->snd_spare == NULL)
		c->f->snd_spare = seg_new(c->st);
	if (c->f->snd_spare == NULL) {
		tcp_flight_settle(c);
		return false;
	}
	return true;
}

static struct tcp_seg *reserve_seg(struct tcp_conn *c)
{
	if (has_room(c, c->f->sndq_tail))
		return c->f->sndq_tail;
	if (c->f->sndq_segs >= max_segs(c)) {
		c->flags |= TCP_F_LOW;
		return NULL;
	}
	if (c->f->snd_spare == NULL && !get_spare(c)) {
		/* Once: an owner that asks again and again must not push the ACK away as well. */
		if (!(c->flags & TCP_F_MEM_WAIT) || !wheel_timer_is_armed(&c->t_ack))
			wheel_arm(&c->st->wheel, &c->t_ack, c->st->now_us + TCP_MEM_RETRY_US);
		c->flags |= TCP_F_MEM_WAIT;
	}
	return c->f->snd_spare;
}

static struct tcp_conn *conn_of(struct stream *s)
{
	return (struct tcp_conn *)(void *)s; /* the first member */
}

static struct slice_mut sndq_reserve(struct stream *s)
{
	struct tcp_conn *c = conn_of(s);

	if (!can_commit(c))
		return (struct slice_mut){0};
	const size_t room = tcp_conn_writable(c);

	if (room == 0) {
		c->flags |= TCP_F_LOW;
		return (struct slice_mut){0};
	}
	struct tcp_seg *g = reserve_seg(c);

	if (g == NULL)
		return (struct slice_mut){0};
	return (struct slice_mut){seg_payload(g) + g->len,
				  RTE_MIN(room, (size_t)(c->seg_cap - g->len))};
}

static void sndq_commit(struct stream *s, size_t n)
{
	struct tcp_conn *c = conn_of(s);

	if (n == 0)
		return;
	struct tcp_seg *g = c->f->sndq_tail;

	if (!has_room(c, g)) {
		g = c->f->snd_spare;
		if (g == NULL)
			return; /* a commit without a reserve */
		c->f->snd_spare = NULL;
		append(c, g);
	}
	g->len += (uint16_t)n;
	c->snd_end += (uint32_t)n;
	c->f->sndq_bytes += (uint32_t)n;
	if (tcp_conn_writable(c) < tcp_snd_limit(c) / 2)
		c->flags |= TCP_F_LOW;
	tcp_conn_want_output(c);
}

/*
 * What the queue may hold now: twice the window, so that a fast long path is kept full while a slow
 * reader, whose window does not grow, ties up little; less when most of the pool is queued.
 */
uint32_t tcp_snd_limit(const struct tcp_conn *c)
{
	const struct tcp_stack *st = c->st;
	uint32_t limit = RTE_MAX(TCP_MIN_SNDQ, 2 * c->cwnd);

	if (st->nb_tx_mbufs > st->p.pool->size / 2)
		limit = TCP_SCARCE_SNDQ;
	return RTE_MIN(limit, st->p.snd_buf);
}

size_t tcp_conn_writable(const struct tcp_conn *c)
{
	const uint32_t limit = tcp_snd_limit(c);

	if (!can_commit(c) || c->f->sndq_bytes >= limit)
		return 0;
	return limit - c->f->sndq_bytes;
}

int tcp_sndq_fin(struct tcp_conn *c)
{
	struct tcp_seg *g = c->f->sndq_tail;

	if (g == NULL || (g->flags & TCP_SEG_F_SENT)) {
		if (!get_spare(c))
			return -ENOMEM;
		g = c->f->snd_spare;
		c->f->snd_spare = NULL;
		append(c, g);
	}
	g->flags |= TCP_SEG_F_FIN;
	c->snd_end++;
	c->flags &= ~TCP_F_FIN_WANTED;
	return 0;
}

/* The peer acknowledged a part of <g>: rare, some middle box cuts segments. */
static void trim_head(struct tcp_conn *c, struct tcp_seg *g)
{
	const uint32_t n = RTE_MIN(c->snd_una - g->seq, (uint32_t)g->len);
	const uint32_t keep = g->flags & (TCP_SEG_F_SACKED | TCP_SEG_F_LOST | TCP_SEG_F_RTX);

	tcp_seg_set_flags(c, g, 0, keep);
	g->seq += n;
	g->off += (uint16_t)n;
	g->len -= (uint16_t)n;
	c->f->sndq_bytes -= n;
	tcp_seg_set_flags(c, g, keep, 0);
}

void tcp_sndq_drop_head(struct tcp_conn *c)
{
	struct tcp_seg *g = c->f->sndq_head;

	while (g != NULL && (g->flags & TCP_SEG_F_SENT) && seq_leq(seg_end(g), c->snd_una)) {
		struct tcp_seg *next = g->next;

		c->f->sndq_bytes -= g->len;
		c->f->sndq_segs--;
		seg_free(c, g);
		g = next;
	}
	c->f->sndq_head = g;
	if (g == NULL)
		c->f->sndq_tail = NULL;
	else if ((g->flags & TCP_SEG_F_SENT) && seq_lt(g->seq, c->snd_una))
		trim_head(c, g);
}

void tcp_sndq_pull(struct tcp_conn *c, struct tcp_seg *g, uint32_t n)
{
	struct tcp_seg *b = g->next;
	const uint16_t k = (uint16_t)RTE_MIN(n, (uint32_t)b->len);

	memcpy(seg_payload(g) + g->len, seg_payload(b), k);
	g->len += k;
	b->seq += k;
	b->len -= k;
	memmove(seg_payload(b), seg_payload(b) + k, b->len);
	if (b->len > 0)
		return;
	g->flags |= b->flags & TCP_SEG_F_FIN;
	g->next = b->next;
	if (c->f->sndq_tail == b)
		c->f->sndq_tail = g;
	c->f->sndq_segs--;
	seg_free(c, b);
}

int tcp_sndq_split(struct tcp_conn *c, struct tcp_seg *g, uint16_t len)
{
	struct tcp_seg *b = seg_new(c->st);

	if (b == NULL)
		return -ENOMEM;
	const uint32_t state = g->flags & (TCP_SEG_F_SACKED | TCP_SEG_F_LOST | TCP_SEG_F_RTX);

	if (g->flags & TCP_SEG_F_SENT)
		tcp_seg_set_flags(c, g, 0, state);
	b->seq = g->seq + len;
	b->len = g->len - len;
	b->tx_us = g->tx_us;
	b->nb_tx = g->nb_tx;
	b->flags = g->flags;
	memcpy(seg_payload(b), seg_payload(g) + len, b->len);
	g->len = len;
	g->flags &= (uint8_t)~TCP_SEG_F_FIN;
	b->next = g->next;
	g->next = b;
	if (c->f->sndq_tail == g)
		c->f->sndq_tail = b;
	c->f->sndq_segs++;
	if (g->flags & TCP_SEG_F_TIMED)
		TAILQ_INSERT_AFTER(&c->f->timed, g, b, timed);
	if (g->flags & TCP_SEG_F_SENT) {
		tcp_seg_set_flags(c, g, state, 0);
		tcp_seg_set_flags(c, b, state, 0);
	}
	return 0;
}

/* ---- the stream's reading half lives in tcp_reasm.c ---- */

static struct slice rcvq_peek(struct stream *s)
{
	return tcp_rcvq_peek(conn_of(s));
}

static void rcvq_consume(struct stream *s, size_t n)
{
	tcp_rcvq_consume(conn_of(s), n);
}

static bool rcvq_is_eof(const struct stream *s)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)s;

	return (c->flags & TCP_F_FIN_RCVD) && c->rcvq_bytes == 0;
}

const struct stream_ops tcp_stream_ops = {
	.peek = rcvq_peek,
	.consume = rcvq_consume,
	.reserve = sndq_reserve,
	.commit = sndq_commit,
	.is_eof = rcvq_is_eof,
};
