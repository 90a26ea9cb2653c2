/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ARP (RFC 826) for one worker: its own table of neighbours, with packets that wait for an
 * answer. Every worker hears every ARP packet; only the owner of a port answers and announces.
 *
 *	            arp_output()               answer
 *	   (free) -------------> [INCOMPLETE] ---------> [REACHABLE] <---+
 *	     ^                     | 3 requests            | used when   | answer
 *	     |   1 s               v without answer        v old         |
 *	     +---------------- [FAILED] <------------- [PROBE] ----------+
 *	     |                          3 probes unanswered
 *	     +-- REACHABLE, not used for IDLE_US
 *
 * Invariants:
 *  (1) Packets wait in INCOMPLETE alone, at most ARP_PENDING each and ARP_PENDING_ALL together.
 *  (2) An entry in PROBE goes on being used: the neighbour is there until proven otherwise.
 *  (3) A request for one address leaves at most once a second (RFC 1122 2.3.2.1).
 *
 * What is believed: an entry is made only by our own question, or by a request for one of our
 * addresses; an existing one follows any ARP packet that names it, since servers and gateways
 * fail over by gratuitous ARP.
 */

#pragma once

#include "eth/eth.h"

#include <stdbool.h>
#include <stdint.h>

#define ARP_CAP 1024u
#define ARP_BUCKETS 1024u
#define ARP_PENDING 8u
#define ARP_PENDING_ALL 512u
#define ARP_MAX_ADDRS 256u
#define ARP_NONE 0xffffu

enum arp_state {
	ARP_S_FREE,
	ARP_S_INCOMPLETE,
	ARP_S_REACHABLE,
	ARP_S_PROBE,
	ARP_S_FAILED
};

/* An address of ours. */
struct arp_addr {
	uint32_t addr_be;
	uint32_t mask_be;
	uint8_t iface;
};

struct arp_entry {
	uint32_t addr_be;
	uint8_t iface;
	uint8_t state; /* enum arp_state */
	uint8_t tries;
	uint8_t nb_pending;
	uint8_t mac[6];
	uint16_t next;    /* in its bucket, or in the free list; ARP_NONE ends it */
	uint64_t due_us;  /* when the state is looked at again */
	uint64_t used_us; /* last arp_output() */
	struct rte_mbuf *pending[ARP_PENDING];
};

struct arp_announce {
	uint64_t due_us;
	uint8_t left;
	uint64_t defended_us; /* last answer to a conflict */
};

struct arp {
	struct eth *eth;
	uint64_t *counters;
	uint64_t tick_us; /* next arp_tick() that does something */
	uint32_t nb_pending;
	uint32_t nb_addrs;
	uint16_t free;
	uint16_t clock; /* where the search for a victim goes on */
	struct arp_addr addr[ARP_MAX_ADDRS];
	struct arp_announce announce[ARP_MAX_ADDRS];
	uint16_t bucket[ARP_BUCKETS];
	struct arp_entry entry[ARP_CAP];
};

void arp_init(struct arp *a, struct eth *eth, uint64_t *counters);
/*
 * Replace our addresses. New ones are announced (RFC 5227 2.3); neighbours are forgotten and asked
 * for anew. Call eth_configure() first.
 */
void arp_configure(struct arp *a, const struct arp_addr *addr, uint32_t nb, uint64_t now_us);
/* Drop all that waits. */
void arp_fini(struct arp *a);

/* A received ARP packet, beginning at its hardware type. Takes <m>. */
void arp_input(struct arp *a, uint8_t iface, struct rte_mbuf *m, uint64_t now_us);
/*
 * Send the IPv4 packet <m> by <iface> to the neighbour <next_hop_be>, or keep it until the
 * neighbour has answered. Takes <m>.
 */
void arp_output(struct arp *a, uint8_t iface, uint32_t next_hop_be, struct rte_mbuf *m,
		uint64_t now_us);
/* Age, ask again, announce. Cheap when nothing is due. */
void arp_tick(struct arp *a, uint64_t now_us);

/* The entry of a neighbour, or NULL. */
const struct arp_entry *arp_find(const struct arp *a, uint8_t iface, uint32_t addr_be);
