/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/stats/peaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S 1000000ull

static void the_largest_of_the_asked_seconds_is_found(void **)
{
	struct peaks p = {0};

	assert_int_equal(peaks_max(&p, 100 * S, 60), 0);
	peaks_add(&p, 100 * S, 70);
	peaks_add(&p, 100 * S + 1, 50);
	peaks_add(&p, 103 * S, 20);
	assert_int_equal(peaks_max(&p, 103 * S + 5, 0), 20);
	assert_int_equal(peaks_max(&p, 103 * S + 5, 2), 20);
	assert_int_equal(peaks_max(&p, 103 * S + 5, 3), 70);
}

static void a_second_that_comes_round_forgets_the_one_before(void **)
{
	struct peaks p = {0};

	peaks_add(&p, 10 * S, 99);
	peaks_add(&p, (10 + PEAKS_SECONDS) * S, 3);
	assert_int_equal(peaks_max(&p, (10 + PEAKS_SECONDS) * S, 60), 3);
}

static void what_is_older_than_asked_does_not_count_though_its_slot_was_kept(void **)
{
	struct peaks p = {0};

	peaks_add(&p, 10 * S, 99);
	assert_int_equal(peaks_max(&p, 5000 * S, 60), 0);
}

static void it_serves_in_the_first_seconds_of_a_clock(void **)
{
	struct peaks p = {0};

	peaks_add(&p, 0, 8);
	assert_int_equal(peaks_max(&p, 0, 60), 8);
	assert_int_equal(peaks_max(&p, S, 60), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_of_the_asked_seconds_is_found),
		cmocka_unit_test(a_second_that_comes_round_forgets_the_one_before),
		cmocka_unit_test(what_is_older_than_asked_does_not_count_though_its_slot_was_kept),
		cmocka_unit_test(it_serves_in_the_first_seconds_of_a_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
