/* SPDX-License-Identifier: BSD-3-Clause */

/* The Internet checksum (RFC 1071) of bytes in one piece, by the widest means that the CPU has. */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The sum of <len> bytes as 16-bit words in memory order, folded and not complemented; an odd byte
 * at the end counts as if a zero followed. Never 0 unless all bytes are. Any thread.
 */
uint16_t inet_sum(const void *buf, size_t len);

/* Fold what was summed up in words of 16 or 32 bits. */
static inline uint16_t inet_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	return (uint16_t)((sum >> 16) + sum);
}

/* The same of an IPv4 header without options. */
static inline uint16_t inet_sum20(const void *hdr)
{
	uint32_t w[5];

	memcpy(w, hdr, sizeof(w));
	return inet_fold((uint64_t)w[0] + w[1] + w[2] + w[3] + w[4]);
}
