/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/stats/histogram.h"
#include "common/stats/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void bounds_ascend_and_hold_their_values(void **state)
{
	(void)state;
	static struct histogram h;

	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++)
		assert_true(histogram_bound(i) > histogram_bound(i - 1));
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		memset(&h, 0, sizeof(h));
		histogram_add(&h, histogram_bound(i));
		assert_int_equal(h.bucket[i], 1);
		histogram_add(&h, histogram_bound(i) + 1);
		assert_int_equal(h.bucket[i + 1], 1);
	}
}

static void the_relative_error_is_an_eighth_at_most(void **state)
{
	(void)state;
	static struct histogram h;

	for (uint64_t v = 1; v < 1u << 30; v = v * 5 / 4 + 1) {
		memset(&h, 0, sizeof(h));
		histogram_add(&h, v);
		uint64_t q = histogram_quantile(&h, 500);
		assert_in_range(q, v, v + v / 8);
	}
}

static void quantiles_are_those_of_the_values(void **state)
{
	(void)state;
	static struct histogram h;

	assert_int_equal(histogram_quantile(&h, 500), 0);
	for (uint64_t v = 0; v < 8; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_quantile(&h, 0), 0);
	assert_int_equal(histogram_quantile(&h, 500), 3);
	assert_int_equal(histogram_quantile(&h, 501), 4);
	assert_int_equal(histogram_quantile(&h, 1000), 7);
	assert_int_equal(histogram_quantile(&h, 9999), 7);
	assert_int_equal(h.count, 8);
	assert_int_equal(h.sum, 28);
	assert_int_equal(h.max, 7);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 1);
	assert_true(histogram_quantile(&h, 1000) == UINT64_MAX);
	assert_true(h.max == UINT64_MAX);
}

static void outcomes_have_distinct_lower_case_names(void **state)
{
	(void)state;
	assert_string_equal(outcome_name(OUTCOME_TCP_OUT_OF_WINDOW), "tcp_out_of_window");
	assert_string_equal(outcome_text(OUTCOME_IP_CHECKSUM), "wrong IPv4 header checksum");
	assert_int_equal(outcome_class(OUTCOME_POLICY_NO_TAGS), OUTCOME_CLASS_DENY);
	assert_string_equal(outcome_class_name(OUTCOME_CLASS_REFUSE), "refuse");
	for (int i = 0; i < OUTCOME__COUNT; i++) {
		const char *name = outcome_name((enum outcome)i);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
				 strlen(name));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, outcome_name((enum outcome)k));
	}
}

static void an_outcome_out_of_range_is_unknown(void **state)
{
	(void)state;
	assert_string_equal(outcome_name(OUTCOME__COUNT), "unknown");
	assert_string_equal(outcome_text((enum outcome)70000), "unknown");
	assert_int_equal(outcome_class(OUTCOME__COUNT), OUTCOME_CLASS_FAIL);
	assert_string_equal(outcome_class_name((enum outcome_class)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_ascend_and_hold_their_values),
		cmocka_unit_test(the_relative_error_is_an_eighth_at_most),
		cmocka_unit_test(quantiles_are_those_of_the_values),
		cmocka_unit_test(outcomes_have_distinct_lower_case_names),
		cmocka_unit_test(an_outcome_out_of_range_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
