/* SPDX-License-Identifier: BSD-3-Clause */

/* Checksums of what leaves by a port that does not compute them, or not all. */

#include "io/cksum.h"
#include "io/io_priv.h"

#include <rte_ip.h>
#include <rte_tcp.h>

/* The sum of what is behind <off>, and of the pseudo header. */
static uint16_t tcp_sum(const struct rte_mbuf *m, uint16_t off)
{
	const void *ip = rte_pktmbuf_mtod_offset(m, const void *, m->l2_len);
	uint32_t sum = cksum_chain(m, off, m->pkt_len - off);

	sum += m->ol_flags & RTE_MBUF_F_TX_IPV4 ? rte_ipv4_phdr_cksum(ip, 0)
						: rte_ipv6_phdr_cksum(ip, 0);
	return (uint16_t) ~((sum >> 16) + (sum & 0xffff));
}

/* The headers are in the chain's first buffer. */
void io_cksum_finish(struct rte_mbuf *m, uint64_t can)
{
	const uint64_t ask =
		m->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM) & ~can;
	const uint16_t l4_off = (uint16_t)(m->l2_len + m->l3_len);

	if (ask == 0)
		return;
	if (ask & RTE_MBUF_F_TX_IP_CKSUM) {
		struct rte_ipv4_hdr *ip =
			rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~inet_sum(ip, m->l3_len);
	}
	if (ask & RTE_MBUF_F_TX_TCP_CKSUM) {
		struct rte_tcp_hdr *th = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, l4_off);

		th->cksum = 0;
		th->cksum = tcp_sum(m, l4_off);
	}
	m->ol_flags &= ~ask;
}
