/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/gso.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <stdbool.h>
#include <string.h>

/* Every checksum that <m> asks for, of a packet in one buffer. */
static void set_checksums(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip4 = rte_pktmbuf_mtod_offset(m, void *, m->l2_len);
	const struct rte_ipv6_hdr *ip6 = (const void *)ip4;
	struct rte_tcp_hdr *th = rte_pktmbuf_mtod_offset(m, void *, m->l2_len + m->l3_len);
	const bool is_v4 = m->ol_flags & RTE_MBUF_F_TX_IPV4;

	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
		ip4->hdr_checksum = 0;
		ip4->hdr_checksum = rte_ipv4_cksum(ip4);
	}
	if (m->ol_flags & (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)) {
		th->cksum = 0;
		th->cksum = is_v4 ? rte_ipv4_udptcp_cksum(ip4, th) : rte_ipv6_udptcp_cksum(ip6, th);
	}
	m->ol_flags = 0;
}

/* The part of <m> from <off> on, <len> bytes of text, with headers of its own. */
static struct rte_mbuf *cut_one(const struct rte_mbuf *m, struct rte_mempool *pool, uint32_t off,
				uint32_t len, uint32_t text)
{
	const uint32_t hdr_len = m->l2_len + m->l3_len + m->l4_len;
	struct rte_mbuf *o = rte_pktmbuf_alloc(pool);
	uint8_t *h = o == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(o, (uint16_t)(hdr_len + len));

	if (h == NULL) {
		rte_pktmbuf_free(o);
		return NULL;
	}
	memcpy(h, rte_pktmbuf_mtod(m, const void *), hdr_len);
	const void *p = rte_pktmbuf_read(m, hdr_len + off, len, h + hdr_len);

	if (p != h + hdr_len)
		memcpy(h + hdr_len, p, len);
	o->l2_len = m->l2_len;
	o->l3_len = m->l3_len;
	o->l4_len = m->l4_len;
	o->ol_flags = m->ol_flags;
	o->port = m->port;

	struct rte_ipv4_hdr *ip4 = (void *)(h + m->l2_len);
	struct rte_ipv6_hdr *ip6 = (void *)ip4;
	struct rte_tcp_hdr *th = (void *)(h + m->l2_len + m->l3_len);

	if (m->ol_flags & RTE_MBUF_F_TX_IPV4)
		ip4->total_length = rte_cpu_to_be_16((uint16_t)(hdr_len - m->l2_len + len));
	else
		ip6->payload_len = rte_cpu_to_be_16((uint16_t)(m->l4_len + len));
	th->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(th->sent_seq) + off);
	if (off + len < text)
		th->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	if (off > 0)
		th->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	set_checksums(o);
	return o;
}

unsigned gso_cut(struct rte_mbuf *m, struct rte_mempool *pool, struct rte_mbuf **ret, unsigned cap)
{
	const uint32_t hdr_len = m->l2_len + m->l3_len + m->l4_len;
	unsigned n = 0;

	if (!(m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK)) {
		ret[0] = m;
		return 1;
	}
	const uint32_t text = m->pkt_len - hdr_len;
	const uint32_t size = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? m->tso_segsz : text;
	uint32_t off = 0;

	do {
		const uint32_t len = RTE_MIN(size, text - off);
		struct rte_mbuf *o = n < cap ? cut_one(m, pool, off, len, text) : NULL;

		if (o == NULL)
			break;
		ret[n++] = o;
		off += len;
	} while (off < text && size > 0);
	rte_pktmbuf_free(m);
	return n;
}
