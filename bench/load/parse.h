/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Words of the command line to values. Each takes the whole word or nothing: 0, or -EINVAL (not of
 * the form) or -ERANGE (of the form and out of bounds), <ret> untouched.
 */

#pragma once

#include "bench/load/load.h"

/* Decimal digits, then k (1000) or M; between <min> and <max>. */
[[nodiscard]] int load_parse_count(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
/* The same where k is 1024: bytes. */
[[nodiscard]] int load_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
/* Digits with or without a fraction, then k or M; between <min> and <max>. */
[[nodiscard]] int load_parse_real(const char *s, double min, double max, double *ret);
/* "1000,2k,5k": at most <cap>. */
[[nodiscard]] int load_parse_rates(const char *s, double *ret, uint32_t cap, uint32_t *ret_nb);
/* "0,2-3": core numbers, each once. */
[[nodiscard]] int load_parse_cores(const char *s, uint16_t *ret, uint32_t cap, uint32_t *ret_nb);
/* "192.0.2.10:9043" or "[2001:db8::1]:9043". */
[[nodiscard]] int load_parse_endpoint(const char *s, struct load_endpoint *ret);
/* "192.0.2.1/24"; <ret_len> counts in the mapped form: 120. */
[[nodiscard]] int load_parse_prefix(const char *s, struct ip_addr *ret, uint8_t *ret_len);
/*
 * "192.0.2.1-192.0.2.200/24" or one address: -ERANGE when there are more than <cap>, when the last
 * comes before the first or when they are not in one net of that length.
 */
[[nodiscard]] int load_parse_addresses(const char *s, struct ip_addr *ret, uint32_t cap,
				       uint32_t *ret_nb, uint8_t *ret_len);
