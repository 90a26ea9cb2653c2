/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunked bodies. Where the bytes are cut must not matter: fed whole and fed in pieces, whose
 * sizes the input itself chooses, they give the same payload, end and verdict.
 */
#include "http/h1.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct result {
	int rc;
	size_t used, len;
	uint64_t hash; /* FNV-1a of the payload */
	bool is_done;
};

static void take(struct result *r, struct slice data)
{
	for (size_t i = 0; i < data.len; i++)
		r->hash = (r->hash ^ data.ptr[i]) * UINT64_C(0x100000001b3);
	r->len += data.len;
}

static void feed(struct h1_body *b, struct slice in, struct result *r)
{
	while (in.len > 0 && !b->is_done && r->rc == 0) {
		struct slice data = SLICE_EMPTY;
		size_t used = 0;
		r->rc = h1_body_decode(b, in, &data, &used);
		if (r->rc < 0)
			return;
		must(used > 0 && used <= in.len && data.len <= used);
		must(data.len == 0 ||
		     (data.ptr >= in.ptr && data.ptr + data.len <= in.ptr + in.len));
		take(r, data);
		r->used += used;
		in = slice_skip(in, used);
	}
}

/* <seed> 0: all at once; otherwise pieces of 1 to 16 bytes. */
static struct result decode(struct slice in, uint32_t seed)
{
	static struct h1_head head = {.framing = H1_BODY_CHUNKED};
	struct result r = {.hash = UINT64_C(0xcbf29ce484222325)};
	struct h1_body b;

	h1_body_init(&b, &head);
	for (size_t at = 0; at < in.len;) {
		size_t n = in.len - at;
		if (seed != 0) {
			seed = seed * 1664525 + 1013904223;
			n = 1 + (seed >> 28) < n ? 1 + (seed >> 28) : n;
		}
		feed(&b, slice_of(in.ptr + at, n), &r);
		at += n;
	}
	r.is_done = b.is_done;
	must(h1_body_is_complete_at_eof(&b) == r.is_done);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice in = slice_of(data, len);
	const struct result whole = decode(in, 0);
	uint32_t seed = (uint32_t)len | 1;

	for (unsigned i = 0; i < 4; i++, seed = seed * 69069 + 1) {
		const struct result r = decode(in, seed | 1);
		must(r.rc == whole.rc && r.is_done == whole.is_done);
		must(r.rc != 0 ||
		     (r.len == whole.len && r.hash == whole.hash && r.used == whole.used));
	}
	if (whole.rc == 0 && whole.len > 0) {
		char head[20];
		must(h1_chunk_header(head, whole.len) <= sizeof(head));
	}
	return 0;
}
