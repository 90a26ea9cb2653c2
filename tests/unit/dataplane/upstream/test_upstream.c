/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of real servers: who is the same one, and for how long a failure counts. */

#include "upstream/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX 4

static uint64_t counters[OUTCOME__COUNT];

static struct upstream_key key_of(uint16_t port)
{
	return (struct upstream_key){.address = {.b = {[15] = 20}}, .port = port};
}

static int setup(void **state)
{
	const struct upstream_params p = {.max_conns = 2, .max_servers = MAX, .counters = counters};

	*state = upstream_new(&p);
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	upstream_free(*state);
	return 0;
}

static void the_same_key_is_the_same_server(void **state)
{
	struct upstream_key key = key_of(80);
	struct upstream_server *s = upstream_server_get(*state, &key);

	assert_non_null(s);
	assert_ptr_equal(upstream_server_get(*state, &key), s);
	key.port = 81;
	assert_ptr_not_equal(upstream_server_get(*state, &key), s);
	key.port = 80;
	key.tls_name = SLICE_LIT("a.example");
	assert_ptr_not_equal(upstream_server_get(*state, &key), s);
	key.tls_name = SLICE_EMPTY;
	key.address.b[15]++;
	assert_ptr_not_equal(upstream_server_get(*state, &key), s);
}

static void a_full_table_has_no_entry_for_one_more(void **state)
{
	struct upstream_key key;

	for (uint16_t i = 0; i < MAX; i++) {
		key = key_of(i);
		assert_non_null(upstream_server_get(*state, &key));
	}
	key = key_of(MAX);
	assert_null(upstream_server_get(*state, &key));
	key = key_of(0);
	assert_non_null(upstream_server_get(*state, &key));
}

static void a_name_that_is_too_long_makes_no_server(void **state)
{
	static const uint8_t name[256] = {'a'};
	struct upstream_key key = key_of(80);

	key.tls_name = slice_of(name, sizeof(name));
	assert_null(upstream_server_get(*state, &key));
}

static void a_failure_holds_down_for_the_interval(void **state)
{
	const struct upstream_key key = key_of(80);
	struct upstream_server *s = upstream_server_get(*state, &key);

	assert_false(upstream_server_is_down(s, 1000));
	assert_true(upstream_server_set_down(s, 1000));
	assert_true(upstream_server_is_down(s, 1000));
	assert_true(upstream_server_is_down(s, 1000 + UPSTREAM_HOLDDOWN_US - 1));
	assert_false(upstream_server_is_down(s, 1000 + UPSTREAM_HOLDDOWN_US));
}

static void a_second_failure_is_no_news_but_lasts_longer(void **state)
{
	const struct upstream_key key = key_of(80);
	struct upstream_server *s = upstream_server_get(*state, &key);

	assert_true(upstream_server_set_down(s, 1000));
	assert_false(upstream_server_set_down(s, 2000));
	assert_true(upstream_server_is_down(s, 1999 + UPSTREAM_HOLDDOWN_US));
	/* Dead after the interval too: it has not answered in between. */
	assert_false(upstream_server_set_down(s, 5000 + 2 * UPSTREAM_HOLDDOWN_US));
}

static void an_answer_ends_the_hold_down_and_is_news_once(void **state)
{
	const struct upstream_key key = key_of(80);
	struct upstream_server *s = upstream_server_get(*state, &key);

	assert_false(upstream_server_set_up(s));
	assert_true(upstream_server_set_down(s, 1000));
	assert_true(upstream_server_set_up(s));
	assert_false(upstream_server_is_down(s, 1001));
	assert_false(upstream_server_set_up(s));
	assert_true(upstream_server_set_down(s, 2000));
}

static void a_hold_down_outlives_a_new_configuration(void **state)
{
	const struct upstream_key key = key_of(80), other = key_of(81);

	(void)upstream_server_set_down(upstream_server_get(*state, &key), 1000);
	(void)upstream_server_get(*state, &other);
	upstream_flush(*state, 2000);
	assert_true(upstream_server_is_down(upstream_server_get(*state, &key), 2000));
	assert_false(upstream_server_is_down(upstream_server_get(*state, &other), 2000));
}

static void a_flush_makes_room(void **state)
{
	for (uint16_t turn = 0; turn < 5; turn++) {
		for (uint16_t i = 0; i < MAX; i++) {
			const struct upstream_key key = key_of((uint16_t)(turn * MAX + i));

			assert_non_null(upstream_server_get(*state, &key));
		}
		upstream_flush(*state, turn);
	}
	assert_int_equal(upstream_nb_idle(*state), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_key_is_the_same_server),
		TEST(a_full_table_has_no_entry_for_one_more),
		TEST(a_name_that_is_too_long_makes_no_server),
		TEST(a_failure_holds_down_for_the_interval),
		TEST(a_second_failure_is_no_news_but_lasts_longer),
		TEST(an_answer_ends_the_hold_down_and_is_news_once),
		TEST(a_hold_down_outlives_a_new_configuration),
		TEST(a_flush_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
