/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/grammar.h"
#include "cli/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct grammar_match m;

static void match(const char *s)
{
	static struct line l;

	assert_int_equal(line_split(&l, s, strlen(s)), 0);
	grammar_match(l.word, l.nb, &m);
}

static void is_command(const char *typed, const char *words, size_t nb_words)
{
	match(typed);
	assert_int_equal(m.end, GRAMMAR_ALL);
	assert_non_null(m.command);
	assert_string_equal(m.command->words, words);
	assert_int_equal(m.nb_words, nb_words);
}

static void words_may_be_shortened(void **)
{
	is_command("diag te app fcn 7", "diagnose test application fcnacd 7", 5);
	is_command("diag endp rec li 192.0.2.1", "diagnose endpoint record list", 4);
	is_command("sh stat", "show status", 2);
}

static void a_whole_word_is_meant_though_others_begin_with_it(void **)
{
	is_command("show device X", "show device", 2);
	is_command("show devices", "show devices", 2);
}

static void the_number_of_arguments_tells_commands_apart(void **)
{
	is_command("sh dev X", "show device", 2);
	is_command("sh dev", "show devices", 2);
}

static void what_could_be_several_is_ambiguous(void **)
{
	match("show s");
	assert_int_equal(m.end, GRAMMAR_AMBIGUOUS);
	assert_string_equal(m.place, "show");
	assert_int_equal(m.nb_words, 1);
}

static void a_number_is_not_shortened(void **)
{
	match("diagnose test application fcnacd 3");
	assert_int_equal(m.end, GRAMMAR_UNKNOWN);
	match("diagnose test application fcnacd 9");
	assert_int_equal(m.end, GRAMMAR_UNKNOWN);
}

static void an_argument_is_not_taken_for_a_word(void **)
{
	is_command("explain s", "explain", 1);
	is_command("capture tcp port 443", "capture", 1);
}

static void every_level_has_a_line_of_help(void **)
{
	for (const struct command *c = cli_commands; c->words != NULL; c++) {
		char place[GRAMMAR_PLACE_MAX], help[160];

		for (const char *p = strchr(c->words, ' '); p != NULL; p = strchr(p + 1, ' ')) {
			(void)snprintf(place, sizeof(place), "%.*s", (int)(p - c->words), c->words);
			assert_true(grammar_level_help(place, help, sizeof(help))[0] != '\0');
		}
	}
}

static void every_command_is_found_by_its_own_words(void **)
{
	for (const struct command *c = cli_commands; c->words != NULL; c++) {
		match(c->words);
		assert_ptr_equal(m.command, c);
		assert_string_equal(m.place, c->words);
	}
}

static void next_words_come_once_each(void **)
{
	struct grammar_next n;
	size_t i = 0, nb_show = 0;

	for (; grammar_next("", "", i, &n); i++)
		nb_show += n.len == 4 && strncmp(n.word, "show", 4) == 0;
	assert_int_equal(nb_show, 1);
	assert_true(i > 5);
	assert_false(grammar_next("show nothing", "", 0, &n));
	assert_false(grammar_next("sho", "", 0, &n));
}

static void arguments_have_names(void **)
{
	static const struct command c = {.args = "UID [a|b] REST...", .max_args = 9};
	char arg[16];
	const char *one;
	size_t len;

	assert_true(grammar_arg(&c, 0, arg, sizeof(arg)));
	assert_string_equal(arg, "UID");
	assert_false(grammar_is_literal(arg));
	assert_true(grammar_arg(&c, 1, arg, sizeof(arg)));
	assert_string_equal(arg, "a|b");
	assert_true(grammar_is_literal(arg));
	assert_true(grammar_literal(arg, 1, &one, &len));
	assert_int_equal(len, 1);
	assert_int_equal(*one, 'b');
	assert_false(grammar_literal(arg, 2, &one, &len));
	assert_true(grammar_arg(&c, 8, arg, sizeof(arg)));
	assert_string_equal(arg, "REST");
	assert_false(grammar_arg(&c, 9, arg, sizeof(arg)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_may_be_shortened),
		cmocka_unit_test(a_whole_word_is_meant_though_others_begin_with_it),
		cmocka_unit_test(the_number_of_arguments_tells_commands_apart),
		cmocka_unit_test(what_could_be_several_is_ambiguous),
		cmocka_unit_test(a_number_is_not_shortened),
		cmocka_unit_test(an_argument_is_not_taken_for_a_word),
		cmocka_unit_test(every_level_has_a_line_of_help),
		cmocka_unit_test(every_command_is_found_by_its_own_words),
		cmocka_unit_test(next_words_come_once_each),
		cmocka_unit_test(arguments_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
