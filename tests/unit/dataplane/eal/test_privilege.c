/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal/privilege.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void numbers_need_no_entry(void **)
{
	struct privilege p;

	assert_int_equal(privilege_parse("4242:4343", &p), 0);
	assert_int_equal(p.uid, 4242);
	assert_int_equal(p.gid, 4343);
	assert_int_equal(privilege_parse("3999999998", &p), 0);
	assert_int_equal(p.uid, 3999999998u);
	assert_int_equal(p.gid, 3999999998u);
}

static void a_name_brings_its_group(void **)
{
	struct privilege p;

	assert_int_equal(privilege_parse("root", &p), 0);
	assert_int_equal(p.uid, 0);
	assert_int_equal(p.gid, 0);
	assert_int_equal(privilege_parse("4242:root", &p), 0);
	assert_int_equal(p.uid, 4242);
	assert_int_equal(p.gid, 0);
}

static void what_names_nobody_is_refused_and_leaves_the_result(void **)
{
	struct privilege p = {.uid = 7, .gid = 8};

	assert_int_equal(privilege_parse("no-such-user-here", &p), -ENOENT);
	assert_int_equal(privilege_parse("1:no-such-group-here", &p), -ENOENT);
	assert_int_equal(privilege_parse("", &p), -EINVAL);
	assert_int_equal(privilege_parse(":1", &p), -EINVAL);
	/* (uid_t)-1 means "unchanged" to the kernel: it must never get there. */
	assert_int_not_equal(privilege_parse("4294967295", &p), 0);
	assert_int_equal(p.uid, 7);
	assert_int_equal(p.gid, 8);
}

static void root_is_nothing_to_drop_to(void **)
{
	const struct privilege p = {.uid = 0, .gid = 0};

	assert_int_equal(privilege_drop(&p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_need_no_entry),
		cmocka_unit_test(a_name_brings_its_group),
		cmocka_unit_test(what_names_nobody_is_refused_and_leaves_the_result),
		cmocka_unit_test(root_is_nothing_to_drop_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
