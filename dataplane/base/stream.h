/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The seam between a transport and what runs over it: two byte queues seen through four calls,
 * none of which blocks or copies. TCP implements it over its mbuf queues; tls reads records
 * from it and writes records into it; unit tests implement it over arrays.
 *
 * One worker owns both sides of a stream: no call here may be made from another thread.
 */

#pragma once

#include "common/base/slice.h"

struct stream;

struct stream_ops {
	/*
	 * The first contiguous run of bytes that can be read; empty when there are none now.
	 * Valid until the next call on the stream. Asking again without stream_consume() returns
	 * the same bytes.
	 */
	struct slice (*peek)(struct stream *s);
	/* Drop the first <n> bytes, n <= what peek returned. */
	void (*consume)(struct stream *s, size_t n);
	/*
	 * Contiguous room for bytes to send; empty when the send queue is full (back-pressure).
	 * Valid until the next call on the stream.
	 */
	struct slice_mut (*reserve)(struct stream *s);
	/* Queue the first <n> bytes written into what reserve returned, n <= its cap. */
	void (*commit)(struct stream *s, size_t n);
	/* The peer has sent its last byte (FIN) and all of it has been consumed. */
	bool (*is_eof)(const struct stream *s);
};

/* Embedded in the implementer's object, which finds itself by container_of. */
struct stream {
	const struct stream_ops *ops;
};

static inline struct slice stream_peek(struct stream *s)
{
	return s->ops->peek(s);
}

static inline void stream_consume(struct stream *s, size_t n)
{
	s->ops->consume(s, n);
}

static inline struct slice_mut stream_reserve(struct stream *s)
{
	return s->ops->reserve(s);
}

static inline void stream_commit(struct stream *s, size_t n)
{
	s->ops->commit(s, n);
}

static inline bool stream_is_eof(const struct stream *s)
{
	return s->ops->is_eof(s);
}
