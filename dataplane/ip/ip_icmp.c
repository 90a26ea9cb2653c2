/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP (RFC 792): echo is answered, at a bounded rate; errors about TCP segments of ours are
 * passed up with what they quote; nothing else has an effect. Redirects and source quench are
 * refused for good (RFC 5927 7, RFC 6633).
 */

#include "ip/ip_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <netinet/in.h>
#include <string.h>

#define ECHO_REPLY 0
#define UNREACH 3
#define ECHO 8
#define EXCEEDED 11
#define PARAMETER 12
#define UNREACH_NEEDFRAG 4

/* Per worker: enough for monitoring, too little to be worth an attacker's while. */
#define ECHO_PER_MS 1u
#define ECHO_BURST 500u

#define TTL 64

struct icmp_hdr {
	uint8_t type;
	uint8_t code;
	uint16_t cksum_be;
	uint16_t id_be;
	uint16_t word_be; /* echo: sequence number; fragmentation needed: the next hop's MTU */
} __attribute__((packed));
static_assert(sizeof(struct icmp_hdr) == 8, "on the wire");

/* What an error quotes at least: header and the first eight bytes of its payload. */
struct quoted_tcp {
	uint16_t sport_be;
	uint16_t dport_be;
	uint32_t seq_be;
};
static_assert(sizeof(struct quoted_tcp) == 8, "on the wire");

static bool take_echo_token(struct ip_stack *ip, uint64_t now_us)
{
	const uint64_t ms = (now_us - ip->echo_us) / 1000;

	if (ms > 0) {
		const uint64_t tokens = ip->echo_tokens + ms * ECHO_PER_MS;

		ip->echo_tokens = (uint32_t)RTE_MIN(tokens, ECHO_BURST);
		ip->echo_us = now_us;
	}
	if (ip->echo_tokens == 0)
		return false;
	ip->echo_tokens--;
	return true;
}

static bool is_checksum_right(const struct rte_mbuf *m, uint16_t ihl)
{
	uint16_t sum;

	return rte_raw_cksum_mbuf(m, ihl, m->pkt_len - ihl, &sum) == 0 && sum == 0xffff;
}

/*
 * RFC 1122 3.2.2.6: the request's data comes back, from the address that was asked. Options are
 * not sent back: the reply is made of the request by moving its header up to the payload.
 */
static enum ip_verdict reply(struct ip_stack *ip, struct rte_mbuf *m, uint16_t ihl, uint64_t now_us)
{
	struct ip_hdr h = *rte_pktmbuf_mtod(m, const struct ip_hdr *);

	if (!take_echo_token(ip, now_us))
		return ip_drop(ip, m, OUTCOME_ICMP_LIMITED);

	(void)rte_pktmbuf_adj(m, ihl - IP_HDR_LEN);

	struct ip_hdr *out = rte_pktmbuf_mtod(m, struct ip_hdr *);
	struct icmp_hdr *icmp = (struct icmp_hdr *)(out + 1);
	uint16_t sum;

	*out = (struct ip_hdr){
		.ver_ihl = 0x45,
		.tos = h.tos,
		.len_be = rte_cpu_to_be_16((uint16_t)m->pkt_len),
		.ttl = TTL,
		.proto = IPPROTO_ICMP,
		.src_be = h.dst_be,
		.dst_be = h.src_be,
	};
	out->cksum_be = (uint16_t)~rte_raw_cksum(out, sizeof(*out));
	icmp->type = ECHO_REPLY;
	icmp->cksum_be = 0;
	(void)rte_raw_cksum_mbuf(m, IP_HDR_LEN, m->pkt_len - IP_HDR_LEN, &sum);
	icmp->cksum_be = (uint16_t)~sum;
	/* What the port said about the request must not be read as orders for the reply. */
	m->ol_flags = 0;
	count(ip->counters, OUTCOME_ICMP_ECHO_REPLIED);
	ip_output(ip, m, now_us);
	return IP_V_DONE;
}

/*
 * RFC 5927 4: an error is worth a thought only when it quotes a TCP segment that we could have
 * sent; whether its sequence number is in flight, tcp knows. Returns false to ignore it.
 */
static bool parse_error(const struct ip_stack *ip, const struct rte_mbuf *m, uint16_t ihl,
			const struct icmp_hdr *icmp, struct ip_icmp_error *ret)
{
	const uint32_t off = (uint32_t)ihl + sizeof(*icmp);
	struct ip_hdr quoted;
	struct quoted_tcp tcp;

	if (m->data_len < off + sizeof(quoted))
		return false;
	memcpy(&quoted, rte_pktmbuf_mtod_offset(m, const void *, off), sizeof(quoted));

	const uint32_t qhl = (uint32_t)(quoted.ver_ihl & 0xf) * 4;

	if (quoted.ver_ihl >> 4 != 4 || qhl < IP_HDR_LEN || quoted.proto != IPPROTO_TCP ||
	    (rte_be_to_cpu_16(quoted.off_be) & 0x1fff) != 0 ||
	    m->data_len < off + qhl + sizeof(tcp) ||
	    ip_local_find(ip, quoted.src_be, ETH_NO_IFACE) == NULL)
		return false;
	memcpy(&tcp, rte_pktmbuf_mtod_offset(m, const void *, off + qhl), sizeof(tcp));
	*ret = (struct ip_icmp_error){
		.local_be = quoted.src_be,
		.remote_be = quoted.dst_be,
		.local_port = rte_be_to_cpu_16(tcp.sport_be),
		.remote_port = rte_be_to_cpu_16(tcp.dport_be),
		.seq = rte_be_to_cpu_32(tcp.seq_be),
	};
	if (icmp->type == UNREACH && icmp->code == UNREACH_NEEDFRAG)
		ret->mtu = rte_be_to_cpu_16(icmp->word_be);
	return true;
}

enum ip_verdict ip_icmp_input(struct ip_stack *ip, uint8_t, struct rte_mbuf *m, uint16_t ihl,
			      uint64_t now_us, struct ip_icmp_error *ret_error)
{
	const struct icmp_hdr *icmp = rte_pktmbuf_mtod_offset(m, const struct icmp_hdr *, ihl);

	if (m->data_len < ihl + sizeof(*icmp) || !is_checksum_right(m, ihl))
		return ip_drop(ip, m, OUTCOME_ICMP_MALFORMED);
	switch (icmp->type) {
	case ECHO:
		return icmp->code == 0 ? reply(ip, m, ihl, now_us)
				       : ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	case UNREACH:
	case EXCEEDED:
	case PARAMETER:
		if (!parse_error(ip, m, ihl, icmp, ret_error))
			return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
		/* An old router's "fragmentation needed" without a number helps nobody. */
		if (icmp->type == UNREACH && icmp->code == UNREACH_NEEDFRAG && ret_error->mtu == 0)
			return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
		rte_pktmbuf_free(m);
		return IP_V_ICMP_ERROR;
	default:
		return ip_drop(ip, m, OUTCOME_ICMP_IGNORED);
	}
}
