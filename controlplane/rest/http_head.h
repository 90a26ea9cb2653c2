/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The head of a request (RFC 9112), read strictly: pure, over bytes, without allocation. What two
 * readers could take for different things is refused. A path is decoded once, and only into bytes
 * that cannot change how it is split.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 8192u
#define HTTP_FIELDS_MAX 64u
#define HTTP_PATH_MAX 512u
#define HTTP_QUERY_MAX 2048u
#define HTTP_VALUE_MAX 512u

struct http_head {
	char method[16];
	char path[HTTP_PATH_MAX];   /* decoded; begins with '/', or is "*" */
	char query[HTTP_QUERY_MAX]; /* raw, without '?' */
	unsigned minor;             /* HTTP/1.<minor>: 0 or 1 */
	bool is_close;              /* the connection ends with this request */
	bool is_continue_wanted;
	bool has_origin;
	bool is_upgrade; /* to a WebSocket, version and key as they must be */
	uint64_t length; /* of the body; 0: none */
	/* "": not there */
	char authorization[HTTP_VALUE_MAX];
	char if_match[HTTP_VALUE_MAX], if_none_match[HTTP_VALUE_MAX];
	char websocket_key[32];
};

/*
 * Read the head at the start of [buf, len). Its length; 0: there is not all of it yet; or the
 * status to refuse it with, negative. After that the connection makes no sense any more.
 */
[[nodiscard]] int http_head_parse(const char *buf, size_t len, struct http_head *ret);
