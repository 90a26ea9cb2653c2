/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP and ICMPv6: u16 length, the message. With bit 1 of the leading octet what is quoted is a
 * packet of a live connection (bits 4 and 5 say which), its sequence number so much (i8) behind
 * what the peer has acknowledged; the octets are then the message's first eight.
 */

#include "tests/lib/net_fuzz.h"

#include <netinet/in.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* As we sent it: turned round, without what net_fuzz_ip() puts before it. */
static size_t quote(const struct net_fuzz_conn *c, int8_t delta, uint8_t *ret)
{
	struct net_fuzz_conn ours = *c;
	uint8_t frame[128] = {0};
	const uint32_t seq = c->our_seq - 1 + (uint32_t)delta;

	ours.tuple.local = c->tuple.remote;
	ours.tuple.remote = c->tuple.local;
	const size_t off = net_fuzz_ip(frame, &ours, IPPROTO_TCP, 20);
	uint8_t *th = frame + off;

	put_be16(th, c->tuple.local_port);
	put_be16(th + 2, c->tuple.remote_port);
	put_be16(th + 4, seq >> 16);
	put_be16(th + 6, seq);
	th[12] = 0x50;
	memcpy(ret, frame + 14, off - 14 + 20);
	return off - 14 + 20;
}

static size_t make(struct net_fuzz *f, uint8_t what, uint8_t *ret)
{
	const struct net_fuzz_conn *c = &f->conn[what >> 4 & 3];
	const uint8_t proto = ip_addr_is_v4(&c->tuple.local) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const size_t off = net_fuzz_ip(ret, c, proto, 0);
	size_t n;

	if (what & 2) {
		const int8_t delta = (int8_t)net_fuzz_u8(f);

		(void)net_fuzz_take(f, ret + off, 8);
		n = 8 + quote(c, delta, ret + off + 8);
		/* What some of it is cut or changed to. */
		if (what & 4)
			n -= net_fuzz_u8(f) % n;
		if ((what & 8) && n > 8)
			ret[off + 8 + net_fuzz_u8(f) % (n - 8)] ^= net_fuzz_u8(f);
	} else {
		n = net_fuzz_take(f, ret + off, net_fuzz_u16(f) % 1600);
	}
	net_fuzz_fix_ip(ret, off + n);
	return off + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return net_fuzz_run(data, len, make);
}
