/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/snap/snap_arena.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void what_is_appended_is_found_at_its_offset(void **state)
{
	(void)state;
	struct snap_arena a;
	const uint8_t *p;
	size_t len;
	const uint64_t x[] = {1, 2, 3};

	snap_arena_init(&a);
	struct snap_str s = snap_arena_cstr(&a, "odd");
	struct snap_arr arr = snap_arena_arr(&a, x, 3, sizeof(x[0]));
	struct snap_str t = snap_arena_str(&a, "tail", 4);
	struct snap_str blob = snap_arena_blob(&a, "blob", 4);
	struct snap_arr room = snap_arena_reserve(&a, 2, 4);
	*(uint32_t *)snap_arena_at(&a, room, 1, 4) = 9;
	assert_null(snap_arena_at(&a, room, 2, 4));
	for (int i = 0; i < 10000; i++)
		snap_arena_str(&a, "grow, and move, the memory", 26);
	snap_arena_config(&a)->vdom = s;
	assert_int_equal(snap_arena_finish(&a, (const void **)&p, &len), 0);
	assert_int_equal(len % 8, 0);
	assert_int_equal(((const struct snap_config *)p)->len, len);
	assert_int_equal(((const struct snap_config *)p)->vdom.len, 3);
	assert_memory_equal(p + s.off, "odd", 3);
	assert_memory_equal(p + t.off, "tail", 4);
	assert_memory_equal(p + arr.off, x, sizeof(x));
	assert_int_equal(arr.off % 8 + blob.off % 8 + room.off % 8, 0);
	assert_int_equal(((const uint32_t *)(p + room.off))[0], 0);
	assert_int_equal(((const uint32_t *)(p + room.off))[1], 9);
	snap_arena_fini(&a);
}

static void nothing_gives_an_empty_reference(void **state)
{
	(void)state;
	struct snap_arena a;

	snap_arena_init(&a);
	assert_int_equal(snap_arena_cstr(&a, NULL).off, 0);
	assert_int_equal(snap_arena_cstr(&a, "").len, 0);
	assert_int_equal(snap_arena_arr(&a, NULL, 0, 8).off, 0);
	assert_int_equal(a.len, sizeof(struct snap_config));
	snap_arena_fini(&a);
}

static void a_failure_sticks_and_is_told_at_the_end(void **state)
{
	(void)state;
	struct snap_arena a;
	const void *p = NULL;
	size_t len = 5;

	snap_arena_init(&a);
	assert_int_equal(snap_arena_reserve(&a, SIZE_MAX / 4, 8).count, 0);
	assert_int_equal(snap_arena_cstr(&a, "after").len, 0);
	assert_null(snap_arena_config(&a));
	assert_int_equal(snap_arena_finish(&a, &p, &len), -ENOMEM);
	assert_null(p);
	assert_int_equal(len, 5);
	snap_arena_fini(&a);
	/* more than 32 bits can name */
	snap_arena_init(&a);
	assert_int_equal(snap_arena_reserve(&a, 1, 1ull << 32).count, 0);
	assert_int_equal(snap_arena_finish(&a, &p, &len), -ENOMEM);
	snap_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_is_found_at_its_offset),
		cmocka_unit_test(nothing_gives_an_empty_reference),
		cmocka_unit_test(a_failure_sticks_and_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
