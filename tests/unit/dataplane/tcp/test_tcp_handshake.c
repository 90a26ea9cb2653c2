/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening and refusing: RFC 9293 3.5 and 3.10.7.1 to 3.10.7.3, RFC 4987, RFC 6528, RFC 7323 2. */

#include "script.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <errno.h>
#include <string.h>

#define SCRIPT struct script *s = *state

static void syn_is_answered_with_what_it_offered(void **state)
{
	SCRIPT;
	const struct tcp_opts o = {.mss = 1400,
				   .wscale = 7,
				   .tsval = 77,
				   .flags = TCP_OPT_F_TS | TCP_OPT_F_WSCALE | TCP_OPT_F_SACK_OK};

	sc_in_opts(s, SYN, 0, 0, 1000, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	assert_int_equal(s->out[0].opts.mss, sc_mss(s));
	assert_int_equal(s->out[0].opts.flags, o.flags);
	assert_int_equal(s->out[0].opts.tsecr, 77);
}

static void syn_without_options_gets_only_an_mss(void **state)
{
	SCRIPT;

	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	assert_int_equal(s->out[0].opts.mss, sc_mss(s));
	assert_int_equal(s->out[0].opts.flags, 0);
	assert_null(tcp_accept(s->st));
}

static void lost_syn_ack_is_sent_again_with_back_off(void **state)
{
	SCRIPT;

	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	sc_wait(s, SEC + MSEC);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	sc_wait(s, SEC + MSEC);
	sc_expect_nothing(s);
	sc_wait(s, SEC + MSEC);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	/* The peer's SYN again asks at once. */
	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	/* And at last it is forgotten. */
	for (unsigned i = 0; i < 10; i++) {
		sc_wait(s, 64 * SEC);
		sc_out(s);
	}
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
}

static void reset_ends_a_half_open_connection(void **state)
{
	SCRIPT;

	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	sc_in(s, RST, 1, 0, 0, NULL, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	sc_expect_nothing(s);
}

static void wrong_ack_of_the_handshake_is_reset(void **state)
{
	SCRIPT;

	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	sc_in(s, ACK, 1, 2, 1000, NULL, 0);
	sc_expect(s, RST, 2, 0, 0);
	assert_null(tcp_accept(s->st));
}

static void segment_for_nobody_is_reset(void **state)
{
	SCRIPT;

	sc_in(s, ACK, 5, 9, 100, NULL, 10);
	sc_expect(s, RST, 9, 0, 0);
	s->peer_port = 6000;
	sc_in(s, FIN, 5, 0, 100, NULL, 10);
	sc_expect_nothing(s); /* a listener takes it for a broken SYN, RFC 9293 3.10.7.2 */
	assert_int_equal(s->counters[OUTCOME_TCP_NO_CONNECTION], 1);
}

static void reset_is_never_answered(void **state)
{
	SCRIPT;

	sc_in(s, RST, 5, 0, 100, NULL, 0);
	sc_in(s, RST | ACK, 5, 9, 100, NULL, 0);
	sc_expect_nothing(s);
}

static void impossible_flags_are_dropped(void **state)
{
	static const uint8_t flags[] = {0, SYN | FIN, SYN | RST, PSH, URG, PSH | URG};
	SCRIPT;

	for (size_t i = 0; i < sizeof(flags); i++)
		sc_in(s, flags[i], 0, 0, 100, NULL, 0);
	sc_expect_nothing(s);
	assert_int_equal(s->counters[OUTCOME_TCP_MALFORMED], sizeof(flags));
}

static void malformed_headers_are_dropped(void **state)
{
	SCRIPT;
	uint8_t pkt[256] = {0x45, 0, 0, 44, [8] = 64, 6, [12] = 198, 51, 100, 1, 192, 0, 2, 1};

	/* Octets of IPv4; test_tcp_ipv6.c has the others. */
	s->is_v6 = false;
	sc_remake(s, 65535, 65536, 16);
	pkt[21] = 1;
	pkt[23] = LOCAL_PORT;
	pkt[33] = SYN;
	pkt[32] = 0x40; /* data offset below 5 */
	sc_in_raw(s, pkt, 44, false);
	pkt[32] = 0xf0; /* beyond the segment */
	sc_in_raw(s, pkt, 44, false);
	pkt[32] = 0x60;
	pkt[40] = 2; /* an option of length 0 */
	sc_in_raw(s, pkt, 44, false);
	pkt[40] = 1;
	pkt[21] = 0; /* port 0 */
	sc_in_raw(s, pkt, 44, false);
	pkt[3] = 200; /* longer than what arrived */
	sc_in_raw(s, pkt, 44, false);
	sc_in_raw(s, pkt, 30, false);
	assert_int_equal(s->counters[OUTCOME_TCP_MALFORMED], 6);
	pkt[3] = 44;
	pkt[21] = 1;
	sc_in_raw(s, pkt, 44, true);
	assert_int_equal(s->counters[OUTCOME_TCP_CHECKSUM], 1);
	sc_expect_nothing(s);
	/* Padding behind the datagram is not text. */
	sc_in_raw(s, pkt, 44, false);
	assert_int_equal(sc_out(s), 1);
}

static void connecting_sends_a_syn_and_tells_the_owner(void **state)
{
	SCRIPT;

	sc_dial(s);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
	tcp_abort(s->c, s->now);
	sc_expect(s, RST | ACK, 1, 1, 0);
}

static void refused_connection_says_so(void **state)
{
	SCRIPT;
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, PEER_PORT};

	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	sc_expect(s, SYN, 0, 0, 0);
	sc_in(s, RST, 0, 0, 0, NULL, 0); /* no ACK: anybody could have sent it */
	sc_in(s, RST | ACK, 0, 5, 0, NULL, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_SYN_SENT);
	sc_out(s);
	sc_in(s, RST | ACK, 0, 1, 0, NULL, 0);
	assert_true(sc_events(s) & TCP_EV_ERROR);
	assert_int_equal(tcp_conn_error(s->c), -ECONNREFUSED);
	tcp_close(s->c, s->now);
}

static void taken_tuple_cannot_be_dialled(void **state)
{
	SCRIPT;
	struct tcp_conn *c;

	sc_open(s, true);
	assert_int_equal(tcp_connect(s->st, tcp_conn_tuple(s->c), s->now, &c), -EADDRINUSE);
	tcp_abort(s->c, s->now);
}

static void unanswered_syn_times_out(void **state)
{
	SCRIPT;
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, PEER_PORT};
	unsigned nb_syn = 0;

	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	for (unsigned i = 0; i < 80; i++) {
		nb_syn += sc_out(s);
		sc_wait(s, SEC);
	}
	assert_int_equal(nb_syn, 6);
	assert_int_equal(tcp_conn_error(s->c), -ETIMEDOUT);
	tcp_close(s->c, s->now);
}

static void both_sides_may_open_at_once(void **state)
{
	SCRIPT;
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, PEER_PORT};

	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	sc_expect(s, SYN, 0, 0, 0);
	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_SYN_RCVD);
	sc_in(s, SYN | ACK, 0, 1, 1000, NULL, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
	assert_true(sc_events(s) & TCP_EV_CONNECTED);
	assert_null(tcp_accept(s->st));
	tcp_abort(s->c, s->now);
}

static void tiny_mss_is_raised(void **state)
{
	SCRIPT;
	const struct tcp_opts o = {.mss = 1};

	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_out(s);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_int_equal(sc_write(s, 2000), 2000);
	assert_true(sc_out(s) > 0);
	assert_int_equal(s->out[0].len, 536);
	tcp_abort(s->c, s->now);
}

static void initial_sequence_numbers_move_on_and_differ(void **state)
{
	SCRIPT;
	uint32_t first, other;

	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	first = s->iss;
	sc_in(s, RST, 1, 0, 0, NULL, 0);
	s->peer_port++;
	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	other = s->iss;
	sc_in(s, RST, 1, 0, 0, NULL, 0);
	assert_int_not_equal(first, other);
	s->peer_port--;
	sc_wait(s, SEC);
	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	/* RFC 6528: the same tuple, a second later, 250,000 further on. */
	assert_int_equal(s->iss - first, 250000);
}

static void above_the_watermark_syns_get_cookies(void **state)
{
	SCRIPT;
	const struct tcp_opts o = {.mss = 1400,
				   .wscale = 5,
				   .tsval = 9,
				   .flags = TCP_OPT_F_TS | TCP_OPT_F_WSCALE | TCP_OPT_F_SACK_OK};
	struct tcp_opts ts = {.flags = TCP_OPT_F_TS, .tsval = 10};
	struct tcp_conn_view v;

	sc_remake(s, 65535, 65536, 0);
	sc_in_opts(s, SYN, 0, 0, 1000, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	assert_int_equal(tcp_stack_nb_conns(s->st), 0);
	assert_int_equal(s->counters[OUTCOME_TCP_SYN_COOKIE_SENT], 1);
	/* The first data carries the cookie as well as the empty ACK would. */
	ts.tsecr = s->out[0].opts.tsval;
	sc_in_opts(s, ACK, 1, 1, 1000, "hello", 5, &ts);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	assert_int_equal(s->counters[OUTCOME_TCP_SYN_COOKIE_OK], 1);
	assert_int_equal(sc_read(s, NULL, 0), 5);
	/* What the SYN said came back in the cookie and the timestamp. */
	tcp_conn_view(s->c, &v);
	assert_int_equal(v.mss, 1400);
	assert_int_equal(v.snd_wnd, 1000 << 5);
	tcp_abort(s->c, s->now);
}

static void forged_and_stale_cookies_are_refused(void **state)
{
	SCRIPT;

	sc_remake(s, 65535, 65536, 0);
	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_out(s);
	sc_in(s, ACK, 1, 2, 1000, NULL, 0); /* off by one */
	assert_int_equal(s->counters[OUTCOME_TCP_SYN_COOKIE_BAD], 1);
	sc_expect_nothing(s); /* it may have overtaken the true one */
	sc_wait(s, 130 * (uint64_t)SEC);
	s->peer_port++;
	sc_in(s, SYN, 0, 0, 1000, NULL, 0); /* keeps cookies in use */
	const uint32_t iss = s->iss;

	sc_out(s);
	s->iss = iss;
	s->peer_port--;
	sc_in(s, ACK, 1, 1, 1000, NULL, 0);
	assert_int_equal(s->counters[OUTCOME_TCP_SYN_COOKIE_BAD], 2);
	assert_null(tcp_accept(s->st));
}

static void flood_takes_no_more_than_the_backlog(void **state)
{
	SCRIPT;

	for (unsigned i = 0; i < 1000; i++) {
		s->peer_port = (uint16_t)(1000 + i);
		sc_in(s, SYN, 0, 0, 1000, NULL, 0);
		while (sc_out(s) == 64)
			;
	}
	assert_int_equal(tcp_stack_nb_conns(s->st), 16);
	assert_int_equal(s->counters[OUTCOME_TCP_SYN_COOKIE_SENT], 984);
	/* A bystander gets through. */
	s->peer_port = 999;
	sc_open(s, false);
	tcp_abort(s->c, s->now);
}

static void flood_does_not_hold_up_what_leaves(void **state)
{
	SCRIPT;
	unsigned nb_cookies = 0;
	bool has_text = false;

	sc_open(s, false);
	sc_write(s, 100);
	for (unsigned i = 0; i < 300; i++) {
		s->peer_port = (uint16_t)(1000 + i);
		sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	}
	/* Text is among the first packets, and every cookie leaves all the same. */
	sc_out(s);
	for (unsigned i = 0; i < s->nb_out; i++)
		has_text |= s->out[i].len == 100;
	assert_true(has_text);
	do {
		for (unsigned i = 0; i < s->nb_out; i++)
			nb_cookies += (s->out[i].flags & (SYN | ACK)) == (SYN | ACK);
	} while (sc_out(s) > 0);
	assert_int_equal(nb_cookies, 300);
	tcp_abort(s->c, s->now);
}

static void listeners_are_unique_and_bounded(void **state)
{
	SCRIPT;
	const struct ip_addr a = sc_local(s);

	assert_int_equal(tcp_listen(s->st, &a, LOCAL_PORT, NULL), -EADDRINUSE);
	assert_int_equal(tcp_listen(s->st, &a, 81, NULL), 0);
	assert_int_equal(tcp_listen(s->st, &a, 82, NULL), 0);
	assert_int_equal(tcp_listen(s->st, &a, 83, NULL), 0);
	assert_int_equal(tcp_listen(s->st, &a, 84, NULL), -ENOSPC);
	assert_int_equal(tcp_unlisten(s->st, &a, LOCAL_PORT), 0);
	assert_int_equal(tcp_unlisten(s->st, &a, LOCAL_PORT), -ENOENT);
	sc_in(s, SYN, 0, 0, 1000, NULL, 0);
	sc_expect(s, RST | ACK, -s->iss, 1, 0);
}

static void icmp_unreachable_ends_only_an_opening_connection(void **state)
{
	SCRIPT;
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, PEER_PORT};

	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	sc_expect(s, SYN, 0, 0, 0);
	tcp_icmp_error(s->st, &t, s->iss + 7, 0, s->now); /* quotes what was never sent */
	assert_int_equal(tcp_conn_error(s->c), 0);
	tcp_icmp_error(s->st, &t, s->iss, 0, s->now);
	assert_int_equal(tcp_conn_error(s->c), -EHOSTUNREACH);
	tcp_close(s->c, s->now);
	sc_dial(s);
	assert_int_equal(sc_write(s, 10), 10);
	sc_out(s);
	tcp_icmp_error(s->st, &t, s->iss + 1, 0, s->now);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(syn_is_answered_with_what_it_offered),
		T(syn_without_options_gets_only_an_mss),
		T(lost_syn_ack_is_sent_again_with_back_off),
		T(reset_ends_a_half_open_connection),
		T(wrong_ack_of_the_handshake_is_reset),
		T(segment_for_nobody_is_reset),
		T(reset_is_never_answered),
		T(impossible_flags_are_dropped),
		T(malformed_headers_are_dropped),
		T(connecting_sends_a_syn_and_tells_the_owner),
		T(refused_connection_says_so),
		T(taken_tuple_cannot_be_dialled),
		T(unanswered_syn_times_out),
		T(both_sides_may_open_at_once),
		T(tiny_mss_is_raised),
		T(initial_sequence_numbers_move_on_and_differ),
		T(above_the_watermark_syns_get_cookies),
		T(forged_and_stale_cookies_are_refused),
		T(flood_takes_no_more_than_the_backlog),
		T(flood_does_not_hold_up_what_leaves),
		T(listeners_are_unique_and_bounded),
		T(icmp_unreachable_ends_only_an_opening_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
