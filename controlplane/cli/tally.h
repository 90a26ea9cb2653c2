/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Counting what a pcapng stream holds while it passes: packets, and what its statistics say was
 * lost. Pure; nothing is kept but the block under way, of which at most a few bytes are looked at.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally {
	uint64_t nb_packets, nb_dropped;
	bool is_complete; /* the statistics have come: it was not cut off */
	bool is_bad;      /* this is not pcapng */
	/* the block under way */
	uint8_t head[256]; /* its beginning */
	uint32_t type, len, at;
};

/* Zeroed before the first call. */
void tally_feed(struct tally *t, const uint8_t *p, size_t len);
