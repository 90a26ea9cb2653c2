/* SPDX-License-Identifier: BSD-3-Clause */

/* The builder's state, shared by its source files. */

#pragma once

#include "common/snap/snap_pages.h"
#include "common/snap/snap_priv.h"

#include <stdbool.h>

/* An object of the draft. Own: made by the draft, so not published; it may be written and freed. */
struct build_obj {
	uint64_t off; /* 0: none */
	uint64_t bytes;
	bool is_own;
};

/* Rows of one width. Those beyond what is published may be written whoever made the run. */
struct build_rows {
	struct build_obj obj;
	uint32_t count; /* same for postures and verdicts */
	uint32_t cap;
	uint32_t stride;
};

struct snap_build {
	struct snap_pages pages;
	struct snap_build_ops ops;
	uint8_t *base;
	uint64_t hash_seed[2];

	/* device table: the draft's directory lives here and is copied out by a publish */
	uint64_t *dir;
	bool *is_own;      /* per page of <dir>: copied by this draft */
	uint32_t *own_idx; /* which ones, to reset <is_own> by */
	uint32_t nb_own, cap_own;
	uint32_t dir_bits;
	uint32_t nb_devices;
	uint32_t nb_by_ems[SNAP_MAX_EMS];
	struct build_obj dir_obj; /* as published */
	bool is_dir_moved;

	struct build_rows postures, verdicts;
	uint32_t *intern;    /* open addressing: posture id + 1, 0 free */
	uint32_t intern_cap; /* a power of two */

	struct build_obj config, index;
	uint32_t config_ems; /* connectors in it */
	struct build_obj revoked;
	uint32_t nb_revoked;
	uint32_t revoked_ems; /* highest ems + 1 */

	struct snap_change *change;
	uint32_t nb_change, cap_change;
	bool is_change_overflow;
	struct snap_changes history[SNAP_HISTORY];
	uint32_t nb_history;

	struct build_obj root;
	uint64_t generation; /* of the published version */
	uint64_t config_generation;
	uint64_t decide_generation;
	bool is_changed;
	bool must_decide; /* the next version changes decide_generation */
	uint64_t copied, copied_last;
};

/* Replace <o> by a run of <bytes> at <off>; the old run is freed or retired (reserved). */
void build_obj_replace(struct snap_build *b, struct build_obj *o, uint64_t off, uint64_t bytes);

/* snap_build_rows.c */
int build_rows_init(struct snap_build *b);
/* Verdict rows for <config>, which is in the file at draft, of all postures. */
[[nodiscard]] int build_verdicts_renew(struct snap_build *b, const struct snap_config *config);

/* snap_build_device.c */
int build_devices_init(struct snap_build *b, uint32_t expected_devices);
/* Room for one more entry of the change list. */
[[nodiscard]] int build_change_reserve(struct snap_build *b);
void build_change_add(struct snap_build *b, const struct device_uid *uid, uint64_t notified_us);
