/* SPDX-License-Identifier: BSD-3-Clause */

/* A SYN flood from addresses that nobody has, beside what else goes on. */

#include "tests/sim/craft.h"
#include "tests/sim/sim.h"

#include <rte_mbuf.h>

static struct rte_mbuf *make_syn(struct sim *s)
{
	struct craft c = {
		.src = s->flows[0].addr[1],
		.dst = s->flows[0].addr[1],
		.sport = (uint16_t)rng_in(&s->rng, 1024, 65535),
		.dport = s->flows[0].port[1],
		.seq = (uint32_t)rng_next(&s->rng),
		.wnd = 65535,
		.flags = PKT_SYN,
		.options = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7},
		.options_len = 20,
	};

	craft_put16(c.src.b + 13, (uint32_t)rng_next(&s->rng));
	c.src.b[15] = 9;
	return craft_packet(s->sides[0].out.pool, &c);
}

static bool is_on(const struct sim *s)
{
	const uint64_t at = s->now_us - s->start_us;

	return s->sc.flood_gap_us != 0 && at < s->sc.flood_until_us;
}

void flood_run(struct sim *s)
{
	if (!is_on(s) || s->now_us < flood_next_us(s))
		return;
	struct rte_mbuf *m = make_syn(s);

	if (m != NULL) {
		s->sides[1].nb_in++;
		m->l3_len = s->sc.is_v6 ? 40 : 20;
		tcp_input(s->sides[1].st, m, s->now_us);
	}
	s->flood_next_us = s->now_us - s->start_us + s->sc.flood_gap_us;
}

uint64_t flood_next_us(const struct sim *s)
{
	return is_on(s) ? s->start_us + s->flood_next_us : UINT64_MAX;
}
