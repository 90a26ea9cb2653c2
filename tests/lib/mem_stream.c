/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/lib/mem_stream.h"

#include <stdlib.h>
#include <string.h>

void mem_queue_init(struct mem_queue *q, size_t cap, size_t max_run)
{
	*q = (struct mem_queue){.buf = malloc(cap), .cap = cap, .max_run = max_run, .limit = cap};
	if (q->buf == NULL)
		abort();
}

void mem_queue_fini(struct mem_queue *q)
{
	free(q->buf);
	q->buf = NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	const size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static struct slice queue_peek(struct mem_queue *q)
{
	return slice_of(q->buf + q->head, min3(q->len, q->cap - q->head, q->max_run));
}

static void queue_consume(struct mem_queue *q, size_t n)
{
	if (n > queue_peek(q).len)
		abort();
	q->head = (q->head + n) % q->cap;
	q->len -= n;
}

static struct slice_mut queue_reserve(struct mem_queue *q)
{
	const size_t tail = (q->head + q->len) % q->cap;
	const size_t room = q->limit > q->len ? q->limit - q->len : 0;

	return (struct slice_mut){q->buf + tail, min3(room, q->cap - tail, q->max_run)};
}

static void queue_commit(struct mem_queue *q, size_t n)
{
	if (n > queue_reserve(q).cap)
		abort();
	q->len += n;
}

size_t mem_queue_put(struct mem_queue *q, const void *buf, size_t len)
{
	size_t n = 0;

	while (n < len) {
		struct slice_mut room = queue_reserve(q);
		const size_t k = room.cap < len - n ? room.cap : len - n;
		if (k == 0)
			break;
		memcpy(room.ptr, (const uint8_t *)buf + n, k);
		queue_commit(q, k);
		n += k;
	}
	return n;
}

size_t mem_queue_get(struct mem_queue *q, void *buf, size_t cap)
{
	size_t n = 0;

	while (n < cap && q->len > 0) {
		struct slice run = queue_peek(q);
		const size_t k = run.len < cap - n ? run.len : cap - n;
		memcpy((uint8_t *)buf + n, run.ptr, k);
		queue_consume(q, k);
		n += k;
	}
	return n;
}

static struct mem_stream *of(struct stream *s)
{
	return (struct mem_stream *)((char *)s - offsetof(struct mem_stream, stream));
}

static struct slice on_peek(struct stream *s)
{
	return queue_peek(of(s)->in);
}

static void on_consume(struct stream *s, size_t n)
{
	queue_consume(of(s)->in, n);
}

static struct slice_mut on_reserve(struct stream *s)
{
	return queue_reserve(of(s)->out);
}

static void on_commit(struct stream *s, size_t n)
{
	queue_commit(of(s)->out, n);
}

static bool on_is_eof(const struct stream *s)
{
	const struct mem_queue *in =
		((const struct mem_stream *)((const char *)s - offsetof(struct mem_stream, stream)))
			->in;

	return in->is_closed && in->len == 0;
}

void mem_stream_init(struct mem_stream *s, struct mem_queue *in, struct mem_queue *out)
{
	static const struct stream_ops ops = {
		.peek = on_peek,
		.consume = on_consume,
		.reserve = on_reserve,
		.commit = on_commit,
		.is_eof = on_is_eof,
	};

	*s = (struct mem_stream){.stream = {.ops = &ops}, .in = in, .out = out};
}
