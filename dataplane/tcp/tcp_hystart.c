/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Slow start, and when to end it: HyStart++ (RFC 9406). A queue that builds up lengthens the round
 * trip before it overflows, so the first slow start looks at the smallest round trip of each round:
 *
 *	           longer by an eighth          5 rounds
 *	   [SLOW] ---------------------> [CSS] ----------> congestion avoidance, ssthresh = cwnd
 *	     ^                             |
 *	     +---- as short as before -----+
 *
 * In CSS, conservative slow start, the window grows a quarter as fast. The slow starts that follow
 * a timeout know where to stop (ssthresh) and are left alone.
 */

#include "tcp/tcp_priv.h"

#define SAMPLES_MIN 8u
#define THRESH_MIN_US 4000u
#define THRESH_MAX_US 16000u
#define CSS_DIVISOR 4u
#define CSS_ROUNDS 5u
#define BURST_SEGS 8u /* L: we do not pace */

static void begin_round(struct tcp_conn *c)
{
	struct tcp_hystart *h = &c->f->hystart;

	h->round_end = c->snd_nxt;
	h->last_min_us = h->cur_min_us;
	h->cur_min_us = 0;
	h->nb_samples = 0;
}

static void end_round(struct tcp_conn *c)
{
	struct tcp_hystart *h = &c->f->hystart;

	if (h->css_base_us != 0 && ++h->css_rounds >= CSS_ROUNDS)
		c->ssthresh = c->cwnd;
	begin_round(c);
}

static void decide(struct tcp_hystart *h)
{
	if (h->nb_samples < SAMPLES_MIN || h->last_min_us == 0)
		return;
	if (h->css_base_us != 0) {
		/* It was noise; within the same round a few microseconds would say so. */
		if (h->css_rounds > 0 && h->cur_min_us < h->css_base_us)
			h->css_base_us = 0;
		return;
	}
	const uint32_t thresh = RTE_MAX(THRESH_MIN_US, RTE_MIN(h->last_min_us / 8, THRESH_MAX_US));

	if (h->cur_min_us >= h->last_min_us + thresh) {
		h->css_base_us = h->cur_min_us;
		h->css_rounds = 0;
	}
}

void tcp_hystart_sample(struct tcp_conn *c, uint32_t rtt_us)
{
	struct tcp_hystart *h = &c->f->hystart;

	if (c->ssthresh < TCP_MAX_CWND)
		return;
	if (h->round_end == 0) {
		h->cur_min_us = c->min_rtt_us;
		begin_round(c);
	} else if (seq_geq(c->snd_una, h->round_end)) {
		end_round(c);
	}
	h->cur_min_us = h->nb_samples == 0 ? rtt_us : RTE_MIN(h->cur_min_us, rtt_us);
	if (h->nb_samples < UINT8_MAX)
		h->nb_samples++;
	decide(h);
}

void tcp_slow_start(struct tcp_conn *c, uint32_t acked)
{
	uint32_t inc = acked;

	if (c->ssthresh >= TCP_MAX_CWND) {
		inc = RTE_MIN(inc, BURST_SEGS * c->mss);
		if (c->f->hystart.css_base_us != 0)
			inc /= CSS_DIVISOR;
	}
	c->cwnd += RTE_MIN(inc, c->ssthresh - c->cwnd);
	c->cwnd = RTE_MIN(c->cwnd, TCP_MAX_CWND);
}
