/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/stats/histogram.h"

#include <stdint.h>

/*
 * Values below 8 have a bucket each. From there on the bucket is the power of two and the three
 * bits below the leading one. What is beyond 2^42 shares the last bucket.
 */
#define SUB_BITS 3u
#define SUB (1u << SUB_BITS)

static unsigned bucket_of(uint64_t value)
{
	if (value < SUB)
		return (unsigned)value;
	unsigned exp = 63u - (unsigned)__builtin_clzll(value);
	unsigned sub = (unsigned)(value >> (exp - SUB_BITS)) & (SUB - 1);
	unsigned i = SUB + (exp - SUB_BITS) * SUB + sub;

	return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

/* One writer, so no read-modify-write is needed. */
static void add_relaxed(_Atomic(uint64_t) *a, uint64_t n)
{
	atomic_store_explicit(a, atomic_load_explicit(a, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void histogram_add(struct histogram *h, uint64_t value)
{
	add_relaxed(&h->bucket[bucket_of(value)], 1);
	add_relaxed(&h->sum, value);
	add_relaxed(&h->count, 1);
	if (value > atomic_load_explicit(&h->max, memory_order_relaxed))
		atomic_store_explicit(&h->max, value, memory_order_relaxed);
}

uint64_t histogram_bound(unsigned i)
{
	if (i < SUB)
		return i;
	if (i >= HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	unsigned shift = (i - SUB) / SUB;
	uint64_t sub = (i - SUB) % SUB;

	return ((SUB + sub + 1) << shift) - 1;
}

/* The sum of the buckets counts, not <count>: a reader may see the two a value apart. */
uint64_t histogram_quantile(const struct histogram *h, unsigned per_mille)
{
	uint64_t bucket[HISTOGRAM_BUCKETS];
	uint64_t total = 0, seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		bucket[i] = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
		total += bucket[i];
	}
	if (total == 0)
		return 0;
	if (per_mille > 1000)
		per_mille = 1000;
	/* ceil(total * per_mille / 1000) without overflow; the 0 quantile is the smallest value */
	uint64_t want = total / 1000 * per_mille + (total % 1000 * per_mille + 999) / 1000;
	if (want == 0)
		want = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += bucket[i];
		if (seen >= want)
			return histogram_bound(i);
	}
	return UINT64_MAX;
}
