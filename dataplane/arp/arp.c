/* SPDX-License-Identifier: BSD-3-Clause */
#include "arp/arp.h"

#include "base/count.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <string.h>

#define TICK_US 100000u
#define RETRY_US 1000000u /* RFC 1122 2.3.2.1: at most one request a second */
#define TRIES 3u
#define FRESH_US 60000000u /* an answer is believed this long, then probed when used */
#define IDLE_US 600000000u /* not used so long: forgotten */
#define FAILED_US 1000000u /* a neighbour that is not there is not asked for again at once */
#define ANNOUNCE_NUM 2u    /* RFC 5227 1.1 */
#define ANNOUNCE_US 2000000u
#define DEFEND_US 10000000u

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

static uint32_t bucket_of(uint8_t iface, uint32_t addr_be)
{
	return ((rte_be_to_cpu_32(addr_be) ^ (uint32_t)iface << 24) * 2654435761u) >> 22;
}
static_assert(ARP_BUCKETS == 1u << 10, "bucket_of() gives ten bits");

static struct arp_entry *find(struct arp *a, uint8_t iface, uint32_t addr_be)
{
	uint16_t i = a->bucket[bucket_of(iface, addr_be)];

	while (i != ARP_NONE) {
		struct arp_entry *e = &a->entry[i];

		if (e->addr_be == addr_be && e->iface == iface)
			return e;
		i = e->next;
	}
	return NULL;
}

const struct arp_entry *arp_find(const struct arp *a, uint8_t iface, uint32_t addr_be)
{
	return find((struct arp *)a, iface, addr_be);
}

static void drop_pending(struct arp *a, struct arp_entry *e, enum outcome why)
{
	if (e->nb_pending == 0)
		return;
	count_add(a->counters, why, e->nb_pending);
	rte_pktmbuf_free_bulk(e->pending, e->nb_pending);
	a->nb_pending -= e->nb_pending;
	e->nb_pending = 0;
}

static void forget(struct arp *a, struct arp_entry *e)
{
	const uint16_t idx = (uint16_t)(e - a->entry);
	uint16_t *p = &a->bucket[bucket_of(e->iface, e->addr_be)];

	drop_pending(a, e, OUTCOME_ARP_UNRESOLVED);
	while (*p != idx)
		p = &a->entry[*p].next;
	*p = e->next;
	e->state = ARP_S_FREE;
	e->next = a->free;
	a->free = idx;
}

void arp_init(struct arp *a, struct eth *eth, uint64_t *counters)
{
	memset(a, 0, sizeof(*a));
	a->eth = eth;
	a->counters = counters;
	memset(a->bucket, 0xff, sizeof(a->bucket));
	for (uint16_t i = 0; i < ARP_CAP; i++)
		a->entry[i].next = i + 1u < ARP_CAP ? (uint16_t)(i + 1) : ARP_NONE;
}

void arp_fini(struct arp *a)
{
	for (uint32_t i = 0; i < ARP_CAP; i++)
		if (a->entry[i].state != ARP_S_FREE)
			forget(a, &a->entry[i]);
}

/*
 * A place in a full table: of the next few entries the one that was not used for longest. One
 * that somebody waits for stays, so that a scan cannot push out what is being resolved.
 */
static struct arp_entry *find_victim(struct arp *a)
{
	struct arp_entry *victim = NULL;

	for (unsigned i = 0; i < 16; i++) {
		struct arp_entry *e = &a->entry[a->clock];

		a->clock = (uint16_t)((a->clock + 1) % ARP_CAP);
		if (e->nb_pending == 0 && (victim == NULL || e->used_us < victim->used_us))
			victim = e;
	}
	return victim;
}

static struct arp_entry *make(struct arp *a, uint8_t iface, uint32_t addr_be, uint64_t now_us)
{
	if (a->free == ARP_NONE) {
		struct arp_entry *victim = find_victim(a);

		if (victim == NULL)
			return NULL;
		forget(a, victim);
	}

	const uint16_t idx = a->free;
	struct arp_entry *e = &a->entry[idx];
	uint16_t *head = &a->bucket[bucket_of(iface, addr_be)];

	a->free = e->next;
	*e = (struct arp_entry){
		.addr_be = addr_be, .iface = iface, .next = *head, .used_us = now_us};
	*head = idx;
	return e;
}

static const struct arp_addr *find_addr(const struct arp *a, uint8_t iface, uint32_t addr_be)
{
	for (uint32_t i = 0; i < a->nb_addrs; i++)
		if (a->addr[i].addr_be == addr_be && a->addr[i].iface == iface)
			return &a->addr[i];
	return NULL;
}

/* Which of our addresses asks for <target_be>: the one in its subnet, or any of <iface>. */
static uint32_t pick_source(const struct arp *a, uint8_t iface, uint32_t target_be)
{
	uint32_t any = 0;

	for (uint32_t i = 0; i < a->nb_addrs; i++) {
		const struct arp_addr *addr = &a->addr[i];

		if (addr->iface != iface)
			continue;
		if (((addr->addr_be ^ target_be) & addr->mask_be) == 0)
			return addr->addr_be;
		if (any == 0)
			any = addr->addr_be;
	}
	return any;
}

/* Build and send. <target_mac> all zero goes to everyone. */
static void send_arp(struct arp *a, uint8_t iface, uint16_t op, uint32_t sender_be,
		     const uint8_t target_mac[static 6], uint32_t target_be)
{
	struct rte_mbuf *m;

	if (!eth_is_up(a->eth, iface))
		return;
	m = rte_pktmbuf_alloc(a->eth->io->pool);
	struct arp_pkt *p = m == NULL ? NULL : (struct arp_pkt *)rte_pktmbuf_append(m, sizeof(*p));
	if (p == NULL) {
		count(a->counters, OUTCOME_MBUF_EXHAUSTED);
		rte_pktmbuf_free(m);
		return;
	}
	p->hrd_be = rte_cpu_to_be_16(1);
	p->pro_be = rte_cpu_to_be_16(ETH_TYPE_IP4);
	p->hln = 6;
	p->pln = 4;
	p->op_be = rte_cpu_to_be_16(op);
	memcpy(p->sender_mac, a->eth->iface[iface].mac, 6);
	memcpy(p->sender, &sender_be, 4);
	memcpy(p->target_mac, target_mac, 6);
	memcpy(p->target, &target_be, 4);
	eth_output(a->eth, iface, m,
		   memcmp(target_mac, mac_zero, 6) == 0 ? mac_broadcast : target_mac, ETH_TYPE_ARP);
}

static void ask(struct arp *a, struct arp_entry *e, uint64_t now_us)
{
	/* RFC 1122 2.3.2.1: a probe goes to the known address, no need to bother everyone. */
	const uint8_t *to = e->state == ARP_S_PROBE ? e->mac : mac_zero;

	e->tries++;
	e->due_us = now_us + RETRY_US;
	send_arp(a, e->iface, OP_REQUEST, pick_source(a, e->iface, e->addr_be), to, e->addr_be);
}

static void learn(struct arp *a, struct arp_entry *e, const uint8_t mac[static 6], uint64_t now_us)
{
	memcpy(e->mac, mac, 6);
	e->state = ARP_S_REACHABLE;
	e->tries = 0;
	e->due_us = now_us + FRESH_US;
	for (uint32_t i = 0; i < e->nb_pending; i++)
		eth_output(a->eth, e->iface, e->pending[i], e->mac, ETH_TYPE_IP4);
	a->nb_pending -= e->nb_pending;
	e->nb_pending = 0;
}

/* RFC 5227 2.4 (b): say once in a while that the address is ours. */
static void defend(struct arp *a, const struct arp_addr *addr, uint64_t now_us)
{
	struct arp_announce *an = &a->announce[addr - a->addr];

	count(a->counters, OUTCOME_ARP_CONFLICT);
	if (!io_is_owner(a->eth->io, a->eth->iface[addr->iface].port) ||
	    (an->defended_us != 0 && now_us - an->defended_us < DEFEND_US))
		return;
	an->defended_us = now_us;
	send_arp(a, addr->iface, OP_REQUEST, addr->addr_be, mac_zero, addr->addr_be);
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

static void handle(struct arp *a, uint8_t iface, const struct arp_pkt *p, uint64_t now_us)
{
	const bool is_request = p->op_be == rte_cpu_to_be_16(OP_REQUEST);
	uint32_t sender_be, target_be;

	memcpy(&sender_be, p->sender, 4);
	memcpy(&target_be, p->target, 4);
	if (!is_well_formed(p, sender_be)) {
		count(a->counters, OUTCOME_ARP_MALFORMED);
		return;
	}

	const struct arp_addr *same = find_addr(a, iface, sender_be);

	if (same != NULL) {
		if (memcmp(p->sender_mac, a->eth->iface[iface].mac, 6) != 0)
			defend(a, same, now_us);
		return;
	}

	const bool is_for_us = find_addr(a, iface, target_be) != NULL;
	struct arp_entry *e = sender_be == 0 ? NULL : find(a, iface, sender_be);

	/* RFC 826: merge first; add only when the packet is for us. A reply needs a question. */
	if (e == NULL && is_for_us && is_request && sender_be != 0)
		e = make(a, iface, sender_be, now_us);
	if (e != NULL)
		learn(a, e, p->sender_mac, now_us);
	if (!is_request)
		return;
	if (!is_for_us) {
		count(a->counters, OUTCOME_ARP_NOT_OURS);
	} else if (io_is_owner(a->eth->io, a->eth->iface[iface].port)) {
		count(a->counters, OUTCOME_ARP_REPLIED);
		send_arp(a, iface, OP_REPLY, target_be, p->sender_mac, sender_be);
	}
}

void arp_input(struct arp *a, uint8_t iface, struct rte_mbuf *m, uint64_t now_us)
{
	struct arp_pkt p;

	if (m->data_len < sizeof(p)) {
		count(a->counters, OUTCOME_ARP_MALFORMED);
	} else {
		memcpy(&p, rte_pktmbuf_mtod(m, const void *), sizeof(p));
		handle(a, iface, &p, now_us);
	}
	rte_pktmbuf_free(m);
}

/* Keep <m> with <e>; the oldest one makes room, since it is the likeliest to be sent again. */
static void enqueue(struct arp *a, struct arp_entry *e, struct rte_mbuf *m)
{
	if (e->nb_pending == ARP_PENDING) {
		rte_pktmbuf_free(e->pending[0]);
		memmove(&e->pending[0], &e->pending[1], (ARP_PENDING - 1) * sizeof(m));
		e->pending[ARP_PENDING - 1] = m;
		count(a->counters, OUTCOME_ARP_QUEUE_FULL);
		return;
	}
	if (a->nb_pending == ARP_PENDING_ALL) {
		rte_pktmbuf_free(m);
		count(a->counters, OUTCOME_ARP_QUEUE_FULL);
		return;
	}
	e->pending[e->nb_pending++] = m;
	a->nb_pending++;
}

static void output_unresolved(struct arp *a, uint8_t iface, uint32_t next_hop_be,
			      struct arp_entry *e, struct rte_mbuf *m, uint64_t now_us)
{
	if (e == NULL) {
		e = make(a, iface, next_hop_be, now_us);
		if (e == NULL) {
			count(a->counters, OUTCOME_ARP_TABLE_FULL);
			rte_pktmbuf_free(m);
			return;
		}
		e->state = ARP_S_INCOMPLETE;
		enqueue(a, e, m);
		ask(a, e, now_us);
	} else if (e->state == ARP_S_FAILED) {
		count(a->counters, OUTCOME_ARP_UNRESOLVED);
		rte_pktmbuf_free(m);
	} else {
		enqueue(a, e, m);
	}
}

void arp_output(struct arp *a, uint8_t iface, uint32_t next_hop_be, struct rte_mbuf *m,
		uint64_t now_us)
{
	struct arp_entry *e = find(a, iface, next_hop_be);

	if (e == NULL || e->state == ARP_S_INCOMPLETE || e->state == ARP_S_FAILED) {
		output_unresolved(a, iface, next_hop_be, e, m, now_us);
		return;
	}
	e->used_us = now_us;
	if (e->state == ARP_S_REACHABLE && now_us >= e->due_us) {
		e->state = ARP_S_PROBE;
		ask(a, e, now_us);
	}
	eth_output(a->eth, iface, m, e->mac, ETH_TYPE_IP4);
}

static void age(struct arp *a, struct arp_entry *e, uint64_t now_us)
{
	switch ((enum arp_state)e->state) {
	case ARP_S_FREE:
		break;
	case ARP_S_REACHABLE:
		if (now_us - e->used_us >= IDLE_US)
			forget(a, e);
		break;
	case ARP_S_INCOMPLETE:
	case ARP_S_PROBE:
		if (now_us < e->due_us)
			break;
		if (e->tries < TRIES) {
			ask(a, e, now_us);
			break;
		}
		drop_pending(a, e, OUTCOME_ARP_UNRESOLVED);
		e->state = ARP_S_FAILED;
		e->due_us = now_us + FAILED_US;
		break;
	case ARP_S_FAILED:
		if (now_us >= e->due_us)
			forget(a, e);
		break;
	}
}

void arp_tick(struct arp *a, uint64_t now_us)
{
	if (now_us < a->tick_us)
		return;
	a->tick_us = now_us + TICK_US;
	for (uint32_t i = 0; i < ARP_CAP; i++)
		age(a, &a->entry[i], now_us);
	for (uint32_t i = 0; i < a->nb_addrs; i++) {
		struct arp_announce *an = &a->announce[i];

		if (an->left == 0 || now_us < an->due_us)
			continue;
		an->left--;
		an->due_us = now_us + ANNOUNCE_US;
		send_arp(a, a->addr[i].iface, OP_REQUEST, a->addr[i].addr_be, mac_zero,
			 a->addr[i].addr_be);
	}
}

void arp_configure(struct arp *a, const struct arp_addr *addr, uint32_t nb, uint64_t now_us)
{
	struct arp_announce announce[ARP_MAX_ADDRS] = {0};

	nb = RTE_MIN(nb, ARP_MAX_ADDRS);
	for (uint32_t i = 0; i < nb; i++) {
		const struct arp_addr *old = find_addr(a, addr[i].iface, addr[i].addr_be);

		if (!eth_is_up(a->eth, addr[i].iface) ||
		    !io_is_owner(a->eth->io, a->eth->iface[addr[i].iface].port))
			continue;
		if (old != NULL)
			announce[i] = a->announce[old - a->addr];
		else
			announce[i] = (struct arp_announce){.due_us = now_us, .left = ANNOUNCE_NUM};
	}
	/*
	 * Neighbours are asked anew: an interface's index may stand for another interface now, and
	 * one question each costs less than finding out which do.
	 */
	for (uint32_t i = 0; i < ARP_CAP; i++)
		if (a->entry[i].state != ARP_S_FREE)
			forget(a, &a->entry[i]);
	memcpy(a->addr, addr, nb * sizeof(*addr));
	memcpy(a->announce, announce, nb * sizeof(*announce));
	a->nb_addrs = nb;
	a->tick_us = 0;
}
