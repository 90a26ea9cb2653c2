/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets as ports gave or got them, copied to the control plane: see common/shm/capture_layout.h.
 * A worker has one struct capture; while no capture runs, io_worker.capture is NULL and a burst
 * pays for one test of that. While one runs a packet costs at most one run of a filter of
 * CAPTURE_INSNS instructions, which has no backward jumps, and one copy.
 *
 * The filter is classic BPF, checked and run by libpcap's bpf_validate() and bpf_filter(): they
 * need no memory and no system call, so a worker takes up a new filter between two bursts. rte_bpf
 * would want memory per program and somebody to free it when no worker runs it any more.
 */

#pragma once

#include "common/shm/capture_layout.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

struct capture {
	/* set once */
	struct capture_state *state;
	uint8_t *ring;
	const _Atomic(uint64_t) *tail; /* the control plane's */

	uint64_t head;
	uint32_t seq;
	uint32_t port_mask, vlan, direction, snaplen, nb_insns;
	struct bpf_insn insn[CAPTURE_INSNS];
};

/*
 * Take up the request <seq>: a copy of <rdv> is made, then checked. False: it is refused. Counters
 * begin anew either way.
 */
bool capture_begin(struct capture *c, const struct rdv_capture *rdv, uint64_t seq);
/* <nb> packets that <port> has received, or is about to send. They are left as they are. */
void capture_burst(struct capture *c, uint32_t port, struct rte_mbuf *const *pkts, uint32_t nb,
		   bool is_out);
