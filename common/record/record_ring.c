/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/record/record.h"

#include <string.h>

void record_ring_init(struct record_ring *r, const struct shm *shm, uint32_t worker)
{
	*r = (struct record_ring){
		.slot = shm_feedback_records(shm, worker),
		.fw = shm_feedback_worker(shm, worker),
		.rdv = shm->rdv,
		.epoch = shm->feedback_epoch,
		.worker = worker,
		.mask = shm->fb_records - 1,
	};
}

struct record *record_ring_reserve(struct record_ring *r)
{
	uint64_t head = atomic_load_explicit(&r->fw->head, memory_order_relaxed);
	uint64_t tail = 0;

	/*
	 * Before the control plane has turned to this file its tail counts another one's records.
	 */
	if (atomic_load_explicit(&r->rdv->consumer_epoch, memory_order_acquire) == r->epoch)
		tail = atomic_load_explicit(&r->rdv->consumer[r->worker].tail,
					    memory_order_acquire);
	/* A tail beyond the head makes no sense; it reads as a full ring and drops. */
	if (head - tail > r->mask)
		return NULL;
	return &r->slot[head & r->mask];
}

void record_ring_commit(struct record_ring *r)
{
	uint64_t head = atomic_load_explicit(&r->fw->head, memory_order_relaxed);

	atomic_store_explicit(&r->fw->head, head + 1, memory_order_release);
}

uint32_t record_ring_read(const struct shm *shm, uint32_t worker, struct record *ret, uint32_t cap,
			  uint64_t *ret_lost)
{
	const struct feedback_worker *fw = shm_feedback_worker(shm, worker);
	const struct record *slot = shm_feedback_records(shm, worker);

	*ret_lost = 0;
	if (fw == NULL || slot == NULL)
		return 0;
	_Atomic(uint64_t) *shared_tail = &shm->rdv->consumer[worker].tail;
	uint64_t head = atomic_load_explicit(&fw->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(shared_tail, memory_order_relaxed);
	if (head - tail > shm->fb_records) {
		*ret_lost = head > tail ? head - tail : 0;
		atomic_store_explicit(shared_tail, head, memory_order_release);
		return 0;
	}
	uint32_t n = (uint32_t)(head - tail) < cap ? (uint32_t)(head - tail) : cap;
	for (uint32_t i = 0; i < n; i++)
		memcpy(&ret[i], &slot[(tail + i) & (shm->fb_records - 1)], sizeof(ret[i]));
	atomic_store_explicit(shared_tail, tail + n, memory_order_release);
	return n;
}
