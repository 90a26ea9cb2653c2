/* SPDX-License-Identifier: BSD-3-Clause */

/* Starting and stopping the control plane around struct cp; for main.c and for tests. */

#pragma once

#include "base/cp.h"

#include <sys/types.h>

struct cp_options {
	const char *config_path;
	const char *shm_dir;
	const char *state_dir; /* NULL: as the document says */
	uid_t uid;             /* to become; (uid_t)-1: stay */
	gid_t gid;
};

/*
 * Make everything below the modules: loop, configuration (<cfg>, taken over also on failure),
 * state, shared memory; with it drop privileges as <o> says, and publish the first version.
 * 0 or -errno, told in the log.
 */
[[nodiscard]] int cp_open(struct cp *cp, const struct cp_options *o, struct config *cfg,
			  const struct module *const *modules);
/* Call the modules' init; on failure those that were started are stopped. */
[[nodiscard]] int cp_start(struct cp *cp);
/* Run until loop_stop(), then stop the modules. */
[[nodiscard]] int cp_run(struct cp *cp);
void cp_close(struct cp *cp);

/* Write a list of configuration errors to the log, a line each. */
struct config_errors;
void cp_log_errors(const struct config_errors *errs);
