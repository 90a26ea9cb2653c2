/* SPDX-License-Identifier: BSD-3-Clause */

/* Request line and fields. Every function returns 0 or a negative status. */

#include "rest/http_head.h"

#include "common/base/hex.h"
#include "common/base/macros.h"
#include "common/base/slice.h"

#include <string.h>
#include <strings.h>

/* What the fields said, before it is judged together. */
struct fields {
	unsigned nb;
	bool has_host, has_length, has_upgrade, has_connection_upgrade, has_version;
	bool is_keep_alive;
};

/* RFC 9110 5.6.2 */
static bool is_tchar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_tchar((char)s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool is_word(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp((const char *)s.ptr, word, s.len) == 0;
}

static int copy(struct slice s, char *ret, size_t cap)
{
	if (s.len >= cap)
		return -431;
	if (s.len > 0)
		memcpy(ret, s.ptr, s.len);
	ret[s.len] = '\0';
	return 0;
}

/* RFC 9112 2.2: a line ends with CR LF, and neither is anywhere else; nor is any other control. */
static bool is_clean(const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)buf[i];

		if (c == '\r' && (i + 1 == len || buf[i + 1] != '\n'))
			return false;
		if (c == '\n' && (i == 0 || buf[i - 1] != '\r'))
			return false;
		if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			return false;
	}
	return true;
}

/*
 * The byte at <at>, decoded, and how many it took. What a decoded byte could turn into something
 * else ('/', '.', '\', ';', '%', controls) is refused, as is what is no path character.
 */
static int path_char(const char *at, size_t left, char *ret, size_t *ret_took)
{
	*ret_took = 1;
	*ret = at[0];
	if (at[0] != '%')
		return (at[0] > 0x20 && at[0] < 0x7f && strchr("\\;\"<>^`{|}#", at[0]) == NULL)
			       ? 0
			       : -400;
	if (left < 3 || hex_value(at[1]) < 0 || hex_value(at[2]) < 0)
		return -400;
	*ret = (char)(hex_value(at[1]) << 4 | hex_value(at[2]));
	*ret_took = 3;
	return (*ret >= 0x20 && *ret != 0x7f && strchr("/.\\;%", *ret) == NULL) ? 0 : -400;
}

/* No empty segment but the last, none of one or two dots. */
static bool has_plain_segments(const char *path)
{
	const char *p = path + 1;

	while (*p != '\0') {
		const size_t n = strcspn(p, "/");

		if (n == 0 || (n <= 2 && strspn(p, ".") >= n))
			return false;
		p += n;
		if (*p == '/')
			p++;
	}
	return true;
}

static int take_path(struct slice s, char ret[static HTTP_PATH_MAX])
{
	size_t n = 0;

	for (size_t i = 0, took; i < s.len; i += took) {
		if (n + 1 >= HTTP_PATH_MAX)
			return -414;
		if (path_char((const char *)s.ptr + i, s.len - i, &ret[n++], &took) < 0)
			return -400;
	}
	ret[n] = '\0';
	return has_plain_segments(ret) ? 0 : -400;
}

/* RFC 9112 3.2: origin-form, or the asterisk; a proxy's forms have no business here. */
static int take_target(struct slice s, struct http_head *h)
{
	const uint8_t *mark = s.len == 0 ? NULL : memchr(s.ptr, '?', s.len);
	const size_t n = mark != NULL ? (size_t)(mark - s.ptr) : s.len;
	struct slice query = {0};

	if (s.len == 1 && s.ptr[0] == '*')
		return copy(s, h->path, sizeof(h->path));
	if (s.len == 0 || s.ptr[0] != '/')
		return -400;
	if (mark != NULL)
		query = slice_of(mark + 1, s.len - n - 1);
	for (size_t i = 0; i < query.len; i++)
		if (query.ptr[i] <= 0x20 || query.ptr[i] >= 0x7f || query.ptr[i] == '#')
			return -400;
	if (copy(query, h->query, sizeof(h->query)) < 0)
		return -414;
	return take_path(slice_of(s.ptr, n), h->path);
}

/* RFC 9112 3: method SP target SP version, with single spaces. */
static int take_request_line(struct slice line, struct http_head *h)
{
	const uint8_t *a = memchr(line.ptr, ' ', line.len);
	const uint8_t *const end = line.ptr + line.len;
	const uint8_t *b = a == NULL ? NULL : memchr(a + 1, ' ', (size_t)(end - a - 1));
	struct slice method, version;

	if (b == NULL)
		return -400;
	method = slice_of(line.ptr, (size_t)(a - line.ptr));
	version = slice_of(b + 1, (size_t)(end - b - 1));
	if (!is_token(method))
		return -400;
	if (copy(method, h->method, sizeof(h->method)) < 0)
		return -501;
	if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0 || version.ptr[6] != '.')
		return -400;
	if (version.ptr[5] != '1' || (version.ptr[7] != '0' && version.ptr[7] != '1'))
		return -505;
	h->minor = version.ptr[7] - '0';
	return take_target(slice_of(a + 1, (size_t)(b - a - 1)), h);
}

/* RFC 9110 8.6: digits and nothing else; what is absurd need not be read as a number. */
static int take_length(struct slice v, struct http_head *h, struct fields *f)
{
	if (f->has_length || v.len == 0)
		return -400;
	f->has_length = true;
	if (v.len > 15)
		return -413;
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9')
			return -400;
		h->length = h->length * 10 + (uint64_t)(v.ptr[i] - '0');
	}
	return 0;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = slice_of(s.ptr + 1, s.len - 1);
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static void take_connection(struct slice v, struct http_head *h, struct fields *f)
{
	while (v.len > 0) {
		const uint8_t *comma = memchr(v.ptr, ',', v.len);
		const size_t n = comma != NULL ? (size_t)(comma - v.ptr) : v.len;
		const struct slice option = trim(slice_of(v.ptr, n));

		if (is_word(option, "close"))
			h->is_close = true;
		else if (is_word(option, "keep-alive"))
			f->is_keep_alive = true;
		else if (is_word(option, "upgrade"))
			f->has_connection_upgrade = true;
		v = comma != NULL ? slice_of(comma + 1, v.len - n - 1) : (struct slice){0};
	}
}

/* Of a field that there may be but one of. */
static int copy_once(struct slice v, char *ret, size_t cap)
{
	return ret[0] != '\0' || v.len == 0 ? -400 : copy(v, ret, cap);
}

static int take_known(struct slice name, struct slice v, struct http_head *h, struct fields *f)
{
	if (is_word(name, "content-length"))
		return take_length(v, h, f);
	if (is_word(name, "authorization"))
		return copy_once(v, h->authorization, sizeof(h->authorization));
	if (is_word(name, "if-match"))
		return copy_once(v, h->if_match, sizeof(h->if_match));
	if (is_word(name, "if-none-match"))
		return copy_once(v, h->if_none_match, sizeof(h->if_none_match));
	if (is_word(name, "sec-websocket-key"))
		return copy_once(v, h->websocket_key, sizeof(h->websocket_key));
	/* RFC 9112 6.1: no coding is known here, so nothing can be said about where it ends. */
	if (is_word(name, "transfer-encoding"))
		return -501;
	if (is_word(name, "host")) {
		if (f->has_host)
			return -400;
		f->has_host = true;
	} else if (is_word(name, "connection")) {
		take_connection(v, h, f);
	} else if (is_word(name, "origin") || is_word(name, "sec-websocket-origin")) {
		h->has_origin = true;
	} else if (is_word(name, "expect")) {
		if (!is_word(v, "100-continue"))
			return -417;
		h->is_continue_wanted = true;
	} else if (is_word(name, "upgrade")) {
		f->has_upgrade = is_word(v, "websocket");
	} else if (is_word(name, "sec-websocket-version")) {
		f->has_version = is_word(v, "13");
	}
	return 0;
}

static int take_field(struct slice line, struct http_head *h, struct fields *f)
{
	const uint8_t *colon = memchr(line.ptr, ':', line.len);
	struct slice name, value;

	if (++f->nb > HTTP_FIELDS_MAX)
		return -431;
	if (colon == NULL)
		return -400;
	/* A blank before the colon, or at the line's start (obs-fold), is no token. */
	name = slice_of(line.ptr, (size_t)(colon - line.ptr));
	value = slice_of(colon + 1, line.len - name.len - 1);
	if (!is_token(name))
		return -400;
	return take_known(name, trim(value), h, f);
}

static int judge(struct http_head *h, const struct fields *f)
{
	if (h->minor == 1 && !f->has_host)
		return -400;
	if (h->minor == 0) {
		h->is_close |= !f->is_keep_alive;
		h->is_continue_wanted = false;
	}
	/* RFC 6455 4.2.1; any other upgrade is not taken up, as RFC 9110 7.8 allows. */
	h->is_upgrade = f->has_upgrade && f->has_connection_upgrade && h->minor == 1;
	if (h->is_upgrade && (strcmp(h->method, "GET") != 0 || strlen(h->websocket_key) != 24))
		return -400;
	if (h->is_upgrade && !f->has_version)
		return -426;
	return 0;
}

int http_head_parse(const char *buf, size_t len, struct http_head *ret)
{
	const char *const end = len < 4 ? NULL : memmem(buf, len, "\r\n\r\n", 4);
	const size_t n = end != NULL ? (size_t)(end - buf) + 2 : len;
	struct fields f = {0};
	const char *line = buf;

	*ret = (struct http_head){0};
	if (n + 2 > HTTP_HEAD_MAX)
		return -431;
	if (end == NULL)
		return 0;
	if (!is_clean(buf, n))
		return -400;
	while (line < buf + n) {
		const char *const eol = memchr(line, '\r', (size_t)(buf + n - line));
		const struct slice s = slice_of(line, (size_t)(eol - line));
		const int rc = line == buf ? take_request_line(s, ret) : take_field(s, ret, &f);

		if (rc < 0)
			return rc;
		line = eol + 2;
	}
	const int rc = judge(ret, &f);

	return rc < 0 ? rc : (int)n + 2;
}
