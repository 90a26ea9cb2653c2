/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HZ UINT64_C(2600000000)
#define START UINT64_C(123456789012345)

static struct schedule schedule_of(uint32_t nb_rates)
{
	const struct load_options opt = {
		.nb_rates = nb_rates,
		.ramp_s = 2,
		.warm_up_s = 1,
		.duration_s = 5,
		.hold_s = 3,
	};
	struct schedule s;

	schedule_init(&s, &opt, HZ);
	schedule_begin(&s, START);
	return s;
}

/* Seconds after START, rounded, at which the phase after this one begins. */
static uint64_t next_at(struct schedule *s, uint64_t from_s, enum load_phase *ret)
{
	for (uint64_t t = from_s; t < from_s + 100; t++) {
		if (schedule_advance(s, START + t * HZ, true, false)) {
			*ret = s->phase;
			return t;
		}
	}
	return UINT64_MAX;
}

static void one_window_follows_ramp_and_warm_up_and_is_held(void **)
{
	struct schedule s = schedule_of(0);
	enum load_phase phase;

	assert_int_equal(next_at(&s, 0, &phase), 2);
	assert_int_equal(phase, LOAD_P_WARM_UP);
	assert_int_equal(next_at(&s, 2, &phase), 3);
	assert_int_equal(phase, LOAD_P_WINDOW);
	assert_int_equal(next_at(&s, 3, &phase), 8);
	assert_int_equal(phase, LOAD_P_HOLD);
	assert_int_equal(next_at(&s, 8, &phase), 11);
	assert_int_equal(phase, LOAD_P_END);
	assert_false(schedule_advance(&s, START + 1000 * HZ, true, true));
}

static void each_rate_has_its_own_warm_up_and_window(void **)
{
	struct schedule s = schedule_of(3);
	enum load_phase phase;
	uint64_t t = next_at(&s, 0, &phase);

	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(phase, LOAD_P_WARM_UP);
		assert_int_equal(s.window_idx, i);
		t = next_at(&s, t, &phase);
		assert_int_equal(phase, LOAD_P_WINDOW);
		assert_int_equal(s.window_idx, i);
		t = next_at(&s, t, &phase);
	}
	assert_int_equal(phase, LOAD_P_HOLD);
	assert_int_equal(t, 2 + 3 * 6);
}

static void the_ramp_waits_for_the_last_connection(void **)
{
	struct schedule s = schedule_of(0);

	assert_false(schedule_advance(&s, START + 60 * HZ, false, false));
	assert_true(schedule_advance(&s, START + 61 * HZ, true, false));
	assert_int_equal(s.phase, LOAD_P_WARM_UP);
}

static void being_told_to_stop_ends_every_phase(void **)
{
	struct schedule s = schedule_of(0);

	assert_true(schedule_advance(&s, START + 1, false, true));
	assert_int_equal(s.phase, LOAD_P_END);
}

static void connections_are_opened_evenly_over_the_ramp(void **)
{
	const struct schedule s = schedule_of(0);

	assert_int_equal(schedule_ramp_due(&s, 0, 1000), START);
	assert_int_equal(schedule_ramp_due(&s, 500, 1000), START + HZ);
	for (uint32_t i = 1; i < 1000; i++)
		assert_true(schedule_ramp_due(&s, i, 1000) > schedule_ramp_due(&s, i - 1, 1000));
	assert_true(schedule_ramp_due(&s, 999, 1000) < START + 2 * HZ);
}

static void intended_times_do_not_drift_in_minutes(void **)
{
	/* A period that is no whole number of cycles. */
	const double rate = 7777;
	struct pacer p;
	uint64_t last = 0;

	pacer_start(&p, rate, HZ, 0, START);
	assert_int_equal(p.due, START);
	for (uint64_t k = 0; k <= 360 * 7777; k++)
		last = pacer_take(&p);
	assert_in_range(last, START + 360 * HZ - 1, START + 360 * HZ + 1);
}

static void a_stalled_sender_finds_what_was_due_meanwhile(void **)
{
	struct pacer p;

	pacer_start(&p, 1000, HZ, 0, START);
	assert_int_equal(pacer_backlog(&p, START), 1);
	(void)pacer_take(&p);
	assert_int_equal(pacer_backlog(&p, START), 0);
	/* A tenth of a second in which nothing could be sent: the times stay those intended. */
	assert_int_equal(pacer_backlog(&p, START + HZ / 10), 100);
	assert_true(pacer_is_due(&p, START + HZ / 10));
	assert_int_equal(pacer_take(&p), START + HZ / 1000);
	assert_int_equal(pacer_take(&p), START + 2 * HZ / 1000);
	assert_int_equal(pacer_backlog(&p, START + HZ / 10), 98);
}

static void workers_take_turns_at_a_rate_they_share(void **)
{
	struct pacer a, b;

	pacer_start(&a, 500, HZ, 0.0, START);
	pacer_start(&b, 500, HZ, 0.5, START);
	for (int i = 0; i < 100; i++) {
		const uint64_t x = pacer_take(&a), y = pacer_take(&b);

		assert_int_equal(y - x, HZ / 1000);
	}
}

static void a_stopped_pacer_owes_nothing(void **)
{
	struct pacer p;

	pacer_start(&p, 1000, HZ, 0, START);
	pacer_stop(&p);
	assert_false(pacer_is_due(&p, START + HZ));
	assert_int_equal(pacer_backlog(&p, START + HZ), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_window_follows_ramp_and_warm_up_and_is_held),
		cmocka_unit_test(each_rate_has_its_own_warm_up_and_window),
		cmocka_unit_test(the_ramp_waits_for_the_last_connection),
		cmocka_unit_test(being_told_to_stop_ends_every_phase),
		cmocka_unit_test(connections_are_opened_evenly_over_the_ramp),
		cmocka_unit_test(intended_times_do_not_drift_in_minutes),
		cmocka_unit_test(a_stalled_sender_finds_what_was_due_meanwhile),
		cmocka_unit_test(workers_take_turns_at_a_rate_they_share),
		cmocka_unit_test(a_stopped_pacer_owes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
