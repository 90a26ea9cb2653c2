/* SPDX-License-Identifier: BSD-3-Clause */

/* What leaves the proxy, byte for byte. */

#include "http/h1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct h1_head head;
static char out[32768];

static void parse_request(const char *text)
{
	enum outcome o = OUTCOME__COUNT;

	if (h1_parse_request(slice_str(text), &head, &o) != 0)
		fail_msg("%s: %d", text, o);
}

static void parse_response(const char *text, enum h1_method method)
{
	enum outcome o = OUTCOME__COUNT;

	if (h1_parse_response(slice_str(text), method, &head, &o) != 0)
		fail_msg("%s: %d", text, o);
}

static void check(const struct h1_writer *w, const char *want)
{
	assert_false(w->is_full);
	if (!slice_is_equal(slice_of(w->buf, w->len), slice_str(want)))
		fail_msg("got\n%.*s\nnot\n%s", (int)w->len, w->buf, want);
}

static const struct h1_identity identity = {
	.client_ip = {(const uint8_t *)"192.0.2.7", 9},
	.proto = {(const uint8_t *)"https", 5},
	.host = {(const uint8_t *)"shop.example:9043", 17},
	.device_uid = {(const uint8_t *)"0A1B", 4},
	.ems_serial = {(const uint8_t *)"FCTEMS1", 7},
	.request_id = {(const uint8_t *)"cafe", 4},
};

#define IDENTITY                                                                                   \
	"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"                               \
	"X-Forwarded-Host: shop.example:9043\r\nX-Tagwarden-Device-UID: 0A1B\r\n"                  \
	"X-Tagwarden-EMS: FCTEMS1\r\nX-Request-Id: cafe\r\n"

static void check_request(const char *in, const char *want)
{
	struct h1_writer w = {.buf = out, .cap = sizeof(out)};

	parse_request(in);
	h1_write_request(&w, &head, head.path, SLICE_LIT("real.example"), &identity);
	check(&w, want);
}

static void a_request_is_written_anew(void **)
{
	check_request("GET /a?b=c HTTP/1.1\r\nhOST: Shop.Example\r\nAccept:*/*  \r\n"
		      "Cookie: a=b\r\ncookie: c=d\r\n\r\n",
		      "GET /a?b=c HTTP/1.1\r\nHost: real.example\r\nAccept: */*\r\n"
		      "Cookie: a=b\r\ncookie: c=d\r\n" IDENTITY "\r\n");
	check_request("PROPFIND /? HTTP/1.0\r\nHost: a\r\n\r\n",
		      "PROPFIND /? HTTP/1.1\r\nHost: real.example\r\n" IDENTITY "\r\n");
	check_request("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
		      "GET /x HTTP/1.1\r\nHost: real.example\r\n" IDENTITY "\r\n");
}

static void framing_is_written_once_and_plainly(void **)
{
	check_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n",
		      "POST / HTTP/1.1\r\nHost: real.example\r\n" IDENTITY
		      "Content-Length: 7\r\n\r\n");
	check_request("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n"
		      "Trailer: X\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\n",
		      "POST / HTTP/1.1\r\nHost: real.example\r\n" IDENTITY
		      "Transfer-Encoding: chunked\r\n\r\n");
	check_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		      "POST / HTTP/1.1\r\nHost: real.example\r\n" IDENTITY
		      "Content-Length: 0\r\n\r\n");
}

static void hop_by_hop_fields_stay_behind(void **)
{
	check_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, foo\r\nFoo: 1\r\n"
		      "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"
		      "Proxy-Authorization: Basic eDp5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
		      "HTTP2-Settings: AAA\r\nBar: 2\r\n\r\n",
		      "GET / HTTP/1.1\r\nHost: real.example\r\nBar: 2\r\n" IDENTITY "\r\n");
}

static void a_websocket_keeps_its_upgrade(void **)
{
	check_request(
		"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
		"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: eA==\r\n\r\n",
		"GET /ws HTTP/1.1\r\nHost: real.example\r\nSec-WebSocket-Key: eA==\r\n" IDENTITY
		"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void forged_identity_is_removed(void **)
{
	static const char *const names[] = {
		"X-Forwarded-For",
		"x-forwarded-for",
		"X_Forwarded_For",
		"X-Forwarded-Proto",
		"X-Forwarded-Host",
		"X-Forwarded-Client-Cert",
		"X-Forwarded-Port",
		"X-Real-IP",
		"X_REAL_IP",
		"Forwarded",
		"X-Tagwarden-Device-UID",
		"X-Tagwarden-Anything",
		"x_tagwarden_ems",
		"X-Client-Cert",
		"X-Client-Cert-Chain",
		"Client-Cert",
		"Client-Cert-Chain",
		"X-SSL-Client-S-DN",
		"X-SSL-Client-Verify",
		"SSL-Client-Cert",
		"SSL_CLIENT_VERIFY",
		"X-Original-URL",
		"X-Rewrite-URL",
		"True-Client-IP",
		"X-Client-IP",
		"X-Cluster-Client-IP",
		"X-Request-Id",
		"Remote-User",
		"REMOTE_USER",
		"X-Remote-User",
		"Proxy",
		"Transfer_Encoding",
		"Content_Length",
		"X-ARR-ClientCert",
		"X-Client-DN",
		"X-Client-Verify",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char in[256];
		const int n =
			snprintf(in, sizeof(in),
				 "GET / HTTP/1.1\r\nHost: a\r\n%s: evil\r\nA: b\r\n\r\n", names[i]);
		assert_in_range(n, 1, sizeof(in) - 1);
		check_request(in,
			      "GET / HTTP/1.1\r\nHost: real.example\r\nA: b\r\n" IDENTITY "\r\n");
	}
	/* Names that only look alike are the application's. */
	check_request("GET / HTTP/1.1\r\nHost: a\r\nX-Client-Version: 1\r\nForwardedX: 2\r\n\r\n",
		      "GET / HTTP/1.1\r\nHost: real.example\r\nX-Client-Version: 1\r\n"
		      "ForwardedX: 2\r\n" IDENTITY "\r\n");
}

static void empty_identity_is_left_out(void **)
{
	static const struct h1_identity none = {};
	struct h1_writer w = {.buf = out, .cap = sizeof(out)};

	parse_request("GET / HTTP/1.1\r\nHost: a\r\nX-Tagwarden-Device-UID: evil\r\n\r\n");
	h1_write_request(&w, &head, SLICE_LIT("/"), SLICE_LIT("b"), &none);
	check(&w, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
}

static void check_response(const char *in, enum h1_method method, enum h1_framing framing,
			   bool is_keep_alive, const char *want)
{
	struct h1_writer w = {.buf = out, .cap = sizeof(out)};

	parse_response(in, method);
	h1_write_response(&w, &head, framing, is_keep_alive);
	check(&w, want);
}

static void a_response_is_written_anew(void **)
{
	check_response("HTTP/1.0 200 Fine\r\nServer: x\r\nContent-Length: 05\r\nKeep-Alive: 1\r\n"
		       "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: close, y\r\ny: z\r\n\r\n",
		       H1_GET, H1_BODY_LENGTH, true,
		       "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
		       "Content-Length: 5\r\n\r\n");
	check_response("HTTP/1.1 200\r\n\r\n", H1_GET, H1_BODY_CHUNKED, true,
		       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	check_response("HTTP/1.1 200 OK\r\n\r\n", H1_GET, H1_BODY_UNTIL_CLOSE, true,
		       "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", H1_GET, H1_BODY_LENGTH,
		       false, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
}

static void lengths_of_bodies_that_are_not_there(void **)
{
	check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", H1_HEAD, H1_BODY_NONE, true,
		       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	check_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", H1_HEAD,
		       H1_BODY_NONE, true, "HTTP/1.1 200 OK\r\n\r\n");
	check_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", H1_GET,
		       H1_BODY_NONE, true,
		       "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
	check_response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", H1_GET, H1_BODY_NONE,
		       true, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void interim_responses_say_nothing_of_the_connection(void **)
{
	check_response("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", H1_GET, H1_BODY_NONE, false,
		       "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
	check_response("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
		       "Upgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n",
		       H1_GET, H1_BODY_NONE, true,
		       "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: y\r\n"
		       "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void overflow_is_sticky_and_writes_nothing_beyond(void **)
{
	parse_request("GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
	struct h1_writer full = {.buf = out, .cap = sizeof(out)};
	h1_write_request(&full, &head, head.path, SLICE_LIT("b"), &identity);
	for (size_t cap = 0; cap <= full.len; cap++) {
		char small[512];
		memset(small, 0x55, sizeof(small));
		struct h1_writer w = {.buf = small, .cap = cap};
		h1_write_request(&w, &head, head.path, SLICE_LIT("b"), &identity);
		assert_int_equal(w.is_full, cap < full.len);
		for (size_t i = cap; i < sizeof(small); i++)
			assert_int_equal((unsigned char)small[i], 0x55);
	}
}

static void control_bytes_in_a_value_stop_the_head(void **)
{
	static const struct slice rows[] = {SLICE_LIT("a\r\nX: y"), SLICE_LIT("a\nb"),
					    SLICE_LIT("a\0b"), SLICE_LIT("a\x7f")};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct h1_writer w = {.buf = out, .cap = sizeof(out)};
		h1_write_header(&w, "X-Request-Id", rows[i]);
		assert_true(w.is_full);
		assert_int_equal(w.len, 0);
	}
	struct h1_writer w = {.buf = out, .cap = sizeof(out)};
	h1_write_header(&w, "A", SLICE_EMPTY);
	h1_write_uint(&w, 0);
	h1_write_str(&w, ",");
	h1_write_uint(&w, UINT64_MAX);
	check(&w, "A: \r\n0,18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_written_anew),
		cmocka_unit_test(framing_is_written_once_and_plainly),
		cmocka_unit_test(hop_by_hop_fields_stay_behind),
		cmocka_unit_test(a_websocket_keeps_its_upgrade),
		cmocka_unit_test(forged_identity_is_removed),
		cmocka_unit_test(empty_identity_is_left_out),
		cmocka_unit_test(a_response_is_written_anew),
		cmocka_unit_test(lengths_of_bodies_that_are_not_there),
		cmocka_unit_test(interim_responses_say_nothing_of_the_connection),
		cmocka_unit_test(overflow_is_sticky_and_writes_nothing_beyond),
		cmocka_unit_test(control_bytes_in_a_value_stop_the_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
