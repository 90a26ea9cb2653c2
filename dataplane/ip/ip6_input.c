/* SPDX-License-Identifier: BSD-3-Clause */

/* What of a received IPv6 packet is checked, in this order, before anyone else sees it. */

#include "ip/ip_priv.h"

#include <rte_byteorder.h>

#include <netinet/in.h>

/* The whole packet in the buffer, and nothing behind it. A length of 0 is a jumbogram's. */
static bool is_well_formed(struct rte_mbuf *m, const struct ip6_header *h)
{
	const uint32_t len = IP6_HDR_LEN + rte_be_to_cpu_16(h->len_be);

	if (h->len_be == 0 || len > m->pkt_len)
		return false;
	return len == m->pkt_len || rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - len)) == 0;
}

/* ::/96 has the unspecified and the loopback address, and what is left of RFC 4291 2.5.5.1. */
static bool is_in_zero_96(const struct ip_addr *a)
{
	return ip_addr_has_prefix(a, &(struct ip_addr){0}, 96);
}

/*
 * Addresses that no packet on a wire may come from: groups, loopback, IPv4 in disguise; ourselves;
 * a subnet of ours that is on another interface. ICMPv6 has a look of its own at two of them: the
 * unspecified one asks whether somebody has an address, and from ours another host claims it.
 */
static bool is_spoofed(const struct ip_stack *ip, const struct ip6_header *h, uint8_t iface)
{
	const struct ip_addr src = h->src;

	if (h->next == IPPROTO_ICMPV6 && (ip6_is_from_none(h) || ip6_is_from_us(ip, h, iface)))
		return false;
	return ip_addr_is_multicast6(&src) || ip_addr_is_v4(&src) || is_in_zero_96(&src) ||
	       ip6_is_from_us(ip, h, iface) || ip_is_elsewhere(ip, &src, iface);
}

/* All nodes of the link, or the solicited-node group of an address, be it a tentative one. */
static bool is_our_group(const struct ip_stack *ip, const struct ip_addr *dst, uint8_t iface)
{
	const struct local *l = &ip->neigh->local;

	if (ip_addr_is_equal(dst, &IP6_ALL_NODES))
		return true;
	for (uint32_t i = 0; i < l->nb; i++) {
		const struct ip_addr group = ip6_solicited_node(&l->addr[i].a.addr);

		if (l->addr[i].a.iface == iface && !ip_addr_is_v4(&l->addr[i].a.addr) &&
		    ip_addr_is_equal(dst, &group))
			return true;
	}
	return false;
}

static bool is_ours(const struct ip_stack *ip, const struct ip_addr *dst, uint8_t iface,
		    bool is_group)
{
	if (ip_addr_is_multicast6(dst))
		return is_our_group(ip, dst, iface);
	/* What came to many is for none of them alone. An IPv4 address is never ours by IPv6. */
	return !is_group && !ip_addr_is_v4(dst) && ip_is_local(ip, dst, iface);
}

static enum outcome check(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m,
			  const struct ip6_header *h, bool is_group)
{
	const struct ip_addr dst = h->dst;

	if (!is_well_formed(m, h))
		return OUTCOME_IP6_MALFORMED;
	if (!is_ours(ip, &dst, iface, is_group))
		return OUTCOME_IP_NOT_OURS;
	if (is_spoofed(ip, h, iface))
		return OUTCOME_IP_SPOOFED;
	return OUTCOME__COUNT;
}

/* Tell the sender what is wrong, and let go. RFC 4443 2.4 (e): nobody who spoke to many is told. */
static enum ip_verdict refuse(struct ip_stack *ip, struct rte_mbuf *m, enum outcome why,
			      const struct ip6_walk *w, uint64_t now_us)
{
	const struct ip6_header *h = rte_pktmbuf_mtod(m, const struct ip6_header *);

	if (w->has_problem && h->dst.b[0] != 0xff)
		ip_error_send(ip, m, ICMP6_PARAMETER, w->code, w->pointer, now_us);
	return ip_drop(ip, m, why);
}

static enum ip_verdict refuse_proto(struct ip_stack *ip, struct rte_mbuf *m, struct ip6_walk *w,
				    uint64_t now_us)
{
	const struct ip6_header *h = rte_pktmbuf_mtod(m, const struct ip6_header *);

	if (h->dst.b[0] == 0xff || w->proto == IPPROTO_NONE)
		return ip_drop(ip, m, OUTCOME_IP_PROTO_UNKNOWN);
	if (w->proto == IPPROTO_UDP) {
		ip_error_send(ip, m, ICMP6_UNREACH, ICMP6_UNREACH_PORT, 0, now_us);
		return ip_drop(ip, m, OUTCOME_IP_PROTO_UNKNOWN);
	}
	w->has_problem = true;
	w->code = ICMP6_PARAMETER_NEXT;
	w->pointer = w->next_off;
	return refuse(ip, m, OUTCOME_IP_PROTO_UNKNOWN, w, now_us);
}

/*
 * RFC 6980: neighbour discovery never comes in fragments, and those who make it so want to get
 * past a switch that watches it.
 */
static bool is_fragmented_nd(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip6_walk w;

	/* What cannot be walked is refused by who takes it in. */
	return ip6_walk(p, m->data_len, true, &w) == OUTCOME__COUNT && w.proto == IPPROTO_ICMPV6 &&
	       (w.off >= m->data_len || nd_is_type(p[w.off]));
}

/* Takes <m>; what becomes whole is taken in anew, once, since it has no fragment header left. */
static enum ip_verdict input_fragment(struct ip_stack *ip, uint8_t iface, struct rte_mbuf **ret_m,
				      uint64_t now_us, struct ip_icmp_error *ret_error)
{
	struct rte_mbuf *m = *ret_m;

	if (rte_pktmbuf_mtod(m, const struct ip6_header *)->dst.b[0] == 0xff)
		return ip_drop(ip, m, OUTCOME_IP_FRAGMENT);
	m = ip_reasm_add6(&ip->reasm, m, now_us);
	if (m == NULL || ip_pass_whole(ip, iface, m, ETH_TYPE_IP6))
		return IP_V_DONE;
	/* A second fragment header inside would begin all this again. */
	if (rte_pktmbuf_mtod(m, const struct ip6_header *)->next == IPPROTO_FRAGMENT)
		return ip_drop(ip, m, OUTCOME_IP_FRAGMENT);
	if (is_fragmented_nd(m))
		return ip_drop(ip, m, OUTCOME_ND_MALFORMED);
	/* An echo that we could not send back in one piece. */
	if (m->pkt_len > ip->neigh->eth->iface[iface].mtu &&
	    rte_pktmbuf_mtod(m, const struct ip6_header *)->next == IPPROTO_ICMPV6)
		return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	*ret_m = m;
	return ip6_input(ip, iface, ret_m, false, now_us, ret_error);
}

enum ip_verdict ip6_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf **ret_m,
			  bool is_group, uint64_t now_us, struct ip_icmp_error *ret_error)
{
	struct rte_mbuf *m = *ret_m;
	const struct ip6_header *h = rte_pktmbuf_mtod(m, const struct ip6_header *);
	struct ip6_walk w;

	if (m->data_len < sizeof(*h))
		return ip_drop(ip, m, OUTCOME_IP6_MALFORMED);

	enum outcome why = check(ip, iface, m, h, is_group);

	if (why != OUTCOME__COUNT)
		return ip_drop(ip, m, why);
	why = ip6_walk((const uint8_t *)h, m->data_len, false, &w);
	if (why != OUTCOME__COUNT)
		return refuse(ip, m, why, &w, now_us);
	switch (w.proto) {
	case IPPROTO_TCP:
		if (h->dst.b[0] == 0xff)
			return ip_drop(ip, m, OUTCOME_IP_NOT_OURS);
		m->l2_len = 0;
		m->l3_len = w.off;
		return IP_V_TCP;
	case IPPROTO_ICMPV6:
		return ip_icmp6_input(ip, iface, m, w.off, now_us, ret_error);
	case IPPROTO_FRAGMENT:
		return input_fragment(ip, iface, ret_m, now_us, ret_error);
	default:
		return refuse_proto(ip, m, &w, now_us);
	}
}
