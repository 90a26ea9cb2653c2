/* SPDX-License-Identifier: BSD-3-Clause */

/* Bodies: the same bytes give the same payload, however they are cut. */

#include "http/h1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void body_of(enum h1_framing framing, uint64_t length, struct h1_body *ret)
{
	static struct h1_head head;

	head.framing = framing;
	head.content_length = length;
	h1_body_init(ret, &head);
}

struct result {
	int rc;
	bool is_done;
	size_t used;
	size_t len;
	uint8_t payload[256];
};

/* Feed <in> until it is used up, the body is done or refused. */
static void feed(struct h1_body *b, struct slice in, struct result *r)
{
	while (in.len > 0 && !b->is_done && r->rc == 0) {
		struct slice data = SLICE_EMPTY;
		size_t used = 0;
		r->rc = h1_body_decode(b, in, &data, &used);
		if (r->rc < 0)
			break;
		assert_true(used > 0 && used <= in.len && data.len <= used);
		assert_true(data.len == 0 ||
			    (data.ptr >= in.ptr && data.ptr + data.len <= in.ptr + in.len));
		assert_true(r->len + data.len <= sizeof(r->payload));
		if (data.len > 0)
			memcpy(r->payload + r->len, data.ptr, data.len);
		r->len += data.len;
		r->used += used;
		in = slice_skip(in, used);
	}
	r->is_done = b->is_done;
}

/* In two pieces, cut at <cut>. */
static struct result decode_cut(struct slice in, size_t cut)
{
	struct result r = {};
	struct h1_body b;

	body_of(H1_BODY_CHUNKED, 0, &b);
	feed(&b, slice_of(in.ptr, cut), &r);
	feed(&b, slice_skip(in, cut), &r);
	return r;
}

static struct result decode_bytewise(struct slice in)
{
	struct result r = {};
	struct h1_body b;

	body_of(H1_BODY_CHUNKED, 0, &b);
	for (size_t i = 0; i < in.len; i++)
		feed(&b, slice_of(in.ptr + i, 1), &r);
	return r;
}

static void check_same(const struct result *a, const struct result *b)
{
	assert_int_equal(a->rc, b->rc);
	assert_int_equal(a->is_done, b->is_done);
	if (a->rc == 0)
		assert_int_equal(a->used, b->used);
	/* Refused: how much payload went before depends on the cut, its bytes do not. */
	const size_t n = a->len < b->len ? a->len : b->len;
	assert_true(a->rc != 0 || a->len == b->len);
	assert_memory_equal(a->payload, b->payload, n);
}

static struct result decode(struct slice in)
{
	const struct result whole = decode_cut(in, in.len);
	const struct result bytewise = decode_bytewise(in);

	check_same(&whole, &bytewise);
	for (size_t cut = 0; cut < in.len; cut++) {
		const struct result r = decode_cut(in, cut);
		check_same(&whole, &r);
	}
	return whole;
}

static void chunks_are_joined_however_they_are_cut(void **)
{
	static const struct {
		struct slice in;
		const char *payload;
		size_t left; /* bytes behind the body */
	} rows[] = {
		{SLICE_LIT("0\r\n\r\n"), "", 0},
		{SLICE_LIT("5\r\nhello\r\n0\r\n\r\n"), "hello", 0},
		{SLICE_LIT("1\r\na\r\n2\r\nbc\r\nA\r\n0123456789\r\n00\r\n\r\n"), "abc0123456789",
		 0},
		{SLICE_LIT("00000000000000a\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 0},
		{SLICE_LIT("3\r\n\r\n0\r\n0\r\n\r\n"), "\r\n0", 0},
		{SLICE_LIT("1\r\na\r\n0\r\nDigest: x\r\nA:\r\n\r\n"), "a", 0},
		{SLICE_LIT("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "a", 16},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct result r = decode(rows[i].in);
		assert_int_equal(r.rc, 0);
		assert_true(r.is_done);
		assert_int_equal(r.used, rows[i].in.len - rows[i].left);
		assert_true(slice_is_equal(slice_of(r.payload, r.len), slice_str(rows[i].payload)));
	}
}

static void malformed_chunks_are_refused(void **)
{
	static const struct slice rows[] = {
		SLICE_LIT("\r\n"),
		SLICE_LIT("x\r\n"),
		SLICE_LIT(" 5\r\nhello\r\n"),
		SLICE_LIT("5 \r\nhello\r\n"),
		SLICE_LIT("+5\r\nhello\r\n"),
		SLICE_LIT("-5\r\nhello\r\n"),
		SLICE_LIT("0x5\r\nhello\r\n"),
		SLICE_LIT("5;a=b\r\nhello\r\n"),
		SLICE_LIT("5;\r\nhello\r\n"),
		SLICE_LIT("5\nhello\r\n"),
		SLICE_LIT("5\rhello\r\n"),
		SLICE_LIT("5\r\nhello0\r\n"),
		SLICE_LIT("5\r\nhello\n0\r\n"),
		SLICE_LIT("5\r\nhello\r0\r\n"),
		SLICE_LIT("5\r\nhello\r\n\r\n"),
		SLICE_LIT("0000000000000005\r\nhello\r\n"),
		SLICE_LIT("8000000000000000\r\n"),
		SLICE_LIT("ffffffffffffffff\r\n"),
		SLICE_LIT("10000000000000005\r\nhello\r\n"),
		SLICE_LIT("0\n\n"),
		SLICE_LIT("0\r\n\n"),
		SLICE_LIT("0\r\n\rx"),
		SLICE_LIT("0\r\n x: y\r\n\r\n"),
		SLICE_LIT("0\r\n: y\r\n\r\n"),
		SLICE_LIT("0\r\nx y\r\n\r\n"),
		SLICE_LIT("0\r\nx\r\n\r\n"),
		SLICE_LIT("0\r\nx: y\n\r\n"),
		SLICE_LIT("0\r\nx: y\rz\r\n\r\n"),
		SLICE_LIT("0\r\nx: \0\r\n\r\n"),
		SLICE_LIT("0\r\nGET / HTTP/1.1\r\n\r\n"),
		SLICE_LIT("5\0\r\nhello\r\n"),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct result r = decode(rows[i]);
		if (r.rc != -EBADMSG || r.is_done)
			fail_msg("row %zu: %d", i, r.rc);
	}
}

static void trailers_have_a_bound(void **)
{
	static uint8_t text[10000];
	struct h1_body b;
	struct slice data;
	size_t used;

	memset(text, 'a', sizeof(text));
	memcpy(text, "0\r\nx:", 5);
	body_of(H1_BODY_CHUNKED, 0, &b);
	assert_int_equal(h1_body_decode(&b, slice_of(text, 8000), &data, &used), 0);
	assert_int_equal(used, 8000);
	assert_int_equal(h1_body_decode(&b, slice_of(text + 8000, 2000), &data, &used), -EBADMSG);
}

static void a_large_chunk_is_handed_on_as_it_comes(void **)
{
	static const uint8_t zeros[1000];
	struct h1_body b;
	struct slice data;
	size_t used;

	body_of(H1_BODY_CHUNKED, 0, &b);
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("7ffffffffffffff\r\n"), &data, &used), 0);
	assert_int_equal(used, 17);
	assert_int_equal(data.len, 0);
	assert_int_equal(h1_body_decode(&b, slice_of(zeros, sizeof(zeros)), &data, &used), 0);
	assert_int_equal(data.len, sizeof(zeros));
	assert_ptr_equal(data.ptr, zeros);
	assert_int_equal(b.left, UINT64_C(0x7ffffffffffffff) - sizeof(zeros));
}

static void a_length_takes_no_more_than_its_bytes(void **)
{
	struct h1_body b;
	struct slice data;
	size_t used;

	body_of(H1_BODY_LENGTH, 5, &b);
	assert_false(b.is_done);
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("abc"), &data, &used), 0);
	assert_int_equal(used, 3);
	assert_false(b.is_done);
	assert_false(h1_body_is_complete_at_eof(&b));
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("deGET /"), &data, &used), 0);
	assert_int_equal(used, 2);
	assert_true(slice_is_equal(data, SLICE_LIT("de")));
	assert_true(b.is_done);
	assert_true(h1_body_is_complete_at_eof(&b));
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("GET /"), &data, &used), 0);
	assert_int_equal(used, 0);
}

static void no_body_is_done_at_once(void **)
{
	struct h1_body b;
	struct slice data;
	size_t used;

	body_of(H1_BODY_NONE, 1234, &b);
	assert_true(b.is_done);
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("x"), &data, &used), 0);
	assert_int_equal(used, 0);
	body_of(H1_BODY_LENGTH, 0, &b);
	assert_true(b.is_done);
}

static void a_body_until_close_ends_there(void **)
{
	struct h1_body b;
	struct slice data;
	size_t used;

	body_of(H1_BODY_UNTIL_CLOSE, 0, &b);
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("abc"), &data, &used), 0);
	assert_int_equal(used, 3);
	assert_false(b.is_done);
	assert_true(h1_body_is_complete_at_eof(&b));
	assert_true(b.is_done);
}

static void a_chunked_body_cut_short_is_not_complete(void **)
{
	struct h1_body b;
	struct slice data;
	size_t used;

	body_of(H1_BODY_CHUNKED, 0, &b);
	assert_int_equal(h1_body_decode(&b, SLICE_LIT("5\r\nhello\r\n0\r\n"), &data, &used), 0);
	assert_false(h1_body_is_complete_at_eof(&b));
}

static void chunk_headers_are_written(void **)
{
	static const struct {
		size_t n;
		const char *text;
	} rows[] = {
		{1, "1\r\n"},
		{15, "f\r\n"},
		{16, "10\r\n"},
		{500, "1f4\r\n"},
		{16384, "4000\r\n"},
		{0, "0\r\n"},
		{SIZE_MAX, "ffffffffffffffff\r\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[20];
		const size_t len = h1_chunk_header(buf, rows[i].n);
		assert_true(slice_is_equal(slice_of(buf, len), slice_str(rows[i].text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_joined_however_they_are_cut),
		cmocka_unit_test(malformed_chunks_are_refused),
		cmocka_unit_test(trailers_have_a_bound),
		cmocka_unit_test(a_large_chunk_is_handed_on_as_it_comes),
		cmocka_unit_test(a_length_takes_no_more_than_its_bytes),
		cmocka_unit_test(no_body_is_done_at_once),
		cmocka_unit_test(a_body_until_close_ends_there),
		cmocka_unit_test(a_chunked_body_cut_short_is_not_complete),
		cmocka_unit_test(chunk_headers_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
