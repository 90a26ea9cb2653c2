/* SPDX-License-Identifier: BSD-3-Clause */

/* The string formats that the schema names, and the values they stand for. */

#pragma once

#include "common/snap/snap_layout.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* NULL when <s> has the format; else what it must be, for "must be ..., not ...". */
const char *config_format_check(const char *format, const char *s);

/* The readers return 0, or -EINVAL with <ret> untouched. */
[[nodiscard]] int config_ip_parse(const char *s, struct ip_addr *ret);
/*
 * An IPv6 address in brackets, as in a URL, or without when that is all of <s>; <ret_rest> is what
 * follows the bracket.
 */
[[nodiscard]] int config_literal_parse(const char *s, struct ip_addr *ret, const char **ret_rest);
/* Address with or without /length; lengths as in struct snap_prefix, a bare address has 128. */
[[nodiscard]] int config_prefix_parse(const char *s, struct snap_prefix *ret);
[[nodiscard]] int config_mode_parse(const char *s, mode_t *ret);
/* Hex digits, colons between bytes allowed, exactly <len> bytes. */
[[nodiscard]] int config_hex_parse(const char *s, uint8_t *ret, size_t len);
/* "2027-01-31T00:00:00Z" as seconds since 1970. */
[[nodiscard]] int config_time_parse(const char *s, uint64_t *ret);

/* Are no bits set beyond the prefix length? */
bool config_prefix_is_clean(const struct snap_prefix *p);
