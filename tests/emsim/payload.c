/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/payload.h"

#include <zlib.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * Above this many bytes a page is compressed at level 1: a million devices are then paged through
 * in seconds rather than minutes, and nothing that was captured from a real EMS is that large, so
 * nothing is lost in faithfulness.
 */
enum {
	ZIP_FAST_FROM = 256 * 1024
};

static int zip_level(size_t len)
{
	return len >= ZIP_FAST_FROM ? Z_BEST_SPEED : 6;
}

/* Run deflate once over all that is pending into the room at the end of <out>. */
static void deflate_some(z_stream *z, struct buf *out, int flush)
{
	int rc;

	z->next_out = (Bytef *)out->p + out->len;
	z->avail_out = (uInt)(out->cap - out->len - 1);
	rc = deflate(z, flush);
	/* The room was sized with deflateBound(), so anything else is a bug here. */
	if (rc != Z_OK && rc != Z_STREAM_END)
		abort();
	out->len = (size_t)((char *)z->next_out - out->p);
}

static void zip_python(struct buf *out, const void *p, size_t len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)len};

	if (deflateInit(&z, zip_level(len)) != Z_OK)
		abort();
	buf_reserve(out, deflateBound(&z, (uLong)len));
	deflate_some(&z, out, Z_FINISH);
	deflateEnd(&z);
}

/*
 * Go ends a stream with an empty stored block that carries the final bit, where zlib would have
 * set that bit on the last block with content, and it takes no match shorter than 4 bytes
 * (Z_FILTERED, the nearest that zlib has, none shorter than 6). So: end the block (Z_BLOCK),
 * remember at which bit the next block header starts, let a sync flush write the empty stored
 * block, and set its final bit (RFC 1951 3.2.3).
 */
static void zip_go(struct buf *out, const void *p, size_t len)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)len};
	uint32_t sum = (uint32_t)adler32_z(1, p, len);
	const uint8_t head[2] = {0x78, 0x9c};
	uint8_t tail[4] = {(uint8_t)(sum >> 24), (uint8_t)(sum >> 16), (uint8_t)(sum >> 8),
			   (uint8_t)sum};
	unsigned pending;
	size_t hdr_at;
	int bits;

	if (deflateInit2(&z, zip_level(len), Z_DEFLATED, -MAX_WBITS, 8, Z_FILTERED) != Z_OK)
		abort();
	buf_add(out, head, sizeof(head));
	buf_reserve(out, deflateBound(&z, (uLong)len) + 64);
	deflate_some(&z, out, Z_BLOCK);
	deflatePending(&z, &pending, &bits);
	assert(pending == 0);
	hdr_at = out->len;
	deflate_some(&z, out, Z_SYNC_FLUSH);
	out->p[hdr_at] = (char)(out->p[hdr_at] | 1 << bits);
	deflateEnd(&z);
	buf_add(out, tail, sizeof(tail));
}

void payload_zip(enum payload_style style, struct buf *out, const void *p, size_t len)
{
	if (style == PAYLOAD_GO)
		zip_go(out, p, len);
	else
		zip_python(out, p, len);
}

void payload_base64(struct buf *out, const void *p, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = p;
	char *w;

	buf_reserve(out, (len + 2) / 3 * 4);
	w = out->p + out->len;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;

		if (n > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			v |= in[i + 2];
		*w++ = digits[v >> 18];
		*w++ = digits[v >> 12 & 63];
		*w++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*w++ = n > 2 ? digits[v & 63] : '=';
	}
	*w = '\0';
	out->len = (size_t)(w - out->p);
}

void payload_envelope(struct buf *out, const struct payload_page *page)
{
	bool go = page->style == PAYLOAD_GO;
	const char *colon = go ? ":" : ": ";
	const char *comma = go ? "," : ", ";

	buf_str(out, go ? "{\"result\":{\"retval\":1,\"message\":\"Returned FCT incremental tags "
			  "information\"},\"data\":{"
			: "{\"result\": {\"retval\": 1, \"message\": null}, \"data\": {");
	buf_printf(out, "\"%s\"%s\"%s\"%s", page->offset_key, colon, page->offset, comma);
	buf_printf(out, "\"updated_after\"%s\"%s\"%s", colon, page->updated_after, comma);
	buf_printf(out, "\"is_final\"%s%s%s\"data\"%s", colon, page->is_final ? "true" : "false",
		   comma, colon);
	if (page->is_zipped)
		buf_str(out, "\"");
	buf_str(out, page->data);
	if (page->is_zipped)
		buf_str(out, "\"");
	buf_printf(out, "%s\"is_zipped\"%s%s%s\"unzipped_size\"%s%llu}}", comma, colon,
		   page->is_zipped ? "true" : "false", comma, colon,
		   (unsigned long long)page->unzipped_size);
}

/*
 * A full flush ends on a byte and forgets the window, so equal megabytes compress to equal bytes:
 * deflate one piece, repeat its bytes, and join the checksums instead of compressing a gigabyte.
 */
uint64_t payload_bomb(struct buf *out, unsigned mib)
{
	enum {
		PIECE = 16 << 20
	};
	unsigned nb = (mib + 15) / 16;
	uint8_t *piece = xcalloc(1, PIECE);
	const uint8_t head[2] = {0x78, 0xda}, last[2] = {0x03, 0x00};
	z_stream z = {.next_in = piece, .avail_in = PIECE};
	struct buf one = {0};
	uLong sum = 1, piece_sum;
	uint8_t tail[4];

	memset(piece, ' ', PIECE);
	piece_sum = adler32_z(1, piece, PIECE);
	if (deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	buf_reserve(&one, deflateBound(&z, PIECE) + 64);
	deflate_some(&z, &one, Z_FULL_FLUSH);
	deflateEnd(&z);
	free(piece);

	buf_add(out, head, sizeof(head));
	for (unsigned i = 0; i < nb; i++) {
		buf_add(out, one.p, one.len);
		sum = i == 0 ? piece_sum : adler32_combine(sum, piece_sum, PIECE);
	}
	buf_add(out, last, sizeof(last));
	for (unsigned i = 0; i < 4; i++)
		tail[i] = (uint8_t)(sum >> (24 - 8 * i));
	buf_add(out, tail, sizeof(tail));
	buf_free(&one);
	return (uint64_t)nb * PIECE;
}
