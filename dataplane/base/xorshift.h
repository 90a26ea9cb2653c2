/* SPDX-License-Identifier: BSD-3-Clause */

/* Marsaglia's xorshift64: spreads timers, and keeps no secret. */

#pragma once

#include <stdint.h>

/* The next number of *<state>, which must not be 0. */
static inline uint64_t xorshift_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
