/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Request targets, paths and hosts (RFC 9112 3.2, RFC 3986). A path is normalized once; what was
 * matched against the configuration is what the real server gets.
 */

#include "common/base/ids.h"
#include "http/h1_priv.h"

#include <errno.h>
#include <stdio.h>

#define MAX_HOST 253u /* RFC 1035 2.3.4, as text */
#define MAX_PORT_DIGITS 5u
#define MAX_LITERAL (IP_ADDR_STRLEN + 10) /* with brackets, and "::ffff:" */

static void split_query(struct h1_head *head, struct slice rest)
{
	const uint8_t *mark = rest.len == 0 ? NULL : memchr(rest.ptr, '?', rest.len);

	head->path = rest;
	if (mark != NULL) {
		head->path.len = (size_t)(mark - rest.ptr);
		head->query = slice_skip(rest, head->path.len + 1);
		head->has_query = true;
	}
	if (head->path.len == 0)
		head->path = SLICE_LIT("/");
}

/* The length of "http://" or "https://" at the start of <s>, or 0. */
static size_t scheme_len(struct slice s)
{
	if (s.len > 7 && slice_is_equal_nocase(slice_of(s.ptr, 7), SLICE_LIT("http://")))
		return 7;
	if (s.len > 8 && slice_is_equal_nocase(slice_of(s.ptr, 8), SLICE_LIT("https://")))
		return 8;
	return 0;
}

/* absolute-form: the authority goes to <head>->host, to be compared with the Host field. */
static int parse_absolute(struct h1_head *head, size_t skip)
{
	struct slice rest = slice_skip(head->target, skip);
	struct slice name, port;
	size_t n = 0;

	while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
		n++;
	head->host = slice_of(rest.ptr, n);
	split_query(head, slice_skip(rest, n));
	return h1_host_split(head->host, &name, &port);
}

int h1_parse_target(struct h1_head *head, enum outcome *ret_outcome)
{
	const struct slice t = head->target;

	if (t.len == 0)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_REQUEST_LINE);
	if (t.ptr[0] == '/') {
		split_query(head, t);
	} else if (t.len == 1 && t.ptr[0] == '*' && head->method == H1_OPTIONS) {
		head->path = t;
	} else {
		const size_t skip = scheme_len(t);
		if (skip == 0 || parse_absolute(head, skip) < 0)
			return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_TARGET);
	}
	if (head->path.len > H1_MAX_PATH)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_HEAD_TOO_LARGE);
	return 0;
}

/*
 * The octet an escape stands for, or -EBADMSG: no escape, or one of an octet that some servers
 * turn into a separator or an end: slash, backslash, control bytes.
 */
static int decode_escape(struct slice path, size_t at)
{
	if (path.len - at < 3 || !h1_has_class(path.ptr[at + 1], H1_C_HEX) ||
	    !h1_has_class(path.ptr[at + 2], H1_C_HEX))
		return -EBADMSG;
	const unsigned v = h1_hex(path.ptr[at + 1]) << 4 | h1_hex(path.ptr[at + 2]);
	if (v == '/' || v == '\\' || v < 0x20 || v == 0x7f)
		return -EBADMSG;
	/* 0xc0 and 0xc1 start nothing but overlong forms of ASCII, such as %c0%af for a slash. */
	if (v == 0xc0 || v == 0xc1)
		return -EBADMSG;
	return (int)v;
}

/* The path being written; the first byte is always '/'. */
struct path_out {
	uint8_t *buf;
	size_t cap, len;
	size_t segment; /* where the current one starts, just after its '/' */
};

static int put(struct path_out *o, uint8_t b)
{
	if (o->len >= o->cap)
		return -ENOSPC;
	o->buf[o->len++] = b;
	return 0;
}

static int put_escape(struct path_out *o, uint8_t b)
{
	static const char digits[] = "0123456789ABCDEF";

	if (o->cap - o->len < 3)
		return -ENOSPC;
	o->buf[o->len++] = '%';
	o->buf[o->len++] = (uint8_t)digits[b >> 4];
	o->buf[o->len++] = (uint8_t)digits[b & 15];
	return 0;
}

/* At the end of a segment: take "." and ".." back (RFC 3986 5.2.4). True: it was one. */
static bool drop_dots(struct path_out *o)
{
	const size_t n = o->len - o->segment;
	const uint8_t *s = o->buf + o->segment;

	if (n == 0 || n > 2 || s[0] != '.' || s[n - 1] != '.')
		return false;
	o->len = o->segment;
	if (n == 2 && o->len > 1) {
		o->len--;
		while (o->buf[o->len - 1] != '/')
			o->len--;
	}
	o->segment = o->len;
	return true;
}

static int put_slash(struct path_out *o)
{
	if (drop_dots(o) || o->len == o->segment)
		return 0; /* what is left ends in '/' already */
	int rc = put(o, '/');
	o->segment = o->len;
	return rc;
}

/* One byte or escape of the path; <at> is moved past it. */
static int put_char(struct path_out *o, struct slice path, size_t *at)
{
	const uint8_t b = path.ptr[*at];

	if (b == '%') {
		int v = decode_escape(path, *at);
		if (v < 0)
			return v;
		*at += 3;
		return h1_has_class((uint8_t)v, H1_C_UNRESERVED) ? put(o, (uint8_t)v)
								 : put_escape(o, (uint8_t)v);
	}
	(*at)++;
	if (b == '/')
		return put_slash(o);
	if (h1_has_class(b, H1_C_PATH))
		return put(o, b);
	/*
	 * Path parameters (";") are stripped by some servers after they were authorized by others.
	 */
	if (!h1_has_class(b, H1_C_TARGET) || b == '\\' || b == ';' || b == '?')
		return -EBADMSG;
	return put_escape(o, b); /* browsers send a few of these as they are: | ^ { } */
}

int h1_normalize_path(struct slice path, char *buf, size_t cap, size_t *ret_len)
{
	struct path_out o = {.buf = (uint8_t *)buf, .cap = cap};
	int rc = 0;

	if (path.len == 0 || (path.ptr[0] != '/' && !slice_is_equal(path, SLICE_LIT("*"))))
		return -EBADMSG;
	if (put(&o, path.ptr[0]) < 0)
		return -ENOSPC;
	o.segment = o.len;
	for (size_t at = 1; rc == 0 && at < path.len;)
		rc = put_char(&o, path, &at);
	if (rc < 0)
		return rc;
	(void)drop_dots(&o);
	*ret_len = o.len;
	return 0;
}

/* An IPv6 address in brackets (RFC 3986 3.2.2); no zone, and none of the formats of the future. */
static bool is_ip_literal(struct slice s, struct ip_addr *ret)
{
	if (s.len < 4 || s.ptr[0] != '[' || s.ptr[s.len - 1] != ']' ||
	    memchr(s.ptr, ':', s.len) == NULL)
		return false;
	return ip_addr_parse((const char *)s.ptr + 1, s.len - 2, ret) == 0;
}

/* Labels of letters, digits, '-' and '_', none empty, none longer than 63. */
static bool is_reg_name(struct slice s)
{
	struct h1_cursor c = {.in = s};

	if (s.len > MAX_HOST)
		return false;
	while (true) {
		const size_t start = c.pos;
		h1_skip_class(&c, H1_C_HOST);
		if (c.pos == start || c.pos - start > 63)
			return false;
		if (h1_at_end(&c))
			return true;
		if (h1_byte(&c) != '.')
			return false;
		c.pos++;
	}
}

static bool is_port(struct slice s)
{
	unsigned v = 0;

	if (s.len > MAX_PORT_DIGITS || !h1_is_all(s, H1_C_DIGIT))
		return false;
	for (size_t i = 0; i < s.len; i++)
		v = v * 10 + (s.ptr[i] - '0');
	return v > 0 && v <= 65535;
}

/* Length of the name at the start of <host>: up to the ']' or the first ':'. */
static size_t name_len(struct slice host)
{
	const bool is_literal = host.len > 0 && host.ptr[0] == '[';
	const uint8_t *end =
		host.len == 0 ? NULL : memchr(host.ptr, is_literal ? ']' : ':', host.len);

	if (end == NULL)
		return host.len;
	return (size_t)(end - host.ptr) + (is_literal ? 1 : 0);
}

int h1_host_split(struct slice host, struct slice *ret_name, struct slice *ret_port)
{
	struct slice name = {host.ptr, name_len(host)};
	struct slice port = slice_skip(host, name.len);
	struct ip_addr literal;

	if (port.len > 0) {
		if (port.ptr[0] != ':' || !is_port(slice_skip(port, 1)))
			return -EBADMSG;
		port = slice_skip(port, 1);
	}
	if (name.len > 0 && name.ptr[0] == '[') {
		if (!is_ip_literal(name, &literal))
			return -EBADMSG;
	} else {
		if (name.len > 1 && name.ptr[name.len - 1] == '.')
			name.len--;
		if (!is_reg_name(name))
			return -EBADMSG;
	}
	*ret_name = name;
	*ret_port = port;
	return 0;
}

/*
 * One address has many spellings, RFC 5952 has one. An IPv4-mapped address stays one: whoever
 * writes it means another host than that of the IPv4 address.
 */
static size_t emit_literal(const struct ip_addr *a, char ret[static MAX_LITERAL])
{
	char text[IP_ADDR_STRLEN];
	int n;

	ip_addr_emit(a, text);
	n = snprintf(ret, MAX_LITERAL, ip_addr_is_v4(a) ? "[::ffff:%s]" : "[%s]", text);
	return n < 0 || (size_t)n >= MAX_LITERAL ? 0 : (size_t)n;
}

int h1_normalize_host(struct slice host, char *buf, size_t cap, size_t *ret_len)
{
	char text[MAX_LITERAL];
	struct slice name, port;
	struct ip_addr literal;

	if (h1_host_split(host, &name, &port) < 0)
		return -EBADMSG;
	if (is_ip_literal(name, &literal))
		name = slice_of(text, emit_literal(&literal, text));
	if (name.len > cap)
		return -ENOSPC;
	for (size_t i = 0; i < name.len; i++)
		buf[i] = (char)h1_lower(name.ptr[i]);
	*ret_len = name.len;
	return 0;
}
