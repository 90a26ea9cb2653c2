/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The data plane's worker as the product has it, on two ring ports instead of a NIC, with all
 * that it talks to in the same thread: a round is one pass of the worker's loop, then the wire,
 * then clients and origin, then the wire again. Only the pass is timed, so that the cycles are the
 * proxy's own: what net_ring costs is in it, what a real driver costs is not.
 *
 * Time is simulated (a round is a fixed step), so that a run under callgrind does the same work.
 */

#pragma once

#include "bench/micro/path/peer.h"

#include <stdint.h>

struct rig;

#define RIG_MAX_WORKERS 2u

struct rig_params {
	uint32_t nb_devices, nb_policies;
	/*
	 * Workers beyond the first have threads and cores of their own; they make each pass at the
	 * same time as the first one. The wide area's port is the first worker's, the other one
	 * the second's, and packets are steered in software: net_ring has no RSS.
	 */
	uint32_t nb_workers;
	uint32_t max_connections;
	uint32_t round_us; /* of the simulated clock */
};

/* Starts EAL: once per process. Ends the program when something cannot be had. */
struct rig *rig_new(const struct rig_params *p);
void rig_free(struct rig *r);

/* Once. <p>'s pool and device function are the rig's. */
void rig_start(struct rig *r, const struct peer_params *p);

/* Rounds until <requests> more were answered. Returns the busy cycles of all workers. */
uint64_t rig_run(struct rig *r, uint64_t requests);
const struct peer_stats *rig_stats(const struct rig *r);
/* A counter, by enum outcome; of all workers. */
uint64_t rig_counter(const struct rig *r, unsigned outcome);
/* Passes of the loop that had work; of all workers. */
uint64_t rig_busy_loops(const struct rig *r);
