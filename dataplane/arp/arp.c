/* SPDX-License-Identifier: BSD-3-Clause */
#include "arp/arp.h"

#include "base/count.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <string.h>

#define TICK_US 100000u

#define OP_REQUEST 1
#define OP_REPLY 2

/* RFC 826, for Ethernet and IPv4. */
struct arp_pkt {
	uint16_t hrd_be, pro_be;
	uint8_t hln, pln;
	uint16_t op_be;
	uint8_t sender_mac[6];
	uint8_t sender[4];
	uint8_t target_mac[6];
	uint8_t target[4];
};
static_assert(sizeof(struct arp_pkt) == 28, "on the wire");

static const uint8_t mac_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t mac_zero[6];

static struct eth *eth_of(const struct arp *a)
{
	return a->neigh->eth;
}

/* Build and send. <target_mac> all zero goes to everyone. */
static void send_arp(struct arp *a, uint8_t iface, uint16_t op, uint32_t sender_be,
		     const uint8_t target_mac[static 6], uint32_t target_be)
{
	struct eth *eth = eth_of(a);
	struct rte_mbuf *m;

	if (!eth_is_up(eth, iface))
		return;
	m = rte_pktmbuf_alloc(eth->io->pool);
	struct arp_pkt *p = m == NULL ? NULL : (struct arp_pkt *)rte_pktmbuf_append(m, sizeof(*p));
	if (p == NULL) {
		count(eth->counters, OUTCOME_MBUF_EXHAUSTED);
		rte_pktmbuf_free(m);
		return;
	}
	p->hrd_be = rte_cpu_to_be_16(1);
	p->pro_be = rte_cpu_to_be_16(ETH_TYPE_IP4);
	p->hln = 6;
	p->pln = 4;
	p->op_be = rte_cpu_to_be_16(op);
	memcpy(p->sender_mac, eth->iface[iface].mac, 6);
	memcpy(p->sender, &sender_be, 4);
	memcpy(p->target_mac, target_mac, 6);
	memcpy(p->target, &target_be, 4);
	eth_output(eth, iface, m, memcmp(target_mac, mac_zero, 6) == 0 ? mac_broadcast : target_mac,
		   ETH_TYPE_ARP);
}

/* RFC 1122 2.3.2.1: a probe goes to the known address, no need to bother everyone. */
static void ask(void *protocol, const struct neigh_entry *e)
{
	struct arp *a = protocol;
	const struct local_addr *src = local_source(&a->neigh->local, e->iface, &e->addr);

	send_arp(a, e->iface, OP_REQUEST, src == NULL ? 0 : ip_addr_to_v4(&src->a.addr),
		 e->state == NEIGH_S_PROBE ? e->mac : mac_zero, ip_addr_to_v4(&e->addr));
}

void arp_init(struct arp *a, struct neigh *neigh)
{
	*a = (struct arp){.neigh = neigh};
	neigh_set_protocol(neigh, false, ask, a);
}

static bool is_owner(const struct arp *a, uint8_t iface)
{
	const struct eth *eth = eth_of(a);

	return eth_is_up(eth, iface) && io_is_owner(eth->io, eth->iface[iface].port);
}

/* RFC 5227 2.3: sender and target are the same. */
static void announce(struct arp *a, const struct local_addr *addr)
{
	const uint32_t addr_be = ip_addr_to_v4(&addr->a.addr);

	send_arp(a, addr->a.iface, OP_REQUEST, addr_be, mac_zero, addr_be);
}

/* RFC 5227 2.4 (b): say once in a while that the address is ours. */
static void defend(struct arp *a, struct local_addr *addr, uint64_t now_us)
{
	count(a->neigh->counters, OUTCOME_ARP_CONFLICT);
	if (!is_owner(a, addr->a.iface) ||
	    (addr->defended_us != 0 && now_us - addr->defended_us < LOCAL_DEFEND_US))
		return;
	addr->defended_us = now_us;
	announce(a, addr);
}

static bool is_well_formed(const struct arp_pkt *p, uint32_t sender_be)
{
	const uint8_t first = (uint8_t)(rte_be_to_cpu_32(sender_be) >> 24);
	const uint16_t op = rte_be_to_cpu_16(p->op_be);

	/* A sender is one station with one unicast address, or none yet (a probe, RFC 5227 1.1). */
	return p->hrd_be == rte_cpu_to_be_16(1) && p->pro_be == rte_cpu_to_be_16(ETH_TYPE_IP4) &&
	       p->hln == 6 && p->pln == 4 && (op == OP_REQUEST || op == OP_REPLY) &&
	       (p->sender_mac[0] & 1) == 0 && memcmp(p->sender_mac, mac_zero, 6) != 0 &&
	       first < 224 && first != 127;
}

/* RFC 826: merge first; add only when the packet is for us. A reply needs a question. */
static void learn(struct arp *a, uint8_t iface, const struct arp_pkt *p,
		  const struct ip_addr *sender, bool is_for_us, uint64_t now_us)
{
	const bool is_request = p->op_be == rte_cpu_to_be_16(OP_REQUEST);
	unsigned flags = NEIGH_F_OVERRIDE;

	if (is_for_us)
		flags |= is_request ? NEIGH_F_MAKE : NEIGH_F_SOLICITED;
	if (!neigh_learn(a->neigh, iface, sender, p->sender_mac, flags, now_us) &&
	    (flags & NEIGH_F_MAKE))
		count(a->neigh->counters, OUTCOME_ARP_TABLE_FULL);
}

static void handle(struct arp *a, uint8_t iface, const struct arp_pkt *p, uint64_t now_us)
{
	struct local *local = &a->neigh->local;
	uint32_t sender_be, target_be;

	memcpy(&sender_be, p->sender, 4);
	memcpy(&target_be, p->target, 4);
	if (!is_well_formed(p, sender_be)) {
		count(a->neigh->counters, OUTCOME_ARP_MALFORMED);
		return;
	}

	const struct ip_addr sender = ip_addr_from_v4(sender_be);
	const struct ip_addr target = ip_addr_from_v4(target_be);
	struct local_addr *same = local_find(local, &sender, iface);

	if (same != NULL) {
		if (memcmp(p->sender_mac, eth_of(a)->iface[iface].mac, 6) != 0)
			defend(a, same, now_us);
		return;
	}

	const bool is_for_us = local_is_ours(local, &target, iface);

	if (sender_be != 0)
		learn(a, iface, p, &sender, is_for_us, now_us);
	if (p->op_be != rte_cpu_to_be_16(OP_REQUEST))
		return;
	if (!is_for_us) {
		count(a->neigh->counters, OUTCOME_ARP_NOT_OURS);
	} else if (is_owner(a, iface)) {
		count(a->neigh->counters, OUTCOME_ARP_REPLIED);
		send_arp(a, iface, OP_REPLY, target_be, p->sender_mac, sender_be);
	}
}

void arp_input(struct arp *a, uint8_t iface, struct rte_mbuf *m, uint64_t now_us)
{
	struct arp_pkt p;

	if (m->data_len < sizeof(p)) {
		count(a->neigh->counters, OUTCOME_ARP_MALFORMED);
	} else {
		memcpy(&p, rte_pktmbuf_mtod(m, const void *), sizeof(p));
		handle(a, iface, &p, now_us);
	}
	rte_pktmbuf_free(m);
}

void arp_tick(struct arp *a, uint64_t now_us)
{
	struct local *local = &a->neigh->local;

	if (now_us < a->tick_us)
		return;
	a->tick_us = now_us + TICK_US;
	for (uint32_t i = 0; i < local->nb; i++) {
		struct local_addr *addr = &local->addr[i];

		if (!ip_addr_is_v4(&addr->a.addr) || addr->left == 0 || now_us < addr->due_us)
			continue;
		addr->left--;
		addr->due_us = now_us + LOCAL_ANNOUNCE_US;
		if (is_owner(a, addr->a.iface))
			announce(a, addr);
	}
}
