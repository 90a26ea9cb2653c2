/* SPDX-License-Identifier: BSD-3-Clause */

/* The pool of what connections need while bytes are under way: one of it, more that want it. */

#include "script.h"

#define SCRIPT struct script *s = *state

/* What belongs to the connection of one peer port. */
struct side {
	struct tcp_conn *c;
	uint32_t iss;
	uint16_t port;
};

static void use(struct script *s, const struct side *d)
{
	s->c = d->c;
	s->iss = d->iss;
	s->peer_port = d->port;
}

static struct side open_on(struct script *s, uint16_t port)
{
	s->peer_port = port;
	sc_open(s, true);
	return (struct side){s->c, s->iss, port};
}

static void remake(struct script *s, uint32_t max_flights)
{
	s->max_flights = max_flights;
	sc_remake(s, 65535, 65536, 16);
}

static void close_both(struct script *s, const struct side *a, const struct side *b)
{
	use(s, a);
	tcp_abort(a->c, s->now);
	sc_out(s);
	use(s, b);
	tcp_abort(b->c, s->now);
	assert_int_equal(tcp_stack_nb_flights(s->st), 0);
}

static void writer_waits_for_a_flight_and_is_told(void **state)
{
	SCRIPT;

	remake(s, 1);
	const struct side a = open_on(s, 5001), b = open_on(s, 5002);

	use(s, &a);
	assert_int_equal(sc_write(s, 100), 100);
	sc_expect(s, ACK, 1, 1, 100);
	use(s, &b);
	assert_int_equal(sc_write(s, 100), 0);
	assert_int_equal(s->counters[OUTCOME_TCP_NO_FLIGHT_FREE], 1);
	use(s, &a);
	sc_in(s, ACK, 1, 101, 65535, NULL, 0);
	assert_int_equal(tcp_stack_nb_flights(s->st), 0);
	use(s, &b);
	sc_wait(s, 20 * MSEC);
	assert_true(sc_events(s) & TCP_EV_WRITABLE);
	assert_int_equal(sc_write(s, 100), 100);
	sc_expect(s, ACK, 1, 1, 100);
	close_both(s, &a, &b);
}

static void fin_waits_for_a_flight(void **state)
{
	SCRIPT;

	remake(s, 1);
	const struct side a = open_on(s, 5001), b = open_on(s, 5002);

	use(s, &a);
	sc_write(s, 100);
	sc_expect(s, ACK, 1, 1, 100);
	use(s, &b);
	tcp_shutdown(b.c, s->now);
	sc_expect_nothing(s);
	use(s, &a);
	sc_in(s, ACK, 1, 101, 65535, NULL, 0);
	use(s, &b);
	sc_wait(s, 20 * MSEC);
	sc_expect(s, ACK | FIN, 1, 1, 0);
	close_both(s, &a, &b);
}

static void text_out_of_order_needs_one_too(void **state)
{
	SCRIPT;

	remake(s, 1);
	const struct side a = open_on(s, 5001), b = open_on(s, 5002);

	use(s, &a);
	sc_in(s, ACK, 101, 1, 65535, NULL, 100);
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(s->out[0].opts.nb_sacks, 1);
	assert_int_equal(tcp_stack_nb_flights(s->st), 1);
	use(s, &b);
	sc_in(s, ACK, 101, 1, 65535, NULL, 100);
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(s->out[0].opts.nb_sacks, 0); /* not kept, and not claimed */
	use(s, &a);
	sc_in(s, ACK, 1, 1, 65535, NULL, 100);
	sc_expect(s, ACK, 1, 201, 0);
	assert_int_equal(tcp_stack_nb_flights(s->st), 0);
	use(s, &b);
	sc_in(s, ACK, 101, 1, 65535, NULL, 100);
	assert_int_equal(tcp_stack_nb_flights(s->st), 1);
	sc_in(s, ACK, 1, 1, 65535, NULL, 100);
	sc_out(s);
	assert_int_equal(s->out[s->nb_out - 1].ack, 201);
	use(s, &a);
	assert_int_equal(sc_read(s, NULL, 0), 200);
	use(s, &b);
	assert_int_equal(sc_read(s, NULL, 0), 200);
	close_both(s, &a, &b);
}

static void history_is_kept_until_its_place_is_wanted(void **state)
{
	SCRIPT;

	remake(s, 1);
	const struct side a = open_on(s, 5001), b = open_on(s, 5002);

	use(s, &a);
	sc_write(s, 100);
	sc_expect(s, ACK, 1, 1, 100);
	sc_wait(s, 2 * SEC);
	sc_expect(s, ACK, 1, 1, 100); /* again */
	sc_in(s, ACK, 1, 101, 65535, NULL, 0);
	assert_int_equal(tcp_conn_unacked(a.c), 0);
	assert_int_equal(tcp_stack_nb_flights(s->st), 1);
	use(s, &b);
	assert_int_equal(sc_write(s, 100), 100);
	assert_int_equal(tcp_stack_nb_flights(s->st), 1);
	sc_expect(s, ACK, 1, 1, 100);
	/* The first one goes on without. */
	use(s, &a);
	sc_in(s, ACK, 1, 101, 65535, "x", 1);
	sc_expect(s, ACK, 101, 2, 0);
	assert_int_equal(sc_read(s, NULL, 0), 1);
	assert_int_equal(s->counters[OUTCOME_TCP_NO_FLIGHT_FREE], 0);
	close_both(s, &a, &b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)
	const struct CMUnitTest tests[] = {
		T(writer_waits_for_a_flight_and_is_told),
		T(fin_waits_for_a_flight),
		T(text_out_of_order_needs_one_too),
		T(history_is_kept_until_its_place_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
