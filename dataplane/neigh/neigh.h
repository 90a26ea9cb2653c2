/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The neighbours of one worker, of both families: their Ethernet addresses, the packets that wait
 * for those, and whether they are still there (RFC 4861 7.3, which serves ARP as well). ARP and
 * neighbour discovery ask and answer; the table is here.
 *
 *	           neigh_output()              answer
 *	  (free) -----------------> [INCOMPLETE] -----> [REACHABLE] <---------------------+
 *	    ^ |                          |                  | 15 to 45 s                  |
 *	    | | heard of by chance       | 3 questions      v          used               | answer
 *	    | +--------------------------|------------> [STALE] ------> [DELAY]           |
 *	    |                            | unanswered       |              | 5 s          |
 *	    |          1 s               v                  |              v              |
 *	    +------------------------ [FAILED] <------------|--------- [PROBE] -----------+
 *	    |                            3 unanswered       |
 *	    +-----------------------------------------------+ not used for 10 min
 *
 * Invariants:
 *  (1) Packets wait in INCOMPLETE alone, at most NEIGH_PENDING each and NEIGH_PENDING_ALL together.
 *  (2) STALE, DELAY and PROBE go on being used: a neighbour is there until proven otherwise.
 *  (3) One neighbour is asked for at most once a second (RFC 1122 2.3.2.1, RFC 4861 7.2.2).
 *  (4) At most half of the table is unresolved, and a flood of packets to addresses that nobody has
 *      makes at most NEIGH_ASK_BURST + NEIGH_ASK_PER_S per second questions (RFC 6583 6).
 *
 * What could not be delivered is kept for neigh_take_dead(), so that who sent it can be told.
 */

#pragma once

#include "base/token_bucket.h"
#include "neigh/local.h"

#include <stdbool.h>
#include <stdint.h>

#define NEIGH_CAP 1024u
#define NEIGH_BUCKETS 1024u
#define NEIGH_PENDING 8u
#define NEIGH_PENDING_ALL 512u
#define NEIGH_DEAD 64u
#define NEIGH_NONE 0xffffu
#define NEIGH_ASK_PER_S 200u
#define NEIGH_ASK_BURST 200u

enum neigh_state {
	NEIGH_S_FREE,
	NEIGH_S_INCOMPLETE,
	NEIGH_S_REACHABLE,
	NEIGH_S_STALE,
	NEIGH_S_DELAY,
	NEIGH_S_PROBE,
	NEIGH_S_FAILED,
	NEIGH_S__COUNT
};

struct neigh_entry {
	struct ip_addr addr;
	uint8_t iface;
	uint8_t state; /* enum neigh_state */
	uint8_t tries;
	uint8_t nb_pending;
	uint8_t mac[6];
	uint16_t next;    /* in its bucket, or in the free list; NEIGH_NONE ends it */
	uint64_t due_us;  /* when the state is looked at again */
	uint64_t used_us; /* last neigh_output() */
	struct rte_mbuf *pending[NEIGH_PENDING];
};

/* Send a question for <e>: to its <mac> in PROBE, otherwise to all that it may concern. */
typedef void (*neigh_ask_fn)(void *protocol, const struct neigh_entry *e);

struct neigh {
	struct eth *eth;
	uint64_t *counters;
	struct local local;
	neigh_ask_fn ask[2]; /* IPv4, IPv6 */
	void *protocol[2];
	uint64_t tick_us; /* next neigh_tick() that does something */
	uint64_t random;
	struct token_bucket asks;
	uint32_t nb_pending;
	uint32_t nb_unresolved; /* INCOMPLETE and FAILED */
	uint32_t nb_dead;
	uint16_t free;
	uint16_t clock; /* where the search for a victim goes on */
	uint16_t bucket[NEIGH_BUCKETS];
	struct neigh_entry entry[NEIGH_CAP];
	struct rte_mbuf *dead[NEIGH_DEAD];
};

/* What a packet says of a neighbour. */
#define NEIGH_F_MAKE (1u << 0)      /* worth an entry where there is none */
#define NEIGH_F_SOLICITED (1u << 1) /* it answers our question: the neighbour hears us */
#define NEIGH_F_OVERRIDE (1u << 2)  /* its Ethernet address replaces a known one */

void neigh_init(struct neigh *n, struct eth *eth, uint64_t *counters);
/* Who asks for neighbours of IPv6 or IPv4; set once. */
void neigh_set_protocol(struct neigh *n, bool is_ip6, neigh_ask_fn ask, void *protocol);
/*
 * Replace our addresses (see local_configure()). Neighbours are forgotten and asked for anew.
 * Call eth_configure() first.
 */
void neigh_configure(struct neigh *n, const struct ip_ifaddr *addr, uint32_t nb, uint64_t now_us);
/* Drop all that waits. */
void neigh_fini(struct neigh *n);

/*
 * Send the IP packet <m> by <iface> to the neighbour <next_hop> of the same family, or keep it
 * until the neighbour has answered. Takes <m>.
 */
void neigh_output(struct neigh *n, uint8_t iface, const struct ip_addr *next_hop,
		  struct rte_mbuf *m, uint64_t now_us);
/*
 * A packet named <addr> on <iface>, with the Ethernet address <mac>, or NULL when it told none.
 * <flags> are NEIGH_F_*; the rules are those of RFC 4861 7.2.3 and 7.2.5. Returns false when no
 * entry followed: it was for none that is there, or the table is full.
 */
bool neigh_learn(struct neigh *n, uint8_t iface, const struct ip_addr *addr, const uint8_t *mac,
		 unsigned flags, uint64_t now_us);
/* Age and ask again. Cheap when nothing is due. */
void neigh_tick(struct neigh *n, uint64_t now_us);
/*
 * The next of the packets that waited for a neighbour that is not there, beginning at its IP
 * header, or NULL. The caller owns it. Those that nobody takes are bounded by NEIGH_DEAD.
 */
struct rte_mbuf *neigh_take_dead(struct neigh *n);

/* The entry of a neighbour, or NULL. */
const struct neigh_entry *neigh_find(const struct neigh *n, uint8_t iface,
				     const struct ip_addr *addr);
const char *neigh_state_name(enum neigh_state s);
