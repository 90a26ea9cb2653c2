/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies in and out of a stream, for callers that need bytes in one piece. */

#pragma once

#include "base/stream.h"

/* Move up to <cap> bytes into <buf>; returns how many. */
static inline size_t stream_read(struct stream *s, void *buf, size_t cap)
{
	size_t n = 0;

	while (n < cap) {
		const struct slice in = stream_peek(s);
		const size_t len = in.len < cap - n ? in.len : cap - n;

		if (len == 0)
			break;
		memcpy((uint8_t *)buf + n, in.ptr, len);
		stream_consume(s, len);
		n += len;
	}
	return n;
}

/* Queue up to <len> bytes; returns how many found room. */
static inline size_t stream_write(struct stream *s, const void *buf, size_t len)
{
	size_t n = 0;

	while (n < len) {
		const struct slice_mut out = stream_reserve(s);
		const size_t part = out.cap < len - n ? out.cap : len - n;

		if (part == 0)
			break;
		memcpy(out.ptr, (const uint8_t *)buf + n, part);
		stream_commit(s, part);
		n += part;
	}
	return n;
}
