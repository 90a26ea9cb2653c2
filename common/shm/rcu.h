/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Grace periods across the two processes: rte_rcu_qsbr in the rendezvous file. It needs no EAL.
 * Worker <i> is thread id <i>.
 */

#pragma once

#include "common/shm/rendezvous_layout.h"

#include <stdbool.h>
#include <stdint.h>

/* Control plane, once per file. */
[[nodiscard]] int rcu_init(struct rdv *rdv);

/* Worker. Online from register until unregister, but for the time between offline and online. */
[[nodiscard]] int rcu_worker_register(struct rdv *rdv, uint32_t worker);
void rcu_worker_unregister(struct rdv *rdv, uint32_t worker);
void rcu_worker_offline(struct rdv *rdv, uint32_t worker); /* before a sleep */
void rcu_worker_online(struct rdv *rdv, uint32_t worker);
/* No reference to any version is held at this moment. */
void rcu_worker_quiescent(struct rdv *rdv, uint32_t worker);
/*
 * For a worker that goes on with the version that it has, once per loop: take the token, then look
 * whether that version is still the published one, and only then report the token. A grace period
 * begins after the store of the root that retires a version, so a token of that grace period or a
 * later one makes that store visible, and the look in between finds it. What is reported therefore
 * never ends the grace period of the version in use, however the publisher's steps fall between.
 */
uint64_t rcu_worker_token(const struct rdv *rdv);
void rcu_worker_report(struct rdv *rdv, uint32_t worker, uint64_t token);

/* Control plane. */
uint64_t rcu_start(struct rdv *rdv);
bool rcu_is_done(struct rdv *rdv, uint64_t token);
/*
 * Forget the workers of a data plane that is dead: a thread that died online would hold back
 * every grace period for ever. The caller has made sure that the process is gone.
 */
void rcu_forget_workers(struct rdv *rdv);
