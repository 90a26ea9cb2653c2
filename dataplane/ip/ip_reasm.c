/* SPDX-License-Identifier: BSD-3-Clause */

#include "ip/ip_reasm.h"

#include "base/count.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define BUCKETS 32u
#define BUCKET_ENTRIES 4u /* a power of two */
#define TICK_US UINT64_C(1000000)
#define OFF_MASK 0x1fffu /* of IPv4, in units of 8 bytes */
#define IP6_HDR_LEN 40u
#define IP6_FRAG_LEN 8u
#define LEN_MAX 65535u

int ip_reasm_init(struct ip_reasm *r, uint64_t *counters)
{
	r->counters = counters;
	r->tick_us = 0;
	r->dead.cnt = 0;
	/* Its "cycles" are whatever its caller's clock counts. */
	r->table = rte_ip_frag_table_create(BUCKETS, BUCKET_ENTRIES, IP_REASM_DATAGRAMS,
					    IP_REASM_US, SOCKET_ID_ANY);
	return r->table == NULL ? -ENOMEM : 0;
}

void ip_reasm_fini(struct ip_reasm *r)
{
	rte_ip_frag_free_death_row(&r->dead, 0);
	if (r->table != NULL)
		rte_ip_frag_table_destroy(r->table);
	r->table = NULL;
}

/* What the table gave up while it took a fragment. */
static void bury(struct ip_reasm *r, enum outcome why)
{
	count_add(r->counters, why, r->dead.cnt);
	rte_ip_frag_free_death_row(&r->dead, 0);
}

static struct rte_mbuf *refuse(struct ip_reasm *r, struct rte_mbuf *m)
{
	count(r->counters, OUTCOME_IP_FRAGMENT);
	rte_pktmbuf_free(m);
	return NULL;
}

/*
 * What no sender makes: nothing inside, a piece in the middle whose end no other can meet, a
 * datagram longer than its length field can say ("ping of death").
 */
static bool is_sane(uint32_t off, uint32_t len, bool is_more, uint32_t hdr_len)
{
	return len > 0 && (!is_more || len % 8 == 0) && off + len + hdr_len <= LEN_MAX;
}

static struct rte_mbuf *finish(struct ip_reasm *r, struct rte_mbuf *whole)
{
	bury(r, OUTCOME_IP_FRAGMENT);
	if (whole == NULL)
		return NULL;
	/* A port that checked a fragment has checked nothing; nor is anything left to send. */
	whole->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_TX_IP_CKSUM);
	count(r->counters, OUTCOME_IP_REASSEMBLED);
	return whole;
}

struct rte_mbuf *ip_reasm_add4(struct ip_reasm *r, struct rte_mbuf *m, uint16_t hdr_len,
			       uint64_t now_us)
{
	struct rte_ipv4_hdr *h = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	const uint16_t field = rte_be_to_cpu_16(h->fragment_offset);
	const bool is_more = (field & RTE_IPV4_HDR_MF_FLAG) != 0;

	count(r->counters, OUTCOME_IP_FRAGMENTS);
	/* RFC 791: a fragment that must not be one. */
	if ((field & RTE_IPV4_HDR_DF_FLAG) != 0 ||
	    !is_sane((field & OFF_MASK) * 8u, m->pkt_len - hdr_len, is_more, hdr_len))
		return refuse(r, m);
	m->l2_len = 0;
	m->l3_len = hdr_len;
	m = finish(r, rte_ipv4_frag_reassemble_packet(r->table, &r->dead, m, now_us, h));
	if (m != NULL) {
		h = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
		h->hdr_checksum = rte_ipv4_cksum(h);
	}
	return m;
}

/* RFC 6946: offset 0 and nothing to follow is a datagram by itself, whatever else has its id. */
static struct rte_mbuf *unwrap_atomic(struct rte_mbuf *m, struct rte_ipv6_hdr *h, uint8_t proto)
{
	h->proto = proto;
	h->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - IP6_HDR_LEN - IP6_FRAG_LEN));
	memmove((uint8_t *)h + IP6_FRAG_LEN, h, IP6_HDR_LEN);
	(void)rte_pktmbuf_adj(m, IP6_FRAG_LEN);
	m->l3_len = IP6_HDR_LEN;
	m->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
	return m;
}

struct rte_mbuf *ip_reasm_add6(struct ip_reasm *r, struct rte_mbuf *m, uint64_t now_us)
{
	struct rte_ipv6_hdr *h = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	struct rte_ipv6_fragment_ext *f = (void *)(h + 1);

	count(r->counters, OUTCOME_IP_FRAGMENTS);
	if (m->data_len < IP6_HDR_LEN + IP6_FRAG_LEN || h->proto != IPPROTO_FRAGMENT)
		return refuse(r, m);

	const uint16_t field = rte_be_to_cpu_16(f->frag_data);
	const bool is_more = (field & RTE_IPV6_EHDR_MF_MASK) != 0;

	if (!is_sane(field & RTE_IPV6_EHDR_FO_MASK, m->pkt_len - IP6_HDR_LEN - IP6_FRAG_LEN,
		     is_more, IP6_HDR_LEN))
		return refuse(r, m);
	if ((field & (RTE_IPV6_EHDR_MF_MASK | RTE_IPV6_EHDR_FO_MASK)) == 0)
		return unwrap_atomic(m, h, f->next_header);
	m->l2_len = 0;
	m->l3_len = IP6_HDR_LEN + IP6_FRAG_LEN;

	struct rte_mbuf *whole =
		finish(r, rte_ipv6_frag_reassemble_packet(r->table, &r->dead, m, now_us, h, f));

	if (whole != NULL)
		whole->l3_len = IP6_HDR_LEN;
	return whole;
}

void ip_reasm_tick(struct ip_reasm *r, uint64_t now_us)
{
	if (now_us < r->tick_us)
		return;
	r->tick_us = now_us + TICK_US;
	rte_ip_frag_table_del_expired_entries(r->table, &r->dead, now_us);
	bury(r, OUTCOME_IP_REASM_TIMEOUT);
}
