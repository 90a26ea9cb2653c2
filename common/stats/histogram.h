/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A log-linear histogram of microseconds (or any unsigned unit): 8 buckets per power of two,
 * relative error at most 12.5 %. One writer, any readers. Lives in shared memory.
 */

#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 320u /* 0..7 exactly, then 39 powers of two by 8 */

struct histogram {
	_Atomic(uint64_t) count, sum, max;
	_Atomic(uint64_t) bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
/* Inclusive upper bound of bucket <i>. */
uint64_t histogram_bound(unsigned i);
/* Smallest bound that at least <per_mille>/1000 of the values do not exceed; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, unsigned per_mille);
