/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In pieces of <step> bytes; then, if asked, the end of the connection. */
static int read_in_steps(struct http_reader *r, const char *s, size_t step, bool ends)
{
	const size_t len = strlen(s);
	int rc = 0;

	for (size_t i = 0; i < len && rc == 0; i += step)
		rc = http_reader_feed(r, s + i, len - i < step ? len - i : step);
	return rc == 0 && ends ? http_reader_eof(r) : rc;
}

static void expect_body(const char *answer, bool ends, int status, const char *body)
{
	static const size_t steps[] = {1, 2, 3, 7, 4096};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct http_reader r;
		struct http_answer a;

		http_reader_init(&r, 1000);
		assert_int_equal(read_in_steps(&r, answer, steps[i], ends), 1);
		http_reader_take(&r, &a);
		assert_int_equal(a.status, status);
		assert_string_equal(a.body, body);
		assert_int_equal(a.len, strlen(body));
		http_answer_fini(&a);
		http_reader_fini(&r);
	}
}

static void bodies_are_read_however_they_are_cut(void **)
{
	expect_body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello");
	expect_body("HTTP/1.1 404 Not Found\ncontent-length:0\n\n", false, 404, "");
	expect_body("HTTP/1.1 204 No Content\r\n\r\n", false, 204, "");
	expect_body("HTTP/1.0 200 OK\r\n\r\nuntil the end", true, 200, "until the end");
	expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
		    false, 200, "abc0123456789");
	expect_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		    false, 200, "ok");
}

static void nonsense_is_refused(void **)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/2 200\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 000 OK\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n",
		"HTTP/1.1 200 OK\r\n: no name\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_reader r;

		http_reader_init(&r, 1000);
		assert_int_equal(read_in_steps(&r, bad[i], 1, false), -EPROTO);
		http_reader_fini(&r);
	}
}

static void what_exceeds_the_bounds_is_refused(void **)
{
	static const char *const big[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n",
	};
	char line[HTTP_LINE_MAX + 1];
	struct http_reader r;

	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		http_reader_init(&r, 1000);
		assert_int_equal(read_in_steps(&r, big[i], 4096, false), -EMSGSIZE);
		http_reader_fini(&r);
	}
	memset(line, 'a', sizeof(line));
	http_reader_init(&r, 1000);
	assert_int_equal(http_reader_feed(&r, line, sizeof(line)), -EMSGSIZE);
	http_reader_fini(&r);
}

static void a_body_that_has_no_end_is_refused(void **)
{
	char piece[300];
	struct http_reader r;
	int rc = 0;

	memset(piece, 'x', sizeof(piece));
	http_reader_init(&r, 1000);
	assert_int_equal(read_in_steps(&r, "HTTP/1.1 200 OK\r\n\r\n", 64, false), 0);
	for (int i = 0; i < 4 && rc == 0; i++)
		rc = http_reader_feed(&r, piece, sizeof(piece));
	assert_int_equal(rc, -EMSGSIZE);
	http_reader_fini(&r);
}

static void a_head_that_has_no_end_is_refused(void **)
{
	struct http_reader r;
	int rc = 0;

	http_reader_init(&r, 1000);
	assert_int_equal(read_in_steps(&r, "HTTP/1.1 200 OK\r\n", 64, false), 0);
	for (int i = 0; i < 20000 && rc == 0; i++)
		rc = http_reader_feed(&r, "X: y\r\n", 6);
	assert_int_equal(rc, -EMSGSIZE);
	http_reader_fini(&r);
}

static void an_early_end_is_refused(void **)
{
	static const char *const cut[] = {
		"",
		"HTTP/1.1 200",
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	};

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		struct http_reader r;

		http_reader_init(&r, 1000);
		assert_int_equal(read_in_steps(&r, cut[i], 3, true), -EPROTO);
		http_reader_fini(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_read_however_they_are_cut),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(what_exceeds_the_bounds_is_refused),
		cmocka_unit_test(a_body_that_has_no_end_is_refused),
		cmocka_unit_test(a_head_that_has_no_end_is_refused),
		cmocka_unit_test(an_early_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
