/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * CUBIC (RFC 9438): after a loss at w_max the window follows C (t - K)^3 + w_max, flat around
 * w_max and steep away from it, and is never below what Reno would have reached (w_est).
 * Windows are in segments here, as in the RFC; cwnd in bytes.
 */

#include "tcp/tcp_priv.h"

#include <math.h>

#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define CUBIC_BETA_MARK 0.85 /* RFC 8511 4.1 */
#define CUBIC_ALPHA (3.0 * (1.0 - CUBIC_BETA) / (1.0 + CUBIC_BETA))

static void cubic_init(struct tcp_conn *c)
{
	c->f->cubic = (struct tcp_cubic){0};
}

static void begin_epoch(struct tcp_conn *c, double cwnd, uint64_t now_us)
{
	struct tcp_cubic *q = &c->f->cubic;

	q->epoch_ms = RTE_MAX(tcp_ms(now_us), 1u);
	q->w_est = cwnd;
	if (q->w_max <= cwnd) {
		q->w_max = (float)cwnd;
		q->k = 0;
	} else {
		q->k = (float)cbrt((q->w_max - cwnd) / CUBIC_C);
	}
}

static void cubic_on_ack(struct tcp_conn *c, uint32_t acked, uint64_t now_us)
{
	struct tcp_cubic *q = &c->f->cubic;

	if (c->cwnd < c->ssthresh) {
		tcp_slow_start(c, acked);
		return;
	}
	const double cwnd = (double)c->cwnd / c->mss;

	if (q->epoch_ms == 0)
		begin_epoch(c, cwnd, now_us);
	/* RFC 9438 4.2: where the curve will be one round trip from now, within [1, 1.5] cwnd. */
	const double since_ms = tcp_ms(now_us) - q->epoch_ms;
	const double t = since_ms / 1e3 + c->srtt_us / 1e6 - q->k;
	double target = CUBIC_C * t * t * t + q->w_max;

	target = target < cwnd ? cwnd : target > 1.5 * cwnd ? 1.5 * cwnd : target;
	const double segs = (double)acked / c->mss;
	const double alpha = q->w_est >= q->cwnd_prior ? 1.0 : CUBIC_ALPHA;

	q->w_est += alpha * segs / cwnd;
	double next = cwnd + (target - cwnd) / cwnd * segs;

	if (next < q->w_est)
		next = q->w_est;
	next *= c->mss;
	c->cwnd = next > TCP_MAX_CWND ? TCP_MAX_CWND : (uint32_t)next;
}

static uint32_t shrink(struct tcp_conn *c, double beta)
{
	struct tcp_cubic *q = &c->f->cubic;
	const double cwnd = (double)c->cwnd / c->mss;

	/* RFC 9438 4.7, fast convergence: a shrinking share is given up sooner. */
	q->cwnd_prior = (float)cwnd;
	q->w_max = (float)(cwnd < q->w_max ? cwnd * (1.0 + CUBIC_BETA) / 2.0 : cwnd);
	q->epoch_ms = 0;
	return RTE_MAX((uint32_t)(c->cwnd * beta), 2 * c->mss);
}

static uint32_t cubic_on_loss(struct tcp_conn *c, uint64_t)
{
	return shrink(c, CUBIC_BETA);
}

static uint32_t cubic_on_mark(struct tcp_conn *c, uint64_t)
{
	return shrink(c, CUBIC_BETA_MARK);
}

static void cubic_on_rto(struct tcp_conn *c)
{
	/* RFC 9438 4.8: the curve begins where slow start ends. */
	c->f->cubic.epoch_ms = 0;
	c->f->cubic.w_max = 0;
}

const struct tcp_cc_ops tcp_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_mark = cubic_on_mark,
	.on_rto = cubic_on_rto,
};
