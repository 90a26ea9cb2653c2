/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct http_head *ret)
{
	return http_head_parse(text, strlen(text), ret);
}

static void a_head_is_taken_apart(void **)
{
	static const char text[] = "PUT /api/v1/x%20y?a=b&c=%2F HTTP/1.1\r\n"
				   "Host: a\r\nContent-Length: 12\r\nauthorization:  Bearer t \r\n"
				   "If-Match: \"1\"\r\nExpect: 100-Continue\r\n\r\nbody";
	struct http_head h;

	assert_int_equal(parse(text, &h), (int)strlen(text) - 4);
	assert_string_equal(h.method, "PUT");
	assert_string_equal(h.path, "/api/v1/x y");
	assert_string_equal(h.query, "a=b&c=%2F");
	assert_string_equal(h.authorization, "Bearer t");
	assert_string_equal(h.if_match, "\"1\"");
	assert_int_equal(h.length, 12);
	assert_true(h.is_continue_wanted);
	assert_false(h.is_close);
	assert_false(h.is_upgrade);
}

static void any_part_of_a_head_is_not_all_of_it(void **)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
	struct http_head h;

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(http_head_parse(text, n, &h), 0);
	assert_int_equal(http_head_parse(text, sizeof(text) - 1, &h), sizeof(text) - 1);
}

static void what_could_be_read_in_two_ways_is_refused(void **)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
		{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
		{"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		{"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
		{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 413},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417},
		{"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		 426},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_head h;
		const int rc = parse(bad[i].text, &h);

		if (rc != -bad[i].status)
			fail_msg("%d for %s", rc, bad[i].text);
	}
}

static void a_path_has_one_reading(void **)
{
	static const struct {
		const char *target, *path; /* NULL: refused */
	} row[] = {
		{"/", "/"},       {"*", "*"},         {"/a/", "/a/"},      {"/a/b:c@d", "/a/b:c@d"},
		{"/%61", "/a"},   {"/a%3Fb", "/a?b"}, {"/...", "/..."},    {"/.a", "/.a"},
		{"//a", NULL},    {"/a//b", NULL},    {"/./a", NULL},      {"/a/..", NULL},
		{"/..", NULL},    {"/a/../b", NULL},  {"/%2e%2e/b", NULL}, {"/a%2fb", NULL},
		{"/a%5Cb", NULL}, {"/a\\b", NULL},    {"/a;b", NULL},      {"/a%3bb", NULL},
		{"/a%00", NULL},  {"/a%0a", NULL},    {"/a%25", NULL},     {"/a%c3%a4", NULL},
		{"/a%", NULL},    {"/a%4", NULL},     {"/a%zz", NULL},     {"/a#b", NULL},
		{"/a?b#c", NULL}, {"a", NULL},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_head h;
		char text[128];

		(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
			       row[i].target);
		const int rc = parse(text, &h);

		if (row[i].path == NULL ? rc != -400 : rc <= 0 || strcmp(h.path, row[i].path) != 0)
			fail_msg("%s: %d %s", row[i].target, rc, h.path);
	}
}

static void heads_have_bounds(void **)
{
	char text[2 * HTTP_HEAD_MAX];
	struct http_head h;

	memset(text, 'a', sizeof(text));
	assert_int_equal(http_head_parse(text, HTTP_HEAD_MAX - 3, &h), 0);
	assert_int_equal(http_head_parse(text, HTTP_HEAD_MAX, &h), -431);
	(void)snprintf(text, sizeof(text), "GET /%0600d HTTP/1.1\r\nHost: a\r\n\r\n", 1);
	assert_int_equal(parse(text, &h), -414);
	(void)snprintf(text, sizeof(text), "GET /?%02100d HTTP/1.1\r\nHost: a\r\n\r\n", 1);
	assert_int_equal(parse(text, &h), -414);
	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nIf-Match: %0600d\r\n\r\n",
		       1);
	assert_int_equal(parse(text, &h), -431);
}

static void the_connection_goes_on_as_the_version_says(void **)
{
	static const struct {
		const char *text;
		bool is_close;
	} row[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", true},
		{"GET / HTTP/1.0\r\n\r\n", true},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_head h;

		assert_true(parse(row[i].text, &h) > 0);
		assert_int_equal(h.is_close, row[i].is_close);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_taken_apart),
		cmocka_unit_test(any_part_of_a_head_is_not_all_of_it),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(a_path_has_one_reading),
		cmocka_unit_test(heads_have_bounds),
		cmocka_unit_test(the_connection_goes_on_as_the_version_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
