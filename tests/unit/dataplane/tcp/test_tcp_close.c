/* SPDX-License-Identifier: BSD-3-Clause */

/* Closing: RFC 9293 3.6, RFC 1122 4.2.2.13, RFC 1337, RFC 2525 2.17, RFC 6191. */

#include "script.h"

#include <errno.h>
#include <string.h>

#define SCRIPT struct script *s = *state

static void peer_closes_first(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK | FIN, 1, 1, 65535, "bye", 3);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_CLOSE_WAIT);
	assert_true(sc_events(s) & TCP_EV_READABLE);
	assert_false(stream_is_eof(tcp_conn_stream(s->c)));
	assert_int_equal(sc_read(s, NULL, 0), 3);
	assert_true(stream_is_eof(tcp_conn_stream(s->c)));
	sc_expect(s, ACK, 1, 5, 0);
	/* We may go on sending. */
	assert_int_equal(sc_write(s, 10), 10);
	sc_expect(s, ACK, 1, 5, 10);
	tcp_close(s->c, s->now);
	sc_expect(s, ACK | FIN, 11, 5, 0);
	sc_in(s, ACK, 5, 12, 65535, NULL, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 0);
	sc_expect_nothing(s);
}

static void we_close_first_and_wait(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 10);
	tcp_close(s->c, s->now);
	/* The FIN rides on the last text. */
	sc_expect(s, ACK | FIN, 1, 1, 10);
	sc_in(s, ACK, 1, 12, 65535, NULL, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 1);
	sc_in(s, ACK | FIN, 1, 12, 65535, NULL, 0);
	sc_expect(s, ACK, 12, 2, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 1);
	/* The FIN again: our ACK was lost. */
	sc_in(s, ACK | FIN, 1, 12, 65535, NULL, 0);
	sc_expect(s, ACK, 12, 2, 0);
	/* RFC 1337: a reset does not end the wait. */
	sc_in(s, RST, 2, 0, 0, NULL, 0);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 1);
	sc_in(s, ACK, 2, 12, 65535, NULL, 0);
	sc_expect_nothing(s);
	sc_wait(s, 59 * (uint64_t)SEC);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 1);
	sc_wait(s, 2 * SEC);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 0);
}

static void newer_syn_takes_over_from_time_wait(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_close(s->c, s->now);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_in(s, ACK | FIN, 1, 2, 65535, NULL, 0);
	sc_expect(s, ACK, 2, 2, 0);
	const uint32_t old_nxt = s->iss + 2;

	sc_in(s, SYN, 1, 0, 1000, NULL, 0); /* not newer */
	sc_expect(s, ACK, 2, 2, 0);
	sc_in(s, SYN, 500, 0, 1000, NULL, 0);
	sc_expect(s, SYN | ACK, 0, 501, 0);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 0);
	/* Above everything that the old incarnation can have sent. */
	assert_true((int32_t)(s->iss - old_nxt) > 65535);
}

static void half_close_goes_on_reading(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_shutdown(s->c, s->now);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_FIN_WAIT_1);
	assert_int_equal(sc_write(s, 10), 0);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_in(s, ACK, 1, 2, 65535, "still here", 10);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_FIN_WAIT_2);
	assert_int_equal(sc_read(s, NULL, 0), 10);
	sc_expect(s, ACK, 2, 11, 0);
	sc_in(s, ACK | FIN, 11, 2, 65535, "end", 3);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_TIME_WAIT);
	assert_int_equal(sc_read(s, NULL, 0), 3);
	assert_true(stream_is_eof(tcp_conn_stream(s->c)));
	sc_expect(s, ACK, 2, 15, 0);
	tcp_close(s->c, s->now);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 1);
	sc_expect_nothing(s);
}

static void both_sides_may_close_at_once(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_shutdown(s->c, s->now);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_in(s, ACK | FIN, 1, 1, 65535, NULL, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_CLOSING);
	sc_expect(s, ACK, 2, 2, 0);
	sc_in(s, ACK, 2, 2, 65535, NULL, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_TIME_WAIT);
	tcp_close(s->c, s->now);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 1);
}

static void fin_and_ack_of_ours_in_one_go_straight_to_time_wait(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_shutdown(s->c, s->now);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_in(s, ACK | FIN, 1, 2, 65535, NULL, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_TIME_WAIT);
	tcp_close(s->c, s->now);
}

static void lost_fin_is_sent_again(void **state)
{
	SCRIPT;

	sc_open(s, false);
	tcp_close(s->c, s->now);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_wait(s, 300 * MSEC);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	/* Nobody answers: it is given up, not kept for ever. */
	for (unsigned i = 0; i < 120; i++) {
		sc_wait(s, SEC);
		sc_out(s);
	}
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
}

static void fin_out_of_order_waits_for_the_text_before_it(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK | FIN, 4, 1, 65535, "def", 3);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
	sc_expect(s, ACK, 1, 1, 0);
	sc_in(s, ACK, 1, 1, 65535, "abc", 3);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_CLOSE_WAIT);
	sc_expect(s, ACK, 1, 8, 0);
	assert_int_equal(sc_read(s, NULL, 0), 6);
	assert_true(stream_is_eof(tcp_conn_stream(s->c)));
	tcp_abort(s->c, s->now);
}

static void close_with_unread_bytes_is_a_reset(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 1, 65535, "abc", 3);
	tcp_close(s->c, s->now);
	sc_expect(s, RST | ACK, 1, 4, 0);
	assert_int_equal(s->counters[OUTCOME_TCP_CLOSE_UNREAD], 1);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
}

static void text_after_close_is_a_reset(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_close(s->c, s->now);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_in(s, ACK, 1, 2, 65535, "abc", 3);
	sc_expect(s, RST | ACK, 2, 1, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
}

static void peer_that_never_closes_is_forgotten(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_close(s->c, s->now);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	sc_in(s, ACK, 1, 2, 65535, NULL, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 1);
	sc_wait(s, 61 * (uint64_t)SEC);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
}

static void abort_resets_and_forgets(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 100);
	sc_out(s);
	tcp_abort(s->c, s->now);
	sc_expect(s, RST | ACK, 101, 1, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	sc_in(s, ACK, 1, 101, 65535, NULL, 0);
	sc_expect(s, RST, 101, 0, 0);
}

static void reset_before_accept_leaves_nothing(void **state)
{
	SCRIPT;

	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	sc_in(s, ACK, 1, 1, 1000, "abc", 3);
	sc_in(s, RST, 4, 0, 0, NULL, 0);
	assert_null(tcp_accept(s->st));
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	assert_int_equal(tcp_stack_nb_mbufs(s->st), 0);
}

static void bytes_that_came_before_a_reset_can_be_read(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 1, 65535, "abc", 3);
	sc_in(s, RST, 4, 0, 0, NULL, 0);
	assert_true(sc_events(s) & TCP_EV_ERROR);
	assert_int_equal(sc_read(s, NULL, 0), 3);
	assert_false(stream_is_eof(tcp_conn_stream(s->c)));
	tcp_close(s->c, s->now);
	sc_expect_nothing(s);
}

static void time_wait_entries_are_recycled(void **state)
{
	SCRIPT;

	for (unsigned i = 0; i < 100; i++) {
		s->peer_port = (uint16_t)(2000 + i);
		sc_open(s, true);
		tcp_close(s->c, s->now);
		sc_out(s);
		sc_in(s, ACK | FIN, 1, 2, 65535, NULL, 0);
		sc_out(s);
	}
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 32);
	sc_wait(s, 61 * (uint64_t)SEC);
	assert_int_equal(tcp_stack_nb_time_wait(s->st), 0);
	assert_int_equal(tcp_next_deadline(s->st), UINT64_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(peer_closes_first),
		T(we_close_first_and_wait),
		T(newer_syn_takes_over_from_time_wait),
		T(half_close_goes_on_reading),
		T(both_sides_may_close_at_once),
		T(fin_and_ack_of_ours_in_one_go_straight_to_time_wait),
		T(lost_fin_is_sent_again),
		T(fin_out_of_order_waits_for_the_text_before_it),
		T(close_with_unread_bytes_is_a_reset),
		T(text_after_close_is_a_reset),
		T(peer_that_never_closes_is_forgotten),
		T(abort_resets_and_forgets),
		T(reset_before_accept_leaves_nothing),
		T(bytes_that_came_before_a_reset_can_be_read),
		T(time_wait_entries_are_recycled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
