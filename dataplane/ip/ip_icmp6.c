/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMPv6 (RFC 4443): echo is answered, at a bounded rate; errors about TCP segments of ours are
 * passed up with what they quote; neighbour discovery and MLD go to nd. Nothing else has an
 * effect. An echo request to a group is not answered: one packet must not make many.
 */

#include "io/cksum.h"
#include "ip/ip_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <netinet/in.h>
#include <string.h>

static bool is_checksum_right(const struct rte_mbuf *m, uint16_t off)
{
	const struct ip6_header h = *rte_pktmbuf_mtod(m, const struct ip6_header *);
	const uint32_t len = m->pkt_len - off;

	return ip6_pseudo_sum(&h.src, &h.dst, len, IPPROTO_ICMPV6, cksum_chain(m, off, len)) ==
	       0xffff;
}

/*
 * RFC 4443 4.2. Extension headers are not sent back: the reply is made of the request by moving
 * its header up to the payload.
 */
static enum ip_verdict reply(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint16_t off,
			     uint64_t now_us)
{
	const struct ip6_header h = *rte_pktmbuf_mtod(m, const struct ip6_header *);

	if (!token_bucket_take(&ip->echo, IP_ECHO_PER_S, IP_ECHO_BURST, now_us))
		return ip_drop(ip, m, OUTCOME_ICMP_LIMITED);
	(void)rte_pktmbuf_adj(m, (uint16_t)(off - IP6_HDR_LEN));

	struct ip6_header *out = rte_pktmbuf_mtod(m, struct ip6_header *);
	struct icmp6_header *icmp = (struct icmp6_header *)(out + 1);
	const uint16_t len = (uint16_t)(m->pkt_len - IP6_HDR_LEN);

	*out = (struct ip6_header){
		.ver_class_flow_be = h.ver_class_flow_be,
		.len_be = rte_cpu_to_be_16(len),
		.next = IPPROTO_ICMPV6,
		.hop_limit = IP_HOPS,
		.src = h.dst,
		.dst = h.src,
	};
	icmp->type = ICMP6_ECHO_REPLY;
	icmp->cksum_be = 0;
	icmp->cksum_be = (uint16_t)~ip6_pseudo_sum(&h.dst, &h.src, len, IPPROTO_ICMPV6,
						   cksum_chain(m, IP6_HDR_LEN, len));
	/* What the port said about the request must not be read as orders for the reply. */
	m->ol_flags = 0;
	count(ip->counters, OUTCOME_ICMP_ECHO_REPLIED);
	ip_output_link(ip, iface, m, now_us);
	return IP_V_DONE;
}

static bool parse_error(const struct ip_stack *ip, const struct rte_mbuf *m, uint16_t off,
			struct ip_icmp_error *ret)
{
	const struct icmp6_header *icmp =
		rte_pktmbuf_mtod_offset(m, const struct icmp6_header *, off);
	const uint32_t word = rte_be_to_cpu_32(icmp->word_be), at = off + sizeof(*icmp);
	const bool is_too_big = icmp->type == ICMP6_TOO_BIG;

	/* RFC 8201 4: less than the least is discarded; more than a packet can be says nothing. */
	if (is_too_big && (word < IP6_MIN_MTU || word > UINT16_MAX))
		return false;
	if (!ip_quote_parse(ip, rte_pktmbuf_mtod_offset(m, const uint8_t *, at), m->data_len - at,
			    ret) ||
	    ip_addr_is_v4(&ret->local))
		return false;
	ret->mtu = is_too_big ? (uint16_t)word : 0;
	return true;
}

static enum ip_verdict input_nd(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m,
				uint16_t off, uint64_t now_us)
{
	if (m->data_len != m->pkt_len)
		return ip_drop(ip, m, OUTCOME_ND_MALFORMED);
	nd_input(ip->nd, iface, rte_pktmbuf_mtod(m, const uint8_t *), off, m->data_len, now_us);
	rte_pktmbuf_free(m);
	return IP_V_DONE;
}

enum ip_verdict ip_icmp6_input(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint16_t off,
			       uint64_t now_us, struct ip_icmp_error *ret_error)
{
	const struct ip6_header *h = rte_pktmbuf_mtod(m, const struct ip6_header *);
	const struct icmp6_header *icmp =
		rte_pktmbuf_mtod_offset(m, const struct icmp6_header *, off);

	if (m->data_len < off + sizeof(*icmp) || !is_checksum_right(m, off))
		return ip_drop(ip, m, OUTCOME_ICMP_MALFORMED);
	if (nd_is_type(icmp->type))
		return input_nd(ip, iface, m, off, now_us);
	if (ip6_is_from_none(h) || ip6_is_from_us(ip, h, iface))
		return ip_drop(ip, m, OUTCOME_IP_SPOOFED);
	/* Nothing of what follows may be for many. */
	if (h->dst.b[0] == 0xff)
		return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	switch (icmp->type) {
	case ICMP6_ECHO:
		return icmp->code == 0 ? reply(ip, iface, m, off, now_us)
				       : ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	case ICMP6_UNREACH:
	case ICMP6_TOO_BIG:
	case ICMP6_EXCEEDED:
	case ICMP6_PARAMETER:
		if (!parse_error(ip, m, off, ret_error))
			return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
		rte_pktmbuf_free(m);
		return IP_V_ICMP_ERROR;
	default:
		return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	}
}
