/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Looking at the connections of a stack from outside, slot by slot: connections first, TIME-WAIT
 * entries behind them. The stack's thread calls; nothing is changed. A slot and its generation
 * name a connection for as long as it lives.
 */

#pragma once

#include "common/shm/conn_layout.h"
#include "tcp/tcp.h"

struct tcp_view_filter {
	bool has_addr, has_port, has_state;
	struct ip_addr addr; /* of either end */
	uint16_t port;       /* of either end */
	enum tcp_state state;
};

/* Slots, in use or not. */
uint32_t tcp_view_nb_slots(const struct tcp_stack *st);
/*
 * Walk: look at up to <look> slots from *<cursor> on and describe those that are in use and that
 * <f> lets through, at most <cap>. Moves *<cursor> behind the last slot that was looked at; the
 * walk is over when it reaches tcp_view_nb_slots(). Returns how many rows were written.
 * <session>, <interface> and <config_generation> of a row are for the caller to fill.
 */
uint32_t tcp_view_walk(const struct tcp_stack *st, const struct tcp_view_filter *f,
		       uint32_t *cursor, uint32_t look, uint64_t now_us, struct conn_row *ret,
		       uint32_t cap);
/* The connection of <slot> and <generation>; false: it is gone. */
bool tcp_view_one(const struct tcp_stack *st, uint32_t slot, uint32_t generation, uint64_t now_us,
		  struct conn_row *ret);
/*
 * What is known of the bytes of a connection that tcp_view_one() has just found: those in flight,
 * then those received out of order, in order each, merged where they touch; at most CONN_RANGES
 * of either. Returns how many; none for TIME-WAIT.
 */
uint32_t tcp_view_ranges(const struct tcp_stack *st, uint32_t slot,
			 struct conn_range ret[static 2 * CONN_RANGES]);
/* The connection in <slot> when somebody owns it; NULL: free, TIME-WAIT, or its owner let go. */
struct tcp_conn *tcp_view_owned(const struct tcp_stack *st, uint32_t slot);
