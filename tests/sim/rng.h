/* SPDX-License-Identifier: BSD-3-Clause */

/* SplitMix64: the only source of chance in a run, so that a seed says everything. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Both ends included. */
static inline uint64_t rng_in(struct rng *r, uint64_t lo, uint64_t hi)
{
	return lo + rng_next(r) % (hi - lo + 1);
}

/* With probability <ppm> in a million. */
static inline bool rng_hit(struct rng *r, uint32_t ppm)
{
	return rng_next(r) % 1000000 < ppm;
}

/* One time in <n>. */
static inline bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_next(r) % n == 0;
}
