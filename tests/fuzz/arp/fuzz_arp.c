/* SPDX-License-Identifier: BSD-3-Clause */

/* ARP: u8 length, the packet behind its Ethernet header. Bit 1 of the leading octet: broadcast. */

#include "tests/lib/net_fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t make(struct net_fuzz *f, uint8_t what, uint8_t *ret)
{
	net_fuzz_eth(ret, 0x0806);
	if (what & 2)
		memset(ret, 0xff, 6);
	return 14 + net_fuzz_take(f, ret + 14, net_fuzz_u8(f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return net_fuzz_run(data, len, make);
}
