/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP (RFC 792): echo is answered, at a bounded rate; errors about TCP segments of ours are
 * passed up with what they quote; nothing else has an effect. Redirects and source quench are
 * refused for good (RFC 5927 7, RFC 6633).
 */

#include "io/cksum.h"
#include "ip/ip_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <netinet/in.h>
#include <string.h>

struct icmp_hdr {
	uint8_t type;
	uint8_t code;
	uint16_t cksum_be;
	uint16_t id_be;
	uint16_t word_be; /* echo: sequence number; fragmentation needed: the next hop's MTU */
} __attribute__((packed));
static_assert(sizeof(struct icmp_hdr) == 8, "on the wire");

static bool is_checksum_right(const struct rte_mbuf *m, uint16_t ihl)
{
	return cksum_chain(m, ihl, m->pkt_len - ihl) == 0xffff;
}

/*
 * RFC 1122 3.2.2.6: the request's data comes back, from the address that was asked. Options are
 * not sent back: the reply is made of the request by moving its header up to the payload.
 */
static enum ip_verdict reply(struct ip_stack *ip, struct rte_mbuf *m, uint16_t ihl, uint64_t now_us)
{
	struct ip_hdr h = *rte_pktmbuf_mtod(m, const struct ip_hdr *);

	if (!token_bucket_take(&ip->echo, IP_ECHO_PER_S, IP_ECHO_BURST, now_us))
		return ip_drop(ip, m, OUTCOME_ICMP_LIMITED);

	(void)rte_pktmbuf_adj(m, ihl - IP_HDR_LEN);

	struct ip_hdr *out = rte_pktmbuf_mtod(m, struct ip_hdr *);
	struct icmp_hdr *icmp = (struct icmp_hdr *)(out + 1);

	*out = (struct ip_hdr){
		.ver_ihl = 0x45,
		.tos = h.tos,
		.len_be = rte_cpu_to_be_16((uint16_t)m->pkt_len),
		.ttl = IP_HOPS,
		.proto = IPPROTO_ICMP,
		.src_be = h.dst_be,
		.dst_be = h.src_be,
	};
	out->cksum_be = (uint16_t)~rte_raw_cksum(out, sizeof(*out));
	icmp->type = ICMP_ECHO_REPLY;
	icmp->cksum_be = 0;
	icmp->cksum_be = (uint16_t)~cksum_chain(m, IP_HDR_LEN, m->pkt_len - IP_HDR_LEN);
	/* What the port said about the request must not be read as orders for the reply. */
	m->ol_flags = 0;
	count(ip->counters, OUTCOME_ICMP_ECHO_REPLIED);
	ip_output(ip, m, now_us);
	return IP_V_DONE;
}

static bool parse_error(const struct ip_stack *ip, const struct rte_mbuf *m, uint16_t ihl,
			const struct icmp_hdr *icmp, struct ip_icmp_error *ret)
{
	const uint32_t off = (uint32_t)ihl + sizeof(*icmp);
	const bool is_needfrag = icmp->type == ICMP_UNREACH && icmp->code == ICMP_UNREACH_NEEDFRAG;

	/* An old router's "fragmentation needed" without a number helps nobody. */
	if (is_needfrag && icmp->word_be == 0)
		return false;
	if (!ip_quote_parse(ip, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), m->data_len - off,
			    ret) ||
	    !ip_addr_is_v4(&ret->local))
		return false;
	ret->mtu = is_needfrag ? rte_be_to_cpu_16(icmp->word_be) : 0;
	return true;
}

enum ip_verdict ip_icmp_input(struct ip_stack *ip, struct rte_mbuf *m, uint16_t ihl,
			      uint64_t now_us, struct ip_icmp_error *ret_error)
{
	const struct icmp_hdr *icmp = rte_pktmbuf_mtod_offset(m, const struct icmp_hdr *, ihl);

	if (m->data_len < ihl + sizeof(*icmp) || !is_checksum_right(m, ihl))
		return ip_drop(ip, m, OUTCOME_ICMP_MALFORMED);
	switch (icmp->type) {
	case ICMP_ECHO:
		return icmp->code == 0 ? reply(ip, m, ihl, now_us)
				       : ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	case ICMP_UNREACH:
	case ICMP_EXCEEDED:
	case ICMP_PARAMETER:
		if (!parse_error(ip, m, ihl, icmp, ret_error))
			return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
		rte_pktmbuf_free(m);
		return IP_V_ICMP_ERROR;
	default:
		return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	}
}
