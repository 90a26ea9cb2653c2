/* SPDX-License-Identifier: BSD-3-Clause */

/* What of a received IPv4 packet is checked, in this order, before anyone else sees it. */

#include "base/inet_sum.h"
#include "ip/ip_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <netinet/in.h>

#define OFF_MASK 0x3fffu /* RFC 791: more fragments, or an offset */
#define OPT_END 0
#define OPT_NOP 1
#define OPT_LSRR 131
#define OPT_SSRR 137

/* The whole packet in the buffer, and nothing behind it: Ethernet pads short frames. */
static bool is_well_formed(struct rte_mbuf *m, const struct ip_hdr *h, uint16_t ihl)
{
	const uint16_t len = rte_be_to_cpu_16(h->len_be);

	if (h->ver_ihl >> 4 != 4 || ihl < IP_HDR_LEN || m->data_len < ihl || len < ihl ||
	    len > m->pkt_len)
		return false;
	return len == m->pkt_len || rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - len)) == 0;
}

static bool is_checksum_right(const struct rte_mbuf *m, const struct ip_hdr *h, uint16_t ihl)
{
	const uint64_t told = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	if (told == RTE_MBUF_F_RX_IP_CKSUM_GOOD || told == RTE_MBUF_F_RX_IP_CKSUM_NONE)
		return true;
	/* A port that says "bad" is not believed either: some say it of what they did not check. */
	return inet_sum(h, ihl) == 0xffff;
}

/*
 * Walk the options (RFC 791 3.1). All are ignored but source routes, by which a sender would
 * choose the way of our answers (RFC 7126 4.3). Returns the outcome to drop with, or
 * OUTCOME__COUNT when the packet may pass.
 */
static enum outcome check_options(const struct ip_hdr *h, uint16_t ihl)
{
	const uint8_t *p = (const uint8_t *)(h + 1);
	size_t left = ihl - IP_HDR_LEN;

	while (left > 0 && p[0] != OPT_END) {
		size_t len = 1;

		if (p[0] == OPT_LSRR || p[0] == OPT_SSRR)
			return OUTCOME_IP_OPTIONS;
		if (p[0] != OPT_NOP) {
			if (left < 2 || p[1] < 2 || p[1] > left)
				return OUTCOME_IP_MALFORMED;
			len = p[1];
		}
		p += len;
		left -= len;
	}
	return OUTCOME__COUNT;
}

/*
 * An address of a subnet of ours comes by that subnet's interface. With several subnets that hold
 * it, one is enough.
 */
bool ip_is_elsewhere(const struct ip_stack *ip, const struct ip_addr *src, uint8_t iface)
{
	bool is_elsewhere = false;

	for (uint32_t i = 0; i < ip->nb_subnets; i++) {
		const struct ip_ifaddr *a = &ip->subnet[i];

		if (!ip_addr_has_prefix(src, &a->addr, a->prefix_len))
			continue;
		if (a->iface == iface)
			return false;
		is_elsewhere = true;
	}
	return is_elsewhere;
}

/* RFC 1122 3.2.1.3: its number and its broadcast. RFC 3021: a /31 has neither of the two. */
static bool is_subnets_own(const struct ip_stack *ip, const struct ip_addr *src, uint8_t iface)
{
	for (uint32_t i = 0; i < ip->nb_subnets; i++) {
		const struct ip_ifaddr *a = &ip->subnet[i];

		if (a->iface != iface || a->prefix_len >= 127 ||
		    !ip_addr_has_prefix(src, &a->addr, a->prefix_len))
			continue;

		const uint32_t host = (uint32_t)((1ull << (128 - a->prefix_len)) - 1);
		const uint32_t part = rte_be_to_cpu_32(ip_addr_to_v4(src)) & host;

		return part == 0 || part == host;
	}
	return false;
}

/*
 * Addresses that no packet on a wire may come from (RFC 1122 3.2.1.3, RFC 6890): this network,
 * loopback, groups and the reserved rest with broadcast; ourselves; the subnet's own number and
 * broadcast; or a subnet of ours that is on another interface.
 */
static bool is_spoofed(const struct ip_stack *ip, uint32_t src_be, uint8_t iface)
{
	const uint32_t first = rte_be_to_cpu_32(src_be) >> 24;
	const struct ip_addr src = ip_addr_from_v4(src_be);

	return first == 0 || first == 127 || first >= 224 || ip_is_local(ip, &src, ETH_NO_IFACE) ||
	       is_subnets_own(ip, &src, iface) || ip_is_elsewhere(ip, &src, iface);
}

static enum outcome check(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m,
			  const struct ip_hdr *h, uint16_t ihl)
{
	if (!is_well_formed(m, h, ihl))
		return OUTCOME_IP_MALFORMED;
	if (!is_checksum_right(m, h, ihl))
		return OUTCOME_IP_CHECKSUM;

	const enum outcome why = ihl == IP_HDR_LEN ? OUTCOME__COUNT : check_options(h, ihl);
	const struct ip_addr dst = ip_addr_from_v4(h->dst_be);

	if (why != OUTCOME__COUNT)
		return why;
	if (!ip_is_local(ip, &dst, iface))
		return OUTCOME_IP_NOT_OURS;
	if (is_spoofed(ip, h->src_be, iface))
		return OUTCOME_IP_SPOOFED;
	return OUTCOME__COUNT;
}

/* RFC 1122 3.2.2.1: who asks for what we do not have is told so. */
static enum ip_verdict refuse_proto(struct ip_stack *ip, struct rte_mbuf *m, uint8_t proto,
				    uint64_t now_us)
{
	ip_error_send(ip, m, ICMP_UNREACH,
		      proto == IPPROTO_UDP ? ICMP_UNREACH_PORT : ICMP_UNREACH_PROTO, 0, now_us);
	return ip_drop(ip, m, OUTCOME_IP_PROTO_UNKNOWN);
}

bool ip_pass_whole(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint16_t type)
{
	const struct eth *eth = ip->neigh->eth;

	eth_rewrap(eth, iface, m, type);
	if (io_pass(eth->io, m))
		return true;
	eth_unwrap(m);
	return false;
}

/* Its header is checked and complete; a whole datagram may be longer than what can be sent. */
static enum ip_verdict deliver4(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m,
				uint64_t now_us, struct ip_icmp_error *ret_error)
{
	const struct ip_hdr *h = rte_pktmbuf_mtod(m, const struct ip_hdr *);
	const uint16_t ihl = (uint16_t)((h->ver_ihl & 0xf) * 4);

	switch (h->proto) {
	case IPPROTO_TCP:
		m->l2_len = 0;
		m->l3_len = ihl;
		return IP_V_TCP;
	case IPPROTO_ICMP:
		if (m->pkt_len > ip->neigh->eth->iface[iface].mtu)
			return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
		return ip_icmp_input(ip, m, ihl, now_us, ret_error);
	default:
		return refuse_proto(ip, m, h->proto, now_us);
	}
}

static enum ip_verdict ip4_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf **ret_m,
				 uint64_t now_us, struct ip_icmp_error *ret_error)
{
	struct rte_mbuf *m = *ret_m;
	const struct ip_hdr *h = rte_pktmbuf_mtod(m, const struct ip_hdr *);

	if (m->data_len < sizeof(*h))
		return ip_drop(ip, m, OUTCOME_IP_MALFORMED);

	const uint16_t ihl = (uint16_t)((h->ver_ihl & 0xf) * 4);
	const enum outcome why = check(ip, iface, m, h, ihl);

	if (why != OUTCOME__COUNT)
		return ip_drop(ip, m, why);
	if ((rte_be_to_cpu_16(h->off_be) & OFF_MASK) != 0) {
		m = ip_reasm_add4(&ip->reasm, m, ihl, now_us);
		if (m == NULL || ip_pass_whole(ip, iface, m, ETH_TYPE_IP4))
			return IP_V_DONE;
		*ret_m = m;
	}
	return deliver4(ip, iface, m, now_us, ret_error);
}

enum ip_verdict ip_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf **m, uint64_t now_us,
			 struct ip_icmp_error *ret_error)
{
	/* eth has seen the first octet. */
	if (*rte_pktmbuf_mtod(*m, const uint8_t *) >> 4 == 4)
		return ip4_input(ip, iface, m, now_us, ret_error);
	return ip6_input(ip, iface, m, false, now_us, ret_error);
}

void ip_input_group(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint64_t now_us)
{
	struct ip_icmp_error unused;

	/* Neither TCP nor an error about it comes out of what is for many. */
	(void)ip6_input(ip, iface, &m, true, now_us, &unused);
}
