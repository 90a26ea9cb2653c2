/* SPDX-License-Identifier: BSD-3-Clause */

/* From a pcap-filter(7) expression to a program for the workers. */

#pragma once

#include "common/shm/capture_layout.h"

#include <stddef.h>

#define CAPTURE_WHY_MAX 320u

/*
 * Compile <text>; "" is a program of no instructions, which takes everything. Names of hosts and
 * networks are refused: looking them up may take seconds, and asks others. 0, or -EINVAL with the
 * reason in <ret_why>.
 */
[[nodiscard]] int capture_filter_compile(const char *text, uint32_t snaplen,
					 struct capture_insn ret[static CAPTURE_INSNS],
					 uint32_t *ret_nb, char ret_why[static CAPTURE_WHY_MAX]);
