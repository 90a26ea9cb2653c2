/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Text both ways: RFC 9293 3.10.7.4, 3.8.6, RFC 2018, RFC 2883, RFC 5681, RFC 5961, RFC 6298,
 * RFC 7323 5, RFC 8985.
 */

#include "script.h"

#include <errno.h>
#include <string.h>

#define SCRIPT struct script *s = *state

static void use_up_quick_acks(struct script *s, uint32_t *seq)
{
	for (unsigned i = 0; i < 16; i++, (*seq)++) {
		sc_in(s, ACK, *seq, 1, 65535, "q", 1);
		sc_out(s);
	}
	sc_read(s, NULL, 0);
}

/* ---- receiving ---- */

static void text_in_order_is_read_and_acknowledged(void **state)
{
	SCRIPT;
	uint8_t got[10];

	sc_open(s, true);
	sc_in(s, ACK | PSH, 1, 1, 65535, "hello", 5);
	assert_true(sc_events(s) & TCP_EV_READABLE);
	assert_int_equal(sc_read(s, got, 10), 5);
	assert_memory_equal(got, "hello", 5);
	sc_expect(s, ACK, 1, 6, 0);
	tcp_abort(s->c, s->now);
}

static void ack_waits_for_a_second_segment_or_40_ms(void **state)
{
	SCRIPT;
	uint32_t seq = 1;

	sc_open(s, true);
	use_up_quick_acks(s, &seq);
	sc_in(s, ACK, seq, 1, 65535, NULL, 600);
	sc_expect_nothing(s);
	sc_in(s, ACK, seq + 600, 1, 65535, NULL, 600);
	sc_expect(s, ACK, 1, seq + 1200, 0);
	sc_in(s, ACK, seq + 1200, 1, 65535, NULL, 10);
	sc_expect_nothing(s);
	sc_wait(s, 41 * MSEC);
	sc_expect(s, ACK, 1, seq + 1210, 0);
	tcp_abort(s->c, s->now);
}

static void ack_rides_on_text_that_leaves(void **state)
{
	SCRIPT;
	uint32_t seq = 1;

	sc_open(s, true);
	use_up_quick_acks(s, &seq);
	sc_in(s, ACK, seq, 1, 65535, NULL, 100);
	sc_write(s, 50);
	sc_expect(s, ACK, 1, seq + 100, 50);
	sc_wait(s, 41 * MSEC);
	sc_expect_nothing(s);
	tcp_abort(s->c, s->now);
}

static void text_out_of_order_is_sacked_and_put_in_order(void **state)
{
	SCRIPT;
	uint8_t got[12];

	sc_open(s, true);
	sc_in(s, ACK, 5, 1, 65535, "efgh", 4);
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(s->out[0].opts.nb_sacks, 1);
	assert_int_equal(s->out[0].opts.sacks[0].start, PEER_ISN + 5);
	assert_int_equal(s->out[0].opts.sacks[0].end, PEER_ISN + 9);
	sc_in(s, ACK, 11, 1, 65535, "kl", 2);
	sc_expect(s, ACK, 1, 1, 0);
	/* The newest block comes first, RFC 2018 4. */
	assert_int_equal(s->out[0].opts.nb_sacks, 2);
	assert_int_equal(s->out[0].opts.sacks[0].start, PEER_ISN + 11);
	sc_in(s, ACK, 1, 1, 65535, "abcd", 4);
	sc_expect(s, ACK, 1, 9, 0);
	assert_int_equal(s->out[0].opts.nb_sacks, 1);
	sc_in(s, ACK, 9, 1, 65535, "ij", 2);
	sc_expect(s, ACK, 1, 13, 0);
	assert_int_equal(s->out[0].opts.nb_sacks, 0);
	assert_int_equal(sc_read(s, got, 12), 12);
	assert_memory_equal(got, "abcdefghijkl", 12);
	tcp_abort(s->c, s->now);
}

static void overlapping_segments_deliver_each_byte_once(void **state)
{
	SCRIPT;
	uint8_t got[16];

	sc_open(s, true);
	sc_in(s, ACK, 4, 1, 65535, "def", 3);      /* 4-6 */
	sc_in(s, ACK, 9, 1, 65535, "ij", 2);       /* 9-10 */
	sc_in(s, ACK, 3, 1, 65535, "cdefghij", 8); /* over both */
	sc_in(s, ACK, 5, 1, 65535, "efghijkl", 8); /* beyond both */
	sc_in(s, ACK, 1, 1, 65535, "abcdef", 6);
	sc_out(s);
	assert_int_equal(sc_read(s, got, 16), 12);
	assert_memory_equal(got, "abcdefghijkl", 12);
	sc_in(s, ACK, 7, 1, 65535, "ghijklmn", 8); /* half old */
	assert_int_equal(sc_read(s, got, 16), 2);
	assert_memory_equal(got, "mn", 2);
	tcp_abort(s->c, s->now);
}

static void duplicate_text_is_reported_by_dsack(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 1, 65535, "abcd", 4);
	sc_out(s);
	sc_in(s, ACK, 1, 1, 65535, "abcd", 4);
	sc_expect(s, ACK, 1, 5, 0);
	assert_int_equal(s->out[0].opts.nb_sacks, 1);
	assert_int_equal(s->out[0].opts.sacks[0].start, PEER_ISN + 1);
	assert_int_equal(s->out[0].opts.sacks[0].end, PEER_ISN + 5);
	assert_int_equal(sc_read(s, NULL, 0), 4);
	tcp_abort(s->c, s->now);
}

static void urgent_data_stays_in_line(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK | URG, 1, 1, 65535, "abc", 3);
	assert_int_equal(sc_read(s, NULL, 0), 3);
	tcp_abort(s->c, s->now);
}

static void tiny_segments_share_buffers(void **state)
{
	SCRIPT;

	sc_open(s, true);
	for (uint32_t i = 0; i < 1000; i++) {
		sc_in(s, ACK, 1 + i, 1, 65535, "x", 1);
		sc_out(s);
	}
	assert_in_range(tcp_stack_nb_mbufs(s->st), 1, 3);
	/* Out of order as well. */
	for (uint32_t i = 0; i < 1000; i++) {
		sc_in(s, ACK, 3000 + i, 1, 65535, "x", 1);
		sc_out(s);
	}
	assert_in_range(tcp_stack_nb_mbufs(s->st), 1, 6);
	assert_int_equal(sc_read(s, NULL, 0), 1000);
	tcp_abort(s->c, s->now);
}

static void holes_without_end_are_bounded(void **state)
{
	SCRIPT;

	sc_open(s, true);
	for (uint32_t i = 0; i < 5000; i++) {
		sc_in(s, ACK, 3 + 2 * i, 1, 65535, "x", 1);
		sc_out(s);
	}
	assert_in_range(tcp_stack_nb_mbufs(s->st), 100, 65535 / 536 + 64);
	assert_true(s->counters[OUTCOME_TCP_OOO_FULL] > 0);
	tcp_abort(s->c, s->now);
}

static void window_closes_when_nobody_reads_and_opens_again(void **state)
{
	SCRIPT;
	uint32_t seq = 1;

	sc_open(s, true);
	for (unsigned i = 0; i < 80; i++, seq += 1000) {
		sc_in(s, ACK, seq, 1, 65535, NULL, 1000);
		sc_out(s);
	}
	assert_int_equal(s->out[0].wnd, 0);
	/* A probe is answered, and what is beyond the edge not taken. */
	sc_in(s, ACK, 1 + 65535, 1, 65535, "x", 1);
	sc_expect(s, ACK, 1, 1 + 65535, 0);
	assert_int_equal(s->out[0].wnd, 0);
	assert_int_equal(sc_read(s, NULL, 0), 65535);
	sc_expect(s, ACK, 1, 1 + 65535, 0);
	assert_true(s->out[0].wnd > 30000);
	tcp_abort(s->c, s->now);
}

/* ---- RFC 5961, RFC 7323 ---- */

static void reset_must_hit_exactly(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, RST, 70000, 0, 0, NULL, 0); /* outside */
	sc_expect_nothing(s);
	sc_in(s, RST, 100, 0, 0, NULL, 0); /* inside: prove it */
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
	sc_in(s, RST, 1, 0, 0, NULL, 0);
	assert_true(sc_events(s) & TCP_EV_ERROR);
	assert_int_equal(tcp_conn_error(s->c), -ECONNRESET);
	assert_int_equal(s->counters[OUTCOME_TCP_RESET_IN], 1);
	tcp_close(s->c, s->now);
	sc_expect_nothing(s);
}

static void syn_in_the_window_is_challenged(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, SYN, 1, 0, 1000, NULL, 0);
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
	tcp_abort(s->c, s->now);
}

static void challenges_are_limited_per_second(void **state)
{
	SCRIPT;
	unsigned n = 0;

	sc_open(s, true);
	for (unsigned i = 0; i < 100; i++) {
		sc_in(s, RST, 100, 0, 0, NULL, 0);
		n += sc_out(s);
	}
	assert_in_range(n, 4, 19);
	assert_int_equal(s->counters[OUTCOME_TCP_CHALLENGE_LIMITED], 100 - n);
	sc_wait(s, SEC + MSEC);
	sc_in(s, RST, 100, 0, 0, NULL, 0);
	assert_int_equal(sc_out(s), 1);
	tcp_abort(s->c, s->now);
}

static void acks_of_what_was_never_sent_are_challenged(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 500, 65535, "abc", 3);
	sc_expect(s, ACK, 1, 1, 0);
	sc_in(s, ACK, 1, (uint32_t)-70000, 65535, "abc", 3);
	sc_expect(s, ACK, 1, 1, 0);
	assert_int_equal(s->counters[OUTCOME_TCP_BAD_ACK], 2);
	assert_int_equal(sc_read(s, NULL, 0), 0);
	tcp_abort(s->c, s->now);
}

static void old_timestamps_are_refused(void **state)
{
	SCRIPT;
	struct tcp_opts o = {.flags = TCP_OPT_F_TS, .tsval = 1000};

	sc_in_opts(s, SYN, 0, 0, 1000, NULL, 0, &o);
	sc_out(s);
	o.tsecr = s->out[0].opts.tsval;
	sc_in_opts(s, ACK, 1, 1, 1000, NULL, 0, &o);
	s->c = tcp_accept(s->st);
	o.tsval = 999;
	sc_in_opts(s, ACK, 1, 1, 1000, "old", 3, &o);
	assert_int_equal(s->counters[OUTCOME_TCP_PAWS], 1);
	assert_int_equal(sc_read(s, NULL, 0), 0);
	sc_expect(s, ACK, 1, 1, 0);
	/* A reset needs no timestamp, RFC 7323 5.2; it is judged by its sequence number. */
	o.tsval = 1001;
	sc_in_opts(s, ACK, 1, 1, 1000, "new", 3, &o);
	assert_int_equal(sc_read(s, NULL, 0), 3);
	sc_expect(s, ACK, 1, 4, 0);
	assert_int_equal(s->out[0].opts.tsecr, 1001);
	tcp_abort(s->c, s->now);
}

/* ---- sending ---- */

static void text_is_cut_by_the_peers_mss(void **state)
{
	SCRIPT;

	sc_open(s, true);
	assert_int_equal(sc_write(s, 2500), 2500);
	assert_int_equal(sc_out(s), 3);
	assert_int_equal(s->out[0].len, 1000);
	assert_int_equal(s->out[2].len, 500);
	assert_int_equal(s->out[2].flags, ACK | PSH);
	sc_in(s, ACK, 1, 2501, 65535, NULL, 0);
	assert_true(sc_events(s) & TCP_EV_SENT_ALL);
	assert_int_equal(tcp_conn_unacked(s->c), 0);
	tcp_abort(s->c, s->now);
}

static void corked_tail_waits(void **state)
{
	SCRIPT;

	sc_open(s, true);
	tcp_conn_set_more(s->c, true);
	sc_write(s, 1500);
	assert_int_equal(sc_out(s), 1);
	sc_expect_nothing(s);
	tcp_conn_set_more(s->c, false);
	sc_expect(s, ACK, 1001, 1, 500);
	tcp_abort(s->c, s->now);
}

static void full_send_queue_says_when_there_is_room(void **state)
{
	SCRIPT;

	sc_open(s, true);
	const size_t n = sc_write(s, 1000000);

	assert_int_equal(n, 65536);
	assert_int_equal(tcp_conn_writable(s->c), 0);
	assert_false(sc_events(s) & TCP_EV_WRITABLE);
	uint32_t acked = 1;

	while (!(sc_events(s) & TCP_EV_WRITABLE)) {
		assert_true(sc_out(s) > 0);
		acked = s->out[s->nb_out - 1].seq + s->out[s->nb_out - 1].len;
		sc_in(s, ACK, 1, acked, 65535, NULL, 0);
	}
	assert_true(tcp_conn_writable(s->c) >= 32768);
	tcp_abort(s->c, s->now);
}

static void three_sacks_resend_the_hole(void **state)
{
	SCRIPT;
	struct tcp_opts o = {.nb_sacks = 1};

	sc_open(s, true);
	sc_write(s, 8000);
	assert_int_equal(sc_out(s), 8);
	sc_wait(s, MSEC);
	o.sacks[0] = (struct tcp_range){s->iss + 1001, s->iss + 4001};
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	sc_expect(s, ACK, 1, 1, 1000);
	assert_int_equal(s->counters[OUTCOME_TCP_RETRANSMITS], 1);
	assert_int_equal(s->counters[OUTCOME_TCP_RTO], 0);
	tcp_abort(s->c, s->now);
}

static void without_sack_three_duplicates_resend(void **state)
{
	SCRIPT;

	sc_open(s, false);
	sc_write(s, 8000);
	assert_int_equal(sc_out(s), 8);
	for (unsigned i = 0; i < 2; i++) {
		sc_in(s, ACK, 1, 1, 65535, NULL, 0);
		sc_expect_nothing(s);
	}
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	sc_expect(s, ACK, 1, 1, 1000);
	/* A partial ACK says where the next hole is, RFC 6582 3.2. */
	sc_in(s, ACK, 1, 1001, 65535, NULL, 0);
	assert_true(sc_out(s) >= 1);
	assert_int_equal(s->out[0].seq, 1001);
	tcp_abort(s->c, s->now);
}

static void silent_tail_is_probed_then_times_out(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 2000);
	assert_int_equal(sc_out(s), 2);
	sc_wait(s, 30 * MSEC); /* the handshake's round trip took no time: PTO is the least one */
	sc_expect(s, ACK, 1001, 1, 1000);
	assert_int_equal(s->counters[OUTCOME_TCP_RTO], 0);
	sc_wait(s, 300 * MSEC);
	sc_expect(s, ACK, 1, 1, 1000);
	assert_int_equal(s->counters[OUTCOME_TCP_RTO], 1);
	tcp_abort(s->c, s->now);
}

static void timeouts_back_off_and_end(void **state)
{
	SCRIPT;
	unsigned n = 0;

	sc_open(s, false);
	sc_write(s, 100);
	sc_out(s);
	for (unsigned i = 0; i < 200 && tcp_conn_error(s->c) == 0; i++) {
		sc_wait(s, SEC);
		n += sc_out(s);
	}
	assert_in_range(n, 6, 11);
	assert_int_equal(tcp_conn_error(s->c), -ETIMEDOUT);
	assert_int_equal(s->counters[OUTCOME_TCP_TIMEOUT], 1);
	tcp_close(s->c, s->now);
}

static void shut_window_is_probed_until_it_opens(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 1, 0, NULL, 0);
	sc_write(s, 100);
	sc_expect_nothing(s);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned k = 0; k < 700 && sc_out(s) == 0; k++)
			sc_wait(s, 100 * MSEC);
		assert_int_equal(s->nb_out, 1);
		assert_int_equal(s->out[0].seq, 0); /* an old number asks for an answer */
		assert_int_equal(s->out[0].len, 0);
		sc_in(s, ACK, 1, 1, 0, NULL, 0);
	}
	assert_int_equal(tcp_conn_error(s->c), 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	sc_expect(s, ACK, 1, 1, 100);
	tcp_abort(s->c, s->now);
}

static void small_window_is_not_filled_at_once(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 1, 100, NULL, 0);
	sc_write(s, 1000);
	sc_expect_nothing(s); /* RFC 9293 3.8.6.2.1 */
	for (unsigned k = 0; k < 50 && sc_out(s) == 0; k++)
		sc_wait(s, 100 * MSEC);
	assert_int_equal(s->out[0].len, 100); /* but the override timer does */
	sc_in(s, ACK, 1, 101, 65535, NULL, 0);
	sc_expect(s, ACK, 101, 1, 900);
	assert_int_equal(s->out[0].data[0], 100);
	tcp_abort(s->c, s->now);
}

static void path_mtu_cuts_what_is_resent(void **state)
{
	SCRIPT;
	const uint16_t least = s->is_v6 ? 1220 : 536; /* of 1280 and 576, whatever is claimed */
	uint32_t n = 0;

	const struct tcp_opts o = {.mss = 1440};

	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	sc_write(s, 1440);
	assert_int_equal(sc_out(s), 1);
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 99999, 576, s->now);
	sc_expect_nothing(s); /* quotes what is not in flight */
	tcp_icmp_error(s->st, tcp_conn_tuple(s->c), s->iss + 1, 68, s->now);
	sc_out(s);
	for (unsigned i = 0; i < s->nb_out; i++) {
		assert_true(s->out[i].len <= least);
		assert_int_equal(s->out[i].seq, 1 + n);
		n += s->out[i].len;
	}
	assert_true(n >= least);
	tcp_abort(s->c, s->now);
}

/* What the send queue may hold. */
static size_t room(const struct tcp_conn *c)
{
	return tcp_conn_writable(c) + tcp_conn_unacked(c);
}

static void send_queue_grows_with_the_window(void **state)
{
	SCRIPT;
	const struct tcp_opts o = {
		.mss = 1400, .wscale = 10, .flags = TCP_OPT_F_SACK_OK | TCP_OPT_F_WSCALE};
	uint32_t acked = 1;

	sc_remake(s, 65535, 1u << 20, 16);
	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	/* A peer that has shown nothing ties up little. */
	assert_int_equal(room(s->c), 128u << 10);
	for (unsigned i = 0; i < 1000 && room(s->c) <= 128u << 10; i++) {
		sc_write(s, 1u << 20);
		while (sc_out(s) > 0)
			acked = s->out[s->nb_out - 1].seq + s->out[s->nb_out - 1].len;
		sc_wait(s, 10 * MSEC);
		sc_in(s, ACK, 1, acked, 65535, NULL, 0);
	}
	assert_true(room(s->c) > 128u << 10);
	assert_true(room(s->c) <= 1u << 20);
	tcp_abort(s->c, s->now);
}

static void silent_peer_is_probed_by_keepalive(void **state)
{
	SCRIPT;
	unsigned n = 0;

	sc_open(s, true);
	tcp_conn_set_keepalive(s->c, 10);
	sc_wait(s, 9 * SEC);
	sc_expect_nothing(s);
	sc_wait(s, 2 * SEC);
	sc_expect(s, ACK, 0, 1, 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	for (unsigned i = 0; i < 100 && tcp_conn_error(s->c) == 0; i++) {
		sc_wait(s, SEC);
		n += sc_out(s);
	}
	assert_int_equal(tcp_conn_error(s->c), -ETIMEDOUT);
	assert_int_equal(n, 5 + 1); /* the probes, and a reset */
	tcp_close(s->c, s->now);
}

static void empty_pool_is_survived(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_pool_drain(1);
	sc_write(s, 5000);
	assert_int_equal(tcp_conn_unacked(s->c), 1000);
	assert_true(s->counters[OUTCOME_MBUF_EXHAUSTED] > 0);
	sc_pool_return();
	sc_wait(s, 20 * MSEC);
	assert_true(sc_events(s) & TCP_EV_WRITABLE);
	assert_int_equal(sc_write(s, 4000), 4000);
	assert_int_equal(sc_out(s), 5);
	tcp_abort(s->c, s->now);
}

static void receive_window_grows_for_a_reader_that_keeps_up(void **state)
{
	SCRIPT;
	struct tcp_conn_view v;
	const struct tcp_opts o = {.mss = 1400, .wscale = 7, .flags = TCP_OPT_F_WSCALE};
	uint32_t seq = 1;

	sc_remake(s, 1u << 20, 65536, 16);
	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_out(s);
	sc_wait(s, 10 * MSEC);
	sc_in(s, ACK, 1, 1, 512, NULL, 0);
	s->c = tcp_accept(s->st);
	for (unsigned i = 0; i < 400; i++, seq += 1400) {
		sc_in(s, ACK, seq, 1, 512, NULL, 1400);
		sc_read(s, NULL, 0);
		sc_out(s);
		sc_wait(s, 500);
	}
	tcp_conn_view(s->c, &v);
	assert_true(v.rcv_wnd > 120000);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(text_in_order_is_read_and_acknowledged),
		T(ack_waits_for_a_second_segment_or_40_ms),
		T(ack_rides_on_text_that_leaves),
		T(text_out_of_order_is_sacked_and_put_in_order),
		T(overlapping_segments_deliver_each_byte_once),
		T(duplicate_text_is_reported_by_dsack),
		T(urgent_data_stays_in_line),
		T(tiny_segments_share_buffers),
		T(holes_without_end_are_bounded),
		T(window_closes_when_nobody_reads_and_opens_again),
		T(reset_must_hit_exactly),
		T(syn_in_the_window_is_challenged),
		T(challenges_are_limited_per_second),
		T(acks_of_what_was_never_sent_are_challenged),
		T(old_timestamps_are_refused),
		T(text_is_cut_by_the_peers_mss),
		T(corked_tail_waits),
		T(full_send_queue_says_when_there_is_room),
		T(three_sacks_resend_the_hole),
		T(without_sack_three_duplicates_resend),
		T(silent_tail_is_probed_then_times_out),
		T(timeouts_back_off_and_end),
		T(shut_window_is_probed_until_it_opens),
		T(small_window_is_not_filled_at_once),
		T(path_mtu_cuts_what_is_resent),
		T(send_queue_grows_with_the_window),
		T(silent_peer_is_probed_by_keepalive),
		T(empty_pool_is_survived),
		T(receive_window_grows_for_a_reader_that_keeps_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
