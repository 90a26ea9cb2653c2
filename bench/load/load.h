/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the parts of tagwarden-load share: the options of a run, and what its workers count.
 *
 *	options -> preflight -> engine --(one thread per worker)--> client, origin
 *	                          |                                    |
 *	                          |  struct load_run                   | struct load_stats
 *	                          +------------> report <--------------+
 *
 * Options are read only once the engine runs. A worker is the only writer of its counters; the main
 * thread reads them at any moment, for the line of progress and for the result.
 */

#pragma once

#include "bench/load/histogram.h"
#include "common/base/ids.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MAX_WORKERS 16u
#define LOAD_MAX_ORIGINS 64u
#define LOAD_MAX_RATES 32u
#define LOAD_MAX_CLIENTS 400u /* source addresses */
#define LOAD_MAX_IN_FLIGHT 64u
#define LOAD_MAX_BODY (64u << 20)

enum load_handshake {
	LOAD_HANDSHAKE_FULL,
	LOAD_HANDSHAKE_RESUMED, /* each connection offers the latest session of its slot */
};

enum load_tls {
	LOAD_TLS_13,
	LOAD_TLS_12,
};

struct load_endpoint {
	struct ip_addr addr;
	uint16_t port; /* host order */
};

/* As given, with defaults filled in. Strings live as long as the process. */
struct load_options {
	/* Links. */
	const char *wan; /* DPDK device, towards the proxy's clients' side */
	const char *lan; /* towards its real servers; NULL: no origin is played */
	uint16_t workers[LOAD_MAX_WORKERS]; /* cores */
	uint32_t nb_workers;
	uint32_t memory_mib;
	uint16_t mtu;
	bool no_huge;
	bool no_offloads;

	/* Addresses. Prefix lengths count in the mapped form: an IPv4 /24 is 120. */
	struct ip_addr client[LOAD_MAX_CLIENTS]; /* source addresses, each once */
	uint32_t nb_clients;
	uint8_t client_len;
	struct load_endpoint origin[LOAD_MAX_ORIGINS];
	uint32_t nb_origins;
	uint8_t lan_len;
	struct load_endpoint target;

	/* What is spoken. */
	bool is_plain; /* no TLS */
	const char *sni, *host, *path;
	const char *certs; /* pool of devices; NULL: no client certificate */
	bool must_send_ca;
	enum load_tls tls;
	const char *groups, *ciphers; /* libssl's words; NULL: X25519, AES-128-GCM first */
	enum load_handshake handshake;

	/* How much of it. */
	uint32_t connections; /* that make requests */
	uint32_t idle;        /* and that only stay open, once their handshake is done */
	bool idle_asks;       /* after one request: proxies wait longer for a second one */
	uint32_t in_flight;   /* requests on a connection before the first response */
	uint32_t requests_per_connection; /* 0: for ever */
	uint32_t request_size, response_size;
	bool origin_close; /* the origin ends each connection after its response */

	/* When. With rates, one window each; without, one window of a closed loop. */
	double rate[LOAD_MAX_RATES]; /* a second, all workers together */
	uint32_t nb_rates;
	double ramp_s, warm_up_s, duration_s, hold_s;
	double timeout_s; /* of a connection's start, of a response */
	uint64_t seed;

	/* What is told. */
	const char *json; /* file; NULL: none */
	bool is_quiet;
	bool must_show_progress;
};

enum load_error {
	LOAD_E_CONNECT,     /* refused, unreachable, or no address and port left */
	LOAD_E_TLS,         /* the handshake failed, or a record was wrong */
	LOAD_E_HTTP_STATUS, /* not 2xx */
	LOAD_E_RESET,       /* reset or closed where a response was due */
	LOAD_E_TIMEOUT,
	LOAD_E_OTHER, /* a response without a length, of the wrong length, or no HTTP */
	LOAD_E__COUNT
};

/* Counters of one worker in one part of the run. The worker writes, the main thread reads. */
struct load_stats {
	/* 0 until the worker has come to this part, which ends with the next one. */
	_Atomic(uint64_t) start_tsc, end_tsc;
	_Atomic(uint64_t) requests;    /* whose responses came whole and were good */
	_Atomic(uint64_t) connections; /* whose handshake was done; plain: whose TCP was open */
	_Atomic(uint64_t) handshakes_full, handshakes_resumed;
	_Atomic(uint64_t) bytes_in, bytes_out; /* of HTTP, heads included, at the client */
	_Atomic(uint64_t) errors[LOAD_E__COUNT];
	_Atomic(uint64_t) origin_connections, origin_requests;
	/*
	 * Requests that were due by the rate and had not been sent at the end of the part, since
	 * every connection was busy.
	 */
	_Atomic(uint64_t) backlog;
	/* Cycles of loops that had something to do, and of all. */
	_Atomic(uint64_t) busy_cycles, cycles;
	/*
	 * Nanoseconds. Latency: from the request's intended start (closed loop: from its start) to
	 * the last byte of its response. Where each connection makes one request at a rate, the
	 * connection's intended start counts. Handshake: from the SYN to the end of the handshake.
	 */
	struct load_histogram latency, handshake;
};

/* A connection that the other side ended while nothing was asked of it. */
struct load_cut {
	uint64_t t_ns;   /* CLOCK_MONOTONIC, when the FIN or RST was seen */
	uint32_t device; /* index in the pool, UINT32_MAX: no certificate */
	bool is_reset;
};

/* What is so now, and what is not told by part. The worker writes, the main thread reads. */
struct load_gauges {
	_Atomic(uint32_t) nb_open;      /* connections whose handshake is done, idle ones too */
	_Atomic(uint32_t) nb_idle;      /* of them, those that are held only */
	_Atomic(uint32_t) nb_opening;   /* TCP or TLS handshake under way */
	_Atomic(uint32_t) nb_in_flight; /* requests */
	_Atomic(uint32_t) mbufs_free;
	_Atomic(uint64_t) retransmits; /* TCP segments sent again, both sides of the proxy */
	/* Packets that were dropped here: a port's queue was full, buffers ran out. */
	_Atomic(uint64_t) drops;
	_Atomic(uint64_t) cuts; /* entries of <cut> that are whole; more were not kept */
	_Atomic(uint64_t) cuts_lost;
};

enum load_phase {
	LOAD_P_ANSWER, /* waiting until the target answers at all */
	LOAD_P_RAMP,   /* connections are opened, idle ones first */
	LOAD_P_WARM_UP,
	LOAD_P_WINDOW,
	LOAD_P_HOLD, /* nothing is sent any more, connections stay */
	LOAD_P_END,
};

struct load_worker_counts {
	struct load_stats window[LOAD_MAX_RATES];
	/* Ramp, warm-ups and hold: not part of any result, but errors there are errors. */
	struct load_stats outside;
	struct load_gauges gauges;
	struct load_cut *cut; /* [cap_cuts] */
	uint32_t cap_cuts;
};

/* A run as the report sees it. */
struct load_run {
	const struct load_options *opt;
	uint32_t nb_workers;
	uint32_t nb_windows; /* as asked for; of those that did not begin, start_tsc is 0 */
	struct load_worker_counts *worker[LOAD_MAX_WORKERS];
	uint64_t tsc_hz;
	/* One moment by three clocks: TSC, CLOCK_REALTIME, CLOCK_MONOTONIC. */
	uint64_t epoch_tsc, epoch_real_ns, epoch_mono_ns;
	/* Worker 0 writes, all read. */
	_Atomic(uint32_t) phase;  /* enum load_phase */
	_Atomic(uint32_t) window; /* of LOAD_P_WARM_UP and LOAD_P_WINDOW */
	/* The main thread writes: told to end. */
	_Atomic(bool) must_stop;
};

static inline uint64_t load_get(const _Atomic(uint64_t) *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* One writer, so no read-modify-write is needed. */
static inline void load_add(_Atomic(uint64_t) *c, uint64_t n)
{
	atomic_store_explicit(c, load_get(c) + n, memory_order_relaxed);
}
