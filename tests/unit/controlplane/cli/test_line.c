/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/line.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct line l;

static int split(const char *s)
{
	return line_split(&l, s, strlen(s));
}

static void spaces_part_words(void **)
{
	assert_int_equal(split("  show\tdevices  --tag A "), 0);
	assert_int_equal(l.nb, 4);
	assert_string_equal(l.word[0], "show");
	assert_string_equal(l.word[3], "A");
	assert_false(l.is_in_word);
	assert_int_equal(l.last_at, strlen("  show\tdevices  --tag A "));
}

static void quotes_keep_words_together(void **)
{
	assert_int_equal(split("a 'b \"c\\' d\"e f\\\"\"g h\\ i \"\""), 0);
	assert_int_equal(l.nb, 5);
	assert_string_equal(l.word[1], "b \"c\\");
	assert_string_equal(l.word[2], "de f\"g");
	assert_string_equal(l.word[3], "h i");
	assert_string_equal(l.word[4], "");
}

static void an_open_quote_is_told_with_what_there_is(void **)
{
	assert_int_equal(split("show devices --tag \"Low Ri"), -EINVAL);
	assert_int_equal(l.nb, 4);
	assert_string_equal(l.word[3], "Low Ri");
	assert_int_equal(l.quote, '"');
	assert_int_equal(l.last_at, strlen("show devices --tag "));
}

static void a_comment_has_no_words(void **)
{
	assert_int_equal(split("  # diagnose debug enable"), 0);
	assert_int_equal(l.nb, 0);
	assert_int_equal(split("show #1"), 0);
	assert_int_equal(l.nb, 2);
}

static void a_bar_begins_a_filter(void **)
{
	const char *const *word;

	assert_int_equal(split("show devices|grep \"a|b\" | grep -v c"), 0);
	assert_int_equal(l.nb_parts, 3);
	assert_int_equal(line_part(&l, 0, &word), 2);
	assert_int_equal(line_part(&l, 1, &word), 2);
	assert_string_equal(word[1], "a|b");
	assert_int_equal(line_part(&l, 2, &word), 3);
	assert_string_equal(word[2], "c");
	assert_int_equal(split("a|b|c|d|e"), -E2BIG);
}

static void what_is_too_much_is_refused(void **)
{
	static char s[2 * LINE_BYTES];

	memset(s, 'a', sizeof(s));
	assert_int_equal(line_split(&l, s, sizeof(s)), -E2BIG);
	for (size_t i = 0; i < sizeof(s); i += 2)
		s[i] = ' ';
	assert_int_equal(line_split(&l, s, sizeof(s)), -E2BIG);
	assert_int_equal(line_split(&l, "a\033[2J", 5), -EILSEQ);
}

static void a_quoted_word_reads_back(void **)
{
	static const char *const word[] = {"plain", "two words", "a\"b\\c", "",
					   "'",     "#x",        "|",       "?"};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		char text[32];

		assert_true(line_quote(word[i], text, sizeof(text)));
		assert_int_equal(split(text), 0);
		assert_int_equal(l.nb, 1);
		assert_string_equal(l.word[0], word[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spaces_part_words),
		cmocka_unit_test(quotes_keep_words_together),
		cmocka_unit_test(an_open_quote_is_told_with_what_there_is),
		cmocka_unit_test(a_comment_has_no_words),
		cmocka_unit_test(a_bar_begins_a_filter),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(a_quoted_word_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
