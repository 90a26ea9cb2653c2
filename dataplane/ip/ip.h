/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * IPv4, IPv6 and ICMP for one worker: what may come in, and which way out.
 *
 * Addresses of both families are struct ip_addr, IPv4 in its mapped form, and prefix lengths count
 * in that form. On the wire a mapped address is refused.
 *
 * Ours is a strong end system (RFC 1122 3.3.4.2): a packet is for us when its destination is an
 * address of the interface that it came in by. An access proxy that is bound to one interface is
 * thus not reachable through another.
 */

#pragma once

#include "arp/arp.h"
#include "base/token_bucket.h"
#include "ip/ip_reasm.h"
#include "nd/nd.h"

#include <stdbool.h>
#include <stdint.h>

#define IP_MAX_ADDRS LOCAL_MAX
#define IP_MAX_ROUTES 1024u
#define IP_CACHE_SLOTS 1024u
#define IP_TOO_BIG_MAX 16u
#define IP_HDR_LEN 20u

enum ip_verdict {
	IP_V_DONE, /* answered, kept, or counted and freed */
	/*
	 * A TCP packet for us, beginning at its IP header, padding removed, l2_len 0, l3_len
	 * the length of the IP header with options or extension headers.
	 */
	IP_V_TCP,
	IP_V_ICMP_ERROR, /* <ret_error> is filled, the buffer is freed */
};

/* An ICMP error about a TCP segment of ours (RFC 5927), its quotation checked. */
struct ip_icmp_error {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port; /* host order */
	uint32_t seq;
	uint16_t mtu; /* next hop's, of "fragmentation needed" or "too big"; otherwise 0 */
};

/* <next_hop> all zero: the destination itself, on the link. */
struct ip_route {
	struct ip_addr prefix;
	struct ip_addr next_hop;
	uint8_t len;
	uint8_t iface;
};

struct ip_cached {
	struct ip_addr dst;
	struct ip_addr next_hop;
	uint8_t iface;
	bool is_used;
};

struct ip_stack {
	struct neigh *neigh;
	struct nd *nd;
	uint64_t *counters;
	uint32_t nb_subnets;
	struct ip_ifaddr
		subnet[IP_MAX_ADDRS]; /* our addresses that have one and are not link-local */
	uint32_t nb_routes;
	struct ip_route route[IP_MAX_ROUTES]; /* longest prefix first, subnets of ours included */
	struct ip_cached cache[IP_CACHE_SLOTS];
	uint32_t nb_too_big;
	struct ip_icmp_error too_big[IP_TOO_BIG_MAX]; /* for ip_take_error() */
	struct token_bucket echo;                     /* replies to echo requests */
	struct token_bucket errors;                   /* ICMP errors that we send */
	struct ip_reasm reasm;
};

/* At the start only. -ENOMEM. */
[[nodiscard]] int ip_init(struct ip_stack *ip, struct neigh *neigh, struct nd *nd,
			  uint64_t *counters);
/*
 * Replace addresses and routes of both families; <route> need not be sorted and names what is not
 * on the link. Entries beyond the arrays have no effect. Neighbours are configured too.
 */
void ip_configure(struct ip_stack *ip, const struct ip_ifaddr *addr, uint32_t nb_addrs,
		  const struct ip_route *route, uint32_t nb_routes, uint64_t now_us);

/*
 * A received packet, beginning at its IP header. Takes <*m>; with IP_V_TCP it gives back a packet,
 * another one when <*m> was the last missing fragment.
 */
enum ip_verdict ip_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf **m, uint64_t now_us,
			 struct ip_icmp_error *ret_error);
/*
 * The same for an IPv6 packet in a multicast frame: neighbour discovery and MLD, and nothing that
 * TCP may see. Takes <m>.
 */
void ip_input_group(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint64_t now_us);
/* Drop what waits. */
void ip_fini(struct ip_stack *ip);
/* Give up fragments that are too old. Cheap when there are none. */
void ip_tick(struct ip_stack *ip, uint64_t now_us);
/* Route and send a complete packet of either family. Takes <m>. */
void ip_output(struct ip_stack *ip, struct rte_mbuf *m, uint64_t now_us);
/*
 * The next TCP segment of ours that could not be sent on, because its next hop does not answer or
 * it is too big for the interface, as the error that a router would have sent. False: none. Call
 * until then, once per loop.
 */
[[nodiscard]] bool ip_take_error(struct ip_stack *ip, struct ip_icmp_error *ret_error);

/*
 * Which way to <dst>, and with which source address. -EHOSTUNREACH: no route, or no usable
 * address of ours on the interface that it leads to. A link-local <dst> has no route, since it
 * means another host on each link: its interface must be known otherwise.
 */
[[nodiscard]] int ip_route_find(struct ip_stack *ip, const struct ip_addr *dst, uint8_t *ret_iface,
				struct ip_addr *ret_next_hop);
[[nodiscard]] int ip_source_find(struct ip_stack *ip, const struct ip_addr *dst,
				 struct ip_addr *ret_src);
