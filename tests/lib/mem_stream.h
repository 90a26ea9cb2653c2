/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A stream over two byte queues in memory. Queues are bounded and give out runs of at most
 * <max_run> bytes, so that a test can make every read short and every send queue tiny.
 */

#pragma once

#include "base/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem_queue {
	uint8_t *buf; /* <cap> bytes, a ring */
	size_t cap, head, len;
	size_t max_run;
	size_t limit;   /* at most that many bytes in it, <= cap */
	bool is_closed; /* the writer sends no more */
};

struct mem_stream {
	struct stream stream;
	struct mem_queue *in, *out; /* not owned */
};

void mem_queue_init(struct mem_queue *q, size_t cap, size_t max_run);
void mem_queue_fini(struct mem_queue *q);
/* Copy in what fits, copy out what is there; both return how much. */
size_t mem_queue_put(struct mem_queue *q, const void *buf, size_t len);
size_t mem_queue_get(struct mem_queue *q, void *buf, size_t cap);

void mem_stream_init(struct mem_stream *s, struct mem_queue *in, struct mem_queue *out);
