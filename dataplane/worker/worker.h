/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A worker: one core, one of everything. The main thread makes it, launches worker_run() on the
 * core, and frees it when that has returned.
 */

#pragma once

#include "common/shm/shm.h"
#include "common/snap/snap.h"
#include "io/capture.h"
#include "io/io.h"
#include "ip/ip.h"
#include "session/session.h"
#include "tcp/tcp.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What of a configuration the network layers follow; compared to see whether that changed. */
struct worker_net {
	uint32_t nb_ifaces, nb_addrs, nb_routes;
	struct eth_iface iface[ETH_MAX_IFACES];
	struct ip_ifaddr addr[IP_MAX_ADDRS];
	struct ip_route route[IP_MAX_ROUTES];
};

/* How the loop spends its time; see worker_idle.c. */
struct worker_idle {
	bool is_poll;         /* "idle": "poll" */
	uint32_t empty_loops; /* since the last one that had work */
	uint64_t since_us;    /* when the first of them was */
	uint64_t busy_cycles, idle_cycles, loops;
	uint64_t last_tsc;
	uint64_t longest_cycles; /* of one pass, since the gauges were published */
};

/* An inquiry under way, see worker_show.c. */
struct worker_show {
	uint64_t seq; /* the latest that was looked at */
	bool is_busy;
	struct rdv_inquiry q; /* a copy: the original may change under us */
	uint32_t at, nb_looked, nb_rows;
};

/* See worker_capture.c. */
struct worker_capture {
	uint64_t seq; /* the latest that was looked at */
	bool is_on, is_wiping;
	uint32_t wiped;   /* bytes */
	uint64_t wipe_us; /* at the latest */
	struct capture c;
};

struct worker {
	/* set once before the thread starts, then read only */
	uint32_t index;
	struct shm *shm;
	const struct io *io;
	const char *const *port_device; /* the device string of each io.port */
	struct feedback_worker *feedback;
	uint64_t *counters; /* feedback->counter: single writer, see base/count.h */

	/* main thread writes, worker reads every loop (relaxed: nothing is published by it) */
	alignas(64) _Atomic(bool) is_stopping;

	/* the worker's own */
	alignas(64) struct io_worker port;
	struct eth eth;
	struct neigh neigh;
	struct arp arp;
	struct nd nd;
	struct ip_stack ip;
	struct tcp_stack *tcp;
	struct session_worker *session;
	struct snap_view view; /* the version that it decides with; root NULL: none yet */
	uint64_t view_off;     /* where its root is */
	uint64_t view_generation, view_config_generation;
	uint64_t refused_off, refused_generation; /* not to be checked again and again */
	size_t snapshot_len;                      /* of the file, as last seen */
	struct worker_net net;
	struct worker_net next_net; /* scratch */
	struct worker_idle idle;
	struct worker_show show;
	struct worker_capture capture;
	uint64_t gauges_us;   /* when gauges are due */
	uint32_t port_offset; /* random: where local ports begin to be tried */
	uint32_t port_next;
};

struct worker_params {
	uint32_t index;
	struct shm *shm;
	const struct io *io;
	const char *const *port_device;
	struct tls_sessions *tls_sessions; /* of all workers, outlives them */
	const struct snap_config *config;  /* used during the call only */
	uint32_t nb_rows;
};

/*
 * Make a worker with its TCP stack and sessions, memory from <io>'s pools and the heap. NULL: out
 * of memory. The feedback file exists.
 */
struct worker *worker_new(const struct worker_params *p);
/* After worker_run() returned. */
void worker_free(struct worker *w);

/* The thread: <arg> is a struct worker. Returns 0, or -errno when it could not begin. */
int worker_run(void *arg);
/* Ask it to return; any thread. */
void worker_stop(struct worker *w);

/* Rows of live sessions per worker for a configuration. Pure. */
uint32_t worker_nb_rows(const struct snap_config *config);
