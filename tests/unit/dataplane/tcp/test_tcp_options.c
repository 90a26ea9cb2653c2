/* SPDX-License-Identifier: BSD-3-Clause */

#include "tcp/tcp_options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct parse_case {
	const char *name;
	uint8_t bytes[40];
	size_t len;
	bool is_syn;
	int rc;
	uint16_t mss;
	uint8_t flags, wscale, nb_sacks;
};

static const struct parse_case cases[] = {
	{"nothing", {0}, 0, true},
	{"end at once", {0, 2, 0}, 3, true},
	{"nops", {1, 1, 1, 1}, 4, true},
	{"mss", {2, 4, 5, 0xb4}, 4, true, .mss = 1460},
	{"the last of two counts", {2, 4, 0, 1, 2, 4, 0, 2}, 8, true, .mss = 2},
	{"mss of a wrong length is skipped", {2, 3, 5, 1}, 4, true},
	{"mss on an ack is ignored", {2, 4, 5, 0xb4}, 4, false},
	{"wscale", {3, 3, 7}, 3, true, .flags = TCP_OPT_F_WSCALE, .wscale = 7},
	{"wscale above 14 is 14", {3, 3, 200}, 3, true, .flags = TCP_OPT_F_WSCALE, .wscale = 14},
	{"sack permitted", {4, 2}, 2, true, .flags = TCP_OPT_F_SACK_OK},
	{"timestamps", {8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 10, false, .flags = TCP_OPT_F_TS},
	{"one block", {5, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 10, false, .nb_sacks = 1},
	{"blocks on a syn are ignored", {5, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 10, true},
	{"half a block is skipped", {5, 6, 0, 0, 0, 1}, 6, false},
	{"unknown is skipped", {99, 4, 0, 0, 4, 2}, 6, true, .flags = TCP_OPT_F_SACK_OK},
	{"length 0 would not advance", {2, 0, 0, 0}, 4, true, .rc = -EINVAL},
	{"length 1 would not advance", {99, 1, 0, 0}, 4, true, .rc = -EINVAL},
	{"kind without length", {1, 1, 1, 2}, 4, true, .rc = -EINVAL},
	{"beyond the end", {2, 4, 5}, 3, true, .rc = -EINVAL},
	{"far beyond the end", {99, 255, 0, 0}, 4, false, .rc = -EINVAL},
};

static void each_form_is_read_as_it_should(void **)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct parse_case *t = &cases[i];
		struct tcp_opts o = {.mss = 4242};
		const int rc = tcp_options_parse(t->bytes, t->len, t->is_syn, &o);

		if (rc != t->rc)
			fail_msg("%s: %d", t->name, rc);
		if (rc < 0) {
			assert_int_equal(o.mss, 4242); /* untouched */
			continue;
		}
		if (o.mss != t->mss || o.flags != t->flags || o.wscale != t->wscale ||
		    o.nb_sacks != t->nb_sacks)
			fail_msg("%s", t->name);
	}
}

static void what_is_emitted_is_read_back(void **)
{
	const struct tcp_opts syn = {.mss = 1460,
				     .wscale = 9,
				     .tsval = 0x01020304,
				     .tsecr = 0xfffefdfc,
				     .flags = TCP_OPT_F_TS | TCP_OPT_F_WSCALE | TCP_OPT_F_SACK_OK};
	uint8_t buf[TCP_OPT_MAX_LEN];
	struct tcp_opts o;
	const size_t n = tcp_options_emit(&syn, buf);

	assert_int_equal(n % 4, 0);
	assert_int_equal(tcp_options_parse(buf, n, true, &o), 0);
	assert_memory_equal(&o, &syn, sizeof(o));
}

static void blocks_that_do_not_fit_are_left_out(void **)
{
	const struct tcp_opts ack = {
		.flags = TCP_OPT_F_TS, .nb_sacks = 4, .sacks = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}};
	uint8_t buf[TCP_OPT_MAX_LEN];
	struct tcp_opts o;
	const size_t n = tcp_options_emit(&ack, buf);

	assert_int_equal(n, 40);
	assert_int_equal(tcp_options_parse(buf, n, false, &o), 0);
	assert_int_equal(o.nb_sacks, 3);
	assert_int_equal(o.sacks[2].end, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read_as_it_should),
		cmocka_unit_test(what_is_emitted_is_read_back),
		cmocka_unit_test(blocks_that_do_not_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
