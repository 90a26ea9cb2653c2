/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a scenario is played in: one stack, a clock that moves only when told to, up to eight peers
 * of which the script writes every segment, and a record of what was exchanged.
 *
 * Sequence numbers are relative to the two initial ones in every struct segment. Text follows a
 * pattern by its sequence number, in both directions, so that a byte in the wrong place is seen.
 */

#pragma once

#include "common/stats/outcome.h"
#include "lang.h"
#include "tcp/tcp.h"

#include <setjmp.h>

#define NB_PEERS 8u
#define LOCAL_PORT 80u
#define PEER_PORT 5000u /* of the first peer */
#define MAX_PENDING 1024u
#define JOURNAL_LINES 14u
#define JOURNAL_WIDTH 200u

struct rte_mempool;

/* What a script may choose before its stack is made. */
struct setup {
	bool ipv6;
	bool has_local_isn;
	uint32_t local_isn, peer_isn;
	uint32_t rcv_buf, snd_buf, mss, backlog, conns, rx_mbufs;
	bool newreno, plpmtud;
	bool as_ipv6; /* the command line wants it so */
	enum tcp_ecn ecn;
};

struct peer {
	struct tcp_conn *conn;
	uint32_t isn; /* theirs */
	uint32_t iss; /* ours, from our SYN; 0 before */
	uint32_t ts_base;
	bool knows_ts;
	uint32_t events;
	uint32_t written, read; /* sequence number of the next byte */
};

/* A segment that has left the stack and that the script has not named yet. */
struct pending {
	uint64_t at_us;
	unsigned peer;
	struct segment seg;
};

struct world {
	struct rte_mempool *pool;
	struct tcp_stack *st;
	uint64_t counters[OUTCOME__COUNT];
	uint64_t start_us, now_us;
	struct setup setup;
	struct peer peers[NB_PEERS];
	unsigned peer; /* whose turn it is, from 0 */
	bool is_held;  /* what the stack wants to send waits */
	struct pending pending[MAX_PENDING];
	unsigned first_pending, nb_pending;
	struct rte_mbuf *drained[2048]; /* buffers that a script took away */
	unsigned nb_drained;
	bool verbose;
	char journal[JOURNAL_LINES][JOURNAL_WIDTH];
	unsigned nb_journal;
	/* where to go on when something is not as it should be; see world_fail() */
	jmp_buf failed;
	char reason[1024];
};

struct rte_mempool *world_pool(void);
void world_init(struct world *w, bool verbose, bool as_ipv6);
/* Makes the stack, unless it is there. */
void world_start(struct world *w);
/* Frees everything, and fails when something is not given back. */
void world_end(struct world *w);
/* The same after a failure: frees, and looks at nothing. */
void world_drop(struct world *w);

/* Not as it should be: does not return. */
__attribute__((noreturn, format(printf, 2, 3))) void world_fail(struct world *w, const char *fmt,
								...);
/* A line for the record, printed at once when verbose. */
__attribute__((format(printf, 2, 3))) void world_note(struct world *w, const char *fmt, ...);

/* Moves the clock to <at_us> since the start; timers run when they are due, not later. */
void world_advance(struct world *w, uint64_t at_us);
/* ... but stops when a segment leaves. */
void world_advance_to_output(struct world *w, uint64_t at_us);
uint64_t world_time(const struct world *w); /* since the start */
/* After each call of the stack: takes what it has to send and what it has to say. */
void world_settle(struct world *w);
void world_send(struct world *w, const struct segment *g);
void world_tuple(const struct world *w, unsigned peer, struct tcp_tuple *ret);
uint8_t pattern(uint32_t seq);
