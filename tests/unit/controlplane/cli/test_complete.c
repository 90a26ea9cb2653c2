/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct candidates found;
static size_t at;

static const struct candidate *find(const char *text)
{
	for (size_t i = 0; i < found.nb; i++)
		if (strcmp(found.list[i].text, text) == 0)
			return &found.list[i];
	return NULL;
}

static bool is_hint(const char *text)
{
	const struct candidate *c = find(text);

	if (c == NULL)
		fail_msg("%s is not offered", text);
	return c != NULL && c->is_hint;
}

/* Without a server: the grammar alone. */
static void complete(const char *s)
{
	complete_line(NULL, s, strlen(s), &found, &at);
}

static void an_empty_line_offers_the_first_words(void **)
{
	complete("");
	assert_non_null(find("show"));
	assert_non_null(find("diagnose"));
	assert_null(find("<Enter>"));
	assert_int_equal(at, 0);
}

static void a_beginning_is_completed(void **)
{
	complete("diag te");
	assert_int_equal(found.nb, 1);
	assert_non_null(find("test"));
	assert_int_equal(at, strlen("diag "));
	assert_int_equal(complete_common(&found), 4);
}

static void what_words_share_is_the_common_beginning(void **)
{
	complete("show con");
	assert_non_null(find("connections"));
	assert_non_null(find("connection"));
	assert_int_equal(complete_common(&found), strlen("connection"));
}

static void arguments_are_hints(void **)
{
	complete("show device ");
	assert_true(is_hint("UID"));
	assert_null(find("<Enter>"));
	assert_int_equal(complete_common(&found), 0);
	complete("show device X ");
	assert_null(find("UID"));
	assert_non_null(find("<Enter>"));
}

static void options_of_the_command_are_offered(void **)
{
	complete("show devices --");
	assert_false(is_hint("--tag"));
	assert_non_null(find("--json"));
	assert_null(find("--service"));
	complete("show devices --tag ");
	assert_non_null(find("TAG"));
	assert_null(find("<Enter>"));
}

static void an_option_means_what_its_command_says(void **)
{
	complete("show devices --uid ");
	assert_non_null(find("PREFIX"));
	complete("explain --uid ");
	assert_non_null(find("UID"));
	complete("--uid 1 explain --service ");
	assert_non_null(find("SERVICE"));
}

static void literals_of_an_option_are_offered(void **)
{
	complete("capture --direction ");
	assert_non_null(find("in"));
	assert_non_null(find("out"));
	complete("capture --direction o");
	assert_int_equal(found.nb, 1);
}

static void after_a_bar_there_is_grep(void **)
{
	complete("show devices | ");
	assert_int_equal(found.nb, 1);
	assert_non_null(find("grep"));
	complete("show devices | grep ");
	assert_non_null(find("PATTERN"));
}

static void nothing_follows_nonsense(void **)
{
	complete("nonsense ");
	assert_int_equal(found.nb, 0);
	complete("show nonsense ");
	assert_int_equal(found.nb, 0);
	complete("show status too much ");
	assert_int_equal(found.nb, 0);
}

static void every_place_in_the_table_has_an_answer(void **)
{
	for (const struct command *c = cli_commands; c->words != NULL; c++) {
		char s[160];

		(void)snprintf(s, sizeof(s), "%s ", c->words);
		complete(s);
		assert_true(found.nb > 0);
		for (size_t i = 0; i < found.nb; i++)
			assert_true(strlen(found.list[i].text) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_line_offers_the_first_words),
		cmocka_unit_test(a_beginning_is_completed),
		cmocka_unit_test(what_words_share_is_the_common_beginning),
		cmocka_unit_test(arguments_are_hints),
		cmocka_unit_test(options_of_the_command_are_offered),
		cmocka_unit_test(an_option_means_what_its_command_says),
		cmocka_unit_test(literals_of_an_option_are_offered),
		cmocka_unit_test(after_a_bar_there_is_grep),
		cmocka_unit_test(nothing_follows_nonsense),
		cmocka_unit_test(every_place_in_the_table_has_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
