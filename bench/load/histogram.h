/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A log-linear histogram with three significant digits: 1024 buckets per power of two, so that what
 * is read back is never below the value and at most 0.1 % above. Fixed memory, whatever comes.
 * After HdrHistogram, which Debian 12 does not have for C.
 *
 * One writer; any thread may read meanwhile (what it sees is a moment's, a value apart at most).
 * A histogram that is all zero bytes is empty and ready.
 */

#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define LOAD_HISTOGRAM_SUB_BITS 10u
#define LOAD_HISTOGRAM_MAX_BITS 40u /* nanoseconds: 18 minutes; above, the last bucket has all */
#define LOAD_HISTOGRAM_BUCKETS                                                                     \
	((LOAD_HISTOGRAM_MAX_BITS - LOAD_HISTOGRAM_SUB_BITS + 1) << LOAD_HISTOGRAM_SUB_BITS)

struct load_histogram {
	/* worker writes, report reads */
	_Atomic(uint64_t) count, sum, max;
	_Atomic(uint64_t) bucket[LOAD_HISTOGRAM_BUCKETS];
};

void load_histogram_add(struct load_histogram *h, uint64_t value);
/*
 * For a closed loop: <value>, and the values that requests would have seen that were due every
 * <interval> while this one was awaited and that a client who waits never sent (coordinated
 * omission). <interval> 0: only <value>.
 */
void load_histogram_add_corrected(struct load_histogram *h, uint64_t value, uint64_t interval);
/* Add what is in <from>; the sum is as if all had been added to <h>. */
void load_histogram_merge(struct load_histogram *h, const struct load_histogram *from);
void load_histogram_reset(struct load_histogram *h);

/*
 * The smallest bound that at least <ppm> millionths of the values do not exceed, never above the
 * maximum; 0 when empty. 500000 is the median, 999000 p99.9.
 */
uint64_t load_histogram_quantile(const struct load_histogram *h, uint32_t ppm);
double load_histogram_mean(const struct load_histogram *h);
/* Exact, also above what the buckets hold. */
uint64_t load_histogram_max(const struct load_histogram *h);
uint64_t load_histogram_count(const struct load_histogram *h);
