/* SPDX-License-Identifier: BSD-3-Clause */

/* RFC 9293 3.10.7.4, fifth: the ACK field; round-trip times; challenge ACKs. */

#include "base/siphash.h"
#include "tcp/tcp_priv.h"

#include <rte_prefetch.h>

#define MIN_RTT_WINDOW_S 300u

/*
 * RFC 5961 7 and CVE-2016-5696: how many challenges leave per second is limited for each
 * connection alone and is not to be known from outside, so that nobody can use the count as an
 * oracle about somebody else's connection.
 */
void tcp_challenge_ack(struct tcp_conn *c, uint64_t now_us)
{
	if (tcp_ms(now_us) - c->chal_ms >= 1000) {
		const uint64_t w[2] = {now_us, (uint64_t)c->ts_off << 32 | c->hash};

		c->chal_ms = tcp_ms(now_us);
		c->chal_left = 4 + (siphash_words(c->st->p.secret, w, 2, 1, 3) & 15);
	}
	if (c->chal_left == 0) {
		tcp_count(c->st, OUTCOME_TCP_CHALLENGE_LIMITED);
		return;
	}
	c->chal_left--;
	tcp_count(c->st, OUTCOME_TCP_CHALLENGE_ACK);
	c->flags |= TCP_F_ACK_NOW;
	tcp_conn_want_output(c);
}

/* RFC 6298 2, and the minimum that RACK measures reordering by. */
void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us, uint64_t now_us)
{
	const uint32_t r = RTE_MAX(rtt_us, 1u);

	if (!(c->flags & TCP_F_RTT_VALID)) {
		c->srtt_us = r;
		c->rttvar_us = r / 2;
		c->min_rtt_us = r;
		c->min_rtt_at_s = tcp_s(now_us);
		c->flags |= TCP_F_RTT_VALID;
	} else {
		const uint32_t delta = r > c->srtt_us ? r - c->srtt_us : c->srtt_us - r;

		c->rttvar_us = (uint32_t)((3 * (uint64_t)c->rttvar_us + delta) / 4);
		c->srtt_us = (uint32_t)((7 * (uint64_t)c->srtt_us + r) / 8);
	}
	if (r <= c->min_rtt_us || tcp_s(now_us) - c->min_rtt_at_s > MIN_RTT_WINDOW_S) {
		c->min_rtt_us = r;
		c->min_rtt_at_s = tcp_s(now_us);
	}
	const uint64_t rto = c->srtt_us + RTE_MAX(4 * (uint64_t)c->rttvar_us, TCP_RTO_MIN_US);

	c->rto_us = (uint32_t)RTE_MIN(rto, TCP_RTO_MAX_US);
}

/*
 * RFC 9293 3.10.7.4, fifth, and one case more: an ACK that moves snd_una brings its window along,
 * whatever its sequence number. A resent segment has an old one, and the window before, counted
 * from the new snd_una, would end behind what the peer has offered.
 */
static void update_window(struct tcp_conn *c, const struct tcp_segin *s)
{
	/* SND.WL2 needs no field: it is never above snd_una, which the ACK has passed by now. */
	if (!seq_gt(s->ack, c->snd_una) && seq_lt(s->seq, c->snd_wl1))
		return;
	const uint32_t wnd = (uint32_t)s->wnd << c->snd_wscale;

	if (wnd > c->snd_wnd && c->f->snd_next != NULL)
		tcp_conn_want_output(c);
	c->snd_wnd = wnd;
	c->max_snd_wnd = RTE_MAX(c->max_snd_wnd, wnd);
	c->snd_wl1 = seq_max(c->snd_wl1, s->seq);
}

/* What the cumulative ACK covers leaves the queue; the accounts and clocks hear of it first. */
static void take_cumulative(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a,
			    uint64_t now_us)
{
	const uint32_t old_una = c->snd_una;
	bool has_rtt = false;
	uint32_t rtt_us = 0;

	for (struct tcp_seg *g = c->f->sndq_head;
	     g != NULL && (g->flags & TCP_SEG_F_SENT) && seq_leq(seg_end(g), s->ack); g = g->next) {
		rte_prefetch0(g->next);
		rte_prefetch0(g->m); /* it is about to be freed */
		if (g->flags & TCP_SEG_F_EVER_RTX)
			a->rtx_acked = true;
		if (g->flags & TCP_SEG_F_SACKED)
			continue;
		a->delivered += seg_seq_len(g);
		tcp_rack_advance(c, g, now_us);
		if (!(g->flags & TCP_SEG_F_EVER_RTX)) {
			has_rtt = true;
			rtt_us = (uint32_t)(now_us - g->tx_us);
			a->orig_acked |= seq_leq(seg_end(g), c->f->high_seq);
			if (seq_lt(seg_end(g), c->f->fack))
				c->flags |= TCP_F_REORDERING;
		}
	}
	/*
	 * RFC 6298 3, Karn: only what was sent once; and not when a resend is acknowledged with it,
	 * for then it had been waiting behind the hole.
	 */
	if (has_rtt && !a->rtx_acked) {
		a->has_rtt = true;
		a->rtt_us = rtt_us;
	}
	a->cum = s->ack - old_una;
	c->snd_una = s->ack;
	c->f->fack = seq_max(c->f->fack, c->snd_una);
	tcp_pmtu_acked(c, now_us);
	tcp_sndq_drop_head(c);
	c->f->rto_since_us = 0;
	c->f->rto_base_us = now_us;
	if ((c->flags & TCP_F_ORPHAN) && c->f->sndq_head != NULL)
		tcp_timer_arm_life(c, now_us);
}

static void tell_owner(struct tcp_conn *c, uint32_t cum)
{
	uint32_t ev = 0;

	if (cum == 0)
		return;
	if (c->f->sndq_bytes == 0)
		ev |= TCP_EV_SENT_ALL;
	if ((c->flags & TCP_F_LOW) && tcp_conn_writable(c) >= tcp_snd_limit(c) / 2) {
		c->flags &= ~TCP_F_LOW;
		ev |= TCP_EV_WRITABLE;
	}
	if (ev != 0)
		tcp_conn_event(c, ev);
}

/* RFC 5681 2: a duplicate acknowledgement; what counts when there is no SACK. */
static bool is_dup_ack(const struct tcp_conn *c, const struct tcp_segin *s)
{
	return s->ack == c->snd_una && s->len == 0 && !(s->flags & TCP_FIN) &&
	       c->snd_nxt != c->snd_una && ((uint32_t)s->wnd << c->snd_wscale) == c->snd_wnd;
}

/*
 * RFC 6298 5: a timeout that was backed off stays so until there is a round trip again. What was
 * sent once says how long it took; for the rest the echoed timestamp does, RFC 7323 4.1.
 */
static void take_rtt(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a,
		     uint64_t now_us)
{
	if (!a->has_rtt && a->cum > 0 && (c->flags & TCP_F_TS) && (s->opts.flags & TCP_OPT_F_TS)) {
		const uint32_t ms = tcp_ts_clock(now_us) + c->ts_off - s->opts.tsecr;

		/* Rounded up: the clock's grain must not make a path look faster than it is. */
		a->has_rtt = ms < TCP_RTO_MAX_US / 1000;
		a->rtt_us = (ms + 1) * 1000;
	}
	if (!a->has_rtt)
		return;
	tcp_rtt_sample(c, a->rtt_us, now_us);
	c->rto_backoff = 0;
}

bool tcp_ack_input(struct tcp_conn *c, const struct tcp_segin *s, uint64_t now_us)
{
	struct tcp_acked a = {
		.prior_pipe = c->snd_nxt - c->snd_una,
		.marked = (c->flags & TCP_F_ECN) && (s->flags & TCP_ECE),
	};

	if (seq_gt(s->ack, c->snd_nxt)) {
		tcp_count(c->st, OUTCOME_TCP_BAD_ACK);
		tcp_challenge_ack(c, now_us);
		return false;
	}
	/* RFC 5961 5.2: an ACK from before the largest window there ever was is forged. */
	if (seq_lt(s->ack, c->snd_una - c->max_snd_wnd)) {
		tcp_count(c->st, OUTCOME_TCP_BAD_ACK);
		tcp_challenge_ack(c, now_us);
		return false;
	}
	if (seq_lt(s->ack, c->snd_una)) {
		/* Late; its text may still be good. */
		return true;
	}
	/* By the window before this segment's: one that changes it is no duplicate. */
	const bool is_dup = is_dup_ack(c, s);

	update_window(c, s);
	/* Nothing queued, so nothing to acknowledge. */
	if (!tcp_has_flight(c))
		return true;

	/*
	 * RFC 9293 3.8.6.1: as long as probes are answered the connection may stay; they back off.
	 * What was sent into a window that the peer then took back is such a probe, too.
	 */
	if (c->rtx_mode == TCP_RTX_PERSIST)
		c->f->rto_since_us = 0;
	else if (c->snd_wnd == 0 && c->f->rto_since_us != 0)
		c->f->rto_since_us = now_us;
	if (s->opts.nb_sacks > 0 && (c->flags & TCP_F_SACK))
		tcp_sack_mark(c, s, &a, now_us);
	if (s->ack != c->snd_una)
		take_cumulative(c, s, &a, now_us);
	take_rtt(c, s, &a, now_us);
	tcp_recovery_on_ack(c, s, &a, is_dup, now_us);
	tcp_ecn_ack_input(c, s, a.delivered, now_us);
	tell_owner(c, a.cum);
	if (c->f->snd_next != NULL || c->f->nb_lost_pending > 0)
		tcp_conn_want_output(c);
	else
		tcp_timer_rearm_rtx(c, now_us);
	tcp_flight_settle(c);
	return true;
}
