/* SPDX-License-Identifier: BSD-3-Clause */

/* What operators are shown of connections, against a peer that is written by hand. */

#include "tcp/tcp_view.h"
#include "tests/unit/dataplane/tcp/script.h"

#include <string.h>

#define SCRIPT struct script *s = *state

static const struct tcp_view_filter all;

/* The only connection. */
static struct conn_row only(struct script *s)
{
	struct conn_row r[2];
	uint32_t cursor = 0;

	assert_int_equal(tcp_view_walk(s->st, &all, &cursor, UINT32_MAX, s->now, r, 2), 1);
	assert_int_equal(cursor, tcp_view_nb_slots(s->st));
	return r[0];
}

static void assert_range(const struct conn_range *r, uint32_t begin, uint32_t end,
			 enum conn_range_kind kind)
{
	assert_int_equal(r->begin, begin);
	assert_int_equal(r->end, end);
	assert_int_equal(r->kind, kind);
}

static void a_quiet_connection_shows_its_ends_and_options(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_wait(s, 3 * SEC);
	const struct conn_row r = only(s);

	assert_int_equal(r.state, CONN_S_ESTABLISHED);
	assert_int_equal(r.local_port, LOCAL_PORT);
	assert_int_equal(r.remote_port, PEER_PORT);
	assert_int_equal(r.flags & (CONN_F_PASSIVE | CONN_F_SACK | CONN_F_TS | CONN_F_WSCALE),
			 CONN_F_PASSIVE | CONN_F_SACK);
	assert_int_equal(r.mss, 1000);
	assert_int_equal(r.unacked, 0);
	assert_int_equal(r.rtx_due_ms, CONN_NOT_ARMED);
	assert_in_range(r.age_ds, 29, 31);
	assert_in_range(r.rx_ms, 2900, 3100);
	tcp_abort(s->c, s->now);
}

static void what_is_in_flight_is_told_byte_by_byte(void **state)
{
	SCRIPT;
	struct conn_range g[2 * CONN_RANGES];
	struct tcp_opts o = {.nb_sacks = 1};
	struct conn_row r;

	sc_open(s, true);
	sc_write(s, 5000);
	assert_int_equal(sc_out(s), 5);
	sc_wait(s, MSEC);
	/* The first is missing there, the second and the third have come. */
	o.sacks[0] = (struct tcp_range){s->iss + 1001, s->iss + 3001};
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	r = only(s);
	assert_int_equal(r.unacked, 5000);
	assert_int_equal(r.sacked, 2000);
	assert_true(tcp_view_one(s->st, r.slot, r.generation, s->now, &r));
	assert_int_equal(tcp_view_ranges(s->st, r.slot, g), 3);
	assert_range(&g[0], 0, 1000, CONN_RANGE_LOST);
	assert_range(&g[1], 1000, 3000, CONN_RANGE_SACKED);
	assert_range(&g[2], 3000, 5000, CONN_RANGE_WAITS);
	/* So have the others; the first is sent again. */
	o.sacks[0] = (struct tcp_range){s->iss + 1001, s->iss + 5001};
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	sc_out(s);
	r = only(s);
	assert_int_equal(r.recovery, CONN_R_RECOVERY);
	assert_int_equal(r.retransmits, 1);
	assert_int_equal(tcp_view_ranges(s->st, r.slot, g), 2);
	assert_range(&g[0], 0, 1000, CONN_RANGE_RESENT);
	assert_range(&g[1], 1000, 5000, CONN_RANGE_SACKED);
	assert_true(r.rtx_due_ms != CONN_NOT_ARMED);
	tcp_abort(s->c, s->now);
}

static void what_came_out_of_order_is_told(void **state)
{
	SCRIPT;
	struct conn_range g[2 * CONN_RANGES];
	struct conn_row r;

	sc_open(s, true);
	sc_in(s, ACK, 501, 1, 65535, NULL, 500);
	sc_in(s, ACK, 1001, 1, 65535, NULL, 500);
	sc_in(s, ACK, 2001, 1, 65535, NULL, 100);
	r = only(s);
	assert_int_equal(r.nb_ooo, 2); /* the second was copied behind the first */
	assert_int_equal(tcp_view_ranges(s->st, r.slot, g), 2);
	assert_range(&g[0], 500, 1500, CONN_RANGE_OOO);
	assert_range(&g[1], 2000, 2100, CONN_RANGE_OOO);
	tcp_abort(s->c, s->now);
}

static void more_ranges_than_fit_are_cut(void **state)
{
	SCRIPT;
	struct conn_range g[2 * CONN_RANGES];

	sc_open(s, true);
	for (uint32_t i = 0; i < CONN_RANGES + 10; i++)
		sc_in(s, ACK, 101 + 200 * i, 1, 65535, NULL, 100);
	assert_int_equal(tcp_view_ranges(s->st, only(s).slot, g), CONN_RANGES);
	tcp_abort(s->c, s->now);
}

static void an_id_does_not_name_the_next_connection_in_its_slot(void **state)
{
	SCRIPT;
	struct conn_row before, after;

	sc_open(s, true);
	before = only(s);
	tcp_abort(s->c, s->now);
	sc_out(s);
	assert_false(tcp_view_one(s->st, before.slot, before.generation, s->now, &after));
	assert_int_equal(tcp_view_ranges(s->st, before.slot, (struct conn_range[96]){0}), 0);
	s->peer_port++;
	sc_open(s, true);
	after = only(s);
	assert_int_equal(after.slot, before.slot);
	assert_int_not_equal(after.generation, before.generation);
	assert_false(tcp_view_one(s->st, before.slot, before.generation, s->now, &after));
	assert_null(tcp_view_owned(s->st, UINT32_MAX));
	assert_ptr_equal(tcp_view_owned(s->st, before.slot), s->c);
	assert_false(tcp_view_one(s->st, tcp_view_nb_slots(s->st), 0, s->now, &after));
	tcp_abort(s->c, s->now);
}

static void time_wait_is_shown_with_what_is_left_of_it(void **state)
{
	SCRIPT;
	struct conn_row r, again;

	sc_open(s, true);
	tcp_close(s->c, s->now);
	sc_out(s);
	sc_in(s, ACK, 1, 2, 65535, NULL, 0);
	sc_in(s, FIN | ACK, 1, 2, 65535, NULL, 0);
	sc_out(s);
	sc_wait(s, 10 * SEC);
	r = only(s);
	assert_int_equal(r.state, CONN_S_TIME_WAIT);
	assert_int_equal(r.remote_port, PEER_PORT);
	assert_in_range(r.life_due_ms, 49000, 51000);
	assert_true(tcp_view_one(s->st, r.slot, r.generation, s->now, &again));
	assert_false(tcp_view_one(s->st, r.slot, r.generation + 1, s->now, &again));
	sc_wait(s, 51 * SEC);
	assert_false(tcp_view_one(s->st, r.slot, r.generation, s->now, &again));
}

static void filters_let_through_what_they_name(void **state)
{
	SCRIPT;
	struct tcp_view_filter f = {.has_port = true, .port = PEER_PORT};
	struct conn_row r;
	uint32_t cursor = 0;

	sc_open(s, true);
	assert_int_equal(tcp_view_walk(s->st, &f, &cursor, UINT32_MAX, s->now, &r, 1), 1);
	f.port = PEER_PORT + 1;
	cursor = 0;
	assert_int_equal(tcp_view_walk(s->st, &f, &cursor, UINT32_MAX, s->now, &r, 1), 0);
	f = (struct tcp_view_filter){.has_addr = true, .addr = tcp_conn_tuple(s->c)->remote};
	cursor = 0;
	assert_int_equal(tcp_view_walk(s->st, &f, &cursor, UINT32_MAX, s->now, &r, 1), 1);
	f.addr.b[15] ^= 1;
	f.addr.b[14] ^= 0x80;
	cursor = 0;
	assert_int_equal(tcp_view_walk(s->st, &f, &cursor, UINT32_MAX, s->now, &r, 1), 0);
	f = (struct tcp_view_filter){.has_state = true, .state = TCP_S_FIN_WAIT_1};
	cursor = 0;
	assert_int_equal(tcp_view_walk(s->st, &f, &cursor, UINT32_MAX, s->now, &r, 1), 0);
	tcp_close(s->c, s->now);
	cursor = 0;
	assert_int_equal(tcp_view_walk(s->st, &f, &cursor, UINT32_MAX, s->now, &r, 1), 1);
	assert_true(r.flags & CONN_F_ORPHAN);
}

static void a_walk_in_small_steps_finds_each_once(void **state)
{
	SCRIPT;
	struct conn_row r;
	uint32_t cursor = 0, nb = 0;

	for (unsigned i = 0; i < 3; i++, s->peer_port++)
		sc_open(s, true);
	while (cursor < tcp_view_nb_slots(s->st)) {
		const uint32_t before = cursor;

		nb += tcp_view_walk(s->st, &all, &cursor, 1, s->now, &r, 1);
		assert_int_equal(cursor, before + 1);
	}
	assert_int_equal(nb, 3);
	cursor = 0;
	nb = 0;
	/* No room for more than one: the cursor stops behind it. */
	while (cursor < tcp_view_nb_slots(s->st))
		nb += tcp_view_walk(s->st, &all, &cursor, UINT32_MAX, s->now, &r, 1);
	assert_int_equal(nb, 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_quiet_connection_shows_its_ends_and_options),
		T(what_is_in_flight_is_told_byte_by_byte),
		T(what_came_out_of_order_is_told),
		T(more_ranges_than_fit_are_cut),
		T(an_id_does_not_name_the_next_connection_in_its_slot),
		T(time_wait_is_shown_with_what_is_left_of_it),
		T(filters_let_through_what_they_name),
		T(a_walk_in_small_steps_finds_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
