/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/avatar.h"

#include <openssl/sha.h>
#include <zlib.h>

#include <string.h>

enum {
	SIDE = 8,
	ROW = 1 + 3 * SIDE /* filter type, then RGB */
};

static void put_u32(struct buf *out, uint32_t v)
{
	const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			      (uint8_t)v};

	buf_add(out, b, sizeof(b));
}

/* A chunk (PNG 5.3): length, type and data, CRC of the latter two. */
static void put_chunk(struct buf *out, const char *type, const void *data, size_t len)
{
	const size_t start = out->len + 4;

	put_u32(out, (uint32_t)len);
	buf_add(out, type, 4);
	if (len > 0)
		buf_add(out, data, len);
	put_u32(out, (uint32_t)crc32(0, (const Bytef *)out->p + start, (uInt)(len + 4)));
}

void avatar_png(const uint8_t uid[static UID_LEN], uint32_t version, struct buf *out)
{
	static const uint8_t head[13] = {0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 2, 0, 0, 0};
	uint8_t rows[SIDE * ROW] = {0}, zipped[sizeof(rows) + 64];
	uLongf zipped_len = sizeof(zipped);

	for (unsigned y = 0; y < SIDE; y++)
		for (unsigned x = 0; x < 3 * SIDE; x++)
			rows[y * ROW + 1 + x] = uid[(x + y) % UID_LEN] ^ (uint8_t)(version * 37);
	(void)compress(zipped, &zipped_len, rows, sizeof(rows));
	buf_add(out, "\x89PNG\r\n\x1a\n", 8);
	put_chunk(out, "IHDR", head, sizeof(head));
	put_chunk(out, "IDAT", zipped, zipped_len);
	put_chunk(out, "IEND", NULL, 0);
}

void avatar_fingerprint(const uint8_t uid[static UID_LEN], uint32_t version,
			uint8_t ret[static SERIAL_LEN])
{
	struct buf png = {0};

	avatar_png(uid, version, &png);
	SHA1((const unsigned char *)png.p, png.len, ret);
	buf_free(&png);
}
