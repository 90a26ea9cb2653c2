/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * When things are due: the parts of a run, the opening of connections over a ramp, and the intended
 * start of each request of an open loop. Pure: the time, in cycles of the TSC, is an argument.
 *
 *	RAMP --all are open--> WARM_UP -> WINDOW -+-> HOLD -> END
 *	                          ^               |
 *	                          +--- next rate -+
 *
 * An open loop has no mercy: the request that was due at a moment counts from that moment, however
 * late it could be sent, because all connections were busy or the machine was. A client that
 * counted from when it sent would leave out what users feel (coordinated omission).
 */

#pragma once

#include "bench/load/load.h"

struct schedule {
	/* set once */
	uint64_t hz;
	uint64_t ramp, warm_up, window, hold; /* cycles */
	uint32_t nb_windows;
	/* now */
	enum load_phase phase;
	uint32_t window_idx;
	uint64_t began, ends; /* of the phase */
};

void schedule_init(struct schedule *s, const struct load_options *opt, uint64_t hz);
void schedule_begin(struct schedule *s, uint64_t now);
/*
 * Go to the next phase when it is time; at most one a call. The ramp lasts as long as it takes:
 * until <is_ramped>. <must_stop> ends it all. True: the phase is another one.
 */
bool schedule_advance(struct schedule *s, uint64_t now, bool is_ramped, bool must_stop);

/* When connection <i> of <nb> is to be opened. */
uint64_t schedule_ramp_due(const struct schedule *s, uint32_t i, uint32_t nb);

/* Events at a steady rate. */
struct pacer {
	uint64_t base; /* when the first one is due */
	double period; /* cycles */
	uint64_t k;    /* how many were taken */
	uint64_t due;  /* the next one; UINT64_MAX: there is no rate */
};

/* <rate> a second, the first one <share> of a period from <now> on, so that workers take turns. */
void pacer_start(struct pacer *p, double rate, uint64_t hz, double share, uint64_t now);
void pacer_stop(struct pacer *p);

static inline bool pacer_is_due(const struct pacer *p, uint64_t now)
{
	return p->due <= now;
}

/* The intended time of the event that is due. From the beginning each time: nothing adds up. */
static inline uint64_t pacer_take(struct pacer *p)
{
	const uint64_t due = p->due;

	p->k++;
	p->due = p->base + (uint64_t)((double)p->k * p->period);
	return due;
}

/* How many events are due by <now> and were not taken. */
uint64_t pacer_backlog(const struct pacer *p, uint64_t now);
