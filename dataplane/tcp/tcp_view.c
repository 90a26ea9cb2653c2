/* SPDX-License-Identifier: BSD-3-Clause */

/* See tcp_view.h. The one place that translates the engine's state into what operators read. */

#include "tcp/tcp_view.h"

#include "tcp/tcp_priv.h"

#include <string.h>

#define SEGS_LOOKED 4096u /* of one queue: a bound, above what any window of ours holds */

static_assert((int)CONN_S_TIME_WAIT == (int)TCP_S_TIME_WAIT);
static_assert((int)CONN_S__COUNT == (int)TCP_S__COUNT);
static_assert((int)CONN_R_LOSS == (int)TCP_R_LOSS);
static_assert((int)CONN_RTX_SYN == (int)TCP_RTX_SYN);

uint32_t tcp_view_nb_slots(const struct tcp_stack *st)
{
	return st->p.max_conns + st->tw_cap;
}

/* An entry is the same as long as these are: it is made with them, and they do not change. */
static uint32_t tw_generation(const struct tcp_tw *w)
{
	return w->hash ^ w->snd_nxt * 2654435761u;
}

/* Connections and TIME-WAIT entries share their first slots' free lists with nobody: used? */
static const struct tcp_tw *tw_at_slot(const struct tcp_stack *st, uint32_t slot)
{
	const struct tcp_tw *w = &st->tws[slot - st->p.max_conns];

	/* A free entry is not in the table; tuple and hash are those of its last use. */
	return w->tuple.remote_port != 0 && tcp_table_find(st, &w->tuple, w->hash) ==
						    st->tw_base + (slot - st->p.max_conns)
		       ? w
		       : NULL;
}

static bool is_match(const struct tcp_view_filter *f, const struct tcp_tuple *t, uint8_t state)
{
	if (f->has_state && state != f->state)
		return false;
	if (f->has_port && t->local_port != f->port && t->remote_port != f->port)
		return false;
	return !f->has_addr || ip_addr_is_equal(&t->local, &f->addr) ||
	       ip_addr_is_equal(&t->remote, &f->addr);
}

static uint32_t due_ms(const struct wheel_timer *t, uint64_t now_us)
{
	if (!wheel_timer_is_armed(t))
		return CONN_NOT_ARMED;

	const uint64_t at = wheel_timer_deadline_us(t);

	return at <= now_us ? 0 : (uint32_t)RTE_MIN((at - now_us) / 1000, CONN_NOT_ARMED - 1);
}

static uint32_t flags_of(const struct tcp_conn *c)
{
	static const struct {
		uint32_t tcp, conn;
	} map[] = {
		{TCP_F_PASSIVE, CONN_F_PASSIVE},
		{TCP_F_ORPHAN, CONN_F_ORPHAN},
		{TCP_F_TS, CONN_F_TS},
		{TCP_F_SACK, CONN_F_SACK},
		{TCP_F_WSCALE, CONN_F_WSCALE},
		{TCP_F_MORE, CONN_F_CORKED},
		{TCP_F_FIN_QUEUED, CONN_F_FIN_QUEUED},
		{TCP_F_FIN_RCVD, CONN_F_FIN_RCVD},
		{TCP_F_REORDERING, CONN_F_REORDERING},
		{TCP_F_MEM_WAIT, CONN_F_MEM_WAIT},
	};
	uint32_t flags = c->keep_idle_s != 0 ? CONN_F_KEEPALIVE : 0;

	for (unsigned i = 0; i < RTE_DIM(map); i++)
		if (c->flags & map[i].tcp)
			flags |= map[i].conn;
	return flags;
}

static void put_sender(const struct tcp_conn *c, uint64_t now_us, struct conn_row *r)
{
	const struct tcp_flight *f = c->f;

	r->cwnd = c->cwnd;
	r->ssthresh = c->ssthresh;
	r->prior_cwnd = f->rec == TCP_R_OPEN ? 0 : f->prior_cwnd;
	r->srtt_us = c->srtt_us;
	r->rttvar_us = c->rttvar_us;
	r->rto_us = (uint32_t)tcp_rto(c);
	r->min_rtt_us = c->min_rtt_us;
	r->recovery = f->rec;
	r->rtx_mode = c->rtx_mode;
	r->rto_backoff = c->rto_backoff;
	r->unacked = c->snd_nxt - c->snd_una;
	r->sacked = f->sacked;
	r->lost = f->lost;
	r->resent = f->rtx;
	r->in_flight = tcp_pipe(c);
	r->retransmits = c->retransmits;
	r->snd_wnd = c->snd_wnd;
	r->max_snd_wnd = c->max_snd_wnd;
	r->mss = c->mss;
	r->seg_cap = c->seg_cap;
	r->sndq_bytes = f->sndq_bytes;
	r->sndq_segs = f->sndq_segs;
	r->rtx_due_ms = due_ms(&f->t_rtx, now_us);
	r->tx_ms = (uint32_t)RTE_MIN((now_us - c->last_tx_us) / 1000, UINT32_MAX);
	memcpy(r->congestion, c->st->cc->name, strnlen(c->st->cc->name, sizeof(r->congestion)));
}

static void put_conn(const struct tcp_conn *c, uint32_t slot, uint64_t now_us, struct conn_row *r)
{
	const struct tcp_birth *b = &c->st->births[slot];

	*r = (struct conn_row){
		.slot = slot,
		.generation = b->generation,
		.local = c->tuple.local,
		.remote = c->tuple.remote,
		.local_port = c->tuple.local_port,
		.remote_port = c->tuple.remote_port,
		.state = c->state,
		.flags = flags_of(c),
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.age_ds = (uint32_t)(now_us / 100000) - b->opened_ds,
		.rx_ms = tcp_ms(now_us) - c->last_rx_ms,
		.rcv_wnd = tcp_rcv_wnd(c),
		.rcv_limit = c->rcv_limit,
		.rcvq_bytes = c->rcvq_bytes,
		.nb_ooo = c->f->nb_ooo,
		.ack_due_ms = due_ms(&c->t_ack, now_us),
		.life_due_ms = due_ms(&c->t_life, now_us),
		.keep_idle_s = c->keep_idle_s,
		.keep_probes = c->keep_probes,
		.snd_wscale = c->snd_wscale,
		.rcv_wscale = c->rcv_wscale,
	};
	put_sender(c, now_us, r);
}

static void put_tw(const struct tcp_stack *st, const struct tcp_tw *w, uint32_t slot,
		   uint64_t now_us, struct conn_row *r)
{
	const int32_t left_ms = (int32_t)(w->expire_ms - tcp_ms(now_us));

	*r = (struct conn_row){
		.slot = slot,
		.generation = tw_generation(w),
		.local = w->tuple.local,
		.remote = w->tuple.remote,
		.local_port = w->tuple.local_port,
		.remote_port = w->tuple.remote_port,
		.state = TCP_S_TIME_WAIT,
		.flags = w->has_ts ? CONN_F_TS : 0,
		.rtx_due_ms = CONN_NOT_ARMED,
		.ack_due_ms = CONN_NOT_ARMED,
		.life_due_ms = left_ms > 0 ? (uint32_t)left_ms : 0,
	};
	(void)st;
}

/* The tuple of what is in <slot>; NULL: nothing. */
static const struct tcp_tuple *find(const struct tcp_stack *st, uint32_t slot, uint8_t *ret_state)
{
	if (slot < st->p.max_conns) {
		const struct tcp_conn *c = &st->conns[slot];

		*ret_state = c->state;
		return c->st != NULL ? &c->tuple : NULL;
	}

	const struct tcp_tw *w = tw_at_slot(st, slot);

	*ret_state = TCP_S_TIME_WAIT;
	return w != NULL ? &w->tuple : NULL;
}

static void put(const struct tcp_stack *st, uint32_t slot, uint64_t now_us, struct conn_row *ret)
{
	if (slot < st->p.max_conns)
		put_conn(&st->conns[slot], slot, now_us, ret);
	else
		put_tw(st, &st->tws[slot - st->p.max_conns], slot, now_us, ret);
}

uint32_t tcp_view_walk(const struct tcp_stack *st, const struct tcp_view_filter *f,
		       uint32_t *cursor, uint32_t look, uint64_t now_us, struct conn_row *ret,
		       uint32_t cap)
{
	const uint32_t end = tcp_view_nb_slots(st);
	uint32_t nb = 0;

	for (; look > 0 && nb < cap && *cursor < end; look--, (*cursor)++) {
		uint8_t state;
		const struct tcp_tuple *t = find(st, *cursor, &state);

		if (t != NULL && is_match(f, t, state))
			put(st, *cursor, now_us, &ret[nb++]);
	}
	return nb;
}

bool tcp_view_one(const struct tcp_stack *st, uint32_t slot, uint32_t generation, uint64_t now_us,
		  struct conn_row *ret)
{
	uint8_t state;

	if (slot >= tcp_view_nb_slots(st) || find(st, slot, &state) == NULL)
		return false;
	put(st, slot, now_us, ret);
	return ret->generation == generation;
}

struct tcp_conn *tcp_view_owned(const struct tcp_stack *st, uint32_t slot)
{
	if (slot >= st->p.max_conns || st->conns[slot].st == NULL ||
	    !(st->conns[slot].flags & TCP_F_OWNED))
		return NULL;
	return &st->conns[slot];
}

/* ---- ranges ---- */

struct ranges {
	struct conn_range *at;
	uint32_t nb, cap;
};

/* True when there was room. */
static bool add_range(struct ranges *r, uint32_t begin, uint32_t end, enum conn_range_kind kind)
{
	struct conn_range *last = r->nb > 0 ? &r->at[r->nb - 1] : NULL;

	if (begin == end)
		return true;
	if (last != NULL && last->kind == kind && last->end == begin) {
		last->end = end;
		return true;
	}
	if (r->nb == r->cap)
		return false;
	r->at[r->nb++] = (struct conn_range){.begin = begin, .end = end, .kind = kind};
	return true;
}

static enum conn_range_kind kind_of(const struct tcp_seg *g)
{
	if (g->flags & TCP_SEG_F_SACKED)
		return CONN_RANGE_SACKED;
	if (g->flags & TCP_SEG_F_RTX)
		return CONN_RANGE_RESENT;
	return g->flags & TCP_SEG_F_LOST ? CONN_RANGE_LOST : CONN_RANGE_WAITS;
}

uint32_t tcp_view_ranges(const struct tcp_stack *st, uint32_t slot,
			 struct conn_range ret[static 2 * CONN_RANGES])
{
	struct ranges out = {.at = ret, .cap = CONN_RANGES};
	uint32_t look = SEGS_LOOKED;

	if (slot >= st->p.max_conns || st->conns[slot].st == NULL)
		return 0;

	const struct tcp_conn *c = &st->conns[slot];

	for (const struct tcp_seg *g = c->f->sndq_head;
	     g != NULL && g != c->f->snd_next && look > 0; g = g->next, look--) {
		/* The head may be half acknowledged. */
		const uint32_t begin = seq_max(g->seq, c->snd_una) - c->snd_una;

		if (!add_range(&out, begin, seg_end(g) - c->snd_una, kind_of(g)))
			break;
	}

	struct ranges in = {.at = ret + out.nb, .cap = CONN_RANGES};
	uint32_t begin, end;

	for (const struct rte_mbuf *m = c->f->ooo_head; m != NULL; m = tcp_ooo_next(m)) {
		tcp_ooo_span(m, &begin, &end);
		if (!add_range(&in, begin - c->rcv_nxt, end - c->rcv_nxt, CONN_RANGE_OOO))
			break;
	}
	return out.nb + in.nb;
}
