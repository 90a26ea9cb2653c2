/* SPDX-License-Identifier: BSD-3-Clause */

/* RFC 6455, as far as a server needs it that sends text and hears little. Pure. */

#pragma once

#include "common/base/slice.h"

#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_ACCEPT_LEN 28u
#define WEBSOCKET_HEAD_MAX 10u
#define WEBSOCKET_CONTROL_MAX 125u /* bytes of a ping */

/* RFC 6455 4.2.2: the answer to <key>. */
void websocket_accept(const char *key, char ret[static WEBSOCKET_ACCEPT_LEN + 1]);
/* The head of a whole unmasked message; its length. */
size_t websocket_head(unsigned opcode, size_t len, unsigned char ret[static WEBSOCKET_HEAD_MAX]);
/*
 * Read one frame of a client at the start of [buf, len), unmask it in place. Its length, 0: not all
 * there yet, or -1: against the RFC or the bounds. *<ret_opcode> and the payload are set.
 */
int websocket_parse(unsigned char *buf, size_t len, unsigned *ret_opcode,
		    struct slice *ret_payload);

enum {
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};
