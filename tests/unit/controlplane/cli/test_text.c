/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_clean(const char *in, const char *out, bool keep_lines)
{
	char s[64];

	(void)snprintf(s, sizeof(s), "%s", in);
	text_clean(s, strlen(s), keep_lines);
	assert_string_equal(s, out);
}

static void what_a_terminal_obeys_is_replaced(void **)
{
	expect_clean("plain text, naïve 端末", "plain text, naïve 端末", false);
	expect_clean("\033[2Jgone", "?[2Jgone", false);
	expect_clean("a\rb\tc\bd\x7f", "a?b?c?d?", false);
	expect_clean("two\nlines", "two?lines", false);
	expect_clean("two\nlines", "two\nlines", true);
	expect_clean("c1 \xc2\x9b"
		     "31m",
		     "c1 ??31m", false);
	expect_clean("bidi \xe2\x80\xae"
		     "x",
		     "bidi ???x", false);
	expect_clean("lone \xff\xc3(",
		     "lone ?"
		     "?(",
		     false);
	expect_clean("cut \xe2\x80", "cut ??", false);
	expect_clean("overlong \xc0\x9b", "overlong ??", false);
}

static void every_string_of_a_document_is_cleaned(void **)
{
	json_t *j = json_pack("{s:[s,{s:s}],s:i}", "a", "x\033y", "b", "p\nq", "n", 7);

	text_clean_json(j);
	assert_string_equal(json_string_value(json_array_get(json_object_get(j, "a"), 0)), "x?y");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(j, "a"), 1), "b")),
		"p?q");
	assert_int_equal(json_integer_value(json_object_get(j, "n")), 7);
	json_decref(j);
}

static void json_is_printable_ascii_and_reads_back_the_same(void **)
{
	json_t *j = json_pack("{s:s}", "a", "x\033\xc2\x9b\xe2\x80\xae\xc3\xa4"), *back;
	char *text = text_json(j);

	assert_non_null(text);
	for (const char *p = text; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	back = json_loads(text, 0, NULL);
	assert_true(json_equal(j, back));
	json_decref(back);
	json_decref(j);
	free(text);
}

static void distance_counts_edits(void **)
{
	assert_int_equal(text_distance("devices", "devices"), 0);
	assert_int_equal(text_distance("devcies", "devices"), 2);
	assert_int_equal(text_distance("", "tags"), 4);
	assert_int_equal(text_distance("tag", "tags"), 1);
	assert_int_equal(text_distance("abcdefghijklm", "nopqrstuvwxyz"), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_terminal_obeys_is_replaced),
		cmocka_unit_test(every_string_of_a_document_is_cleaned),
		cmocka_unit_test(json_is_printable_ascii_and_reads_back_the_same),
		cmocka_unit_test(distance_counts_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
