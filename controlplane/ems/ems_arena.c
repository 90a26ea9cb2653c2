/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_arena.h"

#include <jansson.h>

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define PIECE (1u << 20)
#define KEEP_MAX 16u /* pieces that wait for the next page */

struct piece {
	struct piece *next;
	size_t cap;
	alignas(max_align_t) uint8_t bytes[];
};

struct arena {
	struct piece *used, *spare; /* <used>: the one in use first */
	size_t len;                 /* of the first */
	bool is_active, is_taken;
};

static _Thread_local struct arena arena;
static bool is_installed; /* before there are threads */

static struct piece *piece_get(size_t len)
{
	struct piece *p = arena.spare;

	if (p != NULL && p->cap >= len) {
		arena.spare = p->next;
		return p;
	}

	const size_t cap = len > PIECE ? len : PIECE;

	p = malloc(sizeof(*p) + cap);
	if (p != NULL)
		p->cap = cap;
	return p;
}

static void *arena_take(size_t len)
{
	/* jansson frees what it could not get: 0 bytes are some, too. */
	len = (len + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (arena.used == NULL || arena.used->cap - arena.len < len) {
		struct piece *p = piece_get(len);

		if (p == NULL)
			return NULL;
		p->next = arena.used;
		arena.used = p;
		arena.len = 0;
	}

	void *ptr = arena.used->bytes + arena.len;

	arena.len += len;
	return ptr;
}

static void *take(size_t len)
{
	return arena.is_active ? arena_take(len) : malloc(len);
}

/* Between begin and end the parser gives back only what it took since. */
static void give(void *ptr)
{
	if (!arena.is_active)
		free(ptr);
}

void ems_arena_install(void)
{
	json_set_alloc_funcs(take, give);
	is_installed = true;
}

bool ems_arena_begin(void)
{
	if (!is_installed || arena.is_taken)
		return false;
	arena.is_active = arena.is_taken = true;
	return true;
}

void ems_arena_end(void)
{
	arena.is_active = false;
}

void ems_arena_reset(void)
{
	unsigned nb = 0;

	for (struct piece *p = arena.spare; p != NULL; p = p->next)
		nb++;
	while (arena.used != NULL) {
		struct piece *p = arena.used;

		arena.used = p->next;
		if (nb >= KEEP_MAX || p->cap > PIECE) {
			free(p);
			continue;
		}
		p->next = arena.spare;
		arena.spare = p;
		nb++;
	}
	arena.len = 0;
	arena.is_taken = false;
}

void ems_arena_thread_fini(void)
{
	ems_arena_reset();
	while (arena.spare != NULL) {
		struct piece *p = arena.spare;

		arena.spare = p->next;
		free(p);
	}
}
