/* SPDX-License-Identifier: BSD-3-Clause */

/* Headers, and the segments that belong to no connection. */

#include "base/inet_sum.h"
#include "tcp/tcp_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <string.h>

/* RFC 6864 4.1: an atomic datagram (DF, not a fragment) needs no identification. */
static void put_ip4(void *at, const struct tcp_tuple *t, uint32_t total, uint8_t ecn)
{
	*(struct rte_ipv4_hdr *)at = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.type_of_service = ecn,
		.total_length = rte_cpu_to_be_16((uint16_t)total),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = TCP_HOP_LIMIT,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ip_addr_to_v4(&t->local),
		.dst_addr = ip_addr_to_v4(&t->remote),
	};
}

static void put_ip6(void *at, const struct tcp_tuple *t, uint32_t total, uint8_t ecn)
{
	struct rte_ipv6_hdr *ip = at;

	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)ecn
									 << RTE_IPV6_HDR_TC_SHIFT),
		.payload_len = rte_cpu_to_be_16((uint16_t)(total - TCP_IP6_HDR_LEN)),
		.proto = IPPROTO_TCP,
		.hop_limits = TCP_HOP_LIMIT,
	};
	memcpy(ip->src_addr, t->local.b, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, t->remote.b, sizeof(ip->dst_addr));
}

/* All of the segment is in one buffer: only a port that sums cuts packets. */
static uint16_t tcp_sum(const struct rte_tcp_hdr *th, uint32_t len, uint16_t pseudo)
{
	return (uint16_t)~inet_fold((uint64_t)pseudo + inet_sum(th, len));
}

static void set_checksums4(const struct tcp_stack *st, struct rte_mbuf *m, struct rte_tcp_hdr *th)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);

	if (st->p.tx_cksum_offload) {
		m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
		th->cksum = rte_ipv4_phdr_cksum(ip, m->ol_flags);
	} else {
		m->ol_flags = 0;
		ip->hdr_checksum = (uint16_t)~inet_sum20(ip);
		th->cksum = tcp_sum(th, m->pkt_len - m->l3_len, rte_ipv4_phdr_cksum(ip, 0));
	}
}

static void set_checksums6(const struct tcp_stack *st, struct rte_mbuf *m, struct rte_tcp_hdr *th)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);

	if (st->p.tx_cksum_offload) {
		m->ol_flags = RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;
		th->cksum = rte_ipv6_phdr_cksum(ip, m->ol_flags);
	} else {
		m->ol_flags = 0;
		th->cksum = tcp_sum(th, m->pkt_len - m->l3_len, rte_ipv6_phdr_cksum(ip, 0));
	}
}

void tcp_emit_headers(const struct tcp_stack *st, const struct tcp_tuple *t, struct rte_mbuf *m,
		      const struct tcp_hdr_fields *h)
{
	uint8_t opts[TCP_OPT_MAX_LEN];
	const bool is_v4 = ip_addr_is_v4(&t->local);
	const uint32_t ip_len = tcp_ip_hdr_len(t);
	const size_t opt_len = h->opts != NULL ? tcp_options_emit(h->opts, opts) : 0;
	uint8_t *at = (void *)rte_pktmbuf_prepend(m, (uint16_t)(ip_len + TCP_HDR_LEN + opt_len));

	if (at == NULL)
		return; /* cannot be: every caller leaves TCP_SEG_PAYLOAD_OFF */
	struct rte_tcp_hdr *th = (void *)(at + ip_len);

	if (is_v4)
		put_ip4(at, t, m->pkt_len, h->ecn);
	else
		put_ip6(at, t, m->pkt_len, h->ecn);
	*th = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(t->local_port),
		.dst_port = rte_cpu_to_be_16(t->remote_port),
		.sent_seq = rte_cpu_to_be_32(h->seq),
		.recv_ack = rte_cpu_to_be_32(h->ack),
		.data_off = (uint8_t)((TCP_HDR_LEN + opt_len) / 4 << 4),
		.tcp_flags = h->flags,
		.rx_win = rte_cpu_to_be_16(h->wnd),
	};
	memcpy(th + 1, opts, opt_len);
	m->l2_len = 0;
	m->l3_len = ip_len;
	m->l4_len = TCP_HDR_LEN + opt_len;
	if (is_v4)
		set_checksums4(st, m, th);
	else
		set_checksums6(st, m, th);
}

void tcp_ctl_send(struct tcp_stack *st, const struct tcp_tuple *t, const struct tcp_hdr_fields *h)
{
	/* Nobody waits for these: when the ring is full the peer will ask again. */
	if (st->ctl_tail - st->ctl_head >= TCP_CTL_RING)
		return;
	struct rte_mbuf *m = rte_pktmbuf_alloc(st->p.pool);

	if (m == NULL) {
		tcp_count(st, OUTCOME_MBUF_EXHAUSTED);
		return;
	}
	m->data_off = TCP_SEG_PAYLOAD_OFF;
	tcp_emit_headers(st, t, m, h);
	st->ctl[st->ctl_tail++ % TCP_CTL_RING] = m;
	st->nb_tx_mbufs++;
}

void tcp_reply_rst(struct tcp_stack *st, const struct tcp_segin *s)
{
	if (s->flags & TCP_RST)
		return;
	struct tcp_hdr_fields h = {.flags = TCP_RST};

	if (s->flags & TCP_ACK) {
		h.seq = s->ack;
	} else {
		h.ack = segin_end(s);
		h.flags |= TCP_ACK;
	}
	tcp_count(st, OUTCOME_TCP_NO_CONNECTION);
	tcp_ctl_send(st, &s->tuple, &h);
}
