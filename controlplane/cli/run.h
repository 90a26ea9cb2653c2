/* SPDX-License-Identifier: BSD-3-Clause */

/* One command from its words to its exit status; the same for a shell's line and for argv. */

#pragma once

#include "cli/cli.h"

/* <cli> holds what came before: the socket, the shell. Standard output is flushed. */
int run_words(struct cli *cli, int argc, char **argv);
