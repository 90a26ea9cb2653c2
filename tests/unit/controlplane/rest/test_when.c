/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NOW 1795344000000u

static uint64_t parse(const char *s)
{
	uint64_t ms = 0;

	return when_parse(s, NOW, &ms) == 0 ? ms : 0;
}

static void times_with_a_zone_are_rfc_3339(void **)
{
	assert_int_equal(parse("2025-03-25T21:17:41Z"), 1742937461000);
	assert_int_equal(parse("2025-03-25T14:17:41.544-07:00"), 1742937461544);
	assert_int_equal(parse("2025-03-25T22:17:41+01:00"), 1742937461000);
	assert_int_equal(parse("2025-03-25T22:17:41 01:00"), 1742937461000);
}

static void times_without_one_are_local(void **)
{
	assert_int_equal(setenv("TZ", "UTC-1", 1), 0);
	tzset();
	assert_int_equal(parse("2025-03-25 22:17:41"), 1742937461000);
	assert_int_equal(parse("2025-03-25T22:17:41"), 1742937461000);
}

static void so_long_ago(void **)
{
	assert_int_equal(parse("-90"), NOW - 90000);
	assert_int_equal(parse("-90s"), NOW - 90000);
	assert_int_equal(parse("-10m"), NOW - 600000);
	assert_int_equal(parse("-2h"), NOW - 7200000);
	assert_int_equal(parse("-1d"), NOW - 86400000);
}

static void what_is_no_time_is_refused(void **)
{
	static const char *const bad[] = {
		"",
		"-",
		"now",
		"-10x",
		"-10mm",
		"-99999999999",
		"-9999999999d",
		"2025-03-25",
		"2025-13-25T21:17:41Z",
		"2025-03-25T21:17:41ZZ",
		"2025-03-25T21:17:41+1:00",
		"2025-03-25T21:17:41.Z",
		"0000-00-00T00:00:00Z",
		"2025-03-25T25:17:41Z",
		"10m",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_with_a_zone_are_rfc_3339),
		cmocka_unit_test(times_without_one_are_local),
		cmocka_unit_test(so_long_ago),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
