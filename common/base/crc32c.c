/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/base/crc32c.h"

#include <stdbool.h>
#include <string.h>

/* Four bits at a time: one cache line of table. */
static const uint32_t crc_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

#if defined(__x86_64__)
/* The instruction computes this very polynomial. */
__attribute__((target("sse4.2"))) static uint32_t crc_instruction(const uint8_t *p, size_t len)
{
	uint64_t crc = UINT32_MAX;

	for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), p += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	for (; len > 0; len--, p++)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, *p);
	return ~(uint32_t)crc;
}

static bool has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_instruction(const uint8_t *, size_t)
{
	return 0;
}

static bool has_instruction(void)
{
	return false;
}
#endif

uint32_t crc32c(const void *ptr, size_t len)
{
	const uint8_t *p = ptr;
	uint32_t crc = UINT32_MAX;

	if (has_instruction())
		return crc_instruction(p, len);
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = (crc >> 4) ^ crc_nibble[crc & 15];
		crc = (crc >> 4) ^ crc_nibble[crc & 15];
	}
	return ~crc;
}
