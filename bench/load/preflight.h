/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Refusing what cannot work, before anything is started, with the reason and what to do. What the
 * options ask for is held against what the machine has; only load_machine_read() looks at it.
 */

#pragma once

#include "bench/load/load.h"
#include "bench/load/options.h"

#define LOAD_MAX_CORES 1024u

struct load_machine {
	uint64_t allowed[LOAD_MAX_CORES / 64]; /* cores this process may use, a bit each */
	uint32_t nb_cores;                     /* that the machine has */
	uint64_t memory;                       /* bytes that are available */
	uint64_t huge_free;                    /* bytes of free huge pages of the usual size */
};

/* What a run takes, in bytes; estimates, on the high side. */
struct load_needs {
	uint64_t packets;     /* DPDK's memory: packets, TCP connections */
	uint64_t connections; /* libssl's */
	uint64_t counters;
};

/*
 * A source address has ports for as many connections, the well-known ones left out. One that was
 * closed is in use for some time yet.
 */
#define LOAD_PORTS_PER_ADDRESS 60000u

void load_machine_read(struct load_machine *ret);
void load_needs_estimate(const struct load_options *opt, struct load_needs *ret);

/*
 * 0, or -EINVAL with the reason in <why>. Fills in what was left open and depends on the machine:
 * the core of a single worker, memory_mib, host.
 */
[[nodiscard]] int load_preflight(struct load_options *opt, const struct load_machine *machine,
				 char why[static LOAD_WHY]);
