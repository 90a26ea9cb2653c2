/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One stack and a peer that is written by hand: tests craft each segment that it receives and look
 * at each that it sends. Sequence numbers are relative to the two initial ones (SYN is 0, the first
 * byte is 1), both ways. Time stands still unless a test moves it.
 */

#pragma once

#include "common/stats/outcome.h"
#include "tcp/tcp.h"
#include "tcp/tcp_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80

/* The IP header's ECN field. */
#define ECT0 2
#define CE 3

#define LOCAL_PORT 80
#define PEER_PORT 5000
#define PEER_ISN 1000000u
#define MSEC 1000u
#define SEC 1000000u

/* A segment in either direction. */
struct seg {
	uint8_t flags;
	uint32_t seq, ack; /* relative */
	uint16_t wnd;      /* as on the wire */
	uint16_t len;
	uint8_t ecn;
	struct tcp_opts opts;
	uint8_t data[2048];
};

struct script {
	struct tcp_stack *st;
	uint64_t now;
	uint64_t counters[OUTCOME__COUNT];
	uint32_t iss;       /* ours, learnt from our SYN */
	uint16_t peer_port; /* PEER_PORT unless changed */
	bool is_v6;         /* by TCP_TEST_IPV6; set before sc_remake() */
	bool has_tso;       /* by TCP_TEST_TSO: checksums and cuts are the port's (gso.h) */
	uint16_t piece; /* by TCP_TEST_PIECE: size of the buffers that input comes in; 0: whole */
	uint64_t rx_flags;   /* what the port says of input (mbuf.ol_flags) */
	bool spoils_sums;    /* input has wrong checksums */
	bool splits_headers; /* not as ports do */
	uint16_t max_segs;   /* of one packet; set before sc_remake() */
	unsigned nb_cut;     /* packets that the port had to cut */
	/* IPv6: that many bytes of extension headers in front of what comes in; a multiple of 8 */
	uint8_t ext_len;
	uint8_t in_ecn;   /* the ECN field of what comes in */
	enum tcp_ecn ecn; /* set before sc_remake() */
	bool plpmtud;     /* set before sc_remake() */
	uint32_t max_flights;
	struct seg out[64]; /* what the last sc_out() found */
	unsigned nb_out;
	struct tcp_conn *c;
};

/* cmocka's per-test set-up and tear-down; the latter fails the test if a buffer is lost. */
int sc_setup(void **state);
int sc_teardown(void **state);
/* Another stack in place of the default one. */
void sc_remake(struct script *s, uint32_t rcv_buf, uint32_t snd_buf, uint32_t syn_backlog);

struct ip_addr sc_local(const struct script *s);
struct ip_addr sc_peer(const struct script *s);
/* The MSS that an MTU of 1500 makes. */
uint16_t sc_mss(const struct script *s);

/* One segment to the stack; <data> may be NULL for zeroes. */
void sc_in(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
	   const void *data, uint16_t len);
void sc_in_opts(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
		const void *data, uint16_t len, const struct tcp_opts *o);
/* A whole IP packet as it is; the TCP checksum is set unless <bad_sum>. */
void sc_in_raw(struct script *s, uint8_t *pkt, uint16_t len, bool bad_sum);
/* What the stack sends now; returns how many. */
unsigned sc_out(struct script *s);
/* Move the clock, run the timers. */
void sc_wait(struct script *s, uint64_t us);
/* Exactly one segment leaves and has these fields. */
void sc_expect(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t len);
/* Nothing leaves. */
void sc_expect_nothing(struct script *s);

/* The peer opens, with timestamps off, SACK as asked, no scaling, MSS 1000; s->c is accepted. */
void sc_open(struct script *s, bool sack);
/* We open; s->c is connected. */
void sc_dial(struct script *s);
size_t sc_write(struct script *s, size_t n);
/* Read all; returns how many bytes, the first ones stored in <ret>. */
size_t sc_read(struct script *s, uint8_t *ret, size_t cap);
/* Events since last asked, for s->c. */
uint32_t sc_events(struct script *s);
unsigned sc_pool_free(void);
/* Take buffers out of the pool until <left> are; sc_pool_return() gives them back. */
void sc_pool_drain(unsigned left);
void sc_pool_return(void);
