/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of this folder share: byte classes, a bounded cursor and the name tests. Parsers
 * here read bytes through the cursor only, so that each bound is checked in one place.
 */

#pragma once

#include "http/h1.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Byte classes, or-ed in h1_class[]. */
enum {
	H1_C_TOKEN = 1u << 0,      /* RFC 9110 5.6.2 */
	H1_C_TARGET = 1u << 1,     /* visible ASCII but '#' */
	H1_C_VALUE = 1u << 2,      /* VCHAR, SP, HTAB, obs-text (RFC 9110 5.5) */
	H1_C_UNRESERVED = 1u << 3, /* RFC 3986 2.3 */
	H1_C_PATH = 1u << 4,       /* stays as it is in a path: pchar without ';' */
	H1_C_HOST = 1u << 5,       /* letters, digits, '-', '_' */
	H1_C_DIGIT = 1u << 6,
	H1_C_HEX = 1u << 7,
};

extern const uint8_t h1_class[256];

struct h1_cursor {
	struct slice in;
	size_t pos; /* <= in.len */
};

/* A Connection option or a field name: what bytes a name test may see. */
static inline uint8_t h1_lower(uint8_t b)
{
	return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

/* <lower> in lower case. */
static inline bool h1_name_is(struct slice name, const char *lower, size_t len)
{
	if (name.len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (h1_lower(name.ptr[i]) != (uint8_t)lower[i])
			return false;
	}
	return true;
}

#define H1_NAME_IS(name, lit) h1_name_is(name, lit, sizeof(lit) - 1)

static inline bool h1_has_class(uint8_t b, unsigned mask)
{
	return (h1_class[b] & mask) != 0;
}

/* Value of a hex digit; the caller has checked its class. */
static inline unsigned h1_hex(uint8_t b)
{
	return b <= '9' ? (unsigned)b - '0' : (b | 0x20u) - 'a' + 10u;
}

static inline bool h1_at_end(const struct h1_cursor *c)
{
	return c->pos >= c->in.len;
}

/* The byte at the cursor, which is not at the end. */
static inline uint8_t h1_byte(const struct h1_cursor *c)
{
	return c->in.ptr[c->pos];
}

static inline void h1_skip_class(struct h1_cursor *c, unsigned mask)
{
	const uint8_t *p = c->in.ptr + c->pos, *const end = c->in.ptr + c->in.len;

	while (p < end && h1_has_class(*p, mask))
		p++;
	c->pos = (size_t)(p - c->in.ptr);
}

/* Bytes from <start> up to the cursor. */
static inline struct slice h1_since(const struct h1_cursor *c, size_t start)
{
	return (struct slice){c->in.ptr + start, c->pos - start};
}

static inline int h1_refuse(enum outcome *ret_outcome, enum outcome o)
{
	*ret_outcome = o;
	return -EBADMSG;
}

/* Every byte of <s> is of a class in <mask>, and there is one. */
bool h1_is_all(struct slice s, unsigned mask);

/* Over all bytes that a field value may have (H1_C_VALUE); h1_fields.c. */
void h1_skip_value(struct h1_cursor *c);

/*
 * Take the field lines up to and with the empty line that ends the head; h1_fields.c. What the
 * parser must know about them is gathered in <seen>.
 */
struct h1_seen {
	uint8_t nb_host, nb_length, nb_encoding, nb_expect, nb_upgrade;
	bool has_other_length; /* a Content-Length that differs from the first */
	bool has_bad_connection;
	bool has_close, has_keep_alive, has_upgrade_option;
	uint8_t nb_options; /* of all Connection fields */
	struct slice host, length, encoding, expect, upgrade;
};

[[nodiscard]] int h1_parse_fields(struct h1_cursor *c, struct h1_head *head, struct h1_seen *seen,
				  enum outcome *ret_outcome);
/* CR LF at the cursor: taken; -EAGAIN when it may still come. */
[[nodiscard]] int h1_parse_crlf(struct h1_cursor *c, enum outcome *ret_outcome);

/* What the fields say about body and connection; h1_framing.c. */
[[nodiscard]] int h1_decide_request(struct h1_head *head, const struct h1_seen *seen,
				    enum outcome *ret_outcome);
[[nodiscard]] int h1_decide_response(struct h1_head *head, const struct h1_seen *seen,
				     enum h1_method req_method, enum outcome *ret_outcome);

/* Origin-, absolute- or asterisk-form into path, query and host; h1_target.c. */
[[nodiscard]] int h1_parse_target(struct h1_head *head, enum outcome *ret_outcome);

/*
 * Split "name[:port]" and check both. <ret_name> has no trailing dot. -EBADMSG: no host.
 */
[[nodiscard]] int h1_host_split(struct slice host, struct slice *ret_name, struct slice *ret_port);

/* Names; h1_names.c. */

/* Says who the client is, or is read so by servers; '_' counts as '-' (CGI, WSGI do that). */
bool h1_name_is_identity(struct slice name);
/* May not be named in Connection: dropping it would change what the message means. */
bool h1_name_is_protected(struct slice name);
/* The fixed hop-by-hop list. */
bool h1_name_is_hop_by_hop(struct slice name);
