/* SPDX-License-Identifier: BSD-3-Clause */

/* Between ip's own files. */

#pragma once

#include "base/count.h"
#include "ip/ip.h"

#include <rte_mbuf.h>

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

static inline enum ip_verdict ip_drop(struct ip_stack *ip, struct rte_mbuf *m, enum outcome why)
{
	count(ip->counters, why);
	rte_pktmbuf_free(m);
	return IP_V_DONE;
}

/* Ours on <iface>, or on any with ETH_NO_IFACE; NULL: not ours. */
const struct arp_addr *ip_local_find(const struct ip_stack *ip, uint32_t addr_be, uint8_t iface);

/* An ICMP packet for us; the header was checked and has <ihl> bytes. Takes <m>. */
enum ip_verdict ip_icmp_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint16_t ihl,
			      uint64_t now_us, struct ip_icmp_error *ret_error);
