/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Compiled configurations that were in force, kept by value: what a decision rested on is the
 * configuration object that decided, not the document, whose files may be others by now. They
 * hold certificates and no keys.
 */

#pragma once

#include "common/snap/snap_layout.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct history_config {
	_Atomic(uint32_t) refs;
	uint64_t generation; /* of this run's snapshot; 0: read from disk */
	uint64_t hash;       /* of the bytes, <generation> taken as 0 */
	size_t len;
	struct snap_config *config; /* checked */
};

/* A copy of [config, len), with one reference. NULL: out of memory. */
struct history_config *history_config_new(const struct snap_config *config, size_t len);
struct history_config *history_config_ref(struct history_config *c);
/* Any thread. NULL is allowed. */
void history_config_unref(struct history_config *c);
