/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line of tagwarden-load. Whether the machine can do it is preflight.h's question. */

#pragma once

#include "bench/load/load.h"

#include <stdio.h>

#define LOAD_WHY 512u

enum load_options_verdict {
	LOAD_OPTIONS_RUN,
	LOAD_OPTIONS_HELP,
	LOAD_OPTIONS_VERSION,
};

/*
 * Fill <ret>, defaults included; strings point into <argv>. Returns a verdict, or -EINVAL with the
 * reason and what would do in <why>. Permutes <argv> as getopt_long() does.
 */
[[nodiscard]] int load_options_parse(int argc, char **argv, struct load_options *ret,
				     char why[static LOAD_WHY]);
void load_options_help(FILE *f);
