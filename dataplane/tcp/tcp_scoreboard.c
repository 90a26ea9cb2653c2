/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is known of each segment in flight: flags on the segment, sums on the connection.
 *
 *	pipe = (snd_nxt - snd_una) - sacked - lost + rtx
 *
 * Invariant: each sum counts exactly the segments that carry its flag, and nb_lost_pending those
 * that are lost and not resent; tcp_seg_set_flags() is the one place that moves them.
 */

#include "tcp/tcp_priv.h"

static void count_in(struct tcp_conn *c, const struct tcp_seg *g)
{
	const uint32_t len = seg_seq_len(g);

	if (g->flags & TCP_SEG_F_SACKED)
		c->f->sacked += len;
	if (g->flags & TCP_SEG_F_LOST)
		c->f->lost += len;
	if (g->flags & TCP_SEG_F_RTX)
		c->f->rtx += len;
	if ((g->flags & (TCP_SEG_F_LOST | TCP_SEG_F_RTX)) == TCP_SEG_F_LOST)
		c->f->nb_lost_pending++;
}

static void count_out(struct tcp_conn *c, const struct tcp_seg *g)
{
	const uint32_t len = seg_seq_len(g);

	if (g->flags & TCP_SEG_F_SACKED)
		c->f->sacked -= len;
	if (g->flags & TCP_SEG_F_LOST)
		c->f->lost -= len;
	if (g->flags & TCP_SEG_F_RTX)
		c->f->rtx -= len;
	if ((g->flags & (TCP_SEG_F_LOST | TCP_SEG_F_RTX)) == TCP_SEG_F_LOST)
		c->f->nb_lost_pending--;
}

void tcp_seg_set_flags(struct tcp_conn *c, struct tcp_seg *g, uint32_t set, uint32_t clear)
{
	count_out(c, g);
	g->flags = (uint8_t)((g->flags | set) & ~clear);
	count_in(c, g);
	if ((set & TCP_SEG_F_LOST) && c->f->rtx_hint != NULL && seq_lt(g->seq, c->f->rtx_hint->seq))
		c->f->rtx_hint = g;
}

uint32_t tcp_pipe(const struct tcp_conn *c)
{
	const uint32_t sent = c->snd_nxt - c->snd_una;
	uint32_t gone = c->f->sacked + c->f->lost;

	/* Never more than there are that are not lost, or what is resent would not count. */
	if (!(c->flags & TCP_F_SACK) && gone < sent)
		gone += RTE_MIN((uint32_t)c->f->dup_segs * c->mss, sent - gone);
	return sent + c->f->rtx - gone;
}

void tcp_pipe_settle(struct tcp_conn *c)
{
	const uint32_t sent = c->snd_nxt - c->snd_una;
	const uint32_t gone = c->f->sacked + c->f->lost;

	while (c->f->dup_segs > 0 && gone + (uint32_t)c->f->dup_segs * c->mss > sent + c->mss - 1)
		c->f->dup_segs--;
}

void tcp_rack_advance(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now_us)
{
	const uint32_t rtt = (uint32_t)(now_us - g->tx_us);

	/* RFC 8985 6.2 step 2: too quick for a resend, so it was the original. */
	if ((g->flags & TCP_SEG_F_EVER_RTX) && rtt < c->min_rtt_us)
		return;
	c->f->rack_rtt_us = rtt;
	if (g->tx_us > c->f->rack_tx_us ||
	    (g->tx_us == c->f->rack_tx_us && seq_gt(seg_end(g), c->f->rack_end))) {
		c->f->rack_tx_us = g->tx_us;
		c->f->rack_end = seg_end(g);
	}
}

static bool was_resent(const struct tcp_conn *c, struct tcp_range r)
{
	for (unsigned i = 0; i < TCP_NB_RTX_RING; i++) {
		const uint32_t seq = c->f->rtx_ring[i];

		if (seq - r.start < r.end - r.start)
			return true;
	}
	return false;
}

/*
 * RFC 2883 4: a first block below the ACK, or inside the second one, reports a duplicate. The
 * network duplicates as well; only a duplicate of something that we did resend says that a resend
 * was needless.
 */
static bool take_dsack(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a)
{
	const struct tcp_range d = s->opts.sacks[0];
	bool is_dsack = seq_lt(d.start, s->ack);

	if (!is_dsack && s->opts.nb_sacks > 1) {
		const struct tcp_range e = s->opts.sacks[1];

		is_dsack = seq_geq(d.start, e.start) && seq_leq(d.end, e.end);
	}
	if (!is_dsack)
		return false;
	a->dsack = true;
	if (seq_lt(d.start, d.end) && was_resent(c, d))
		a->dsack_spurious = true;
	return true;
}

/* The blocks that can be true, in order. */
static unsigned collect_blocks(const struct tcp_conn *c, const struct tcp_segin *s, unsigned first,
			       struct tcp_range *ret)
{
	unsigned n = 0;

	for (unsigned i = first; i < s->opts.nb_sacks; i++) {
		const struct tcp_range r = s->opts.sacks[i];
		unsigned at = n;

		if (!seq_lt(r.start, r.end) || seq_gt(r.end, c->snd_nxt) || seq_lt(r.start, s->ack))
			continue;
		while (at > 0 && seq_gt(ret[at - 1].start, r.start)) {
			ret[at] = ret[at - 1];
			at--;
		}
		ret[at] = r;
		n++;
	}
	return n;
}

static void mark_arrived(struct tcp_conn *c, struct tcp_seg *g, struct tcp_acked *a,
			 uint64_t now_us)
{
	a->delivered += seg_seq_len(g);
	tcp_rack_advance(c, g, now_us);
	if (!(g->flags & TCP_SEG_F_EVER_RTX)) {
		a->has_rtt = true;
		a->rtt_us = (uint32_t)(now_us - g->tx_us);
		a->orig_acked |= seq_leq(seg_end(g), c->f->high_seq);
		if (seq_lt(g->seq, c->f->fack))
			c->flags |= TCP_F_REORDERING;
	}
	tcp_seg_set_flags(c, g, TCP_SEG_F_SACKED, TCP_SEG_F_LOST | TCP_SEG_F_RTX);
	if (g->flags & TCP_SEG_F_TIMED) {
		TAILQ_REMOVE(&c->f->timed, g, timed);
		g->flags &= (uint8_t)~TCP_SEG_F_TIMED;
	}
}

/* What of [start, r.end) no earlier ACK said: <start> moves there; false when there is nothing. */
static bool skip_seen(const struct tcp_flight *f, struct tcp_range r, uint32_t *start,
		      uint32_t *ret_end)
{
	uint32_t end = r.end;
	bool moved;

	do {
		moved = false;
		for (unsigned i = 0; i < f->nb_seen; i++) {
			if (seq_leq(f->seen[i].start, *start) && seq_gt(f->seen[i].end, *start)) {
				*start = f->seen[i].end;
				moved = true;
			}
		}
	} while (moved);
	if (seq_geq(*start, r.end))
		return false;
	for (unsigned i = 0; i < f->nb_seen; i++) {
		if (seq_gt(f->seen[i].start, *start) && seq_lt(f->seen[i].start, end))
			end = f->seen[i].start;
	}
	*ret_end = end;
	return true;
}

/* Blocks are remembered, the newest first, so that a repeated one costs no walk. */
static void remember(struct tcp_conn *c, struct tcp_range r)
{
	struct tcp_flight *f = c->f;
	struct tcp_range kept[TCP_OPT_MAX_SACKS];
	unsigned n = 0;

	for (unsigned i = 0; i < f->nb_seen; i++) {
		const struct tcp_range k = f->seen[i];

		if (seq_leq(k.end, c->snd_una))
			continue;
		if (seq_leq(k.start, r.end) && seq_geq(k.end, r.start)) {
			r.start = seq_lt(k.start, r.start) ? k.start : r.start;
			r.end = seq_max(k.end, r.end);
		} else if (n < TCP_OPT_MAX_SACKS - 1) {
			kept[n++] = k;
		}
	}
	f->seen[0] = r;
	for (unsigned i = 0; i < n; i++)
		f->seen[i + 1] = kept[i];
	f->nb_seen = (uint8_t)(n + 1);
}

/* The segments that <r> covers and that are at least in part in [start, end). */
static void mark_range(struct tcp_conn *c, struct tcp_range r, uint32_t start, uint32_t end,
		       struct tcp_acked *a, uint64_t now_us)
{
	struct tcp_seg *g = tcp_sndq_find(c, start);

	for (; g != NULL && (g->flags & TCP_SEG_F_SENT) && seq_lt(g->seq, end); g = g->next) {
		if (seq_lt(g->seq, r.start) || seq_gt(seg_end(g), r.end))
			continue;
		if (!(g->flags & TCP_SEG_F_SACKED))
			mark_arrived(c, g, a, now_us);
		a->fack = seq_max(a->fack, seg_end(g));
		c->f->sack_hint = g;
	}
}

/*
 * Invariant: what is in f->seen has been walked, and its segments are marked but for those that
 * lie across its ends; a block that grows comes to these again.
 */
void tcp_sack_mark(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a,
		   uint64_t now_us)
{
	struct tcp_range blocks[TCP_OPT_MAX_SACKS];
	const unsigned n = collect_blocks(c, s, take_dsack(c, s, a) ? 1 : 0, blocks);

	a->fack = c->f->fack;
	for (unsigned i = 0; i < n; i++) {
		uint32_t start = blocks[i].start, end;
		struct tcp_range all;

		for (; skip_seen(c->f, blocks[i], &start, &end); start = end) {
			remember(c, (struct tcp_range){start, end});
			/* Together with what is known around it. */
			all = c->f->seen[0];
			mark_range(c, all, start, end, a, now_us);
		}
	}
	c->f->fack = a->fack;
}
