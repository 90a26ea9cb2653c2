/* SPDX-License-Identifier: BSD-3-Clause */

/* Many seeds, on as many cores as wanted, with progress. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct runner_options {
	uint64_t from, nb_seeds;
	unsigned nb_jobs; /* 0: one for each core */
	const char *list; /* a file of seeds, in place of from and nb_seeds */
	const char *pcap;
	bool is_verbose, is_loud, twice, shows_progress;
	uint64_t bulk_mib, limit_s; /* one large transfer instead */
	uint32_t loss_ppm;
};

/* The exit status. */
int runner_run(const struct runner_options *o);
