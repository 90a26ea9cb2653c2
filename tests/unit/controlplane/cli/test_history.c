/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/tw-history.XXXXXX";
static char path[80];
static char first[64], last[64];
static size_t nb;

static void on_line(void *, const char *line)
{
	if (nb++ == 0)
		(void)snprintf(first, sizeof(first), "%s", line);
	(void)snprintf(last, sizeof(last), "%s", line);
}

static void load(void)
{
	nb = 0;
	history_load(on_line, NULL);
}

static int make_folder(void **)
{
	if (mkdtemp(folder) == NULL || setenv("XDG_STATE_HOME", folder, 1) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/tagwarden/history", folder);
	return 0;
}

static int remove_folder(void **)
{
	char sub[64];

	(void)snprintf(sub, sizeof(sub), "%s/tagwarden", folder);
	(void)unlink(path);
	return rmdir(sub) + rmdir(folder);
}

static int clear(void **)
{
	(void)unlink(path);
	return 0;
}

static void lines_come_back_in_order(void **)
{
	history_add("show status");
	history_add("show devices");
	load();
	assert_int_equal(nb, 2);
	assert_string_equal(first, "show status");
	assert_string_equal(last, "show devices");
}

static void the_file_is_for_its_user_alone(void **)
{
	struct stat st;

	history_add("show status");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void secrets_comments_and_nothing_are_not_kept(void **)
{
	assert_false(history_is_kept("version --token abc"));
	assert_false(history_is_kept("config set api.tls.TOKENS[0] abc"));
	assert_false(history_is_kept("x password=abc"));
	assert_false(history_is_kept("  # a comment"));
	assert_false(history_is_kept(" "));
	assert_false(history_is_kept("two\nlines"));
	assert_true(history_is_kept("show devices"));
	history_add("version --token abc");
	load();
	assert_int_equal(nb, 0);
}

static void the_file_is_bounded(void **)
{
	FILE *f;
	char line[32];

	history_add("begin");
	f = fopen(path, "a");
	assert_non_null(f);
	if (f == NULL)
		return;
	for (unsigned i = 0; i < 2 * HISTORY_LINES; i++)
		(void)fprintf(f, "show device %u\n", i);
	assert_int_equal(fclose(f), 0);
	load();
	assert_int_equal(nb, HISTORY_LINES);
	(void)snprintf(line, sizeof(line), "show device %u", HISTORY_LINES);
	assert_string_equal(first, line);
	/* It was written anew. */
	load();
	assert_int_equal(nb, HISTORY_LINES);
	assert_string_equal(first, line);
}

static void a_link_is_not_followed(void **)
{
	char to[80];

	(void)snprintf(to, sizeof(to), "%s/other", folder);
	history_add("make the folder");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(to, path), 0);
	history_add("show status");
	assert_int_not_equal(access(to, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_come_back_in_order, clear),
		cmocka_unit_test_setup(the_file_is_for_its_user_alone, clear),
		cmocka_unit_test_setup(secrets_comments_and_nothing_are_not_kept, clear),
		cmocka_unit_test_setup(the_file_is_bounded, clear),
		cmocka_unit_test_setup(a_link_is_not_followed, clear),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
