/* SPDX-License-Identifier: BSD-3-Clause */

/* What the two ends of a wire send each other, so that either knows each byte beforehand. */

#pragma once

#include <stdint.h>

static inline uint8_t wire_pattern(uint64_t off)
{
	return (uint8_t)(off * 31 + (off >> 8) * 7 + (off >> 16));
}
