/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packet capture across the two processes. The control plane writes what is wanted (struct
 * rdv_capture) and its number into each worker's mailbox; a worker writes the packets into a ring
 * of bytes in the feedback file, and the control plane says in rendezvous how far it has read.
 *
 *	ring:  | record | record | ... | record | pad to the end |
 *
 * A record is struct capture_rec and then <caplen> bytes, padded to 8; one that does not fit
 * before the ring's end begins at its start, behind a pad. Positions count bytes and never wrap.
 * A full ring drops, and counts what it dropped.
 */

#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define CAPTURE_RING (1u << 20)    /* bytes per worker */
#define CAPTURE_SNAPLEN_MAX 65664u /* a super-segment with its Ethernet header, and more */
#define CAPTURE_INSNS 512u         /* of a filter */
#define CAPTURE_PORTS 8u
#define CAPTURE_ANY_VLAN UINT32_MAX
#define CAPTURE_IN (1u << 0)
#define CAPTURE_OUT (1u << 1)

/* As <pcap/bpf.h> has it. */
struct capture_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};
static_assert(sizeof(struct capture_insn) == 8, "crosses processes");

/*
 * In rendezvous; the control plane writes it, then mailbox.capture_seq with release. <until_ms>
 * alone changes during a capture: the control plane moves it on as long as somebody listens, so
 * that a capture ends by itself when the control plane is dead.
 */
struct rdv_capture {
	alignas(64) _Atomic(uint64_t) until_ms; /* CLOCK_MONOTONIC; 0: no capture */
	uint32_t port_mask;                     /* 1 << port */
	uint32_t vlan;                          /* 0: untagged; CAPTURE_ANY_VLAN */
	uint32_t direction;                     /* CAPTURE_IN, CAPTURE_OUT */
	uint32_t snaplen;
	uint32_t nb_insns; /* 0: everything */
	uint32_t unused[7];
	struct capture_insn insn[CAPTURE_INSNS];
};
static_assert(sizeof(struct rdv_capture) == 64 + 8 * CAPTURE_INSNS, "crosses processes");

/* In the feedback file, one per worker, who writes it. */
struct capture_state {
	alignas(64) _Atomic(uint64_t) head; /* bytes written; release after the record */
	_Atomic(uint64_t) seq;              /* of the request that was taken up */
	_Atomic(uint32_t) is_refused;       /* ... whose filter did not pass the check */
	uint32_t unused;
	/* by port, since the request was taken up */
	_Atomic(uint64_t) seen[CAPTURE_PORTS]; /* offered to the filter */
	_Atomic(uint64_t) matched[CAPTURE_PORTS];
	_Atomic(uint64_t) dropped[CAPTURE_PORTS]; /* matched, and the ring was full */
};

#define CAPTURE_F_OUT (1u << 0)
#define CAPTURE_F_TSO (1u << 1) /* the port cuts it */

#define CAPTURE_PAD                                                                                \
	(1u << 31) /* in <len>: nothing but room to skip; no more than 8 bytes are set */

struct capture_rec {
	uint32_t len;   /* of the record with its padding, a multiple of 8 */
	uint32_t seq;   /* low half of the request's number */
	uint64_t ts_ns; /* CLOCK_REALTIME */
	uint32_t caplen, wire_len;
	uint16_t vlan; /* 0: none */
	uint8_t port;
	uint8_t flags; /* CAPTURE_F_* */
	uint32_t unused;
};
static_assert(sizeof(struct capture_rec) == 32, "crosses processes");
static_assert(CAPTURE_RING >= 8 * (CAPTURE_SNAPLEN_MAX + 32));
