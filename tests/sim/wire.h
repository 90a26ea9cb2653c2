/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The wire checker: it sees each packet leave a stack and arrive at one, keeps its own account of
 * what either end has said and been told, and objects when a stack says what it may not say:
 *
 *  (1) text is the application's bytes at their place, first time and each time, and new text
 *      begins where the last ended;
 *  (2) no text beyond the right edge that the peer has offered; no edge that moves left, or offers
 *      more than the buffer; no segment above the MSS or the MTU;
 *  (3) nothing is resent that an ACK has covered, or a SACK has reported;
 *  (4) an ACK or a SACK names only what has arrived whole; ACKs never go back; what arrives in
 *      order is acknowledged within the delayed ACK's time;
 *  (5) timestamps never go back, echo only what came, and are on every segment once agreed;
 *      options appear only where and when they may;
 *  (6) a RST comes only from who has let go, or about what it cannot know;
 *  (7) checksums, lengths and flags are right.
 *
 * Sequence numbers are 64-bit offsets here: 0 is the SYN, byte k is at 1 + k.
 *
 * What an end has been told is known as a bound: a packet that arrives may still be refused (PAWS,
 * out of window). Where the bound must be low (3), only packets count that cannot be refused.
 */

#pragma once

#include "tests/sim/flow.h"
#include "tests/sim/packet.h"
#include "tests/sim/ranges.h"
#include "tests/sim/wire_ecn.h"

#define WIRE_MAX_ISS 8u

struct wire_end {
	/* what it has said */
	bool has_syn, has_spoken;   /* has_spoken: more than a SYN */
	uint32_t iss[WIRE_MAX_ISS]; /* a listener may have answered more than one SYN */
	uint32_t nb_iss;
	uint32_t base;  /* the one that counts */
	bool is_chosen; /* ... and the peer has said so */
	int64_t snd_max, ack_max, edge_max;
	uint32_t tsval, tsecr;
	int8_t wscale;
	uint16_t mss;
	bool sack_ok, has_ts;
	bool has_sent_rst;
	/* what has come */
	bool got_syn, got_ts, got_sack_ok, got_rst;
	int8_t got_wscale;
	uint16_t got_mss;
	struct ranges got;
	struct ranges sacked, sacked_most; /* what it knows for certain, and at most */
	int64_t una, una_most, edge;
	uint32_t tsval_seen;
	bool has_tsval_seen;
	uint64_t heard_us;    /* the last packet that cannot have been refused */
	uint64_t progress_us; /* ... and that acknowledged something */
	uint64_t ack_due_us;  /* 0: no ACK is owed */
	int64_t got_fin;      /* -1: not come */
	struct wire_ecn ecn;
	/* for what it may send at once */
	uint32_t burst;
	uint64_t cwnd_max;
	uint64_t nb_rtx;
};

struct wire_flow {
	const struct flow *flow;
	struct wire_end ends[2];
	bool is_forgetful[2]; /* restarted since: whatever it says is about something older */
	bool is_muddled;      /* ... and has answered a SYN of before: nothing is known */
};

struct wire {
	struct verdict *verdict;
	struct wire_flow flows[MAX_FLOWS];
	uint32_t nb_flows;
	uint32_t rcv_buf[2];
	uint16_t mtu[2];
	bool is_checked[2];   /* false: a scripted peer, which may do anything */
	bool uses_cookies[2]; /* what is over may be revived by a segment that comes late */
	bool has_honest_peer[2];
	uint64_t ack_limit_us;
};

/* A new incarnation of flow <i> begins. */
void wire_open(struct wire *w, uint32_t i, uint64_t now_us);
/* <side> forgets everything. */
void wire_restart(struct wire *w, unsigned side);
/* Which flow a packet belongs to; -1: none. <from> is who sent it. */
int wire_find(const struct wire *w, const struct pkt *p, unsigned from);
/* <from> says <p>. */
void wire_sent(struct wire *w, int flow, unsigned from, const struct pkt *p, uint64_t now_us);
/* <p> has come to <to>, whole. */
void wire_arrived(struct wire *w, int flow, unsigned to, const struct pkt *p, uint64_t now_us);
/* Once per step, when <side> has said what it had to; <can_speak>: it has buffers to do so. */
void wire_check_time(struct wire *w, unsigned side, uint64_t now_us, bool can_speak);
/* Whether <side> has answered or opened in this incarnation. */
bool wire_has_syn(const struct wire *w, uint32_t flow, unsigned side);
/* What <end> has sent and can know nothing of. */
int64_t wire_flight(const struct wire_end *e);
