/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The latest denials, kept so that an operator who is given a request id finds out what the
 * client showed and what was known at that moment. A ring in memory; older ones are in the
 * history's files. Under cp_lock: the main thread adds, the REST thread reads.
 */

#pragma once

#include "history/denial.h"

#include <stdint.h>

#define DENIALS_CAP 8192u /* of about half a KiB */

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
