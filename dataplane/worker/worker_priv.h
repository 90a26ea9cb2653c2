/* SPDX-License-Identifier: BSD-3-Clause */

/* Between worker's own files. */

#pragma once

#include "worker/worker.h"

/*
 * CLOCK_MONOTONIC, which the control plane's stamps are in: by the vDSO, so no system call where
 * the kernel's clock source is the TSC.
 */
uint64_t worker_now_us(void);

/* One pass over everything; returns how many packets there were. */
uint32_t worker_loop(struct worker *w, uint64_t now_us);

/* Follow the published version when there is a newer one; at most once per loop. */
void worker_adopt(struct worker *w, uint64_t now_us);
/* Tell RCU and the heartbeat, at the end of a loop. */
void worker_quiesce(struct worker *w, uint64_t now_us);

/* Make the network layers follow <view>'s configuration. */
void worker_configure(struct worker *w, const struct snap_view *view, uint64_t now_us);
/* What <view> asks of them; entries beyond the arrays are left out. */
void worker_net_build(struct worker *w, const struct snap_view *view, struct worker_net *ret);

/* Account for a loop that had <nb> packets; pause or sleep when there was nothing for long. */
void worker_rest(struct worker *w, uint32_t nb, uint64_t now_us);
/* Publish gauges, a few times a second. */
void worker_gauges(struct worker *w, uint64_t now_us);

/*
 * Go on answering what the control plane asks about connections, a bounded piece per loop. Returns
 * 1 while there is more to do, so that the loop does not sleep meanwhile.
 */
uint32_t worker_show(struct worker *w, uint64_t now_us);

/* Follow what the control plane wants captured; returns 1 while the loop should not sleep. */
uint32_t worker_capture(struct worker *w, uint64_t now_us);
void worker_capture_init(struct worker *w);

/* For sessions: see session_params. */
int worker_pick_local(void *worker, const struct ip_addr *server, uint16_t server_port,
		      uint32_t attempt, struct tcp_tuple *ret);
uint32_t worker_interface_of(void *worker, const struct ip_addr *addr);
