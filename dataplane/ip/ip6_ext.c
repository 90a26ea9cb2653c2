/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * IPv6 extension headers (RFC 8200 4), skipped within a bound.
 *
 * We have no use for any of them, and a long chain of them is a way around filters and a cost
 * (RFC 7045, RFC 9098): at most IP6_MAX_EXT headers of IP6_MAX_EXT_LEN bytes in all, which have to
 * be in the first buffer. Hop-by-hop options come first or not at all. Routing headers are refused
 * (RFC 5095: type 0 for good; others unless they have no segment left). Authentication and
 * encryption are upper layers that nobody here speaks.
 */

#include "ip/ip_priv.h"

#include <netinet/in.h>

#define OPT_PAD1 0
#define OPT_PADN 1

static enum outcome refuse(struct ip6_walk *w, enum outcome why, uint8_t code, size_t pointer)
{
	w->has_problem = true;
	w->code = code;
	w->pointer = (uint16_t)pointer;
	return why;
}

/* RFC 8200 4.2: the two highest bits of an unknown option say what to do with the packet. */
static enum outcome walk_options(const uint8_t *p, size_t at, size_t end, struct ip6_walk *w)
{
	while (at < end) {
		const uint8_t type = p[at];

		if (type == OPT_PAD1) {
			at++;
			continue;
		}
		if (end - at < 2 || p[at + 1] > end - at - 2)
			return OUTCOME_IP6_EXT_HEADER;
		if (type >> 6 == 1)
			return OUTCOME_IP6_OPTION;
		if (type >> 6 != 0)
			return refuse(w, OUTCOME_IP6_OPTION, ICMP6_PARAMETER_OPTION, at);
		at += 2u + p[at + 1];
	}
	return OUTCOME__COUNT;
}

/* The header at w->off, of <len> bytes in all. */
static enum outcome judge(const uint8_t *p, size_t len, struct ip6_walk *w)
{
	const uint8_t *h = p + w->off;

	if (w->proto != IPPROTO_ROUTING)
		return walk_options(p, w->off + 2u, w->off + len, w);
	if (h[2] != 0 && h[3] == 0)
		return OUTCOME__COUNT;
	return refuse(w, OUTCOME_IP6_ROUTING_HEADER, ICMP6_PARAMETER_FIELD, w->off + 2u);
}

static bool is_skipped(const uint8_t *h, size_t left, const struct ip6_walk *w, bool is_quote)
{
	if (w->proto == IPPROTO_FRAGMENT)
		return is_quote && left >= 8 && ((h[2] << 8 | h[3]) & 0xfff8) == 0;
	return w->proto == IPPROTO_HOPOPTS || w->proto == IPPROTO_DSTOPTS ||
	       w->proto == IPPROTO_ROUTING;
}

enum outcome ip6_walk(const uint8_t *p, size_t len, bool is_quote, struct ip6_walk *ret)
{
	struct ip6_walk *w = ret;

	*w = (struct ip6_walk){.proto = p[6], .off = IP6_HDR_LEN, .next_off = 6};
	for (unsigned i = 0; is_skipped(p + w->off, len - w->off, w, is_quote); i++) {
		const uint8_t *h = p + w->off;

		if (w->proto == IPPROTO_HOPOPTS && i > 0 && !is_quote)
			return refuse(w, OUTCOME_IP6_EXT_HEADER, ICMP6_PARAMETER_NEXT, w->next_off);
		if (i == IP6_MAX_EXT || len - w->off < 8)
			return OUTCOME_IP6_EXT_HEADER;

		const size_t n = w->proto == IPPROTO_FRAGMENT ? 8 : (h[1] + 1u) * 8;

		if (n > len - w->off || w->off + n > IP6_HDR_LEN + IP6_MAX_EXT_LEN)
			return OUTCOME_IP6_EXT_HEADER;

		const enum outcome why = is_quote ? OUTCOME__COUNT : judge(p, n, w);

		if (why != OUTCOME__COUNT)
			return why;
		w->proto = h[0];
		w->next_off = w->off;
		w->off = (uint16_t)(w->off + n);
	}
	return OUTCOME__COUNT;
}
