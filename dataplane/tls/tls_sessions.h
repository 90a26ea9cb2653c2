/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TLS sessions that clients may come back to, in the memory of the data plane: a table per worker,
 * and any worker may take from any other's. A session is known by 32 bytes, of which the first
 * names the worker whose table has it and the rest is random; in TLS 1.3 these are the ticket, in
 * TLS 1.2 the session id.
 *
 * What is kept is flat: the secret, what it is bound to and who the client is, as it was
 * verified. No object of libssl is shared between workers.
 *
 * Bounded: a full table drops its oldest. Made before the workers, freed after them.
 */

#pragma once

#include <stdint.h>

struct tls_sessions;
struct tls_worker;

#define TLS_SESSIONS_MAX_WORKERS 256u

/* <per_worker> sessions in each of <nb_workers> tables; memory as they fill. NULL: none left. */
struct tls_sessions *tls_sessions_new(uint32_t nb_workers, uint32_t per_worker);
void tls_sessions_free(struct tls_sessions *t);

/*
 * From now on <w> gives its sessions to table <index> of <t>, and looks in all of them; it makes
 * no stateless tickets any more. Before its first service.
 */
void tls_worker_use_sessions(struct tls_worker *w, struct tls_sessions *t, uint32_t index);
