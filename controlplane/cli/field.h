/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the field's diagnostic commands have in common: a walk over all devices, and the names
 * and numbers that the appliances print. Their output is what operators and scripts know.
 */

#pragma once

#include "cli/api.h"
#include "cli/cli.h"

#include <jansson.h>

#include <stdbool.h>

#define FIELD_ZERO_TENANT "00000000000000000000000000000000"

/* A walk over all devices, each with all that is known. */
struct field_walk {
	const struct cli *cli;
	void (*on_device)(struct field_walk *w, const json_t *device);
	const char *ip; /* only devices that have it; NULL: all */

	/* the walk's */
	const json_t *tags; /* of /api/v1/tags, for those that want ids and kinds */
	const json_t *ems;
	json_t *list; /* --json: collected */
	unsigned nb, online, offline, quarantined, out_of_sync;
	int rc;
};

/* With --json the devices are printed as a list, and <on_device> is not called. */
int field_walk(struct field_walk *w);
bool field_is_out_of_sync(const struct field_walk *w, const json_t *device);

/* The value of sysinfo that has this label; "" when EMS did not send it. */
const char *field_value(const json_t *device, const char *label);
const char *field_tenant(const json_t *device);
/* ttdl of the field: 1 zero trust, 2 classification, 3 outbreak, 4 fabric; 0: unknown. */
unsigned field_tag_kind(const json_t *tag);
/* NULL: there is no tag of this name. */
const json_t *field_find_tag(const json_t *tags, const char *name);
/* The name as EMS has it: what policies call CLASS_Low is its classification Low. */
const char *field_tag_name(const json_t *tag, const char *name);
