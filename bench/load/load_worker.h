/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One worker of the generator: a stack of its own with both sides of the proxy on it, its share of
 * the clients, and the origin. One thread owns all of it.
 */

#pragma once

#include "arp/arp.h"
#include "bench/load/schedule.h"
#include "common/stats/outcome.h"
#include "eth/eth.h"
#include "io/io.h"
#include "ip/ip.h"
#include "nd/nd.h"
#include "tcp/tcp.h"

struct client;
struct origin;

#define LOAD_WAN 0u /* interfaces, ports */
#define LOAD_LAN 1u
/* Seconds until the target must have answered a first connection. */
#define LOAD_ANSWER_S 15u

/* What a TCP connection's user pointer points at begins with this; the probe has none. */
struct load_leg {
	bool is_client; /* or of the origin */
};

/* What the workers tell each other. */
struct load_shared {
	/*
	 * Where the run is, phase and window in one word so that they change together. Worker 0
	 * writes, all follow.
	 */
	_Atomic(uint32_t) part;
	/* Workers that have opened all they had to. */
	_Atomic(uint32_t) nb_ramped;
	/* Worker 0 writes: the target did not answer; -errno. */
	_Atomic(int) failed;
};

#define LOAD_PART(phase, window) ((uint32_t)(phase) << 16 | (window))

struct load_worker {
	/* set once before the thread starts */
	uint32_t index;
	const struct load_options *opt;
	struct load_run *run;
	struct load_worker_counts *counts;
	const struct io *io;
	struct load_shared *shared;

	/* the worker's alone */
	uint32_t seen_part;
	struct load_stats *stats; /* of the part that the run is in */
	enum load_phase phase;
	uint32_t window_idx;
	uint64_t now_us;  /* CLOCK_MONOTONIC, at the loop's beginning */
	uint64_t now_tsc; /* the same moment */
	struct schedule schedule;
	struct client *client;
	struct origin *origin;
	struct tcp_stack *tcp;
	bool is_ramped;
	uint32_t empty_loops;
	uint64_t gauges_us;
	uint64_t drops;         /* before the ramp */
	struct tcp_conn *probe; /* is the target there? */
	uint64_t probe_us, probe_end_us;

	uint64_t counters[OUTCOME__COUNT];
	struct io_worker port;
	struct eth eth;
	struct neigh neigh;
	struct arp arp;
	struct nd nd;
	struct ip_stack ip;
};

/* NULL with the reason in <why>. */
struct load_worker *load_worker_new(struct load_run *run, struct load_shared *shared,
				    const struct io *io, uint32_t index, char *why, size_t why_cap);
void load_worker_free(struct load_worker *w);
/* A thread's whole life: for rte_eal_remote_launch(). */
int load_worker_run(void *worker);

/* probe.c: worker 0's first connections, until one is answered. 1: it was, 0: not yet, -errno. */
int load_probe(struct load_worker *w);
void load_probe_on_ready(struct load_worker *w, uint32_t events);
