/* SPDX-License-Identifier: BSD-3-Clause */
#include "neigh/local.h"

#include <rte_common.h>

#include <string.h>

static_assert(LOCAL_MAX * 4 <= LOCAL_SLOTS, "the search for an address ends soon at a free slot");

static uint32_t slot_of(const struct ip_addr *a)
{
	uint64_t x[2];

	memcpy(x, a->b, sizeof(x));
	return (uint32_t)((x[0] ^ x[1]) * 0x9e3779b97f4a7c15ull >> 53);
}
static_assert(LOCAL_SLOTS == 1u << 11, "slot_of() gives eleven bits");

static const struct local_addr *find(const struct local *l, const struct ip_addr *addr,
				     uint8_t iface)
{
	for (uint32_t i = slot_of(addr); l->slot[i] != 0; i = (i + 1) % LOCAL_SLOTS) {
		const struct local_addr *a = &l->addr[l->slot[i] - 1];

		if ((a->a.iface == iface || iface == ETH_NO_IFACE) &&
		    ip_addr_is_equal(&a->a.addr, addr))
			return a;
	}
	return NULL;
}

struct local_addr *local_find(struct local *l, const struct ip_addr *addr, uint8_t iface)
{
	return (struct local_addr *)find(l, addr, iface);
}

/* The same address may be there once per interface, valid on one and not on another. */
bool local_is_ours(const struct local *l, const struct ip_addr *addr, uint8_t iface)
{
	for (uint32_t i = slot_of(addr); l->slot[i] != 0; i = (i + 1) % LOCAL_SLOTS) {
		const struct local_addr *a = &l->addr[l->slot[i] - 1];

		if ((a->a.iface == iface || iface == ETH_NO_IFACE) && a->state == LOCAL_S_VALID &&
		    ip_addr_is_equal(&a->a.addr, addr))
			return true;
	}
	return false;
}

static void add(struct local *l, const struct local_addr *a)
{
	uint32_t slot = slot_of(&a->a.addr);

	l->addr[l->nb++] = *a;
	while (l->slot[slot] != 0)
		slot = (slot + 1) % LOCAL_SLOTS;
	l->slot[slot] = (uint16_t)l->nb;
}

/* A new address: IPv6 is tried first (RFC 4862 5.4), IPv4 announced at once (RFC 5227 2.3). */
static struct local_addr make(const struct eth *eth, const struct ip_ifaddr *a, uint64_t now_us)
{
	const bool is_up = eth_is_up(eth, a->iface);
	const bool is_ip4 = ip_addr_is_v4(&a->addr);

	return (struct local_addr){
		.a = *a,
		.state = is_ip4 ? LOCAL_S_VALID : LOCAL_S_TENTATIVE,
		.left = is_ip4 ? LOCAL_ANNOUNCE_NUM : 1, /* DupAddrDetectTransmits */
		.due_us = now_us,
		.port = is_up ? eth->iface[a->iface].port : ETH_NO_PORT,
		.vlan = is_up ? eth->iface[a->iface].vlan : 0,
	};
}

void local_configure(struct local *l, const struct eth *eth, const struct ip_ifaddr *addr,
		     uint32_t nb, uint64_t now_us)
{
	/* Too large for a stack; changed seldom, by one thread each its own. */
	static _Thread_local struct local old;

	old = *l;
	memset(l, 0, sizeof(*l));
	for (uint32_t i = 0; i < nb && l->nb < LOCAL_MAX; i++) {
		struct local_addr a = make(eth, &addr[i], now_us);
		const struct local_addr *known = find(&old, &addr[i].addr, addr[i].iface);

		if (find(l, &addr[i].addr, addr[i].iface) != NULL)
			continue;
		if (known != NULL && known->port == a.port && known->vlan == a.vlan) {
			a = *known;
			a.a = addr[i];
		}
		add(l, &a);
	}
}

static uint32_t common_bits(const struct ip_addr *a, const struct ip_addr *b)
{
	for (uint32_t i = 0; i < sizeof(a->b); i++)
		if (a->b[i] != b->b[i])
			return i * 8 + (uint32_t)__builtin_clz((uint32_t)(a->b[i] ^ b->b[i])) - 24;
	return 128;
}

const struct local_addr *local_source(const struct local *l, uint8_t iface,
				      const struct ip_addr *dst)
{
	const struct local_addr *best = NULL;
	uint32_t best_bits = 0;

	for (uint32_t i = 0; i < l->nb; i++) {
		const struct local_addr *a = &l->addr[i];
		/* Bits beyond the subnet's say nothing (RFC 6724 2.2). */
		const uint32_t bits =
			RTE_MIN(common_bits(&a->a.addr, dst), (uint32_t)a->a.prefix_len);

		if (a->a.iface != iface || a->state != LOCAL_S_VALID ||
		    ip_addr_is_v4(&a->a.addr) != ip_addr_is_v4(dst) ||
		    ip_addr_is_link_local(&a->a.addr) != ip_addr_is_link_local(dst))
			continue;
		if (best != NULL && bits <= best_bits)
			continue;
		best = a;
		best_bits = bits;
	}
	return best;
}

bool local_is_on_link(const struct local *l, uint8_t iface, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < l->nb; i++) {
		const struct ip_ifaddr *a = &l->addr[i].a;

		if (a->iface == iface && a->prefix_len < 128 &&
		    ip_addr_has_prefix(addr, &a->addr, a->prefix_len))
			return true;
	}
	return false;
}

struct ip_addr ip_addr_link_local(const uint8_t mac[static 6])
{
	return (struct ip_addr){.b = {[0] = 0xfe,
				      [1] = 0x80,
				      [8] = mac[0] ^ 2,
				      [9] = mac[1],
				      [10] = mac[2],
				      [11] = 0xff,
				      [12] = 0xfe,
				      [13] = mac[3],
				      [14] = mac[4],
				      [15] = mac[5]}};
}
