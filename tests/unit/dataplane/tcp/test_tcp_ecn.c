/* SPDX-License-Identifier: BSD-3-Clause */

/* RFC 3168 and RFC 8511: who agrees to ECN, which segments carry what, and what a mark does. */

#include "script.h"

#include <string.h>

#define SCRIPT struct script *s = *state
#define MSS 1000u

static const struct tcp_opts syn_opts = {.mss = MSS, .flags = TCP_OPT_F_SACK_OK};

/* The peer opens and asks for ECN; the SYN-ACK's flags. */
static uint8_t open_asking(struct script *s, uint8_t flags)
{
	sc_in_opts(s, SYN | flags, 0, 0, 65535, NULL, 0, &syn_opts);
	assert_int_equal(sc_out(s), 1);
	const uint8_t got = s->out[0].flags;

	assert_int_equal(s->out[0].ecn, 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	return got;
}

static uint32_t cwnd(const struct script *s)
{
	struct tcp_conn_view v;

	tcp_conn_view(s->c, &v);
	return v.cwnd;
}

static void ecn_is_agreed_to_when_the_peer_asks(void **state)
{
	SCRIPT;

	assert_int_equal(open_asking(s, ECE | CWR), SYN | ACK | ECE);
	sc_write(s, 100);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].ecn, ECT0);
	assert_int_equal(s->out[0].flags & (ECE | CWR), 0);
	tcp_abort(s->c, s->now);
}

static void plain_syn_gets_a_plain_answer(void **state)
{
	SCRIPT;

	assert_int_equal(open_asking(s, 0), SYN | ACK);
	sc_write(s, 100);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].ecn, 0);
	/* What it says about congestion means nothing then. */
	sc_in(s, ACK | ECE, 1, 101, 65535, NULL, 0);
	assert_true(cwnd(s) >= 10 * MSS);
	s->in_ecn = CE;
	sc_in(s, ACK, 1, 101, 65535, "x", 1);
	sc_expect(s, ACK, 101, 2, 0);
	tcp_abort(s->c, s->now);
}

static void half_an_offer_is_none(void **state)
{
	SCRIPT;

	assert_int_equal(open_asking(s, ECE), SYN | ACK);
	tcp_abort(s->c, s->now);
}

static void marked_syn_shows_a_path_that_mangles(void **state)
{
	SCRIPT;

	s->in_ecn = ECT0;
	assert_int_equal(open_asking(s, ECE | CWR), SYN | ACK);
	tcp_abort(s->c, s->now);
}

static void switched_off_it_is_not_agreed_to(void **state)
{
	SCRIPT;

	s->ecn = TCP_ECN_OFF;
	sc_remake(s, 65535, 65536, 16);
	assert_int_equal(open_asking(s, ECE | CWR), SYN | ACK);
	tcp_abort(s->c, s->now);
}

static void cookie_remembers_the_offer(void **state)
{
	SCRIPT;
	const struct tcp_opts o = {.mss = MSS, .flags = TCP_OPT_F_TS, .tsval = 7};

	sc_remake(s, 65535, 65536, 0);
	sc_in_opts(s, SYN | ECE | CWR, 0, 0, 65535, NULL, 0, &o);
	sc_expect(s, SYN | ACK | ECE, 0, 1, 0);
	const struct tcp_opts echo = {
		.flags = TCP_OPT_F_TS, .tsval = 8, .tsecr = s->out[0].opts.tsval};

	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &echo);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	sc_write(s, 10);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].ecn, ECT0);
	tcp_abort(s->c, s->now);
}

static void dial(struct script *s)
{
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, s->peer_port};

	s->ecn = TCP_ECN_ASK;
	sc_remake(s, 65535, 65536, 16);
	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	sc_expect(s, SYN | ECE | CWR, 0, 0, 0);
	assert_int_equal(s->out[0].ecn, 0);
}

/* Does new data say that we may be marked? */
static bool is_capable(struct script *s)
{
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(s->out[0].ecn, 0);
	sc_write(s, 10);
	assert_int_equal(sc_out(s), 1);
	return s->out[0].ecn == ECT0;
}

static void asked_for_and_agreed_to(void **state)
{
	SCRIPT;

	dial(s);
	sc_in_opts(s, SYN | ACK | ECE, 0, 1, 65535, NULL, 0, &syn_opts);
	assert_true(is_capable(s));
	tcp_abort(s->c, s->now);
}

static void asked_for_and_not_known_there(void **state)
{
	SCRIPT;

	dial(s);
	sc_in_opts(s, SYN | ACK, 0, 1, 65535, NULL, 0, &syn_opts);
	assert_false(is_capable(s));
	tcp_abort(s->c, s->now);
}

static void flags_sent_back_as_they_were_are_no_agreement(void **state)
{
	SCRIPT;

	dial(s);
	sc_in_opts(s, SYN | ACK | ECE | CWR, 0, 1, 65535, NULL, 0, &syn_opts);
	assert_false(is_capable(s));
	tcp_abort(s->c, s->now);
}

static void unanswered_syn_comes_again_without_ecn(void **state)
{
	SCRIPT;

	dial(s);
	sc_wait(s, 1100 * MSEC);
	sc_expect(s, SYN, 0, 0, 0);
	/* Whatever the answer says now. */
	sc_in_opts(s, SYN | ACK | ECE, 0, 1, 65535, NULL, 0, &syn_opts);
	assert_false(is_capable(s));
	tcp_abort(s->c, s->now);
}

static void mark_is_echoed_until_the_sender_has_reacted(void **state)
{
	SCRIPT;

	open_asking(s, ECE | CWR);
	s->in_ecn = CE;
	sc_in(s, ACK, 1, 1, 65535, NULL, 1000);
	sc_expect(s, ACK | ECE, 1, 1001, 0);
	s->in_ecn = ECT0;
	sc_in(s, ACK, 1001, 1, 65535, NULL, 1000);
	sc_expect(s, ACK | ECE, 1, 2001, 0);
	sc_in(s, ACK | CWR, 2001, 1, 65535, NULL, 1000);
	sc_expect(s, ACK, 1, 3001, 0);
	/* Marked again in the segment that says CWR: echoed anew. */
	s->in_ecn = CE;
	sc_in(s, ACK | CWR, 3001, 1, 65535, NULL, 1000);
	sc_expect(s, ACK | ECE, 1, 4001, 0);
	assert_int_equal(s->counters[OUTCOME_TCP_CE_IN], 2);
	assert_int_equal(sc_read(s, NULL, 0), 4000);
	tcp_abort(s->c, s->now);
}

static void echo_shrinks_the_window_once_a_round_trip(void **state)
{
	SCRIPT;

	open_asking(s, ECE | CWR);
	sc_write(s, 20 * MSS);
	assert_int_equal(sc_out(s), 10);
	const uint32_t before = cwnd(s);

	s->now += 50 * MSEC;
	sc_in(s, ACK | ECE, 1, 1 + MSS, 65535, NULL, 0);
	const uint32_t after = cwnd(s);

	assert_in_range(after, before * 84 / 100, before * 95 / 100);
	sc_out(s);
	/* More of the same window: nothing more happens. */
	sc_in(s, ACK | ECE, 1, 1 + 5 * MSS, 65535, NULL, 0);
	assert_true(cwnd(s) >= after);
	assert_int_equal(s->counters[OUTCOME_TCP_ECE_IN], 1);
	/* The next new data tells, once. */
	assert_true(sc_out(s) >= 2);
	assert_int_equal(s->out[0].flags & CWR, CWR);
	assert_int_equal(s->out[1].flags & CWR, 0);
	/* A window later it counts again. */
	sc_in(s, ACK | ECE, 1, 1 + 11 * MSS, 65535, NULL, 0);
	assert_int_equal(s->counters[OUTCOME_TCP_ECE_IN], 2);
	tcp_abort(s->c, s->now);
}

static void loss_and_mark_in_one_window_shrink_it_once(void **state)
{
	SCRIPT;
	struct tcp_opts o = {.nb_sacks = 1};

	open_asking(s, ECE | CWR);
	sc_write(s, 20 * MSS);
	assert_int_equal(sc_out(s), 10);
	s->now += 50 * MSEC;
	sc_in(s, ACK | ECE, 1, 1 + MSS, 65535, NULL, 0);
	const uint32_t after = cwnd(s);
	struct tcp_conn_view v;

	sc_out(s);
	o.sacks[0] = (struct tcp_range){s->iss + 1 + 2 * MSS, s->iss + 1 + 6 * MSS};
	sc_in_opts(s, ACK | ECE, 1, 1 + MSS, 65535, NULL, 0, &o);
	sc_wait(s, 20 * MSEC);
	sc_out(s);
	assert_true(s->counters[OUTCOME_TCP_RETRANSMITS] > 0);
	tcp_conn_view(s->c, &v);
	assert_int_equal(v.ssthresh, after);
	tcp_abort(s->c, s->now);
}

static void what_is_resent_and_what_is_no_data_is_not_capable(void **state)
{
	SCRIPT;

	open_asking(s, ECE | CWR);
	sc_write(s, 100);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].ecn, ECT0);
	sc_wait(s, 1500 * MSEC);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].len, 100);
	assert_int_equal(s->out[0].ecn, 0);
	sc_in(s, ACK, 1, 101, 65535, "x", 1);
	sc_expect(s, ACK, 101, 2, 0);
	assert_int_equal(s->out[0].ecn, 0);
	sc_read(s, NULL, 0);
	tcp_shutdown(s->c, s->now);
	sc_expect(s, FIN | ACK, 101, 2, 0);
	assert_int_equal(s->out[0].ecn, 0);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ecn_is_agreed_to_when_the_peer_asks),
		T(plain_syn_gets_a_plain_answer),
		T(half_an_offer_is_none),
		T(marked_syn_shows_a_path_that_mangles),
		T(switched_off_it_is_not_agreed_to),
		T(cookie_remembers_the_offer),
		T(asked_for_and_agreed_to),
		T(asked_for_and_not_known_there),
		T(flags_sent_back_as_they_were_are_no_agreement),
		T(unanswered_syn_comes_again_without_ecn),
		T(mark_is_echoed_until_the_sender_has_reacted),
		T(echo_shrinks_the_window_once_a_round_trip),
		T(loss_and_mark_in_one_window_shrink_it_once),
		T(what_is_resent_and_what_is_no_data_is_not_capable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
