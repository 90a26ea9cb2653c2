/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/inet_sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MAX 2100u

static uint8_t bytes[MAX + 64];

/* RFC 1071 4.1, word by word. */
static uint16_t reference(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		uint16_t w = 0;

		memcpy(&w, p + i, len - i < 2 ? 1 : 2);
		sum += w;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)sum;
}

static void every_length_at_every_alignment_has_the_sum_of_its_words(void **)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 197 + (i >> 3) * 31 + 5);
	for (size_t len = 0; len < MAX; len++)
		for (size_t at = 0; at < 33; at += 1 + (len > 300) * 7)
			assert_int_equal(inet_sum(bytes + at, len), reference(bytes + at, len));
}

static void carries_of_the_largest_words_are_not_lost(void **)
{
	memset(bytes, 0xff, sizeof(bytes));
	for (size_t len = 1; len < MAX; len++)
		assert_int_equal(inet_sum(bytes, len), reference(bytes, len));
}

static void only_zeroes_sum_up_to_zero(void **)
{
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(inet_sum(bytes, MAX), 0);
	for (size_t at = 0; at < MAX; at += 13) {
		bytes[at] = 1;
		bytes[at + 1] = 0xff;
		assert_int_not_equal(inet_sum(bytes, MAX), 0);
		bytes[at] = 0;
		bytes[at + 1] = 0;
	}
}

static void a_header_of_twenty_bytes_has_the_same_sum(void **)
{
	for (unsigned round = 0; round < 256; round++) {
		memset(bytes, (int)round, 20);
		bytes[round % 20] ^= 0x5a;
		assert_int_equal(inet_sum20(bytes), reference(bytes, 20));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_at_every_alignment_has_the_sum_of_its_words),
		cmocka_unit_test(carries_of_the_largest_words_are_not_lost),
		cmocka_unit_test(only_zeroes_sum_up_to_zero),
		cmocka_unit_test(a_header_of_twenty_bytes_has_the_same_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
