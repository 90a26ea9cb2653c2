/* SPDX-License-Identifier: BSD-3-Clause */

#include "logs/denials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void add(struct denials *d, uint64_t session)
{
	const struct denial one = {.r = {.session_id = session}};

	denials_add(d, &one);
}

static void the_latest_comes_first(void **)
{
	struct denials *d = denials_new();

	assert_non_null(d);
	assert_null(denials_get(d, 0));
	add(d, 1);
	add(d, 2);
	assert_int_equal(denials_count(d), 2);
	assert_int_equal(denials_get(d, 0)->r.session_id, 2);
	assert_int_equal(denials_get(d, 1)->r.session_id, 1);
	assert_null(denials_get(d, 2));
	denials_free(d);
}

static void the_oldest_make_room(void **)
{
	struct denials *d = denials_new();

	assert_non_null(d);
	for (uint64_t i = 0; i < DENIALS_CAP + 5; i++)
		add(d, i);
	assert_int_equal(denials_count(d), DENIALS_CAP);
	assert_int_equal(denials_get(d, 0)->r.session_id, DENIALS_CAP + 4);
	assert_int_equal(denials_get(d, DENIALS_CAP - 1)->r.session_id, 5);
	assert_null(denials_get(d, DENIALS_CAP));
	denials_free(d);
}

static void one_is_found_by_its_id_the_latest_first(void **)
{
	struct denials *d = denials_new();
	const struct denial a = {.r = {.session_id = 1, .request_id = {7}}};
	const struct denial b = {.r = {.session_id = 2, .request_id = {7}}};
	const struct denial other = {.r = {.session_id = 3, .request_id = {8}}};
	const uint8_t none[16] = {9};

	assert_non_null(d);
	denials_add(d, &a);
	denials_add(d, &b);
	denials_add(d, &other);
	assert_int_equal(denials_find(d, a.r.request_id)->r.session_id, 2);
	assert_null(denials_find(d, none));
	denials_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_comes_first),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(one_is_found_by_its_id_the_latest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
