/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One direction of the simulated path: a queue before a bottleneck, then a wire that delays,
 * loses, reorders, duplicates, damages and marks. What it carries are copies, since sender and
 * receiver may not share a buffer here any more than there.
 */

#pragma once

#include "tests/sim/rng.h"
#include "tests/sim/trace.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_CAP 16384u
#define LINK_MAX_STEPS 3u

struct rte_mempool;

/* From <at_us> on the path takes packets up to <mtu>; what is bigger is dropped, with an ICMP
 * error or without a word (a black hole). */
struct mtu_step {
	uint64_t at_us;
	uint16_t mtu;
	bool is_silent;
};

struct path {
	uint64_t delay_us, jitter_us;
	uint32_t loss_ppm;
	/* Gilbert-Elliott: per packet, into the bad state, out of it, and lost while in it */
	uint32_t bad_enter_ppm, bad_leave_ppm, bad_loss_ppm;
	uint32_t dup_ppm, reorder_ppm, corrupt_ppm, ce_ppm;
	uint64_t reorder_us; /* what a reordered packet waits longer */
	uint64_t ns_per_byte;
	/* the queue before the bottleneck: longer, or more, means drop; 0: no such limit */
	uint64_t queue_us;
	uint32_t queue_bytes, queue_pkts;
	bool strips_options;
	bool pads; /* short packets get what Ethernet adds */
	uint64_t down_from_us, down_until_us;
	unsigned nb_steps;
	struct mtu_step steps[LINK_MAX_STEPS];
};

/* Whose packet it is: the connection's number and which of its incarnations; -1: nobody's. */
struct owner {
	int flow;
	uint32_t incarnation;
};

struct arrival {
	uint64_t at_us;
	uint64_t order;
	struct rte_mbuf *m; /* NULL: an ICMP error about <pkt> */
	struct owner owner;
	uint16_t mtu;
	struct pkt pkt;
};

struct link {
	struct path path;
	struct rng *rng;
	struct rte_mempool *pool;
	uint32_t nb;
	uint64_t order, busy_until_ns;
	bool is_bad; /* Gilbert-Elliott */
	uint32_t nb_queued, queued_bytes;
	struct {
		uint64_t done_ns;
		uint32_t len;
	} queue[LINK_CAP]; /* what waits before the bottleneck, a ring */
	uint32_t queue_head;
	uint64_t nb_sent, nb_dropped;
	struct arrival *heap[LINK_CAP]; /* by (at_us, order) */
	struct arrival slots[LINK_CAP];
	struct arrival *free_slots[LINK_CAP];
	uint32_t nb_free;
};

void link_init(struct link *l, const struct path *p, struct rng *rng, struct rte_mempool *pool);
/* Bytes that the path takes in one packet at <now_us>; <ret_silent> when it says nothing else. */
uint16_t link_mtu(const struct link *l, uint64_t now_us, bool *ret_silent);
/*
 * Send <m>, which stays the caller's. TRACE_SENT, or why it got no further than here. When it was
 * TRACE_TOO_BIG and not in silence, <ret_icmp_mtu> is what an ICMP error says.
 */
enum trace_what link_send(struct link *l, const struct rte_mbuf *m, const struct owner *o,
			  uint64_t now_us, uint16_t *ret_icmp_mtu);
/* An ICMP error about <about> travels along <l>, to its far end. */
void link_send_icmp(struct link *l, const struct pkt *about, const struct owner *o, uint16_t mtu,
		    uint64_t now_us);
/* UINT64_MAX: nothing is under way. */
uint64_t link_next_us(const struct link *l);
/* What has arrived by <now_us>: true, and <ret> is filled; its mbuf is the caller's. */
bool link_pop(struct link *l, uint64_t now_us, struct arrival *ret);
/* Free what is under way. */
void link_drain(struct link *l);
