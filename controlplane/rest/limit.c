/* SPDX-License-Identifier: BSD-3-Clause */

/* The buckets. */

#include "rest/limit.h"

#include <string.h>

static struct ip_addr key_of(const struct ip_addr *peer)
{
	struct ip_addr key = *peer;

	if (!ip_addr_is_v4(peer))
		memset(&key.b[8], 0, 8);
	return key;
}

/* What is still counted of <nb> taken at <at_ms>. */
static uint32_t left(const struct limit *l, uint32_t nb, uint64_t at_ms, uint64_t now_ms)
{
	const uint64_t back = now_ms > at_ms ? (now_ms - at_ms) / l->refill_ms : 0;

	return back >= nb ? 0 : nb - (uint32_t)back;
}

bool limit_is_spent(const struct limit *l, const struct ip_addr *peer, uint64_t now_ms)
{
	const struct ip_addr key = key_of(peer);

	for (unsigned i = 0; i < LIMIT_PEERS; i++)
		if (l->row[i].at_ms != 0 && ip_addr_is_equal(&l->row[i].peer, &key))
			return left(l, l->row[i].nb, l->row[i].at_ms, now_ms) >= l->burst;
	return false;
}

bool limit_take(struct limit *l, const struct ip_addr *peer, uint64_t now_ms)
{
	const struct ip_addr key = key_of(peer);
	unsigned at = 0;
	uint32_t nb;

	for (unsigned i = 0; i < LIMIT_PEERS; i++) {
		if (l->row[i].at_ms != 0 && ip_addr_is_equal(&l->row[i].peer, &key)) {
			at = i;
			break;
		}
		/* Else the one that was quiet for longest makes room; a free one has time 0. */
		if (l->row[i].at_ms < l->row[at].at_ms)
			at = i;
	}
	if (l->row[at].at_ms == 0 || !ip_addr_is_equal(&l->row[at].peer, &key)) {
		l->row[at].peer = key;
		l->row[at].nb = 0;
		l->row[at].at_ms = now_ms;
	}
	nb = left(l, l->row[at].nb, l->row[at].at_ms, now_ms);
	if (nb >= l->burst)
		return false;
	l->row[at].nb = nb + 1;
	l->row[at].at_ms = now_ms > 0 ? now_ms : 1;
	return true;
}
