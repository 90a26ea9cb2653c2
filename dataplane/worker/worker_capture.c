/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Switching a capture on and off between two bursts.
 *
 *	[off] --- a new number, the filter passes ---> [on] --- <until_ms> has passed -+
 *	  ^                                                     or a new number        |
 *	  +--- all was read, or nobody reads: the ring is wiped --- [wiping] <---------+
 *
 * While off this costs one relaxed load of the mailbox's line.
 */

#include "worker/worker_priv.h"

#include <string.h>

#define WIPE_PER_LOOP 65536u
#define WIPE_AFTER_US 3000000u /* whoever was to read the rest has had the time */

static void store(_Atomic(uint64_t) *at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

static void stop(struct worker *w, uint64_t now_us)
{
	w->port.capture = NULL;
	w->capture.is_on = false;
	w->capture.wiped = 0;
	w->capture.wipe_us = now_us + WIPE_AFTER_US;
	w->capture.is_wiping = true;
}

/* A new request, or word that there is none any more. */
static void take_up(struct worker *w, uint64_t seq, uint64_t now_us)
{
	struct worker_capture *wc = &w->capture;
	const struct rdv_capture *r = &w->shm->rdv->capture;
	struct capture_state *state = &w->feedback->capture;

	/* Pairs with the control plane's release: the request is whole. */
	atomic_thread_fence(memory_order_acquire);
	wc->seq = seq;
	if (wc->is_on)
		stop(w, now_us);
	if (atomic_load_explicit(&r->until_ms, memory_order_relaxed) > now_us / 1000) {
		const bool is_ok = capture_begin(&wc->c, r, seq);

		atomic_store_explicit(&state->is_refused, !is_ok, memory_order_relaxed);
		wc->is_on = is_ok;
		wc->is_wiping = false;
		w->port.capture = is_ok ? &wc->c : NULL;
	}
	/* Pairs with the control plane's acquire: no record of an earlier request comes after. */
	store(&state->seq, seq);
}

/* What was captured does not stay in shared memory. */
static void wipe(struct worker *w, uint64_t now_us)
{
	struct worker_capture *wc = &w->capture;
	const uint64_t tail = atomic_load_explicit(wc->c.tail, memory_order_acquire);

	if (wc->wiped == 0 && tail != wc->c.head && now_us < wc->wipe_us)
		return;
	memset(wc->c.ring + wc->wiped, 0, WIPE_PER_LOOP);
	wc->wiped += WIPE_PER_LOOP;
	wc->is_wiping = wc->wiped < CAPTURE_RING;
}

static_assert(CAPTURE_RING % WIPE_PER_LOOP == 0);

void worker_capture_init(struct worker *w)
{
	w->capture.c.state = &w->feedback->capture;
	w->capture.c.ring = shm_feedback_ring(w->shm, w->index);
	w->capture.c.tail = &w->shm->rdv->capture_tail[w->index].tail;
	/* The feedback file is new: what the tail counted was another one. */
	w->capture.c.head = atomic_load_explicit(w->capture.c.tail, memory_order_relaxed);
	store(&w->feedback->capture.head, w->capture.c.head);
	w->capture.seq = atomic_load(&w->shm->rdv->mailbox[w->index].capture_seq);
	store(&w->feedback->capture.seq, w->capture.seq);
}

uint32_t worker_capture(struct worker *w, uint64_t now_us)
{
	struct worker_capture *wc = &w->capture;
	const struct rdv *rdv = w->shm->rdv;
	const uint64_t seq =
		atomic_load_explicit(&rdv->mailbox[w->index].capture_seq, memory_order_relaxed);

	if (seq != wc->seq)
		take_up(w, seq, now_us);
	if (wc->is_on &&
	    atomic_load_explicit(&rdv->capture.until_ms, memory_order_relaxed) <= now_us / 1000)
		stop(w, now_us);
	if (wc->is_wiping)
		wipe(w, now_us);
	return wc->is_wiping && wc->wiped > 0;
}
