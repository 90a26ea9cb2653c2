/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SYN cookies (RFC 4987 3.6): above the watermark of half-open connections a SYN is answered from
 * no memory at all. Our sequence number carries what must be remembered:
 *
 *	31      27 26    24 23                                  0
 *	+---------+--------+------------------------------------+
 *	| epoch   | MSS    | keyed hash of the rest, of the     |
 *	| mod 32  | index  | tuple and of the peer's ISN        |
 *	+---------+--------+------------------------------------+
 *
 * and, when the SYN has timestamps, the low bits of TSval carry its other options, which come back
 * in TSecr: bits 0 to 3 the window scale (15: none), 4 SACK, 5 ECN. A peer that forges
 * those cheats only itself. An epoch is 64 s; a cookie is good for the rest of its epoch and the
 * next.
 */

#include "base/siphash.h"
#include "tcp/tcp_priv.h"

#include <rte_common.h>

#define EPOCH_US UINT64_C(64000000)
#define HASH_MASK 0xffffffu
#define TS_BITS 6u
#define TS_MASK ((1u << TS_BITS) - 1)
#define TS_NO_WSCALE 15u
#define TS_SACK 0x10u
#define TS_ECN 0x20u

/* Ascending; the largest that does not exceed the peer's is remembered. */
static const uint16_t mss_steps[8] = {536, 1024, 1220, 1360, 1400, 1440, 1452, 1460};

static uint32_t cookie_hash(const struct tcp_stack *st, const struct tcp_tuple *t, uint32_t irs,
			    uint64_t epoch, uint32_t mss_idx)
{
	uint64_t w[7];

	memcpy(&w[0], t->local.b, 16);
	memcpy(&w[2], t->remote.b, 16);
	w[4] = (uint64_t)t->local_port << 16 | t->remote_port | (uint64_t)mss_idx << 32;
	w[5] = (uint64_t)irs << 32 | 0x434b;
	w[6] = epoch;
	return (uint32_t)siphash_words(st->p.secret, w, 7, 2, 4) & HASH_MASK;
}

/* The clock's value with <bits> in its low end, not in the future. */
static uint32_t stamp_with(uint32_t ts, uint32_t bits)
{
	uint32_t v = (ts & ~TS_MASK) | bits;

	return seq_gt(v, ts) ? v - (1u << TS_BITS) : v;
}

void tcp_syncookie_send(struct tcp_stack *st, const struct tcp_segin *s, uint64_t now_us)
{
	const uint64_t epoch = now_us / EPOCH_US;
	const uint16_t mss = s->opts.mss != 0 ? s->opts.mss : TCP_MIN_MSS;
	struct tcp_opts o = {.mss = (uint16_t)tcp_mss_of(st, &s->tuple)};
	uint32_t idx = RTE_DIM(mss_steps) - 1;
	uint8_t flags = TCP_SYN | TCP_ACK;

	while (idx > 0 && mss_steps[idx] > mss)
		idx--;
	if (s->opts.flags & TCP_OPT_F_TS) {
		uint32_t bits = TS_NO_WSCALE;

		o.flags = TCP_OPT_F_TS;
		if (s->opts.flags & TCP_OPT_F_WSCALE) {
			bits = s->opts.wscale;
			o.flags |= TCP_OPT_F_WSCALE;
			o.wscale = st->rcv_wscale;
		}
		if (s->opts.flags & TCP_OPT_F_SACK_OK) {
			bits |= TS_SACK;
			o.flags |= TCP_OPT_F_SACK_OK;
		}
		if (tcp_ecn_is_offered(st, s)) {
			bits |= TS_ECN;
			flags |= TCP_ECE;
		}
		o.tsval = stamp_with(tcp_ts_clock(now_us) + tcp_ts_offset(st, &s->tuple), bits);
		o.tsecr = s->opts.tsval;
	}
	tcp_ctl_send(st, &s->tuple,
		     &(struct tcp_hdr_fields){
			     .seq = (uint32_t)(epoch % 32) << 27 | idx << 24 |
				    cookie_hash(st, &s->tuple, s->seq, epoch, idx),
			     .ack = s->seq + 1,
			     .wnd = (uint16_t)RTE_MIN(st->p.rcv_buf, TCP_INIT_RCV_WND),
			     .flags = flags,
			     .opts = &o,
		     });
	st->cookie_until_us = now_us + 2 * EPOCH_US;
	tcp_count(st, OUTCOME_TCP_SYN_COOKIE_SENT);
}

bool tcp_syncookie_check(const struct tcp_stack *st, const struct tcp_segin *s, uint64_t now_us,
			 struct tcp_opts *ret_syn, bool *ret_has_ecn)
{
	const uint32_t cookie = s->ack - 1, idx = cookie >> 24 & 7;
	const uint64_t now_epoch = now_us / EPOCH_US;
	const uint64_t age = (now_epoch - (cookie >> 27)) % 32;

	if (now_us > st->cookie_until_us || age > 1 || age > now_epoch)
		return false;
	if (cookie_hash(st, &s->tuple, s->seq - 1, now_epoch - age, idx) != (cookie & HASH_MASK))
		return false;
	struct tcp_opts o = {.mss = mss_steps[idx]};

	if (s->opts.flags & TCP_OPT_F_TS) {
		const uint32_t wscale = s->opts.tsecr & 15u;

		o.flags = TCP_OPT_F_TS;
		o.tsval = s->opts.tsval;
		if (wscale < TS_NO_WSCALE) {
			o.flags |= TCP_OPT_F_WSCALE;
			o.wscale = (uint8_t)wscale;
		}
		if (s->opts.tsecr & TS_SACK)
			o.flags |= TCP_OPT_F_SACK_OK;
	}
	*ret_syn = o;
	*ret_has_ecn = (o.flags & TCP_OPT_F_TS) && (s->opts.tsecr & TS_ECN);
	return true;
}
