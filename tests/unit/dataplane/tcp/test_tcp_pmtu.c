/* SPDX-License-Identifier: BSD-3-Clause */

/* How large a segment may be: RFC 1191, RFC 8201, RFC 4821, RFC 5927, RFC 6691. */

#include "script.h"

#include <errno.h>

#define SCRIPT struct script *s = *state

static uint16_t headers(const struct script *s)
{
	return s->is_v6 ? 60 : 40;
}

static struct tcp_conn_view view(const struct script *s)
{
	struct tcp_conn_view v;

	tcp_conn_view(s->c, &v);
	return v;
}

/* The peer opens from <port> and takes segments of any size. */
static void open_from(struct script *s, uint16_t port)
{
	const struct tcp_opts o = {.mss = 8960, .flags = TCP_OPT_F_SACK_OK};

	s->peer_port = port;
	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
}

static void remake_probing(struct script *s)
{
	s->plpmtud = true;
	sc_remake(s, 65535, 65536, 16);
}

static void segments_fit_the_interface_of_the_local_address(void **state)
{
	SCRIPT;
	const struct ip_addr a = sc_local(s);

	assert_int_equal(tcp_set_mtu(s->st, &a, 1400), 0);
	open_from(s, 5001);
	assert_int_equal(s->out[0].opts.mss, 1400 - headers(s));
	assert_int_equal(view(s).mtu, 1400);
	assert_int_equal(view(s).mss, 1400 - headers(s));
	sc_write(s, 2000);
	assert_int_equal(sc_out(s), 2);
	assert_int_equal(s->out[0].len, 1400 - headers(s));
	tcp_abort(s->c, s->now);
	sc_out(s);

	tcp_forget_mtus(s->st);
	open_from(s, 5002);
	assert_int_equal(view(s).mtu, 1500);
	tcp_abort(s->c, s->now);
}

static void our_syn_says_what_the_interface_takes(void **state)
{
	SCRIPT;
	const struct ip_addr a = sc_local(s);

	assert_int_equal(tcp_set_mtu(s->st, &a, 1280), 0);
	sc_dial(s);
	tcp_abort(s->c, s->now);
	sc_out(s);
	s->peer_port++;
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, s->peer_port};

	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].opts.mss, 1280 - headers(s));
	tcp_abort(s->c, s->now);
}

static void too_many_interfaces_are_refused(void **state)
{
	SCRIPT;

	for (uint32_t i = 0; i < 256; i++) {
		const struct ip_addr a = ip_addr_from_v4(i + 1);

		assert_int_equal(tcp_set_mtu(s->st, &a, 9000), 0);
		assert_int_equal(tcp_set_mtu(s->st, &a, 8000), 0);
	}
	const struct ip_addr b = ip_addr_from_v4(9999);

	assert_int_equal(tcp_set_mtu(s->st, &b, 9000), -ENOSPC);
	assert_int_equal(tcp_set_mtu(s->st, &b, 1500), 0); /* as all others: needs no place */
}

static void too_big_is_remembered_for_ten_minutes(void **state)
{
	SCRIPT;

	open_from(s, 5001);
	sc_write(s, 1000);
	sc_out(s);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1, 1300, s->now);
	assert_int_equal(view(s).mtu, 1300);
	assert_int_equal(s->counters[OUTCOME_TCP_PMTU_LOWERED], 1);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1, 1400, s->now);
	assert_int_equal(view(s).mtu, 1300); /* never upward */
	tcp_abort(s->c, s->now);
	sc_out(s);

	sc_wait(s, UINT64_C(599) * SEC);
	open_from(s, 5002);
	/* What we take is another matter. */
	assert_int_equal(s->out[0].opts.mss, 1500 - headers(s));
	assert_int_equal(view(s).mtu, 1300);
	tcp_abort(s->c, s->now);
	sc_out(s);

	sc_wait(s, 2 * SEC);
	open_from(s, 5003);
	assert_int_equal(view(s).mtu, 1500);
	tcp_abort(s->c, s->now);
}

static void too_big_is_believed_only_about_what_is_in_flight(void **state)
{
	SCRIPT;

	open_from(s, 5001);
	sc_write(s, 1000);
	sc_out(s);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss, 1300, s->now);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1001, 1300, s->now);
	sc_in(s, ACK, 1, 1001, 65535, NULL, 0);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1, 1300, s->now);
	assert_int_equal(view(s).mtu, 1500);
	assert_int_equal(s->counters[OUTCOME_TCP_PMTU_LOWERED], 0);
	tcp_abort(s->c, s->now);
}

static void too_big_resends_all_that_was_and_keeps_the_window(void **state)
{
	SCRIPT;
	uint32_t n = 0;

	open_from(s, 5001);
	const uint32_t mss = view(s).mss, cwnd = view(s).cwnd;

	sc_write(s, 4 * mss);
	assert_int_equal(sc_out(s), 4);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1, 1280, s->now);
	while (sc_out(s) > 0) {
		for (unsigned i = 0; i < s->nb_out; i++) {
			assert_true(s->out[i].len <= 1280u - headers(s));
			n += s->out[i].len;
		}
	}
	assert_int_equal(n, 4 * mss);
	assert_int_equal(view(s).cwnd, cwnd);
	sc_in(s, ACK, 1, 1 + 4 * mss, 65535, NULL, 0);
	assert_true(view(s).cwnd >= cwnd);
	assert_int_equal(tcp_conn_unacked(s->c), 0);
	tcp_abort(s->c, s->now);
}

/* Let <n> timeouts pass, whatever leaves. */
static void time_out(struct script *s, unsigned n)
{
	const uint64_t before = s->counters[OUTCOME_TCP_RTO];

	while (s->counters[OUTCOME_TCP_RTO] < before + n) {
		sc_out(s);
		sc_wait(s, 10 * MSEC);
	}
}

static void swallowed_segments_are_cut_after_three_timeouts(void **state)
{
	SCRIPT;

	remake_probing(s);
	open_from(s, 5001);
	sc_write(s, 2 * view(s).mss);
	sc_out(s);
	time_out(s, 2);
	assert_int_equal(view(s).mtu, 1500);
	time_out(s, 1);
	assert_int_equal(view(s).mtu, 1280);
	assert_int_equal(s->counters[OUTCOME_TCP_PMTU_BLACK_HOLE], 1);
	sc_out(s);
	assert_int_equal(s->out[0].len, 1280 - headers(s));
	/* Another one to the same place begins with what is known. */
	struct tcp_conn *first = s->c;

	open_from(s, 5002);
	assert_int_equal(view(s).mtu, 1280);
	tcp_abort(s->c, s->now);
	s->c = first;
	/* IPv6 has no smaller paths. */
	time_out(s, 2);
	assert_int_equal(view(s).mtu, s->is_v6 ? 1280 : 576);
	tcp_abort(s->c, s->now);
}

static void small_segments_that_time_out_say_nothing_about_the_path(void **state)
{
	SCRIPT;

	remake_probing(s);
	open_from(s, 5001);
	sc_write(s, 200);
	sc_out(s);
	time_out(s, 5);
	assert_int_equal(view(s).mtu, 1500);
	assert_int_equal(s->counters[OUTCOME_TCP_PMTU_BLACK_HOLE], 0);
	tcp_abort(s->c, s->now);
}

/* An ICMP error has lowered the path to 1280 and ten minutes have passed. */
static uint32_t lowered_and_waited(struct script *s)
{
	remake_probing(s);
	open_from(s, 5001);
	sc_write(s, 1000);
	sc_out(s);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1, 1280, s->now);
	sc_in(s, ACK, 1, 1001, 65535, NULL, 0);
	sc_wait(s, UINT64_C(601) * SEC);
	return 1001;
}

static void larger_segment_is_tried_after_ten_minutes_and_taken(void **state)
{
	SCRIPT;
	const uint32_t una = lowered_and_waited(s);
	const uint16_t large = 1500 - headers(s), small = 1280 - headers(s);

	sc_write(s, 6000);
	assert_true(sc_out(s) >= 4);
	assert_int_equal(s->out[0].len, large);
	assert_int_equal(s->out[0].seq, una);
	assert_true(s->out[1].len <= small); /* one at a time */
	assert_int_equal(s->out[1].seq, una + large);
	assert_int_equal(view(s).mtu, 1280);
	sc_in(s, ACK, 1, una + large, 65535, NULL, 0);
	assert_int_equal(view(s).mtu, 1500);
	sc_in(s, ACK, 1, una + 6000, 65535, NULL, 0);
	assert_int_equal(tcp_conn_unacked(s->c), 0);
	assert_int_equal(s->counters[OUTCOME_TCP_PMTU_PROBES], 1);
	tcp_abort(s->c, s->now);
}

static void lost_probe_is_cut_and_the_next_step_is_tried(void **state)
{
	SCRIPT;
	uint32_t una = lowered_and_waited(s);
	const uint16_t large = 1500 - headers(s), small = 1280 - headers(s);

	sc_write(s, 6000);
	sc_out(s);
	assert_int_equal(s->out[0].len, large);
	/* All behind the probe arrives. */
	sc_wait(s, 20 * MSEC);
	sc_in_opts(s, ACK, 1, una, 65535, NULL, 0,
		   &(struct tcp_opts){.nb_sacks = 1,
				      .sacks = {{s->iss + una + large, s->iss + una + 6000}}});
	sc_wait(s, 20 * MSEC);
	sc_out(s);
	assert_true(s->nb_out >= 1);
	assert_int_equal(s->out[0].seq, una);
	assert_int_equal(s->out[0].len, small);
	sc_wait(s, 20 * MSEC);
	una += 6000;
	sc_in(s, ACK, 1, una, 65535, NULL, 0);
	assert_int_equal(view(s).mtu, 1280);
	/* Not at once, and not as large. */
	sc_write(s, 6000);
	sc_out(s);
	assert_int_equal(s->out[0].len, small);
	una += 6000;
	sc_in(s, ACK, 1, una, 65535, NULL, 0);
	sc_wait(s, 6 * SEC);
	sc_write(s, 6000);
	sc_out(s);
	assert_int_equal(s->out[0].len, 1492 - headers(s));
	sc_in(s, ACK, 1, una + 6000, 65535, NULL, 0);
	assert_int_equal(view(s).mtu, 1492);
	tcp_abort(s->c, s->now);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)
	const struct CMUnitTest tests[] = {
		T(segments_fit_the_interface_of_the_local_address),
		T(our_syn_says_what_the_interface_takes),
		T(too_many_interfaces_are_refused),
		T(too_big_is_remembered_for_ten_minutes),
		T(too_big_is_believed_only_about_what_is_in_flight),
		T(too_big_resends_all_that_was_and_keeps_the_window),
		T(swallowed_segments_are_cut_after_three_timeouts),
		T(small_segments_that_time_out_say_nothing_about_the_path),
		T(larger_segment_is_tried_after_ten_minutes_and_taken),
		T(lost_probe_is_cut_and_the_next_step_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
