/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A port's checksum and segmentation offload, for tests that have none: what a stack emits with
 * tcp_params.tx_cksum_offload and tso_max comes out as the packets that would be on the wire.
 * IPv4 and IPv6, with or without an Ethernet header (mbuf.l2_len).
 */

#pragma once

struct rte_mbuf;
struct rte_mempool;

/* The most that one packet can become: 64 KiB in segments of the smallest MSS. */
#define GSO_MAX 128u

/*
 * Takes <m> and stores the packets that it becomes in <ret>, in order; returns how many. Each is
 * a copy in one buffer of <pool>, complete with checksums; but what asks for no offload is passed
 * on as it is. Fewer than there should be when the pool is empty or <cap> is not enough: lost on
 * the way.
 */
unsigned gso_cut(struct rte_mbuf *m, struct rte_mempool *pool, struct rte_mbuf **ret, unsigned cap);
