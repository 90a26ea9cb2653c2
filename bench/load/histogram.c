/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/histogram.h"

/*
 * Values below 2048 have a bucket each. From there on the bucket is the power of two and the ten
 * bits below the leading one.
 */
#define SUB_BITS LOAD_HISTOGRAM_SUB_BITS
#define SUB (1u << SUB_BITS)
#define PPM 1000000u

static uint32_t bucket_of(uint64_t value)
{
	if (value < SUB)
		return (uint32_t)value;

	const uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - SUB_BITS;
	const uint64_t i = ((uint64_t)shift << SUB_BITS) + (value >> shift);

	return i < LOAD_HISTOGRAM_BUCKETS ? (uint32_t)i : LOAD_HISTOGRAM_BUCKETS - 1;
}

/* Largest value of bucket <i>. */
static uint64_t bound_of(uint32_t i)
{
	if (i < SUB)
		return i;
	if (i == LOAD_HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;

	const uint32_t shift = (i >> SUB_BITS) - 1;

	return (((uint64_t)(SUB + (i & (SUB - 1))) + 1) << shift) - 1;
}

static uint64_t load(const _Atomic(uint64_t) *a)
{
	return atomic_load_explicit(a, memory_order_relaxed);
}

/* One writer, so no read-modify-write is needed. */
static void add_relaxed(_Atomic(uint64_t) *a, uint64_t n)
{
	atomic_store_explicit(a, load(a) + n, memory_order_relaxed);
}

static void raise_max(struct load_histogram *h, uint64_t value)
{
	if (value > load(&h->max))
		atomic_store_explicit(&h->max, value, memory_order_relaxed);
}

void load_histogram_add(struct load_histogram *h, uint64_t value)
{
	add_relaxed(&h->bucket[bucket_of(value)], 1);
	add_relaxed(&h->sum, value);
	add_relaxed(&h->count, 1);
	raise_max(h, value);
}

void load_histogram_add_corrected(struct load_histogram *h, uint64_t value, uint64_t interval)
{
	load_histogram_add(h, value);
	if (interval == 0)
		return;
	for (uint64_t v = value; v > interval; v -= interval)
		load_histogram_add(h, v - interval);
}

void load_histogram_merge(struct load_histogram *h, const struct load_histogram *from)
{
	for (uint32_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
		const uint64_t n = load(&from->bucket[i]);

		if (n != 0)
			add_relaxed(&h->bucket[i], n);
	}
	add_relaxed(&h->sum, load(&from->sum));
	add_relaxed(&h->count, load(&from->count));
	raise_max(h, load(&from->max));
}

void load_histogram_reset(struct load_histogram *h)
{
	for (uint32_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
		atomic_store_explicit(&h->bucket[i], 0, memory_order_relaxed);
	atomic_store_explicit(&h->sum, 0, memory_order_relaxed);
	atomic_store_explicit(&h->count, 0, memory_order_relaxed);
	atomic_store_explicit(&h->max, 0, memory_order_relaxed);
}

/* How many of <total> values must not exceed the quantile: rounded up, without overflow. */
static uint64_t rank_of(uint64_t total, uint32_t ppm)
{
	const uint64_t rank = total / PPM * ppm + (total % PPM * ppm + PPM - 1) / PPM;

	return rank == 0 ? 1 : rank;
}

uint64_t load_histogram_quantile(const struct load_histogram *h, uint32_t ppm)
{
	const uint64_t max = load(&h->max);
	uint64_t total = 0, seen = 0;

	/* The buckets are what is counted: a reader may see <count> a value apart. */
	for (uint32_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
		total += load(&h->bucket[i]);
	if (total == 0)
		return 0;

	const uint64_t rank = rank_of(total, ppm < PPM ? ppm : PPM);

	for (uint32_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
		seen += load(&h->bucket[i]);
		if (seen >= rank)
			return bound_of(i) < max ? bound_of(i) : max;
	}
	return max;
}

double load_histogram_mean(const struct load_histogram *h)
{
	const uint64_t n = load(&h->count);

	return n == 0 ? 0 : (double)load(&h->sum) / (double)n;
}

uint64_t load_histogram_max(const struct load_histogram *h)
{
	return load(&h->max);
}

uint64_t load_histogram_count(const struct load_histogram *h)
{
	return load(&h->count);
}
