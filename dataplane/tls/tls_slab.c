/* SPDX-License-Identifier: BSD-3-Clause */

/*
 *	space   64 KiB chunks in one reserved range, so that a pointer says whether it is ours
 *	chunk   its header, then pieces of one size; of one thread for ever
 *	heap    a thread's: per size a list of free pieces, and the chunk being cut up
 *
 * Pieces freed by another thread are pushed on the owner's list of returns, a lock-free stack that
 * only its owner empties, and all at once: there is no ABA. A heap outlives its thread, for
 * pieces that others still hold; there are as many as workers.
 *
 * Invariants:
 *  (1) Lists of a heap are touched by its thread only, <returned> excepted.
 *  (2) A chunk's header is written before a piece of it is given out, and never after.
 *  (3) Chunks are not given back: what was needed at the peak stays for the next one.
 */

#include "tls/tls_slab.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define CHUNK 65536u
#define SPACE (UINT64_C(1) << 36) /* 64 GiB of addresses; memory as it is touched */
#define STEP 16u
#define SMALL 1024u /* sizes in steps up to here, then in quarters of powers of two */
#define LARGEST 20480u
#define NB_SMALL (SMALL / STEP)
#define NB_SIZES (NB_SMALL + 18u)

/* A free one; where the next lies is masked, so that a stray write does not steer the list. */
struct piece {
	uintptr_t next;
};

struct heap {
	struct piece *free[NB_SIZES];
	uint8_t *cut[NB_SIZES], *cut_end[NB_SIZES];
	/* Others push, the owner takes all. */
	_Alignas(64) _Atomic(struct piece *) returned;
};

struct chunk {
	struct heap *owner;
	uint32_t size_idx;
	uint32_t size;
};

static struct {
	uint8_t *start; /* NULL: no slab */
	uintptr_t mask;
	_Atomic(uint64_t) used;
} space;

static _Thread_local struct heap *mine;

/* Sanitizers want to see each piece come and go. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_watched = true;
#else
static const bool is_watched = false;
#endif

static struct piece *next_of(const struct piece *p)
{
	return (struct piece *)(p->next ^ space.mask);
}

static void set_next(struct piece *p, const struct piece *next)
{
	p->next = (uintptr_t)next ^ space.mask;
}

bool slab_init(void)
{
	if (is_watched)
		return true;
	void *p = mmap(NULL, SPACE + CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		return false;
	if (getrandom(&space.mask, sizeof(space.mask), 0) != sizeof(space.mask)) {
		(void)munmap(p, SPACE + CHUNK);
		return false;
	}
	space.start = (uint8_t *)(((uintptr_t)p + CHUNK - 1) & ~(uintptr_t)(CHUNK - 1));
	return true;
}

/* Above SMALL: 1280, 1536, 1792, 2048, 2560, ... 16384, 20480. */
static uint32_t size_idx_of(size_t len)
{
	if (len <= SMALL)
		return len == 0 ? 0 : (uint32_t)((len - 1) / STEP);

	const unsigned log = 63 - (unsigned)__builtin_clzll(len - 1);
	const uint32_t quarter = (uint32_t)((len - 1) >> (log - 2)) & 3;

	return NB_SMALL + (log - 10) * 4 + quarter;
}

static uint32_t size_of_idx(uint32_t idx)
{
	if (idx < NB_SMALL)
		return (idx + 1) * STEP;
	idx -= NB_SMALL;
	return (5 + idx % 4) << (8 + idx / 4);
}

static bool is_ours(const void *p)
{
	return (uintptr_t)p - (uintptr_t)space.start < SPACE && space.start != NULL;
}

static struct chunk *chunk_of(void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK - 1));
}

/* A chunk of <h> for pieces of size <idx>, none cut yet. */
static bool add_chunk(struct heap *h, uint32_t idx)
{
	const uint64_t at = atomic_fetch_add(&space.used, CHUNK);
	struct chunk *c;

	if (at + CHUNK > SPACE || mprotect(space.start + at, CHUNK, PROT_READ | PROT_WRITE) != 0)
		return false;
	c = (struct chunk *)(space.start + at);
	*c = (struct chunk){.owner = h, .size_idx = idx, .size = size_of_idx(idx)};
	h->cut[idx] = (uint8_t *)c + 64;
	h->cut_end[idx] = (uint8_t *)c + CHUNK;
	return true;
}

/* What others freed, back into the lists. */
static void take_returned(struct heap *h)
{
	struct piece *p = atomic_exchange_explicit(&h->returned, NULL, memory_order_acquire);

	while (p != NULL) {
		struct piece *next = next_of(p);
		const uint32_t idx = chunk_of(p)->size_idx;

		set_next(p, h->free[idx]);
		h->free[idx] = p;
		p = next;
	}
}

/* The list is empty. NULL: no more memory. */
static void *alloc_slowly(struct heap *h, uint32_t idx)
{
	const uint32_t size = size_of_idx(idx);

	if (atomic_load_explicit(&h->returned, memory_order_relaxed) != NULL) {
		take_returned(h);
		struct piece *p = h->free[idx];
		if (p != NULL) {
			h->free[idx] = next_of(p);
			return p;
		}
	}
	if ((size_t)(h->cut_end[idx] - h->cut[idx]) < size && !add_chunk(h, idx))
		return NULL;

	void *p = h->cut[idx];

	h->cut[idx] += size;
	return p;
}

static struct heap *heap_of_thread(void)
{
	if (mine == NULL)
		mine = aligned_alloc(64, (sizeof(*mine) + 63) / 64 * 64);
	else
		return mine;
	if (mine != NULL)
		memset(mine, 0, sizeof(*mine));
	return mine;
}

void *slab_alloc(size_t len, const char *, int)
{
	struct heap *h = mine;

	if (len > LARGEST || space.start == NULL)
		return malloc(len);
	if (h == NULL) {
		h = heap_of_thread();
		if (h == NULL)
			return NULL;
	}

	const uint32_t idx = size_idx_of(len);
	struct piece *p = h->free[idx];

	if (p == NULL)
		return alloc_slowly(h, idx);
	h->free[idx] = next_of(p);
	return p;
}

void slab_free(void *p, const char *, int)
{
	if (!is_ours(p)) {
		free(p);
		return;
	}

	const struct chunk *c = chunk_of(p);
	struct heap *h = c->owner;
	struct piece *piece = p;

	if (h == mine) {
		set_next(piece, h->free[c->size_idx]);
		h->free[c->size_idx] = piece;
		return;
	}

	struct piece *first = atomic_load_explicit(&h->returned, memory_order_relaxed);

	do {
		set_next(piece, first);
	} while (!atomic_compare_exchange_weak_explicit(
		&h->returned, &first, piece, memory_order_release, memory_order_relaxed));
}

void *slab_realloc(void *p, size_t len, const char *file, int line)
{
	if (p == NULL)
		return slab_alloc(len, file, line);
	/* It may shrink to a size of ours, but how long it was is malloc()'s to know. */
	if (!is_ours(p))
		return realloc(p, len);

	const uint32_t size = chunk_of(p)->size;

	if (len <= size && len > size / 2)
		return p;

	void *q = slab_alloc(len, file, line);

	if (q == NULL)
		return NULL;
	memcpy(q, p, len < size ? len : size);
	slab_free(p, file, line);
	return q;
}
