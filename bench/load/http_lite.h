/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * As much HTTP/1.1 as a generator needs, and as little work: messages come from the proxy under
 * test, are counted and thrown away. Lengths by Content-Length alone; what has none is reported.
 */

#pragma once

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_LITE_HEAD_MAX 16384u

/* A head that comes in pieces. All zero is empty. */
struct http_lite_buf {
	uint8_t *ptr;
	uint32_t len;
};

/*
 * The head that begins with <in>, or with what <b> has of it already. 1: <ret_head> is it, with the
 * empty line, valid until http_lite_buf_done(); 0: more is needed, all of <in> is kept; -EMSGSIZE,
 * -ENOMEM. <ret_used>: bytes of <in> that belong to it.
 */
[[nodiscard]] int http_lite_find_head(struct http_lite_buf *b, struct slice in,
				      struct slice *ret_head, size_t *ret_used);
void http_lite_buf_drop(struct http_lite_buf *b);

/* The head was looked at; <rc> is what http_lite_find_head() had returned. */
static inline void http_lite_buf_done(struct http_lite_buf *b, int rc)
{
	if (rc != 0 && b->ptr != NULL)
		http_lite_buf_drop(b);
}

struct http_lite_request {
	uint64_t content_length;
	bool is_head; /* the method */
	bool has_bytes;
	bool must_close;
	uint64_t bytes; /* of a path /bytes/N */
};

struct http_lite_response {
	uint32_t status;
	bool has_length; /* or needs none */
	bool must_close;
	uint64_t content_length;
};

/* 0, or -EPROTO. */
[[nodiscard]] int http_lite_parse_request(struct slice head, struct http_lite_request *ret);
[[nodiscard]] int http_lite_parse_response(struct slice head, struct http_lite_response *ret);
