/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/tally.h"
#include "rest/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t stream[8192];
static size_t len;

static int make_stream(void **)
{
	static const uint8_t data[700];

	len = pcapng_section(stream, sizeof(stream), "t", NULL);
	len += pcapng_interface(stream + len, sizeof(stream) - len,
				&(struct pcapng_interface){.name = "wan", .snaplen = 700});
	for (uint32_t i = 0; i < 5; i++)
		len += pcapng_packet(
			stream + len, sizeof(stream) - len,
			&(struct pcapng_packet){.data = data, .caplen = i * 150, .wire_len = 700});
	for (uint32_t i = 0; i < 2; i++)
		len += pcapng_statistics(stream + len, sizeof(stream) - len,
					 &(struct pcapng_statistics){
						 .received = 9, .accepted = 9, .dropped = 3 + i});
	return 0;
}

static void packets_and_drops_are_counted_however_the_stream_is_cut(void **)
{
	for (size_t piece = 1; piece < 300; piece += 7) {
		struct tally t = {0};

		for (size_t at = 0; at < len; at += piece)
			tally_feed(&t, stream + at, piece < len - at ? piece : len - at);
		assert_false(t.is_bad);
		assert_true(t.is_complete);
		assert_int_equal(t.nb_packets, 5);
		assert_int_equal(t.nb_dropped, 7);
	}
}

static void a_stream_without_its_end_is_not_complete(void **)
{
	struct tally t = {0};

	tally_feed(&t, stream, len - 250);
	assert_false(t.is_complete);
	assert_false(t.is_bad);
}

static void what_is_no_pcapng_is_bad(void **)
{
	struct tally t = {0};

	tally_feed(&t, (const uint8_t *)"HTTP/1.1 200 OK\r\n\r\n", 19);
	assert_true(t.is_bad);
}

/* The same numbers each time. */
static uint32_t dice(void)
{
	static uint32_t state = 1;

	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

static void garbage_stays_within_its_bounds(void **)
{
	uint8_t copy[8192];

	for (unsigned i = 0; i < 20000; i++) {
		struct tally t = {0};

		memcpy(copy, stream, len);
		for (unsigned k = 0; k < 4; k++)
			copy[(size_t)dice() % len] = (uint8_t)dice();
		tally_feed(&t, copy, len);
		assert_true(t.nb_packets <= len / 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_and_drops_are_counted_however_the_stream_is_cut),
		cmocka_unit_test(a_stream_without_its_end_is_not_complete),
		cmocka_unit_test(what_is_no_pcapng_is_bad),
		cmocka_unit_test(garbage_stays_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, make_stream, NULL);
}
