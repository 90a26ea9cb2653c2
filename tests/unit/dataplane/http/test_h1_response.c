/* SPDX-License-Identifier: BSD-3-Clause */

/* Response heads: where the body ends decides which request the next bytes answer. */

#include "http/h1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct h1_head head;

static void check_prefixes(struct slice in, enum h1_method method, int rc)
{
	for (size_t n = 0; n < in.len; n++) {
		enum outcome o;
		const int got = h1_parse_response(slice_of(in.ptr, n), method, &head, &o);
		if (got != -EAGAIN && got != rc)
			fail_msg("%zu bytes of %.*s: %d", n, (int)in.len, (const char *)in.ptr,
				 got);
	}
}

static void good(const char *text, enum h1_method method)
{
	enum outcome o = OUTCOME__COUNT;
	const struct slice in = slice_str(text);

	check_prefixes(in, method, 0);
	const int rc = h1_parse_response(in, method, &head, &o);
	if (rc != 0)
		fail_msg("%s: %d", text, rc);
	assert_int_equal(head.len, in.len);
	assert_false(head.is_request);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"
#define assert_slice(s, text) assert_true(slice_is_equal(s, slice_str(text)))

static void status_lines_are_taken(void **)
{
	good("HTTP/1.1 200 OK\r\n\r\n", H1_GET);
	assert_int_equal(head.status, 200);
	assert_int_equal(head.minor, 1);
	assert_slice(head.reason, "OK");
	good("HTTP/1.0 404 Not \t Found\xe9\r\n\r\n", H1_GET);
	assert_int_equal(head.minor, 0);
	assert_slice(head.reason, "Not \t Found\xe9");
	good("HTTP/1.1 599 \r\n\r\n", H1_GET);
	assert_slice(head.reason, "");
	good("HTTP/1.1 200\r\n\r\n", H1_GET);
	assert_slice(head.reason, "");
}

static void the_body_ends_where_rfc_9112_says(void **)
{
	static const struct {
		const char *text;
		enum h1_method method;
		enum h1_framing framing;
		bool is_keep_alive;
	} rows[] = {
		{OK END, H1_GET, H1_BODY_UNTIL_CLOSE, false},
		{OK "Content-Length: 5\r\n" END, H1_GET, H1_BODY_LENGTH, true},
		{OK "Content-Length: 5\r\nContent-Length: 5\r\n" END, H1_GET, H1_BODY_LENGTH, true},
		{OK "Content-Length: 0\r\n" END, H1_GET, H1_BODY_LENGTH, true},
		{OK "Transfer-Encoding: chunked\r\n" END, H1_GET, H1_BODY_CHUNKED, true},
		{OK "Content-Length: 5\r\n" END, H1_HEAD, H1_BODY_NONE, true},
		{OK END, H1_HEAD, H1_BODY_NONE, true},
		{OK "Transfer-Encoding: chunked\r\n" END, H1_HEAD, H1_BODY_NONE, true},
		{"HTTP/1.1 204 No Content\r\n" END, H1_GET, H1_BODY_NONE, true},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n" END, H1_GET, H1_BODY_NONE,
		 true},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" END, H1_GET, H1_BODY_NONE,
		 true},
		{"HTTP/1.1 100 Continue\r\n" END, H1_POST, H1_BODY_NONE, true},
		{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n" END, H1_GET, H1_BODY_NONE, true},
		{OK "Connection: close\r\nContent-Length: 5\r\n" END, H1_GET, H1_BODY_LENGTH,
		 false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" END, H1_GET, H1_BODY_LENGTH, false},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n" END, H1_GET,
		 H1_BODY_LENGTH, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good(rows[i].text, rows[i].method);
		if (head.framing != rows[i].framing || head.is_keep_alive != rows[i].is_keep_alive)
			fail_msg("row %zu: framing %d keep-alive %d", i, head.framing,
				 head.is_keep_alive);
	}
}

static void a_101_is_an_upgrade_only_as_websocket(void **)
{
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
	good(SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\n" END, H1_GET);
	assert_true(head.has_upgrade);
	good(SWITCH END, H1_GET);
	assert_false(head.has_upgrade);
	good(SWITCH "Connection: Upgrade\r\nUpgrade: h2c\r\n" END, H1_GET);
	assert_false(head.has_upgrade);
	/* Envoy once took a 200 for one. */
	good(OK "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n" END, H1_GET);
	assert_false(head.has_upgrade);
}

static void what_could_desynchronize_is_refused(void **)
{
	static const struct slice rows[] = {
		SLICE_LIT("\r\nHTTP/1.1 200 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1  200 OK\r\n\r\n"),
		SLICE_LIT("HTTP/2 200 OK\r\n\r\n"),
		SLICE_LIT("HTTP/2.0 200 OK\r\n\r\n"),
		SLICE_LIT("http/1.1 200 OK\r\n\r\n"),
		SLICE_LIT("ICY 200 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 20 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 2000 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 099 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 600 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 2x0 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 -20 OK\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 200 O\0K\r\n\r\n"),
		SLICE_LIT("HTTP/1.1 200 OK\n\n"),
		SLICE_LIT("HTTP/1.1 200 OK\rX: y\r\n\r\n"),
		SLICE_LIT(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END),
		SLICE_LIT(OK "Content-Length: 5\r\nContent-Length: 6\r\n" END),
		SLICE_LIT(OK "Content-Length: 5, 5\r\n" END),
		SLICE_LIT(OK "Content-Length: +5\r\n" END),
		SLICE_LIT(OK "Content-Length: 18446744073709551616\r\n" END),
		SLICE_LIT(OK "Content-Length:\r\n" END),
		SLICE_LIT(OK "Transfer-Encoding: gzip\r\n" END),
		SLICE_LIT(OK "Transfer-Encoding: gzip, chunked\r\n" END),
		SLICE_LIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" END),
		SLICE_LIT(OK "X : y\r\n" END),
		SLICE_LIT(OK ": y\r\n" END),
		SLICE_LIT(OK "X: y\r\n z\r\n" END),
		SLICE_LIT(OK "X: y\nZ: z\r\n" END),
		SLICE_LIT(OK "Connection: Set-Cookie\r\n" END),
		SLICE_LIT("HTTP/1.1 204 No Content\r\nContent-Length: x\r\n" END),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum outcome o = OUTCOME__COUNT;
		const int rc = h1_parse_response(rows[i], H1_GET, &head, &o);
		if (rc != -EBADMSG || o != OUTCOME_HTTP_BAD_RESPONSE)
			fail_msg("row %zu: %d, %d", i, rc, o);
		check_prefixes(rows[i], H1_GET, -EBADMSG);
	}
}

static void a_response_head_has_a_bound(void **)
{
	static char text[H1_MAX_HEAD];
	enum outcome o = OUTCOME__COUNT;

	memset(text, 'a', sizeof(text));
	memcpy(text, OK "X: ", sizeof(OK "X: ") - 1);
	assert_int_equal(h1_parse_response(slice_of(text, H1_MAX_HEAD - 1), H1_GET, &head, &o),
			 -EAGAIN);
	assert_int_equal(h1_parse_response(slice_of(text, H1_MAX_HEAD), H1_GET, &head, &o),
			 -EBADMSG);
	assert_int_equal(o, OUTCOME_HTTP_BAD_RESPONSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_lines_are_taken),
		cmocka_unit_test(the_body_ends_where_rfc_9112_says),
		cmocka_unit_test(a_101_is_an_upgrade_only_as_websocket),
		cmocka_unit_test(what_could_desynchronize_is_refused),
		cmocka_unit_test(a_response_head_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
