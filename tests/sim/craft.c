/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/craft.h"

#include <rte_mbuf.h>

#include <string.h>

void craft_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void craft_put32(uint8_t *p, uint32_t v)
{
	craft_put16(p, v >> 16);
	craft_put16(p + 2, v);
}

static uint32_t put_ip(uint8_t *p, const struct craft *c, uint32_t tcp_len)
{
	uint16_t sum;

	if (!ip_addr_is_v4(&c->src)) {
		p[0] = 0x60;
		p[1] = (uint8_t)(c->ecn << 4);
		craft_put16(p + 4, tcp_len);
		p[6] = 6;
		p[7] = 64;
		memcpy(p + 8, c->src.b, 16);
		memcpy(p + 24, c->dst.b, 16);
		return 40;
	}
	p[0] = 0x45;
	p[1] = c->ecn;
	craft_put16(p + 2, tcp_len + 20);
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, c->src.b + 12, 4);
	memcpy(p + 16, c->dst.b + 12, 4);
	sum = pkt_ip4_checksum(p, 20);
	memcpy(p + 10, &sum, 2);
	return 20;
}

struct rte_mbuf *craft_packet(struct rte_mempool *pool, const struct craft *c)
{
	const uint32_t options_len = (c->options_len + 3) & ~3u;
	const uint32_t tcp_len = 20 + options_len + c->len;
	const uint32_t ip_len = (ip_addr_is_v4(&c->src) ? 20 : 40) + tcp_len;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = m != NULL ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)ip_len) : NULL;
	uint16_t sum;

	if (p == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	memset(p, 0, ip_len - c->len);
	uint8_t *t = p + put_ip(p, c, tcp_len);

	craft_put16(t, c->sport);
	craft_put16(t + 2, c->dport);
	craft_put32(t + 4, c->seq);
	craft_put32(t + 8, c->ack);
	t[12] = (uint8_t)((20 + options_len) / 4 << 4);
	t[13] = c->flags;
	craft_put16(t + 14, c->wnd);
	craft_put16(t + 18, c->urgent);
	memcpy(t + 20, c->options, c->options_len);
	if (c->len > 0)
		memcpy(t + 20 + options_len, c->text, c->len);
	sum = pkt_tcp_checksum(p, (uint32_t)(t - p), ip_len);
	memcpy(t + 16, &sum, 2);
	return m;
}
