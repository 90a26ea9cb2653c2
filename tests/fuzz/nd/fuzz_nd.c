/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Neighbour discovery and MLD: u8 message type from a list, u16 length, the rest of the message.
 * Bits of the leading octet: 1 to a group, 2 from nowhere (as in duplicate address detection),
 * 3 from the link-local peer; 4 to our link-local address, 5 the message begins with an IPv6
 * extension header.
 */

#include "tests/lib/net_fuzz.h"

#include <netinet/in.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t types[] = {130, 131, 132, 133, 134, 135, 136, 137, 143};

static void set_addr(uint8_t *p, const char *text)
{
	const struct ip_addr a = rig_addr(text);

	memcpy(p, a.b, sizeof(a.b));
}

static size_t make(struct net_fuzz *f, uint8_t what, uint8_t *ret)
{
	const uint8_t type = types[net_fuzz_u8(f) % sizeof(types)];
	uint8_t *ip = ret + 14;
	const uint8_t next = what & 32 ? net_fuzz_u8(f) : IPPROTO_ICMPV6;
	const size_t off = net_fuzz_ip(ret, &f->conn[1], next, 0);
	const size_t n = net_fuzz_take(f, ret + off, net_fuzz_u16(f) % 1500);

	if (!(what & 32))
		ret[off] = type;
	if (what & 4)
		set_addr(ip + 8, "::");
	else if (what & 8)
		set_addr(ip + 8, RIG_PEER_LINK6);
	if (what & 16)
		set_addr(ip + 24, RIG_LINK6);
	if (what & 2) {
		set_addr(ip + 24, what & 64 ? "ff02::1" : "ff02::1:ff00:10");
		memset(ret, 0x33, 2);
		memcpy(ret + 2, ip + 36, 4);
	}
	net_fuzz_fix_ip(ret, off + n);
	return off + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return net_fuzz_run(data, len, make);
}
