/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What was known earlier, so that a decision can be explained as it was: which configurations were
 * in force, what EMS had told of a device, when EMS was in contact, and what was denied. Under
 * <state-dir>/history, bounded, in files that a crash may tear but not spoil (journal.h).
 *
 * A device's row holds what was known *before* a change. So the first synchronisation of a fleet
 * writes nothing: as of a time, a device is what its first row after that time says, and what it is
 * now when there is none.
 */

#pragma once

#include "base/cp.h"
#include "history/denial.h"
#include "history/history_config.h"
#include "state/state.h"

#include <stdbool.h>
#include <stdint.h>

/* Plugs into main.c's table, before all that asks it. */
extern const struct module history_module;

#define HISTORY_NAMES_MAX (STATE_MAX_DEVICE_TAGS * (STATE_TAG_MAX + 8))

/* What was known of a device at a moment, by value; large: not for the stack. */
struct history_device {
	struct device_uid uid;
	struct cert_serial serial;
	uint64_t sysinfo_ms, tags_ms; /* CLOCK_REALTIME of EMS's updates */
	uint8_t ems_id, flags;
	bool is_known; /* EMS had told of it */
	bool has_tags; /* and of its tags */
	uint32_t names_len;
	char names[HISTORY_NAMES_MAX]; /* of its tags, each ended by NUL */
};

/* Fill <ret> with <core>; NULL: EMS had not told of <uid>. Holder of the lock. */
void history_device_of(const struct state *st, const struct device_uid *uid,
		       const struct state_device_core *core, struct history_device *ret);
/* One more tag; what does not fit is left out. */
void history_device_add_tag(struct history_device *d, const char *name);

/*
 * The configuration in force, and the one of <generation>, as long as it is kept in memory. One
 * reference is the caller's. NULL: none. Holder of the lock.
 */
struct history_config *history_config_now(struct cp *cp);
struct history_config *history_config_of(struct cp *cp, uint64_t generation);

/* ---- on disk ---- */

struct history_stats {
	uint64_t rows, dropped, failures; /* <dropped>: the disk did not keep up */
};
void history_stats(const struct cp *cp, struct history_stats *ret);

/* Is one more denial to be kept? At most a thousand a second are. Main thread. */
bool history_wants_denial(struct cp *cp);
/* Keep <d>, with the tags of <dev> that decided. Main thread. */
void history_denial(struct cp *cp, const struct denial *d, const struct history_device *dev);

/* What is known of an earlier time. Large: not for the stack. */
struct history_past {
	uint64_t oldest_ms; /* nothing is known of before; 0: nothing at all */
	struct history_device dev;
	bool is_changed;     /* <dev> is set: it was changed since; else it is as it is now */
	bool is_tags_lost;   /* it had tags then, which were not written */
	bool is_running;     /* the control plane ran at that time */
	uint32_t nb_crashes; /* since then it ended without a word: its last moments may miss */
	uint64_t nb_lost;    /* changes since then that were not written */
	uint64_t contact_ms[STATE_MAX_EMS + 1];  /* by id: the last word of EMS by then; 0: none */
	uint64_t baseline_ms[STATE_MAX_EMS + 1]; /* by id: its devices are not known before */
	uint64_t config_hash;
	struct history_config *config; /* in force then, one reference; NULL: not kept */
};

/*
 * What is known of <uid> and of EMS as of <at_ms> (CLOCK_REALTIME), into <ret>, which is zeroed.
 * Reads all of the files: any thread but the main one, without the lock. -ENOENT: no history is
 * kept.
 */
[[nodiscard]] int history_past(struct cp *cp, const struct device_uid *uid, uint64_t at_ms,
			       struct history_past *ret);
/*
 * The denial with <id>, the tags that decided, and the configuration (NULL: not kept). As
 * history_past(). -ENOENT: there is none.
 */
[[nodiscard]] int history_denial_find(struct cp *cp, const uint8_t id[static 16],
				      struct denial *ret, struct history_device *ret_dev,
				      struct history_config **ret_config);
