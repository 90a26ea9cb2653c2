/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buf[4096];

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* The block of <len> bytes has type <type> and its length at both ends. */
static void assert_block(size_t len, uint32_t type)
{
	assert_true(len >= 12 && len % 4 == 0);
	assert_int_equal(u32(buf), type);
	assert_int_equal(u32(buf + 4), len);
	assert_int_equal(u32(buf + len - 4), len);
}

/* The value of option <code> among those from <at> on; NULL: it is not there. */
static const uint8_t *find_option(size_t at, size_t len, uint16_t code, uint16_t *ret_len)
{
	while (at + 4 <= len - 4) {
		const uint16_t n = u16(buf + at + 2);

		if (u16(buf + at) == code) {
			*ret_len = n;
			return buf + at + 4;
		}
		if (u16(buf + at) == 0)
			return NULL;
		at += 4 + ((n + 3u) & ~3u);
	}
	return NULL;
}

static void a_section_begins_as_readers_expect(void **)
{
	const size_t len = pcapng_section(buf, sizeof(buf), "tagwarden", "why");
	uint16_t n;

	assert_block(len, 0x0a0d0d0a);
	assert_int_equal(u32(buf + 8), 0x1a2b3c4d);
	assert_int_equal(u16(buf + 12), 1);
	assert_int_equal(u16(buf + 14), 0);
	assert_memory_equal(find_option(24, len, 4, &n), "tagwarden", 9);
	assert_int_equal(n, 9);
	assert_memory_equal(find_option(24, len, 1, &n), "why", 3);
}

static void an_interface_says_its_name_and_nanoseconds(void **)
{
	static const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
	const struct pcapng_interface i = {
		.name = "wan",
		.description = "port x",
		.filter = "tcp",
		.mac = mac,
		.snaplen = 96,
	};
	const size_t len = pcapng_interface(buf, sizeof(buf), &i);
	uint16_t n;

	assert_block(len, 1);
	assert_int_equal(u16(buf + 8), 1); /* Ethernet */
	assert_int_equal(u32(buf + 12), 96);
	assert_memory_equal(find_option(16, len, 2, &n), "wan", 3);
	assert_memory_equal(find_option(16, len, 6, &n), mac, 6);
	assert_int_equal(find_option(16, len, 9, &n)[0], 9);
	assert_memory_equal(find_option(16, len, 11, &n), "\0tcp", 4);
	assert_int_equal(n, 4);
}

static void a_packet_of_any_length_is_padded_and_keeps_its_bytes(void **)
{
	uint8_t data[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

	for (uint32_t caplen = 0; caplen <= sizeof(data); caplen++) {
		const struct pcapng_packet p = {
			.interface = 3,
			.ts_ns = UINT64_C(0x1122334455667788),
			.data = data,
			.caplen = caplen,
			.wire_len = 1500,
			.direction = PCAPNG_OUT,
			.queue = 1,
			.comment = "c",
		};
		size_t len, at;
		uint16_t n;

		memset(buf, 0xff, sizeof(buf));
		len = pcapng_packet(buf, sizeof(buf), &p);
		assert_block(len, 6);
		assert_true(len <= caplen + PCAPNG_PACKET_EXTRA);
		assert_int_equal(u32(buf + 8), 3);
		assert_int_equal(u32(buf + 12), 0x11223344);
		assert_int_equal(u32(buf + 16), 0x55667788);
		assert_int_equal(u32(buf + 20), caplen);
		assert_int_equal(u32(buf + 24), 1500);
		assert_memory_equal(buf + 28, data, caplen);
		at = 28 + ((caplen + 3) & ~3u);
		for (size_t i = 28 + caplen; i < at; i++)
			assert_int_equal(buf[i], 0);
		assert_int_equal(u32(find_option(at, len, 2, &n)), 2);
		assert_int_equal(u32(find_option(at, len, 6, &n)), 1);
		assert_memory_equal(find_option(at, len, 1, &n), "c", 1);
	}
}

static void statistics_tell_of_drops(void **)
{
	const struct pcapng_statistics s = {
		.interface = 1,
		.begin_ns = 5,
		.end_ns = UINT64_C(0x100000002),
		.received = 10,
		.accepted = 8,
		.dropped = UINT64_C(0x300000004),
	};
	const size_t len = pcapng_statistics(buf, sizeof(buf), &s);
	uint16_t n;

	assert_block(len, 5);
	assert_int_equal(u32(buf + 12), 1); /* the higher half first */
	assert_int_equal(u32(buf + 16), 2);
	assert_int_equal(u32(find_option(20, len, 4, &n)), 10);
	assert_int_equal(u32(find_option(20, len, 5, &n)), 4);
	assert_int_equal(u32(find_option(20, len, 5, &n) + 4), 3);
	assert_int_equal(u32(find_option(20, len, 6, &n)), 8);
}

static void what_does_not_fit_is_not_begun(void **)
{
	static const uint8_t data[40];
	const struct pcapng_packet p = {.data = data, .caplen = 40, .wire_len = 40};
	const size_t whole = pcapng_packet(buf, sizeof(buf), &p);
	uint8_t small[256];

	for (size_t cap = 0; cap < whole; cap++) {
		memset(small, 0xee, sizeof(small));
		assert_int_equal(pcapng_packet(small, cap, &p), 0);
		for (size_t i = cap; i < sizeof(small); i++)
			assert_int_equal(small[i], 0xee);
	}
	assert_int_equal(pcapng_packet(small, whole, &p), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_begins_as_readers_expect),
		cmocka_unit_test(an_interface_says_its_name_and_nanoseconds),
		cmocka_unit_test(a_packet_of_any_length_is_padded_and_keeps_its_bytes),
		cmocka_unit_test(statistics_tell_of_drops),
		cmocka_unit_test(what_does_not_fit_is_not_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
