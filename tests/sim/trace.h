/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What happened on the wire: a hash over everything (two runs of one seed must agree), the last
 * events for the report of a failure, and on demand all of them as text or pcap.
 */

#pragma once

#include "tests/sim/packet.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_RING 2048u

enum trace_what {
	TRACE_SENT,
	TRACE_ARRIVED,
	TRACE_LOST,
	TRACE_QUEUE_FULL,
	TRACE_TOO_BIG,
	TRACE_OUTAGE,
	TRACE_REFUSED, /* by what stands for the IP layer */
	TRACE_ICMP,    /* a packet too big, arrived at the sender */
	TRACE_NOTE,
};

struct trace_event {
	uint64_t at_us;
	uint8_t what, side; /* side: who sent the packet */
	int8_t flow;        /* -1: none of ours */
	uint16_t mtu;
	uint32_t base[2]; /* initial sequence numbers, for printing */
	const char *note;
	struct pkt pkt;
};

struct trace {
	uint64_t hash, nb;
	uint64_t start_us;
	bool is_loud;
	FILE *pcap;
	struct trace_event ring[TRACE_RING];
};

void trace_init(struct trace *t, uint64_t start_us);
void trace_add(struct trace *t, const struct trace_event *e);
/* The bytes as they left <side>, or arrived at it: into the hash, and a pcap of side 0's view. */
void trace_bytes(struct trace *t, uint64_t at_us, unsigned at_side, const uint8_t *p, uint32_t len);
void trace_note(struct trace *t, uint64_t at_us, int flow, unsigned side, const char *note);
/* The last <max> events of <flow>, or of all when it is -1. */
void trace_dump(const struct trace *t, int flow, unsigned max);
/* A pcap file of raw IP packets; NULL when it cannot be made. */
FILE *trace_pcap_open(const char *path);
