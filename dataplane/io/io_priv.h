/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of io share. */

#pragma once

#include "io/io.h"

#include <rte_ethdev.h>

/* Room for a frame in a buffer when no interface has a large MTU. */
#define IO_ROOM 2048u

/* ---- io_offload.c: pure, from what the driver says ---- */
bool io_is_tap(const struct io_port *p);
/* The largest MTU that a port carries; some drivers declare less than they do. */
uint16_t io_largest_mtu(const struct io_port *p, const struct rte_eth_dev_info *info);
/* Does the port spread a frame over several buffers, or is none of its frames larger than one? */
bool io_can_scatter(const struct io_port *p, const struct rte_eth_dev_info *info, bool is_off);
/* Can the port spread TCP over <nb> queues by our key? */
bool io_can_rss(const struct io_port *p, const struct rte_eth_dev_info *info, uint32_t nb,
		bool is_off);
/*
 * Use what <p> has, unless <is_off>: what <conf> asks the driver for, and in <p> what we may ask of
 * each packet. <rx_room> is that of the receive pool.
 */
void io_choose_offloads(struct io_port *p, const struct rte_eth_dev_info *info, bool is_off,
			uint16_t rx_room, struct rte_eth_conf *conf);

/* ---- io_cksum.c ---- */
/* Compute the checksums that <m> asks for and the port, which does <can> (ol_flags), does not. */
void io_cksum_finish(struct rte_mbuf *m, uint64_t can);
