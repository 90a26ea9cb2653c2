/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/http_lite.h"

#include <errno.h>
#include <stdlib.h>

/* Behind the empty line that ends the head, or 0. */
static size_t head_end(struct slice in, size_t from)
{
	const uint8_t *p;

	if (in.len < 4 || from + 4 > in.len)
		return 0;
	p = memmem(in.ptr + from, in.len - from, "\r\n\r\n", 4);
	return p == NULL ? 0 : (size_t)(p - in.ptr) + 4;
}

static int keep(struct http_lite_buf *b, struct slice in)
{
	uint8_t *p;

	if (b->len + in.len > HTTP_LITE_HEAD_MAX)
		return -EMSGSIZE;
	p = realloc(b->ptr, b->len + in.len);
	if (p == NULL)
		return -ENOMEM;
	memcpy(p + b->len, in.ptr, in.len);
	b->ptr = p;
	b->len += (uint32_t)in.len;
	return 0;
}

int http_lite_find_head(struct http_lite_buf *b, struct slice in, struct slice *ret_head,
			size_t *ret_used)
{
	const uint32_t had = b->len;
	size_t len;
	int rc;

	*ret_used = in.len;
	if (b->ptr == NULL) {
		len = head_end(in, 0);
		if (len > 0) {
			*ret_head = slice_of(in.ptr, len);
			*ret_used = len;
			return 1;
		}
	}
	rc = keep(b, in);
	if (rc < 0)
		return rc;
	len = head_end(slice_of(b->ptr, b->len), had < 3 ? 0 : had - 3);
	if (len == 0)
		return 0;
	*ret_head = slice_of(b->ptr, len);
	*ret_used = len - had;
	return 1;
}

void http_lite_buf_drop(struct http_lite_buf *b)
{
	free(b->ptr);
	*b = (struct http_lite_buf){0};
}

/* Digits at the beginning of <s>, spaces before them skipped. False: none, or too many. */
static bool parse_number(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0, digits = 0;

	while (i < s.len && s.ptr[i] == ' ')
		i++;
	for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) {
		v = v * 10 + (s.ptr[i] - '0');
		if (++digits > 18)
			return false;
	}
	*ret = v;
	return digits > 0;
}

struct fields {
	bool has_length;
	bool must_close;
	uint64_t content_length;
};

static void parse_field(struct slice line, struct fields *f)
{
	static const char length[] = "content-length:", connection[] = "connection:";

	/* Most fields are told apart by their first letter and length alone. */
	if (line.len < sizeof(connection) || (line.ptr[0] | 0x20) != 'c')
		return;
	if (line.len >= sizeof(length) &&
	    strncasecmp((const char *)line.ptr, length, sizeof(length) - 1) == 0)
		f->has_length =
			parse_number(slice_skip(line, sizeof(length) - 1), &f->content_length);
	else if (strncasecmp((const char *)line.ptr, connection, sizeof(connection) - 1) == 0)
		f->must_close = memmem(line.ptr, line.len, "close", 5) != NULL;
}

static void parse_fields(struct slice rest, struct fields *ret)
{
	*ret = (struct fields){0};
	while (rest.len > 2) {
		const uint8_t *nl = memchr(rest.ptr, '\n', rest.len);
		const size_t n = nl == NULL ? rest.len : (size_t)(nl - rest.ptr) + 1;

		parse_field(slice_of(rest.ptr, n), ret);
		rest = slice_skip(rest, n);
	}
}

/* The first line, and what is behind it. False: there is no line. */
static bool split_line(struct slice head, struct slice *ret_line, struct slice *ret_rest)
{
	const uint8_t *nl = memchr(head.ptr, '\n', head.len);

	if (nl == NULL)
		return false;
	*ret_line = slice_of(head.ptr, (size_t)(nl - head.ptr));
	*ret_rest = slice_skip(head, ret_line->len + 1);
	return true;
}

int http_lite_parse_request(struct slice head, struct http_lite_request *ret)
{
	static const char bytes[] = "/bytes/";
	struct slice line, rest;
	struct fields f;
	const uint8_t *path;

	if (!split_line(head, &line, &rest))
		return -EPROTO;
	path = memchr(line.ptr, ' ', line.len);
	if (path == NULL ||
	    memmem(path, line.len - (size_t)(path - line.ptr), " HTTP/1.", 8) == NULL)
		return -EPROTO;
	parse_fields(rest, &f);
	*ret = (struct http_lite_request){
		.content_length = f.content_length,
		.is_head = path - line.ptr == 4 && memcmp(line.ptr, "HEAD", 4) == 0,
		.must_close = f.must_close,
	};

	const struct slice at = slice_skip(line, (size_t)(path - line.ptr) + 1);

	if (at.len >= sizeof(bytes) && memcmp(at.ptr, bytes, sizeof(bytes) - 1) == 0)
		ret->has_bytes = parse_number(slice_skip(at, sizeof(bytes) - 1), &ret->bytes);
	return 0;
}

int http_lite_parse_response(struct slice head, struct http_lite_response *ret)
{
	struct slice line, rest;
	struct fields f;
	uint64_t status;

	if (!split_line(head, &line, &rest) || line.len < 12 ||
	    memcmp(line.ptr, "HTTP/1.", 7) != 0 || !parse_number(slice_skip(line, 9), &status))
		return -EPROTO;
	parse_fields(rest, &f);
	/* RFC 9112 6.3: these have no body whatever their fields say. */
	const bool is_bare = status / 100 == 1 || status == 204 || status == 304;

	*ret = (struct http_lite_response){
		.status = (uint32_t)status,
		.has_length = f.has_length || is_bare,
		.must_close = f.must_close,
		.content_length = is_bare ? 0 : f.content_length,
	};
	return 0;
}
