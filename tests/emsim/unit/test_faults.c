/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/faults.h"
#include "emsim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_counted_fault_strikes_that_often_on_its_entry_only(void **)
{
	struct faults f = {0};

	assert_int_equal(fault_set(&f, "http500", "tags", 2), 0);
	assert_false(fault_take(&f, FAULT_HTTP500, ENTRY_SYSINFO));
	assert_true(fault_take(&f, FAULT_HTTP500, ENTRY_TAGS));
	assert_true(fault_take(&f, FAULT_HTTP500, ENTRY_TAGS));
	assert_false(fault_take(&f, FAULT_HTTP500, ENTRY_TAGS));
	assert_int_equal(f.hits[FAULT_HTTP500], 2);
}

static void a_lasting_fault_strikes_until_it_is_cleared(void **)
{
	struct faults f = {0};

	assert_int_equal(fault_set(&f, "slow", "all", FAULT_FOREVER), 0);
	for (int i = 0; i < 100; i++)
		assert_true(fault_take(&f, FAULT_SLOW, ENTRY_VPN));
	assert_int_equal(fault_set(&f, "clear", NULL, 0), 0);
	assert_false(fault_take(&f, FAULT_SLOW, ENTRY_VPN));
}

static void a_count_for_all_entries_is_shared_between_them(void **)
{
	struct faults f = {0};

	assert_int_equal(fault_set(&f, "http500", NULL, 2), 0);
	assert_false(fault_take_own(&f, FAULT_HTTP500, ENTRY_TAGS));
	assert_true(fault_take(&f, FAULT_HTTP500, ENTRY_TAGS));
	assert_true(fault_take(&f, FAULT_HTTP500, ENTRY_SYSINFO));
	assert_false(fault_take(&f, FAULT_HTTP500, ENTRY_VPN));
}

static void off_for_all_is_off_for_each(void **)
{
	struct faults f = {0};

	assert_int_equal(fault_set(&f, "slow", "tags", FAULT_FOREVER), 0);
	assert_int_equal(fault_set(&f, "slow", NULL, 0), 0);
	assert_false(fault_take(&f, FAULT_SLOW, ENTRY_TAGS));
}

static void unknown_names_are_refused(void **)
{
	struct faults f = {0};

	assert_true(fault_set(&f, "http502", NULL, 1) < 0);
	assert_true(fault_set(&f, "http500", "nothing", 1) < 0);
}

static void the_query_is_decoded_and_repeats_are_counted(void **)
{
	static const char q[] = "sn_list[]=A&updated_after=2024-07-11%2017%3A57%3A41%2E48&"
				"sn_list%5B%5D=B&bad=%4";
	char text[40];

	assert_true(http_query(q, "sn_list[]", 0, text, sizeof(text)));
	assert_string_equal(text, "A");
	assert_true(http_query(q, "sn_list[]", 1, text, sizeof(text)));
	assert_string_equal(text, "B");
	assert_false(http_query(q, "sn_list[]", 2, text, sizeof(text)));
	assert_true(http_query(q, "updated_after", 0, text, sizeof(text)));
	assert_string_equal(text, "2024-07-11 17:57:41.48");
	assert_false(http_query(q, "bad", 0, text, sizeof(text)));
	assert_false(http_query(q, "updated_after", 0, text, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counted_fault_strikes_that_often_on_its_entry_only),
		cmocka_unit_test(a_lasting_fault_strikes_until_it_is_cleared),
		cmocka_unit_test(a_count_for_all_entries_is_shared_between_them),
		cmocka_unit_test(off_for_all_is_off_for_each),
		cmocka_unit_test(unknown_names_are_refused),
		cmocka_unit_test(the_query_is_decoded_and_repeats_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
