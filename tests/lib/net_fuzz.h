/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The receive path of a worker for fuzzers: frames that a target makes of its input go through
 * Ethernet, ARP, neighbour discovery, IP, ICMP and reassembly into a TCP stack with live
 * connections over both families; between them time passes, connections are read, written and
 * closed, and all that is sent is looked at.
 *
 * The input is a list of steps, each led by an octet: below 0xe0 a frame, then what the target
 * reads; from 0xe0 on time (a power of two of microseconds); from 0xf0 on something with a
 * connection. Nothing may crash, and at the end every buffer must be back.
 */

#pragma once

#include "tcp/tcp.h"
#include "tests/lib/net_rig.h"

#define NET_FUZZ_CONNS 4u
#define NET_FUZZ_FRAME 4096u

/* A connection as the peer sees it: the numbers to hit its windows with. */
struct net_fuzz_conn {
	struct tcp_tuple tuple; /* local is ours */
	uint32_t peer_seq;      /* what the peer says next */
	uint32_t our_seq;       /* what we said */
	struct tcp_conn *c;
};

struct net_fuzz {
	const uint8_t *p;
	size_t left;
	struct rig *rig;
	struct tcp_stack *tcp;
	uint64_t now;
	/* 0, 1: opened by the peer over IPv4, IPv6; 2, 3: by us */
	struct net_fuzz_conn conn[NET_FUZZ_CONNS];
};

/* The next octets of the input; zero when there are none. */
uint8_t net_fuzz_u8(struct net_fuzz *f);
uint16_t net_fuzz_u16(struct net_fuzz *f);
/* Up to <len> octets into <ret>; returns how many there were. */
size_t net_fuzz_take(struct net_fuzz *f, uint8_t *ret, size_t len);

/* Ethernet header to us: <ret> is at least 14 octets. */
void net_fuzz_eth(uint8_t *ret, uint16_t type);
/* Mend what a fuzzer cannot guess: lengths, the IPv4 header's checksum, those of layer four. */
void net_fuzz_fix_ip(uint8_t *frame, size_t len);
/* An IP header of <c>'s family behind an Ethernet header, for <len> octets; where they go. */
size_t net_fuzz_ip(uint8_t *frame, const struct net_fuzz_conn *c, uint8_t proto, size_t len);

/*
 * Run the input. <make> writes a frame that begins at its Ethernet header into <ret> of
 * NET_FUZZ_FRAME octets, and returns its length; 0 for none. <what> is the leading octet.
 */
int net_fuzz_run(const uint8_t *data, size_t len,
		 size_t (*make)(struct net_fuzz *f, uint8_t what, uint8_t *ret));
