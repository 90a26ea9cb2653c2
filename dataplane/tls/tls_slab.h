/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The memory that libcrypto and libssl live in: free lists by size, per thread. A handshake makes
 * and frees some thousands of small pieces, of always the same sizes; what it frees is what the
 * next one takes, without a lock and without merging and splitting.
 *
 * A piece may be freed by any thread: it goes back to the thread whose chunk it lies in.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Reserve address space. False: not to be had; then slab_alloc() and the others are malloc() and
 * its kin. Before the first of them.
 */
bool slab_init(void);

/* As malloc(), realloc() and free(); <file> and <line> are OpenSSL's and not looked at. */
void *slab_alloc(size_t len, const char *file, int line);
void *slab_realloc(void *p, size_t len, const char *file, int line);
void slab_free(void *p, const char *file, int line);
