/* SPDX-License-Identifier: BSD-3-Clause */

/* How often something may be done: so many times a second, and a burst of them after a pause. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zero is an empty one that fills from the clock's beginning, so that it starts full. */
struct token_bucket {
	uint32_t tokens;
	uint64_t at_us; /* when tokens were last added */
};

/* Once more? <burst> is the most that it holds. */
static inline bool token_bucket_take(struct token_bucket *b, uint32_t per_s, uint32_t burst,
				     uint64_t now_us)
{
	const uint64_t added = (now_us - b->at_us) * per_s / 1000000;

	if (added > 0) {
		b->tokens = added < burst - b->tokens ? b->tokens + (uint32_t)added : burst;
		b->at_us = now_us;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}
