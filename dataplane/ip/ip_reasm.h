/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Fragments put together (RFC 791 3.2, RFC 8200 4.5) for one worker, by DPDK's rte_ip_frag behind
 * the checks that it leaves to its caller.
 *
 * Bounds: IP_REASM_DATAGRAMS at a time, RTE_LIBRTE_IP_FRAG_MAX_FRAG fragments each, for
 * IP_REASM_US. What overlaps or comes twice makes the whole datagram be dropped (RFC 5722 wants
 * that of IPv6; for IPv4 it is what keeps two readers from seeing two texts). A fragment that
 * finds no room is dropped, so a flood of them costs fragments alone.
 *
 * Time is the caller's: microseconds, never going back.
 */

#pragma once

#include <rte_ip_frag.h>

#include <stdint.h>

#define IP_REASM_DATAGRAMS 64u
#define IP_REASM_US UINT64_C(10000000)

struct ip_reasm {
	struct rte_ip_frag_tbl *table;
	uint64_t *counters; /* by enum outcome */
	uint64_t tick_us;
	struct rte_ip_frag_death_row dead;
};

/* At the start only. -ENOMEM. */
[[nodiscard]] int ip_reasm_init(struct ip_reasm *r, uint64_t *counters);
/* Drops what waits. */
void ip_reasm_fini(struct ip_reasm *r);

/*
 * A fragment that begins at its IPv4 header of <hdr_len> bytes, the header checked, nothing behind
 * the datagram. Takes <m>; returns the datagram when <m> was its last missing part, else NULL.
 * The datagram is a chain, its header of the first fragment, with the whole length and no offset.
 */
struct rte_mbuf *ip_reasm_add4(struct ip_reasm *r, struct rte_mbuf *m, uint16_t hdr_len,
			       uint64_t now_us);
/*
 * The same for IPv6. Only a fragment header right behind the IPv6 header is taken, since that is
 * where every sender that has no per-hop options puts it. The datagram has none.
 */
struct rte_mbuf *ip_reasm_add6(struct ip_reasm *r, struct rte_mbuf *m, uint64_t now_us);
/* Give up what is too old. Cheap when nothing is. */
void ip_reasm_tick(struct ip_reasm *r, uint64_t now_us);
