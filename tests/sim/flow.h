/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The applications: pairs of ends that open a connection, send each other a known pattern, read,
 * shut down, close or abort, and perhaps open it again on the same four-tuple.
 */

#pragma once

#include "tcp/tcp.h"
#include "tests/sim/rng.h"
#include "tests/sim/verdict.h"

#include <stdbool.h>
#include <stdint.h>

#define MAX_FLOWS 8u
#define MAX_ZOMBIES 16u

/* How an end behaves; drawn anew for each incarnation. */
struct habits {
	uint64_t to_send;
	uint64_t abort_at; /* bytes read, after which this end aborts; UINT64_MAX: never */
	uint64_t stall_at; /* bytes read, after which it reads nothing for a while */
	uint32_t stall_us;
	uint32_t read_pause_us, write_pause_us;
	uint32_t write_max; /* bytes at a time; 0: what fits */
	uint32_t keepalive_s;
	bool corks;
	bool closes_early; /* lets go as soon as all is queued; only when nothing will come */
};

struct flow_end {
	struct tcp_conn *conn;
	struct habits habits;
	uint64_t sent, recvd;
	uint64_t read_at_us, write_at_us; /* it rests until then */
	uint64_t closed_us;               /* when it let go */
	bool is_shut, has_seen_eof;
	bool is_done; /* will not touch this incarnation again */
	bool has_stalled;
	uint8_t salt;
};

struct flow {
	struct flow_end ends[2];
	struct ip_addr addr[2];
	uint16_t port[2];
	unsigned opener;
	bool is_simultaneous; /* both ends open */
	bool is_open;         /* this incarnation has begun */
	/* An end aborted, vanished or gave up: the bytes need not arrive, the rest still holds. */
	bool is_broken;
	bool is_over; /* no further incarnation */
	uint32_t incarnation, nb_rounds;
	uint64_t open_at_us[2];
};

static inline uint8_t flow_pattern(uint8_t salt, uint64_t off)
{
	return (uint8_t)(salt + off * 31 + (off >> 8) * 7 + (off >> 16));
}
