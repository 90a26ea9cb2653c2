/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The synthetic fleet: devices that are made from a seed and an index, the same ones each time, so
 * that a test can name the millionth device without asking.
 */
#pragma once

#include "emsim/store.h"

#include <stdint.h>

/* Devices [from, nb) of the fleet <seed>. */
struct synth_params {
	uint64_t from;
	uint64_t nb;
	uint64_t seed;
	uint32_t tags_per_device;
	uint64_t base_time; /* update times count up from here, so a restart finds them again */
};

enum {
	SYNTH_DEFAULT_SEED = 1,
	SYNTH_MAX = 1 << 24
};

/* The UID of the synthetic device <i>. */
void synth_uid(uint64_t seed, uint64_t i, uint8_t out[static UID_LEN]);

/*
 * Add the devices; those whose UID is taken are left alone. The same parameters give the same
 * devices with the same update times.
 */
void synth_fill(struct store *st, const struct synth_params *p);
