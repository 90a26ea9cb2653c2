/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Just enough HTTP/1.1 (RFC 9112) to ask the control plane over its unix socket: one request per
 * connection, an answer that is read with bounds. The reader is pure: bytes in, answer out.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX 8192u
#define HTTP_HEAD_MAX 65536u
#define HTTP_BODY_MAX (64u << 20)

struct http_answer {
	int status;
	char content_type[64];
	char *body; /* NUL after its <len> bytes; never NULL once the answer is complete */
	size_t len;
};

enum http_state {
	HTTP_S_STATUS,
	HTTP_S_FIELD,
	HTTP_S_BODY, /* <left> bytes */
	HTTP_S_REST, /* until the connection ends */
	HTTP_S_CHUNK_LEN,
	HTTP_S_CHUNK,
	HTTP_S_CHUNK_END,
	HTTP_S_TRAILER,
	HTTP_S_DONE,
};

struct http_reader {
	enum http_state state;
	bool is_chunked, has_length;
	uint64_t left;
	size_t head_len; /* of all lines that are not body */
	size_t line_len;
	char line[HTTP_LINE_MAX];
	size_t cap;
	size_t body_max;
	/* NULL, or who takes the body of a 200 in place of <a> */
	int (*on_body)(void *user, const char *p, size_t len);
	void *user;
	struct http_answer a; /* the reader's until http_reader_take() */
};

void http_reader_init(struct http_reader *r, size_t body_max);
void http_reader_fini(struct http_reader *r);
/*
 * Take <len> bytes. 1: the answer is complete. 0: there must be more. -EPROTO: this is not HTTP.
 * -EMSGSIZE: larger than the bounds. -ENOMEM.
 */
[[nodiscard]] int http_reader_feed(struct http_reader *r, const char *buf, size_t len);
/* The connection ended: 1 when that completes the answer, else -EPROTO. */
[[nodiscard]] int http_reader_eof(struct http_reader *r);
/* Move the complete answer out. */
void http_reader_take(struct http_reader *r, struct http_answer *ret);

void http_answer_fini(struct http_answer *a);

struct http_call {
	const char *socket_path;
	const char *method, *target;
	const char *body; /* NULL: none */
	size_t body_len;
	unsigned timeout_s; /* for the whole call */
	/* see struct api_stream; NULL: the body is collected, waiting is silent */
	int (*on_body)(void *user, const char *p, size_t len);
	void (*on_wait)(void *user);
	void *user;
};

/*
 * -ENOENT, -ECONNREFUSED, -EACCES: of connecting; -ETIMEDOUT; -ENAMETOOLONG: the path does not
 * fit a socket's address; -ECANCELED: Ctrl-C, see interrupt.h; -EPIPE: the server went away; and
 * what http_reader_feed() returns.
 */
[[nodiscard]] int http_call(const struct http_call *c, struct http_answer *ret);

/* The steps of a call, for ws_client.c. <c> has what is needed while we wait. */
uint64_t http_now_ms(void);
/* A connected socket, or as http_call(). */
[[nodiscard]] int http_dial(const char *path);
/* Until one of <events> or <deadline_ms>: 0, -ETIMEDOUT, -ECANCELED (Ctrl-C). */
[[nodiscard]] int http_wait(const struct http_call *c, int fd, short events, uint64_t deadline_ms);
[[nodiscard]] int http_send(const struct http_call *c, int fd, const char *p, size_t len,
			    uint64_t deadline_ms);
