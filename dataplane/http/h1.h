/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * HTTP/1.1 messages (RFC 9110, RFC 9112): the security boundary. Pure functions over slices: no
 * allocation, no I/O, no DPDK. What two parsers could read differently is refused, with an
 * outcome that says what it was; a message is parsed and then written anew, received header
 * bytes are never forwarded as they came.
 */

#pragma once

#include "common/base/slice.h"
#include "common/stats/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H1_MAX_HEAD 16384u /* bytes of a message head */
#define H1_MAX_HEADERS 100u
#define H1_MAX_PATH 8192u

enum h1_method {
	H1_GET,
	H1_HEAD,
	H1_POST,
	H1_PUT,
	H1_DELETE,
	H1_OPTIONS,
	H1_PATCH,
	H1_TRACE,   /* refused */
	H1_CONNECT, /* refused */
	H1_OTHER,   /* another token, forwarded as it is */
};

struct h1_header {
	struct slice name;  /* a token, as received */
	struct slice value; /* without white space around it */
};

enum h1_framing {
	H1_BODY_NONE,
	H1_BODY_LENGTH,
	H1_BODY_CHUNKED,
	H1_BODY_UNTIL_CLOSE, /* responses only */
};

/* A parsed head; slices point into the buffer it was parsed from. */
struct h1_head {
	bool is_request;
	uint8_t minor;      /* HTTP/1.<minor>, 0 or 1 */
	bool is_keep_alive; /* what version and Connection ask for */
	bool has_expect_continue;
	/*
	 * Connection: upgrade and one Upgrade field that says websocket, on a GET without body or
	 * a 101; any other protocol (h2c) is not passed through.
	 */
	bool has_upgrade;
	bool has_connection_names; /* Connection names fields; for h1_is_hop_by_hop() */
	enum h1_framing framing;
	uint64_t content_length; /* of the field, also where there is no body (HEAD, 304) */
	size_t len;              /* bytes of the head, with the empty line */

	/* request */
	enum h1_method method;
	struct slice method_name;
	struct slice target; /* as received */
	struct slice path;   /* origin-form without the query, as received */
	struct slice query;  /* after "?", may be empty */
	bool has_query;
	struct slice host; /* Host or absolute-form's authority, with port when it has one */
	struct slice upgrade;

	/* response */
	uint16_t status;
	struct slice reason;

	uint32_t nb_headers;
	struct h1_header header[H1_MAX_HEADERS];
};

/*
 * Parse the request head at the start of <in>. 0: <ret> is filled; -EAGAIN: the head is not
 * complete yet (in.len < H1_MAX_HEAD); -EBADMSG: refused, <ret_outcome> says why.
 * Empty lines before a request line are not skipped: they are refused.
 */
[[nodiscard]] int h1_parse_request(struct slice in, struct h1_head *ret, enum outcome *ret_outcome);
/*
 * Parse a response head. <req_method> and the status give the framing (RFC 9112 6.3): none for
 * HEAD, 1xx, 204 and 304.
 */
[[nodiscard]] int h1_parse_response(struct slice in, enum h1_method req_method, struct h1_head *ret,
				    enum outcome *ret_outcome);
/* The status to answer a refused request with: 400, 408, 417, 421, 431, 501, 502, 505. */
uint16_t h1_refusal_status(enum outcome o);

/*
 * Normalize an origin-form path once: decode unreserved escapes, remove dot segments, merge
 * slashes, upper-case what escapes remain, escape what no path may hold. %2f, %5c, backslash, ';',
 * control bytes (escaped or not) and invalid escapes are refused (-EBADMSG). What was matched is
 * what is forwarded. "*" (OPTIONS) stays. -ENOSPC: more than <cap> bytes, at most three for one.
 */
[[nodiscard]] int h1_normalize_path(struct slice path, char *buf, size_t cap, size_t *ret_len);

/*
 * Host as it is compared: lower case, port cut off, one trailing dot removed; an IPv6 address as
 * RFC 5952 has it, in its brackets. -EBADMSG when it is no host.
 */
[[nodiscard]] int h1_normalize_host(struct slice host, char *buf, size_t cap, size_t *ret_len);

/* Body. Make it from the head, then feed bytes through it. */
struct h1_body {
	enum h1_framing framing;
	uint64_t left;        /* of the length, or of the current chunk */
	uint8_t chunk_state;  /* private */
	uint16_t line_len;    /* private: bounds chunk-size and trailer lines */
	uint32_t trailer_len; /* private */
	bool is_done;
};

void h1_body_init(struct h1_body *b, const struct h1_head *head);
/*
 * Take the next piece of body out of <in>: <ret_data> is a slice of <in> with payload (may be
 * empty), <ret_used> how many bytes of <in> are finished with (payload included: the caller
 * drops them after it has used the payload). Sets is_done after the last byte. Trailers are
 * checked and dropped. 0, or -EBADMSG (OUTCOME_HTTP_BAD_CHUNK).
 */
[[nodiscard]] int h1_body_decode(struct h1_body *b, struct slice in, struct slice *ret_data,
				 size_t *ret_used);
/*
 * The peer closed: is the body complete (H1_BODY_UNTIL_CLOSE, or done)? Sets is_done then.
 */
bool h1_body_is_complete_at_eof(struct h1_body *b);
/*
 * Frame <n> bytes of payload for H1_BODY_CHUNKED: the chunk header ("1f4\r\n") into <buf>;
 * "\r\n" follows the payload. Returns its length. The last chunk is "0\r\n\r\n".
 */
size_t h1_chunk_header(char buf[static 20], size_t n);

/*
 * A bounded writer of a message head into caller's memory. Overflow is sticky: checked at the end.
 */
struct h1_writer {
	char *buf;
	size_t cap;
	size_t len;
	bool is_full;
};

void h1_write(struct h1_writer *w, struct slice s);
void h1_write_str(struct h1_writer *w, const char *s);
void h1_write_uint(struct h1_writer *w, uint64_t v);
/* name: value\r\n ; control bytes in <value> set is_full (the head is then not sent). */
void h1_write_header(struct h1_writer *w, const char *name, struct slice value);

/*
 * Is this field hop-by-hop (RFC 9110 7.6.1: the fixed list, and what <head>'s Connection names)?
 * Such fields are not forwarded.
 */
bool h1_is_hop_by_hop(const struct h1_head *head, struct slice name);
/* First field of that name, or NULL. */
const struct h1_header *h1_find(const struct h1_head *head, const char *name);

/* What the proxy adds to a request; fields of these names from the client are removed. */
struct h1_identity {
	struct slice client_ip;   /* appended to X-Forwarded-For as its only value */
	struct slice proto;       /* "https" */
	struct slice host;        /* X-Forwarded-Host */
	struct slice device_uid;  /* X-Tagwarden-Device-UID; empty: not sent */
	struct slice device_user; /* reserved, empty */
	struct slice ems_serial;  /* X-Tagwarden-EMS */
	struct slice request_id;  /* X-Request-Id */
};

/*
 * Write the request for the real server: method, <path> (normalized) and query, Host <host>,
 * end-to-end fields, identity fields, framing as in <head> (chunked stays chunked, length stays
 * length). With <head>->has_upgrade the Upgrade and Connection fields are written too. Expect is
 * not forwarded: the proxy answers 100-continue itself.
 */
void h1_write_request(struct h1_writer *w, const struct h1_head *head, struct slice path,
		      struct slice host, const struct h1_identity *id);
/*
 * Write the response for the client. <framing> is how the body will be sent (UNTIL_CLOSE becomes
 * chunked for an HTTP/1.1 client, close for 1.0); <is_keep_alive> false adds "Connection: close".
 */
void h1_write_response(struct h1_writer *w, const struct h1_head *head, enum h1_framing framing,
		       bool is_keep_alive);
