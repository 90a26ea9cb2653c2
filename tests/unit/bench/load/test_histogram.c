/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NB_VALUES 50000u
#define PPM 1000000u

static const uint32_t quantile[] = {1, 10000, 250000, 500000, 900000, 990000, 999000, 999990, PPM};

/* A seeded sequence of its own: the same values on every machine. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct load_histogram *histogram_new(void)
{
	struct load_histogram *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	return h;
}

/* Every quantile of <h> is that of the sorted <v>, or at most 0.1 % more. */
static void check_against_sorted(const struct load_histogram *h, uint64_t *v, uint32_t nb)
{
	qsort(v, nb, sizeof(*v), by_value);
	for (uint32_t i = 0; i < sizeof(quantile) / sizeof(quantile[0]); i++) {
		const uint64_t rank = ((uint64_t)nb * quantile[i] + PPM - 1) / PPM;
		const uint64_t exact = v[rank == 0 ? 0 : rank - 1];
		const uint64_t got = load_histogram_quantile(h, quantile[i]);

		assert_in_range(got, exact, exact + exact / 1000);
	}
}

static void quantiles_are_those_of_exact_sorting_within_a_thousandth(void **)
{
	uint64_t *v = calloc(NB_VALUES, sizeof(*v));

	assert_non_null(v);
	/* From nanoseconds to minutes: each round another spread. */
	for (uint32_t bits = 4; bits <= 39; bits += 5) {
		struct load_histogram *h = histogram_new();
		uint64_t state = 88172645463325252u + bits;
		double sum = 0;

		for (uint32_t i = 0; i < NB_VALUES; i++) {
			v[i] = next_random(&state) >> (64 - bits + (next_random(&state) & 3));
			sum += (double)v[i];
			load_histogram_add(h, v[i]);
		}
		check_against_sorted(h, v, NB_VALUES);
		assert_int_equal(load_histogram_max(h), v[NB_VALUES - 1]);
		assert_int_equal(load_histogram_count(h), NB_VALUES);
		assert_true(fabs(load_histogram_mean(h) - sum / NB_VALUES) <= 1e-6 * sum);
		free(h);
	}
	free(v);
}

static void values_below_2048_are_kept_exactly(void **)
{
	for (uint64_t value = 0; value < 2048; value++) {
		struct load_histogram *h = histogram_new();

		load_histogram_add(h, value);
		load_histogram_add(h, UINT32_MAX);
		assert_int_equal(load_histogram_quantile(h, 500000), value);
		free(h);
	}
}

static void merged_is_as_if_all_were_added_to_one(void **)
{
	struct load_histogram *all = histogram_new(), *sum = histogram_new();
	uint64_t state = 42;

	for (uint32_t w = 0; w < 3; w++) {
		struct load_histogram *part = histogram_new();

		for (uint32_t i = 0; i < 1000; i++) {
			const uint64_t v = next_random(&state) >> (24 + w);

			load_histogram_add(part, v);
			load_histogram_add(all, v);
		}
		load_histogram_merge(sum, part);
		free(part);
	}
	assert_memory_equal(sum, all, sizeof(*all));
	free(all);
	free(sum);
}

static void an_empty_one_says_zero_and_a_reset_one_is_empty(void **)
{
	struct load_histogram *h = histogram_new();

	assert_int_equal(load_histogram_quantile(h, 500000), 0);
	assert_true(load_histogram_mean(h) == 0);
	load_histogram_add(h, 12345);
	load_histogram_reset(h);
	assert_int_equal(load_histogram_quantile(h, PPM), 0);
	assert_int_equal(load_histogram_max(h), 0);
	assert_int_equal(load_histogram_count(h), 0);
	free(h);
}

static void what_is_too_large_for_the_buckets_still_shows_in_the_maximum(void **)
{
	struct load_histogram *h = histogram_new();

	load_histogram_add(h, 7);
	load_histogram_add(h, UINT64_MAX / 4);
	assert_int_equal(load_histogram_quantile(h, PPM), UINT64_MAX / 4);
	assert_int_equal(load_histogram_quantile(h, 500000), 7);
	free(h);
}

/*
 * A server that takes 10 us, asked every 1000 us, stands still for a second in the middle. A client
 * that waits for each answer sees one slow request of 10,000; one that measures from the time at
 * which each request was due sees a thousand of them.
 */
static void a_stall_shows_in_p99_only_when_corrected_for_coordinated_omission(void **)
{
	const uint64_t interval = 1000, service = 10, stall = 1000000, nb = 10000;
	struct load_histogram *naive = histogram_new(), *corrected = histogram_new();
	struct load_histogram *intended = histogram_new();
	uint64_t free_at = 0;

	for (uint64_t i = 0; i < nb; i++) {
		const uint64_t due = i * interval, start = due > free_at ? due : free_at;

		free_at = start + service + (i == nb / 2 ? stall : 0);
		load_histogram_add(intended, free_at - due);
		load_histogram_add(naive, free_at - start);
		load_histogram_add_corrected(corrected, free_at - start, interval);
	}
	assert_int_equal(load_histogram_quantile(naive, 990000), service);
	assert_true(load_histogram_quantile(intended, 990000) > stall / 2);
	assert_true(load_histogram_quantile(corrected, 990000) > stall / 2);
	assert_int_equal(load_histogram_max(naive), stall + service);
	assert_int_equal(load_histogram_max(intended), stall + service);
	/* The correction puts back what was not sent while it waited, and nothing else. */
	assert_int_equal(load_histogram_count(corrected), nb + stall / interval);
	assert_int_equal(load_histogram_quantile(corrected, 500000), service);
	free(naive);
	free(corrected);
	free(intended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_those_of_exact_sorting_within_a_thousandth),
		cmocka_unit_test(values_below_2048_are_kept_exactly),
		cmocka_unit_test(merged_is_as_if_all_were_added_to_one),
		cmocka_unit_test(an_empty_one_says_zero_and_a_reset_one_is_empty),
		cmocka_unit_test(what_is_too_large_for_the_buckets_still_shows_in_the_maximum),
		cmocka_unit_test(a_stall_shows_in_p99_only_when_corrected_for_coordinated_omission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
