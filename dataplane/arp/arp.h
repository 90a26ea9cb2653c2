/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ARP (RFC 826) for one worker: asks and answers for IPv4; the neighbours are in neigh. Every
 * worker hears every ARP packet; only the owner of a port answers and announces.
 *
 * What is believed: an entry is made only by our own question, or by a request for one of our
 * addresses; an existing one follows any ARP packet that names it, since servers and gateways
 * fail over by gratuitous ARP. Only a reply to us says that the neighbour hears us.
 */

#pragma once

#include "neigh/neigh.h"

#include <stdint.h>

struct arp {
	struct neigh *neigh;
	uint64_t tick_us; /* next arp_tick() that does something */
};

/* Our addresses are those of <neigh>, which it must not outlive. */
void arp_init(struct arp *a, struct neigh *neigh);
/* A received ARP packet, beginning at its hardware type. Takes <m>. */
void arp_input(struct arp *a, uint8_t iface, struct rte_mbuf *m, uint64_t now_us);
/* Announce new addresses (RFC 5227 2.3). Cheap when nothing is due. */
void arp_tick(struct arp *a, uint64_t now_us);
