/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Field lines (RFC 9112 5): one pass that finds their ends, checks every byte and notes the few
 * fields that decide how the message is read.
 */

#include "http/h1_priv.h"

#include <assert.h>
#include <errno.h>

#define ONES 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* More options than any client sends; each costs a comparison per field when it is forwarded. */
#define MAX_OPTIONS 16u

/*
 * Eight bytes at a time: the high bits of those below 0x20 and of 0x7f are found in one go. A
 * borrow can only mark bytes behind one that is marked rightly, so the lowest mark is always right;
 * that it is the first byte in memory takes a little-endian machine.
 */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

void h1_skip_value(struct h1_cursor *c)
{
	const uint8_t *p = c->in.ptr + c->pos, *const end = c->in.ptr + c->in.len;

	while (end - p >= 8) {
		uint64_t x;
		memcpy(&x, p, sizeof(x));
		const uint64_t del = x ^ (0x7f * ONES);
		const uint64_t low = (x - 0x20 * ONES) & ~x;
		const uint64_t marks = (low | ((del - ONES) & ~del)) & HIGHS;
		p += marks == 0 ? 8 : __builtin_ctzll(marks) / 8;
		if (marks == 0)
			continue;
		if (*p != '\t')
			break;
		p++;
	}
	while (p < end && h1_has_class(*p, H1_C_VALUE))
		p++;
	c->pos = (size_t)(p - c->in.ptr);
}

int h1_parse_crlf(struct h1_cursor *c, enum outcome *ret_outcome)
{
	if (h1_at_end(c))
		return -EAGAIN;
	if (h1_byte(c) != '\r')
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BARE_LF);
	if (c->in.len - c->pos < 2)
		return -EAGAIN;
	if (c->in.ptr[c->pos + 1] != '\n')
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BARE_LF);
	c->pos += 2;
	return 0;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = (struct slice){s.ptr + 1, s.len - 1};
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static void note_option(struct h1_head *head, struct h1_seen *seen, struct slice option)
{
	if (H1_NAME_IS(option, "close"))
		seen->has_close = true;
	else if (H1_NAME_IS(option, "keep-alive"))
		seen->has_keep_alive = true;
	else if (H1_NAME_IS(option, "upgrade"))
		seen->has_upgrade_option = true;
	else if (!h1_is_all(option, H1_C_TOKEN) || h1_name_is_protected(option))
		seen->has_bad_connection = true;
	else
		head->has_connection_names = true;
}

/* Connection = #connection-option (RFC 9110 7.6.1); empty elements are allowed there. */
static void note_connection(struct h1_head *head, struct h1_seen *seen, struct slice value)
{
	struct slice option = {value.ptr, 0};

	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && value.ptr[i] != ',') {
			option.len++;
			continue;
		}
		option = trim(option);
		if (option.len > 0)
			note_option(head, seen, option);
		if (++seen->nb_options > MAX_OPTIONS) {
			seen->has_bad_connection = true;
			return;
		}
		option = (struct slice){value.ptr + i + (i < value.len), 0};
	}
}

static void note_once(uint8_t *nb, struct slice *ret, struct slice value)
{
	if (*nb == 0)
		*ret = value;
	if (*nb < UINT8_MAX)
		(*nb)++;
}

static void note_length(struct h1_seen *seen, struct slice value)
{
	if (seen->nb_length > 0 && !slice_is_equal(seen->length, value))
		seen->has_other_length = true;
	note_once(&seen->nb_length, &seen->length, value);
}

static void note_field(struct h1_head *head, struct h1_seen *seen, const struct h1_header *h)
{
	switch (h->name.len) {
	case 4:
		if (H1_NAME_IS(h->name, "host"))
			note_once(&seen->nb_host, &seen->host, h->value);
		break;
	case 6:
		if (H1_NAME_IS(h->name, "expect"))
			note_once(&seen->nb_expect, &seen->expect, h->value);
		break;
	case 7:
		if (H1_NAME_IS(h->name, "upgrade"))
			note_once(&seen->nb_upgrade, &seen->upgrade, h->value);
		break;
	case 10:
		if (H1_NAME_IS(h->name, "connection"))
			note_connection(head, seen, h->value);
		break;
	case 14:
		if (H1_NAME_IS(h->name, "content-length"))
			note_length(seen, h->value);
		break;
	case 17:
		if (H1_NAME_IS(h->name, "transfer-encoding"))
			note_once(&seen->nb_encoding, &seen->encoding, h->value);
		break;
	}
}

/* A name must be followed by ':' at once (RFC 9112 5.1). */
static int parse_name(struct h1_cursor *c, struct slice *ret, enum outcome *ret_outcome)
{
	const size_t start = c->pos;

	if (h1_byte(c) == ' ' || h1_byte(c) == '\t')
		return h1_refuse(ret_outcome, OUTCOME_HTTP_OBS_FOLD);
	h1_skip_class(c, H1_C_TOKEN);
	if (h1_at_end(c))
		return -EAGAIN;
	if (h1_byte(c) == '\n' || h1_byte(c) == '\r')
		return h1_refuse(ret_outcome,
				 c->pos == start ? OUTCOME_HTTP_BARE_LF : OUTCOME_HTTP_BAD_HEADER);
	if (h1_byte(c) != ':' || c->pos == start)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_HEADER);
	*ret = h1_since(c, start);
	c->pos++;
	return 0;
}

static int parse_value(struct h1_cursor *c, struct slice *ret, enum outcome *ret_outcome)
{
	const size_t start = c->pos;

	h1_skip_value(c);
	*ret = trim(h1_since(c, start));
	if (h1_at_end(c))
		return -EAGAIN;
	if (h1_byte(c) != '\r' && h1_byte(c) != '\n')
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_HEADER);
	return h1_parse_crlf(c, ret_outcome);
}

int h1_parse_fields(struct h1_cursor *c, struct h1_head *head, struct h1_seen *seen,
		    enum outcome *ret_outcome)
{
	while (true) {
		if (h1_at_end(c))
			return -EAGAIN;
		if (h1_byte(c) == '\r')
			return h1_parse_crlf(c, ret_outcome);
		if (head->nb_headers >= H1_MAX_HEADERS)
			return h1_refuse(ret_outcome, OUTCOME_HTTP_TOO_MANY_HEADERS);
		struct h1_header *h = &head->header[head->nb_headers];
		int rc = parse_name(c, &h->name, ret_outcome);
		if (rc == 0)
			rc = parse_value(c, &h->value, ret_outcome);
		if (rc < 0)
			return rc;
		head->nb_headers++;
		note_field(head, seen, h);
	}
}
