/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line for rte_eal_init(), made from the configuration. Pure, so that it can be
 * tested without an EAL.
 */

#pragma once

#include "common/base/slice.h"
#include "common/snap/snap_layout.h"

#include <stdbool.h>
#include <stdint.h>

#define EAL_MAX_DEVICES 8u
#define EAL_MAX_ARGS 64u
#define EAL_MAX_TEXT 8192u
#define EAL_MAX_CPUS 1024u

struct eal_params {
	const uint16_t *workers; /* core numbers; worker i runs as lcore i + 1 */
	uint32_t nb_workers;
	/* Cores that this process may use, a bit per core; the main lcore floats on the rest. */
	uint64_t cpus[EAL_MAX_CPUS / 64];
	uint32_t memory_mib;
	bool use_hugepages;
	struct slice device[EAL_MAX_DEVICES]; /* distinct device strings of the interfaces */
	uint32_t nb_devices;
	bool is_debug; /* EAL's own messages */
};

struct eal_args {
	int argc;
	char *argv[EAL_MAX_ARGS + 1]; /* into <text>; NULL-terminated */
	size_t len;
	char text[EAL_MAX_TEXT];
};

/* "0000:03:00.0" or "03:00.0", with device arguments after a comma or without. */
bool eal_device_is_pci(struct slice device);
/* The device's name: what stands before the first comma. */
struct slice eal_device_name(struct slice device);

/*
 * Build <ret>. -EINVAL: a worker's core is not among <cpus> or named twice (<ret_why>);
 * -E2BIG: it does not fit.
 */
[[nodiscard]] int eal_args_build(const struct eal_params *p, struct eal_args *ret,
				 const char **ret_why);
