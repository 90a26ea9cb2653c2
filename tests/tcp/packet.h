/* SPDX-License-Identifier: BSD-3-Clause */

/* Between the segments of a script and packets, IPv4 or IPv6, with code that is not the stack's. */

#pragma once

#include "lang.h"
#include "tcp/tcp.h"

/* What relative numbers count from. */
struct packet_base {
	uint32_t from_seq; /* the peer's initial sequence number */
	uint32_t to_seq;   /* the stack's */
	uint32_t ts;       /* the stack's first timestamp */
};

/*
 * From the peer to the stack; the text is the pattern. Owned by the caller, NULL when the pool is
 * empty or the text too long.
 */
struct rte_mbuf *packet_build(struct rte_mempool *pool, const struct segment *g,
			      const struct packet_base *base, const struct tcp_tuple *t);
/*
 * From the stack to the peer. NULL, or what is wrong with it: headers, checksums, addresses when
 * <t> is given, and text that does not follow the pattern. <ret> is filled as far as it went.
 */
const char *packet_parse(const struct rte_mbuf *m, struct segment *ret,
			 const struct packet_base *base, const struct tcp_tuple *t);
/* The port that a packet from the stack goes to. */
uint16_t packet_port(const struct rte_mbuf *m);
