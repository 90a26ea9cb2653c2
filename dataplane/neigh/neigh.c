/* SPDX-License-Identifier: BSD-3-Clause */
#include "neigh/neigh.h"

#include "base/count.h"
#include "base/xorshift.h"

#include <rte_mbuf.h>

#include <string.h>

#define TICK_US 100000u
#define RETRY_US 1000000u      /* RFC 4861 10, RETRANS_TIMER */
#define TRIES 3u               /* MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT */
#define REACHABLE_US 30000000u /* REACHABLE_TIME, times 0.5 to 1.5 */
#define DELAY_US 5000000u      /* DELAY_FIRST_PROBE_TIME */
#define IDLE_US 600000000u     /* not used so long: forgotten */
#define FAILED_US 1000000u     /* a neighbour that is not there is not asked for again at once */
#define UNRESOLVED_MAX (NEIGH_CAP / 2)

/* What can happen to a packet here is told apart by family. */
enum event {
	EV_QUEUE_FULL,
	EV_UNRESOLVED,
	EV_TABLE_FULL,
};

static void count_event(struct neigh *n, const struct ip_addr *addr, enum event ev, uint64_t nb)
{
	static const enum outcome outcome[][2] = {
		[EV_QUEUE_FULL] = {OUTCOME_ARP_QUEUE_FULL, OUTCOME_ND_QUEUE_FULL},
		[EV_UNRESOLVED] = {OUTCOME_ARP_UNRESOLVED, OUTCOME_ND_UNRESOLVED},
		[EV_TABLE_FULL] = {OUTCOME_ARP_TABLE_FULL, OUTCOME_ND_TABLE_FULL},
	};

	count_add(n->counters, outcome[ev][ip_addr_is_v4(addr) ? 0 : 1], nb);
}

static uint32_t bucket_of(uint8_t iface, const struct ip_addr *addr)
{
	uint64_t x[2];

	memcpy(x, addr->b, sizeof(x));
	return (uint32_t)((x[0] * 31 ^ x[1] ^ iface) * 0x9e3779b97f4a7c15ull >> 54);
}
static_assert(NEIGH_BUCKETS == 1u << 10, "bucket_of() gives ten bits");

static struct neigh_entry *find(struct neigh *n, uint8_t iface, const struct ip_addr *addr)
{
	uint16_t i = n->bucket[bucket_of(iface, addr)];

	while (i != NEIGH_NONE) {
		struct neigh_entry *e = &n->entry[i];

		if (e->iface == iface && ip_addr_is_equal(&e->addr, addr))
			return e;
		i = e->next;
	}
	return NULL;
}

const struct neigh_entry *neigh_find(const struct neigh *n, uint8_t iface,
				     const struct ip_addr *addr)
{
	return find((struct neigh *)n, iface, addr);
}

const char *neigh_state_name(enum neigh_state s)
{
	static const char *const name[] = {"free",  "incomplete", "reachable", "stale",
					   "delay", "probe",      "failed"};

	static_assert(sizeof(name) / sizeof(name[0]) == NEIGH_S__COUNT);
	return s < NEIGH_S__COUNT ? name[s] : "unknown";
}

static bool is_unresolved(uint8_t state)
{
	return state == NEIGH_S_INCOMPLETE || state == NEIGH_S_FAILED;
}

static void set_state(struct neigh *n, struct neigh_entry *e, enum neigh_state s)
{
	n->nb_unresolved += (uint32_t)is_unresolved((uint8_t)s) - is_unresolved(e->state);
	e->state = (uint8_t)s;
}

/* The packets that wait will not go. Who sent them is told, as far as there is room. */
static void drop_pending(struct neigh *n, struct neigh_entry *e)
{
	if (e->nb_pending == 0)
		return;
	count_event(n, &e->addr, EV_UNRESOLVED, e->nb_pending);
	for (uint32_t i = 0; i < e->nb_pending; i++) {
		if (n->nb_dead < NEIGH_DEAD)
			n->dead[n->nb_dead++] = e->pending[i];
		else
			rte_pktmbuf_free(e->pending[i]);
	}
	n->nb_pending -= e->nb_pending;
	e->nb_pending = 0;
}

struct rte_mbuf *neigh_take_dead(struct neigh *n)
{
	return n->nb_dead == 0 ? NULL : n->dead[--n->nb_dead];
}

static void forget(struct neigh *n, struct neigh_entry *e)
{
	const uint16_t idx = (uint16_t)(e - n->entry);
	uint16_t *p = &n->bucket[bucket_of(e->iface, &e->addr)];

	drop_pending(n, e);
	while (*p != idx)
		p = &n->entry[*p].next;
	*p = e->next;
	set_state(n, e, NEIGH_S_FREE);
	e->next = n->free;
	n->free = idx;
}

void neigh_init(struct neigh *n, struct eth *eth, uint64_t *counters)
{
	memset(n, 0, sizeof(*n));
	n->eth = eth;
	n->counters = counters;
	n->random = 88172645463325252ull;
	n->asks.tokens = NEIGH_ASK_BURST;
	memset(n->bucket, 0xff, sizeof(n->bucket));
	for (uint16_t i = 0; i < NEIGH_CAP; i++)
		n->entry[i].next = i + 1u < NEIGH_CAP ? (uint16_t)(i + 1) : NEIGH_NONE;
}

void neigh_set_protocol(struct neigh *n, bool is_ip6, neigh_ask_fn ask, void *protocol)
{
	n->ask[is_ip6] = ask;
	n->protocol[is_ip6] = protocol;
}

static void forget_all(struct neigh *n)
{
	for (uint32_t i = 0; i < NEIGH_CAP; i++)
		if (n->entry[i].state != NEIGH_S_FREE)
			forget(n, &n->entry[i]);
}

void neigh_fini(struct neigh *n)
{
	struct rte_mbuf *m;

	forget_all(n);
	while ((m = neigh_take_dead(n)) != NULL)
		rte_pktmbuf_free(m);
}

void neigh_configure(struct neigh *n, const struct ip_ifaddr *addr, uint32_t nb, uint64_t now_us)
{
	local_configure(&n->local, n->eth, addr, nb, now_us);
	/*
	 * An interface's index may stand for another interface now, and one question each costs
	 * less than finding out which do.
	 */
	forget_all(n);
	n->tick_us = 0;
}

/*
 * A place in a full table: of the next few entries the one that was not used for longest. One
 * that somebody waits for stays, so that a scan cannot push out what is being resolved.
 */
static struct neigh_entry *find_victim(struct neigh *n)
{
	struct neigh_entry *victim = NULL;

	for (unsigned i = 0; i < 16; i++) {
		struct neigh_entry *e = &n->entry[n->clock];

		n->clock = (uint16_t)((n->clock + 1) % NEIGH_CAP);
		if (e->nb_pending == 0 && (victim == NULL || e->used_us < victim->used_us))
			victim = e;
	}
	return victim;
}

static struct neigh_entry *make(struct neigh *n, uint8_t iface, const struct ip_addr *addr,
				enum neigh_state state, uint64_t now_us)
{
	if (is_unresolved((uint8_t)state) && n->nb_unresolved >= UNRESOLVED_MAX)
		return NULL;
	if (n->free == NEIGH_NONE) {
		struct neigh_entry *victim = find_victim(n);

		if (victim == NULL)
			return NULL;
		forget(n, victim);
	}

	const uint16_t idx = n->free;
	struct neigh_entry *e = &n->entry[idx];
	uint16_t *head = &n->bucket[bucket_of(iface, addr)];

	n->free = e->next;
	*e = (struct neigh_entry){.addr = *addr, .iface = iface, .next = *head, .used_us = now_us};
	set_state(n, e, state);
	*head = idx;
	return e;
}

/* RFC 6583 6.3: to know of those that are there comes first, so probes are not limited. */
static void ask(struct neigh *n, struct neigh_entry *e, uint64_t now_us)
{
	const bool is_ip6 = !ip_addr_is_v4(&e->addr);

	e->tries++;
	e->due_us = now_us + RETRY_US;
	if (e->state != NEIGH_S_PROBE &&
	    !token_bucket_take(&n->asks, NEIGH_ASK_PER_S, NEIGH_ASK_BURST, now_us)) {
		count(n->counters, OUTCOME_NEIGH_LIMITED);
		return;
	}
	if (n->ask[is_ip6] != NULL)
		n->ask[is_ip6](n->protocol[is_ip6], e);
}

static void send(struct neigh *n, const struct neigh_entry *e, struct rte_mbuf *m)
{
	eth_output(n->eth, e->iface, m, e->mac,
		   ip_addr_is_v4(&e->addr) ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
}

static void enter_reachable(struct neigh *n, struct neigh_entry *e, uint64_t now_us)
{
	set_state(n, e, NEIGH_S_REACHABLE);
	e->tries = 0;
	/* RFC 4861 6.3.2: so that not all are probed at the same moment. */
	e->due_us = now_us + REACHABLE_US / 2 + xorshift_next(&n->random) % REACHABLE_US;
}

/* <e> has an Ethernet address now. */
static void resolve(struct neigh *n, struct neigh_entry *e, const uint8_t mac[static 6],
		    unsigned flags, uint64_t now_us)
{
	memcpy(e->mac, mac, 6);
	if (flags & NEIGH_F_SOLICITED)
		enter_reachable(n, e, now_us);
	else
		set_state(n, e, NEIGH_S_STALE);
	for (uint32_t i = 0; i < e->nb_pending; i++)
		send(n, e, e->pending[i]);
	n->nb_pending -= e->nb_pending;
	e->nb_pending = 0;
}

bool neigh_learn(struct neigh *n, uint8_t iface, const struct ip_addr *addr, const uint8_t *mac,
		 unsigned flags, uint64_t now_us)
{
	struct neigh_entry *e = find(n, iface, addr);

	if (e == NULL) {
		if (!(flags & NEIGH_F_MAKE) || mac == NULL)
			return false;
		e = make(n, iface, addr, NEIGH_S_STALE, now_us);
		if (e == NULL)
			return false;
		resolve(n, e, mac, flags, now_us);
		return true;
	}
	if (is_unresolved(e->state)) {
		if (mac != NULL)
			resolve(n, e, mac, flags, now_us);
		return true;
	}

	const bool is_other = mac != NULL && memcmp(mac, e->mac, 6) != 0;

	if (is_other && !(flags & NEIGH_F_OVERRIDE)) {
		/* RFC 4861 7.2.5 I: two claim it; to be probed before long. */
		if (e->state == NEIGH_S_REACHABLE)
			set_state(n, e, NEIGH_S_STALE);
		return true;
	}
	if (is_other)
		memcpy(e->mac, mac, 6);
	if (flags & NEIGH_F_SOLICITED)
		enter_reachable(n, e, now_us);
	else if (is_other)
		set_state(n, e, NEIGH_S_STALE);
	return true;
}

/* Keep <m> with <e>; the oldest one makes room, since it is the likeliest to be sent again. */
static void enqueue(struct neigh *n, struct neigh_entry *e, struct rte_mbuf *m)
{
	if (e->nb_pending == NEIGH_PENDING) {
		rte_pktmbuf_free(e->pending[0]);
		memmove(&e->pending[0], &e->pending[1], (NEIGH_PENDING - 1) * sizeof(m));
		e->pending[NEIGH_PENDING - 1] = m;
		count_event(n, &e->addr, EV_QUEUE_FULL, 1);
		return;
	}
	if (n->nb_pending == NEIGH_PENDING_ALL) {
		rte_pktmbuf_free(m);
		count_event(n, &e->addr, EV_QUEUE_FULL, 1);
		return;
	}
	e->pending[e->nb_pending++] = m;
	n->nb_pending++;
}

static void output_unresolved(struct neigh *n, uint8_t iface, const struct ip_addr *next_hop,
			      struct neigh_entry *e, struct rte_mbuf *m, uint64_t now_us)
{
	if (e == NULL) {
		e = make(n, iface, next_hop, NEIGH_S_INCOMPLETE, now_us);
		if (e == NULL) {
			count_event(n, next_hop, EV_TABLE_FULL, 1);
			rte_pktmbuf_free(m);
			return;
		}
		enqueue(n, e, m);
		ask(n, e, now_us);
		return;
	}
	enqueue(n, e, m);
	/* That it is not there was found out a moment ago. */
	if (e->state == NEIGH_S_FAILED)
		drop_pending(n, e);
}

void neigh_output(struct neigh *n, uint8_t iface, const struct ip_addr *next_hop,
		  struct rte_mbuf *m, uint64_t now_us)
{
	struct neigh_entry *e = find(n, iface, next_hop);

	if (e == NULL || is_unresolved(e->state)) {
		output_unresolved(n, iface, next_hop, e, m, now_us);
		return;
	}
	e->used_us = now_us;
	if (e->state == NEIGH_S_REACHABLE && now_us >= e->due_us)
		set_state(n, e, NEIGH_S_STALE);
	if (e->state == NEIGH_S_STALE) {
		set_state(n, e, NEIGH_S_DELAY);
		e->due_us = now_us + DELAY_US;
	}
	send(n, e, m);
}

static void ask_again(struct neigh *n, struct neigh_entry *e, uint64_t now_us)
{
	if (e->tries < TRIES) {
		ask(n, e, now_us);
		return;
	}
	drop_pending(n, e);
	set_state(n, e, NEIGH_S_FAILED);
	e->due_us = now_us + FAILED_US;
}

static void age(struct neigh *n, struct neigh_entry *e, uint64_t now_us)
{
	switch ((enum neigh_state)e->state) {
	case NEIGH_S_FREE:
	case NEIGH_S__COUNT:
		break;
	case NEIGH_S_REACHABLE:
	case NEIGH_S_STALE:
		if (now_us - e->used_us >= IDLE_US)
			forget(n, e);
		break;
	case NEIGH_S_DELAY:
		if (now_us < e->due_us)
			break;
		set_state(n, e, NEIGH_S_PROBE);
		e->tries = 0;
		ask(n, e, now_us);
		break;
	case NEIGH_S_INCOMPLETE:
	case NEIGH_S_PROBE:
		if (now_us >= e->due_us)
			ask_again(n, e, now_us);
		break;
	case NEIGH_S_FAILED:
		if (now_us >= e->due_us)
			forget(n, e);
		break;
	}
}

void neigh_tick(struct neigh *n, uint64_t now_us)
{
	if (now_us < n->tick_us)
		return;
	n->tick_us = now_us + TICK_US;
	for (uint32_t i = 0; i < NEIGH_CAP; i++)
		age(n, &n->entry[i], now_us);
}
