/* SPDX-License-Identifier: BSD-3-Clause */

/* Request heads: what is taken, and that every ambiguity is refused for the right reason. */

#include "http/h1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST / HTTP/1.1\r\n" H
#define END "\r\n"

struct bad {
	const char *name;
	struct slice in;
	enum outcome why;
};

#define BAD(name, text, why)                                                                       \
	{                                                                                          \
		name, SLICE_LIT(text), OUTCOME_HTTP_##why                                          \
	}

/*
 * Whatever a prefix of a message is answered with, it is -EAGAIN or what the message is answered
 * with: otherwise an answer would depend on how TCP cut the bytes.
 */
static void check_prefixes(struct slice in, int rc, enum outcome why)
{
	static struct h1_head head;

	for (size_t n = 0; n < in.len; n++) {
		enum outcome o = OUTCOME__COUNT;
		const int got = h1_parse_request(slice_of(in.ptr, n), &head, &o);
		if (got == -EAGAIN)
			continue;
		if (got != rc || (rc == -EBADMSG && o != why))
			fail_msg("%zu bytes of %.*s: %d", n, (int)in.len, (const char *)in.ptr,
				 got);
	}
}

static void check_bad(const struct bad *rows, size_t nb_rows)
{
	static struct h1_head head;

	for (size_t i = 0; i < nb_rows; i++) {
		enum outcome o = OUTCOME__COUNT;
		const int rc = h1_parse_request(rows[i].in, &head, &o);
		if (rc != -EBADMSG || o != rows[i].why)
			fail_msg("%s: rc %d outcome %d, not %d", rows[i].name, rc, o, rows[i].why);
		check_prefixes(rows[i].in, rc, o);
	}
}

#define CHECK_BAD(rows) check_bad(rows, sizeof(rows) / sizeof((rows)[0]))

static void good(const char *text, struct h1_head *ret)
{
	enum outcome o = OUTCOME__COUNT;
	const struct slice in = slice_str(text);
	const int rc = h1_parse_request(in, ret, &o);

	if (rc != 0)
		fail_msg("%s: rc %d outcome %d", text, rc, o);
	assert_int_equal(ret->len, in.len);
	check_prefixes(in, 0, OUTCOME__COUNT);
}

#define assert_slice(s, text) assert_true(slice_is_equal(s, slice_str(text)))

static void malformed_request_lines_are_refused(void **)
{
	static const struct bad rows[] = {
		BAD("empty line first", "\r\n" GET END, BAD_REQUEST_LINE),
		BAD("LF first", "\n" GET END, BAD_REQUEST_LINE),
		BAD("blank first", " GET / HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("no target", "GET HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("two blanks", "GET  / HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("two blanks before version", "GET /  HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("tab", "GET\t/ HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("HTTP/0.9", "GET /\r\n", BAD_REQUEST_LINE),
		BAD("blank after version", "GET / HTTP/1.1 \r\n" H END, BAD_REQUEST_LINE),
		BAD("more after version", "GET / HTTP/1.1 x\r\n" H END, BAD_REQUEST_LINE),
		BAD("lower-case version", "GET / http/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("two-digit version", "GET / HTTP/1.10\r\n" H END, BAD_REQUEST_LINE),
		BAD("no minor", "GET / HTTP/1\r\n" H END, BAD_REQUEST_LINE),
		BAD("HTTP/1.2", "GET / HTTP/1.2\r\n" H END, BAD_VERSION),
		BAD("HTTP/2.0", "GET / HTTP/2.0\r\n" H END, BAD_VERSION),
		BAD("HTTP/0.9 said", "GET / HTTP/0.9\r\n" H END, BAD_VERSION),
		BAD("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_TARGET),
		BAD("TLS hello", "\x16\x03\x01\x02\x00\x01", BAD_REQUEST_LINE),
		BAD("method with a colon", "GE:T / HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("NUL in method", "G\0T / HTTP/1.1\r\n" H END, BAD_REQUEST_LINE),
		BAD("endless method", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", BAD_METHOD),
		BAD("CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n" H END, BAD_METHOD),
		BAD("TRACE", "TRACE / HTTP/1.1\r\n" H END, BAD_METHOD),
		BAD("bare LF", "GET / HTTP/1.1\n" H END, BARE_LF),
		BAD("bare CR", "GET / HTTP/1.1\rX: y\r\n" H END, BARE_LF),
		BAD("CR CR LF", "GET / HTTP/1.1\r\r\n" H END, BARE_LF),
	};

	CHECK_BAD(rows);
}

static void ambiguous_targets_are_refused(void **)
{
	static const struct bad rows[] = {
		BAD("relative", "GET index.html HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("star for GET", "GET * HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("star and more", "OPTIONS *x HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("fragment", "GET /a#b HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("NUL", "GET /a\0b HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("control",
		    "GET /a\x01"
		    "b HTTP/1.1\r\n" H END,
		    BAD_TARGET),
		BAD("DEL", "GET /a\x7f HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("raw UTF-8", "GET /\xc3\xa9 HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("tab in target", "GET /a\tb HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("other host", "GET http://b.example/ HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("other port", "GET http://a.example:81/ HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("userinfo", "GET http://x@a.example/ HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("no authority", "GET http:///x HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("scheme only", "GET http:// HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("file scheme", "GET file:///etc/passwd HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("authority form", "GET a.example:80 HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("backslashes", "GET \\\\a.example\\x HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("absolute, comma", "GET http://a.example,b/ HTTP/1.1\r\n" H END, BAD_TARGET),
		BAD("absolute, no Host", "GET http://a.example/ HTTP/1.1\r\n" END, BAD_HOST),
	};

	CHECK_BAD(rows);
}

static void malformed_fields_are_refused(void **)
{
	static const struct bad rows[] = {
		BAD("no colon", GET "Foo\r\n" END, BAD_HEADER),
		BAD("empty name", GET ": x\r\n" END, BAD_HEADER),
		BAD("blank before colon", GET "Foo : x\r\n" END, BAD_HEADER),
		BAD("tab before colon", GET "Foo\t: x\r\n" END, BAD_HEADER),
		BAD("blank in name", GET "Fo o: x\r\n" END, BAD_HEADER),
		BAD("NUL in name", GET "Fo\0o: x\r\n" END, BAD_HEADER),
		BAD("obs-text in name", GET "F\xe9: x\r\n" END, BAD_HEADER),
		BAD("bracket in name", GET "Foo[0]: x\r\n" END, BAD_HEADER),
		BAD("NUL in value", GET "Foo: x\0y\r\n" END, BAD_HEADER),
		BAD("control in value", GET "Foo: x\x01y\r\n" END, BAD_HEADER),
		BAD("DEL in value", GET "Foo: xxxxxxxxxxxxxxxx\x7f\r\n" END, BAD_HEADER),
		BAD("VT in value", GET "Foo: x\x0b\r\n" END, BAD_HEADER),
		BAD("fold with blank", GET "Foo: x\r\n y\r\n" END, OBS_FOLD),
		BAD("fold with tab", GET "Foo: x\r\n\ty\r\n" END, OBS_FOLD),
		BAD("blank before first", "GET / HTTP/1.1\r\n " H END, OBS_FOLD),
		BAD("bare LF after value", GET "Foo: x\nBar: y\r\n" END, BARE_LF),
		BAD("bare CR in value", GET "Foo: x\rBar: y\r\n" END, BARE_LF),
		BAD("CR CR LF", GET "Foo: x\r\r\n" END, BARE_LF),
		BAD("LF ends head", GET "Foo: x\r\n\n", BARE_LF),
		BAD("CR x ends head", GET "Foo: x\r\n\rx", BARE_LF),
		BAD("LF LF", "GET / HTTP/1.1\r\nHost: a.example\n\n", BARE_LF),
		BAD("request in a field", GET "GET /admin HTTP/1.1\r\n" END, BAD_HEADER),
	};

	CHECK_BAD(rows);
}

/* One in, one out: where two parsers could see two requests, none is taken. */
static void smuggled_framings_are_refused(void **)
{
	static const struct bad rows[] = {
		BAD("CL.TE", POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n" END,
		    TE_AND_CL),
		BAD("TE.CL", POST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n" END,
		    TE_AND_CL),
		BAD("CL 0 and TE", POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n" END,
		    TE_AND_CL),
		BAD("CL and odd TE", POST "Content-Length: 6\r\nTransfer-Encoding: x\r\n" END,
		    TE_AND_CL),
		BAD("TE identity", POST "Transfer-Encoding: identity\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE chunked, identity", POST "Transfer-Encoding: chunked, identity\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE chunked, chunked", POST "Transfer-Encoding: chunked, chunked\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE twice",
		    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE twice, other",
		    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE xchunked", POST "Transfer-Encoding: xchunked\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE chunked;q=1", POST "Transfer-Encoding: chunked;q=1\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE quoted", POST "Transfer-Encoding: \"chunked\"\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE with comma", POST "Transfer-Encoding: ,chunked\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE empty", POST "Transfer-Encoding:\r\n" END, BAD_TRANSFER_ENCODING),
		BAD("TE obs-text", POST "Transfer-Encoding: chunked\xff\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE VT",
		    POST "Transfer-Encoding: \x0b"
			 "chunked\r\n" END,
		    BAD_HEADER),
		BAD("TE blank colon", POST "Transfer-Encoding : chunked\r\n" END, BAD_HEADER),
		BAD("TE folded", POST "Transfer-Encoding:\r\n chunked\r\n" END, OBS_FOLD),
		BAD("TE after bare CR", POST "X: x\rTransfer-Encoding: chunked\r\n" END, BARE_LF),
		BAD("TE after bare LF", POST "X: x\nTransfer-Encoding: chunked\r\n" END, BARE_LF),
		BAD("TE in 1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n" END,
		    BAD_TRANSFER_ENCODING),
		BAD("TE on GET, odd", GET "Transfer-Encoding: x\r\n" END, BAD_TRANSFER_ENCODING),
		BAD("CL twice", POST "Content-Length: 6\r\nContent-Length: 6\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL twice, other", POST "Content-Length: 6\r\nContent-Length: 5\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL list", POST "Content-Length: 6, 6\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL empty", POST "Content-Length:\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL plus", POST "Content-Length: +6\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL minus", POST "Content-Length: -6\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL hex", POST "Content-Length: 0x6\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL letters", POST "Content-Length: 6a\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL fraction", POST "Content-Length: 6.0\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL exponent", POST "Content-Length: 1e3\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL inner blank", POST "Content-Length: 1 2\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL underscore", POST "Content-Length: 1_000\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL quoted", POST "Content-Length: \"6\"\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL 16 digits", POST "Content-Length: 1000000000000000\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL 2^63", POST "Content-Length: 9223372036854775808\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL 2^64", POST "Content-Length: 18446744073709551616\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL 2^64 + 6", POST "Content-Length: 18446744073709551622\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL 16 zeros", POST "Content-Length: 0000000000000006\r\n" END,
		    BAD_CONTENT_LENGTH),
		BAD("CL on GET, odd", GET "Content-Length: x\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL blank colon", POST "Content-Length : 6\r\n" END, BAD_HEADER),
		BAD("CL folded", POST "Content-Length:\r\n 6\r\n" END, OBS_FOLD),
		BAD("CL NUL", POST "Content-Length: 6\0\r\n" END, BAD_HEADER),
		BAD("CL in other case, twice",
		    POST "CONTENT-LENGTH: 6\r\ncontent-length: 7\r\n" END, BAD_CONTENT_LENGTH),
		BAD("CL obs-text", POST "Content-Length: \xb2\r\n" END, BAD_CONTENT_LENGTH),
		BAD("empty name hides", POST ":\r\nContent-Length: 6\r\n" END, BAD_HEADER),
		BAD("line hides", POST "\x01: x\r\nContent-Length: 6\r\n" END, BAD_HEADER),
	};

	CHECK_BAD(rows);
}

static void hosts_that_mislead_are_refused(void **)
{
#define LINE "GET / HTTP/1.1\r\n"
	static const struct bad rows[] = {
		BAD("none", LINE END, BAD_HOST),
		BAD("none in 1.0", "GET / HTTP/1.0\r\n" END, BAD_HOST),
		BAD("empty", LINE "Host:\r\n" END, BAD_HOST),
		BAD("twice", LINE H H END, BAD_HOST),
		BAD("twice, other", LINE H "Host: b.example\r\n" END, BAD_HOST),
		BAD("twice, other case", LINE H "hOST: b.example\r\n" END, BAD_HOST),
		BAD("comma", LINE "Host: a.example,b.example\r\n" END, BAD_HOST),
		BAD("blank", LINE "Host: a.example b.example\r\n" END, BAD_HOST),
		BAD("slash", LINE "Host: a.example/x\r\n" END, BAD_HOST),
		BAD("userinfo", LINE "Host: x@a.example\r\n" END, BAD_HOST),
		BAD("query", LINE "Host: a.example?x\r\n" END, BAD_HOST),
		BAD("fragment", LINE "Host: a.example#x\r\n" END, BAD_HOST),
		BAD("percent", LINE "Host: a%2eexample\r\n" END, BAD_HOST),
		BAD("backslash", LINE "Host: a.example\\x\r\n" END, BAD_HOST),
		BAD("two dots", LINE "Host: a..example\r\n" END, BAD_HOST),
		BAD("leading dot", LINE "Host: .example\r\n" END, BAD_HOST),
		BAD("only a dot", LINE "Host: .\r\n" END, BAD_HOST),
		BAD("port empty", LINE "Host: a.example:\r\n" END, BAD_HOST),
		BAD("port 0", LINE "Host: a.example:0\r\n" END, BAD_HOST),
		BAD("port 65536", LINE "Host: a.example:65536\r\n" END, BAD_HOST),
		BAD("port letters", LINE "Host: a.example:x\r\n" END, BAD_HOST),
		BAD("two ports", LINE "Host: a.example:1:2\r\n" END, BAD_HOST),
		BAD("bare IPv6", LINE "Host: 2001:db8::1\r\n" END, BAD_HOST),
		BAD("open bracket", LINE "Host: [2001:db8::1\r\n" END, BAD_HOST),
		BAD("after bracket", LINE "Host: [::1]x\r\n" END, BAD_HOST),
		BAD("zone", LINE "Host: [fe80::1%25eth0]\r\n" END, BAD_HOST),
		BAD("obs-text", LINE "Host: \xe9.example\r\n" END, BAD_HOST),
		BAD("star", LINE "Host: *.example\r\n" END, BAD_HOST),
	};

	CHECK_BAD(rows);
}

static void connection_may_not_drop_what_matters(void **)
{
	static const char *const names[] = {
		"Host",
		"Content-Length",
		"Transfer-Encoding",
		"Authorization",
		"Cookie",
		"X-Forwarded-For",
		"x-real-ip",
		"Forwarded",
		"X-Client-Cert",
		"X-Tagwarden-Device-UID",
		"X_Forwarded_For",
		"X-F5-Auth-Token",
		"Content-Type",
		"Expect",
		"Sec-WebSocket-Key",
		"If-Match",
		"Range",
		"Origin",
		"Accept-Encoding",
		"X-SSL-Client-S-DN",
		"Client-Cert",
		"Date",
	};
	static struct h1_head head;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[256];
		const int n =
			snprintf(text, sizeof(text), GET "Connection: close, %s\r\n" END, names[i]);
		enum outcome o = OUTCOME__COUNT;
		assert_in_range(n, 1, sizeof(text) - 1);
		assert_int_equal(h1_parse_request(slice_of(text, (size_t)n), &head, &o), -EBADMSG);
		if (o != OUTCOME_HTTP_BAD_CONNECTION)
			fail_msg("%s: %d", names[i], o);
	}
	static const struct bad rows[] = {
		BAD("no token", GET "Connection: \"close\"\r\n" END, BAD_CONNECTION),
		BAD("inner blank", GET "Connection: keep alive\r\n" END, BAD_CONNECTION),
		BAD("in the second field", GET "Connection: close\r\nConnection: Host\r\n" END,
		    BAD_CONNECTION),
		BAD("too many", GET "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n" END,
		    BAD_CONNECTION),
	};
	CHECK_BAD(rows);
}

static void expectations_other_than_continue_are_refused(void **)
{
	static const struct bad rows[] = {
		BAD("other", POST "Expect: 200-ok\r\n" END, BAD_EXPECT),
		BAD("two", POST "Expect: 100-continue, x\r\n" END, BAD_EXPECT),
		BAD("twice", POST "Expect: 100-continue\r\nExpect: 100-continue\r\n" END,
		    BAD_EXPECT),
		BAD("empty", POST "Expect:\r\n" END, BAD_EXPECT),
	};

	CHECK_BAD(rows);
}

static void a_plain_request_is_taken_apart(void **)
{
	static struct h1_head h;

	good("GET /a/b?x=1&y=?%23 HTTP/1.1\r\n"
	     "Host: Shop.Example:9043\r\n"
	     "User-Agent:\t curl/7.88.1 \t\r\n"
	     "Accept:*/*\r\n"
	     "X-Empty:\r\n"
	     "X-Utf8: caf\xc3\xa9\ttab\r\n\r\n",
	     &h);
	assert_true(h.is_request);
	assert_int_equal(h.method, H1_GET);
	assert_slice(h.method_name, "GET");
	assert_slice(h.target, "/a/b?x=1&y=?%23");
	assert_slice(h.path, "/a/b");
	assert_true(h.has_query);
	assert_slice(h.query, "x=1&y=?%23");
	assert_slice(h.host, "Shop.Example:9043");
	assert_int_equal(h.minor, 1);
	assert_true(h.is_keep_alive);
	assert_int_equal(h.framing, H1_BODY_NONE);
	assert_int_equal(h.nb_headers, 5);
	assert_slice(h1_find(&h, "user-agent")->value, "curl/7.88.1");
	assert_slice(h1_find(&h, "ACCEPT")->value, "*/*");
	assert_slice(h1_find(&h, "x-empty")->value, "");
	assert_slice(h1_find(&h, "x-utf8")->value, "caf\xc3\xa9\ttab");
	assert_null(h1_find(&h, "x-none"));
}

static void methods_are_known_by_their_case(void **)
{
	static const struct {
		const char *name;
		enum h1_method method;
	} rows[] = {
		{"GET", H1_GET},        {"HEAD", H1_HEAD},      {"POST", H1_POST},
		{"PUT", H1_PUT},        {"DELETE", H1_DELETE},  {"OPTIONS", H1_OPTIONS},
		{"PATCH", H1_PATCH},    {"PROPFIND", H1_OTHER}, {"get", H1_OTHER},
		{"M-SEARCH", H1_OTHER},
	};
	static struct h1_head h;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];
		const int n = snprintf(text, sizeof(text), "%s / HTTP/1.1\r\n" H END, rows[i].name);
		assert_in_range(n, 1, sizeof(text) - 1);
		good(text, &h);
		assert_int_equal(h.method, rows[i].method);
		assert_slice(h.method_name, rows[i].name);
	}
}

static void targets_of_each_form_are_taken(void **)
{
	static struct h1_head h;

	good("OPTIONS * HTTP/1.1\r\n" H END, &h);
	assert_slice(h.path, "*");
	good("GET http://a.example/x?y HTTP/1.1\r\n" H END, &h);
	assert_slice(h.path, "/x");
	assert_slice(h.query, "y");
	assert_slice(h.host, "a.example");
	good("GET HTTPS://A.example HTTP/1.1\r\n" H END, &h);
	assert_slice(h.path, "/");
	assert_false(h.has_query);
	good("GET http://a.example?q HTTP/1.1\r\n" H END, &h);
	assert_slice(h.path, "/");
	assert_slice(h.query, "q");
	good("GET /? HTTP/1.1\r\n" H END, &h);
	assert_true(h.has_query);
	assert_int_equal(h.query.len, 0);
	good("GET //x//y HTTP/1.1\r\n" H END, &h);
	assert_slice(h.path, "//x//y");
	good("GET /a?{\"q\":[1|2]}^`\\ HTTP/1.1\r\n" H END, &h);
	assert_slice(h.query, "{\"q\":[1|2]}^`\\");
}

static void bodies_are_framed(void **)
{
	static struct h1_head h;

	good(POST "Content-Length: 0\r\n" END, &h);
	assert_int_equal(h.framing, H1_BODY_LENGTH);
	assert_int_equal(h.content_length, 0);
	good(POST "content-length: 999999999999999\r\n" END, &h);
	assert_int_equal(h.content_length, 999999999999999);
	good(POST "Content-Length:\t 007 \r\n" END, &h);
	assert_int_equal(h.content_length, 7);
	good(POST "Transfer-Encoding: Chunked\r\n" END, &h);
	assert_int_equal(h.framing, H1_BODY_CHUNKED);
	good(GET "Transfer-Encoding: chunked\r\n" END, &h);
	assert_int_equal(h.framing, H1_BODY_CHUNKED);
	good(POST END, &h);
	assert_int_equal(h.framing, H1_BODY_NONE);
}

static void connections_are_kept_as_version_and_fields_say(void **)
{
	static struct h1_head h;

	good(GET END, &h);
	assert_true(h.is_keep_alive);
	good(GET "Connection: close\r\n" END, &h);
	assert_false(h.is_keep_alive);
	good(GET "Connection: keep-alive, CLOSE\r\n" END, &h);
	assert_false(h.is_keep_alive);
	good("GET / HTTP/1.0\r\n" H END, &h);
	assert_false(h.is_keep_alive);
	good("GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n" END, &h);
	assert_true(h.is_keep_alive);
	good(GET "Connection: , close ,\r\n" END, &h);
	assert_false(h.is_keep_alive);
	good(GET "Connection: TE, foo\r\nfoo: 1\r\nbar: 2\r\n" END, &h);
	assert_true(h1_is_hop_by_hop(&h, SLICE_LIT("Foo")));
	assert_true(h1_is_hop_by_hop(&h, SLICE_LIT("te")));
	assert_true(h1_is_hop_by_hop(&h, SLICE_LIT("Keep-Alive")));
	assert_false(h1_is_hop_by_hop(&h, SLICE_LIT("bar")));
	assert_false(h1_is_hop_by_hop(&h, SLICE_LIT("fo")));
}

static void only_a_websocket_is_an_upgrade(void **)
{
	static const struct {
		const char *text;
		bool has;
	} rows[] = {
		{GET "Connection: Upgrade\r\nUpgrade: websocket\r\n" END, true},
		{GET "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n" END, true},
		{GET "Upgrade: websocket\r\n" END, false},
		{GET "Connection: Upgrade\r\n" END, false},
		{GET "Connection: Upgrade\r\nUpgrade: h2c\r\n" END, false},
		{GET "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" END, false},
		{GET "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n" END, false},
		{"GET / HTTP/1.0\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n" END, false},
		{POST "Connection: Upgrade\r\nUpgrade: websocket\r\n" END, false},
		{GET "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n" END,
		 false},
	};
	static struct h1_head h;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good(rows[i].text, &h);
		if (h.has_upgrade != rows[i].has)
			fail_msg("%s", rows[i].text);
	}
}

static void continue_is_expected_where_it_means_something(void **)
{
	static struct h1_head h;

	good(POST "Expect: 100-Continue\r\nContent-Length: 5\r\n" END, &h);
	assert_true(h.has_expect_continue);
	good(POST "Expect: 100-continue\r\n" END, &h);
	assert_false(h.has_expect_continue);
	good("POST / HTTP/1.0\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n" END, &h);
	assert_false(h.has_expect_continue);
}

static void pipelined_heads_are_taken_one_by_one(void **)
{
	static const char both[] = POST "Content-Length: 3\r\n" END "abc" GET END;
	static struct h1_head h;
	enum outcome o;
	struct slice in = slice_of(both, sizeof(both) - 1);

	assert_int_equal(h1_parse_request(in, &h, &o), 0);
	assert_int_equal(h.method, H1_POST);
	in = slice_skip(in, h.len + 3);
	assert_int_equal(h1_parse_request(in, &h, &o), 0);
	assert_int_equal(h.method, H1_GET);
	assert_int_equal(slice_skip(in, h.len).len, 0);
}

/* "GET /aaa... HTTP/1.1" and a Host, <len> bytes in all. */
static char *long_head(size_t len)
{
	static const char before[] = "GET / HTTP/1.1\r\nHost: a.example\r\nX: ";
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'a', len);
	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + len - 4, "\r\n\r\n", 4);
	return text;
}

static void a_head_has_a_bound(void **)
{
	static struct h1_head h;
	enum outcome o = OUTCOME__COUNT;

	char *text = long_head(H1_MAX_HEAD);
	assert_int_equal(h1_parse_request(slice_of(text, H1_MAX_HEAD), &h, &o), 0);
	assert_int_equal(h1_parse_request(slice_of(text, H1_MAX_HEAD - 1), &h, &o), -EAGAIN);
	free(text);
	text = long_head(H1_MAX_HEAD + 1);
	assert_int_equal(h1_parse_request(slice_of(text, H1_MAX_HEAD), &h, &o), -EBADMSG);
	assert_int_equal(o, OUTCOME_HTTP_HEAD_TOO_LARGE);
	/* Also when the rest is there already. */
	assert_int_equal(h1_parse_request(slice_of(text, H1_MAX_HEAD + 1), &h, &o), -EBADMSG);
	assert_int_equal(o, OUTCOME_HTTP_HEAD_TOO_LARGE);
	free(text);
}

static void a_head_has_at_most_a_hundred_fields(void **)
{
	static struct h1_head h;
	char text[4096];
	enum outcome o = OUTCOME__COUNT;

	for (unsigned extra = 98; extra <= 100; extra++) {
		struct h1_writer w = {.buf = text, .cap = sizeof(text)};
		h1_write_str(&w, GET);
		for (unsigned i = 0; i < extra; i++)
			h1_write_str(&w, "A: b\r\n");
		h1_write_str(&w, END);
		assert_false(w.is_full);
		const int rc = h1_parse_request(slice_of(text, w.len), &h, &o);
		assert_int_equal(rc, extra < 100 ? 0 : -EBADMSG);
	}
	assert_int_equal(o, OUTCOME_HTTP_TOO_MANY_HEADERS);
}

static void a_path_has_a_bound(void **)
{
	static struct h1_head h;
	static char text[H1_MAX_PATH + 256];
	enum outcome o = OUTCOME__COUNT;

	for (size_t len = H1_MAX_PATH; len <= H1_MAX_PATH + 1; len++) {
		struct h1_writer w = {.buf = text, .cap = sizeof(text)};
		h1_write_str(&w, "GET /");
		for (size_t i = 1; i < len; i++)
			h1_write_str(&w, "a");
		h1_write_str(&w, " HTTP/1.1\r\n" H END);
		assert_int_equal(h1_parse_request(slice_of(text, w.len), &h, &o),
				 len == H1_MAX_PATH ? 0 : -EBADMSG);
	}
	assert_int_equal(o, OUTCOME_HTTP_HEAD_TOO_LARGE);
}

/* The eight-at-a-time scan and the table must agree at every offset and for every byte. */
static void every_byte_is_judged_alike_at_every_offset(void **)
{
	static struct h1_head h;

	for (unsigned b = 0; b < 256; b++) {
		const bool is_good = b == '\t' || (b >= 0x20 && b != 0x7f);
		if (b == '\r' || b == '\n')
			continue;
		for (unsigned at = 0; at < 24; at++) {
			char text[128];
			struct h1_writer w = {.buf = text, .cap = sizeof(text)};
			enum outcome o = OUTCOME__COUNT;
			h1_write_str(&w, GET "X: ");
			const size_t start = w.len;
			h1_write_str(&w, "abcdefghijklmnopqrstuvwxyz" END END);
			text[start + at] = (char)b;
			const int rc = h1_parse_request(slice_of(text, w.len), &h, &o);
			if (rc != (is_good ? 0 : -EBADMSG))
				fail_msg("byte %u at %u: %d", b, at, rc);
		}
	}
}

static void each_refusal_has_a_status(void **)
{
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_BAD_REQUEST_LINE), 400);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_BAD_VERSION), 505);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_BAD_METHOD), 501);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_HEAD_TOO_LARGE), 431);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_TOO_MANY_HEADERS), 431);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_BAD_EXPECT), 417);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_TE_AND_CL), 400);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_MISDIRECTED), 421);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_TIMEOUT), 408);
	assert_int_equal(h1_refusal_status(OUTCOME_HTTP_BAD_RESPONSE), 502);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_request_lines_are_refused),
		cmocka_unit_test(ambiguous_targets_are_refused),
		cmocka_unit_test(malformed_fields_are_refused),
		cmocka_unit_test(smuggled_framings_are_refused),
		cmocka_unit_test(hosts_that_mislead_are_refused),
		cmocka_unit_test(connection_may_not_drop_what_matters),
		cmocka_unit_test(expectations_other_than_continue_are_refused),
		cmocka_unit_test(a_plain_request_is_taken_apart),
		cmocka_unit_test(methods_are_known_by_their_case),
		cmocka_unit_test(targets_of_each_form_are_taken),
		cmocka_unit_test(bodies_are_framed),
		cmocka_unit_test(connections_are_kept_as_version_and_fields_say),
		cmocka_unit_test(only_a_websocket_is_an_upgrade),
		cmocka_unit_test(continue_is_expected_where_it_means_something),
		cmocka_unit_test(pipelined_heads_are_taken_one_by_one),
		cmocka_unit_test(a_head_has_a_bound),
		cmocka_unit_test(a_head_has_at_most_a_hundred_fields),
		cmocka_unit_test(a_path_has_a_bound),
		cmocka_unit_test(every_byte_is_judged_alike_at_every_offset),
		cmocka_unit_test(each_refusal_has_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
