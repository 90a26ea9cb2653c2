/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Recovery, step by step: PRR (RFC 6937), RACK-TLP (RFC 8985), undo (RFC 3522, RFC 3708), F-RTO
 * (RFC 5682), reneging (RFC 2018 8), and how long an ACK waits.
 */

#include "script.h"
#include "tcp/tcp_priv.h"

#include <string.h>

#define SCRIPT struct script *s = *state
#define MSS 1000u
#define RTT (50 * MSEC)

/* The peer opens; the handshake takes RTT. */
static void open_with(struct script *s, uint8_t opt_flags)
{
	struct tcp_opts o = {.mss = MSS, .flags = opt_flags, .tsval = 1};

	sc_remake(s, 65535, 1u << 20, 16);
	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	assert_int_equal(sc_out(s), 1);
	o = (struct tcp_opts){
		.flags = opt_flags & TCP_OPT_F_TS, .tsval = 2, .tsecr = s->out[0].opts.tsval};
	sc_wait(s, RTT);
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
}

/* <nb> segments leave now, whatever cwnd says; more is queued behind when <queued> is larger. */
static void send_segs(struct script *s, uint32_t nb, uint32_t queued)
{
	/* The lengths are the peer's MSS without options. */
	s->c->cwnd = nb * MSS;
	sc_write(s, queued * MSS);
	while (sc_out(s) > 0)
		;
	assert_int_equal(s->c->snd_nxt - s->c->snd_una, nb * MSS);
}

/* ACK of the first <cum> segments, with [from, to) beyond them when that is not empty. */
static void ack(struct script *s, uint32_t cum, uint32_t from, uint32_t to)
{
	struct tcp_opts o = {.nb_sacks = from < to ? 1 : 0};

	o.sacks[0] = (struct tcp_range){s->iss + 1 + from * MSS, s->iss + 1 + to * MSS};
	sc_in_opts(s, ACK, 1, 1 + cum * MSS, 65535, NULL, 0, &o);
}

/* A DSACK for segment <nr>. */
static void dsack(struct script *s, uint32_t cum, uint32_t nr)
{
	struct tcp_opts o = {.nb_sacks = 1};

	o.sacks[0] = (struct tcp_range){s->iss + 1 + nr * MSS, s->iss + 1 + (nr + 1) * MSS};
	sc_in_opts(s, ACK, 1, 1 + cum * MSS, 65535, NULL, 0, &o);
}

/* Does segment <nr> leave, among others? */
static bool leaves(struct script *s, uint32_t nr)
{
	bool found = false;

	sc_out(s);
	for (unsigned i = 0; i < s->nb_out; i++)
		found |= s->out[i].seq == 1 + nr * MSS && s->out[i].len == MSS;
	return found;
}

static uint32_t ssthresh(const struct script *s)
{
	return s->c->ssthresh;
}

/* ---- PRR ---- */

static void recovery_sends_in_proportion_to_what_arrives(void **state)
{
	SCRIPT;
	uint32_t sent = 0;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 20, 60);
	s->now += RTT;
	/* The first is lost. Each ACK says that one more has arrived. */
	for (uint32_t i = 2; i <= 20; i++) {
		ack(s, 0, 1, i);
		sc_out(s);
		/* Two more by RFC 3042, before the third that tells of the loss. */
		if (i < 4)
			continue;
		sent += s->nb_out;
		/* Of 22 in flight two had arrived: 14 may leave while 20 arrive. */
		assert_true(sent <= (i - 3) * 14 / 20 + 1);
	}
	assert_in_range(sent, 10, 12);
	assert_int_equal(ssthresh(s), 14 * MSS);
	assert_int_equal(s->counters[OUTCOME_TCP_RETRANSMITS], 1);
	ack(s, 22 + sent - 1, 0, 0);
	assert_in_range(s->c->cwnd, 14 * MSS, 15 * MSS);
	tcp_abort(s->c, s->now);
}

static void recovery_after_a_great_loss_does_not_burst(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 20, 60);
	s->now += RTT;
	/* Of 20 the last four arrive. */
	ack(s, 0, 16, 17);
	sc_out(s);
	for (uint32_t i = 18; i <= 20; i++) {
		ack(s, 0, 16, i);
		assert_true(sc_out(s) <= 3);
	}
	assert_int_equal(s->c->f->rec, TCP_R_RECOVERY);
	tcp_abort(s->c, s->now);
}

/* ---- RACK-TLP ---- */

static void lost_resend_is_resent_without_a_timeout(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 10, 60);
	s->now += RTT;
	ack(s, 0, 1, 4);
	assert_true(leaves(s, 0));
	s->now += 10 * MSEC;
	ack(s, 0, 1, 10);
	assert_false(leaves(s, 0)); /* new data */
	assert_true(s->nb_out > 0);
	/* What was sent after the resend arrives, the resend does not. */
	s->now += RTT;
	ack(s, 0, 1, 11);
	sc_wait(s, RTT / 4 + MSEC);
	assert_true(leaves(s, 0));
	assert_int_equal(s->counters[OUTCOME_TCP_RTO], 0);
	tcp_abort(s->c, s->now);
}

static void lost_tail_is_found_by_a_probe(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 10, 10);
	s->now += RTT;
	ack(s, 7, 0, 0);
	sc_expect_nothing(s);
	/* Nothing more comes: after two round trips the last one leaves again. */
	sc_wait(s, 2 * RTT + 10 * MSEC);
	assert_true(leaves(s, 9));
	assert_int_equal(s->nb_out, 1);
	/* It arrives, so the two before it are lost. */
	sc_wait(s, RTT);
	ack(s, 7, 9, 10);
	sc_wait(s, RTT / 4 + MSEC);
	assert_true(leaves(s, 7));
	ack(s, 8, 9, 10);
	sc_out(s);
	ack(s, 10, 0, 0);
	assert_int_equal(s->counters[OUTCOME_TCP_RTO], 0);
	assert_int_equal(tcp_conn_unacked(s->c), 0);
	tcp_abort(s->c, s->now);
}

static void late_segment_within_a_quarter_of_the_round_trip_is_waited_for(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	s->c->flags |= TCP_F_REORDERING;
	send_segs(s, 10, 20);
	s->now += RTT;
	ack(s, 0, 1, 6);
	sc_wait(s, RTT / 8);
	ack(s, 10, 0, 0);
	sc_out(s);
	assert_int_equal(s->counters[OUTCOME_TCP_RETRANSMITS], 0);
	tcp_abort(s->c, s->now);
}

/* ---- undo ---- */

static void dsack_of_all_resends_undoes_the_reduction(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 10, 60);
	s->now += RTT;
	ack(s, 0, 1, 4);
	assert_true(leaves(s, 0));
	assert_int_equal(ssthresh(s), 7 * MSS);
	/* The original was late, and the resend is one too many. */
	s->now += 10 * MSEC;
	ack(s, 4, 0, 0);
	sc_out(s);
	dsack(s, 4, 0);
	assert_true(s->c->cwnd >= 10 * MSS);
	assert_true(ssthresh(s) > 1000 * MSS);
	assert_int_equal(s->c->f->rec, TCP_R_OPEN);
	tcp_abort(s->c, s->now);
}

static void dsack_of_what_was_not_resent_undoes_nothing(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 10, 60);
	s->now += RTT;
	ack(s, 0, 1, 4);
	assert_true(leaves(s, 0));
	ack(s, 4, 0, 0);
	sc_out(s);
	dsack(s, 4, 2); /* the network doubled it */
	assert_int_equal(ssthresh(s), 7 * MSS);
	tcp_abort(s->c, s->now);
}

/* With timestamps segments are shorter; <tsval> is of the first one out. */
static uint32_t send_with_timestamps(struct script *s)
{
	open_with(s, TCP_OPT_F_SACK_OK | TCP_OPT_F_TS);
	s->c->cwnd = 10 * MSS;
	sc_write(s, 10 * MSS);
	assert_true(sc_out(s) > 0);
	return s->out[0].opts.tsval;
}

static void ack_ts(struct script *s, uint32_t ack_seq, uint32_t tsecr)
{
	const struct tcp_opts o = {.flags = TCP_OPT_F_TS, .tsval = 3, .tsecr = tsecr};

	sc_in_opts(s, ACK, 1, ack_seq, 65535, NULL, 0, &o);
}

static void timestamp_of_the_original_undoes_a_timeout(void **state)
{
	SCRIPT;
	const uint32_t tsval = send_with_timestamps(s);
	const uint32_t len = s->out[0].len;

	sc_wait(s, 3 * SEC); /* probe or timeout */
	sc_out(s);
	sc_wait(s, 3 * SEC);
	sc_out(s);
	assert_true(s->counters[OUTCOME_TCP_RTO] > 0);
	assert_true(s->c->cwnd <= 2 * MSS);
	ack_ts(s, 1 + 2 * len, tsval);
	assert_true(s->c->cwnd >= 10 * MSS);
	assert_int_equal(s->c->f->rec, TCP_R_OPEN);
	assert_int_equal(s->c->f->lost, 0);
	tcp_abort(s->c, s->now);
}

static void timestamp_of_the_resend_undoes_nothing(void **state)
{
	SCRIPT;

	send_with_timestamps(s);
	const uint32_t len = s->out[0].len;

	sc_wait(s, 3 * SEC);
	sc_out(s);
	sc_wait(s, 3 * SEC);
	assert_true(sc_out(s) > 0);
	ack_ts(s, 1 + 2 * len, s->out[0].opts.tsval);
	assert_true(s->c->cwnd < 5 * MSS);
	tcp_abort(s->c, s->now);
}

/* Ten segments, silence, a timeout; the first is resent. */
static void time_out(struct script *s, uint8_t opt_flags)
{
	open_with(s, opt_flags);
	send_segs(s, 10, 40);
	while (s->counters[OUTCOME_TCP_RTO] == 0) {
		sc_wait(s, 20 * MSEC);
		sc_out(s);
	}
	assert_int_equal(s->c->f->rec, TCP_R_LOSS);
	assert_int_equal(s->c->cwnd, MSS);
}

static void originals_that_arrive_after_a_timeout_undo_it_with_sack(void **state)
{
	SCRIPT;

	time_out(s, TCP_OPT_F_SACK_OK);
	ack(s, 2, 0, 0);
	assert_int_equal(s->c->f->rec, TCP_R_OPEN);
	assert_true(s->c->cwnd >= 10 * MSS);
	assert_int_equal(s->c->f->lost, 0);
	tcp_abort(s->c, s->now);
}

static void second_ack_after_a_timeout_undoes_it_without_sack(void **state)
{
	SCRIPT;

	time_out(s, 0);
	/* The first moves on: two new segments instead of what is deemed lost. */
	ack(s, 2, 0, 0);
	assert_int_equal(s->c->f->rec, TCP_R_LOSS);
	assert_int_equal(sc_out(s), 2);
	assert_int_equal(s->out[0].seq, 1 + 10 * MSS);
	assert_int_equal(s->out[1].seq, 1 + 11 * MSS);
	ack(s, 4, 0, 0);
	assert_int_equal(s->c->f->rec, TCP_R_OPEN);
	assert_true(s->c->cwnd >= 10 * MSS);
	assert_int_equal(s->c->f->lost, 0);
	tcp_abort(s->c, s->now);
}

static void duplicate_after_new_data_says_that_the_timeout_was_real(void **state)
{
	SCRIPT;

	time_out(s, 0);
	ack(s, 2, 0, 0);
	assert_int_equal(sc_out(s), 2);
	ack(s, 2, 0, 0);
	assert_int_equal(s->c->f->rec, TCP_R_LOSS);
	assert_true(leaves(s, 2));
	assert_true(s->c->cwnd <= 3 * MSS);
	assert_int_equal(ssthresh(s), 7 * MSS);
	tcp_abort(s->c, s->now);
}

static void ack_of_all_after_a_timeout_undoes_nothing_without_sack(void **state)
{
	SCRIPT;

	/* The first was lost and the others waited for it. */
	time_out(s, 0);
	ack(s, 10, 0, 0);
	assert_int_equal(s->c->f->rec, TCP_R_OPEN);
	assert_int_equal(ssthresh(s), 7 * MSS);
	assert_true(s->c->cwnd <= 7 * MSS);
	tcp_abort(s->c, s->now);
}

/* ---- reneging ---- */

static void what_the_peer_has_dropped_again_is_resent(void **state)
{
	SCRIPT;

	open_with(s, TCP_OPT_F_SACK_OK);
	send_segs(s, 6, 6);
	s->now += RTT;
	ack(s, 0, 2, 6);
	sc_wait(s, RTT);
	assert_true(sc_out(s) > 0);
	/* 0 and 1 arrive; the peer says it has no more, and goes on to say so. */
	ack(s, 2, 0, 0);
	while (s->counters[OUTCOME_TCP_RTO] == 0) {
		sc_wait(s, 20 * MSEC);
		sc_out(s);
	}
	assert_int_equal(s->c->f->sacked, 0);
	for (uint32_t i = 2; i < 6; i++) {
		/* Slow start over what is there to send again. */
		s->now += RTT;
		ack(s, i + 1, 0, 0);
		sc_out(s);
	}
	assert_int_equal(tcp_conn_unacked(s->c), 0);
	tcp_abort(s->c, s->now);
}

/* ---- the other direction ---- */

static void ack_waits_no_longer_than_a_round_trip(void **state)
{
	SCRIPT;
	static const uint32_t rtt_ms[] = {1, 20, 200}, waits_ms[] = {2, 21, 40};

	for (unsigned i = 0; i < 3; i++) {
		uint32_t seq = 1;

		open_with(s, TCP_OPT_F_SACK_OK);
		s->c->srtt_us = rtt_ms[i] * MSEC;
		for (; s->c->quick_acks > 0; seq += MSS) {
			sc_in(s, ACK, seq, 1, 65535, NULL, MSS);
			sc_out(s);
			sc_read(s, NULL, 0);
		}
		sc_out(s);
		sc_in(s, ACK, seq, 1, 65535, NULL, 100);
		sc_expect_nothing(s);
		sc_wait(s, (waits_ms[i] - 1) * MSEC);
		sc_expect_nothing(s);
		sc_wait(s, 2 * MSEC);
		sc_expect(s, ACK, 1, seq + 100, 0);
		tcp_abort(s->c, s->now);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(recovery_sends_in_proportion_to_what_arrives),
		T(recovery_after_a_great_loss_does_not_burst),
		T(lost_resend_is_resent_without_a_timeout),
		T(lost_tail_is_found_by_a_probe),
		T(late_segment_within_a_quarter_of_the_round_trip_is_waited_for),
		T(dsack_of_all_resends_undoes_the_reduction),
		T(dsack_of_what_was_not_resent_undoes_nothing),
		T(timestamp_of_the_original_undoes_a_timeout),
		T(timestamp_of_the_resend_undoes_nothing),
		T(originals_that_arrive_after_a_timeout_undo_it_with_sack),
		T(second_ack_after_a_timeout_undoes_it_without_sack),
		T(duplicate_after_new_data_says_that_the_timeout_was_real),
		T(ack_of_all_after_a_timeout_undoes_nothing_without_sack),
		T(what_the_peer_has_dropped_again_is_resent),
		T(ack_waits_no_longer_than_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
