/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The latest denials, kept so that an operator who is given a request id finds out what the
 * client showed and what was known at that moment. A ring in memory; older ones are in the
 * history's files. Under cp_lock: the main thread adds, the REST thread reads.
 */

#pragma once

#include "common/record/record_layout.h"
#include "common/snap/snap_layout.h"
#include "state/state.h"

#include <stdbool.h>
#include <stdint.h>

#define DENIALS_CAP 8192u /* of about half a KiB */

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

struct denials {
	uint64_t nb; /* ever added */
	struct denial ring[DENIALS_CAP];
};

/* Empty, or NULL when out of memory. */
struct denials *denials_new(void);
void denials_free(struct denials *d);
void denials_add(struct denials *d, const struct denial *one);
/* How many are kept now. */
uint32_t denials_count(const struct denials *d);
/* The <i>th latest, 0 being the last that came; NULL: not kept. */
const struct denial *denials_get(const struct denials *d, uint32_t i);
/* The latest with this id; NULL: not kept. */
const struct denial *denials_find(const struct denials *d, const uint8_t id[static 16]);
