/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Following the published snapshot.
 *
 * The worker decides with one version at a time, <view>, across loops, and checks the next one
 * against it. So <view> must stay whole until another one was taken, although it was loaded before
 * the reports of quiescence in between. Hence the rule: quiescence is reported only while <view> is
 * the published version, and with a token that was taken before that was looked at (rcu.h says why
 * the order matters). When it is not, the next loop adopts first. While the published version is
 * refused, nothing is reported: the control plane must not reuse the pages that we go on deciding
 * with, and it sees in <refused_generation> why it has to wait.
 */

#include "base/count.h"
#include "common/shm/rcu.h"
#include "worker/worker_priv.h"

#include <time.h>

/* Not the loop's time: checking and deciding again are part of how long it took. */
static uint64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* What this thread has used: unlike the time of day it does not grow while others run. */
static uint64_t thread_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static uint64_t load_root(const struct worker *w)
{
	/* Pairs with the control plane's release store: the version's objects are visible. */
	return atomic_load_explicit(&w->shm->rdv->root_off, memory_order_acquire);
}

/*
 * The offset alone may have been reused for a later version; the generation in the root itself
 * tells. As long as the offset is the published one, nobody writes there.
 */
static bool is_current(const struct worker *w)
{
	const uint64_t off = load_root(w);

	if (off != w->view_off || w->view.root == NULL)
		return false;

	const struct snap_root *root = (const struct snap_root *)(w->shm->snapshot + off);

	return atomic_load_explicit((const _Atomic(uint64_t) *)&root->generation,
				    memory_order_relaxed) == w->view_generation;
}

/*
 * The mapping is larger than the file, and reading behind its end is SIGBUS: the check is bounded
 * by the file's real length, which is a system call and so asked for only when a version reaches
 * beyond what was seen.
 */
static int check(struct worker *w, uint64_t root_off, const struct snap_view *prev,
		 struct snap_view *ret)
{
	const int rc = snap_check(w->shm->snapshot, w->snapshot_len, root_off, prev, ret, NULL);

	if (rc == 0)
		return 0;

	const size_t len = shm_snapshot_len(w->shm);

	if (len <= w->snapshot_len)
		return rc;
	w->snapshot_len = len;
	return snap_check(w->shm->snapshot, len, root_off, prev, ret, NULL);
}

static void refuse(struct worker *w, uint64_t root_off, uint64_t generation)
{
	w->refused_off = root_off;
	w->refused_generation = generation;
	count(w->counters, OUTCOME_SNAPSHOT_REFUSED);
	atomic_store_explicit(&w->shm->rdv->worker[w->index].refused_generation, generation,
			      memory_order_relaxed);
}

/* Take the version at <root_off>, checking it against <prev>, which may be NULL. */
static void adopt(struct worker *w, uint64_t root_off, uint64_t generation,
		  const struct snap_view *prev, uint64_t now_us)
{
	struct rdv_worker *me = &w->shm->rdv->worker[w->index];
	struct snap_view next;

	if (check(w, root_off, prev, &next) < 0) {
		refuse(w, root_off, generation);
		return;
	}

	const bool is_new_config =
		w->view.root == NULL || w->view_config_generation != next.root->config_generation;

	w->view = next;
	w->view_off = root_off;
	w->view_generation = next.root->generation;
	w->view_config_generation = next.root->config_generation;
	if (is_new_config)
		worker_configure(w, &w->view, now_us);
	/* A service that could not be set up is counted there; the rest must go on. */
	(void)session_worker_adopt(w->session, &w->view, now_us);
	count(w->counters, OUTCOME_SNAPSHOT_ADOPTED);
	atomic_store_explicit(&me->config_generation, w->view_config_generation,
			      memory_order_relaxed);
	atomic_store_explicit(&me->adopted_us, monotonic_us(), memory_order_relaxed);
	/* Release: who sees the generation sees its time and its effect on the counters. */
	atomic_store_explicit(&me->generation, w->view_generation, memory_order_release);
}

void worker_adopt(struct worker *w, uint64_t now_us)
{
	if (is_current(w))
		return;

	const uint64_t generation =
		atomic_load_explicit(&w->shm->rdv->generation, memory_order_acquire);
	const uint64_t root_off = load_root(w);

	if (root_off != 0 && (root_off != w->refused_off || generation != w->refused_generation)) {
		const uint64_t began = thread_us();

		adopt(w, root_off, generation, w->view.root == NULL ? NULL : &w->view, now_us);
		peaks_add(&w->feedback->adopt_us, now_us, (uint32_t)(thread_us() - began));
	}
}

void worker_quiesce(struct worker *w, uint64_t now_us)
{
	struct rdv *rdv = w->shm->rdv;
	const uint64_t token = rcu_worker_token(rdv);

	atomic_store_explicit(&rdv->worker[w->index].heartbeat_ms, now_us / 1000,
			      memory_order_relaxed);
	/* Without any version there is nothing to hold back. */
	if (w->view.root == NULL || is_current(w))
		rcu_worker_report(rdv, w->index, token);
}
