/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A slice is a run of bytes that somebody else owns: parsing code passes slices, never a bare
 * pointer. It is valid as long as the buffer behind it is; each function that returns one says
 * which buffer that is.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct slice {
	const uint8_t *ptr;
	size_t len;
};

/* Writable space that somebody else owns. */
struct slice_mut {
	uint8_t *ptr;
	size_t cap;
};

#define SLICE_LIT(s) ((struct slice){(const uint8_t *)(s), sizeof(s) - 1})
#define SLICE_EMPTY ((struct slice){NULL, 0})

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ptr, len};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, s == NULL ? 0 : strlen(s)};
}

/* The rest of <s> after its first <n> bytes; empty when there are fewer. */
static inline struct slice slice_skip(struct slice s, size_t n)
{
	return n >= s.len ? (struct slice){s.ptr + s.len, 0} : (struct slice){s.ptr + n, s.len - n};
}

static inline bool slice_is_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case is ignored. Neither side may hold a NUL byte that matters. */
static inline bool slice_is_equal_nocase(struct slice a, struct slice b)
{
	return a.len == b.len &&
	       (a.len == 0 || strncasecmp((const char *)a.ptr, (const char *)b.ptr, a.len) == 0);
}
