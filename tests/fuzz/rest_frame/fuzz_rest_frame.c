/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames of a WebSocket's client to the API, one after the other. */

#include "rest/websocket.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned char *buf = malloc(len > 0 ? len : 1);
	size_t at = 0;

	if (buf == NULL)
		return 0;
	if (len > 0)
		memcpy(buf, data, len);
	while (at < len) {
		struct slice payload = {0};
		unsigned opcode = 0;
		const int n = websocket_parse(buf + at, len - at, &opcode, &payload);

		if (n <= 0)
			break;
		if ((size_t)n > len - at || opcode > 15 || payload.len > (size_t)n)
			abort();
		if (payload.len > 0 &&
		    (payload.ptr < buf + at || payload.ptr + payload.len > buf + at + (size_t)n))
			abort();
		at += (size_t)n;
	}
	free(buf);
	return 0;
}
