/* SPDX-License-Identifier: BSD-3-Clause */

/* What the publisher's files share. */

#pragma once

#include "snap/publish.h"
#include "state/state.h"

#include <stdatomic.h>

#define TICKET_ROTATE_MS (12ull * 3600 * 1000)

struct publish {
	struct shm *shm;
	struct state *st;
	const struct config *cfg; /* that the draft was compiled from; NULL before the first */
	struct snap_build *build;
	struct publish_status status;

	/* EMS id to index in the configuration, SNAP_NONE: not in it; any thread may read */
	_Atomic(uint32_t) ems_index[STATE_MAX_EMS + 1];
	_Atomic(uint64_t) contact_ms[STATE_MAX_EMS + 1]; /* by EMS id; any thread */
	uint32_t ems_id[SNAP_MAX_EMS];                   /* by index, 0: none */

	uint32_t *posture; /* by tag set of the state: the builder's id + 1, 0: not asked yet */
	uint32_t cap_postures;
	bool must_redo_all; /* a put failed: put every device again */
	bool must_redo_revoked;
	bool must_compile; /* learnt CAs changed and compiling failed */

	struct slice cas[STATE_MAX_CAS]; /* answer of the learnt_cas callback */
	struct state_ems_pin pin;        /* the same of learnt_serial */

	/* key slots: named by the published version, by the draft, waiting to be wiped */
	bool is_live[SECRETS_SLOTS], is_draft[SECRETS_SLOTS], is_retired[SECRETS_SLOTS];
	bool has_retired;
	uint64_t retire_token;

	/* the data plane's process as it was when this epoch began */
	uint64_t dp_epoch, forgotten_epoch;
	uint64_t dp_start_ticks;
	uint64_t spread_generation, spread_from_us; /* being waited for, 0: none */
};

uint64_t publish_now_us(void);

/* secrets */
[[nodiscard]] int publish_secrets_init(struct publish *p, bool is_resumed);
void publish_tickets_tick(struct publish *p);
void publish_keys_begin(struct publish *p);
/* The draft was given up: wipe what only it had. */
void publish_keys_abort(struct publish *p);
/* The draft was published: retire what only the version before had. */
void publish_keys_commit(struct publish *p);
void publish_keys_tick(struct publish *p);

/* data plane */
void publish_dp_tick(struct publish *p);
void publish_dp_spread(struct publish *p);
