/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whole frames: u16 length, octets. Bits of the leading octet, which a fuzzer could not guess:
 * 1 our Ethernet address, 2 lengths and checksums, 3 the numbers of a live connection are added to
 * those of the TCP header, bits 4 and 5 say which one's ports and addresses.
 */

#include "tests/lib/net_fuzz.h"

#include <netinet/in.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void add_be32(uint8_t *p, uint32_t n)
{
	const uint32_t v = ((uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]) + n;

	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The octets are a TCP segment: what comes before it is made. */
static size_t make_segment(struct net_fuzz *f, const struct net_fuzz_conn *c, uint8_t *ret)
{
	uint8_t text[1500];
	const size_t n = net_fuzz_take(f, text, net_fuzz_u16(f) % sizeof(text));

	if (n < 20)
		return 0;
	text[0] = (uint8_t)(c->tuple.remote_port >> 8);
	text[1] = (uint8_t)c->tuple.remote_port;
	text[2] = (uint8_t)(c->tuple.local_port >> 8);
	text[3] = (uint8_t)c->tuple.local_port;
	add_be32(text + 4, c->peer_seq);
	add_be32(text + 8, c->our_seq);
	const size_t off = net_fuzz_ip(ret, c, IPPROTO_TCP, n);

	memcpy(ret + off, text, n);
	return off + n;
}

static size_t make(struct net_fuzz *f, uint8_t what, uint8_t *ret)
{
	size_t len;

	if (what & 8)
		len = make_segment(f, &f->conn[what >> 4 & 3], ret);
	else
		len = net_fuzz_take(f, ret, net_fuzz_u16(f) % NET_FUZZ_FRAME);
	if ((what & 2) && len >= 14)
		net_fuzz_eth(ret, (uint16_t)(ret[12] << 8 | ret[13]));
	if (what & 4)
		net_fuzz_fix_ip(ret, len);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return net_fuzz_run(data, len, make);
}
