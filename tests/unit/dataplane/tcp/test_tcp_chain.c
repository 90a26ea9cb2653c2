/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What comes in several buffers: a jumbo frame that a port has scattered, or more than one MSS
 * that something put together. That all else is alike is shown by the other tests, which run with
 * TCP_TEST_PIECE too.
 */

#include "script.h"

#include <string.h>

#define SCRIPT struct script *s = *state
#define TEXT 8948u

static uint8_t text[TEXT], got[4 * TEXT];

static int setup(void **state)
{
	for (unsigned i = 0; i < TEXT; i++)
		text[i] = (uint8_t)(i * 31 + i / 256);
	return sc_setup(state);
}

static void a_jumbo_frame_in_small_buffers_is_read_whole(void **state)
{
	/* As a port has them, and odd ones, where words of the checksum go over the border. */
	static const uint16_t pieces[] = {2048, 2047, 333, 101};
	SCRIPT;

	sc_open(s, true);
	for (unsigned i = 0; i < 4; i++) {
		s->piece = pieces[i];
		sc_in(s, ACK | PSH, 1 + i * TEXT, 1, 65535, text, TEXT);
		assert_int_equal(sc_read(s, got, sizeof(got)), TEXT);
		assert_memory_equal(got, text, TEXT);
	}
	assert_int_equal(s->counters[OUTCOME_TCP_CHECKSUM], 0);
	assert_true(sc_out(s) >= 1);
	assert_int_equal(s->out[s->nb_out - 1].ack, 1 + 4 * TEXT);
	tcp_abort(s->c, s->now);
}

static void several_segments_put_together_are_taken_and_acknowledged(void **state)
{
	SCRIPT;

	sc_open(s, true);
	s->piece = 1000;
	for (unsigned i = 0; i < 3; i++) {
		sc_in(s, ACK, 1 + i * 5000, 1, 65535, text, 5000);
		assert_true(sc_out(s) >= 1);
		assert_int_equal(s->out[s->nb_out - 1].ack, 1 + (i + 1) * 5000);
	}
	assert_int_equal(sc_read(s, got, sizeof(got)), 15000);
	for (unsigned i = 0; i < 3; i++)
		assert_memory_equal(got + i * 5000, text, 5000);
	tcp_abort(s->c, s->now);
}

static void scattered_text_out_of_order_is_put_in_order(void **state)
{
	SCRIPT;

	sc_open(s, true);
	s->piece = 700;
	sc_in(s, ACK, 6001, 1, 65535, text + 6000, 2948);
	sc_in(s, ACK, 3001, 1, 65535, text + 3000, 3000);
	sc_in(s, ACK, 1, 1, 65535, text, 3000);
	assert_int_equal(sc_read(s, got, sizeof(got)), TEXT);
	assert_memory_equal(got, text, TEXT);
	tcp_abort(s->c, s->now);
}

/* What is cut off goes over several buffers, at both ends. */
static void overlaps_are_cut_across_buffers(void **state)
{
	SCRIPT;

	sc_open(s, true);
	s->piece = 333;
	sc_in(s, ACK, 5001, 1, 65535, text + 5000, 1000);
	sc_in(s, ACK, 1, 1, 65535, text, 2000);
	/* 1,500 bytes that are there, 3,000 that are not, 1,000 and more that are. */
	sc_in(s, ACK, 501, 1, 65535, text + 500, 8000);
	sc_in(s, ACK, 7001, 1, 65535, text + 7000, 1948);
	assert_int_equal(sc_read(s, got, sizeof(got)), TEXT);
	assert_memory_equal(got, text, TEXT);
	tcp_abort(s->c, s->now);
}

static void text_beyond_the_window_is_cut_across_buffers(void **state)
{
	SCRIPT;

	sc_remake(s, 4096, 65536, 16);
	sc_open(s, true);
	s->piece = 500;
	sc_in(s, ACK, 1, 1, 65535, text, TEXT);
	assert_int_equal(sc_read(s, got, sizeof(got)), 4096);
	assert_memory_equal(got, text, 4096);
	tcp_abort(s->c, s->now);
}

static void headers_must_be_in_the_first_buffer(void **state)
{
	SCRIPT;

	sc_open(s, true);
	s->piece = 24;
	s->splits_headers = true;
	const uint64_t before = s->counters[OUTCOME_TCP_MALFORMED];

	sc_in(s, ACK, 1, 1, 65535, text, 100);
	assert_int_equal(s->counters[OUTCOME_TCP_MALFORMED], before + 1);
	assert_int_equal(sc_read(s, got, sizeof(got)), 0);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_jumbo_frame_in_small_buffers_is_read_whole),
		T(several_segments_put_together_are_taken_and_acknowledged),
		T(scattered_text_out_of_order_is_put_in_order),
		T(overlaps_are_cut_across_buffers),
		T(text_beyond_the_window_is_cut_across_buffers),
		T(headers_must_be_in_the_first_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
