/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_mend.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t len, const char *want, size_t nb)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	memcpy(p, text, len);
	p[len] = '\0';
	assert_int_equal(ems_mend(p, len), nb);
	assert_string_equal((const char *)p, want);
	free(p);
}

#define CHECK(text, want, nb) check(text, sizeof(text) - 1, want, nb)

static void what_is_in_order_is_left_alone(void **)
{
	CHECK("{\"a\":\"b\\u00e9\\ud83d\\ude00 \\\\u0000 \\\"\xc3\xa9\xf0\x9f\x98\x80\"}",
	      "{\"a\":\"b\\u00e9\\ud83d\\ude00 \\\\u0000 \\\"\xc3\xa9\xf0\x9f\x98\x80\"}", 0);
	CHECK("", "", 0);
	CHECK("\"", "\"", 0);
	CHECK("\"\\", "\"\\", 0);
	CHECK("\"\\u00", "\"\\u00", 0);
}

static void a_nul_becomes_a_question_mark(void **)
{
	CHECK("[\"a\\u0000b\"]", "[\"a\\u003fb\"]", 1);
	CHECK("[\"\\u0000\\u0000\"]", "[\"\\u003f\\u003f\"]", 2);
}

static void half_of_a_pair_becomes_a_question_mark(void **)
{
	CHECK("[\"\\ud83d\"]", "[\"\\u003f\"]", 1);
	CHECK("[\"\\ud83d\\ud83d\\ude00\"]", "[\"\\u003f\\ud83d\\ude00\"]", 1);
	CHECK("[\"\\uDE00\\ud83d\"]", "[\"\\u003f\\u003f\"]", 2);
	CHECK("[\"\\ud83d\\n\"]", "[\"\\u003f\\n\"]", 1);
}

static void bytes_that_are_no_utf8_become_question_marks(void **)
{
	CHECK("[\"\xff\xfe\"]", "[\"??\"]", 2);
	CHECK("[\"\xc0\x80\"]", "[\"??\"]", 2);
	CHECK("[\"\xe2\x82\"]", "[\"??\"]", 2);
	CHECK("[\"\xed\xa0\x80\"]", "[\"???\"]", 3);
	CHECK("[\"\xf4\x90\x80\x80\"]", "[\"????\"]", 4);
	CHECK("[\"\xe0\x80\xaf\"]", "[\"???\"]", 3);
	CHECK("[\"\xc3\xa9\xc3\"]", "[\"\xc3\xa9?\"]", 1);
	CHECK("[\"\\\xb8\"]", "[\"\\?\"]", 1);
	CHECK("\"\xf0\x9f\x98", "\"???", 3);
}

static void outside_of_strings_nothing_is_touched(void **)
{
	CHECK("{\xff}", "{\xff}", 0);
}

/* Whatever bytes there were between two quotes, jansson has no objection to them. */
static void what_was_mended_is_read(void **)
{
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		static const char *const parts[] = {
			"\\u0000", "\\ud83d", "\\ude00", "\xc3",    "\xa9", "\xf0", "\x9f", "\xed",
			"\xff",    "a",       "\\n",     "\\u00e9", "\xe2", "\\\\", "\x82"};
		char text[128] = "[\"";
		size_t len = 2;

		for (int i = 0; i < 12; i++) {
			seed = seed * 1103515245 + 12345;

			const char *part = parts[(seed >> 16) % (sizeof(parts) / sizeof(parts[0]))];

			memcpy(text + len, part, strlen(part));
			len += strlen(part);
		}
		memcpy(text + len, "\"]", 2);
		len += 2;
		(void)ems_mend((uint8_t *)text, len);

		json_t *j = json_loadb(text, len, 0, NULL);

		assert_non_null(j);
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_order_is_left_alone),
		cmocka_unit_test(a_nul_becomes_a_question_mark),
		cmocka_unit_test(half_of_a_pair_becomes_a_question_mark),
		cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
		cmocka_unit_test(outside_of_strings_nothing_is_touched),
		cmocka_unit_test(what_was_mended_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
