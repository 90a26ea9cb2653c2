/* SPDX-License-Identifier: BSD-3-Clause */

/* Our addresses and the way out: configured seldom, looked up for every packet. */

#include "ip/ip_priv.h"

#include <rte_byteorder.h>

#include <errno.h>
#include <string.h>

static uint32_t slot_of(const struct ip_addr *a)
{
	uint64_t x[2];

	memcpy(x, a->b, sizeof(x));
	return (uint32_t)((x[0] * 31 ^ x[1]) * 0x9e3779b97f4a7c15ull >> 54);
}
static_assert(IP_CACHE_SLOTS == 1u << 10, "slot_of()'s ten bits");

int ip_init(struct ip_stack *ip, struct neigh *neigh, struct nd *nd, uint64_t *counters)
{
	memset(ip, 0, sizeof(*ip));
	ip->neigh = neigh;
	ip->nd = nd;
	ip->counters = counters;
	return ip_reasm_init(&ip->reasm, counters);
}

void ip_fini(struct ip_stack *ip)
{
	ip_reasm_fini(&ip->reasm);
}

void ip_tick(struct ip_stack *ip, uint64_t now_us)
{
	ip_reasm_tick(&ip->reasm, now_us);
}

/* Insertion sort: longest first, and of equal length the one that was named first. */
static void add_route(struct ip_stack *ip, const struct ip_route *r)
{
	uint32_t i = ip->nb_routes;

	if (ip->nb_routes == IP_MAX_ROUTES)
		return;
	for (; i > 0 && ip->route[i - 1].len < r->len; i--)
		ip->route[i] = ip->route[i - 1];
	ip->route[i] = *r;
	ip->nb_routes++;
}

/* An address alone, without a subnet, leads nowhere; fe80::/10 leads everywhere. */
static void add_subnet(struct ip_stack *ip, const struct ip_ifaddr *a)
{
	if (a->prefix_len == 128 || ip_addr_is_link_local(&a->addr))
		return;
	ip->subnet[ip->nb_subnets++] = *a;
	add_route(ip,
		  &(struct ip_route){.prefix = a->addr, .len = a->prefix_len, .iface = a->iface});
}

void ip_configure(struct ip_stack *ip, const struct ip_ifaddr *addr, uint32_t nb_addrs,
		  const struct ip_route *route, uint32_t nb_routes, uint64_t now_us)
{
	neigh_configure(ip->neigh, addr, nb_addrs, now_us);
	nd_configure(ip->nd, now_us);
	ip->nb_routes = ip->nb_subnets = 0;
	memset(ip->cache, 0, sizeof(ip->cache));
	for (uint32_t i = 0; i < ip->neigh->local.nb; i++)
		add_subnet(ip, &ip->neigh->local.addr[i].a);
	for (uint32_t i = 0; i < nb_routes; i++)
		add_route(ip, &route[i]);
}

int ip_route_find(struct ip_stack *ip, const struct ip_addr *dst, uint8_t *ret_iface,
		  struct ip_addr *ret_next_hop)
{
	struct ip_cached *c = &ip->cache[slot_of(dst)];

	if (!c->is_used || !ip_addr_is_equal(&c->dst, dst)) {
		uint32_t i = 0;

		if (ip_addr_is_link_local(dst))
			return -EHOSTUNREACH;
		while (i < ip->nb_routes &&
		       !ip_addr_has_prefix(dst, &ip->route[i].prefix, ip->route[i].len))
			i++;
		if (i == ip->nb_routes)
			return -EHOSTUNREACH;

		const struct ip_route *r = &ip->route[i];

		*c = (struct ip_cached){
			.dst = *dst,
			.next_hop = ip_addr_is_unspecified(&r->next_hop) ? *dst : r->next_hop,
			.iface = r->iface,
			.is_used = true,
		};
	}
	*ret_iface = c->iface;
	*ret_next_hop = c->next_hop;
	return 0;
}

int ip_source_find(struct ip_stack *ip, const struct ip_addr *dst, struct ip_addr *ret_src)
{
	const struct local_addr *src;
	struct ip_addr next_hop;
	uint8_t iface;
	const int rc = ip_route_find(ip, dst, &iface, &next_hop);

	if (rc < 0)
		return rc;
	/*
	 * For IPv4 the address of the next hop's subnet, which is the one that it expects; for
	 * IPv6 the next hop may be link-local, and then nothing follows from it.
	 */
	src = local_source(&ip->neigh->local, iface, ip_addr_is_v4(dst) ? &next_hop : dst);
	if (src == NULL)
		return -EHOSTUNREACH;
	*ret_src = src->a.addr;
	return 0;
}

static void read_addrs(const struct rte_mbuf *m, struct ip_addr *ret_src, struct ip_addr *ret_dst)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	if (p[0] >> 4 == 6) {
		const struct ip6_header *h = (const struct ip6_header *)p;

		*ret_src = h->src;
		*ret_dst = h->dst;
	} else {
		const struct ip_hdr *h = (const struct ip_hdr *)p;

		*ret_src = ip_addr_from_v4(h->src_be);
		*ret_dst = ip_addr_from_v4(h->dst_be);
	}
}

/*
 * The link of a link-local <dst>: one that <src> is ours on. Interfaces of one port share its
 * Ethernet address and so their link-local one; then the one counts where <dst> was heard of.
 */
static uint8_t find_link(const struct ip_stack *ip, const struct ip_addr *src,
			 const struct ip_addr *dst)
{
	const struct local *l = &ip->neigh->local;
	uint8_t any = ETH_NO_IFACE;

	for (uint32_t i = 0; i < l->nb; i++) {
		const struct local_addr *a = &l->addr[i];

		if (a->state != LOCAL_S_VALID || !ip_addr_is_equal(&a->a.addr, src))
			continue;
		if (neigh_find(ip->neigh, a->a.iface, dst) != NULL)
			return a->a.iface;
		if (any == ETH_NO_IFACE)
			any = a->a.iface;
	}
	return any;
}

/* Each packet that a port makes of <m> is at most <mtu> long. */
static bool is_too_big(const struct rte_mbuf *m, uint16_t mtu)
{
	const uint32_t len = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG
				     ? (uint32_t)m->l3_len + m->l4_len + m->tso_segsz
				     : m->pkt_len;

	return mtu != 0 && len > mtu;
}

static void send_by(struct ip_stack *ip, uint8_t iface, const struct ip_addr *next_hop,
		    struct rte_mbuf *m, uint64_t now_us)
{
	const struct eth *eth = ip->neigh->eth;
	const uint16_t mtu = iface < eth->nb_ifaces ? eth->iface[iface].mtu : 0;

	if (is_too_big(m, mtu))
		ip_drop_too_big(ip, m, mtu);
	else
		neigh_output(ip->neigh, iface, next_hop, m, now_us);
}

void ip_output_link(struct ip_stack *ip, uint8_t iface, struct rte_mbuf *m, uint64_t now_us)
{
	struct ip_addr src, dst;

	read_addrs(m, &src, &dst);
	if (ip_addr_is_link_local(&dst))
		send_by(ip, iface, &dst, m, now_us);
	else
		ip_output(ip, m, now_us);
}

void ip_output(struct ip_stack *ip, struct rte_mbuf *m, uint64_t now_us)
{
	const bool is_ip6 = m->data_len > 0 && *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 6;
	struct ip_addr src, dst, next_hop;
	uint8_t iface;

	if (m->data_len < (is_ip6 ? IP6_HDR_LEN : IP_HDR_LEN)) {
		(void)ip_drop(ip, m, OUTCOME_BUG);
		return;
	}
	read_addrs(m, &src, &dst);
	if (ip_addr_is_link_local(&dst)) {
		iface = find_link(ip, &src, &dst);
		next_hop = dst;
	} else if (ip_route_find(ip, &dst, &iface, &next_hop) < 0) {
		iface = ETH_NO_IFACE;
	}
	if (iface == ETH_NO_IFACE) {
		(void)ip_drop(ip, m, OUTCOME_IP_NO_ROUTE);
		return;
	}
	send_by(ip, iface, &next_hop, m, now_us);
}
