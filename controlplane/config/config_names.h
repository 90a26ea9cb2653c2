/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Names of one kind of object, each with its index: is a name taken, and what does it refer to?
 * Hashed, since a document may hold tens of thousands.
 */

#pragma once

#include "config/config_errors.h"

#include <jansson.h>

#include <stdint.h>

struct config_names {
	const char *what; /* "access proxy" */
	json_t *set;
	bool is_oom;
};

void config_names_init(struct config_names *n, const char *what);
void config_names_fini(struct config_names *n);
/* An error at <path> when <name> is taken. */
void config_names_add(struct config_names *n, const char *name, uint32_t idx,
		      const struct config_path *path, struct config_errors *errs);
/* Its index, or SNAP_NONE with an error at <path>. */
uint32_t config_names_resolve(const struct config_names *n, const char *name,
			      const struct config_path *path, struct config_errors *errs);
