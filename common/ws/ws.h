/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * WebSocket (RFC 6455) without a socket: the answer to an upgrade, heads of frames, and a reader
 * that takes bytes as they come. No extensions. Pure; both ends use it.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

#define WS_KEY_STRLEN 24 /* 16 bytes in base64 */
#define WS_ACCEPT_STRLEN 28
#define WS_HEAD_MAX 14
#define WS_CONTROL_MAX 125u

/* Sec-WebSocket-Key from 16 random bytes, and Sec-WebSocket-Accept from a key (RFC 6455 4.2.2). */
void ws_key(const uint8_t random[static 16], char ret[static WS_KEY_STRLEN + 1]);
void ws_accept(const char *key, char ret[static WS_ACCEPT_STRLEN + 1]);

/*
 * The head of a whole message of <len> bytes; <mask> NULL: from the server. A client's bytes go
 * through ws_mask(), <at> being their place in the payload. Returns the head's length.
 */
size_t ws_head_emit(uint8_t ret[static WS_HEAD_MAX], enum ws_opcode op, uint64_t len,
		    const uint8_t *mask);
void ws_mask(uint8_t *p, size_t len, const uint8_t mask[static 4], uint64_t at);

struct ws_reader {
	/* set by the caller */
	bool is_masked;     /* frames must be (we are the server), or must not */
	uint64_t frame_max; /* longest payload of text or binary */
	/* Bytes of a message, cut anywhere. Negative: stop, handed on. */
	int (*on_message)(void *user, enum ws_opcode op, const char *p, size_t len);
	/* A whole control frame: WS_PING, to be answered, WS_PONG, WS_CLOSE. Negative: stop. */
	int (*on_control)(void *user, enum ws_opcode op, const uint8_t *p, size_t len);
	void *user;

	/* the reader's own */
	uint8_t head[WS_HEAD_MAX];
	size_t head_len;
	bool is_in_payload, is_final, is_closed;
	enum ws_opcode op;      /* of the frame */
	enum ws_opcode message; /* of the message that goes on; WS_CONTINUATION: none */
	uint64_t left, at;
	uint8_t mask[4];
	uint8_t control[WS_CONTROL_MAX];
};

/*
 * Take <len> bytes. 0: go on. 1: the peer closed; what follows is not looked at. -EPROTO: against
 * the protocol; -EMSGSIZE: a frame beyond <frame_max>; or what a callback returned.
 */
[[nodiscard]] int ws_reader_feed(struct ws_reader *r, const uint8_t *buf, size_t len);
