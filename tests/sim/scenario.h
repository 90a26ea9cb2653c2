/* SPDX-License-Identifier: BSD-3-Clause */

/* The parameters of a run, all drawn from its seed. */

#pragma once

#include "tcp/tcp.h"
#include "tests/sim/flow.h"
#include "tests/sim/link.h"

/* Which numbers of the first flow's opener pass zero during the run. */
enum scenario_wrap {
	WRAP_NOTHING,
	WRAP_SEQUENCE,
	WRAP_TIMESTAMP,
};

struct scenario {
	bool is_v6;
	bool has_peer;   /* a scripted peer that misbehaves, in the place of side 1 */
	bool has_tso[2]; /* segments leave as long packets, cut by what stands for the port */
	enum scenario_wrap wrap;
	bool is_bulk;        /* max_bytes, one way */
	bool is_rough;       /* ends may abort */
	bool has_drought[2]; /* the pool of emitted segments runs dry now and then */
	uint64_t start_us;   /* what the clock says at the beginning */
	struct path path[2]; /* [i] leads away from side i */
	struct tcp_params params[2];
	uint32_t nb_flows, nb_rounds;
	uint64_t max_bytes;
	uint64_t restart_us; /* after the start; 0: never */
	unsigned restart_side;
	uint64_t vanish_us; /* after which nothing gets through; 0: never */
	uint64_t flood_from_us, flood_until_us;
	uint32_t flood_gap_us;
	bool is_simultaneous;
	/* What may be asked of the path is little: an end may give up on it. */
	bool is_hopeless;
};

void scenario_from_seed(uint64_t seed, struct scenario *ret);
/* One flow of <mib> one way, losing, reordering and duplicating. */
void scenario_bulk(uint64_t mib, uint32_t loss_ppm, struct scenario *ret);
void scenario_print(const struct scenario *sc);
/* How the end of a flow behaves; <expects>: the other end will send something. */
struct habits scenario_habits(struct rng *r, const struct scenario *sc);
