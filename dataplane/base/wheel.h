/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A hierarchical timer wheel: arm and cancel are O(1), advancing costs what expires and one step
 * per level otherwise, however long nothing happened. There are no callbacks: wheel_pop() hands
 * out what is due, one timer at a time, and the owner finds itself by container_of.
 *
 * Timers never fire early; they fire late by at most one tick (256 us) plus the caller's own
 * lateness. One that was armed more than a minute ahead together with more than WHEEL_SPILL_STEP
 * others is late by up to as many calls of wheel_pop() as it takes to look at those, so that no
 * call takes long because a million timers come near at once.
 *
 * Time is an argument in microseconds, from any origin, and must not run backwards. One thread owns
 * a wheel and its timers.
 */

#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_TICK_SHIFT 8 /* one tick is 256 us */
#define WHEEL_BITS 6
#define WHEEL_SLOTS (1u << WHEEL_BITS)
#define WHEEL_LEVELS 8      /* 48 bits of ticks, of which a timer uses 44 */
#define WHEEL_SPILL_LEVEL 3 /* whose slots are 67 s */
#define WHEEL_SPILL_STEP 1024u
#define WHEEL_TICK_MAX ((UINT64_C(1) << 44) - 1)

struct wheel_timer {
	struct wheel_timer *next;
	struct wheel_timer **pprev; /* NULL: not armed */
	uint64_t tick : 44;         /* 142 years of them */
	uint64_t level : 4;         /* WHEEL_LEVELS: on the due list */
	uint64_t slot : 8;
	uint64_t kind : 8; /* the owner's: which of several timers in one object this is */
};
static_assert(sizeof(struct wheel_timer) == 24, "a connection has several");

struct wheel {
	uint64_t cur; /* every timer with tick <= cur is on the due list */
	struct wheel_timer *due;
	struct wheel_timer *spill; /* of a high slot that has begun, to be placed anew */
	uint32_t nb_armed;
	uint64_t occupied[WHEEL_LEVELS];
	struct wheel_timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* In place; <now_us> is where the wheel's time starts. */
void wheel_init(struct wheel *w, uint64_t now_us);
/*
 * Arm, or move when armed already. A deadline in the past is due at once, one that is more than 142
 * years from the clock's origin then.
 */
void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t deadline_us);
/* Does nothing when <t> is not armed. A zeroed timer is a valid one that is not armed. */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
/* One timer that is due at <now_us>, no longer armed; NULL when there are no more. */
struct wheel_timer *wheel_pop(struct wheel *w, uint64_t now_us);
/*
 * When wheel_pop() is worth calling next: never after the first deadline, at times before it;
 * UINT64_MAX when nothing is armed.
 */
uint64_t wheel_next_us(const struct wheel *w);

static inline bool wheel_timer_is_armed(const struct wheel_timer *t)
{
	return t->pprev != NULL;
}

/* When <t> fires, rounded up to a tick. Only for an armed timer. */
static inline uint64_t wheel_timer_deadline_us(const struct wheel_timer *t)
{
	return (uint64_t)t->tick << WHEEL_TICK_SHIFT;
}
