/* SPDX-License-Identifier: BSD-3-Clause */

/* The curves: CUBIC (RFC 9438), NewReno (RFC 5681), HyStart++ (RFC 9406), without a segment. */

#include "tcp/tcp_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MSS 1000u
#define MSEC UINT64_C(1000)
#define SEC UINT64_C(1000000)
#define RTT_MS 50u

static struct tcp_flight flight;
static struct tcp_conn conn;

static struct tcp_conn *fresh(uint32_t cwnd_segs)
{
	flight = (struct tcp_flight){.c = &conn};
	conn = (struct tcp_conn){
		.f = &flight,
		.mss = MSS,
		.cwnd = cwnd_segs * MSS,
		.ssthresh = TCP_MAX_CWND,
		.srtt_us = RTT_MS * MSEC,
		.min_rtt_us = RTT_MS * MSEC,
	};
	return &conn;
}

static double segs(const struct tcp_conn *c)
{
	return (double)c->cwnd / MSS;
}

/* A loss at <cwnd_segs>; growth begins at <now>. */
static struct tcp_conn *after_loss(uint32_t cwnd_segs, uint64_t now)
{
	struct tcp_conn *c = fresh(cwnd_segs);

	c->ssthresh = tcp_cc_cubic.on_loss(c, now);
	c->cwnd = c->ssthresh;
	return c;
}

/* Full windows are acknowledged, segment by segment, for <us>. */
static void run(struct tcp_conn *c, const struct tcp_cc_ops *cc, uint64_t *now, uint64_t us)
{
	const uint64_t end = *now + us;

	while (*now < end) {
		*now += (uint64_t)(RTT_MS * MSEC / segs(c));
		cc->on_ack(c, MSS, *now);
	}
}

static void loss_takes_three_tenths(void **)
{
	assert_int_equal(after_loss(100, SEC)->ssthresh, 70 * MSS);
	/* Never below two segments. */
	assert_int_equal(after_loss(2, SEC)->ssthresh, 2 * MSS);
}

static void window_is_back_after_k_seconds(void **)
{
	/* RFC 9438 4.2: K = cbrt((1000 - 700) / 0.4) = 9.085 s. */
	uint64_t now = SEC;
	struct tcp_conn *c = after_loss(1000, now);
	const double k = cbrt(300 / 0.4);

	run(c, &tcp_cc_cubic, &now, (uint64_t)(k * SEC));
	assert_true(fabs(segs(c) - 1000) < 10);
}

static void curve_is_flat_around_the_old_maximum_and_steep_away_from_it(void **)
{
	uint64_t now = SEC;
	struct tcp_conn *c = after_loss(1000, now);
	const double k = cbrt(300 / 0.4);
	double at[4];

	/* W(t) = 0.4 (t - K)^3 + 1000 */
	for (unsigned i = 0; i < 4; i++) {
		run(c, &tcp_cc_cubic, &now, 4 * SEC);
		at[i] = segs(c);
		const double t = (double)(now - SEC) / SEC - k;

		assert_true(fabs(at[i] - (0.4 * t * t * t + 1000)) < 15);
	}
	assert_true(at[0] - 700 > 100);   /* 0 to 4 s */
	assert_true(at[2] - at[1] < 20);  /* 8 to 12 s */
	assert_true(at[3] - at[2] > 100); /* 12 to 16 s */
}

static void small_windows_grow_as_reno_would(void **)
{
	/* RFC 9438 4.3: 3 * 0.3 / 1.7 segments a round trip until the old window is reached. */
	uint64_t now = SEC;
	struct tcp_conn *c = after_loss(20, now);

	run(c, &tcp_cc_cubic, &now, 10 * RTT_MS * MSEC);
	assert_true(fabs(segs(c) - (14 + 10 * 0.529)) < 0.6);
	/* Then one segment a round trip. */
	run(c, &tcp_cc_cubic, &now, 5 * RTT_MS * MSEC);
	const double before = segs(c);

	run(c, &tcp_cc_cubic, &now, 10 * RTT_MS * MSEC);
	assert_true(fabs(segs(c) - before - 10) < 1.5);
}

static void shrinking_share_is_given_up_sooner(void **)
{
	/* RFC 9438 4.7: a loss below the last maximum lowers it further. */
	struct tcp_conn *c = after_loss(1000, SEC);

	c->cwnd = 800 * MSS;
	c->ssthresh = tcp_cc_cubic.on_loss(c, 2 * SEC);
	assert_int_equal(c->ssthresh, 560 * MSS);
	assert_true(fabs(flight.cubic.w_max - 800 * 0.85) < 0.01);
	/* One above it does not. */
	c->cwnd = 900 * MSS;
	tcp_cc_cubic.on_loss(c, 3 * SEC);
	assert_true(fabs(flight.cubic.w_max - 900) < 0.01);
}

static void growth_is_at_most_half_a_window_each_round_trip(void **)
{
	uint64_t now = SEC;
	struct tcp_conn *c = after_loss(10, now);
	uint32_t before;

	run(c, &tcp_cc_cubic, &now, 20 * RTT_MS * MSEC);
	/* A pause: the curve goes on without us, the window must not jump after it. */
	now += 60 * SEC;
	before = c->cwnd;
	run(c, &tcp_cc_cubic, &now, RTT_MS * MSEC);
	assert_true(c->cwnd <= before * 17 / 10);
}

static void mark_takes_less_than_a_loss(void **)
{
	struct tcp_conn *c = fresh(100);

	assert_int_equal(tcp_cc_cubic.on_mark(c, SEC), 85 * MSS);
	assert_int_equal(tcp_cc_newreno.on_mark(c, SEC), 80 * MSS);
	assert_int_equal(tcp_cc_newreno.on_loss(c, SEC), 50 * MSS);
}

static void after_a_timeout_the_curve_begins_where_slow_start_ends(void **)
{
	uint64_t now = SEC;
	struct tcp_conn *c = fresh(1000);

	c->ssthresh = tcp_cc_cubic.on_loss(c, now);
	tcp_cc_cubic.on_rto(c);
	c->cwnd = MSS;
	while (c->cwnd < c->ssthresh)
		tcp_cc_cubic.on_ack(c, MSS, now += MSEC);
	assert_int_equal(c->cwnd, 700 * MSS);
	tcp_cc_cubic.on_ack(c, MSS, now);
	assert_true(flight.cubic.k == 0);
	assert_true(fabs(flight.cubic.w_max - 700) < 0.01);
}

static void newreno_adds_a_segment_a_round_trip(void **)
{
	uint64_t now = SEC;
	struct tcp_conn *c = fresh(50);

	c->ssthresh = 50 * MSS;
	run(c, &tcp_cc_newreno, &now, 10 * RTT_MS * MSEC);
	assert_true(fabs(segs(c) - 60) < 1);
}

/* ---- HyStart++ ---- */

/* A round in which all segments take <rtt_ms>. */
static void round_of(struct tcp_conn *c, uint32_t rtt_ms)
{
	const uint32_t nb = c->cwnd / MSS;

	c->snd_nxt = c->snd_una + nb * MSS;
	for (uint32_t i = 0; i < nb && c->cwnd < c->ssthresh; i++) {
		c->snd_una += MSS;
		tcp_hystart_sample(c, rtt_ms * MSEC);
		if (c->cwnd < c->ssthresh)
			tcp_slow_start(c, MSS);
		c->snd_nxt += MSS;
	}
}

static void slow_start_doubles_while_the_round_trip_stays(void **)
{
	struct tcp_conn *c = fresh(10);

	c->snd_una = 1;
	for (unsigned i = 0; i < 5; i++)
		round_of(c, RTT_MS);
	assert_int_equal(c->cwnd, 320 * MSS);
}

static void longer_round_trips_end_slow_start_after_five_rounds(void **)
{
	struct tcp_conn *c = fresh(10);
	unsigned nb = 0;

	c->snd_una = 1;
	for (unsigned i = 0; i < 3; i++)
		round_of(c, RTT_MS);
	assert_int_equal(c->cwnd, 80 * MSS);
	/* A queue builds up: less than 1.25^6 instead of 2^6. */
	while (c->cwnd < c->ssthresh && nb++ < 10)
		round_of(c, RTT_MS + 8);
	assert_in_range(nb, 5, 7);
	assert_int_equal(c->ssthresh, c->cwnd);
	assert_true(c->cwnd < 320 * MSS);
}

static void one_long_round_trip_is_taken_for_noise(void **)
{
	struct tcp_conn *c = fresh(10);

	c->snd_una = 1;
	for (unsigned i = 0; i < 3; i++)
		round_of(c, RTT_MS);
	round_of(c, RTT_MS + 8);
	const uint32_t slowed = c->cwnd;

	round_of(c, RTT_MS);
	round_of(c, RTT_MS);
	assert_true(c->cwnd > 3 * slowed);
	assert_true(c->ssthresh == TCP_MAX_CWND);
}

static void slow_start_with_a_known_end_is_left_alone(void **)
{
	struct tcp_conn *c = fresh(10);

	c->snd_una = 1;
	c->ssthresh = 400 * MSS;
	for (unsigned i = 0; i < 5; i++)
		round_of(c, RTT_MS * (i + 1));
	assert_int_equal(c->cwnd, 320 * MSS);
	round_of(c, RTT_MS);
	assert_int_equal(c->cwnd, 400 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_takes_three_tenths),
		cmocka_unit_test(window_is_back_after_k_seconds),
		cmocka_unit_test(curve_is_flat_around_the_old_maximum_and_steep_away_from_it),
		cmocka_unit_test(small_windows_grow_as_reno_would),
		cmocka_unit_test(shrinking_share_is_given_up_sooner),
		cmocka_unit_test(growth_is_at_most_half_a_window_each_round_trip),
		cmocka_unit_test(mark_takes_less_than_a_loss),
		cmocka_unit_test(after_a_timeout_the_curve_begins_where_slow_start_ends),
		cmocka_unit_test(newreno_adds_a_segment_a_round_trip),
		cmocka_unit_test(slow_start_doubles_while_the_round_trip_stays),
		cmocka_unit_test(longer_round_trips_end_slow_start_after_five_rounds),
		cmocka_unit_test(one_long_round_trip_is_taken_for_noise),
		cmocka_unit_test(slow_start_with_a_known_end_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
