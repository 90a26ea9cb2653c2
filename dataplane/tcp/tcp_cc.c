/* SPDX-License-Identifier: BSD-3-Clause */

/* NewReno (RFC 5681, with byte counting as in RFC 3465): the plain one, and the measure. */

#include "tcp/tcp_priv.h"

static void newreno_init(struct tcp_conn *)
{
}

static void newreno_on_ack(struct tcp_conn *c, uint32_t acked, uint64_t)
{
	if (c->cwnd < c->ssthresh) {
		tcp_slow_start(c, acked);
	} else {
		/* One segment per round trip. */
		const uint64_t inc = (uint64_t)c->mss * acked / c->cwnd;

		c->cwnd += (uint32_t)RTE_MAX(inc, UINT64_C(1));
	}
	c->cwnd = RTE_MIN(c->cwnd, TCP_MAX_CWND);
}

static uint32_t newreno_on_loss(struct tcp_conn *c, uint64_t)
{
	return RTE_MAX(c->cwnd / 2, 2 * c->mss);
}

/* RFC 8511 3.1 */
static uint32_t newreno_on_mark(struct tcp_conn *c, uint64_t)
{
	return RTE_MAX(c->cwnd / 5 * 4, 2 * c->mss);
}

static void newreno_on_rto(struct tcp_conn *)
{
}

const struct tcp_cc_ops tcp_cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_loss = newreno_on_loss,
	.on_mark = newreno_on_mark,
	.on_rto = newreno_on_rto,
};
