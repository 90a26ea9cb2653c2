/* SPDX-License-Identifier: BSD-3-Clause */

#include "packet.h"

#include "world.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <string.h>

#define V4_LEN 20u
#define V6_LEN 40u
#define TH_LEN 20u

/* ---- building ---- */

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	const uint32_t be = rte_cpu_to_be_32(v);

	memcpy(p, &be, 4);
	return p + 4;
}

static uint8_t *put_opt(uint8_t *p, const struct opt *o, const struct segment *g,
			const struct packet_base *base)
{
	switch (o->kind) {
	case OPT_MSS:
		*p++ = 2;
		*p++ = 4;
		*p++ = (uint8_t)(o->value >> 8);
		*p++ = (uint8_t)o->value;
		return p;
	case OPT_WSCALE:
		*p++ = 3;
		*p++ = 3;
		*p++ = (uint8_t)o->value;
		return p;
	case OPT_SACK_OK:
		*p++ = 4;
		*p++ = 2;
		return p;
	case OPT_TS:
		*p++ = 8;
		*p++ = 10;
		p = put32(p, o->value);
		/* On a SYN there is nothing to echo: RFC 7323 3.2. */
		return put32(p, g->flags & ACK ? o->echo + base->ts : o->echo);
	case OPT_SACK:
		*p++ = 5;
		*p++ = (uint8_t)(2 + 8 * o->nb);
		for (unsigned i = 0; i < o->nb; i++) {
			p = put32(p, o->block[i].start + base->to_seq);
			p = put32(p, o->block[i].end + base->to_seq);
		}
		return p;
	case OPT_NOP:
		*p++ = 1;
		return p;
	case OPT_EOL:
		*p++ = 0;
		return p;
	case OPT_RAW:
		memcpy(p, o->raw, o->nb);
		return p + o->nb;
	}
	return p;
}

/* Padded with ends of list. */
static size_t build_opts(const struct segment *g, const struct packet_base *base, uint8_t *buf)
{
	uint8_t *p = buf;

	for (unsigned i = 0; i < g->nb_opts; i++)
		p = put_opt(p, &g->opts[i], g, base);
	while ((p - buf) % 4 != 0)
		*p++ = 0;
	return (size_t)(p - buf);
}

static uint16_t sum_of(const void *ip, const void *th)
{
	if (*(const uint8_t *)ip >> 4 == 6)
		return rte_ipv6_udptcp_cksum(ip, th);
	return rte_ipv4_udptcp_cksum(ip, th);
}

static void put_ip(void *at, const struct segment *g, const struct tcp_tuple *t, size_t tcp_len)
{
	if (ip_addr_is_v4(&t->local)) {
		struct rte_ipv4_hdr *ip = at;

		*ip = (struct rte_ipv4_hdr){
			.version_ihl = 0x45,
			.type_of_service = g->ecn,
			.total_length = rte_cpu_to_be_16((uint16_t)(V4_LEN + tcp_len)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_TCP,
			.src_addr = ip_addr_to_v4(&t->remote),
			.dst_addr = ip_addr_to_v4(&t->local),
		};
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	} else {
		struct rte_ipv6_hdr *ip = at;

		*ip = (struct rte_ipv6_hdr){
			.vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)g->ecn << 20),
			.payload_len = rte_cpu_to_be_16((uint16_t)tcp_len),
			.proto = IPPROTO_TCP,
			.hop_limits = 64,
		};
		memcpy(ip->src_addr, t->remote.b, 16);
		memcpy(ip->dst_addr, t->local.b, 16);
	}
}

struct rte_mbuf *packet_build(struct rte_mempool *pool, const struct segment *g,
			      const struct packet_base *base, const struct tcp_tuple *t)
{
	uint8_t opts[2 * MAX_OPT_LEN + 64];
	const size_t opt_len = build_opts(g, base, opts);
	const size_t ip_len = ip_addr_is_v4(&t->local) ? V4_LEN : V6_LEN;
	const size_t total = ip_len + TH_LEN + opt_len + g->len - g->cut;
	struct rte_mbuf *m = opt_len <= MAX_OPT_LEN ? rte_pktmbuf_alloc(pool) : NULL;

	if (m == NULL || g->cut > g->len + opt_len || rte_pktmbuf_tailroom(m) < total + g->cut) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	uint8_t *ip = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)total);
	struct rte_tcp_hdr *th = (void *)(ip + ip_len);
	uint8_t *text = (uint8_t *)(th + 1) + opt_len;

	m->l3_len = ip_len;
	put_ip(ip, g, t, total - ip_len);
	*th = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(t->remote_port),
		.dst_port = rte_cpu_to_be_16(t->local_port),
		.sent_seq = rte_cpu_to_be_32(g->seq + base->from_seq),
		.recv_ack = rte_cpu_to_be_32(g->flags & ACK ? g->ack + base->to_seq : 0),
		.data_off = (uint8_t)((g->has_doff ? g->doff : (TH_LEN + opt_len) / 4) << 4),
		.tcp_flags = g->flags,
		.rx_win = rte_cpu_to_be_16(g->wnd),
		.tcp_urp = rte_cpu_to_be_16(g->urg),
	};
	memcpy(th + 1, opts, opt_len);
	for (uint32_t i = 0; i < g->len; i++)
		text[i] = g->chars != NULL ? (uint8_t)g->chars[i] : pattern(g->seq + i);
	th->cksum = sum_of(ip, th);
	if (g->bad_sum)
		th->cksum ^= 0x5555;
	return m;
}

/* ---- parsing ---- */

static uint32_t get32(const uint8_t *p)
{
	uint32_t be;

	memcpy(&be, p, 4);
	return rte_be_to_cpu_32(be);
}

/* One option of <len> bytes, kind and length included; padding is passed over. */
static bool get_opt(const uint8_t *p, size_t len, const struct packet_base *base, struct opt *o)
{
	if (p[0] == 2 && len == 4) {
		o->kind = OPT_MSS;
		o->value = (uint32_t)p[2] << 8 | p[3];
	} else if (p[0] == 3 && len == 3) {
		o->kind = OPT_WSCALE;
		o->value = p[2];
	} else if (p[0] == 4 && len == 2) {
		o->kind = OPT_SACK_OK;
	} else if (p[0] == 8 && len == 10) {
		o->kind = OPT_TS;
		o->value = get32(p + 2) - base->ts;
		o->echo = get32(p + 6);
	} else if (p[0] == 5 && len >= 10 && len <= 34 && len % 8 == 2) {
		o->kind = OPT_SACK;
		for (o->nb = 0; 2 + 8 * o->nb < len; o->nb++) {
			o->block[o->nb].start = get32(p + 2 + 8 * o->nb) - base->from_seq;
			o->block[o->nb].end = get32(p + 6 + 8 * o->nb) - base->from_seq;
		}
	} else {
		return false;
	}
	return true;
}

static const char *get_opts(const uint8_t *p, size_t len, const struct packet_base *base,
			    struct segment *ret)
{
	for (size_t i = 0; i < len && p[i] != 0;) {
		if (p[i] == 1) {
			i++;
			continue;
		}
		if (len - i < 2 || p[i + 1] < 2 || p[i + 1] > len - i || ret->nb_opts == MAX_OPTS)
			return "an option's length";
		struct opt *o = &ret->opts[ret->nb_opts++];

		*o = (struct opt){0};
		if (!get_opt(p + i, p[i + 1], base, o))
			return "an option that is not known";
		i += p[i + 1];
	}
	return NULL;
}

static bool are_addresses(const uint8_t *ip, const struct tcp_tuple *t)
{
	struct ip_addr src, dst;

	if (ip[0] >> 4 == 4) {
		const struct rte_ipv4_hdr *h = (const void *)ip;

		src = ip_addr_from_v4(h->src_addr);
		dst = ip_addr_from_v4(h->dst_addr);
	} else {
		const struct rte_ipv6_hdr *h = (const void *)ip;

		memcpy(src.b, h->src_addr, 16);
		memcpy(dst.b, h->dst_addr, 16);
	}
	return memcmp(&src, &t->local, sizeof(src)) == 0 &&
	       memcmp(&dst, &t->remote, sizeof(dst)) == 0;
}

/* The IP header; stores where TCP begins and how long it is. */
static const char *get_ip(const struct rte_mbuf *m, struct segment *ret, size_t *ret_at,
			  size_t *ret_len)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->nb_segs != 1 || m->data_len < V4_LEN + TH_LEN)
		return "too short, or in pieces";
	if (ip[0] == 0x45) {
		const struct rte_ipv4_hdr *h = (const void *)ip;

		if (rte_ipv4_cksum(h) != 0)
			return "the IP checksum";
		if (rte_be_to_cpu_16(h->total_length) != m->pkt_len ||
		    h->next_proto_id != IPPROTO_TCP || h->time_to_live == 0)
			return "an IP header field";
		ret->ecn = h->type_of_service & 3;
		*ret_at = V4_LEN;
	} else if (ip[0] >> 4 == 6 && m->data_len >= V6_LEN + TH_LEN) {
		const struct rte_ipv6_hdr *h = (const void *)ip;

		if (rte_be_to_cpu_16(h->payload_len) != m->pkt_len - V6_LEN ||
		    h->proto != IPPROTO_TCP || h->hop_limits == 0)
			return "an IPv6 header field";
		ret->ecn = rte_be_to_cpu_32(h->vtc_flow) >> 20 & 3;
		*ret_at = V6_LEN;
	} else {
		return "the IP version";
	}
	*ret_len = m->pkt_len - *ret_at;
	return NULL;
}

static bool is_sum_good(const uint8_t *ip, const struct rte_tcp_hdr *th, size_t len)
{
	uint32_t sum = rte_raw_cksum(th, len);

	if (ip[0] >> 4 == 6)
		sum += rte_ipv6_phdr_cksum((const void *)ip, 0);
	else
		sum += rte_ipv4_phdr_cksum((const void *)ip, 0);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

const char *packet_parse(const struct rte_mbuf *m, struct segment *ret,
			 const struct packet_base *base, const struct tcp_tuple *t)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	size_t at, len;

	*ret = (struct segment){0};
	const char *wrong = get_ip(m, ret, &at, &len);

	if (wrong != NULL)
		return wrong;
	const struct rte_tcp_hdr *th = (const void *)(ip + at);
	const size_t hl = (size_t)(th->data_off >> 4) * 4;

	if (hl < TH_LEN || hl > len)
		return "the TCP header's length";
	ret->flags = th->tcp_flags;
	ret->seq = rte_be_to_cpu_32(th->sent_seq) - base->to_seq;
	if (ret->flags & ACK)
		ret->ack = rte_be_to_cpu_32(th->recv_ack) - base->from_seq;
	ret->wnd = rte_be_to_cpu_16(th->rx_win);
	ret->has_wnd = true;
	ret->urg = rte_be_to_cpu_16(th->tcp_urp);
	ret->len = (uint32_t)(len - hl);
	wrong = get_opts((const uint8_t *)(th + 1), hl - TH_LEN, base, ret);
	if (wrong != NULL || t == NULL)
		return wrong;
	if (!are_addresses(ip, t) || th->src_port != rte_cpu_to_be_16(t->local_port))
		return "the addresses or ports";
	if (!is_sum_good(ip, th, len))
		return "the TCP checksum";
	for (uint32_t i = 0; i < ret->len; i++) {
		if (((const uint8_t *)th)[hl + i] != pattern(ret->seq + i))
			return "the text is not what was written at that place";
	}
	return NULL;
}

uint16_t packet_port(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct rte_tcp_hdr *th = (const void *)(ip + (ip[0] >> 4 == 6 ? V6_LEN : V4_LEN));

	return rte_be_to_cpu_16(th->dst_port);
}
