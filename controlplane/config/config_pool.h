/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * All memory of a struct config: allocated piece by piece, freed and wiped at once (some of it is
 * private keys). Running out of memory gives NULL.
 */

#pragma once

#include "common/base/slice.h"
#include "config/config.h"

#include <stddef.h>

/* Zeroed room for <count> elements of <size> bytes; never NULL for none. */
void *config_pool_alloc(struct config *cfg, size_t count, size_t size);
char *config_pool_str(struct config *cfg, const char *s);
struct slice config_pool_bytes(struct config *cfg, const void *ptr, size_t len);
void config_pool_fini(struct config *cfg);
