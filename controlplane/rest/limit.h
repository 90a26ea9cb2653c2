/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How often a peer may do something: a bucket each, of the latest 256 peers. An IPv6 peer is its
 * /64, which one host has to itself. Pure; time is an argument.
 */

#pragma once

#include "common/base/ids.h"

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_PEERS 256u

struct limit {
	uint32_t burst;     /* at once */
	uint32_t refill_ms; /* then one for each of these */
	struct {
		struct ip_addr peer;
		uint64_t at_ms; /* 0: free */
		uint32_t nb;    /* taken */
	} row[LIMIT_PEERS];
};

/* Has <peer> taken all that it may? */
bool limit_is_spent(const struct limit *l, const struct ip_addr *peer, uint64_t now_ms);
/* Take one; false: there was none left. */
bool limit_take(struct limit *l, const struct ip_addr *peer, uint64_t now_ms);
