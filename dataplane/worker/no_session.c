/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * XXX: stands in for session/ until that is there: no listeners, so TCP refuses everything. Goes
 * when dp_session_dep exists.
 */

#include "session/session.h"

struct session_worker {
	char unused;
};

struct session_worker *session_worker_new(const struct session_params *)
{
	static struct session_worker none;

	return &none;
}

void session_worker_free(struct session_worker *)
{
}

int session_worker_adopt(struct session_worker *, const struct snap_view *, uint64_t)
{
	return 0;
}

void session_worker_run(struct session_worker *, uint64_t)
{
}

uint64_t session_worker_next_deadline(const struct session_worker *)
{
	return UINT64_MAX;
}
