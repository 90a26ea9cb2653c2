/* SPDX-License-Identifier: BSD-3-Clause */

/* Sums over the workers' counters and histograms. */

#pragma once

#include "common/shm/shm.h"
#include "common/stats/outcome.h"

#include <stdbool.h>

uint64_t rest_total(const struct shm *shm, enum outcome o);
/* <is_cut>: from an EMS notification to the cut; else requests. */
void rest_total_histogram(const struct shm *shm, bool is_cut, struct histogram *ret);
