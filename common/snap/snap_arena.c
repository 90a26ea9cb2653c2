/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/snap/snap_arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_FIRST_CAP 16384u

void snap_arena_fini(struct snap_arena *a)
{
	free(a->buf);
	*a = (struct snap_arena){.is_failed = true};
}

static void fail(struct snap_arena *a)
{
	a->is_failed = true;
}

/* Zeroed room for <len> bytes at a multiple of <align>; its offset, 0 on failure. */
static uint32_t take(struct snap_arena *a, size_t len, size_t align)
{
	size_t off, end;

	if (a->is_failed)
		return 0;
	if (__builtin_add_overflow(a->len, align - 1, &off)) {
		fail(a);
		return 0;
	}
	off &= ~(align - 1);
	if (__builtin_add_overflow(off, len, &end) || end > UINT32_MAX) {
		fail(a);
		return 0;
	}
	if (end > a->cap) {
		size_t cap = a->cap > 0 ? a->cap : ARENA_FIRST_CAP;
		while (cap < end)
			cap *= 2;
		uint8_t *buf = realloc(a->buf, cap);
		if (buf == NULL) {
			fail(a);
			return 0;
		}
		memset(buf + a->cap, 0, cap - a->cap);
		a->buf = buf;
		a->cap = cap;
	}
	a->len = end;
	return (uint32_t)off;
}

void snap_arena_init(struct snap_arena *a)
{
	*a = (struct snap_arena){};
	take(a, sizeof(struct snap_config), 8);
	struct snap_config *cfg = snap_arena_config(a);
	if (cfg == NULL)
		return;
	cfg->magic = SNAP_CONFIG_MAGIC;
	cfg->abi = SNAP_ABI;
}

struct snap_config *snap_arena_config(struct snap_arena *a)
{
	return a->is_failed ? NULL : (struct snap_config *)a->buf;
}

static struct snap_str put_bytes(struct snap_arena *a, const void *ptr, size_t len, size_t align)
{
	if (len == 0)
		return (struct snap_str){};
	uint32_t off = take(a, len, align);
	if (off == 0)
		return (struct snap_str){};
	memcpy(a->buf + off, ptr, len);
	return (struct snap_str){.off = off, .len = (uint32_t)len};
}

struct snap_str snap_arena_str(struct snap_arena *a, const void *ptr, size_t len)
{
	return put_bytes(a, ptr, len, 1);
}

struct snap_str snap_arena_cstr(struct snap_arena *a, const char *s)
{
	return put_bytes(a, s, s == NULL ? 0 : strlen(s), 1);
}

struct snap_str snap_arena_blob(struct snap_arena *a, const void *ptr, size_t len)
{
	return put_bytes(a, ptr, len, 8);
}

struct snap_arr snap_arena_reserve(struct snap_arena *a, size_t count, size_t size)
{
	size_t len;

	if (count == 0)
		return (struct snap_arr){};
	if (__builtin_mul_overflow(count, size, &len)) {
		fail(a);
		return (struct snap_arr){};
	}
	uint32_t off = take(a, len, 8);
	if (off == 0)
		return (struct snap_arr){};
	return (struct snap_arr){.off = off, .count = (uint32_t)count};
}

struct snap_arr snap_arena_arr(struct snap_arena *a, const void *elems, size_t count, size_t size)
{
	struct snap_arr arr = snap_arena_reserve(a, count, size);

	if (arr.count > 0)
		memcpy(a->buf + arr.off, elems, count * size);
	return arr;
}

void *snap_arena_at(struct snap_arena *a, struct snap_arr arr, size_t idx, size_t size)
{
	if (a->is_failed || idx >= arr.count)
		return NULL;
	return a->buf + arr.off + idx * size;
}

int snap_arena_finish(struct snap_arena *a, const void **ret_ptr, size_t *ret_len)
{
	/* The object ends aligned, so that what follows it in a file is. */
	if (a->len % 8 != 0)
		take(a, 8 - a->len % 8, 1);
	struct snap_config *cfg = snap_arena_config(a);
	if (cfg == NULL)
		return -ENOMEM;
	cfg->len = a->len;
	*ret_ptr = a->buf;
	*ret_len = a->len;
	return 0;
}
