/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Our own addresses, by interface, of both families: one table that ARP, neighbour discovery and
 * IP share. IPv4 addresses are in the IPv4-mapped form, and so are their prefix lengths.
 *
 *	        local_configure(), IPv6
 *	                 |
 *	                 v      nobody objected
 *	            [TENTATIVE] ----------------> [VALID] <--- local_configure(), IPv4
 *	                 |
 *	                 | another host has it
 *	                 v
 *	            [DUPLICATE]     until the configuration takes the address away
 *
 * Only a VALID address is ours: what comes for another one is not for us, and none is a source.
 * nd moves the states of IPv6 (RFC 4862 5.4). IPv4 addresses are announced and defended
 * (RFC 5227 2.3, 2.4) and used at once.
 */

#pragma once

#include "common/base/ids.h"
#include "eth/eth.h"

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_MAX 512u
#define LOCAL_SLOTS 2048u /* hash, a quarter full at most */
#define LOCAL_ANNOUNCE_NUM 2u
#define LOCAL_ANNOUNCE_US 2000000u
#define LOCAL_DEFEND_US 10000000u

enum local_state {
	LOCAL_S_TENTATIVE,
	LOCAL_S_VALID,
	LOCAL_S_DUPLICATE
};

/* An address as it is configured. <prefix_len> counts in the mapped form: an IPv4 /24 is 120. */
struct ip_ifaddr {
	struct ip_addr addr;
	uint8_t prefix_len; /* 128: an address alone, without a subnet */
	uint8_t iface;
};

struct local_addr {
	struct ip_ifaddr a;
	uint8_t state; /* enum local_state */
	uint8_t left;  /* announcements to be sent yet, or probes while it is TENTATIVE */
	uint64_t due_us;
	uint64_t defended_us; /* last answer to a conflict; 0: none */
	uint16_t port, vlan;  /* the link that the above is true of */
};

struct local {
	uint32_t nb;
	struct local_addr addr[LOCAL_MAX];
	uint16_t slot[LOCAL_SLOTS]; /* index into <addr> + 1 */
};

/*
 * Replace the addresses; what of them was there before, on the same link, keeps its state. Doubles
 * and what is beyond LOCAL_MAX have no effect. Call eth_configure() first.
 */
void local_configure(struct local *l, const struct eth *eth, const struct ip_ifaddr *addr,
		     uint32_t nb, uint64_t now_us);

/* The entry of <addr> on <iface>, or on any with ETH_NO_IFACE, in whatever state; or NULL. */
struct local_addr *local_find(struct local *l, const struct ip_addr *addr, uint8_t iface);
/* Is it ours and usable? */
bool local_is_ours(const struct local *l, const struct ip_addr *addr, uint8_t iface);
/*
 * Which of our addresses on <iface> speaks to <dst>, a neighbour: RFC 6724 5 as far as it can
 * matter here. Same family, usable, link-local if and only if <dst> is (rule 2), then the
 * longest common prefix (rule 8), then the one that was configured first. NULL: none.
 */
const struct local_addr *local_source(const struct local *l, uint8_t iface,
				      const struct ip_addr *dst);
/* Does a subnet of <iface> hold <addr>? */
bool local_is_on_link(const struct local *l, uint8_t iface, const struct ip_addr *addr);

/* The link-local address that belongs to <mac> (RFC 4291 appendix A, RFC 2464 5). */
struct ip_addr ip_addr_link_local(const uint8_t mac[static 6]);
