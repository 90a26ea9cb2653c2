/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The EAL for tests: one lcore, no huge pages, no devices, no files left behind, no root needed.
 */

#pragma once

#include <rte_eal.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* <mem_mb> of memory for pools. Ends the test program when it cannot be had. */
static inline void eal_test_init_mem(const char *mem_mb)
{
	char *argv[] = {
		(char *)"test",
		(char *)"--no-huge",
		(char *)"--no-shconf",
		(char *)"--no-pci",
		(char *)"-m",
		(char *)(uintptr_t)mem_mb,
		(char *)"-l",
		(char *)"0",
		(char *)"--no-telemetry",
		(char *)"--log-level",
		(char *)"lib.eal:error",
		NULL,
	};

	/* EAL binds the thread to core 0; tests that run side by side would all share that one. */
	cpu_set_t cpus;
	const int rc = sched_getaffinity(0, sizeof(cpus), &cpus);

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		fputs("cannot start the EAL\n", stderr);
		exit(1);
	}
	if (rc == 0)
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

static inline void eal_test_init(void)
{
	eal_test_init_mem("64");
}
