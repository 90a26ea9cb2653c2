/* SPDX-License-Identifier: BSD-3-Clause */

/* A decision's record and what was known at that moment, by value. */

#pragma once

#include "common/record/record_layout.h"
#include "common/snap/snap_layout.h"
#include "state/state.h"

#include <stdbool.h>
#include <stdint.h>

struct denial {
	struct record r;
	bool is_known;                     /* EMS had told of the device by then: <dev> */
	bool is_revoked;                   /* the certificate that was shown */
	bool is_record_revoked;            /* the one that EMS knows */
	struct state_device_core dev;      /* its serial number is zero when there was none */
	uint64_t contact_ms[SNAP_MAX_EMS]; /* CLOCK_REALTIME, by index of the configuration */
	char proxy[64];                    /* "": the configuration had changed since */
	char policy[64];
};
