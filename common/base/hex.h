/* SPDX-License-Identifier: BSD-3-Clause */

/* Hex digits of either case. */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 to 15; -1: no hex digit. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The <nb> bytes that 2 * <nb> digits at <s> stand for. False: one of them is none. */
[[nodiscard]] static inline bool hex_bytes(const char *s, uint8_t *ret, size_t nb)
{
	for (size_t i = 0; i < nb; i++) {
		const int high = hex_value(s[2 * i]), low = hex_value(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
