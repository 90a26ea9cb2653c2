/* SPDX-License-Identifier: BSD-3-Clause */

#include "store_test.h"

#include <errno.h>
#include <fcntl.h>

static void path_of(const char *name, char ret[static 128])
{
	(void)snprintf(ret, 128, "%s/%s", store_dir, name);
}

static size_t slurp(const char *name, char *buf, size_t cap)
{
	char path[128];

	path_of(name, path);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	const size_t n = fread(buf, 1, cap, f);
	(void)fclose(f);
	return n;
}

static void spill(const char *name, const char *buf, size_t len)
{
	char path[128];

	path_of(name, path);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, len, f), len);
	(void)fclose(f);
}

static bool is_there(const char *name)
{
	char path[128];

	path_of(name, path);
	return access(path, F_OK) == 0;
}

static void what_was_added_is_there_after_a_restart(void **)
{
	struct config_version v[4];
	char *doc;
	size_t len;

	struct config_store *st = open_store();
	assert_int_equal(config_store_last(st, &v[0]), -ENOENT);
	assert_int_equal(add(st, 1000, "{\"a\": 1}"), 1);
	assert_int_equal(add(st, 2000, "{\"a\": 2}"), 2);
	config_store_close(st);

	st = open_store();
	assert_int_equal(config_store_list(st, 0, v, 4), 2);
	assert_int_equal(v[0].number, 2);
	assert_int_equal(v[1].number, 1);
	assert_int_equal(v[1].time_ms, 1000);
	assert_int_equal(v[1].kind, CONFIG_KIND_COMMIT);
	assert_string_equal(v[1].who, "uid=1000");
	assert_string_equal(v[1].comment, "a \"comment\"\nof two lines");
	assert_int_equal(config_store_list(st, 2, v, 4), 1);
	assert_int_equal(config_store_get(st, 1, NULL, &doc, &len), 0);
	assert_string_equal(doc, "{\"a\": 1}");
	free(doc);
	assert_int_equal(config_store_get(st, 3, NULL, &doc, &len), -ENOENT);
	assert_int_equal(add(st, 3000, "{}"), 3);
	config_store_close(st);
}

static void the_version_of_a_time_is_the_newest_that_is_not_younger(void **)
{
	static const struct {
		uint64_t time_ms, number;
	} ask[] = {{1000, 1}, {1001, 1}, {1999, 1}, {2000, 2}, {2999, 2}, {9999, 3}};
	struct config_version v;
	char *doc;
	size_t len;

	struct config_store *st = open_store();
	add(st, 1000, "{}");
	add(st, 2000, "{}");
	add(st, 3000, "{}");
	for (size_t i = 0; i < sizeof(ask) / sizeof(ask[0]); i++) {
		assert_int_equal(config_store_at(st, ask[i].time_ms, &v, &doc, &len), 0);
		assert_int_equal(v.number, ask[i].number);
		free(doc);
	}
	assert_int_equal(config_store_at(st, 999, &v, &doc, &len), -ENOENT);
	config_store_close(st);
}

static void the_number_of_versions_is_bounded(void **)
{
	struct config_version v[CONFIG_STORE_VERSIONS + 5];

	struct config_store *st = open_store();
	for (unsigned i = 1; i <= CONFIG_STORE_VERSIONS + 3; i++)
		assert_int_equal(add(st, i, "{}"), i);
	assert_int_equal(config_store_list(st, 0, v, CONFIG_STORE_VERSIONS + 5),
			 CONFIG_STORE_VERSIONS);
	assert_int_equal(v[CONFIG_STORE_VERSIONS - 1].number, 4);
	assert_false(is_there("3.version"));
	assert_true(is_there("4.version"));
	config_store_close(st);
}

/* As a crash may leave it: every length of the newest file, and of one that never got its name. */
static void a_cut_file_is_left_out_and_the_others_are_good(void **)
{
	struct config_version v[4];
	char buf[2048];

	struct config_store *st = open_store();
	add(st, 1000, "{\"a\": 1}");
	add(st, 2000, "{\"b\": 2}");
	config_store_close(st);
	const size_t len = slurp("2.version", buf, sizeof(buf));
	for (size_t cut = 0; cut < len; cut++) {
		spill("2.version", buf, cut);
		spill("3.version.new", buf, cut);
		st = open_store();
		assert_int_equal(config_store_list(st, 0, v, 4), 1);
		assert_int_equal(v[0].number, 1);
		assert_false(is_there("3.version.new"));
		config_store_close(st);
	}
	st = open_store();
	/* The number is not used again. */
	assert_int_equal(add(st, 3000, "{}"), 3);
	config_store_close(st);
	spill("2.version", buf, len);
	st = open_store();
	assert_int_equal(config_store_list(st, 0, v, 4), 3);
	config_store_close(st);
}

static void a_changed_byte_is_found(void **)
{
	struct config_version v;
	char buf[2048], *doc;
	size_t nb_found = 0, doc_len;

	struct config_store *st = open_store();
	add(st, 1000, "{\"a\": 1}");
	config_store_close(st);
	const size_t len = slurp("1.version", buf, sizeof(buf));
	for (size_t i = 0; i < len; i++) {
		buf[i] ^= 1;
		spill("1.version", buf, len);
		st = open_store();
		if (config_store_get(st, 1, &v, &doc, &doc_len) < 0)
			nb_found++;
		config_store_close(st);
		buf[i] ^= 1;
	}
	assert_int_equal(nb_found, len);
}

static void what_is_missing_or_strange_disturbs_nothing(void **)
{
	static const char *const strange[] = {"0.version",  "x.version",
					      "01.version", "17.versions",
					      ".version",   "1234567890123456.version",
					      "17",         "core"};
	struct config_version v[4];
	char path[128];

	struct config_store *st = open_store();
	add(st, 1000, "{}");
	add(st, 2000, "{}");
	add(st, 3000, "{}");
	config_store_close(st);
	path_of("2.version", path);
	assert_int_equal(unlink(path), 0);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
		spill(strange[i], "x", 1);
	path_of("9.version", path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	st = open_store();
	assert_int_equal(config_store_list(st, 0, v, 4), 2);
	assert_int_equal(v[0].number, 3);
	assert_int_equal(v[1].number, 1);
	config_store_close(st);
}

static void a_renamed_version_does_not_pass_for_another(void **)
{
	struct config_version v[4];
	char from[128], to[128];

	struct config_store *st = open_store();
	add(st, 1000, "{}");
	config_store_close(st);
	path_of("1.version", from);
	path_of("5.version", to);
	assert_int_equal(rename(from, to), 0);
	st = open_store();
	assert_int_equal(config_store_list(st, 0, v, 4), 0);
	config_store_close(st);
}

static void files_are_for_nobody_else(void **)
{
	struct config_version v = {.kind = CONFIG_KIND_COMMIT};
	struct stat sb;
	char path[128];

	struct config_store *st = open_store();
	add(st, 1000, "{}");
	assert_int_equal(config_store_candidate_save(st, &v, SLICE_LIT("{}")), 0);
	config_store_close(st);
	assert_int_equal(stat(store_dir, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0700);
	path_of("1.version", path);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	path_of("candidate", path);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
}

static void the_candidate_is_kept_and_removed(void **)
{
	struct config_version v = {.number = 7, .time_ms = 5, .kind = CONFIG_KIND_COMMIT}, got;
	char *doc;
	size_t len;

	struct config_store *st = open_store();
	assert_int_equal(config_store_candidate_load(st, &got, &doc, &len), -ENOENT);
	assert_int_equal(config_store_candidate_save(st, &v, SLICE_LIT("{\"c\": 1}")), 0);
	config_store_close(st);
	st = open_store();
	assert_int_equal(config_store_candidate_load(st, &got, &doc, &len), 0);
	assert_int_equal(got.number, 7);
	assert_string_equal(doc, "{\"c\": 1}");
	free(doc);
	config_store_candidate_remove(st);
	assert_int_equal(config_store_candidate_load(st, &got, &doc, &len), -ENOENT);
	config_store_close(st);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, state_setup, state_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_was_added_is_there_after_a_restart),
		STORE_TEST(the_version_of_a_time_is_the_newest_that_is_not_younger),
		STORE_TEST(the_number_of_versions_is_bounded),
		STORE_TEST(a_cut_file_is_left_out_and_the_others_are_good),
		STORE_TEST(a_changed_byte_is_found),
		STORE_TEST(what_is_missing_or_strange_disturbs_nothing),
		STORE_TEST(a_renamed_version_does_not_pass_for_another),
		STORE_TEST(files_are_for_nobody_else),
		STORE_TEST(the_candidate_is_kept_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
