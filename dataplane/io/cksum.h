/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The Internet checksum over a chain of mbufs. rte_raw_cksum_mbuf() of DPDK 22.11 loses carries
 * when a buffer that does not end the chain has an odd length.
 */

#pragma once

#include "base/inet_sum.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

/*
 * The sum of <len> bytes from <off> on, folded and not complemented; of fewer if the chain ends
 * before.
 */
static inline uint16_t cksum_chain(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint32_t sum = 0, done = 0;

	for (; m != NULL && len > 0; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		const uint32_t n = RTE_MIN(len, m->data_len - off);
		const uint16_t part = inet_sum(rte_pktmbuf_mtod_offset(m, const void *, off), n);

		/* An odd number of bytes before it: the words are the other way round. */
		sum += done % 2 == 0 ? part : rte_bswap16(part);
		done += n;
		len -= n;
		off = 0;
	}
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}
