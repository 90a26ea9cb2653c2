/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/http_lite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char response[] = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH:  1024 \r\n"
			       "Connection: keep-alive\r\n\r\n";

static void a_head_is_found_in_pieces_of_any_size(void **)
{
	const size_t len = sizeof(response) - 1;

	for (size_t piece = 1; piece <= len + 3; piece++) {
		/* Three bytes of body behind it are not its own. */
		const char *bytes = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH:  1024 \r\n"
				    "Connection: keep-alive\r\n\r\nabc";
		struct http_lite_buf b = {0};
		struct slice head = {0};
		size_t off = 0, used = 0;
		int rc = 0;

		while (rc == 0 && off < len + 3) {
			const size_t n = piece < len + 3 - off ? piece : len + 3 - off;

			rc = http_lite_find_head(&b, slice_of(bytes + off, n), &head, &used);
			off += used;
		}
		assert_int_equal(rc, 1);
		assert_int_equal(off, len);
		assert_true(slice_is_equal(head, slice_of(bytes, len)));
		http_lite_buf_done(&b, rc);
		assert_null(b.ptr);
	}
}

static void a_head_without_end_is_refused(void **)
{
	struct http_lite_buf b = {0};
	struct slice head;
	char junk[1000];
	size_t used;
	int rc = 0;

	memset(junk, 'x', sizeof(junk));
	for (int i = 0; i < 20 && rc == 0; i++)
		rc = http_lite_find_head(&b, slice_of(junk, sizeof(junk)), &head, &used);
	assert_int_equal(rc, -EMSGSIZE);
	http_lite_buf_drop(&b);
}

static void a_response_says_status_and_length_in_any_case(void **)
{
	struct http_lite_response r;

	assert_int_equal(http_lite_parse_response(slice_str(response), &r), 0);
	assert_int_equal(r.status, 200);
	assert_true(r.has_length);
	assert_int_equal(r.content_length, 1024);
	assert_false(r.must_close);
}

static void a_response_without_length_is_told_apart_from_an_empty_one(void **)
{
	struct http_lite_response r;

	assert_int_equal(http_lite_parse_response(
				 slice_str("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), &r),
			 0);
	assert_false(r.has_length);
	assert_true(r.must_close);
	assert_int_equal(http_lite_parse_response(slice_str("HTTP/1.1 204 No Content\r\n\r\n"), &r),
			 0);
	assert_true(r.has_length);
	assert_int_equal(r.content_length, 0);
}

static void what_is_no_http_is_refused(void **)
{
	static const char *const text[] = {
		"HTTP/1.1 abc\r\n\r\n",
		"HTTP/2 200 OK\r\n\r\n",
		"\r\n\r\n",
	};
	struct http_lite_response r;
	struct http_lite_request q;

	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		assert_int_equal(http_lite_parse_response(slice_str(text[i]), &r), -EPROTO);
	assert_int_equal(http_lite_parse_request(slice_str("GET\r\n\r\n"), &q), -EPROTO);
}

static void a_path_may_say_how_many_bytes_are_wanted(void **)
{
	struct http_lite_request r;

	assert_int_equal(
		http_lite_parse_request(
			slice_str("POST /bytes/1048576 HTTP/1.1\r\nContent-Length: 5\r\n\r\n"), &r),
		0);
	assert_true(r.has_bytes);
	assert_int_equal(r.bytes, 1048576);
	assert_int_equal(r.content_length, 5);
	assert_int_equal(
		http_lite_parse_request(slice_str("GET /byte HTTP/1.1\r\nA: b\r\n\r\n"), &r), 0);
	assert_false(r.has_bytes);
	assert_int_equal(r.content_length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_found_in_pieces_of_any_size),
		cmocka_unit_test(a_head_without_end_is_refused),
		cmocka_unit_test(a_response_says_status_and_length_in_any_case),
		cmocka_unit_test(a_response_without_length_is_told_apart_from_an_empty_one),
		cmocka_unit_test(what_is_no_http_is_refused),
		cmocka_unit_test(a_path_may_say_how_many_bytes_are_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
