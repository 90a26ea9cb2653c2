/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A peer that misbehaves, in the place of side 1's stack. It can open, answer, send and
 * acknowledge; what it does wrong is drawn from the seed. Only what side 0 does is checked.
 */

#pragma once

#include "tests/sim/ranges.h"

#include <stdbool.h>
#include <stdint.h>

struct sim;
struct pkt;

#define PEER_OPTIMISTIC (1u << 0) /* acknowledges what has not come, or was never sent */
#define PEER_DIVIDES (1u << 1)    /* many ACKs for one segment */
#define PEER_SHRINKS (1u << 2)    /* windows of any size, edges that move left */
#define PEER_SACK_LIES (1u << 3)
#define PEER_RENEGES (1u << 4) /* forgets what it has SACKed */
#define PEER_RST_GUESS (1u << 5)
#define PEER_OLD (1u << 6)      /* repeats old segments */
#define PEER_OVERLAP (1u << 7)  /* the same bytes with other contents */
#define PEER_OPTIONS (1u << 8)  /* options of noise */
#define PEER_BEYOND (1u << 9)   /* text outside the window */
#define PEER_SYNS (1u << 10)    /* SYNs in the middle */
#define PEER_FINS (1u << 11)    /* FINs anywhere */
#define PEER_FLAGS (1u << 12)   /* any flags, urgent pointers */
#define PEER_DUPACKS (1u << 13) /* volleys of the same ACK */
#define PEER_CLOCK (1u << 14)   /* timestamps that jump */
#define PEER_GOOD (1u << 15)    /* nothing of this */
#define PEER_NB_TRAITS 15u

struct peer {
	bool is_on;
	uint32_t traits;
	bool is_open, has_ts, has_sack, has_sent_syn, is_silent;
	uint32_t iss, irs;
	uint32_t snd_nxt, snd_una, snd_max;
	int wscale; /* -1: none */
	uint32_t ts_recent, ts_off;
	struct ranges got; /* offsets behind irs */
	uint64_t to_send;
	uint32_t nb_left; /* packets that it will still send */
	uint64_t next_us;
	uint64_t last_us; /* when it last moved on */
};

/* Draw what it will be, for flow 0. */
void peer_begin(struct sim *s);
/* A packet of side 0 has come. */
void peer_input(struct sim *s, const struct pkt *p);
/* What is due. */
void peer_run(struct sim *s);
uint64_t peer_next_us(const struct sim *s);
