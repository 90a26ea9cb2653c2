/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Segmentation left to the port: consecutive new segments of one connection leave as one packet,
 * and the port cuts it where we would have (tso_segsz).
 *
 *	packet --> header mbuf --> seg 1's mbuf --> seg 2's mbuf --> ... --> seg n's mbuf
 *	           made here       payload alone, by one more reference each
 *
 * All segments but the last are full, so the cuts are at the segments' borders and the send queue
 * stays what it is: one mbuf, one segment. A resend is never part of such a packet: it is rare,
 * and its mbuf may still belong to the last one.
 *
 * While the port has the packet the mbufs' <next>, <data_off> and <data_len> must not change; that
 * they do not is the rule for any segment with a reference out (tcp_priv.h, struct tcp_seg). The
 * links stay behind when the port has let go, so tcp_sndq.c frees mbufs one by one.
 */

#include "tcp/tcp_priv.h"

#include <rte_ip.h>
#include <rte_tcp.h>

uint32_t tcp_tso_segs(const struct tcp_conn *c, const struct tcp_seg *first)
{
	const struct tcp_params *p = &c->st->p;
	const uint32_t hdr_len = tcp_ip_hdr_len(&c->tuple) + TCP_HDR_LEN + TCP_OPT_MAX_LEN;

	if (p->tso_max <= hdr_len || first->next == NULL || first->len != c->seg_cap ||
	    (first->flags & TCP_SEG_F_FIN) || c->f->ecn_cwr) /* CWR belongs on one segment */
		return 1;
	return RTE_MIN((p->tso_max - hdr_len) / c->seg_cap, (uint32_t)p->tso_max_segs);
}

bool tcp_tso_can_join(const struct tcp_conn *c, const struct tcp_seg *prev, const struct tcp_seg *g)
{
	/* What was sent before may be with the port still, and a lone FIN has no text to join. */
	return prev->len == c->seg_cap && !(prev->flags & TCP_SEG_F_FIN) && g->len > 0 &&
	       g->len <= c->seg_cap && rte_mbuf_refcnt_read(g->m) == 1;
}

void tcp_tso_join(struct rte_mbuf *packet, struct rte_mbuf **tail, const struct tcp_seg *g)
{
	struct rte_mbuf *m = g->m;

	rte_mbuf_refcnt_update(m, 1);
	m->data_off = g->off;
	m->data_len = g->len;
	m->next = NULL;
	m->nb_segs = 1;
	(*tail)->next = m;
	*tail = m;
	packet->nb_segs++;
	packet->pkt_len += g->len;
}

void tcp_tso_mark(struct rte_mbuf *packet, uint16_t segsz)
{
	void *ip = rte_pktmbuf_mtod(packet, void *);
	struct rte_tcp_hdr *th = rte_pktmbuf_mtod_offset(packet, void *, packet->l3_len);

	packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	packet->tso_segsz = segsz;
	/* The pseudo header is without a length then: each piece has its own. */
	if (packet->ol_flags & RTE_MBUF_F_TX_IPV4)
		th->cksum = rte_ipv4_phdr_cksum(ip, packet->ol_flags);
	else
		th->cksum = rte_ipv6_phdr_cksum(ip, packet->ol_flags);
}
