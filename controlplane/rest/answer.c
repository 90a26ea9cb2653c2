/* SPDX-License-Identifier: BSD-3-Clause */

/* From a handler's answer to bytes: heads, documents, chunks, WebSocket messages. */

#include "rest/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384u
#define HEAD_CAP 1024u
/* The longest framing of a piece: "4000 CR LF ... CR LF 0 CR LF CR LF", or two frames' heads. */
#define FRAME_CAP 32u

const char *answer_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} row[] = {
		{101, "Switching Protocols"},
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{417, "Expectation Failed"},
		{422, "Unprocessable Content"},
		{426, "Upgrade Required"},
		{428, "Precondition Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].status == status)
			return row[i].reason;
	return status < 400 ? "OK" : "Error";
}

static bool reserve(struct conn *c, size_t cap)
{
	char *out;

	c->out_len = c->out_off = 0;
	if (cap <= c->out_cap)
		return true;
	out = realloc(c->out, cap);
	if (out == NULL)
		return false;
	c->out = out;
	c->out_cap = cap;
	return true;
}

/* Everything put here is ours: no byte of a request is in a head. */
__attribute__((format(printf, 2, 3))) static void put(struct conn *c, const char *fmt, ...)
{
	const size_t left = c->out_cap - c->out_len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(c->out + c->out_len, left, fmt, args);
	va_end(args);
	if (n > 0)
		c->out_len += (size_t)n < left ? (size_t)n : left - 1;
}

static void put_head(struct conn *c, const struct rest_res *res)
{
	put(c, "HTTP/1.1 %d %s\r\n", res->status, answer_reason(res->status));
	if (res->status != 204 && res->status != 304 && res->status != 101)
		put(c, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n",
		    res->content_type);
	/* RFC 9111 5.2: what has an ETag may be kept, and is asked for again each time. */
	put(c, "Cache-Control: %s\r\n", res->etag[0] != '\0' ? "private, no-cache" : "no-store");
	if (res->etag[0] != '\0')
		put(c, "ETag: %s\r\n", res->etag);
	if (res->allow[0] != '\0')
		put(c, "Allow: %s\r\n", res->allow);
	if (res->status == 401)
		put(c, "WWW-Authenticate: Bearer realm=\"tagwarden\"\r\n");
	if (res->status == 426)
		put(c, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	if (res->status == 429)
		put(c, "Retry-After: 60\r\n");
	if (c->is_last)
		put(c, "Connection: close\r\n");
	else if (c->head.minor == 0)
		put(c, "Connection: keep-alive\r\n");
}

bool answer_put(struct conn *c, struct rest_res *res)
{
	char *text = res->json != NULL ? json_dumps(res->json, JSON_INDENT(1) | JSON_PRESERVE_ORDER)
				       : res->text;
	const bool is_lost = res->json != NULL && text == NULL;
	const size_t len = text == NULL ? 0 : res->bytes_len > 0 ? res->bytes_len : strlen(text);
	const bool is_empty = strcmp(c->head.method, "HEAD") == 0 || res->status == 304;
	const bool is_ok = !is_lost && reserve(c, HEAD_CAP + len);

	json_decref(res->json);
	res->json = NULL;
	res->text = NULL;
	if (is_ok) {
		put_head(c, res);
		/* RFC 9110 8.6: never with 204; with 304 it would be another answer's. */
		if (res->status != 204 && res->status != 304)
			put(c, "Content-Length: %zu\r\n", len);
		put(c, "\r\n");
		if (!is_empty && len > 0) {
			memcpy(c->out + c->out_len, text, len);
			c->out_len += len;
		}
	}
	free(text);
	return is_ok;
}

bool answer_put_stream(struct conn *c, const struct rest_res *res)
{
	char accept[WEBSOCKET_ACCEPT_LEN + 1];

	if (!reserve(c, FRAME_CAP + PIECE + HEAD_CAP))
		return false;
	if (c->is_websocket) {
		websocket_accept(c->head.websocket_key, accept);
		put(c,
		    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		    accept);
		return true;
	}
	put_head(c, res);
	/* RFC 9112 6.1: HTTP/1.0 knows no chunks; there the end of the connection is the end. */
	if (c->head.minor > 0)
		put(c, "Transfer-Encoding: chunked\r\n");
	put(c, "\r\n");
	return true;
}

static void put_bytes(struct conn *c, const void *ptr, size_t len)
{
	memcpy(c->out + c->out_len, ptr, len);
	c->out_len += len;
}

void answer_put_control(struct conn *c, unsigned opcode, const void *ptr, size_t len)
{
	unsigned char head[WEBSOCKET_HEAD_MAX];
	const size_t n = websocket_head(opcode, len, head);

	if (c->out_cap - c->out_len < n + len)
		return;
	put_bytes(c, head, n);
	put_bytes(c, ptr, len);
}

static void put_message(struct conn *c, const char *piece, size_t n, bool is_end)
{
	static const unsigned char normal[2] = {1000 >> 8, 1000 & 0xff};
	unsigned char head[WEBSOCKET_HEAD_MAX];

	if (n > 0) {
		put_bytes(c, head, websocket_head(WEBSOCKET_TEXT, n, head));
		put_bytes(c, piece, n);
	}
	if (is_end)
		answer_put_control(c, WEBSOCKET_CLOSE, normal, sizeof(normal));
}

/* RFC 9112 7.1: each piece is a chunk, so that a client can tell the end from a cut. */
static void put_chunk(struct conn *c, const char *piece, size_t n, bool is_end)
{
	if (n > 0) {
		put(c, "%zx\r\n", n);
		put_bytes(c, piece, n);
		put_bytes(c, "\r\n", 2);
	}
	if (is_end)
		put_bytes(c, "0\r\n\r\n", 5);
}

bool answer_put_piece(struct conn *c, bool *ret_is_end)
{
	char piece[PIECE];
	size_t n;

	*ret_is_end = false;
	n = c->stream->ops->read(c->stream->user, piece, sizeof(piece), ret_is_end);
	c->out_len = c->out_off = 0;
	if (c->is_websocket)
		put_message(c, piece, n, *ret_is_end);
	else if (c->head.minor > 0)
		put_chunk(c, piece, n, *ret_is_end);
	else
		put_bytes(c, piece, n);
	return n > 0 || *ret_is_end;
}
