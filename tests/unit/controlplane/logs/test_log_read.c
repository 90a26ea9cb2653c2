/* SPDX-License-Identifier: BSD-3-Clause */

#include "logs/log_read.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES_MAX 20000u

static char folder[] = "/tmp/tw-log-read.XXXXXX";
static char path[64];
static char seen[LINES_MAX][32]; /* the beginnings of lines */
static size_t nb_seen;
static struct log_at next;

static void on_line(void *, const char *line, size_t len)
{
	assert_true(nb_seen < LINES_MAX);
	(void)snprintf(seen[nb_seen++], sizeof(seen[0]), "%.*s", (int)len, line);
}

static int make_folder(void **)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/x.log", folder);
	return 0;
}

static const char *file(unsigned i)
{
	static char name[80];

	if (i == 0)
		return path;
	(void)snprintf(name, sizeof(name), "%s.%u", path, i);
	return name;
}

static int clear(void **)
{
	for (unsigned i = 0; i < 5; i++)
		(void)unlink(file(i));
	nb_seen = 0;
	return 0;
}

static int remove_folder(void **state)
{
	(void)clear(state);
	return rmdir(folder);
}

static void write_file(unsigned i, const char *mode, const char *text, size_t len)
{
	FILE *f = fopen(file(i), mode);

	assert_non_null(f);
	if (f == NULL)
		return;
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void write_str(unsigned i, const char *text)
{
	write_file(i, "w", text, strlen(text));
}

static struct log_query query(size_t limit)
{
	return (struct log_query){.path = path, .keep = 3, .limit = limit};
}

static void see(const char *what)
{
	char all[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < nb_seen; i++) {
		const int n =
			snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? " " : "", seen[i]);

		assert_true(n > 0 && (size_t)n < sizeof(all) - len);
		len += (size_t)n;
	}
	assert_string_equal(all, what);
	nb_seen = 0;
}

static void newest_first_through_rotated_files(void **)
{
	struct log_query q = query(100);

	write_str(0, "e\nf\n");
	write_str(1, "c\nd\n");
	write_str(2, "a\nb\n");
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	see("f e d c b a");
	assert_int_equal(next.inode, 0);
}

static void pages_follow_each_other(void **)
{
	struct log_query q = query(1);

	write_str(0, "c\nd\n");
	write_str(1, "a\nb\n");
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
		assert_true(next.inode != 0);
		q.from = next;
	}
	see("d c b a");
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	assert_int_equal(next.inode, 0);
	see("");
}

static void a_rotation_between_pages_loses_nothing(void **)
{
	struct log_query q = query(1);
	char to[80];

	write_str(0, "c\nd\n");
	write_str(1, "a\nb\n");
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	q.from = next;
	q.limit = 100;
	(void)snprintf(to, sizeof(to), "%s", file(2));
	assert_int_equal(rename(file(1), to), 0);
	(void)snprintf(to, sizeof(to), "%s", file(1));
	assert_int_equal(rename(file(0), to), 0);
	write_str(0, "e\n");
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	see("d c b a");
}

static void a_file_that_is_gone_is_told(void **)
{
	struct log_query q = query(1);

	write_str(0, "c\n");
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	q.from = (struct log_at){next.inode + 12345, 1};
	assert_int_equal(log_read(&q, on_line, NULL, &next), -ESTALE);
	nb_seen = 0;
}

static void half_a_line_is_left_out(void **)
{
	struct log_query q = query(100);

	write_str(0, "a\nb\nhal");
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	see("b a");
}

static void lines_across_blocks_are_whole(void **)
{
	struct log_query q = query(LINES_MAX);
	char line[256];
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	if (f == NULL)
		return;
	for (unsigned i = 0; i < 4000; i++) {
		(void)snprintf(line, sizeof(line), "%u-%0*d", i, 1 + (int)(i % 97), 0);
		(void)fprintf(f, "%s\n", line);
	}
	assert_int_equal(fclose(f), 0);
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	assert_int_equal(nb_seen, 4000);
	for (unsigned i = 0; i < 4000; i++) {
		(void)snprintf(line, sizeof(line), "%u-", 3999 - i);
		assert_int_equal(strncmp(seen[i], line, strlen(line)), 0);
	}
	nb_seen = 0;
}

static void a_giant_line_is_passed_over(void **)
{
	struct log_query q = query(100);
	static char giant[200000];

	memset(giant, 'x', sizeof(giant));
	giant[sizeof(giant) - 1] = '\n';
	write_str(0, "a\n");
	write_file(0, "a", giant, sizeof(giant));
	write_file(0, "a", "b\n", 2);
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	see("b a");
	/* And one that does not end. */
	write_file(0, "a", giant, sizeof(giant) - 1);
	assert_int_equal(log_read(&q, on_line, NULL, &next), 0);
	see("b a");
}

static const char line[] = "date=2025-03-25 tz=\"-0700\" subtype=\"ztna\" policyid=0 "
			   "clientdevicetags=\"CLASS_Low/FortiAD/a\\\"b\" msg=\"x y=z \\u000a.\"";

static bool fits(const char *key, const char *value, const char *value2)
{
	struct log_query q = {.nb_filters = 1};

	(void)snprintf(q.filter[0].key, sizeof(q.filter[0].key), "%s", key);
	(void)snprintf(q.filter[0].value, sizeof(q.filter[0].value), "%s", value);
	if (value2 != NULL) {
		q.filter[q.nb_filters] = q.filter[0];
		(void)snprintf(q.filter[q.nb_filters++].value, sizeof(q.filter[0].value), "%s",
			       value2);
	}
	return log_line_fits(&q, line, strlen(line));
}

static void fields_are_compared_without_quotes(void **)
{
	assert_true(fits("subtype", "ztna", NULL));
	assert_false(fits("subtype", "ztn", NULL));
	assert_true(fits("policyid", "0", NULL));
	assert_false(fits("y", "z", NULL));
	assert_true(fits("msg", "x y=z \n.", NULL));
	assert_true(fits("policyid", "17", "0"));
	assert_false(fits("policyid", "17", "18"));
}

static void one_of_the_tags_is_enough(void **)
{
	assert_true(fits("clientdevicetags", "FortiAD", NULL));
	assert_true(fits("clientdevicetags", "a\"b", NULL));
	assert_false(fits("clientdevicetags", "Forti", NULL));
	assert_true(fits("clientdevicetags", "CLASS_Low/FortiAD/a\"b", NULL));
}

static void every_key_must_fit(void **)
{
	struct log_query q = {.nb_filters = 2, .filter = {{"subtype", "ztna"}, {"policyid", "1"}}};

	assert_false(log_line_fits(&q, line, strlen(line)));
	q.filter[1].value[0] = '0';
	assert_true(log_line_fits(&q, line, strlen(line)));
}

static void json_lines_are_read_too(void **)
{
	static const char json[] = "{\"subtype\":\"ztna\",\"policyid\":17}";
	struct log_query q = {.nb_filters = 2, .filter = {{"subtype", "ztna"}, {"policyid", "17"}}};

	assert_true(log_line_fits(&q, json, strlen(json)));
	q.filter[1].value[1] = '8';
	assert_false(log_line_fits(&q, json, strlen(json)));
}

static void nonsense_has_no_fields(void **)
{
	char key[32], value[64];

	assert_false(log_field("", 0, 0, key, value, sizeof(value)));
	assert_false(log_field("=", 1, 0, key, value, sizeof(value)));
	assert_false(log_field("A=1", 3, 0, key, value, sizeof(value)));
	assert_true(log_field("a=\"\\", 4, 0, key, value, sizeof(value)));
	assert_false(log_field("a=\"\\", 4, 1, key, value, sizeof(value)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(newest_first_through_rotated_files, clear),
		cmocka_unit_test_setup(pages_follow_each_other, clear),
		cmocka_unit_test_setup(a_rotation_between_pages_loses_nothing, clear),
		cmocka_unit_test_setup(a_file_that_is_gone_is_told, clear),
		cmocka_unit_test_setup(half_a_line_is_left_out, clear),
		cmocka_unit_test_setup(lines_across_blocks_are_whole, clear),
		cmocka_unit_test_setup(a_giant_line_is_passed_over, clear),
		cmocka_unit_test(fields_are_compared_without_quotes),
		cmocka_unit_test(one_of_the_tags_is_enough),
		cmocka_unit_test(every_key_must_fit),
		cmocka_unit_test(json_lines_are_read_too),
		cmocka_unit_test(nonsense_has_no_fields),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
