/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets that no stack of ours has made: the flood's, and the scripted peer's. */

#pragma once

#include "tests/sim/packet.h"

struct rte_mempool;

struct craft {
	struct ip_addr src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t wnd, urgent;
	uint8_t flags, ecn;
	uint8_t options[40]; /* padded with zeros to a multiple of four */
	uint32_t options_len;
	const uint8_t *text;
	uint32_t len;
};

/* With good checksums; NULL when the pool is empty. */
struct rte_mbuf *craft_packet(struct rte_mempool *pool, const struct craft *c);
void craft_put16(uint8_t *p, uint32_t v);
void craft_put32(uint8_t *p, uint32_t v);
