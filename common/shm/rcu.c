/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Only what rte_rcu_qsbr does without EAL: its state is plain shared memory, and start, check and
 * the workers' reports are atomic operations on it. rte_rcu_qsbr_synchronize() and the
 * defer-queue need lcores or a ring and stay unused.
 */

#include "common/shm/rcu.h"

#include <rte_rcu_qsbr.h>

#include <errno.h>

/* As rte_rcu_qsbr_get_memsize(): the variable, a counter line per thread, the bitmap. */
static_assert(sizeof(struct rte_rcu_qsbr) + sizeof(struct rte_rcu_qsbr_cnt) * SNAP_MAX_WORKERS +
			      __RTE_QSBR_THRID_ARRAY_SIZE(SNAP_MAX_WORKERS) <=
		      RDV_RCU_SIZE,
	      "rte_rcu_qsbr does not fit the room that the rendezvous file has for it");
static_assert(offsetof(struct rdv, rcu) % __alignof__(struct rte_rcu_qsbr) == 0, "aligned");

static struct rte_rcu_qsbr *qsbr(struct rdv *rdv)
{
	return (struct rte_rcu_qsbr *)rdv->rcu;
}

int rcu_init(struct rdv *rdv)
{
	return rte_rcu_qsbr_init(qsbr(rdv), SNAP_MAX_WORKERS) == 0 ? 0 : -EINVAL;
}

int rcu_worker_register(struct rdv *rdv, uint32_t worker)
{
	if (worker >= SNAP_MAX_WORKERS)
		return -EINVAL;
	if (rte_rcu_qsbr_thread_register(qsbr(rdv), worker) != 0)
		return -EINVAL;
	rte_rcu_qsbr_thread_online(qsbr(rdv), worker);
	return 0;
}

void rcu_worker_unregister(struct rdv *rdv, uint32_t worker)
{
	rte_rcu_qsbr_thread_offline(qsbr(rdv), worker);
	(void)rte_rcu_qsbr_thread_unregister(qsbr(rdv), worker);
}

void rcu_worker_offline(struct rdv *rdv, uint32_t worker)
{
	rte_rcu_qsbr_thread_offline(qsbr(rdv), worker);
}

void rcu_worker_online(struct rdv *rdv, uint32_t worker)
{
	rte_rcu_qsbr_thread_online(qsbr(rdv), worker);
}

void rcu_worker_quiescent(struct rdv *rdv, uint32_t worker)
{
	rte_rcu_qsbr_quiescent(qsbr(rdv), worker);
}

/*
 * The two halves of rte_rcu_qsbr_quiescent(), which DPDK has no names for. It takes the two fields
 * for plain integers and works on them with the same instructions as these.
 */
uint64_t rcu_worker_token(const struct rdv *rdv)
{
	const struct rte_rcu_qsbr *v = (const struct rte_rcu_qsbr *)rdv->rcu;

	/* Pairs with the release in rte_rcu_qsbr_start(). */
	return atomic_load_explicit((const _Atomic(uint64_t) *)&v->token, memory_order_acquire);
}

void rcu_worker_report(struct rdv *rdv, uint32_t worker, uint64_t token)
{
	_Atomic(uint64_t) *cnt = (_Atomic(uint64_t) *)&qsbr(rdv)->qsbr_cnt[worker].cnt;

	/* Release: pairs with the acquire in rte_rcu_qsbr_check(). Unchanged: leave the line be. */
	if (atomic_load_explicit(cnt, memory_order_relaxed) != token)
		atomic_store_explicit(cnt, token, memory_order_release);
}

uint64_t rcu_start(struct rdv *rdv)
{
	return rte_rcu_qsbr_start(qsbr(rdv));
}

bool rcu_is_done(struct rdv *rdv, uint64_t token)
{
	return rte_rcu_qsbr_check(qsbr(rdv), token, false) == 1;
}

void rcu_forget_workers(struct rdv *rdv)
{
	for (uint32_t i = 0; i < SNAP_MAX_WORKERS; i++)
		rcu_worker_unregister(rdv, i);
}
