/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * `diagnose debug enable`: the server's debug output on standard output. Under the interactive
 * shell it comes while the user types; else until Ctrl-C, or until the server ends it.
 */

#pragma once

#include "cli/cli.h"

/* An enum cli_exit. */
int debug_stream_start(struct cli *cli);
/* Does nothing when it does not run. */
void debug_stream_stop(struct cli *cli);
