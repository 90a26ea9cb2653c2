/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Record rings: one writer (a worker), one reader (the control plane), in two processes.
 */

#pragma once

#include "common/shm/shm.h"

/* Worker's handle to its ring. */
struct record_ring {
	struct record *slot;
	struct feedback_worker *fw;
	const struct rdv *rdv;
	uint64_t epoch; /* of this feedback file */
	uint32_t worker;
	uint32_t mask;
};

/* <shm> with feedback created; <worker> in range. */
void record_ring_init(struct record_ring *r, const struct shm *shm, uint32_t worker);
/* Room for a record to fill, or NULL: full, counted by the caller as RECORD_DROPPED. */
struct record *record_ring_reserve(struct record_ring *r);
/* Publish what reserve returned. */
void record_ring_commit(struct record_ring *r);

/*
 * Reader: copy up to <cap> records of <worker> that were not read yet and advance the shared
 * tail. Returns how many. A head that makes no sense (further ahead than the ring is long) skips
 * to it and stores the number lost in <ret_lost>, which is 0 otherwise. The bytes are the data
 * plane's: the caller checks every field.
 */
uint32_t record_ring_read(const struct shm *shm, uint32_t worker, struct record *ret, uint32_t cap,
			  uint64_t *ret_lost);
