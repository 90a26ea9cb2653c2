/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * IPv4 and ICMP for one worker: what may come in, and which way out.
 *
 * Ours is a strong end system (RFC 1122 3.3.4.2): a packet is for us when its destination is an
 * address of the interface that it came in by. An access proxy that is bound to one interface is
 * thus not reachable through another.
 */

#pragma once

#include "arp/arp.h"

#include <stdbool.h>
#include <stdint.h>

#define IP_MAX_ADDRS ARP_MAX_ADDRS
#define IP_MAX_ROUTES 1024u
#define IP_LOCAL_SLOTS 1024u /* hash of our addresses, a quarter full at most */
#define IP_CACHE_SLOTS 1024u
#define IP_HDR_LEN 20u

enum ip_verdict {
	IP_V_DONE,       /* answered, or counted and freed */
	IP_V_TCP,        /* a TCP packet for us, beginning at its IPv4 header, padding removed */
	IP_V_ICMP_ERROR, /* <ret_error> is filled, the buffer is freed */
};

/* An ICMP error about a TCP segment of ours (RFC 5927), its quotation checked. */
struct ip_icmp_error {
	uint32_t local_be, remote_be;
	uint16_t local_port, remote_port; /* host order */
	uint32_t seq;
	uint16_t mtu; /* next hop's, of "fragmentation needed"; otherwise 0 */
};

/* <next_hop_be> 0: the destination itself, on the link. */
struct ip_route {
	uint32_t prefix_be;
	uint32_t mask_be;
	uint32_t next_hop_be;
	uint8_t iface;
};

struct ip_cached {
	uint32_t dst_be;
	uint32_t next_hop_be;
	uint8_t iface;
	bool is_used;
};

struct ip_stack {
	struct arp *arp;
	uint64_t *counters;
	uint32_t nb_addrs;
	uint32_t nb_routes;
	struct arp_addr addr[IP_MAX_ADDRS];
	struct ip_route route[IP_MAX_ROUTES]; /* longest prefix first, subnets of ours included */
	uint16_t local[IP_LOCAL_SLOTS];       /* index into <addr> + 1 */
	struct ip_cached cache[IP_CACHE_SLOTS];
	uint32_t echo_tokens;
	uint64_t echo_us; /* when tokens were last added */
};

void ip_init(struct ip_stack *ip, struct arp *arp, uint64_t *counters);
/*
 * Replace addresses and routes; <route> need not be sorted and names what is not on the link.
 * Entries beyond the arrays have no effect. ARP is configured too.
 */
void ip_configure(struct ip_stack *ip, const struct arp_addr *addr, uint32_t nb_addrs,
		  const struct ip_route *route, uint32_t nb_routes, uint64_t now_us);

/* A received packet, beginning at its IPv4 header. Takes <m> unless IP_V_TCP is returned. */
enum ip_verdict ip_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint64_t now_us,
			 struct ip_icmp_error *ret_error);
/* Route and send a complete IPv4 packet. Takes <m>. */
void ip_output(struct ip_stack *ip, struct rte_mbuf *m, uint64_t now_us);

/*
 * Which way to <dst_be>, and with which source address. -EHOSTUNREACH: no route, or no address
 * of ours on the interface that it leads to.
 */
[[nodiscard]] int ip_route_find(struct ip_stack *ip, uint32_t dst_be, uint8_t *ret_iface,
				uint32_t *ret_next_hop_be);
[[nodiscard]] int ip_source_find(struct ip_stack *ip, uint32_t dst_be, uint32_t *ret_src_be);
