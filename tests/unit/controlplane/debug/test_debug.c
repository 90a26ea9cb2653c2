/* SPDX-License-Identifier: BSD-3-Clause */

#include "debug/debug.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct debug_settings all_on = {
	.fcnacd = -1, .is_wad_policy = true, .wad_level = DEBUG_L_VERBOSE};

static struct debug_sub *listen_with(const struct debug_settings *s)
{
	struct debug_sub *sub = debug_sub_new();

	assert_non_null(sub);
	debug_settings_set(s);
	return sub;
}

static const char *heard(struct debug_sub *sub)
{
	static char buf[8192];

	buf[debug_sub_read(sub, buf, sizeof(buf) - 1)] = '\0';
	return buf;
}

static void stop(struct debug_sub *sub)
{
	debug_sub_free(sub);
	debug_settings_reset();
	assert_int_equal(debug_sub_count(), 0);
}

static void a_source_is_off_while_nobody_listens_or_its_setting_is_off(void **)
{
	struct debug_sub *sub;

	assert_false(debug_is_on(DEBUG_FCNACD));
	debug_settings_set(&all_on);
	assert_false(debug_is_on(DEBUG_FCNACD));
	sub = debug_sub_new();
	assert_true(debug_is_on(DEBUG_FCNACD));
	assert_true(debug_is_on(DEBUG_WAD_POLICY));
	debug_settings_reset();
	assert_false(debug_is_on(DEBUG_FCNACD));
	debug_settings_set(&(struct debug_settings){.is_wad_policy = true});
	assert_false(debug_is_on(DEBUG_FCNACD));
	assert_true(debug_is_on(DEBUG_WAD_POLICY));
	stop(sub);
	assert_int_equal(atomic_load(&debug_mask), 0);
}

static void a_line_has_its_label_and_reaches_every_listener(void **)
{
	struct debug_sub *a = listen_with(&all_on), *b = debug_sub_new();

	debug_line(DEBUG_FCNACD, "f:49", "sent %d,%d", 244, 244);
	debug_more(DEBUG_FCNACD, NULL, "and %s", "more");
	assert_string_equal(heard(a), "[f:49] sent 244,244\nand more\n");
	assert_string_equal(heard(b), "[f:49] sent 244,244\nand more\n");
	assert_string_equal(heard(a), "");
	debug_sub_free(b);
	stop(a);
}

static void a_line_says_when_it_was_written_if_asked_to(void **)
{
	struct debug_settings s = all_on;
	struct tm tm;
	struct debug_sub *sub;
	const char *text, *end;

	s.has_timestamp = true;
	sub = listen_with(&s);
	debug_line(DEBUG_FCNACD, "f:1", "x\n    y");
	debug_more(DEBUG_FCNACD, "g:2", "z");
	text = heard(sub);
	memset(&tm, 0, sizeof(tm));
	end = strptime(text, "%Y-%m-%d %H:%M:%S ", &tm);
	assert_non_null(end);
	assert_int_equal(end - text, 20);
	assert_string_equal(end, "[f:1] x\n    y\n[g:2] z\n");
	stop(sub);
}

static void a_peers_bytes_forge_no_line_and_drive_no_terminal(void **)
{
	struct debug_sub *sub = listen_with(&all_on);

	debug_line(DEBUG_FCNACD, "f:1", "%s", "a\n[f:2] b\r\x1b[2Jc\x7f\xff\xc2\x9b\xc3\xa4\t.");
	assert_string_equal(heard(sub), "[f:1] a [f:2] b ?[2Jc???\?\xc3\xa4 .\n");
	debug_line(DEBUG_FCNACD, NULL, "%s", "x\n    y\n   z\xed\xa0\x80\xf0\x9f\x98\x80\xf0\x9f");
	assert_string_equal(heard(sub), "x\n    y    z???\xf0\x9f\x98\x80??\n");
	stop(sub);
}

static void a_payload_is_shown_only_when_large_data_are_asked_for(void **)
{
	struct debug_settings s = all_on;
	struct debug_sub *sub = listen_with(&s);

	debug_payload(DEBUG_FCNACD, "f:1", "reply:", "{\n\"\"\"\n}", 7);
	assert_string_equal(heard(sub), "[f:1] reply: 7 bytes\n");
	s.has_large_data = true;
	debug_settings_set(&s);
	debug_payload(DEBUG_FCNACD, "f:1", "reply:", "{\n\"\"\"\n}", 7);
	assert_string_equal(heard(sub), "[f:1] reply:\n\"\"\"\n{ \"\"\" }\n\"\"\"\n");
	stop(sub);
}

static void a_payload_that_is_too_large_is_cut_and_says_so(void **)
{
	struct debug_settings s = all_on;
	char *big = malloc(DEBUG_PAYLOAD_MAX + 7), *all = malloc(DEBUG_RING_SIZE);
	struct debug_sub *sub;
	size_t n;

	assert_non_null(big);
	assert_non_null(all);
	memset(big, 'x', DEBUG_PAYLOAD_MAX + 7);
	s.has_large_data = true;
	sub = listen_with(&s);
	debug_payload(DEBUG_FCNACD, NULL, "reply:", big, DEBUG_PAYLOAD_MAX + 7);
	n = debug_sub_read(sub, all, DEBUG_RING_SIZE);
	assert_true(n > DEBUG_PAYLOAD_MAX && n < DEBUG_PAYLOAD_MAX + 100);
	assert_memory_equal(all + n - 21, "\"\"\"\n    7 bytes more\n", 21);
	free(all);
	free(big);
	stop(sub);
}

static void a_slow_listener_loses_lines_and_is_told_how_many(void **)
{
	struct debug_sub *sub = listen_with(&all_on), *fast = debug_sub_new();
	char *all = malloc(DEBUG_RING_SIZE), line[1001];
	const size_t nb = DEBUG_RING_SIZE / 1001;
	size_t n;

	assert_non_null(all);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (size_t i = 0; i < nb + 3; i++) {
		debug_line(DEBUG_FCNACD, NULL, "%s", line);
		assert_int_equal(debug_sub_read(fast, all, DEBUG_RING_SIZE), 1001);
	}
	n = debug_sub_read(sub, all, DEBUG_RING_SIZE);
	assert_int_equal(n, nb * 1001);
	/* Nothing more is said, and yet it hears of the loss. */
	assert_string_equal(heard(sub), "3 lines lost\n");
	debug_line(DEBUG_FCNACD, NULL, "here");
	assert_string_equal(heard(sub), "here\n");
	free(all);
	debug_sub_free(fast);
	stop(sub);
}

static void the_loss_is_told_where_the_lines_are_missing(void **)
{
	struct debug_sub *sub = listen_with(&all_on);
	char *all = malloc(DEBUG_RING_SIZE), line[1001];

	assert_non_null(all);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (size_t i = 0; i < DEBUG_RING_SIZE / 1001 + 2; i++)
		debug_line(DEBUG_FCNACD, NULL, "%s", line);
	assert_int_equal(debug_sub_read(sub, all, 2002), 2002);
	debug_line(DEBUG_FCNACD, NULL, "here");
	const size_t n = debug_sub_read(sub, all, DEBUG_RING_SIZE);

	assert_memory_equal(all + n - 18, "2 lines lost\nhere\n", 18);
	free(all);
	stop(sub);
}

static void what_is_read_ends_with_a_line_or_a_character(void **)
{
	struct debug_sub *sub = listen_with(&all_on);
	char buf[64];

	debug_line(DEBUG_FCNACD, NULL, "%050d", 0);
	debug_line(DEBUG_FCNACD, NULL, "%050d", 1);
	assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 51);
	assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 51);
	assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 0);
	debug_line(DEBUG_FCNACD, NULL, "%062d\xe2\x82\xac%03d", 0, 0);
	assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 62);
	assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 7);
	debug_line(DEBUG_FCNACD, NULL, "%061d\xe2\x82\xac%03d", 0, 0);
	assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 64);
	stop(sub);
}

static void the_ring_goes_round(void **)
{
	struct debug_sub *sub = listen_with(&all_on);
	char want[16], buf[64];

	for (unsigned i = 0; i < DEBUG_RING_SIZE / 4; i++) {
		debug_line(DEBUG_FCNACD, NULL, "%06u", i);
		(void)snprintf(want, sizeof(want), "%06u\n", i);
		assert_int_equal(debug_sub_read(sub, buf, sizeof(buf)), 7);
		assert_memory_equal(buf, want, 7);
	}
	stop(sub);
}

static void there_are_only_so_many_listeners(void **)
{
	struct debug_sub *sub[DEBUG_SUBS_MAX];

	for (unsigned i = 0; i < DEBUG_SUBS_MAX; i++) {
		sub[i] = debug_sub_new();
		assert_non_null(sub[i]);
	}
	assert_null(debug_sub_new());
	for (unsigned i = 0; i < DEBUG_SUBS_MAX; i++)
		debug_sub_free(sub[i]);
	assert_int_equal(debug_sub_count(), 0);
}

static void a_policy_line_has_the_fields_prefix_and_its_level(void **)
{
	const struct debug_wad_who who = {
		.session = 2060731322, .request = 592, .real_us = 1680865439155959};
	struct debug_settings s = all_on;
	struct debug_sub *sub;
	const char *text;

	s.wad_level = DEBUG_L_INFO;
	sub = listen_with(&s);
	assert_true(debug_wad_is_on(DEBUG_L_INFO));
	assert_false(debug_wad_is_on(DEBUG_L_VERBOSE));
	debug_wad(DEBUG_L_VERBOSE, &who, "f", 1, "nobody asked");
	debug_wad(DEBUG_L_INFO, &who, "wad_http_req_check_policy", 772, "policy %d", 2);
	text = heard(sub);
	assert_memory_equal(text, "[I]2023-04-07 ", 14);
	assert_non_null(strstr(text, ".155959 [p:"));
	assert_non_null(strstr(text, "][s:2060731322][r:592] wad_http_req_check_policy"));
	assert_string_equal(strstr(text, " :772"), " :772  policy 2\n");
	stop(sub);
}

static void levels_have_names(void **)
{
	enum debug_level level = DEBUG_L_INFO;

	assert_int_equal(debug_level_parse("verbose", &level), 0);
	assert_int_equal(level, DEBUG_L_VERBOSE);
	assert_true(debug_level_parse("loud", &level) < 0);
	assert_int_equal(level, DEBUG_L_VERBOSE);
	assert_string_equal(debug_level_name(DEBUG_L_ERROR), "error");
}

static void *chatter(void *)
{
	for (unsigned i = 0; i < 2000; i++)
		debug_line(DEBUG_FCNACD, "chatter:1", "%u", i);
	return NULL;
}

static void many_threads_write_while_listeners_come_and_go(void **)
{
	pthread_t thread[4];
	char buf[4096];

	debug_settings_set(&all_on);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, chatter, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct debug_sub *sub = debug_sub_new();
		const size_t n = debug_sub_read(sub, buf, sizeof(buf));

		assert_true(n == 0 || (buf[0] == '[' && buf[n - 1] == '\n'));
		debug_sub_free(sub);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	debug_settings_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_is_off_while_nobody_listens_or_its_setting_is_off),
		cmocka_unit_test(a_line_has_its_label_and_reaches_every_listener),
		cmocka_unit_test(a_line_says_when_it_was_written_if_asked_to),
		cmocka_unit_test(a_peers_bytes_forge_no_line_and_drive_no_terminal),
		cmocka_unit_test(a_payload_is_shown_only_when_large_data_are_asked_for),
		cmocka_unit_test(a_payload_that_is_too_large_is_cut_and_says_so),
		cmocka_unit_test(a_slow_listener_loses_lines_and_is_told_how_many),
		cmocka_unit_test(the_loss_is_told_where_the_lines_are_missing),
		cmocka_unit_test(what_is_read_ends_with_a_line_or_a_character),
		cmocka_unit_test(the_ring_goes_round),
		cmocka_unit_test(there_are_only_so_many_listeners),
		cmocka_unit_test(a_policy_line_has_the_fields_prefix_and_its_level),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(many_threads_write_while_listeners_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
