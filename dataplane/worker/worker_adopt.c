/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Following the published snapshot.
 *
 * The worker decides with one version at a time, <view>, across loops, and checks the next one
 * against it. So <view> must stay whole until then, although RCU promises that only for what was
 * loaded after the last report of quiescence. Hence two rules:
 *
 *  (1) Quiescence is reported only while <view> is the published version. When it is not, the
 *      next loop adopts first. While the published one is refused, nothing is reported: the
 *      control plane must not reuse the pages that we go on deciding with.
 *  (2) After the report the root is loaded again. Still the same: <view> was loaded after the
 *      report and is safe until the next one. Not the same (a publish fell between the two, a
 *      matter of nanoseconds): <view> may be written over at any moment, and the new version is
 *      taken at once and checked from the beginning, without touching the old.
 *
 * XXX: should the version of rule (2) be refused as well, the old one goes on being used though it
 * may be written over; that takes a control plane that writes rubbish in just those nanoseconds.
 */

#include "base/count.h"
#include "common/shm/rcu.h"
#include "worker/worker_priv.h"

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
	/* Release: who sees the generation sees its effect on counters and records. */
	atomic_store_explicit(&me->generation, w->view_generation, memory_order_release);
}

static void follow(struct worker *w, const struct snap_view *prev, uint64_t now_us)
{
	const uint64_t generation =
		atomic_load_explicit(&w->shm->rdv->generation, memory_order_acquire);
	const uint64_t root_off = load_root(w);

	if (root_off != 0 && (root_off != w->refused_off || generation != w->refused_generation))
		adopt(w, root_off, generation, prev, now_us);
}

void worker_adopt(struct worker *w, uint64_t now_us)
{
	if (!is_current(w))
		follow(w, w->view.root == NULL ? NULL : &w->view, now_us);
}

void worker_quiesce(struct worker *w, uint64_t now_us)
{
	struct rdv *rdv = w->shm->rdv;

	atomic_store_explicit(&rdv->worker[w->index].heartbeat_ms, now_us / 1000,
			      memory_order_relaxed);
	/* Rule (1). Without any version there is nothing to hold back. */
	if (w->view.root != NULL && !is_current(w))
		return;
	rcu_worker_quiescent(rdv, w->index);
	/* Rule (2). */
	if (w->view.root != NULL && !is_current(w))
		follow(w, NULL, now_us);
}
