/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which worker a packet belongs to: the Toeplitz hash that NICs compute for RSS, in software for
 * ports that have none, with a key of our own choice on those that do. Both agree, so that a
 * connection may enter by one port and its upstream leg leave by another.
 *
 * The key is 0x6d5a repeated. Its period of 16 bits makes the hash symmetric (a flow and its
 * replies hash alike; Woo and Park, "Scalable TCP Session Monitoring with Symmetric
 * Receive-side Scaling") and linear in the exclusive or of the tuple's 16-bit words, so that two
 * table look-ups replace 96 steps. The price: 16 bits of entropy, and a peer that chooses its
 * ports can aim at a worker; a secret key would not be symmetric, and the NIC's indirection
 * has only 128 to 512 rows anyway.
 *
 * IPv6 needs no table of its own: the hash is that of the exclusive or of all 16-bit words, ten
 * or eighteen of them. In the IPv4-mapped form the words that IPv4 lacks are equal in both
 * addresses and cancel out, so one function serves both families.
 *
 * Fragments of a datagram go by their addresses alone, all of them to one worker, whatever the
 * NIC thought: only the first has ports. That worker puts them together; the whole packet then
 * has ports, and io_pass() gives it to the worker that has the connection.
 *
 * Pure: bytes in, worker out. Read only after steer_init().
 */

#pragma once

#include "common/base/ids.h"
#include "common/snap/snap_layout.h"

#include <stddef.h>
#include <stdint.h>

#define STEER_KEY_MAX 64u
#define STEER_BUCKETS 128u      /* rows of the indirection when no port says otherwise */
#define STEER_BUCKETS_MAX 512u  /* largest indirection table of the NICs we know */
#define STEER_PORT_FIRST 16384u /* local ports of upstream connections: [first, 65535] */
#define STEER_MAX_EXT 8u        /* IPv6 extension headers before the one that matters */

struct steer {
	uint32_t nb_workers;
	uint32_t nb_buckets; /* a power of two */
	uint32_t high[256];  /* hash of a word's high octet, of its low octet */
	uint32_t low[256];
	uint8_t worker[STEER_BUCKETS_MAX];
};

enum steer_verdict {
	STEER_ANY,  /* whoever has it handles it */
	STEER_FLOW, /* belongs to the worker in <ret_worker> */
	STEER_ALL,  /* ARP, neighbour discovery and MLD: every worker learns from it */
};

/* <nb_buckets>: a power of two, at most STEER_BUCKETS_MAX. Row i goes to worker i % nb_workers. */
void steer_init(struct steer *s, uint32_t nb_workers, uint32_t nb_buckets);
/* The key for a NIC that wants <len> bytes. */
void steer_key(uint8_t *ret_key, size_t len);

/*
 * Hash of a TCP flow, addresses of one family, ports in network order; direction is irrelevant.
 * With both ports 0: of all that goes between the two addresses.
 */
uint32_t steer_hash(const struct steer *s, const struct ip_addr *a, const struct ip_addr *b,
		    uint16_t a_port_be, uint16_t b_port_be);

static inline uint32_t steer_worker_of(const struct steer *s, uint32_t hash)
{
	return s->worker[hash & (s->nb_buckets - 1)];
}

/*
 * Look into an Ethernet frame as far as a NIC would, and one step further: an ICMP error belongs
 * to the flow that it quotes. IPv6 extension headers are skipped, STEER_MAX_EXT of them. Reads at
 * most <len> bytes.
 */
enum steer_verdict steer_frame(const struct steer *s, const uint8_t *frame, size_t len,
			       uint32_t *ret_worker);

/*
 * A local port for a connection from <local> to <remote>:<remote_port>, of one family, whose
 * packets come to <worker>. Ports are tried from <start> on, modulo the range; another start or
 * attempt gives another port. -EADDRNOTAVAIL: none of the whole range (only when <worker> has no
 * row).
 */
[[nodiscard]] int steer_port_pick(const struct steer *s, uint32_t worker,
				  const struct ip_addr *local, const struct ip_addr *remote,
				  uint16_t remote_port, uint32_t start, uint16_t *ret_port);
/* How many ports behind the one that <start> stands for <port> is. */
uint32_t steer_port_distance(uint32_t start, uint16_t port);
