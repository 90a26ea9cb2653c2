/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bodies (RFC 9112 6 and 7.1). The chunk decoder works byte by byte outside payload, so that where
 * the bytes were split cannot matter.
 *
 *	SIZE -> SIZE_MORE -> SIZE_LF --size > 0--> DATA -> DATA_CR -> DATA_LF -> SIZE
 *	                        |
 *	                      size 0
 *	                        v
 *	              +---> LINE --CR--> END_LF -> done
 *	              |      | token
 *	              |      v
 *	              +-LF- NAME -> VALUE -> VALUE_LF
 *
 * Extensions are refused: they carry nothing that anybody needs, and servers differ on their end.
 */

#include "http/h1_priv.h"

#include <errno.h>

#define SIZE_DIGITS 15u
#define MAX_TRAILER 8192u

enum chunk_state {
	CHUNK_SIZE,
	CHUNK_SIZE_MORE,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_LINE,
	CHUNK_NAME,
	CHUNK_VALUE,
	CHUNK_VALUE_LF,
	CHUNK_END_LF,
};

void h1_body_init(struct h1_body *b, const struct h1_head *head)
{
	*b = (struct h1_body){.framing = head->framing, .chunk_state = CHUNK_SIZE};
	if (b->framing == H1_BODY_LENGTH)
		b->left = head->content_length;
	b->is_done = b->framing == H1_BODY_NONE || (b->framing == H1_BODY_LENGTH && b->left == 0);
}

static int step_to(struct h1_body *b, uint8_t byte, uint8_t wanted, enum chunk_state next)
{
	if (byte != wanted)
		return -EBADMSG;
	b->chunk_state = next;
	return 0;
}

static int step_size(struct h1_body *b, uint8_t byte)
{
	if (byte == '\r' && b->chunk_state == CHUNK_SIZE_MORE) {
		b->chunk_state = CHUNK_SIZE_LF;
		return 0;
	}
	if (!h1_has_class(byte, H1_C_HEX) || b->line_len >= SIZE_DIGITS)
		return -EBADMSG;
	b->line_len++;
	b->left = b->left << 4 | h1_hex(byte);
	b->chunk_state = CHUNK_SIZE_MORE;
	return 0;
}

static int step_trailer(struct h1_body *b, uint8_t byte)
{
	if (++b->trailer_len > MAX_TRAILER)
		return -EBADMSG;
	if (b->chunk_state == CHUNK_VALUE) {
		if (byte == '\r')
			b->chunk_state = CHUNK_VALUE_LF;
		else if (!h1_has_class(byte, H1_C_VALUE))
			return -EBADMSG;
		return 0;
	}
	if (byte == ':' && b->chunk_state == CHUNK_NAME) {
		b->chunk_state = CHUNK_VALUE;
		return 0;
	}
	if (byte == '\r' && b->chunk_state == CHUNK_LINE) {
		b->chunk_state = CHUNK_END_LF;
		return 0;
	}
	b->chunk_state = CHUNK_NAME;
	return h1_has_class(byte, H1_C_TOKEN) ? 0 : -EBADMSG;
}

/* One byte that is not payload. */
static int step(struct h1_body *b, uint8_t byte)
{
	switch ((enum chunk_state)b->chunk_state) {
	case CHUNK_SIZE:
	case CHUNK_SIZE_MORE:
		return step_size(b, byte);
	case CHUNK_SIZE_LF:
		b->line_len = 0;
		return step_to(b, byte, '\n', b->left > 0 ? CHUNK_DATA : CHUNK_LINE);
	case CHUNK_DATA_CR:
		return step_to(b, byte, '\r', CHUNK_DATA_LF);
	case CHUNK_DATA_LF:
		return step_to(b, byte, '\n', CHUNK_SIZE);
	case CHUNK_VALUE_LF:
		return step_to(b, byte, '\n', CHUNK_LINE);
	case CHUNK_END_LF:
		b->is_done = byte == '\n';
		return b->is_done ? 0 : -EBADMSG;
	case CHUNK_LINE:
	case CHUNK_NAME:
	case CHUNK_VALUE:
		return step_trailer(b, byte);
	case CHUNK_DATA:
		break;
	}
	return -EBADMSG;
}

static struct slice take_left(struct h1_body *b, struct slice in)
{
	struct slice data = {in.ptr, in.len < b->left ? in.len : (size_t)b->left};

	b->left -= data.len;
	return data;
}

/* One run of payload, with the framing before and after it. */
static int decode_chunked(struct h1_body *b, struct slice in, struct slice *ret_data,
			  size_t *ret_used)
{
	struct slice data = SLICE_EMPTY;
	size_t at = 0;

	while (at < in.len && !b->is_done) {
		if (b->chunk_state != CHUNK_DATA) {
			int rc = step(b, in.ptr[at]);
			if (rc < 0)
				return rc;
			at++;
			continue;
		}
		if (data.len > 0)
			break;
		data = take_left(b, slice_skip(in, at));
		at += data.len;
		if (b->left == 0)
			b->chunk_state = CHUNK_DATA_CR;
	}
	*ret_data = data;
	*ret_used = at;
	return 0;
}

int h1_body_decode(struct h1_body *b, struct slice in, struct slice *ret_data, size_t *ret_used)
{
	if (b->framing == H1_BODY_CHUNKED)
		return decode_chunked(b, in, ret_data, ret_used);

	struct slice data = SLICE_EMPTY;
	if (b->framing == H1_BODY_LENGTH) {
		data = take_left(b, in);
		b->is_done = b->left == 0;
	} else if (b->framing == H1_BODY_UNTIL_CLOSE && !b->is_done) {
		data = in;
	}
	*ret_data = data;
	*ret_used = data.len;
	return 0;
}

bool h1_body_is_complete_at_eof(struct h1_body *b)
{
	if (b->framing == H1_BODY_UNTIL_CLOSE)
		b->is_done = true;
	return b->is_done;
}

size_t h1_chunk_header(char buf[static 20], size_t n)
{
	static const char digits[] = "0123456789abcdef";
	unsigned shift = 60;
	size_t len = 0;

	while (shift > 0 && (uint64_t)n >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		buf[len++] = digits[((uint64_t)n >> shift) & 15];
		if (shift == 0)
			break;
	}
	buf[len++] = '\r';
	buf[len++] = '\n';
	return len;
}
