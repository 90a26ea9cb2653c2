/* SPDX-License-Identifier: BSD-3-Clause */

/* Solicitations and advertisements of our own. */

#include "nd/nd_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <netinet/in.h>
#include <string.h>

#define HOP_LIMIT 255 /* RFC 4861 7.1: so that nobody beyond the link can have sent it */

uint16_t ip6_pseudo_sum(const struct ip_addr *src, const struct ip_addr *dst, uint32_t len,
			uint8_t proto, uint16_t payload_sum)
{
	uint32_t sum = (uint32_t)rte_raw_cksum(src, sizeof(*src)) +
		       rte_raw_cksum(dst, sizeof(*dst)) + payload_sum +
		       rte_cpu_to_be_16((uint16_t)(len >> 16)) + rte_cpu_to_be_16((uint16_t)len) +
		       rte_cpu_to_be_16(proto);

	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)(sum + (sum >> 16));
}

struct rte_mbuf *nd_packet_new(struct nd *nd, const struct ip_addr *src, const struct ip_addr *dst,
			       uint8_t next, uint8_t hop_limit, uint16_t len, uint8_t **ret_payload)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(nd_eth(nd)->io->pool);
	struct ip6_header *h =
		m == NULL
			? NULL
			: (struct ip6_header *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*h) + len));

	if (h == NULL) {
		count(nd->neigh->counters, OUTCOME_MBUF_EXHAUSTED);
		rte_pktmbuf_free(m);
		return NULL;
	}
	*h = (struct ip6_header){
		.ver_class_flow_be = IP6_VERSION_BE,
		.len_be = rte_cpu_to_be_16(len),
		.next = next,
		.hop_limit = hop_limit,
		.src = *src,
		.dst = *dst,
	};
	*ret_payload = (uint8_t *)(h + 1);
	return m;
}

void nd_send_group(struct nd *nd, uint8_t iface, const struct ip_addr *group, struct rte_mbuf *m)
{
	const uint8_t mac[6] = {0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]};

	eth_output(nd_eth(nd), iface, m, mac, ETH_TYPE_IP6);
}

/* Message with, or without, the Ethernet address of <iface> in an option. */
static struct rte_mbuf *make(struct nd *nd, uint8_t iface, const struct ip_addr *src,
			     const struct ip_addr *dst, const struct nd_msg *msg, uint8_t opt)
{
	const uint16_t len = (uint16_t)(sizeof(*msg) + (opt == 0 ? 0 : 8));
	uint8_t *p;
	struct rte_mbuf *m = nd_packet_new(nd, src, dst, IPPROTO_ICMPV6, HOP_LIMIT, len, &p);

	if (m == NULL)
		return NULL;

	struct nd_msg *out = (struct nd_msg *)p;
	struct nd_mac_option *o = (struct nd_mac_option *)(out + 1);

	*out = *msg;
	if (opt != 0) {
		o->type = opt;
		o->len = 1;
		memcpy(o->mac, nd_eth(nd)->iface[iface].mac, sizeof(o->mac));
	}
	out->cksum_be =
		(uint16_t)~ip6_pseudo_sum(src, dst, len, IPPROTO_ICMPV6, rte_raw_cksum(out, len));
	return m;
}

void nd_send_ns(struct nd *nd, uint8_t iface, const struct ip_addr *src,
		const struct ip_addr *target, const uint8_t *mac)
{
	const struct nd_msg msg = {.type = ICMP6_NS, .target = *target};
	const struct ip_addr dst = mac == NULL ? ip6_solicited_node(target) : *target;
	struct rte_mbuf *m;

	if (!eth_is_up(nd_eth(nd), iface))
		return;
	m = make(nd, iface, src, &dst, &msg, ip_addr_is_unspecified(src) ? 0 : ND_OPT_SOURCE_MAC);
	if (m == NULL)
		return;
	if (mac == NULL)
		nd_send_group(nd, iface, &dst, m);
	else
		eth_output(nd_eth(nd), iface, m, mac, ETH_TYPE_IP6);
}

void nd_send_na(struct nd *nd, uint8_t iface, const struct ip_addr *target,
		const struct ip_addr *dst, const uint8_t *mac, uint64_t now_us)
{
	const uint32_t flags = NA_F_OVERRIDE | (dst == NULL ? 0 : NA_F_SOLICITED);
	const struct nd_msg msg = {
		.type = ICMP6_NA, .flags_be = rte_cpu_to_be_32(flags), .target = *target};
	const struct ip_addr to = dst == NULL ? IP6_ALL_NODES : *dst;
	struct rte_mbuf *m;

	if (!eth_is_up(nd_eth(nd), iface))
		return;
	m = make(nd, iface, target, &to, &msg, ND_OPT_TARGET_MAC);
	if (m == NULL)
		return;
	if (dst == NULL)
		nd_send_group(nd, iface, &to, m);
	else if (mac != NULL)
		eth_output(nd_eth(nd), iface, m, mac, ETH_TYPE_IP6);
	else
		neigh_output(nd->neigh, iface, dst, m, now_us);
}
