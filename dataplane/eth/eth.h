/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ethernet II and 802.1Q: which interface a frame came in by, and the header of what leaves.
 *
 * An interface is a port and a VLAN, untagged being VLAN 0. One worker owns a struct eth.
 */

#pragma once

#include "io/io.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define ETH_MAX_IFACES 64u
#define ETH_TYPE_IP4 0x0800u
#define ETH_TYPE_ARP 0x0806u
#define ETH_TYPE_VLAN 0x8100u
#define ETH_TYPE_QINQ 0x88a8u /* 802.1ad */
#define ETH_TYPE_IP6 0x86ddu
#define ETH_NO_IFACE 0xffu
#define ETH_NO_PORT 0xffffu

/* By index in the configuration's list of interfaces. */
struct eth_iface {
	uint16_t port; /* index in io.port; ETH_NO_PORT: its device was not there at the start */
	uint16_t vlan; /* 0: untagged */
	uint16_t mtu;
	uint8_t mac[6];
};

struct eth {
	struct io_worker *io;
	uint64_t *counters;
	uint32_t nb_ifaces;
	struct eth_iface iface[ETH_MAX_IFACES];
	uint8_t demux[IO_MAX_PORTS][4096]; /* port, VLAN -> interface, ETH_NO_IFACE */
};
static_assert(ETH_MAX_IFACES < ETH_NO_IFACE, "an interface's index is an octet");

enum eth_verdict {
	ETH_V_DROPPED,   /* counted and freed */
	ETH_V_ARP,       /* the buffer begins at the payload */
	ETH_V_IP,        /* either family: the first octet has the version that the type promised */
	ETH_V_IP6_GROUP, /* IPv6 in a multicast frame */
};

void eth_init(struct eth *e, struct io_worker *io, uint64_t *counters);
/* Replace the interfaces. Entries beyond ETH_MAX_IFACES, and doubles, have no effect. */
void eth_configure(struct eth *e, const struct eth_iface *iface, uint32_t nb);

/*
 * Take a received frame. Unicast to us passes, and ARP to all. IPv4 in a link-layer broadcast or
 * multicast is nothing that TCP may answer (RFC 1122 4.2.3.10); IPv6 in a multicast, of the groups
 * that neighbour discovery uses, is told apart from what came to us alone.
 */
enum eth_verdict eth_input(struct eth *e, struct rte_mbuf *m, uint8_t *ret_iface);

/*
 * Prepend the header and send by <iface>. Takes <m> in every case; its l2_len is set when it asks
 * for offload.
 */
void eth_output(struct eth *e, uint8_t iface, struct rte_mbuf *m, const uint8_t dst[static 6],
		uint16_t type);

/*
 * Put a header in front of <m> again, as if it had come by <iface> with <type>: what was put
 * together from fragments may have to go to another worker. The buffer has room for it, since it
 * began with one. eth_unwrap() takes it away.
 */
void eth_rewrap(const struct eth *e, uint8_t iface, struct rte_mbuf *m, uint16_t type);
void eth_unwrap(struct rte_mbuf *m);

/* Is there a port behind <iface>? */
static inline bool eth_is_up(const struct eth *e, uint8_t iface)
{
	return iface < e->nb_ifaces && e->iface[iface].port != ETH_NO_PORT;
}
