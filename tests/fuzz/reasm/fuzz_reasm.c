/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Fragments: u8 id, u16 offset and flags as on the wire, u16 length, octets. With bit 1 of the
 * leading octet over IPv6, with bit 2 what the fragments carry is TCP, otherwise ICMP.
 */

#include "tests/lib/net_fuzz.h"

#include <netinet/in.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t make(struct net_fuzz *f, uint8_t what, uint8_t *ret)
{
	const bool is_v4 = !(what & 2);
	const struct net_fuzz_conn *c = &f->conn[is_v4 ? 0 : 1];
	const uint8_t icmp = is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const uint8_t proto = what & 4 ? IPPROTO_TCP : icmp;
	const uint8_t id = net_fuzz_u8(f);
	const uint16_t field = net_fuzz_u16(f);
	size_t off = net_fuzz_ip(ret, c, is_v4 ? proto : IPPROTO_FRAGMENT, 0);

	if (is_v4) {
		ret[14 + 5] = id;
		ret[14 + 6] = (uint8_t)(field >> 8);
		ret[14 + 7] = (uint8_t)field;
	} else {
		ret[off] = proto;
		ret[off + 2] = (uint8_t)(field >> 8);
		ret[off + 3] = (uint8_t)field;
		ret[off + 7] = id;
		off += 8;
	}
	const size_t n = net_fuzz_take(f, ret + off, net_fuzz_u16(f) % 1600);

	net_fuzz_fix_ip(ret, off + n);
	return off + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return net_fuzz_run(data, len, make);
}
