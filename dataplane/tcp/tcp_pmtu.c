/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How large a segment may be: the local interface's MTU, the peer's MSS option, and what the path
 * takes (RFC 1191, RFC 8201).
 *
 * A router that says "too big" is believed when it quotes what is in flight (RFC 5927), never
 * below what every path must take. One that says nothing is found by its silence (RFC 4821 7.7):
 * after BLACK_HOLE_RTOS timeouts of a large segment, smaller ones are tried. Both are remembered
 * for the destination, so that its next connections begin with what is known.
 *
 *	             too big              a probe arrives
 *	 [as large  -----> [lowered] <------------------- [probing] --+
 *	  as may be] <--+      |  hold passed: one larger      |      | a probe is lost:
 *	                |      +---> segment among the others -+      | next lower step, or hold
 *	                +------------ ... and is as large -----+ <----+
 *
 * A probe is a segment of the stream with more bytes (RFC 4821 5.1), so a lost one costs a resend
 * and no time of its own. Its loss counts as congestion, too (the RFC: it should not).
 */

#include "base/siphash.h"
#include "tcp/tcp_priv.h"

#include <errno.h>
#include <string.h>

#define HOLD_S 600u /* RFC 1191 6.3, RFC 8201 4: ten minutes */
#define DOUBT_S 5u  /* silence may have been an outage, the next step of a search may be near */
#define BLACK_HOLE_RTOS 3u

/* Where black holes begin: tunnels, RFC 8200's minimum, RFC 4821's 1024 bytes, RFC 791's 576. */
static const uint16_t down_steps[] = {576, 1064, 1280, 1500};
/* What links have: tunnels over Ethernet, PPPoE, Ethernet, jumbo frames. */
static const uint16_t up_steps[] = {1280, 1400, 1460, 1492, 1500, 4352, 9000};

static uint32_t headers_len(const struct tcp_conn *c)
{
	return tcp_ip_hdr_len(&c->tuple) + TCP_HDR_LEN;
}

static uint32_t least_mtu(const struct tcp_conn *c)
{
	return ip_addr_is_v4(&c->tuple.local) ? 576 : 1280;
}

uint32_t tcp_conn_mtu(const struct tcp_conn *c)
{
	return c->mss + headers_len(c);
}

/* ---- the local side ---- */

int tcp_set_mtu(struct tcp_stack *st, const struct ip_addr *local, uint16_t mtu)
{
	uint32_t i = 0;

	while (i < st->nb_mtus && !ip_addr_is_equal(&st->mtus[i].addr, local))
		i++;
	if (i == st->nb_mtus) {
		if (mtu == st->p.mss + TCP_IP4_HDR_LEN + TCP_HDR_LEN)
			return 0;
		if (i == TCP_MAX_MTUS)
			return -ENOSPC;
		st->nb_mtus++;
	}
	st->mtus[i] = (struct tcp_local_mtu){*local, RTE_MAX(mtu, 576u)};
	return 0;
}

void tcp_forget_mtus(struct tcp_stack *st)
{
	st->nb_mtus = 0;
}

/* RFC 6691, RFC 8200 8.3: options are not counted. Few addresses differ from the rest: a scan. */
uint32_t tcp_mss_of(const struct tcp_stack *st, const struct tcp_tuple *t)
{
	const uint32_t hdr_len = tcp_ip_hdr_len(t) + TCP_HDR_LEN;

	for (uint32_t i = 0; i < st->nb_mtus; i++) {
		if (ip_addr_is_equal(&st->mtus[i].addr, &t->local))
			return st->mtus[i].mtu - hdr_len;
	}
	return st->p.mss + TCP_IP4_HDR_LEN + TCP_HDR_LEN - hdr_len;
}

/* ---- what is known of destinations ---- */

/* One place an address: who shares it forgets the other, which costs a packet or two. */
static struct tcp_pmtu *slot_of(struct tcp_stack *st, const struct ip_addr *remote)
{
	uint64_t w[2];

	memcpy(w, remote->b, sizeof(w));
	return &st->pmtus[siphash_words(st->p.secret, w, 2, 1, 3) % TCP_PMTU_SLOTS];
}

/* NULL: nothing is known, or that of another. */
static struct tcp_pmtu *find(struct tcp_stack *st, const struct ip_addr *remote)
{
	struct tcp_pmtu *p = slot_of(st, remote);

	return p->mtu != 0 && ip_addr_is_equal(&p->remote, remote) ? p : NULL;
}

static bool is_held(const struct tcp_pmtu *p, uint64_t now_us)
{
	return (int32_t)(p->until_s - tcp_s(now_us)) > 0;
}

static void remember(struct tcp_conn *c, uint32_t hold_s, uint16_t failed, uint64_t now_us)
{
	*slot_of(c->st, &c->tuple.remote) = (struct tcp_pmtu){
		.remote = c->tuple.remote,
		.until_s = tcp_s(now_us) + hold_s,
		.mtu = (uint16_t)tcp_conn_mtu(c),
		.failed = failed,
	};
}

/* ---- a connection's ---- */

/* What we send with every segment comes off the MSS here. */
static uint32_t cap_for(const struct tcp_conn *c, uint32_t mss)
{
	const uint32_t opts = c->flags & TCP_F_TS ? TCP_OPT_TS_LEN : 0;

	return RTE_MIN(mss - opts, (uint32_t)c->st->max_payload);
}

static void apply(struct tcp_conn *c, uint32_t mss)
{
	c->mss = mss;
	c->seg_cap = (uint16_t)cap_for(c, mss);
	if (mss < c->mss_max)
		c->flags |= TCP_F_PATH_LOW;
	else
		c->flags &= ~TCP_F_PATH_LOW;
}

void tcp_conn_set_mss(struct tcp_conn *c, uint32_t peer_mss)
{
	const uint32_t mss = RTE_MIN(peer_mss, tcp_mss_of(c->st, &c->tuple));
	const struct tcp_pmtu *p = find(c->st, &c->tuple.remote);

	c->mss_max = (uint16_t)RTE_MAX(mss, TCP_MIN_MSS);
	if (p != NULL && is_held(p, c->st->now_us))
		apply(c, RTE_MIN((uint32_t)c->mss_max, p->mtu - headers_len(c)));
	else
		apply(c, c->mss_max);
}

/*
 * What is too large now is certainly lost, and not by congestion: it is resent within the window
 * that there is.
 */
static void resend_larger(struct tcp_conn *c)
{
	struct tcp_flight *f = c->f;
	bool found = false;

	for (struct tcp_seg *g = f->sndq_head; g != NULL && (g->flags & TCP_SEG_F_SENT);
	     g = g->next) {
		if (g->len <= c->seg_cap || (g->flags & TCP_SEG_F_SACKED))
			continue;
		tcp_seg_set_flags(c, g, TCP_SEG_F_LOST, TCP_SEG_F_RTX);
		found = true;
	}
	if (!found)
		return;
	if (f->rec == TCP_R_OPEN) {
		f->rec = TCP_R_LOSS;
		f->high_seq = c->snd_nxt;
		f->undo_armed = false;
		f->dupacks = 0;
		f->dup_segs = 0;
	}
	c->flags |= TCP_F_FORCE;
	tcp_conn_want_output(c);
}

static bool is_probe(const struct tcp_conn *c, uint32_t seq)
{
	return c->f->probe_mss != 0 && c->f->probe_seq == seq;
}

void tcp_pmtu_too_big(struct tcp_conn *c, uint32_t seq, uint16_t mtu, uint64_t now_us)
{
	const uint32_t mss = RTE_MAX((uint32_t)mtu, least_mtu(c)) - headers_len(c);

	if (c->state < TCP_S_ESTABLISHED)
		return;
	if (is_probe(c, seq)) {
		tcp_pmtu_probe_lost(c, seq, now_us);
		resend_larger(c);
	}
	if (mss >= c->mss)
		return;
	apply(c, mss);
	remember(c, HOLD_S, 0, now_us);
	tcp_count(c->st, OUTCOME_TCP_PMTU_LOWERED);
	resend_larger(c);
}

void tcp_pmtu_on_rto(struct tcp_conn *c, uint64_t now_us)
{
	const struct tcp_seg *g = c->f->sndq_head;
	uint32_t mtu = 0;

	/* This one is not counted in rto_backoff yet. */
	if (!c->st->p.plpmtud || c->rto_backoff + 1u < BLACK_HOLE_RTOS || g == NULL ||
	    !(g->flags & TCP_SEG_F_SENT))
		return;
	for (unsigned i = 0; i < RTE_DIM(down_steps); i++) {
		if (down_steps[i] >= least_mtu(c) && down_steps[i] < tcp_conn_mtu(c))
			mtu = down_steps[i];
	}
	if (mtu == 0 || g->len <= cap_for(c, mtu - headers_len(c)))
		return;
	/* Silence again where there was silence lately is no outage. */
	const bool is_known = find(c->st, &c->tuple.remote) != NULL;

	apply(c, mtu - headers_len(c));
	remember(c, is_known ? HOLD_S : DOUBT_S, 0, now_us);
	tcp_count(c->st, OUTCOME_TCP_PMTU_BLACK_HOLE);
}

/* ---- upward ---- */

/* An MTU to try, 0: none. The largest first: most often the path is as it was. */
static uint32_t next_probe(const struct tcp_conn *c, const struct tcp_pmtu *p)
{
	const uint32_t now = tcp_conn_mtu(c);
	uint32_t mtu = 0;

	if (p == NULL || p->failed == 0)
		return c->mss_max + headers_len(c);
	for (unsigned i = 0; i < RTE_DIM(up_steps); i++) {
		if (up_steps[i] > now && up_steps[i] < p->failed)
			mtu = up_steps[i];
	}
	return mtu;
}

/* The bytes behind <g> move into it until it has <cap>. */
static bool fill(struct tcp_conn *c, struct tcp_seg *g, uint32_t cap)
{
	uint32_t have = g->len;

	for (const struct tcp_seg *n = g->next; n != NULL && have < cap; n = n->next)
		have += n->len;
	if (have < cap || g->off + cap > g->m->buf_len)
		return false;
	while (g->len < cap)
		tcp_sndq_pull(c, g, cap - g->len);
	return true;
}

void tcp_pmtu_try_probe(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_flight *f = c->f;
	struct tcp_seg *g = f->snd_next;

	if (!c->st->p.plpmtud || f->probe_mss != 0 || f->rec != TCP_R_OPEN || g == NULL ||
	    g->len != c->seg_cap)
		return;
	const struct tcp_pmtu *p = find(c->st, &c->tuple.remote);

	if (p != NULL && is_held(p, now_us))
		return;
	const uint32_t mtu = next_probe(c, p);

	if (mtu <= tcp_conn_mtu(c)) {
		remember(c, HOLD_S, 0, now_us);
		return;
	}
	const uint32_t mss = RTE_MIN(mtu - headers_len(c), (uint32_t)c->mss_max);
	const uint32_t cap = cap_for(c, mss);

	if (cap <= c->seg_cap) {
		apply(c, mss); /* a buffer holds no more */
		return;
	}
	if (tcp_pipe(c) + cap > c->cwnd || (int32_t)(c->snd_una + c->snd_wnd - g->seq - cap) < 0 ||
	    !fill(c, g, cap))
		return;
	f->probe_seq = g->seq;
	f->probe_mss = (uint16_t)mss;
	tcp_count(c->st, OUTCOME_TCP_PMTU_PROBES);
}

void tcp_pmtu_probe_lost(struct tcp_conn *c, uint32_t seq, uint64_t now_us)
{
	if (!is_probe(c, seq))
		return;
	const uint16_t failed = (uint16_t)(c->f->probe_mss + headers_len(c));

	c->f->probe_mss = 0;
	remember(c, DOUBT_S, failed, now_us);
	if (next_probe(c, find(c->st, &c->tuple.remote)) == 0)
		remember(c, HOLD_S, 0, now_us);
}

void tcp_pmtu_acked(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_flight *f = c->f;

	if (f->probe_mss == 0 || !seq_gt(c->snd_una, f->probe_seq + c->seg_cap))
		return;
	struct tcp_pmtu *p = find(c->st, &c->tuple.remote);

	apply(c, f->probe_mss);
	f->probe_mss = 0;
	if (c->mss < c->mss_max)
		remember(c, DOUBT_S, p != NULL ? p->failed : 0, now_us);
	else if (p != NULL)
		*p = (struct tcp_pmtu){0};
}
