/* SPDX-License-Identifier: BSD-3-Clause */

/* Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 5.4), keyed per tuple. */

#include "base/siphash.h"
#include "tcp/tcp_priv.h"

static uint64_t tuple_secret(const struct tcp_stack *st, const struct tcp_tuple *t, uint64_t use)
{
	uint64_t w[6];

	memcpy(&w[0], t->local.b, 16);
	memcpy(&w[2], t->remote.b, 16);
	w[4] = (uint64_t)t->local_port << 16 | t->remote_port;
	w[5] = use;
	return siphash_words(st->p.secret, w, 6, 2, 4);
}

uint32_t tcp_isn(const struct tcp_stack *st, const struct tcp_tuple *t, uint64_t now_us)
{
	/* The clock ticks every 4 us, so a tuple's next incarnation starts above the last one. */
	return (uint32_t)(now_us / 4) + (uint32_t)tuple_secret(st, t, 0x49534e);
}

uint32_t tcp_ts_offset(const struct tcp_stack *st, const struct tcp_tuple *t)
{
	return (uint32_t)tuple_secret(st, t, 0x54534f);
}
