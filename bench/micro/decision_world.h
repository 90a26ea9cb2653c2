/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Snapshots to decide by: many policies, a thousand tags, many devices. Sixteen access proxies; a
 * policy is for one to three of them, asks for nested tags, and one in eight for a source. The
 * same numbers in each run.
 */

#pragma once

#include "bench/micro/row.h"
#include "tests/lib/snap_fixture.h"

#define WORLD_TAGS 1000u
#define WORLD_PROXIES 16u
#define WORLD_POSTURES 4000u /* distinct tag sets of the fleet */

/* What the decision on a device ends with, under access proxy 0. */
enum world_kind {
	WORLD_FIRST, /* the first policy accepts */
	WORLD_LAST,  /* the last one does */
	WORLD_NONE,  /* no policy's tags: implicit deny */
	WORLD_DENY,  /* the last but one denies */
	WORLD_MIXED, /* whichever policy comes first for some ten tags at random */
	WORLD__KINDS
};

struct world {
	struct snap_fixture f;
	struct snap_view v;
	uint32_t nb_devices;
	uint32_t nb_postures;
	uint32_t posture[WORLD_POSTURES + WORLD__KINDS];
};

/*
 * <is_interleaved>: the worst order for a search by bitmaps; every other policy is for another
 * access proxy, and its tags are those of WORLD_NONE.
 */
void world_make(struct world *w, uint32_t nb_policies, uint32_t nb_devices, bool is_interleaved);
void world_free(struct world *w);

/* Device <n> of the world is of kind n % WORLD__KINDS. */
static inline enum world_kind world_kind_of(uint64_t n)
{
	return (enum world_kind)(n % WORLD__KINDS);
}

/* Replace the record of device <n>, with another tag set of its kind, in the draft. */
void world_change(struct world *w, uint32_t n, struct row_rng *rng);
void world_change_to(struct world *w, uint32_t n, uint32_t posture);
/* Another tag set, that no device has yet. */
uint32_t world_new_posture(struct world *w, struct row_rng *rng);
