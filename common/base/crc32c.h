/* SPDX-License-Identifier: BSD-3-Clause */

/* CRC-32C (Castagnoli; RFC 3720 appendix B.4), a byte at a time: for objects of a page or so. */

#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *ptr, size_t len);
