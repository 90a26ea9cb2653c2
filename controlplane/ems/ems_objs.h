/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * EMS's API objects as a table: what is asked where, and when. Numbers are version dependent and
 * for display alone; the document's object_ids replaces them for a connector.
 */

#pragma once

#include "config/config.h"
#include "state/state.h"

#include <stdbool.h>
#include <stdint.h>

struct ems_obj {
	unsigned id;      /* usual number */
	const char *name; /* in the document and in REST */
	const char *desc; /* as the seed's trace has it */
	const char *entry;
	const char *method;
	const char *topics;     /* of notifications that make it due, or what else does; "": none */
	const char *offset_key; /* NULL: not paged */
	uint32_t poll_s;        /* without notifications; 0: not polled */
	uint32_t poll_ws_s;     /* with them, for certainty */
	bool is_at_verify;      /* asked for at each verification */
	bool is_extra;          /* *ours*: an EMS that answers 404 is good without it */
	bool is_posture;        /* decisions rest on it: while it fails EMS is not in contact */
};
extern const struct ems_obj ems_objs[STATE_OBJ__COUNT];

/* Number of <obj> for the connector that <e> configures. */
unsigned ems_obj_id(const struct config_ems *e, enum state_obj obj);
