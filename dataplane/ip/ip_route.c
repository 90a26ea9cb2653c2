/* SPDX-License-Identifier: BSD-3-Clause */

/* Our addresses and the way out: configured seldom, looked up for every packet. */

#include "ip/ip_priv.h"

#include <rte_byteorder.h>

#include <errno.h>
#include <string.h>

static uint32_t hash_addr(uint32_t addr_be)
{
	return (rte_be_to_cpu_32(addr_be) * 2654435761u) >> 22;
}
static_assert(IP_LOCAL_SLOTS == 1u << 10 && IP_CACHE_SLOTS == 1u << 10, "hash_addr()'s ten bits");
static_assert(IP_MAX_ADDRS < IP_LOCAL_SLOTS, "the search for an address ends at a free slot");

void ip_init(struct ip_stack *ip, struct arp *arp, uint64_t *counters)
{
	memset(ip, 0, sizeof(*ip));
	ip->arp = arp;
	ip->counters = counters;
}

/* The same address may be there once per interface. */
const struct arp_addr *ip_local_find(const struct ip_stack *ip, uint32_t addr_be, uint8_t iface)
{
	uint32_t slot = hash_addr(addr_be);

	for (; ip->local[slot] != 0; slot = (slot + 1) % IP_LOCAL_SLOTS) {
		const struct arp_addr *a = &ip->addr[ip->local[slot] - 1];

		if (a->addr_be == addr_be && (a->iface == iface || iface == ETH_NO_IFACE))
			return a;
	}
	return NULL;
}

static void add_address(struct ip_stack *ip, const struct arp_addr *a)
{
	uint32_t slot = hash_addr(a->addr_be);

	if (ip->nb_addrs == IP_MAX_ADDRS || ip_local_find(ip, a->addr_be, a->iface) != NULL)
		return;
	ip->addr[ip->nb_addrs++] = *a;
	while (ip->local[slot] != 0)
		slot = (slot + 1) % IP_LOCAL_SLOTS;
	ip->local[slot] = (uint16_t)ip->nb_addrs;
}

/* Insertion sort: longest first, and of equal length the one that was named first. */
static void add_route(struct ip_stack *ip, const struct ip_route *r)
{
	const uint32_t mask = rte_be_to_cpu_32(r->mask_be);
	uint32_t i = ip->nb_routes;

	if (ip->nb_routes == IP_MAX_ROUTES)
		return;
	for (; i > 0 && rte_be_to_cpu_32(ip->route[i - 1].mask_be) < mask; i--)
		ip->route[i] = ip->route[i - 1];
	ip->route[i] = *r;
	ip->nb_routes++;
}

void ip_configure(struct ip_stack *ip, const struct arp_addr *addr, uint32_t nb_addrs,
		  const struct ip_route *route, uint32_t nb_routes, uint64_t now_us)
{
	ip->nb_addrs = ip->nb_routes = 0;
	memset(ip->local, 0, sizeof(ip->local));
	memset(ip->cache, 0, sizeof(ip->cache));
	for (uint32_t i = 0; i < nb_addrs; i++)
		add_address(ip, &addr[i]);
	for (uint32_t i = 0; i < ip->nb_addrs; i++) {
		const struct arp_addr *a = &ip->addr[i];

		/* An address alone, without a subnet, leads nowhere. */
		if (a->mask_be != UINT32_MAX)
			add_route(ip, &(struct ip_route){.prefix_be = a->addr_be & a->mask_be,
							 .mask_be = a->mask_be,
							 .iface = a->iface});
	}
	for (uint32_t i = 0; i < nb_routes; i++)
		add_route(ip, &route[i]);
	arp_configure(ip->arp, ip->addr, ip->nb_addrs, now_us);
}

int ip_route_find(struct ip_stack *ip, uint32_t dst_be, uint8_t *ret_iface,
		  uint32_t *ret_next_hop_be)
{
	struct ip_cached *c = &ip->cache[hash_addr(dst_be)];

	if (!c->is_used || c->dst_be != dst_be) {
		uint32_t i = 0;

		while (i < ip->nb_routes &&
		       ((dst_be ^ ip->route[i].prefix_be) & ip->route[i].mask_be) != 0)
			i++;
		if (i == ip->nb_routes)
			return -EHOSTUNREACH;

		const struct ip_route *r = &ip->route[i];

		*c = (struct ip_cached){
			.dst_be = dst_be,
			.next_hop_be = r->next_hop_be == 0 ? dst_be : r->next_hop_be,
			.iface = r->iface,
			.is_used = true,
		};
	}
	*ret_iface = c->iface;
	*ret_next_hop_be = c->next_hop_be;
	return 0;
}

int ip_source_find(struct ip_stack *ip, uint32_t dst_be, uint32_t *ret_src_be)
{
	uint32_t next_hop_be, any = 0;
	uint8_t iface;
	const int rc = ip_route_find(ip, dst_be, &iface, &next_hop_be);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < ip->nb_addrs; i++) {
		const struct arp_addr *a = &ip->addr[i];

		if (a->iface != iface)
			continue;
		if (((a->addr_be ^ next_hop_be) & a->mask_be) == 0) {
			*ret_src_be = a->addr_be;
			return 0;
		}
		if (any == 0)
			any = a->addr_be;
	}
	if (any == 0)
		return -EHOSTUNREACH;
	*ret_src_be = any;
	return 0;
}

void ip_output(struct ip_stack *ip, struct rte_mbuf *m, uint64_t now_us)
{
	const struct ip_hdr *h = rte_pktmbuf_mtod(m, const struct ip_hdr *);
	uint32_t next_hop_be;
	uint8_t iface;

	if (m->data_len < sizeof(*h)) {
		(void)ip_drop(ip, m, OUTCOME_BUG);
		return;
	}
	if (ip_route_find(ip, h->dst_be, &iface, &next_hop_be) < 0) {
		(void)ip_drop(ip, m, OUTCOME_IP_NO_ROUTE);
		return;
	}
	arp_output(ip->arp, iface, next_hop_be, m, now_us);
}
