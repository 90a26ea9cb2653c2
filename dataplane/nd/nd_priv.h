/* SPDX-License-Identifier: BSD-3-Clause */

/* Between nd's own files. */

#pragma once

#include "base/count.h"
#include "nd/nd.h"

#define ND_OPT_SOURCE_MAC 1
#define ND_OPT_TARGET_MAC 2

#define NA_F_SOLICITED (1u << 30)
#define NA_F_OVERRIDE (1u << 29)

/* Solicitation and advertisement (RFC 4861 4.3, 4.4); options follow. */
struct nd_msg {
	uint8_t type;
	uint8_t code;
	uint16_t cksum_be;
	uint32_t flags_be;
	struct ip_addr target;
} __attribute__((packed));
static_assert(sizeof(struct nd_msg) == 24, "on the wire");

/* RFC 4861 4.6.1, with an Ethernet address. */
struct nd_mac_option {
	uint8_t type;
	uint8_t len; /* in units of 8 bytes */
	uint8_t mac[6];
};
static_assert(sizeof(struct nd_mac_option) == 8, "on the wire");

static inline struct eth *nd_eth(const struct nd *nd)
{
	return nd->neigh->eth;
}

/* Only one worker speaks for an interface. */
static inline bool nd_is_owner(const struct nd *nd, uint8_t iface)
{
	const struct eth *eth = nd_eth(nd);

	return eth_is_up(eth, iface) && io_is_owner(eth->io, eth->iface[iface].port);
}

/*
 * Ask who has <target>. <src> unspecified: to find out whether anybody has it before we do
 * (RFC 4862 5.4.2). <mac> NULL: to all that it may concern.
 */
void nd_send_ns(struct nd *nd, uint8_t iface, const struct ip_addr *src,
		const struct ip_addr *target, const uint8_t *mac);
/* Say that <target> is ours: to <dst> at <mac>, or to all nodes with <dst> NULL. */
void nd_send_na(struct nd *nd, uint8_t iface, const struct ip_addr *target,
		const struct ip_addr *dst, const uint8_t *mac, uint64_t now_us);

/* A query for <iface>: schedule what answers it. */
void nd_mld_query(struct nd *nd, uint8_t iface, const struct ip6_header *h, const uint8_t *icmp,
		  size_t len, uint64_t now_us);
/* Report the groups of <iface> a few times, since a report may get lost. */
void nd_mld_changed(struct nd *nd, uint8_t iface, uint64_t now_us);
void nd_mld_tick(struct nd *nd, uint64_t now_us);

/* An mbuf with an IPv6 header for <len> bytes behind it, at <ret_payload>; NULL: counted. */
struct rte_mbuf *nd_packet_new(struct nd *nd, const struct ip_addr *src, const struct ip_addr *dst,
			       uint8_t next, uint8_t hop_limit, uint16_t len,
			       uint8_t **ret_payload);
/* To a group, by its Ethernet address (RFC 2464 7). Takes <m>. */
void nd_send_group(struct nd *nd, uint8_t iface, const struct ip_addr *group, struct rte_mbuf *m);
