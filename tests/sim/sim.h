/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One run: two stacks, or a stack and a scripted peer, over two links under one clock, all of it
 * from a seed.
 */

#pragma once

#include "common/stats/outcome.h"
#include "tests/sim/flow.h"
#include "tests/sim/link.h"
#include "tests/sim/peer.h"
#include "tests/sim/rng.h"
#include "tests/sim/scenario.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"
#include "tests/sim/wire.h"

#define TX_POOL 4095u

struct side {
	struct tcp_stack *st;
	struct rte_mempool *pool, *cut_pool;
	struct link out;
	uint64_t counters[OUTCOME__COUNT];
	uint64_t nb_in, nb_out, nb_bad_checksums;
	/* the pool runs dry and recovers at <drought_at_us>, when that is not 0 */
	struct rte_mbuf *drained[TX_POOL];
	uint32_t nb_drained, nb_droughts;
	uint64_t drought_at_us;
	/* connections that outlived their incarnation: read, then let go */
	struct {
		struct tcp_conn *conn;
		uint64_t until_us;
	} zombies[MAX_ZOMBIES];
};

struct sim {
	uint64_t seed, now_us, start_us;
	bool has_restarted, has_vanished;
	uint64_t flood_next_us;
	struct rng rng;
	struct scenario sc;
	struct verdict verdict;
	struct trace trace;
	struct wire wire;
	struct side sides[2];
	struct flow flows[MAX_FLOWS];
	struct peer peer;               /* in the place of side 1, in some runs */
	uint64_t progress, progress_us; /* bytes read, and when that last moved */
	uint64_t nb_steps, nb_packets, nb_gave_up, nb_bytes;
};

struct sim_result {
	bool is_failed;
	uint64_t hash, took_us, nb_packets, nb_bytes, nb_gave_up;
};

/* Once per process, after the EAL. */
struct sim *sim_new(void);
/* One run of <sc>. Prints what went wrong. */
struct sim_result sim_run(struct sim *s, const struct scenario *sc, uint64_t seed, bool is_verbose);

/* Side 1 sends a packet that no stack has made. */
void sim_send_crafted(struct sim *s, struct rte_mbuf *m);

/* ---- app.c ---- */
/* Open what is due, accept, read, write, close. */
void app_open_due(struct sim *s);
/* Flow <i> begins, though no end of ours opens it. */
void app_begin(struct sim *s, uint32_t i);
void app_accept(struct sim *s, unsigned side);
void app_run(struct sim *s, unsigned side);
bool app_is_finished(const struct sim *s);
uint64_t app_next_us(const struct sim *s);
/* <side> has lost its connections. */
void app_lost_side(struct sim *s, unsigned side);
/* At the end of a run, or when it failed. */
void app_let_go_all(struct sim *s);

/* ---- flood.c ---- */
/* Spoofed SYNs to side 1, one by one. */
void flood_run(struct sim *s);
uint64_t flood_next_us(const struct sim *s);
