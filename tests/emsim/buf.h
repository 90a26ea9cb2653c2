/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Growing byte buffers and the few conversions that every part of the simulator needs.
 *
 * A simulator has nothing sensible to do without memory, so a failed allocation ends the
 * process with a message and no function here reports it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t len;
	size_t cap;
};

/* calloc() that ends the process when memory is out. */
void *xcalloc(size_t nb, size_t size);

/* realloc() to <nb> elements of <size> that ends the process when memory is out. */
void *xrealloc(void *p, size_t nb, size_t size);

/* Make room for <extra> more bytes and a closing NUL. */
void buf_reserve(struct buf *b, size_t extra);

/* Append; the buffer is always NUL terminated after one of these. */
void buf_add(struct buf *b, const void *p, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_u64(struct buf *b, uint64_t v);
void buf_hex(struct buf *b, const uint8_t *p, size_t len, bool upper);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append <s> as a JSON string with its quotes, escaped (RFC 8259 7). */
void buf_json(struct buf *b, const char *s);

/* Drop the first <n> bytes. */
void buf_consume(struct buf *b, size_t n);

void buf_reset(struct buf *b);
void buf_free(struct buf *b);

/* Decimal digits only, no sign, no overflow: 0 or -EINVAL. */
[[nodiscard]] int parse_u64(const char *s, uint64_t *ret_v);

/* Exactly <len> bytes from 2 * <len> hex digits, either case, then the end: 0 or -EINVAL. */
[[nodiscard]] int parse_hex(const char *s, uint8_t *out, size_t len);

/* Copy as much of <src> as fits; the result is always terminated. */
void copy_str(char *dst, size_t cap, const char *src);
