/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Counting outcomes. A worker's counters are the array in its feedback page itself, so that
 * nothing has to be copied there: the worker is the only writer, and the control plane reads
 * each counter at any moment. Relaxed loads and stores are enough for that and cost what plain
 * ones do.
 */

#pragma once

#include "common/stats/outcome.h"

#include <stdatomic.h>
#include <stdint.h>

/* <counters> is indexed by enum outcome and never NULL. */
static inline void count_add(uint64_t *counters, enum outcome o, uint64_t n)
{
	_Atomic(uint64_t) *c = (_Atomic(uint64_t) *)&counters[o];

	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void count(uint64_t *counters, enum outcome o)
{
	count_add(counters, o, 1);
}
