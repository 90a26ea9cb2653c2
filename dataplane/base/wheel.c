/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Level l has 64 slots of 64^l ticks each. A timer sits at the level of the highest 6-bit digit
 * in which its tick differs from the current one, so everything at level l lies in the same
 * level l+1 slot as "now": within a level, the next event is the next set bit of a word.
 *
 * Invariants:
 *  (1) A timer with tick <= cur is on the due list or the spill list, every other one in a slot
 *      after cur's digit at its level, or on the spill list.
 *  (2) occupied[l] has bit s set exactly when slots[l][s] is not empty.
 */

#include "base/wheel.h"

#include <string.h>

#define DIGIT_MASK (WHEEL_SLOTS - 1)

void wheel_init(struct wheel *w, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->cur = now_us >> WHEEL_TICK_SHIFT;
}

static void link_at(struct wheel_timer **head, struct wheel_timer *t)
{
	t->next = *head;
	t->pprev = head;
	if (t->next != NULL)
		t->next->pprev = &t->next;
	*head = t;
}

static void place(struct wheel *w, struct wheel_timer *t)
{
	if (t->tick <= w->cur) {
		t->level = WHEEL_LEVELS;
		link_at(&w->due, t);
		return;
	}
	unsigned level = (63 - (unsigned)__builtin_clzll(t->tick ^ w->cur)) / WHEEL_BITS;

	t->slot = (t->tick >> (level * WHEEL_BITS)) & DIGIT_MASK;
	t->level = level & 15;
	w->occupied[level] |= UINT64_C(1) << t->slot;
	link_at(&w->slots[level][t->slot], t);
}

static void unlink_timer(struct wheel *w, struct wheel_timer *t)
{
	*t->pprev = t->next;
	if (t->next != NULL)
		t->next->pprev = t->pprev;
	t->pprev = NULL;
	if (t->level < WHEEL_LEVELS && w->slots[t->level][t->slot] == NULL)
		w->occupied[t->level] &= ~(UINT64_C(1) << t->slot);
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t deadline_us)
{
	if (t->pprev != NULL)
		unlink_timer(w, t);
	else
		w->nb_armed++;
	/* Rounded up: a timer must not fire early. */
	const uint64_t tick = (deadline_us >> WHEEL_TICK_SHIFT) +
			      ((deadline_us & ((1u << WHEEL_TICK_SHIFT) - 1)) != 0);

	t->tick = tick < WHEEL_TICK_MAX ? tick & WHEEL_TICK_MAX : WHEEL_TICK_MAX;
	place(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (t->pprev == NULL)
		return;
	unlink_timer(w, t);
	w->nb_armed--;
}

/*
 * The first tick after cur at which a slot begins that holds timers, and that slot. Lower levels
 * come first in time, by invariant (1).
 */
static bool next_slot(const struct wheel *w, uint64_t *ret_tick, unsigned *ret_level,
		      unsigned *ret_slot)
{
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		unsigned digit = (w->cur >> (l * WHEEL_BITS)) & DIGIT_MASK;
		uint64_t after =
			digit == DIGIT_MASK ? 0 : w->occupied[l] & (~UINT64_C(0) << (digit + 1));

		if (after == 0)
			continue;
		unsigned slot = (unsigned)__builtin_ctzll(after);
		uint64_t base = w->cur >> (l * WHEEL_BITS) & ~(uint64_t)DIGIT_MASK;

		*ret_tick = (base | slot) << (l * WHEEL_BITS);
		*ret_level = l;
		*ret_slot = slot;
		return true;
	}
	return false;
}

/* At most <max> timers from where they wait to where they belong now. */
static void drain_spill(struct wheel *w, uint32_t max)
{
	struct wheel_timer *t;

	while ((t = w->spill) != NULL && max-- > 0) {
		w->spill = t->next;
		if (t->next != NULL)
			t->next->pprev = &w->spill;
		place(w, t);
	}
}

/* The list of a high slot is moved, however long it is; the first of it are placed now. */
static void spill(struct wheel *w, struct wheel_timer *t)
{
	drain_spill(w, UINT32_MAX); /* an earlier one: its minute is over */
	w->spill = t;
	t->pprev = &w->spill;
	drain_spill(w, WHEEL_SPILL_STEP);
}

static void advance(struct wheel *w, uint64_t target)
{
	while (w->cur < target) {
		uint64_t tick;
		unsigned level, slot;

		if (!next_slot(w, &tick, &level, &slot) || tick > target) {
			w->cur = target;
			return;
		}
		w->cur = tick;
		struct wheel_timer *t = w->slots[level][slot];

		w->slots[level][slot] = NULL;
		w->occupied[level] &= ~(UINT64_C(1) << slot);
		if (level >= WHEEL_SPILL_LEVEL) {
			spill(w, t);
			continue;
		}
		while (t != NULL) {
			struct wheel_timer *next = t->next;

			place(w, t);
			t = next;
		}
	}
}

struct wheel_timer *wheel_pop(struct wheel *w, uint64_t now_us)
{
	drain_spill(w, WHEEL_SPILL_STEP);
	if (w->due == NULL)
		advance(w, now_us >> WHEEL_TICK_SHIFT);
	struct wheel_timer *t = w->due;

	if (t != NULL)
		wheel_cancel(w, t);
	return t;
}

uint64_t wheel_next_us(const struct wheel *w)
{
	uint64_t tick;
	unsigned level, slot;

	if (w->due != NULL || w->spill != NULL)
		return w->cur << WHEEL_TICK_SHIFT;
	if (!next_slot(w, &tick, &level, &slot))
		return UINT64_MAX;
	return tick << WHEEL_TICK_SHIFT;
}
