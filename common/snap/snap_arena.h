/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Assembles a configuration object (struct snap_config and all that it refers to) front to back
 * in growing memory. What is appended gets an offset that never moves; pointers into the arena
 * are valid until the next append only.
 *
 * Running out of memory or of the 4 GiB that offsets can name is sticky: later calls return empty
 * references and snap_arena_finish() tells, so that a caller checks once, at the end.
 */

#pragma once

#include "common/snap/snap_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snap_arena {
	uint8_t *buf; /* struct snap_config first */
	size_t len;
	size_t cap;
	bool is_failed;
};

/* An arena that holds a zeroed struct snap_config with magic and ABI set. */
void snap_arena_init(struct snap_arena *a);
void snap_arena_fini(struct snap_arena *a);

/* NULL when the arena failed. */
struct snap_config *snap_arena_config(struct snap_arena *a);

/* Copy <len> bytes in. Empty gives {0, 0}. */
struct snap_str snap_arena_str(struct snap_arena *a, const void *ptr, size_t len);
struct snap_str snap_arena_cstr(struct snap_arena *a, const char *s); /* NULL is empty */
/* As snap_arena_str(), but 8-aligned: pattern databases. */
struct snap_str snap_arena_blob(struct snap_arena *a, const void *ptr, size_t len);
/* Copy <count> elements of <size> bytes in, 8-aligned. None gives {0, 0}. */
struct snap_arr snap_arena_arr(struct snap_arena *a, const void *elems, size_t count, size_t size);
/* Make room for <count> zeroed elements, to be filled through snap_arena_at(). */
struct snap_arr snap_arena_reserve(struct snap_arena *a, size_t count, size_t size);
/* Element <idx> of an array of this arena; NULL when the arena failed. */
void *snap_arena_at(struct snap_arena *a, struct snap_arr arr, size_t idx, size_t size);

/*
 * Set snap_config.len and give the finished bytes, which stay the arena's. 0 or -ENOMEM with
 * <ret_ptr> and <ret_len> untouched.
 */
[[nodiscard]] int snap_arena_finish(struct snap_arena *a, const void **ret_ptr, size_t *ret_len);
