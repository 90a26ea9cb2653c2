/* SPDX-License-Identifier: BSD-3-Clause */

/* One command from its words to its exit status; the same for a shell's line and for argv. */

#pragma once

#include "cli/cli.h"

#include <stddef.h>

/* Columns of standard output, as $COLUMNS or the terminal has it; 0: it is no terminal. */
size_t run_terminal_width(void);
/* <cli> holds what came before: the socket, the shell. Standard output is flushed. */
int run_words(struct cli *cli, int argc, char **argv);
