/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A packet on the simulated wire, read without the engine's code, so that what the engine writes
 * and what the checks read do not share a mistake.
 */

#pragma once

#include "common/base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rte_mbuf;

#define PKT_FIN 0x01u
#define PKT_SYN 0x02u
#define PKT_RST 0x04u
#define PKT_PSH 0x08u
#define PKT_ACK 0x10u
#define PKT_URG 0x20u
#define PKT_ECE 0x40u
#define PKT_CWR 0x80u

#define PKT_MAX_SACKS 4u
#define PKT_MAX_LEN 65575u
#define PKT_ECN_CE 3u

struct pkt {
	struct ip_addr src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint32_t len; /* of the text */
	const uint8_t *text;
	uint16_t wnd;
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	bool is_v6;
	bool is_odd;                  /* who gets it may refuse it */
	uint16_t ip_hdr_len, hdr_len; /* hdr_len: IP and TCP */
	uint32_t ip_len;              /* with its header */
	/* options; 0 or -1: not there */
	uint16_t mss;
	int8_t wscale;
	bool sack_ok, has_ts;
	uint32_t tsval, tsecr;
	uint32_t nb_sacks;
	struct {
		uint32_t lo, hi;
	} sacks[PKT_MAX_SACKS];
};

/* One linear copy or view of a packet; <buf> is used when the mbuf has several segments. */
const uint8_t *pkt_bytes(const struct rte_mbuf *m, uint8_t buf[static PKT_MAX_LEN]);
/*
 * Why the bytes are no good TCP packet; NULL when they are, and <ret> is filled. "checksum" is
 * TCP's, what begins with "IP" belongs to the layer below.
 */
const char *pkt_parse(const uint8_t *p, uint32_t len, struct pkt *ret);
/* One's complement sum over an IP pseudo header and the segment, to be stored as it is. */
uint16_t pkt_tcp_checksum(const uint8_t *ip, uint32_t ip_hdr_len, uint32_t ip_len);
uint16_t pkt_ip4_checksum(const uint8_t *ip, uint32_t ip_hdr_len);
/* One line without its end. */
void pkt_print(FILE *f, const struct pkt *p, uint32_t seq_base, uint32_t ack_base);
