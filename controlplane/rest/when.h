/* SPDX-License-Identifier: BSD-3-Clause */

/* Times as people give them. */

#pragma once

#include <stdint.h>

/*
 * "2026-11-22T10:57:36Z", with a zone as +01:00 too (RFC 3339); without one, and with a space for
 * the T, local time; fractions are taken. "-600", "-90s", "-10m", "-2h", "-1d": so long before
 * <now_ms>. Milliseconds since 1970 into <ret_ms>. 0 or -EINVAL.
 */
[[nodiscard]] int when_parse(const char *s, uint64_t now_ms, uint64_t *ret_ms);
