/* SPDX-License-Identifier: BSD-3-Clause */

/*
 *	[STATUS] -> [FIELD] -+-> [BODY] ------------------------------+
 *	    ^          |     +-> [REST] --- end of the connection ----+-> [DONE]
 *	    +-- 1xx ---+     +-> [CHUNK_LEN] <-> [CHUNK]              |
 *	                                +-> [TRAILER] ---------------+
 *
 * The server is ours, but what answers on a path is whoever made that socket: every length is
 * bounded, and what cannot be told apart (two lengths, a length and chunks) is refused.
 */

#include "cli/http.h"
#include "common/base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_reader_init(struct http_reader *r, size_t body_max)
{
	*r = (struct http_reader){.body_max = body_max};
}

void http_reader_fini(struct http_reader *r)
{
	http_answer_fini(&r->a);
}

void http_answer_fini(struct http_answer *a)
{
	free(a->body);
	*a = (struct http_answer){0};
}

void http_reader_take(struct http_reader *r, struct http_answer *ret)
{
	*ret = r->a;
	r->a = (struct http_answer){0};
}

static int append(struct http_reader *r, const char *p, size_t n)
{
	if (r->on_body != NULL && r->a.status == 200)
		return n > 0 ? r->on_body(r->user, p, n) : 0;
	if (n > r->body_max - r->a.len)
		return -EMSGSIZE;
	if (r->a.len + n + 1 > r->cap) {
		size_t cap = r->cap == 0 ? 16384 : r->cap;
		char *body;

		while (cap < r->a.len + n + 1)
			cap *= 2;
		body = realloc(r->a.body, cap);
		if (body == NULL)
			return -ENOMEM;
		r->a.body = body;
		r->cap = cap;
	}
	if (n > 0)
		memcpy(r->a.body + r->a.len, p, n);
	r->a.len += n;
	r->a.body[r->a.len] = '\0';
	return 0;
}

static int done(struct http_reader *r)
{
	r->state = HTTP_S_DONE;
	return append(r, "", 0);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int on_status(struct http_reader *r)
{
	const char *l = r->line;

	if (r->line_len < 12 || strncmp(l, "HTTP/1.", 7) != 0 || !is_digit(l[7]) || l[8] != ' ' ||
	    !is_digit(l[9]) || !is_digit(l[10]) || !is_digit(l[11]) ||
	    (l[12] != ' ' && l[12] != '\0') || l[9] == '0')
		return -EPROTO;
	r->a.status = (l[9] - '0') * 100 + (l[10] - '0') * 10 + (l[11] - '0');
	r->state = HTTP_S_FIELD;
	return 0;
}

/* Decimal, and nothing around it; 18 digits are more than any body of ours. */
static int parse_length(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; is_digit(s[n]); n++) {
		if (n == 18)
			return -EMSGSIZE;
		v = v * 10 + (uint64_t)(s[n] - '0');
	}
	if (n == 0 || s[n] != '\0')
		return -EPROTO;
	*ret = v;
	return 0;
}

static int on_length(struct http_reader *r, const char *value)
{
	if (r->has_length || r->is_chunked)
		return -EPROTO;
	r->has_length = true;
	return parse_length(value, &r->left);
}

/* RFC 9112 6.3: where the body ends. */
static int on_head_end(struct http_reader *r)
{
	if (r->a.status < 200) {
		*r = (struct http_reader){.body_max = r->body_max,
					  .on_body = r->on_body,
					  .user = r->user,
					  .head_len = r->head_len};
		return 0;
	}
	if (r->a.status == 204 || r->a.status == 304)
		return done(r);
	if (r->is_chunked) {
		r->state = HTTP_S_CHUNK_LEN;
		return 0;
	}
	if (!r->has_length) {
		r->state = HTTP_S_REST;
		return 0;
	}
	if (r->left > r->body_max)
		return -EMSGSIZE;
	r->state = HTTP_S_BODY;
	return r->left == 0 ? done(r) : 0;
}

static int on_field(struct http_reader *r)
{
	char *colon = strchr(r->line, ':'), *value;

	if (r->line_len == 0)
		return on_head_end(r);
	if (colon == NULL || colon == r->line || strlen(r->line) != r->line_len)
		return -EPROTO;
	*colon = '\0';
	value = colon + 1;
	value += strspn(value, " \t");
	for (size_t n = strlen(value); n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--)
		value[n - 1] = '\0';
	if (strcasecmp(r->line, "content-length") == 0)
		return on_length(r, value);
	if (strcasecmp(r->line, "transfer-encoding") == 0) {
		if (r->is_chunked || r->has_length || strcasecmp(value, "chunked") != 0)
			return -EPROTO;
		r->is_chunked = true;
	}
	if (strcasecmp(r->line, "content-type") == 0 && strlen(value) < sizeof(r->a.content_type))
		(void)snprintf(r->a.content_type, sizeof(r->a.content_type), "%.63s", value);
	return 0;
}

static int on_chunk_len(struct http_reader *r)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; hex_value(r->line[n]) >= 0; n++) {
		if (n == 8)
			return -EMSGSIZE;
		v = v << 4 | (uint64_t)hex_value(r->line[n]);
	}
	if (n == 0 || (r->line[n] != '\0' && r->line[n] != ';' && r->line[n] != ' '))
		return -EPROTO;
	r->left = v;
	r->state = v == 0 ? HTTP_S_TRAILER : HTTP_S_CHUNK;
	return 0;
}

static int on_line(struct http_reader *r)
{
	switch (r->state) {
	case HTTP_S_STATUS:
		return on_status(r);
	case HTTP_S_FIELD:
		return on_field(r);
	case HTTP_S_CHUNK_LEN:
		return on_chunk_len(r);
	case HTTP_S_CHUNK_END:
		r->state = HTTP_S_CHUNK_LEN;
		return r->line_len == 0 ? 0 : -EPROTO;
	default: /* HTTP_S_TRAILER */
		return r->line_len == 0 ? done(r) : 0;
	}
}

/* Bytes of one line; those used are stored in <ret_used>. */
static int take_line(struct http_reader *r, const char *buf, size_t len, size_t *ret_used)
{
	for (size_t i = 0; i < len; i++) {
		int rc;

		/* The lines between chunks are bounded by the body's own bound. */
		if (r->state < HTTP_S_BODY && ++r->head_len > HTTP_HEAD_MAX)
			return -EMSGSIZE;
		if (buf[i] != '\n') {
			if (r->line_len + 1 >= sizeof(r->line))
				return -EMSGSIZE;
			r->line[r->line_len++] = buf[i];
			continue;
		}
		if (r->line_len > 0 && r->line[r->line_len - 1] == '\r')
			r->line_len--;
		r->line[r->line_len] = '\0';
		rc = on_line(r);
		r->line_len = 0;
		*ret_used = i + 1;
		return rc;
	}
	*ret_used = len;
	return 0;
}

static int take_body(struct http_reader *r, const char *buf, size_t len, size_t *ret_used)
{
	const size_t n = r->state == HTTP_S_REST || len < r->left ? len : (size_t)r->left;
	const int rc = append(r, buf, n);

	*ret_used = n;
	if (rc < 0 || r->state == HTTP_S_REST)
		return rc;
	r->left -= n;
	if (r->left > 0)
		return 0;
	if (r->state == HTTP_S_BODY)
		return done(r);
	r->state = HTTP_S_CHUNK_END;
	return 0;
}

int http_reader_feed(struct http_reader *r, const char *buf, size_t len)
{
	while (len > 0 && r->state != HTTP_S_DONE) {
		const bool is_body = r->state == HTTP_S_BODY || r->state == HTTP_S_REST ||
				     r->state == HTTP_S_CHUNK;
		size_t used;
		const int rc =
			is_body ? take_body(r, buf, len, &used) : take_line(r, buf, len, &used);

		if (rc < 0)
			return rc;
		buf += used;
		len -= used;
	}
	return r->state == HTTP_S_DONE;
}

int http_reader_eof(struct http_reader *r)
{
	if (r->state == HTTP_S_REST)
		return done(r) < 0 ? -ENOMEM : 1;
	return r->state == HTTP_S_DONE ? 1 : -EPROTO;
}
