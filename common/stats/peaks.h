/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The largest value of each of the last 64 seconds, so that any number of readers may ask for the
 * largest since a moment of their own, and none has to reset it. One writer, any readers. Lives in
 * shared memory; all zero is empty.
 */

#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define PEAKS_SECONDS 64u

struct peaks {
	/* writer writes, any reads: the second in the high half, its largest value in the low */
	_Atomic(uint64_t) slot[PEAKS_SECONDS];
};

void peaks_add(struct peaks *p, uint64_t now_us, uint32_t value);
/* Of the second of <now_us> and the <seconds> whole ones before it; what came later counts too. */
uint32_t peaks_max(const struct peaks *p, uint64_t now_us, uint32_t seconds);
