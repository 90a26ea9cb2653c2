/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Start lines (RFC 9112 3 and 4), and the two entry points of the parser.
 *
 * A prefix of a message is answered with -EAGAIN or with what the whole message is answered
 * with, never with anything else: each refusal depends only on bytes up to the one it is found
 * at, and what needs the whole head is decided after its empty line.
 */

#include "http/h1_priv.h"

#include <errno.h>

/* No registered method is longer than 17. */
#define MAX_METHOD 32u

static const struct {
	const char *name;
	uint8_t len;
	uint8_t method;
} methods[] = {
	{"GET", 3, H1_GET},     {"HEAD", 4, H1_HEAD},     {"POST", 4, H1_POST},
	{"PUT", 3, H1_PUT},     {"DELETE", 6, H1_DELETE}, {"OPTIONS", 7, H1_OPTIONS},
	{"PATCH", 5, H1_PATCH}, {"TRACE", 5, H1_TRACE},   {"CONNECT", 7, H1_CONNECT},
};

/* Methods are case-sensitive (RFC 9110 9.1): "get" is H1_OTHER. */
static enum h1_method method_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (slice_is_equal(name, slice_of(methods[i].name, methods[i].len)))
			return methods[i].method;
	}
	return H1_OTHER;
}

static int parse_method(struct h1_cursor *c, struct h1_head *head, enum outcome *ret_outcome)
{
	h1_skip_class(c, H1_C_TOKEN);
	head->method_name = h1_since(c, 0);
	if (head->method_name.len > MAX_METHOD)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_METHOD);
	if (h1_at_end(c))
		return -EAGAIN;
	if (h1_byte(c) != ' ' || head->method_name.len == 0)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_REQUEST_LINE);
	head->method = method_find(head->method_name);
	if (head->method == H1_TRACE || head->method == H1_CONNECT)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_METHOD);
	c->pos++;
	return 0;
}

static int parse_target(struct h1_cursor *c, struct h1_head *head, enum outcome *ret_outcome)
{
	const size_t start = c->pos;

	h1_skip_class(c, H1_C_TARGET);
	head->target = h1_since(c, start);
	if (h1_at_end(c))
		return -EAGAIN;
	switch (h1_byte(c)) {
	case ' ':
		c->pos++;
		return h1_parse_target(head, ret_outcome);
	case '\r':
	case '\n':
		/* HTTP/0.9, or a line cut in two. */
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_REQUEST_LINE);
	default:
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_TARGET);
	}
}

/* "HTTP/1.0" or "HTTP/1.1"; <malformed> when it is not even a version. */
static int parse_version(struct h1_cursor *c, struct h1_head *head, enum outcome malformed,
			 enum outcome *ret_outcome)
{
	static const char pattern[8] = "HTTP/d.d";
	const uint8_t *p = c->in.ptr + c->pos;

	/* What everybody sends; all else, and a part of it, byte by byte. */
	if (c->in.len - c->pos >= sizeof(pattern) && memcmp(p, "HTTP/1.1", sizeof(pattern)) == 0) {
		c->pos += sizeof(pattern);
		head->minor = 1;
		return 0;
	}
	for (size_t i = 0; i < sizeof(pattern); i++, c->pos++) {
		if (h1_at_end(c))
			return -EAGAIN;
		if (pattern[i] == 'd' ? !h1_has_class(h1_byte(c), H1_C_DIGIT)
				      : h1_byte(c) != (uint8_t)pattern[i])
			return h1_refuse(ret_outcome, malformed);
	}
	const uint8_t *version = c->in.ptr + c->pos - 3;
	if (version[0] != '1' || version[2] > '1')
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_VERSION);
	head->minor = version[2] - '0';
	return 0;
}

static int parse_request_line(struct h1_cursor *c, struct h1_head *head, enum outcome *ret_outcome)
{
	int rc = parse_method(c, head, ret_outcome);
	if (rc == 0)
		rc = parse_target(c, head, ret_outcome);
	if (rc == 0)
		rc = parse_version(c, head, OUTCOME_HTTP_BAD_REQUEST_LINE, ret_outcome);
	if (rc < 0)
		return rc;
	if (!h1_at_end(c) && h1_byte(c) != '\r' && h1_byte(c) != '\n')
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_REQUEST_LINE);
	return h1_parse_crlf(c, ret_outcome);
}

static int parse_status(struct h1_cursor *c, struct h1_head *head)
{
	for (unsigned i = 0; i < 4; i++, c->pos++) {
		if (h1_at_end(c))
			return -EAGAIN;
		const uint8_t b = h1_byte(c);
		if (i == 0 ? b != ' ' : !h1_has_class(b, H1_C_DIGIT))
			return -EBADMSG;
		if (i > 0)
			head->status = (uint16_t)(head->status * 10 + (b - '0'));
	}
	return head->status < 100 || head->status > 599 ? -EBADMSG : 0;
}

/* The reason may be empty, and so many servers leave out the blank before it that we bear it. */
static int parse_reason(struct h1_cursor *c, struct h1_head *head)
{
	if (h1_at_end(c))
		return -EAGAIN;
	if (h1_byte(c) == ' ') {
		c->pos++;
		const size_t start = c->pos;
		h1_skip_class(c, H1_C_VALUE);
		head->reason = h1_since(c, start);
	}
	enum outcome ignored;
	return h1_parse_crlf(c, &ignored);
}

static int parse_status_line(struct h1_cursor *c, struct h1_head *head)
{
	enum outcome ignored;
	int rc = parse_version(c, head, OUTCOME_HTTP_BAD_RESPONSE, &ignored);
	if (rc == 0)
		rc = parse_status(c, head);
	if (rc == 0)
		rc = parse_reason(c, head);
	return rc;
}

/* The table of fields, most of the struct, is left as it is: nb_headers says what is set. */
static void head_reset(struct h1_head *head)
{
	memset(head, 0, offsetof(struct h1_head, header));
}

static struct h1_cursor cursor_of(struct slice in)
{
	return (struct h1_cursor){.in = {in.ptr, in.len < H1_MAX_HEAD ? in.len : H1_MAX_HEAD}};
}

int h1_parse_request(struct slice in, struct h1_head *ret, enum outcome *ret_outcome)
{
	struct h1_cursor c = cursor_of(in);
	struct h1_seen seen = {};

	head_reset(ret);
	ret->is_request = true;
	int rc = parse_request_line(&c, ret, ret_outcome);
	if (rc == 0)
		rc = h1_parse_fields(&c, ret, &seen, ret_outcome);
	if (rc == 0)
		rc = h1_decide_request(ret, &seen, ret_outcome);
	if (rc == -EAGAIN && in.len >= H1_MAX_HEAD)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_HEAD_TOO_LARGE);
	ret->len = c.pos;
	return rc;
}

int h1_parse_response(struct slice in, enum h1_method req_method, struct h1_head *ret,
		      enum outcome *ret_outcome)
{
	struct h1_cursor c = cursor_of(in);
	struct h1_seen seen = {};
	enum outcome why; /* the fault is the server's, whichever it is */

	head_reset(ret);
	int rc = parse_status_line(&c, ret);
	if (rc == 0)
		rc = h1_parse_fields(&c, ret, &seen, &why);
	if (rc == 0)
		rc = h1_decide_response(ret, &seen, req_method, &why);
	if (rc == -EBADMSG || (rc == -EAGAIN && in.len >= H1_MAX_HEAD))
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_RESPONSE);
	ret->len = c.pos;
	return rc;
}

uint16_t h1_refusal_status(enum outcome o)
{
	switch (o) {
	case OUTCOME_HTTP_BAD_VERSION:
		return 505;
	case OUTCOME_HTTP_BAD_METHOD:
	case OUTCOME_HTTP_BAD_TRANSFER_ENCODING: /* RFC 9112 6.1 */
		return 501;
	case OUTCOME_HTTP_HEAD_TOO_LARGE:
	case OUTCOME_HTTP_TOO_MANY_HEADERS:
		return 431;
	case OUTCOME_HTTP_BAD_EXPECT:
		return 417;
	case OUTCOME_HTTP_MISDIRECTED:
		return 421;
	case OUTCOME_HTTP_TIMEOUT:
		return 408;
	case OUTCOME_HTTP_BAD_RESPONSE:
		return 502;
	default:
		return 400;
	}
}

const struct h1_header *h1_find(const struct h1_head *head, const char *name)
{
	const struct slice wanted = slice_str(name);

	for (uint32_t i = 0; i < head->nb_headers; i++) {
		if (slice_is_equal_nocase(head->header[i].name, wanted))
			return &head->header[i];
	}
	return NULL;
}
