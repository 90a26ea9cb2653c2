/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One stack and a crowd of peers that are no more than two sequence numbers each, so that a million
 * of them fit into a test. They open, send requests, take responses and close, without loss and in
 * bursts as a port would deliver them.
 */

#pragma once

#include "tcp/tcp.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

#define CROWD_BURST 32u

struct crowd_peer {
	uint32_t seq, ack; /* next to send, next expected */
	struct tcp_conn *conn;
};

struct crowd {
	struct tcp_stack *st;
	struct rte_mempool *pool; /* for both directions */
	struct crowd_peer *peers;
	uint32_t nb;
	uint64_t now_us;
	uint64_t engine_cycles; /* spent in the engine and in its caller's part of the work */
	uint64_t nb_segs;       /* in and out */
	uint32_t nb_resets;     /* that the stack sent */
	bool has_ts;
};

/* A stack of <nb> connections that listens; NULL when there is no memory for it. */
struct crowd *crowd_new(struct rte_mempool *pool, uint32_t nb, bool has_ts);
void crowd_free(struct crowd *w);
/* The peers [first, first + nb) connect and are accepted; false when one was not. */
bool crowd_open(struct crowd *w, uint32_t first, uint32_t nb);
/*
 * Each of the <nb> peers in <ids> (at most CROWD_BURST) sends a request of <in> bytes, gets a
 * response of <out> bytes, which is at most one segment, and acknowledges it. False when a byte
 * is missing.
 */
bool crowd_exchange(struct crowd *w, const uint32_t *ids, uint32_t nb, uint16_t in, uint16_t out);
/* The peers close, the owner closes, all is acknowledged. */
bool crowd_close(struct crowd *w, uint32_t first, uint32_t nb);
