/* SPDX-License-Identifier: BSD-3-Clause */

/* The steps between a document that meets the schema and a struct config that is consistent. */

#pragma once

#include "config/config.h"

#include <jansson.h>

/* Fill <cfg> from <doc>, which config_schema_check() passed. 0 or -ENOMEM. */
[[nodiscard]] int config_read(struct config *cfg, const json_t *doc);

/*
 * Resolve names, check what the schema cannot say. All findings go to <errs>. 0 or -ENOMEM.
 */
[[nodiscard]] int config_check(struct config *cfg, struct config_errors *errs);

/* Load the certificates, keys and CA files that <cfg> names. 0 or -ENOMEM. */
[[nodiscard]] int config_load_files(struct config *cfg, const struct config_files *files,
				    struct config_errors *errs);

/* Compile the url_maps of each access proxy to its pattern database. 0 or -ENOMEM. */
[[nodiscard]] int config_patterns_compile(struct config *cfg, struct config_errors *errs);

/* Path of element <idx> of the list <key>, or of what is below it. */
#define CONFIG_AT(key, idx, below) config_path("%s[%u]%s", key, idx, below)
