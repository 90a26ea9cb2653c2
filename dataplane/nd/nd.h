/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Neighbour discovery (RFC 4861) for one worker: asks and answers for IPv6, finds out whether an
 * address of ours is another's (duplicate address detection, RFC 4862 5.4), and tells switches
 * which groups we listen to (MLDv2, RFC 3810). The neighbours are in neigh.
 *
 * Every worker hears every such packet; only the owner of a port answers, probes and announces,
 * and the others wait for the outcome as long as it does.
 *
 * By design: routes are static. Router advertisements and redirects have no effect, there is no
 * address autoconfiguration, and we send no router solicitation. What is believed: an entry is
 * made by our own question or by a solicitation for one of our addresses, from an address on the
 * link; an existing one follows advertisements by the rules of RFC 4861 7.2.5.
 */

#pragma once

#include "nd/ip6_hdr.h"
#include "neigh/neigh.h"

#include <stddef.h>
#include <stdint.h>

/* The next report of an interface's groups. */
struct nd_report {
	uint64_t due_us;
	uint8_t left; /* reports to be sent yet */
	uint8_t type; /* of its records, RFC 3810 5.2.12 */
};

struct nd {
	struct neigh *neigh;
	uint64_t tick_us; /* next nd_tick() that does something */
	uint64_t random;
	struct nd_report report[ETH_MAX_IFACES];
};

/* Our addresses are those of <neigh>, which it must not outlive. */
void nd_init(struct nd *nd, struct neigh *neigh);
/* After neigh_configure(): report the groups of our addresses. */
void nd_configure(struct nd *nd, uint64_t now_us);
/*
 * A received ICMPv6 message of neighbour discovery or MLD, whose checksum is right: the packet
 * <pkt> of <len> bytes in one piece, beginning at its IPv6 header, the message <off> behind.
 */
void nd_input(struct nd *nd, uint8_t iface, const uint8_t *pkt, size_t off, size_t len,
	      uint64_t now_us);
/* Probe, announce, report. Cheap when nothing is due. */
void nd_tick(struct nd *nd, uint64_t now_us);

/* Is <type> one for nd_input()? */
static inline bool nd_is_type(uint8_t type)
{
	return (type >= ICMP6_MLD_QUERY && type <= ICMP6_REDIRECT) || type == ICMP6_MLD2_REPORT;
}
