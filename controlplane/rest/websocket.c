/* SPDX-License-Identifier: BSD-3-Clause */

/* Heads of frames, and what a client sends. */

#include "rest/websocket.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

void websocket_accept(const char *key, char ret[static WEBSOCKET_ACCEPT_LEN + 1])
{
	unsigned char hash[20], text[WEBSOCKET_ACCEPT_LEN + 1] = "";
	char both[80];

	(void)snprintf(both, sizeof(both), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	if (EVP_Digest(both, strlen(both), hash, NULL, EVP_sha1(), NULL) == 1)
		(void)EVP_EncodeBlock(text, hash, sizeof(hash));
	memcpy(ret, text, sizeof(text));
}

size_t websocket_head(unsigned opcode, size_t len, unsigned char ret[static WEBSOCKET_HEAD_MAX])
{
	ret[0] = (unsigned char)(0x80 | opcode);
	if (len < 126) {
		ret[1] = (unsigned char)len;
		return 2;
	}
	if (len < 65536) {
		ret[1] = 126;
		ret[2] = (unsigned char)(len >> 8);
		ret[3] = (unsigned char)len;
		return 4;
	}
	ret[1] = 127;
	for (unsigned i = 0; i < 8; i++)
		ret[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	return 10;
}

/*
 * RFC 6455 5.2. Whole messages of at most 4 KiB are all that anybody needs to send: fragments and
 * the 64-bit length are refused, as are extensions, which were not agreed on.
 */
int websocket_parse(unsigned char *buf, size_t len, unsigned *ret_opcode, struct slice *ret_payload)
{
	const unsigned char *mask;
	size_t n, at = 2;

	if (len < 2)
		return 0;
	*ret_opcode = buf[0] & 0x0f;
	n = buf[1] & 0x7f;
	if ((buf[0] & 0xf0) != 0x80 || !(buf[1] & 0x80))
		return -1;
	if (n >= 126 && (n == 127 || *ret_opcode >= WEBSOCKET_CLOSE))
		return -1;
	if (n == 126) {
		if (len < 4)
			return 0;
		n = (size_t)buf[2] << 8 | buf[3];
		at = 4;
	}
	if (n > 4096)
		return -1;
	if (len < at + 4 + n)
		return 0;
	mask = buf + at;
	at += 4;
	for (size_t i = 0; i < n; i++)
		buf[at + i] ^= mask[i & 3];
	*ret_payload = slice_of(buf + at, n);
	return (int)(at + n);
}
