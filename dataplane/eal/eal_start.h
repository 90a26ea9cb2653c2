/* SPDX-License-Identifier: BSD-3-Clause */

/* Start EAL: which cores and how many huge pages there are, then rte_eal_init(). */

#pragma once

#include "eal/eal_args.h"

/* The cores that this process may use, a bit each. */
void eal_cpus(uint64_t ret_cpus[static EAL_MAX_CPUS / 64]);

/* MiB in free huge pages of any size. */
uint64_t eal_free_hugepages_mib(void);

/*
 * A data plane that was killed leaves the socket of a net_memif server behind, and the driver
 * refuses to start where there is one: take it away if nobody listens there.
 */
void eal_clear_socket(struct slice device);

/* 0, or -errno with <ret_why>. <args> must live as long as the process. */
[[nodiscard]] int eal_start(struct eal_args *args, const char **ret_why);
