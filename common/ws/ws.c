/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/ws/ws.h"

#include <errno.h>
#include <string.h>

/* ---- SHA-1 (RFC 3174), which the handshake asks for and nothing else here uses ---- */

static uint32_t rotl(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void sha1_block(uint32_t h[static 5], const uint8_t p[static 64])
{
	static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (unsigned i = 0; i < 80; i++) {
		const unsigned q = i / 20;

		w[i] = i < 16 ? (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
					(uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3]
			      : rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

		const uint32_t f = q == 0   ? (b & c) | (~b & d)
				   : q == 2 ? (b & c) | (b & d) | (c & d)
					    : b ^ c ^ d;
		const uint32_t t = rotl(a, 5) + f + e + w[i] + k[q];

		e = d;
		d = c;
		c = rotl(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

/* Of less than 120 bytes: two blocks. */
static void sha1_short(const char *p, size_t len, uint8_t ret[static 20])
{
	uint32_t h[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t block[128] = {0};
	const size_t size = len + 9 <= 64 ? 64 : 128;

	memcpy(block, p, len);
	block[len] = 0x80;
	block[size - 2] = (uint8_t)(len * 8 >> 8);
	block[size - 1] = (uint8_t)(len * 8);
	for (size_t i = 0; i < size; i += 64)
		sha1_block(h, block + i);
	for (unsigned i = 0; i < 20; i++)
		ret[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* RFC 4648 4. */
static void base64(const uint8_t *p, size_t len, char *ret)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		const uint32_t v = (uint32_t)p[i] << 16 |
				   (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) |
				   (i + 2 < len ? p[i + 2] : 0u);

		*ret++ = digit[v >> 18];
		*ret++ = digit[v >> 12 & 63];
		*ret++ = i + 1 < len ? digit[v >> 6 & 63] : '=';
		*ret++ = i + 2 < len ? digit[v & 63] : '=';
	}
	*ret = '\0';
}

void ws_key(const uint8_t random[static 16], char ret[static WS_KEY_STRLEN + 1])
{
	base64(random, 16, ret);
}

void ws_accept(const char *key, char ret[static WS_ACCEPT_STRLEN + 1])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const size_t len = strnlen(key, WS_KEY_STRLEN);
	char text[WS_KEY_STRLEN + sizeof(guid)];
	uint8_t digest[20];

	memcpy(text, key, len);
	memcpy(text + len, guid, sizeof(guid));
	sha1_short(text, len + sizeof(guid) - 1, digest);
	base64(digest, sizeof(digest), ret);
}

/* ---- frames ---- */

size_t ws_head_emit(uint8_t ret[static WS_HEAD_MAX], enum ws_opcode op, uint64_t len,
		    const uint8_t *mask)
{
	const unsigned nb = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;
	size_t n = 2;

	ret[0] = (uint8_t)(0x80 | op);
	ret[1] = (uint8_t)((mask != NULL ? 0x80 : 0) | (nb == 0 ? len : nb == 2 ? 126 : 127));
	for (unsigned i = 0; i < nb; i++)
		ret[n++] = (uint8_t)(len >> 8 * (nb - 1 - i));
	if (mask != NULL) {
		memcpy(ret + n, mask, 4);
		n += 4;
	}
	return n;
}

void ws_mask(uint8_t *p, size_t len, const uint8_t mask[static 4], uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		p[i] ^= mask[(at + i) % 4];
}

/* Bytes that the head takes, as far as those that are there tell. */
static size_t head_size(const struct ws_reader *r)
{
	const unsigned len = r->head_len < 2 ? 0 : r->head[1] & 0x7f;

	return 2 + (len == 126 ? 2u : len == 127 ? 8u : 0u) + (r->is_masked ? 4u : 0u);
}

/* The first two bytes say what may follow: nothing more is waited for when it may not. */
static int check_head(const struct ws_reader *r)
{
	const unsigned op = r->head[0] & 15, len = r->head[1] & 0x7f;
	const bool is_final = (r->head[0] & 0x80) != 0;

	if ((r->head[0] & 0x70) != 0 || ((r->head[1] & 0x80) != 0) != r->is_masked)
		return -EPROTO;
	if (op >= WS_CLOSE)
		return op > WS_PONG || !is_final || len > WS_CONTROL_MAX ? -EPROTO : 0;
	if (op > WS_BINARY)
		return -EPROTO;
	/* A message goes on or a new one starts, not both. */
	return (op == WS_CONTINUATION) == (r->message == WS_CONTINUATION) ? -EPROTO : 0;
}

static int take_head(struct ws_reader *r)
{
	const unsigned len = r->head[1] & 0x7f;
	const unsigned nb = len == 126 ? 2 : len == 127 ? 8 : 0;

	r->left = nb == 0 ? len : 0;
	for (unsigned i = 0; i < nb; i++)
		r->left = r->left << 8 | r->head[2 + i];
	/* RFC 6455 5.2: the shortest form, and no sign. */
	if ((nb == 2 && r->left < 126) || (nb == 8 && (r->left <= UINT16_MAX || r->left >> 63)))
		return -EPROTO;
	if (r->is_masked)
		memcpy(r->mask, r->head + 2 + nb, 4);
	r->op = (enum ws_opcode)(r->head[0] & 15);
	r->is_final = (r->head[0] & 0x80) != 0;
	if (r->op < WS_CLOSE && r->left > r->frame_max)
		return -EMSGSIZE;
	if (r->op == WS_TEXT || r->op == WS_BINARY)
		r->message = r->op;
	r->head_len = 0;
	r->at = 0;
	r->is_in_payload = true;
	return 0;
}

static int end_frame(struct ws_reader *r)
{
	r->is_in_payload = false;
	if (r->op >= WS_CLOSE) {
		r->is_closed = r->op == WS_CLOSE;
		return r->on_control(r->user, r->op, r->control, (size_t)r->at);
	}
	if (r->is_final)
		r->message = WS_CONTINUATION;
	return 0;
}

static int take_message(struct ws_reader *r, const uint8_t *buf, size_t n)
{
	uint8_t piece[1024];
	int rc = 0;

	if (!r->is_masked)
		return r->on_message(r->user, r->message, (const char *)buf, n);
	for (size_t i = 0; i < n && rc >= 0; i += sizeof(piece)) {
		const size_t m = n - i < sizeof(piece) ? n - i : sizeof(piece);

		memcpy(piece, buf + i, m);
		ws_mask(piece, m, r->mask, r->at + i);
		rc = r->on_message(r->user, r->message, (const char *)piece, m);
	}
	return rc;
}

static int take_payload(struct ws_reader *r, const uint8_t *buf, size_t len, size_t *ret_used)
{
	const size_t n = len < r->left ? len : (size_t)r->left;
	int rc = 0;

	*ret_used = n;
	if (n > 0 && r->op >= WS_CLOSE) {
		memcpy(r->control + r->at, buf, n);
		if (r->is_masked)
			ws_mask(r->control + r->at, n, r->mask, r->at);
	} else if (n > 0) {
		rc = take_message(r, buf, n);
	}
	r->at += n;
	r->left -= n;
	return rc < 0 || r->left > 0 ? rc : end_frame(r);
}

int ws_reader_feed(struct ws_reader *r, const uint8_t *buf, size_t len)
{
	int rc = 0;

	while (len > 0 && rc >= 0 && !r->is_closed) {
		size_t used = 1;

		if (r->is_in_payload) {
			rc = take_payload(r, buf, len, &used);
		} else {
			r->head[r->head_len++] = buf[0];
			if (r->head_len == 2)
				rc = check_head(r);
			if (rc == 0 && r->head_len >= 2 && r->head_len == head_size(r))
				rc = take_head(r);
			/* No byte will come that could end an empty frame. */
			if (rc == 0 && r->is_in_payload && r->left == 0)
				rc = end_frame(r);
		}
		buf += used;
		len -= used;
	}
	return rc < 0 ? rc : r->is_closed;
}
