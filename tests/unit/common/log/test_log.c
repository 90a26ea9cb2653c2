/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

LOG_TYPE("test");

static char captured[1 << 17];

/* Run <fn> with stderr going to a file and leave what it wrote in <captured>. */
static void capture(void (*fn)(void))
{
	FILE *f = tmpfile();
	assert_non_null(f);
	fflush(stderr);
	int saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	size_t n = fread(captured, 1, sizeof(captured) - 1, f);
	captured[n] = '\0';
	fclose(f);
}

static void write_hostile(void)
{
	errno = ENOENT;
	LOG(WARN, "uid=%s", "a\nb\r\x1b[2J\x7f\xc2\x9bz \xc3\xa9");
	assert_int_equal(errno, ENOENT);
}

static void control_characters_in_arguments_are_escaped(void **state)
{
	(void)state;
	capture(write_hostile);
	char *line_end = strchr(captured, '\n');
	assert_non_null(line_end);
	assert_string_equal(line_end, "\n");
	assert_non_null(
		strstr(captured, " warn test uid=a\\x0ab\\x0d\\x1b[2J\\x7f\\xc2\x9bz \xc3\xa9\n"));
	/* 2026-01-02T03:04:05.678Z */
	assert_int_equal(captured[10], 'T');
	assert_int_equal(captured[23], 'Z');
}

static void write_levels(void)
{
	log_set_level(LOG_L_WARN);
	LOG(ERR, "one");
	LOG(WARN, "two");
	LOG(NOTICE, "three");
	LOG(DEBUG, "four");
	log_set_level(LOG_L_DEBUG);
	LOG(DEBUG, "five");
	log_set_level(LOG_L_NOTICE);
}

static void levels_above_the_limit_are_left_out(void **state)
{
	(void)state;
	capture(write_levels);
	assert_non_null(strstr(captured, "err test one\n"));
	assert_non_null(strstr(captured, "warn test two\n"));
	assert_null(strstr(captured, "three"));
	assert_null(strstr(captured, "four"));
	assert_non_null(strstr(captured, "debug test five\n"));
}

static void write_long(void)
{
	char big[5000];

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	LOG(WARN, "%s", big);
}

static void a_long_line_is_cut_and_stays_one_line(void **state)
{
	(void)state;
	capture(write_long);
	assert_true(strlen(captured) <= 2048);
	assert_int_equal(strcspn(captured, "\n"), strlen(captured) - 1);
}

static void *write_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		LOG(WARN, "thread=%s %0100d end", (const char *)arg, i);
	return NULL;
}

static void write_threads(void)
{
	pthread_t t[2];

	assert_int_equal(pthread_create(&t[0], NULL, write_many, "a"), 0);
	assert_int_equal(pthread_create(&t[1], NULL, write_many, "b"), 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
}

static void lines_of_two_threads_do_not_mix(void **state)
{
	(void)state;
	int n = 0;

	capture(write_threads);
	for (char *s = captured; *s != '\0'; s = strchr(s, '\n') + 1, n++) {
		size_t len = strcspn(s, "\n");
		assert_int_equal(len,
				 strlen("2026-01-02T03:04:05.678Z warn test thread=a  end") + 100);
		assert_memory_equal(s + len - 4, " end", 4);
	}
	assert_int_equal(n, 400);
}

static void level_names_parse(void **state)
{
	(void)state;
	enum log_level l = LOG_L_ERR;

	assert_int_equal(log_level_parse("debug", 5, &l), 0);
	assert_int_equal(l, LOG_L_DEBUG);
	assert_int_equal(log_level_parse("DEBUG", 5, &l), -EINVAL);
	assert_int_equal(log_level_parse("warnx", 4, &l), 0);
	assert_int_equal(l, LOG_L_WARN);
	assert_int_equal(log_level_parse("", 0, &l), -EINVAL);
}

static void escaping_stops_at_the_end_of_the_room(void **state)
{
	(void)state;
	char out[6];

	assert_int_equal(log_escape("ab\n", 3, out, sizeof(out)), 2);
	assert_string_equal(out, "ab");
	assert_int_equal(log_escape("a\nbc", 4, out, sizeof(out)), 5);
	assert_string_equal(out, "a\\x0a");
	assert_int_equal(log_escape("abc", 3, out, 1), 0);
	assert_int_equal(log_escape("abc", 3, out, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_in_arguments_are_escaped),
		cmocka_unit_test(levels_above_the_limit_are_left_out),
		cmocka_unit_test(a_long_line_is_cut_and_stays_one_line),
		cmocka_unit_test(lines_of_two_threads_do_not_mix),
		cmocka_unit_test(level_names_parse),
		cmocka_unit_test(escaping_stops_at_the_end_of_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
