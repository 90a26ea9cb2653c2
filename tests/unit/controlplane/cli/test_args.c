/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct command *found;
static struct cli cli;

/* Parse a line of words without quotes. */
static int parse(const char *line)
{
	static char copy[512];
	char *argv[32], words[256];
	size_t len = strlen(line);
	int argc = 0;

	assert_true(len < sizeof(copy));
	memcpy(copy, line, len + 1);
	for (char *p = copy; *p != '\0' && argc < 32;) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p == ' ')
			*p++ = '\0';
	}
	cli = (struct cli){.timeout_s = 10};
	return cli_parse(&cli, argc, argv, &found, words, sizeof(words));
}

static void no_words_are_taken_twice(void **)
{
	for (const struct command *a = cli_commands; a->words != NULL; a++)
		for (const struct command *b = a + 1; b->words != NULL; b++)
			assert_string_not_equal(a->words, b->words);
}

static void each_command_has_help_and_an_example_that_is_right(void **)
{
	static const char program[] = "tagwardenctl ";

	for (const struct command *c = cli_commands; c->words != NULL; c++) {
		assert_true(strlen(c->help) > 0 && strlen(c->help) < 90);
		assert_null(strpbrk(c->help, "\t\n"));
		assert_non_null(c->run);
		assert_int_equal(strncmp(c->example, program, strlen(program)), 0);
		assert_int_equal(parse(c->example + strlen(program)), CLI_OK);
		assert_ptr_equal(found, c);
	}
}

static void options_stand_anywhere(void **)
{
	assert_int_equal(parse("--json show devices --tag A --limit=5"), CLI_OK);
	assert_string_equal(found->words, "show devices");
	assert_true(cli.is_json);
	assert_string_equal(cli_option(&cli, "tag"), "A");
	assert_string_equal(cli_option(&cli, "limit"), "5");
	assert_null(cli_option(&cli, "uid"));
	assert_int_equal(parse("--socket /x show --watch 2 sessions"), CLI_OK);
	assert_string_equal(cli.socket_path, "/x");
	assert_int_equal(cli.watch_s, 2);
}

static void arguments_follow_the_words(void **)
{
	assert_int_equal(parse("diagnose wad dev query-by uid A B C"), CLI_OK);
	assert_string_equal(cli.arg[2], "C");
	assert_int_equal(parse("check -- --odd-name"), CLI_OK);
	assert_string_equal(cli.arg[0], "--odd-name");
	assert_int_equal(parse("explain 0123"), CLI_OK);
	assert_int_equal(cli.nb_args, 1);
}

static void wrong_lines_are_refused(void **)
{
	static const char *const bad[] = {
		"show",
		"shwo status",
		"",
		"show device",
		"show device A B",
		"show status --tag A",
		"show devices --nonsense",
		"show devices --tag",
		"show devices --watch 0",
		"show devices --watch x",
		"show devices --timeout 99999999999999999999",
		"show devices --json=yes",
		"kill session",
		"diagnose wad dev query-by uid A B",
		"a b c d e f g h i j k l m n o p q r s",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i]), CLI_USAGE);
}

static void help_is_given_on_every_level(void **)
{
	assert_int_equal(parse("--help"), CLI_OK);
	assert_null(found);
	assert_true(cli.is_help);
	assert_int_equal(parse("show --help"), CLI_OK);
	assert_null(found);
	assert_int_equal(parse("show device --help"), CLI_OK);
	assert_string_equal(found->words, "show device");
}

static void numbers_are_digits_within_a_bound(void **)
{
	uint64_t v;

	assert_true(cli_parse_uint("0", 10, &v) && v == 0);
	assert_true(cli_parse_uint("9223372036854775807", UINT64_MAX, &v));
	assert_false(cli_parse_uint("11", 10, &v));
	assert_false(cli_parse_uint("", 10, &v));
	assert_false(cli_parse_uint("-1", 10, &v));
	assert_false(cli_parse_uint("1 ", 10, &v));
	assert_false(cli_parse_uint("99999999999999999999", UINT64_MAX, &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_words_are_taken_twice),
		cmocka_unit_test(each_command_has_help_and_an_example_that_is_right),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(arguments_follow_the_words),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(help_is_given_on_every_level),
		cmocka_unit_test(numbers_are_digits_within_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
