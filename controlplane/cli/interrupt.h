/* SPDX-License-Identifier: BSD-3-Clause */

/* Ctrl-C in the interactive shell: it ends the command that runs, not the shell. */

#pragma once

#include <stdbool.h>

/* From now on SIGINT is remembered; a call that waits comes back with -ECANCELED. */
void interrupt_catch(void);
bool interrupt_is_set(void);
void interrupt_clear(void);
