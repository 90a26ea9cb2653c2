/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes to JSON within bounds, and JSON against the schema that is built into the program. */

#pragma once

#include "config/config_errors.h"

#include <jansson.h>

#include <stddef.h>

#define CONFIG_DEPTH_MAX 64u /* arrays and objects within each other */

/* A new reference, or NULL with the reason (line and column) in <errs>. Duplicate keys are one. */
json_t *config_json_parse(const void *ptr, size_t len, struct config_errors *errs);

/*
 * Check <doc> against the schema and add the defaults of what it leaves out. All deviations go to
 * <errs>. 0, -EBADMSG (see <errs>) or -ENOMEM.
 */
[[nodiscard]] int config_schema_check(json_t *doc, struct config_errors *errs);

/* config/schema/tagwarden.schema.json, made into C by embed-schema. */
extern const char config_schema_text[];
extern const size_t config_schema_len;
