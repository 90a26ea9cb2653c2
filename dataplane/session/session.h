/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sessions of one worker: a client's TCP and TLS connection, the requests on it one after the
 * other, the decision on each, and the leg to the real server. This is where TCP, TLS, HTTP,
 * policy and upstream meet; the worker loop calls it once per iteration.
 *
 * Everything here belongs to one worker.
 */

#pragma once

#include "common/record/record.h"
#include "common/shm/shm.h"
#include "common/snap/snap.h"
#include "tcp/tcp.h"

#include <stdbool.h>
#include <stdint.h>

struct session_worker;
struct tls_sessions;

/*
 * Fill <ret> with source address, a free local port and the destination, such that replies come
 * back to this worker. <attempt> counts up when an earlier answer was taken. -EHOSTUNREACH: no
 * route; -EADDRNOTAVAIL.
 */
typedef int (*session_pick_local)(void *user, const struct ip_addr *server, uint16_t server_port,
				  uint32_t attempt, struct tcp_tuple *ret);

struct session_params {
	uint32_t worker; /* index */
	uint32_t nb_workers;
	uint32_t max_sessions;
	struct tcp_stack *tcp;
	struct shm *shm;
	struct tls_sessions *tls_sessions; /* of all workers; NULL: stateless tickets */
	uint64_t *counters;                /* by enum outcome */
	struct feedback_worker *feedback;
	struct session_row *rows;
	uint32_t nb_rows;
	session_pick_local pick_local;
	/* Index of the interface that leads to <addr>, or SNAP_NONE. For records. */
	uint32_t (*interface_of)(void *user, const struct ip_addr *addr);
	void *user;
	uint64_t seed[2]; /* random: session and request ids */
};

/* NULL: out of memory. */
struct session_worker *session_worker_new(const struct session_params *params);
void session_worker_free(struct session_worker *sw);

/*
 * Decide with <view> from now on: listeners, TLS services and patterns follow its configuration,
 * live sessions of changed devices are decided again (the rest over the next runs when all must
 * be). 0, or a negative errno when some service could not be set up: the others work, the
 * failure is counted and the version is adopted all the same.
 */
int session_worker_adopt(struct session_worker *sw, const struct snap_view *view, uint64_t now_us);

/* Take what TCP accepted and made ready, do the work, run what is due. */
void session_worker_run(struct session_worker *sw, uint64_t now_us);
/*
 * The id of the session that <c>, a connection of this worker that is not closed, belongs to; 0:
 * none. *<ret_is_back>: it leads to the real server.
 */
uint64_t session_id_of(const struct tcp_conn *c, bool *ret_is_back);
/* When the next time-out or deferred work is due; UINT64_MAX: none. */
uint64_t session_worker_next_deadline(const struct session_worker *sw);
