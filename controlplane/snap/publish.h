/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The publisher: state and configuration in, versions of the snapshot out. It owns the builder
 * (common/snap/snap_build.h), the secrets file and the control plane's words in the rendezvous.
 * Main thread, under cp_lock, but for publish_ems_contact().
 *
 *	state_changes_take() -> put/del/touch \
 *	config_compile()     -> config object  > draft -> publish -> workers
 *	state_revoked()      -> revoked list  /
 */

#pragma once

#include "common/base/ids.h"
#include "common/shm/shm.h"
#include "common/snap/snap.h"
#include "common/snap/snap_build.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct config_errors;
struct publish;
struct state;

/*
 * Resume the snapshot that <shm> holds (<is_resumed>) when it passes its check, or make a new
 * one. <shm> and <state> outlive the publisher. NULL: out of memory or room, told in the log.
 */
struct publish *publish_new(struct shm *shm, struct state *st, bool is_resumed);
/* The last version stays published. */
void publish_free(struct publish *p);

/*
 * Compile <cfg> and put it into the draft. On failure (-EINVAL, -ENOMEM, -ENOSPC, -EBADMSG)
 * nothing has changed. Devices of an EMS that <cfg> lacks leave the snapshot.
 */
[[nodiscard]] int publish_config(struct publish *p, const struct config *cfg);
/* Put up to <max> changed devices of the state into the draft. 1: there are more. */
[[nodiscard]] int publish_changes(struct publish *p, uint32_t max);
/* Make the draft the current version; also takes up CAs and revoked lists that changed. */
[[nodiscard]] int publish_now(struct publish *p);
/* Once a second or so: heartbeat, dead data plane, ticket keys, retired key slots. */
void publish_tick(struct publish *p);

/* EMS <ems_id> was in contact at <contact_ms> (CLOCK_MONOTONIC). Any thread. */
void publish_ems_contact(struct publish *p, uint32_t ems_id, uint64_t contact_ms);

/* The configuration that the current version was compiled from has this index for <ems_id>. */
bool publish_ems_index(const struct publish *p, uint32_t ems_id, uint32_t *ret_index);
/* And the other way; 0: none. */
uint32_t publish_ems_id(const struct publish *p, uint32_t index);

/* The current version, for explanations; valid until the next publish. false: none yet. */
bool publish_view(const struct publish *p, struct snap_view *ret);

struct publish_worker {
	uint64_t generation, config_generation, refused_generation;
	uint64_t heartbeat_ms; /* CLOCK_MONOTONIC */
};

struct publish_status {
	struct snap_build_stats build;
	uint64_t config_generation;
	uint64_t nb_publishes, nb_failures;
	uint64_t last_publish_us; /* how long it took */
	uint64_t last_spread_us;  /* until every worker had it; 0 unknown */
	uint64_t resyncs;         /* data planes found dead */
	bool is_resumed;
	bool is_dp_alive;
	bool is_dp_restart_needed; /* runs with another dataplane fingerprint */
	uint32_t dp_pid;
	uint32_t nb_workers;
	uint64_t dp_heartbeat_ms;
	struct publish_worker worker[SNAP_MAX_WORKERS];
};
void publish_status(const struct publish *p, struct publish_status *ret);

/*
 * Look whether every worker has the last version; false: they all do, and <last_spread_us> says
 * since when. The tick looks too, but that makes it coarse.
 */
bool publish_is_spreading(struct publish *p);

/* Store a private key (PKCS#8 DER) in a slot; the same key gets the same slot. -ENOSPC, -E2BIG. */
[[nodiscard]] int publish_key_slot(struct publish *p, const void *der, size_t len,
				   uint32_t *ret_slot);
