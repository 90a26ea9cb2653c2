/* SPDX-License-Identifier: BSD-3-Clause */

/* Between ip's own files. */

#pragma once

#include "base/count.h"
#include "ip/ip.h"

#include <rte_mbuf.h>

#include <stddef.h>

#define IP_HOPS 64

/* Behind an Ethernet header no field is aligned; packed, none needs to be. */
struct ip_hdr {
	uint8_t ver_ihl;
	uint8_t tos;
	uint16_t len_be;
	uint16_t id_be;
	uint16_t off_be;
	uint8_t ttl;
	uint8_t proto;
	uint16_t cksum_be;
	uint32_t src_be;
	uint32_t dst_be;
} __attribute__((packed));
static_assert(sizeof(struct ip_hdr) == IP_HDR_LEN, "on the wire");

/* RFC 792, of what is used here. */
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_EXCEEDED 11
#define ICMP_PARAMETER 12
#define ICMP_UNREACH_PROTO 2
#define ICMP_UNREACH_PORT 3
#define ICMP_UNREACH_NEEDFRAG 4
/* RFC 4443 3. */
#define ICMP6_UNREACH_PORT 4
#define ICMP6_PARAMETER_FIELD 0
#define ICMP6_PARAMETER_NEXT 1
#define ICMP6_PARAMETER_OPTION 2

static inline enum ip_verdict ip_drop(struct ip_stack *ip, struct rte_mbuf *m, enum outcome why)
{
	count(ip->counters, why);
	rte_pktmbuf_free(m);
	return IP_V_DONE;
}

static inline bool ip_is_local(const struct ip_stack *ip, const struct ip_addr *addr, uint8_t iface)
{
	return local_is_ours(&ip->neigh->local, addr, iface);
}

/* Is <src> another interface's, or none of a host's at all? */
bool ip_is_elsewhere(const struct ip_stack *ip, const struct ip_addr *src, uint8_t iface);

/* As ip_output(), for an answer to what came by <iface>: where a link-local destination is. */
void ip_output_link(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint64_t now_us);

static inline bool ip6_is_from_none(const struct ip6_header *h)
{
	const struct ip_addr src = h->src;

	return ip_addr_is_unspecified(&src);
}

/* Interfaces of one port may have the same link-local address, each on its own link. */
static inline bool ip6_is_from_us(const struct ip_stack *ip, const struct ip6_header *h,
				  uint8_t iface)
{
	const struct ip_addr src = h->src;

	return ip_is_local(ip, &src, ip_addr_is_link_local(&src) ? iface : ETH_NO_IFACE);
}

/* A packet of IPv6, in a unicast frame or not; see ip_input(). */
enum ip_verdict ip6_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf **m, bool is_group,
			  uint64_t now_us, struct ip_icmp_error *ret_error);

/*
 * <m> was put together from fragments: give it to the worker that its ports belong to. True: it is
 * on its way.
 */
bool ip_pass_whole(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint16_t type);

/* ---- IPv6 extension headers ---- */

#define IP6_MAX_EXT 8u       /* headers */
#define IP6_MAX_EXT_LEN 256u /* bytes of all of them */

/* Where a walk ended. */
struct ip6_walk {
	uint8_t proto;     /* of the header at <off>: an upper layer's, or a fragment header */
	uint16_t off;      /* from the beginning of the IPv6 header */
	uint16_t next_off; /* where the octet is that says <proto> */
	/* Of a refused packet: what its sender is to be told (RFC 4443 3.4). */
	bool has_problem;
	uint8_t code;
	uint16_t pointer;
};

/*
 * Skip the extension headers of the packet <p>, whose first <len> bytes, at least IP6_HDR_LEN, are
 * there. Returns OUTCOME__COUNT, or the outcome to drop it with. <is_quote>: it is what an ICMP
 * error quotes, so it is not to be judged, and the fragment header of a first fragment is skipped
 * too. Pure.
 */
enum outcome ip6_walk(const uint8_t *p, size_t len, bool is_quote, struct ip6_walk *ret);

/* ---- ICMP ---- */

/* Per worker: enough for monitoring, too little to be worth an attacker's while. */
#define IP_ECHO_PER_S 1000u
#define IP_ECHO_BURST 500u

/* An ICMP message for us; the header was checked and has <hdr_len> bytes. Takes <m>. */
enum ip_verdict ip_icmp_input(struct ip_stack *ip, struct rte_mbuf *m, uint16_t hdr_len,
			      uint64_t now_us, struct ip_icmp_error *ret_error);
/* ICMPv6, which may also be for a group. */
enum ip_verdict ip_icmp6_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m,
			       uint16_t hdr_len, uint64_t now_us, struct ip_icmp_error *ret_error);
/*
 * The packet <p>, of which <len> bytes are there, as an error quotes it: fill in all but <mtu>.
 * RFC 5927 4: an error is worth a thought only when it quotes a TCP segment that we could have
 * sent; whether its sequence number is in flight, tcp knows. False: it is to be ignored.
 */
bool ip_quote_parse(const struct ip_stack *ip, const uint8_t *p, size_t len,
		    struct ip_icmp_error *ret);
/* Drop <m>, which <mtu> bytes do not hold, and have ip_take_error() tell when it is TCP's. */
void ip_drop_too_big(struct ip_stack *ip, struct rte_mbuf *m, uint16_t mtu);
/*
 * Answer <m>, a checked packet to one address of ours alone and no fragment, with the ICMP error
 * of its family, within the rate limit. <m> stays the caller's.
 */
void ip_error_send(struct ip_stack *ip, struct rte_mbuf *m, uint8_t type, uint8_t code,
		   uint32_t word, uint64_t now_us);
