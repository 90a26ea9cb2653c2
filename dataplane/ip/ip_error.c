/* SPDX-License-Identifier: BSD-3-Clause */

/* ICMP errors: what others quote of ours, and what we tell others of theirs. */

#include "ip/ip_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <netinet/in.h>
#include <string.h>

/* Per worker; RFC 4443 2.4 (f). */
#define ERRORS_PER_S 100u
#define ERRORS_BURST 50u
/* RFC 1812 4.3.2.3: as much as fits 576 bytes. RFC 4443 2.4 (c): the least MTU. */
#define QUOTE4_MAX (576u - IP_HDR_LEN - 8)
#define QUOTE6_MAX (IP6_MIN_MTU - IP6_HDR_LEN - 8)

/* What an error quotes at least: header and the first eight bytes of its payload. */
struct quoted_tcp {
	uint16_t sport_be;
	uint16_t dport_be;
	uint32_t seq_be;
};
static_assert(sizeof(struct quoted_tcp) == 8, "on the wire");

/* Where the TCP header of an IPv4 packet of ours is; 0: it has none that counts. */
static size_t find_tcp4(const uint8_t *p, size_t len, struct ip_icmp_error *ret)
{
	struct ip_hdr h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));

	const size_t ihl = (h.ver_ihl & 0xfu) * 4;

	if (ihl < IP_HDR_LEN || h.proto != IPPROTO_TCP ||
	    (rte_be_to_cpu_16(h.off_be) & 0x1fff) != 0)
		return 0;
	ret->local = ip_addr_from_v4(h.src_be);
	ret->remote = ip_addr_from_v4(h.dst_be);
	return ihl;
}

static size_t find_tcp6(const uint8_t *p, size_t len, struct ip_icmp_error *ret)
{
	struct ip6_header h;
	struct ip6_walk w;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	ret->local = h.src;
	ret->remote = h.dst;
	/* A mapped address here would be taken for one of IPv4. */
	if (ip_addr_is_v4(&ret->local) || ip_addr_is_v4(&ret->remote) ||
	    ip6_walk(p, len, true, &w) != OUTCOME__COUNT || w.proto != IPPROTO_TCP)
		return 0;
	return w.off;
}

bool ip_quote_parse(const struct ip_stack *ip, const uint8_t *p, size_t len,
		    struct ip_icmp_error *ret)
{
	struct ip_icmp_error e = {0};
	struct quoted_tcp tcp;
	size_t off = 0;

	if (len > 0 && p[0] >> 4 == 4)
		off = find_tcp4(p, len, &e);
	else if (len > 0 && p[0] >> 4 == 6)
		off = find_tcp6(p, len, &e);
	if (off == 0 || len < off + sizeof(tcp) || !ip_is_local(ip, &e.local, ETH_NO_IFACE))
		return false;
	memcpy(&tcp, p + off, sizeof(tcp));
	e.local_port = rte_be_to_cpu_16(tcp.sport_be);
	e.remote_port = rte_be_to_cpu_16(tcp.dport_be);
	e.seq = rte_be_to_cpu_32(tcp.seq_be);
	*ret = e;
	return true;
}

bool ip_take_error(struct ip_stack *ip, struct ip_icmp_error *ret_error)
{
	struct rte_mbuf *m;
	bool is_tcp = false;

	if (ip->nb_too_big > 0) {
		*ret_error = ip->too_big[--ip->nb_too_big];
		return true;
	}
	while (!is_tcp && (m = neigh_take_dead(ip->neigh)) != NULL) {
		is_tcp = ip_quote_parse(ip, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
					ret_error);
		rte_pktmbuf_free(m);
	}
	return is_tcp;
}

void ip_drop_too_big(struct ip_stack *ip, struct rte_mbuf *m, uint16_t mtu)
{
	struct ip_icmp_error e;

	if (ip->nb_too_big < IP_TOO_BIG_MAX &&
	    ip_quote_parse(ip, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &e)) {
		e.mtu = mtu;
		ip->too_big[ip->nb_too_big++] = e;
	}
	(void)ip_drop(ip, m, OUTCOME_IP_TOO_BIG);
}

static void finish4(uint8_t *p, const struct rte_mbuf *about, uint16_t len)
{
	const struct ip_hdr *h = rte_pktmbuf_mtod(about, const struct ip_hdr *);
	struct ip_hdr *out = (struct ip_hdr *)p;
	struct icmp6_header *icmp = (struct icmp6_header *)(out + 1);

	*out = (struct ip_hdr){
		.ver_ihl = 0x45,
		.tos = 0xc0, /* RFC 1812 4.3.2.5: internetwork control */
		.len_be = rte_cpu_to_be_16(len),
		.ttl = IP_HOPS,
		.proto = IPPROTO_ICMP,
		.src_be = h->dst_be,
		.dst_be = h->src_be,
	};
	out->cksum_be = (uint16_t)~rte_raw_cksum(out, sizeof(*out));
	icmp->cksum_be = (uint16_t)~rte_raw_cksum(icmp, len - IP_HDR_LEN);
}

static void finish6(uint8_t *p, const struct rte_mbuf *about, uint16_t len)
{
	const struct ip6_header h = *rte_pktmbuf_mtod(about, const struct ip6_header *);
	struct ip6_header *out = (struct ip6_header *)p;
	struct icmp6_header *icmp = (struct icmp6_header *)(out + 1);
	const uint16_t rest = (uint16_t)(len - IP6_HDR_LEN);

	*out = (struct ip6_header){
		.ver_class_flow_be = IP6_VERSION_BE,
		.len_be = rte_cpu_to_be_16(rest),
		.next = IPPROTO_ICMPV6,
		.hop_limit = IP_HOPS,
		.src = h.dst,
		.dst = h.src,
	};
	icmp->cksum_be = (uint16_t)~ip6_pseudo_sum(&h.dst, &h.src, rest, IPPROTO_ICMPV6,
						   rte_raw_cksum(icmp, rest));
}

/* RFC 4443 2.4 (e): no error about an error or a redirect, and none to somebody who is nobody. */
static bool may_answer6(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip6_walk w;

	if (ip6_is_from_none((const struct ip6_header *)p) ||
	    ip6_walk(p, m->data_len, true, &w) != OUTCOME__COUNT)
		return false;
	return w.proto != IPPROTO_ICMPV6 ||
	       (w.off < m->data_len && p[w.off] >= ICMP6_ECHO && p[w.off] != ICMP6_REDIRECT);
}

void ip_error_send(struct ip_stack *ip, struct rte_mbuf *m, uint8_t type, uint8_t code,
		   uint32_t word, uint64_t now_us)
{
	const bool is_ip6 = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 6;
	const uint32_t hdr_len = is_ip6 ? IP6_HDR_LEN : IP_HDR_LEN;
	const uint32_t quote = RTE_MIN(m->pkt_len, is_ip6 ? QUOTE6_MAX : QUOTE4_MAX);
	const uint16_t len = (uint16_t)(hdr_len + sizeof(struct icmp6_header) + quote);
	struct rte_mbuf *out;
	uint8_t *p;

	if (is_ip6 && !may_answer6(m))
		return;
	if (!token_bucket_take(&ip->errors, ERRORS_PER_S, ERRORS_BURST, now_us)) {
		count(ip->counters, OUTCOME_ICMP_ERROR_LIMITED);
		return;
	}
	out = rte_pktmbuf_alloc(ip->neigh->eth->io->pool);
	p = out == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(out, len);
	if (p == NULL) {
		(void)ip_drop(ip, out, OUTCOME_MBUF_EXHAUSTED);
		return;
	}

	struct icmp6_header *icmp = (struct icmp6_header *)(p + hdr_len);
	const void *from = rte_pktmbuf_read(m, 0, quote, icmp + 1);

	/* The first eight bytes mean the same in both families. */
	*icmp = (struct icmp6_header){
		.type = type, .code = code, .word_be = rte_cpu_to_be_32(word)};
	if (from != icmp + 1)
		memcpy(icmp + 1, from, quote);
	if (is_ip6)
		finish6(p, m, len);
	else
		finish4(p, m, len);
	count(ip->counters, OUTCOME_ICMP_ERROR_SENT);
	ip_output(ip, out, now_us);
}
