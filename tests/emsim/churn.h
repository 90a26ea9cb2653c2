/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fleet that lives: so many changes a second, spread evenly over time, of devices picked at
 * random. Every other change is of a device's tags, the others of its system info. Notifications
 * are coalesced as a busy EMS does: at most one for each topic in <notify_ms>.
 */
#pragma once

#include "emsim/store.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CHURN_RATE_MAX = 1000000,
	CHURN_NOTIFY_MS = 100,
};

struct churn {
	uint64_t rate; /* changes a second; 0: none under way */
	uint64_t wanted, done;
	uint64_t seed;
	uint64_t notify_ms;
	uint64_t began_ms, notified_ms;
	uint64_t late_max_ms; /* how far behind its time a change came, at worst */
	uint64_t total;       /* of all runs */
	bool is_hot;          /* changes that were not notified yet */
	uint32_t tags[8];
};

/* Begin <wanted> changes at <rate> a second. -EINVAL: no such rate; -ENOENT: no devices. */
[[nodiscard]] int churn_begin(struct churn *ch, struct store *st, uint64_t now_ms);

/* Make the changes that are due. True: it is time to notify of what changed. */
bool churn_run(struct churn *ch, struct store *st, uint64_t now_ms);

static inline bool churn_is_active(const struct churn *ch)
{
	return ch->rate != 0;
}

/*
 * A number that two stores of devices share when they hold the same: the sum of a hash of each
 * device that is not deleted, so that no order matters. Hashed are "UID serial registered online
 * quarantined tags", separated by tabs, the flags as 0 or 1, tags without prefixes, in byte order,
 * with commas.
 */
uint64_t churn_digest(const struct store *st, uint64_t *ret_nb);
