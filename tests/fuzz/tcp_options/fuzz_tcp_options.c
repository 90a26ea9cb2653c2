/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP options: the first byte says whether it is a SYN, the rest are the options. What was parsed
 * is emitted and parsed again, and must say the same.
 */

#include "tcp/tcp_options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool cond)
{
	if (!cond)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tcp_opts o, again;
	uint8_t buf[TCP_OPT_MAX_LEN];

	if (len < 1)
		return 0;
	const bool is_syn = data[0] & 1;

	if (tcp_options_parse(data + 1, len - 1, is_syn, &o) < 0)
		return 0;
	must(o.nb_sacks <= TCP_OPT_MAX_SACKS && o.wscale <= 14);
	const size_t n = tcp_options_emit(&o, buf);

	must(n <= sizeof(buf) && n % 4 == 0);
	must(tcp_options_parse(buf, n, is_syn, &again) == 0);
	must(again.mss == o.mss && again.flags == o.flags && again.wscale == o.wscale);
	must(!(o.flags & TCP_OPT_F_TS) || (again.tsval == o.tsval && again.tsecr == o.tsecr));
	must(again.nb_sacks <= o.nb_sacks);
	must(memcmp(again.sacks, o.sacks, again.nb_sacks * sizeof(o.sacks[0])) == 0);
	return 0;
}
