/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ethernet, ARP, neighbour discovery and IP of one worker on a port that is not there: frames go
 * in by rig_input(), and what would be sent waits in the transmit batch. Needs EAL (no huge pages,
 * no root).
 */

#pragma once

#include "common/stats/outcome.h"
#include "ip/ip.h"

#include <stddef.h>
#include <stdint.h>

#define RIG_ADDR 0xc000020au /* 192.0.2.10/24, interface 0, untagged */
#define RIG_LAN 0xc6336401u  /* 198.51.100.1/24, interface 1, VLAN 7 */
#define RIG_PEER 0xc0000201u /* 192.0.2.1 */
#define RIG_GATEWAY 0xc00002feu
/* IPv6: 2001:db8::10/64 and 2001:db8:1::1/64, routes by way of fe80::ff on interface 0. */
#define RIG_ADDR6 "2001:db8::10"
#define RIG_LAN6 "2001:db8:1::1"
#define RIG_PEER6 "2001:db8::1"
#define RIG_LINK6 "fe80::ff:fe00:10"
#define RIG_PEER_LINK6 "fe80::ff:fe00:1"
#define RIG_GATEWAY6 "fe80::ff"
#define RIG_MAC                                                                                    \
	{                                                                                          \
		0x02, 0, 0, 0, 0, 0x10                                                             \
	}
#define RIG_PEER_MAC                                                                               \
	{                                                                                          \
		0x02, 0, 0, 0, 0, 0x01                                                             \
	}

struct rig {
	struct io io;
	struct io_worker port;
	struct eth eth;
	struct neigh neigh;
	struct arp arp;
	struct nd nd;
	struct ip_stack ip;
	uint64_t counters[OUTCOME__COUNT];
	struct ip_icmp_error error;
	uint64_t rx_flags; /* what the port says of the next frames (mbuf.ol_flags) */
};

/* Once per program; skips nothing: EAL must start. 0 or -1. */
int rig_eal(void);
/*
 * A fresh one, the only one at a time; its announcements are dropped. All addresses are valid:
 * the time is that of a while after the start, though <now_us> is what it is told.
 */
struct rig *rig_new(uint64_t now_us);
/* All ticks of a worker's loop. */
void rig_tick(struct rig *r, uint64_t now_us);
/* Fails the test when a buffer was lost. */
void rig_free(struct rig *r);

/* What became of a frame. */
enum rig_fate {
	RIG_GONE,
	RIG_TCP,
	RIG_ERROR
};

/* As below; the caller owns the TCP packet in <ret_tcp>. */
enum rig_fate rig_input_keep(struct rig *r, const uint8_t *frame, size_t len, size_t seg_len,
			     uint64_t now_us, struct rte_mbuf **ret_tcp);
/* <len> bytes in <seg_len>-byte segments (0: one). A TCP packet is freed. */
enum rig_fate rig_input(struct rig *r, const uint8_t *frame, size_t len, size_t seg_len,
			uint64_t now_us);
/* Copy the oldest frame to be sent into <ret>; returns its length, 0 for none. */
size_t rig_sent(struct rig *r, uint8_t *ret, size_t cap);
/* Send an IP packet of ours to <dst> (host order). */
void rig_output(struct rig *r, uint32_t dst, uint64_t now_us);
void rig_output6(struct rig *r, const char *dst, uint64_t now_us);

/* Builders; each returns the frame's length. Addresses in host order. */
size_t rig_arp(uint8_t *ret, uint16_t op, const uint8_t mac[static 6], uint32_t sender,
	       uint32_t target);
size_t rig_echo(uint8_t *ret, uint32_t src, uint32_t dst, size_t payload);
size_t rig_tcp(uint8_t *ret, uint32_t src, uint32_t dst);
/* Set the IPv4 header's checksum anew. */
void rig_fix_ip(uint8_t *frame);

/* An address from its text. */
struct ip_addr rig_addr(const char *text);
struct ip_addr rig_addr4(uint32_t addr);

/*
 * Of IPv6: a frame from the peer's MAC, to ours or, with a multicast <dst>, to the group's, with
 * <len> bytes of payload. A checksum of ICMPv6 is set.
 */
size_t rig_ip6(uint8_t *ret, const char *src, const char *dst, uint8_t next, const void *payload,
	       size_t len);
size_t rig_tcp6(uint8_t *ret, const char *src, const char *dst);
size_t rig_echo6(uint8_t *ret, const char *src, const char *dst, size_t payload);
/* Solicitation (135) or advertisement (136), hop limit 255; <mac> NULL: without the option. */
size_t rig_nd(uint8_t *ret, uint8_t type, uint8_t flags, const char *src, const char *dst,
	      const char *target, const uint8_t *mac);
/* Set the checksum of an ICMPv6 message <off> behind the Ethernet header anew. */
void rig_fix_icmp6(uint8_t *frame, size_t len, size_t off);
