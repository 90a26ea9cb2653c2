/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_arena.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS 20000

static char *text;

/* An object of many records, each of some values. */
static int setup(void **)
{
	json_t *all = json_object();

	for (int i = 0; i < RECORDS; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%d", i);
		json_object_set_new(
			all, key,
			json_pack("{s:i,s:s,s:[b,n]}", "n", i, "name", key, "list", i % 2));
	}
	text = json_dumps(all, 0);
	json_decref(all);
	return text == NULL ? -1 : 0;
}

static int teardown(void **)
{
	free(text);
	return 0;
}

static json_t *parse(bool *ret_is_arena)
{
	*ret_is_arena = ems_arena_begin();

	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	ems_arena_end();
	return j;
}

static void check(const json_t *j)
{
	assert_int_equal(json_object_size(j), RECORDS);
	for (int i = 0; i < RECORDS; i += 777) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%d", i);

		const json_t *r = json_object_get(j, key);

		assert_int_equal(json_integer_value(json_object_get(r, "n")), i);
		assert_string_equal(json_string_value(json_object_get(r, "name")), key);
		assert_int_equal(json_array_size(json_object_get(r, "list")), 2);
	}
}

static void without_an_installation_it_is_malloc_as_ever(void **)
{
	bool is_arena;
	json_t *j = parse(&is_arena);

	assert_false(is_arena);
	check(j);
	json_decref(j);
}

static void pages_one_after_the_other_are_whole(void **)
{
	ems_arena_install();
	for (int round = 0; round < 3; round++) {
		bool is_arena;
		json_t *j = parse(&is_arena);

		assert_true(is_arena);
		check(j);
		ems_arena_reset();
	}
	ems_arena_thread_fini();
}

static void other_json_lives_beside_a_page(void **)
{
	bool is_arena;

	ems_arena_install();

	json_t *before = json_string("before"), *j = parse(&is_arena);
	json_t *after = json_pack("{s:s}", "after", "it");

	assert_true(is_arena);
	json_decref(before);
	check(j);
	ems_arena_reset();
	assert_string_equal(json_string_value(json_object_get(after, "after")), "it");
	json_decref(after);
	ems_arena_thread_fini();
}

static void a_second_page_beside_the_first_is_mallocs(void **)
{
	bool is_first, is_second;

	ems_arena_install();

	json_t *a = parse(&is_first), *b = parse(&is_second);

	assert_true(is_first);
	assert_false(is_second);
	check(a);
	check(b);
	json_decref(b);
	check(a);
	ems_arena_reset();
	ems_arena_thread_fini();
}

static void what_is_no_json_leaves_nothing_behind(void **)
{
	ems_arena_install();
	assert_true(ems_arena_begin());
	assert_null(json_loads("{\"a\":[1,2,{\"b\":\"c\"", 0, NULL));
	ems_arena_end();
	ems_arena_reset();
	ems_arena_thread_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_installation_it_is_malloc_as_ever),
		cmocka_unit_test(pages_one_after_the_other_are_whole),
		cmocka_unit_test(other_json_lives_beside_a_page),
		cmocka_unit_test(a_second_page_beside_the_first_is_mallocs),
		cmocka_unit_test(what_is_no_json_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
