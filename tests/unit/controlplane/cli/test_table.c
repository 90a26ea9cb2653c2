/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {
	{"ID", TABLE_RIGHT},
	{"NAME", TABLE_SHRINK},
	{"STATE", 0},
};

static void add(struct table *t, const char *id, const char *name, const char *state)
{
	table_row(t);
	table_set(t, 0, id);
	table_set(t, 1, name);
	table_set(t, 2, state);
}

/* What table_print() writes; free() it. */
static char *print(struct table *t, size_t terminal, bool is_bold)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(table_print(t, f, terminal, is_bold), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void columns_are_aligned_and_lines_end_without_blanks(void **)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	add(&t, "1", "a", "on");
	add(&t, "1000", "longer name", "offline");
	text = print(&t, 0, false);
	assert_string_equal(text, "  ID  NAME         STATE\n"
				  "   1  a            on\n"
				  "1000  longer name  offline\n");
	free(text);
	table_fini(&t);
}

static void a_narrow_terminal_cuts_what_may_be_cut(void **)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	add(&t, "1", "0123456789abcdef", "offline");
	text = print(&t, 24, false);
	assert_string_equal(text, "ID  NAME         STATE\n"
				  " 1  0123456789~  offline\n");
	free(text);
	table_fini(&t);
}

static void letters_of_several_bytes_take_one_column_and_are_not_split(void **)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	add(&t, "1", "äöüäöüäöüäöü", "x");
	add(&t, "2", "abcdefghijkl", "x");
	text = print(&t, 19, false);
	assert_string_equal(text, "ID  NAME      STATE\n"
				  " 1  äöüäöüä~  x\n"
				  " 2  abcdefg~  x\n");
	free(text);
	table_fini(&t);
}

static void a_second_piece_has_no_head_and_keeps_the_columns(void **)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	add(&t, "1", "wide name", "on");
	free(print(&t, 0, false));
	add(&t, "2", "b", "off");
	text = print(&t, 0, false);
	assert_string_equal(text, " 2  b          off\n");
	free(text);
	table_fini(&t);
}

static void the_head_is_bold_only_when_asked(void **)
{
	struct table t;
	char *text;

	table_init(&t, columns, 3);
	text = print(&t, 80, true);
	assert_string_equal(text, "\033[1mID  NAME  STATE\033[0m\n");
	free(text);
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned_and_lines_end_without_blanks),
		cmocka_unit_test(a_narrow_terminal_cuts_what_may_be_cut),
		cmocka_unit_test(letters_of_several_bytes_take_one_column_and_are_not_split),
		cmocka_unit_test(a_second_piece_has_no_head_and_keeps_the_columns),
		cmocka_unit_test(the_head_is_bold_only_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
