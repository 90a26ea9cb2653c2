/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Loss detection and recovery: RACK-TLP (RFC 8985), PRR (RFC 6937), RFC 6582 without SACK, F-RTO
 * (RFC 5682) without timestamps.
 *
 *	              loss found                    timeout
 *	   [OPEN] ------------------> [RECOVERY] -------------> [LOSS]
 *	     ^ ^                          |                       |
 *	     | +-- high_seq acked, undo --+                       |
 *	     +------ high_seq acked, undo ------------------------+
 *	     (a timeout goes from OPEN to LOSS as well)
 *
 *	OPEN     -> RECOVERY  enter_recovery(): cwnd follows PRR down to ssthresh
 *	OPEN, RECOVERY -> LOSS  tcp_recovery_on_rto(): cwnd is one segment, slow start
 *	any      -> OPEN      leave(); undo() when the resends turn out to have been needless
 *
 * A segment is lost when one that was sent later has arrived and a reordering window has passed
 * since (RACK). The window is a quarter of the smallest round trip, and grows when the peer's
 * DSACKs say that we resent needlessly, so that it adapts to paths that reorder. A probe (TLP)
 * follows a tail that nothing acknowledges, so that its loss costs two round trips instead of a
 * timeout.
 */

#include "tcp/tcp_priv.h"

#define REO_PERSIST_ROUNDS 16
#define REO_MULT_MAX 64

/* ---- RACK ---- */

/* RFC 8985 6.2 step 4. */
static uint32_t reo_wnd(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_REORDERING) &&
	    (c->f->rec != TCP_R_OPEN || c->f->sacked >= TCP_DUPTHRESH * c->mss))
		return 0;
	const uint64_t w = (uint64_t)c->f->reo_mult * (c->min_rtt_us / 4);

	return (uint32_t)RTE_MIN(w, (uint64_t)c->srtt_us);
}

static void adapt_reo_wnd(struct tcp_conn *c, const struct tcp_acked *a)
{
	if (a->dsack_spurious && seq_geq(c->snd_una, c->f->reo_round_end)) {
		c->f->reo_round_end = c->snd_nxt;
		if (c->f->reo_mult < REO_MULT_MAX)
			c->f->reo_mult++;
		c->f->reo_persist = REO_PERSIST_ROUNDS;
	}
}

static void mark_lost(struct tcp_conn *c, struct tcp_seg *g)
{
	tcp_seg_set_flags(c, g, TCP_SEG_F_LOST, TCP_SEG_F_RTX);
	if (g->flags & TCP_SEG_F_TIMED) {
		TAILQ_REMOVE(&c->f->timed, g, timed);
		g->flags &= (uint8_t)~TCP_SEG_F_TIMED;
	}
}

static bool was_sent_before_rack(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return g->tx_us < c->f->rack_tx_us ||
	       (g->tx_us == c->f->rack_tx_us && seq_lt(seg_end(g), c->f->rack_end));
}

/* RFC 8985 6.2 step 5. True: something new is lost. */
static bool detect_loss(struct tcp_conn *c, uint64_t now_us)
{
	const uint64_t patience = (uint64_t)c->f->rack_rtt_us + reo_wnd(c);
	bool found = false;
	struct tcp_seg *g, *next;

	c->f->reo_deadline_us = 0;
	if (c->f->rack_tx_us == 0)
		return false;
	for (g = TAILQ_FIRST(&c->f->timed); g != NULL && was_sent_before_rack(c, g); g = next) {
		next = TAILQ_NEXT(g, timed);
		if (g->tx_us + patience > now_us) {
			/* The list is in order of time: the first that waits is the first due. */
			c->f->reo_deadline_us = g->tx_us + patience;
			break;
		}
		mark_lost(c, g);
		found = true;
	}
	return found;
}

/* ---- states ---- */

static void save_for_undo(struct tcp_conn *c)
{
	c->f->prior_cwnd = c->cwnd;
	c->f->prior_ssthresh = c->ssthresh;
	c->f->prior_cubic = c->f->cubic;
	c->f->undo_rtx = 0;
	c->f->undo_armed = true;
	c->f->undo_ts = 0;
}

/* <flight> bytes were sent and not acknowledged before the ACK that says <delivered> arrived. */
static void enter_recovery(struct tcp_conn *c, uint32_t flight, uint32_t delivered, uint64_t now_us)
{
	/* What had arrived before will not be delivered in recovery. */
	const uint32_t known = c->f->sacked > delivered ? c->f->sacked - delivered : 0;

	save_for_undo(c);
	/*
	 * Not twice in a round trip, RFC 3168 6.1.2. A mark that came in a recovery which was then
	 * undone has reduced nothing: ssthresh may be without bound, and becomes cwnd at the end.
	 */
	if (!tcp_ecn_is_reduced(c) || c->ssthresh > c->cwnd)
		c->ssthresh = c->st->cc->on_loss(c, now_us);
	c->f->rec = TCP_R_RECOVERY;
	c->f->high_seq = c->snd_nxt;
	c->f->prr_delivered = 0;
	c->f->prr_out = 0;
	c->f->prr_start = flight > known + c->mss ? flight - known : c->mss;
	c->flags |= TCP_F_FORCE; /* the first resend leaves at once, RFC 6675 5 (4.3) */
	c->flags &= ~TCP_F_TLP_OUT;
}

static void leave(struct tcp_conn *c)
{
	if (c->f->rec == TCP_R_RECOVERY)
		c->cwnd = RTE_MAX(c->ssthresh, 2 * c->mss);
	c->f->rec = TCP_R_OPEN;
	c->f->frto = TCP_FRTO_NONE;
	c->f->undo_armed = false;
	c->f->dupacks = 0;
	c->f->dup_segs = 0;
	c->flags &= ~TCP_F_FORCE;
	if (c->f->reo_persist > 0 && --c->f->reo_persist == 0)
		c->f->reo_mult = 1;
}

/* After a timeout that was none: what was marked lost is in flight again. */
static void unmark_lost(struct tcp_conn *c)
{
	for (struct tcp_seg *g = c->f->sndq_head; g != NULL && (g->flags & TCP_SEG_F_SENT);
	     g = g->next) {
		if (!(g->flags & TCP_SEG_F_LOST))
			continue;
		tcp_seg_set_flags(c, g, 0, TCP_SEG_F_LOST);
		if (!(g->flags & TCP_SEG_F_TIMED)) {
			TAILQ_INSERT_HEAD(&c->f->timed, g, timed);
			g->flags |= TCP_SEG_F_TIMED;
		}
	}
}

static void undo(struct tcp_conn *c)
{
	c->cwnd = RTE_MAX(c->cwnd, c->f->prior_cwnd);
	c->ssthresh = RTE_MAX(c->ssthresh, c->f->prior_ssthresh);
	c->f->cubic = c->f->prior_cubic;
	if (c->f->rec == TCP_R_LOSS)
		unmark_lost(c);
	c->f->rec = TCP_R_OPEN;
	c->f->frto = TCP_FRTO_NONE;
	c->f->undo_armed = false;
	c->flags &= ~TCP_F_FORCE;
}

/* Were all resends of this episode needless? RFC 3522 (timestamps) or RFC 3708 (DSACK). */
static bool is_spurious(struct tcp_conn *c, const struct tcp_segin *s, const struct tcp_acked *a)
{
	if (!c->f->undo_armed || c->f->rec == TCP_R_OPEN)
		return false;
	if (a->dsack_spurious && c->f->undo_rtx > 0 && --c->f->undo_rtx == 0)
		return true;
	return a->rtx_acked && c->f->undo_ts != 0 && (c->flags & TCP_F_TS) &&
	       (s->opts.flags & TCP_OPT_F_TS) && seq_lt(s->opts.tsecr, c->f->undo_ts);
}

/*
 * RFC 5682 3.1: what the timeout did not resend arrives all the same, so nothing was lost. With
 * SACK the first such segment says so; without, the one resent may have filled a hole before others
 * that had arrived, and only the ACK after it, with new data on the way, tells.
 */
static bool is_frto_spurious(const struct tcp_conn *c, const struct tcp_acked *a)
{
	if (c->f->rec != TCP_R_LOSS || c->f->frto == TCP_FRTO_NONE)
		return false;
	if (c->flags & TCP_F_SACK)
		return a->orig_acked;
	return c->f->frto == TCP_FRTO_NEW && a->cum > 0;
}

static bool has_new_to_send(const struct tcp_conn *c)
{
	const struct tcp_seg *g = c->f->snd_next;

	return g != NULL && seq_leq(seg_end(g), c->snd_una + c->snd_wnd);
}

/* Still after the timeout: RFC 5682 2.1 steps 2 and 3. */
static void frto_on_ack(struct tcp_conn *c, const struct tcp_acked *a)
{
	if (c->f->frto == TCP_FRTO_WAIT && a->cum > 0 && has_new_to_send(c)) {
		c->f->frto = TCP_FRTO_NEW;
		c->cwnd = tcp_pipe(c) + 2 * c->mss;
		return;
	}
	if (c->f->frto == TCP_FRTO_NEW)
		c->cwnd = 2 * c->mss; /* it was real, and this is the first round of slow start */
	c->f->frto = TCP_FRTO_NONE;
}

/*
 * RFC 6937 3. Below ssthresh the window may catch up, by one segment more than what was delivered
 * while recovery gets on (<is_safe>), and by none when still more turns out to be lost:
 * draft-ietf-tcpm-prr-rfc6937bis.
 */
static void prr_update(struct tcp_conn *c, uint32_t delivered, bool is_safe)
{
	struct tcp_flight *f = c->f;
	const uint32_t pipe = tcp_pipe(c);
	uint32_t can_send;

	/*
	 * Without SACK what a duplicate delivers is a guess: no more can be than was in flight, and
	 * sent since. And where the application had not filled ssthresh, nothing grows towards it.
	 */
	f->prr_delivered = RTE_MIN(f->prr_delivered + delivered, f->prr_start + f->prr_out);
	if (pipe > c->ssthresh) {
		const uint32_t start = RTE_MAX(f->prr_start, c->ssthresh);
		const uint64_t due = ((uint64_t)f->prr_delivered * c->ssthresh + start - 1) / start;

		can_send = due > f->prr_out ? (uint32_t)(due - f->prr_out) : 0;
	} else {
		const uint32_t behind =
			f->prr_delivered > f->prr_out ? f->prr_delivered - f->prr_out : 0;
		const uint32_t limit = RTE_MAX(behind, delivered) + (is_safe ? c->mss : 0);

		can_send = RTE_MIN(c->ssthresh - pipe, limit);
	}
	c->cwnd = RTE_MAX(pipe + can_send, c->mss);
}

/* RFC 5681 3.2 and RFC 6582 3: three duplicates, then one hole per round trip. */
static bool detect_loss_without_sack(struct tcp_conn *c, struct tcp_acked *a, bool is_dup)
{
	if (a->cum > 0) {
		c->f->dupacks = 0;
		c->f->dup_segs = 0;
		if (c->f->rec != TCP_R_RECOVERY || seq_geq(c->snd_una, c->f->high_seq))
			return false;
	} else if (is_dup && c->f->dupacks < UINT8_MAX) {
		c->f->dupacks++;
		a->dup = RTE_MIN(c->mss, tcp_pipe(c));
		c->f->dup_segs += a->dup > 0;
		if (c->f->dupacks != TCP_DUPTHRESH || c->f->rec != TCP_R_OPEN)
			return false;
	} else {
		return false;
	}
	struct tcp_seg *g = c->f->sndq_head;

	if (g == NULL || (g->flags & (TCP_SEG_F_SENT | TCP_SEG_F_LOST)) != TCP_SEG_F_SENT)
		return false;
	mark_lost(c, g);
	return true;
}

/* RFC 8985 7.4: was the probed tail lost, so that cwnd must react? */
static void settle_tlp(struct tcp_conn *c, const struct tcp_acked *a, uint64_t now_us)
{
	if (!(c->flags & TCP_F_TLP_OUT))
		return;
	if (a->dsack_spurious) {
		c->flags &= ~TCP_F_TLP_OUT;
		return;
	}
	if (seq_lt(c->snd_una, c->f->tlp_end))
		return;
	if ((c->flags & TCP_F_TLP_RTX) && c->f->rec == TCP_R_OPEN &&
	    seq_gt(c->snd_una, c->f->tlp_end)) {
		c->ssthresh = c->st->cc->on_loss(c, now_us);
		c->cwnd = c->ssthresh;
	}
	if (seq_gt(c->snd_una, c->f->tlp_end) || !(c->flags & TCP_F_TLP_RTX) || a->cum > 0)
		c->flags &= ~TCP_F_TLP_OUT;
}

/* RFC 5681 3.1, RFC 7661: a window that is not used says nothing about the path. */
static bool was_cwnd_limited(const struct tcp_conn *c, const struct tcp_acked *a)
{
	if (c->cwnd < c->ssthresh)
		return 2 * (uint64_t)a->prior_pipe >= c->cwnd;
	return a->prior_pipe + 2 * c->mss >= c->cwnd;
}

static void step_open(struct tcp_conn *c, struct tcp_acked *a, bool lost, uint64_t now_us)
{
	if (lost) {
		enter_recovery(c, a->prior_pipe, a->delivered, now_us);
		prr_update(c, a->delivered, false);
		return;
	}
	if (a->has_rtt && c->cwnd < c->ssthresh)
		tcp_hystart_sample(c, a->rtt_us);
	/*
	 * RFC 3042 2: what arrives beyond a hole lets new segments out but does not change cwnd,
	 * unless this path is known to reorder.
	 */
	if (a->cum == 0 && !(c->flags & TCP_F_REORDERING))
		return;
	/* RFC 3168 6.1.2: an echoed mark does not open the window either. */
	if (a->marked)
		return;
	if (a->delivered > 0 && was_cwnd_limited(c, a))
		c->st->cc->on_ack(c, a->delivered, now_us);
}

void tcp_recovery_on_ack(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a,
			 bool is_dup, uint64_t now_us)
{
	adapt_reo_wnd(c, a);
	if (is_spurious(c, s, a) || is_frto_spurious(c, a))
		undo(c);
	if (c->f->rec != TCP_R_OPEN && a->cum > 0 && seq_geq(c->snd_una, c->f->high_seq))
		leave(c);
	settle_tlp(c, a, now_us);
	/* RACK needs SACK: a cumulative ACK alone does not say what has arrived beyond it. */
	const bool lost = c->flags & TCP_F_SACK ? detect_loss(c, now_us)
						: detect_loss_without_sack(c, a, is_dup);

	switch (c->f->rec) {
	case TCP_R_OPEN:
		step_open(c, a, lost || c->f->nb_lost_pending > 0, now_us);
		break;
	case TCP_R_RECOVERY:
		prr_update(c, a->delivered + a->dup, a->cum > 0 && !lost);
		break;
	case TCP_R_LOSS:
		if (a->delivered > 0)
			c->st->cc->on_ack(c, a->delivered, now_us);
		frto_on_ack(c, a);
		break;
	default:
		break;
	}
}

void tcp_recovery_on_reo(struct tcp_conn *c, uint64_t now_us)
{
	if (detect_loss(c, now_us) && c->f->rec == TCP_R_OPEN) {
		enter_recovery(c, c->snd_nxt - c->snd_una, 0, now_us);
		prr_update(c, 0, false);
	}
	tcp_conn_want_output(c);
}

/* RFC 8985 7.3: new data if there is any that may go, else the last segment again. */
void tcp_recovery_on_tlp(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_seg *g = c->f->snd_next, *last;

	c->flags |= TCP_F_TLP_OUT;
	c->flags &= ~TCP_F_TLP_RTX;
	c->f->tlp_end = c->snd_nxt;
	/* The probe takes the timeout's place, which begins anew. */
	c->f->rto_base_us = now_us;
	if (g != NULL && (int32_t)(c->snd_una + c->snd_wnd - seg_end(g)) >= 0 &&
	    !(c->flags & TCP_F_MORE)) {
		c->flags |= TCP_F_FORCE;
		c->f->tlp_end = seg_end(g);
		tcp_conn_want_output(c);
		return;
	}
	last = tcp_sndq_find(c, c->snd_nxt - 1);
	if (last != NULL && !(last->flags & TCP_SEG_F_SACKED)) {
		c->flags |= TCP_F_TLP_RTX | TCP_F_FORCE;
		mark_lost(c, last); /* output resends what is marked */
	}
	tcp_conn_want_output(c);
}

/* RFC 6298 5, RFC 8985 6.3. */
void tcp_recovery_on_rto(struct tcp_conn *c, uint64_t now_us)
{
	struct tcp_seg *g = c->f->sndq_head;
	const uint64_t patience = (uint64_t)c->f->rack_rtt_us + reo_wnd(c);
	/* RFC 2018 8: a receiver that dropped what it had reported. */
	const bool is_reneging = g != NULL && (g->flags & TCP_SEG_F_SACKED);

	if (is_reneging)
		c->f->nb_seen = 0;
	tcp_count(c->st, OUTCOME_TCP_RTO);
	/* Once for each time without progress. */
	if (c->f->rec != TCP_R_LOSS || c->f->rto_since_us == 0) {
		if (c->f->rec == TCP_R_OPEN)
			save_for_undo(c);
		c->ssthresh = c->st->cc->on_loss(c, now_us);
		c->st->cc->on_rto(c);
	}
	for (; g != NULL && (g->flags & TCP_SEG_F_SENT); g = g->next) {
		if (is_reneging)
			tcp_seg_set_flags(c, g, 0, TCP_SEG_F_SACKED);
		if (g == c->f->sndq_head ||
		    (!(g->flags & TCP_SEG_F_SACKED) && g->tx_us + patience <= now_us))
			mark_lost(c, g);
	}
	/* Timestamps tell it better; a second timeout says that the first was real. */
	c->f->frto = c->f->rec == TCP_R_OPEN && !is_reneging && !(c->flags & TCP_F_TS)
			     ? TCP_FRTO_WAIT
			     : TCP_FRTO_NONE;
	c->f->rec = TCP_R_LOSS;
	c->f->dupacks = 0;
	c->f->dup_segs = 0;
	c->f->high_seq = c->snd_nxt;
	c->cwnd = c->mss;
	c->flags |= TCP_F_FORCE;
	c->flags &= ~TCP_F_TLP_OUT;
	if (c->rto_backoff < 16)
		c->rto_backoff++;
	if (c->f->rto_since_us == 0)
		c->f->rto_since_us = now_us;
	c->f->rto_base_us = now_us;
	tcp_conn_want_output(c);
}

/* <g> has just left. */
void tcp_recovery_sent(struct tcp_conn *c, struct tcp_seg *g, bool is_rtx, uint64_t now_us)
{
	if (g->flags & TCP_SEG_F_TIMED)
		TAILQ_REMOVE(&c->f->timed, g, timed);
	TAILQ_INSERT_TAIL(&c->f->timed, g, timed);
	g->flags |= TCP_SEG_F_TIMED | TCP_SEG_F_SENT;
	g->tx_us = now_us;
	if (g->nb_tx < UINT8_MAX)
		g->nb_tx++;
	c->last_tx_us = now_us;
	if (c->f->rec == TCP_R_RECOVERY)
		c->f->prr_out += seg_seq_len(g);
	if (!is_rtx)
		return;
	tcp_seg_set_flags(c, g, TCP_SEG_F_RTX | TCP_SEG_F_EVER_RTX, 0);
	c->f->has_history = true;
	c->retransmits++;
	tcp_count(c->st, OUTCOME_TCP_RETRANSMITS);
	c->f->rtx_ring[c->f->rtx_ring_pos++ % TCP_NB_RTX_RING] = g->seq;
	c->f->undo_rtx++;
	if (c->f->undo_armed && c->f->undo_ts == 0)
		c->f->undo_ts = tcp_ts_clock(now_us) + c->ts_off;
}
