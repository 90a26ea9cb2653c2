/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TICK (1u << WHEEL_TICK_SHIFT)
#define NB 2000u

static uint64_t rng_state = 1;

static uint64_t rnd(void)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ (z >> 31);
}

static void timer_fires_once_and_not_early(void **)
{
	static struct wheel w;
	struct wheel_timer t = {.kind = 7};

	wheel_init(&w, 1000);
	wheel_arm(&w, &t, 5001);
	assert_true(wheel_timer_is_armed(&t));
	assert_null(wheel_pop(&w, 5000));
	assert_true(wheel_next_us(&w) <= 5001 + TICK);
	assert_ptr_equal(wheel_pop(&w, 5001 + TICK), &t);
	assert_int_equal(t.kind, 7);
	assert_false(wheel_timer_is_armed(&t));
	assert_null(wheel_pop(&w, 1000000));
	assert_int_equal(wheel_next_us(&w), UINT64_MAX);
}

static void past_deadline_is_due_at_once(void **)
{
	static struct wheel w;
	struct wheel_timer t = {0};

	wheel_init(&w, 1000000);
	wheel_arm(&w, &t, 5);
	assert_true(wheel_next_us(&w) <= 1000000);
	assert_ptr_equal(wheel_pop(&w, 1000000), &t);
}

static void cancelled_timer_never_fires(void **)
{
	static struct wheel w;
	struct wheel_timer a = {0}, b = {0};

	wheel_init(&w, 0);
	wheel_cancel(&w, &a);
	wheel_arm(&w, &a, 10000);
	wheel_arm(&w, &b, 10000);
	wheel_cancel(&w, &a);
	assert_int_equal(w.nb_armed, 1);
	assert_ptr_equal(wheel_pop(&w, 1000000), &b);
	assert_null(wheel_pop(&w, 1000000));
	assert_int_equal(w.nb_armed, 0);
}

static void arming_again_moves_it(void **)
{
	static struct wheel w;
	struct wheel_timer t = {0};

	wheel_init(&w, 0);
	wheel_arm(&w, &t, 10000);
	wheel_arm(&w, &t, 50000);
	assert_int_equal(w.nb_armed, 1);
	assert_null(wheel_pop(&w, 40000));
	assert_ptr_equal(wheel_pop(&w, 51000), &t);
}

static void very_far_deadlines_are_kept(void **)
{
	static struct wheel w;
	struct wheel_timer t = {0};
	const uint64_t year = UINT64_C(365) * 86400 * 1000000;

	wheel_init(&w, 12345);
	wheel_arm(&w, &t, year);
	assert_null(wheel_pop(&w, year / 4));
	assert_ptr_equal(wheel_pop(&w, year), &t);
}

/* Any start, the carries through all levels included, against the naive way. */
static void thousands_of_timers_all_fire_in_their_time(void **)
{
	static const uint64_t starts[] = {
		0,
		UINT64_C(0x3fffff00),
		UINT64_C(0xfffffffffff),
		((UINT64_C(1) << 36) - 2) << WHEEL_TICK_SHIFT,
	};
	static struct wheel w;
	static struct wheel_timer t[NB];
	static uint64_t due[NB];

	for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
		uint64_t now = starts[k];
		unsigned left = NB;
		struct wheel_timer *x;

		memset(t, 0, sizeof(t));
		wheel_init(&w, now);
		for (unsigned i = 0; i < NB; i++) {
			due[i] = now + rnd() % (UINT64_C(1) << (10 + rnd() % 24));
			wheel_arm(&w, &t[i], due[i]);
		}
		while (left > 0) {
			const uint64_t next = wheel_next_us(&w);

			assert_true(next != UINT64_MAX);
			now = next > now ? next + rnd() % 3000 : now + TICK;
			while ((x = wheel_pop(&w, now)) != NULL) {
				const unsigned i = (unsigned)(x - t);

				assert_true(due[i] <= now);
				due[i] = UINT64_MAX;
				left--;
			}
			for (unsigned i = 0; i < NB; i++)
				assert_true(due[i] == UINT64_MAX || due[i] + TICK > now);
		}
		assert_int_equal(w.nb_armed, 0);
	}
}

/* A million keepalives that come near at once must not stop the packets. */
static void long_list_is_taken_in_steps(void **)
{
	enum {
		CROWD = 10 * WHEEL_SPILL_STEP
	};
	static struct wheel w;
	static struct wheel_timer t[CROWD];
	const uint64_t hour = UINT64_C(3600) * 1000000;
	struct wheel_timer *x;
	uint64_t now = hour - UINT64_C(40) * 1000000;
	unsigned calls = 0, fired = 0;

	memset(t, 0, sizeof(t));
	wheel_init(&w, 0);
	for (unsigned i = 0; i < CROWD; i++)
		wheel_arm(&w, &t[i], hour);
	/* The hour's slot has begun: one call does one step, and says that there is more to do. */
	assert_null(wheel_pop(&w, now));
	while (w.spill != NULL) {
		assert_true(wheel_next_us(&w) <= now);
		wheel_cancel(&w, &t[calls * 7]); /* wherever it is */
		assert_null(wheel_pop(&w, ++now));
		calls++;
	}
	assert_in_range(calls, 8, 10);
	while ((x = wheel_pop(&w, hour)) != NULL)
		fired++;
	assert_int_equal(fired, CROWD - calls);
	assert_int_equal(wheel_next_us(&w), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_fires_once_and_not_early),
		cmocka_unit_test(long_list_is_taken_in_steps),
		cmocka_unit_test(past_deadline_is_due_at_once),
		cmocka_unit_test(cancelled_timer_never_fires),
		cmocka_unit_test(arming_again_moves_it),
		cmocka_unit_test(very_far_deadlines_are_kept),
		cmocka_unit_test(thousands_of_timers_all_fire_in_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
