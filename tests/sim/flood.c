/* SPDX-License-Identifier: BSD-3-Clause */

/* A SYN flood from addresses that nobody has, beside what else goes on. */

#include "tests/sim/sim.h"

#include <rte_mbuf.h>

#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t put_ip(uint8_t *p, const struct ip_addr *src, const struct ip_addr *dst,
		       uint32_t tcp_len)
{
	uint16_t sum;

	if (!ip_addr_is_v4(src)) {
		p[0] = 0x60;
		put16(p + 4, tcp_len);
		p[6] = 6;
		p[7] = 64;
		memcpy(p + 8, src->b, 16);
		memcpy(p + 24, dst->b, 16);
		return 40;
	}
	p[0] = 0x45;
	put16(p + 2, tcp_len + 20);
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, src->b + 12, 4);
	memcpy(p + 16, dst->b + 12, 4);
	sum = pkt_ip4_checksum(p, 20);
	memcpy(p + 10, &sum, 2);
	return 20;
}

static struct rte_mbuf *make_syn(struct sim *s)
{
	static const uint8_t options[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
					  0, 1, 0, 0,   0, 0, 1, 3,  3, 7};
	const struct ip_addr dst = s->flows[0].addr[1];
	struct ip_addr src = dst;
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->sides[0].out.pool);
	uint16_t sum;

	if (m == NULL)
		return NULL;
	const uint32_t len = 20 + sizeof(options);
	const uint32_t ip_len = (ip_addr_is_v4(&src) ? 20 : 40) + len;
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)ip_len);

	memset(p, 0, ip_len);
	put16(src.b + 13, (uint32_t)rng_next(&s->rng));
	src.b[15] = 9;
	uint8_t *t = p + put_ip(p, &src, &dst, len);

	put16(t, (uint32_t)rng_in(&s->rng, 1024, 65535));
	put16(t + 2, s->flows[0].port[1]);
	put32(t + 4, (uint32_t)rng_next(&s->rng));
	t[12] = (uint8_t)(len / 4 << 4);
	t[13] = PKT_SYN;
	put16(t + 14, 65535);
	memcpy(t + 20, options, sizeof(options));
	sum = pkt_tcp_checksum(p, (uint32_t)(t - p), ip_len);
	memcpy(t + 16, &sum, 2);
	return m;
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
		tcp_input(s->sides[1].st, m, s->now_us);
	}
	s->flood_next_us = s->now_us - s->start_us + s->sc.flood_gap_us;
}

uint64_t flood_next_us(const struct sim *s)
{
	return is_on(s) ? s->start_us + s->flood_next_us : UINT64_MAX;
}
