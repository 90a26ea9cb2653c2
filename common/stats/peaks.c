/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/stats/peaks.h"

#define US_PER_S 1000000u

/* Never 0, so that an empty slot is of no second. */
static uint32_t second_of(uint64_t now_us)
{
	return (uint32_t)(now_us / US_PER_S) + 1;
}

void peaks_add(struct peaks *p, uint64_t now_us, uint32_t value)
{
	const uint32_t second = second_of(now_us);
	_Atomic(uint64_t) *slot = &p->slot[second % PEAKS_SECONDS];
	const uint64_t old = atomic_load_explicit(slot, memory_order_relaxed);

	if (old >> 32 != second || (uint32_t)old < value)
		atomic_store_explicit(slot, (uint64_t)second << 32 | value, memory_order_relaxed);
}

uint32_t peaks_max(const struct peaks *p, uint64_t now_us, uint32_t seconds)
{
	const uint32_t last = second_of(now_us);
	const uint32_t first = last > seconds ? last - seconds : 1;
	uint32_t max = 0;

	for (uint32_t i = 0; i < PEAKS_SECONDS; i++) {
		const uint64_t v = atomic_load_explicit(&p->slot[i], memory_order_relaxed);

		if (v >> 32 >= first && (uint32_t)v > max)
			max = (uint32_t)v;
	}
	return max;
}
