/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files that the command line keeps for its user, in $XDG_STATE_HOME/tagwarden or
 * ~/.local/state/tagwarden, mode 0600: the shell's history, and what else the next call wants to
 * know. Nobody complains when they cannot be kept.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HISTORY_LINES 1000u

/* Open the user's file <name>; <mode> as of fopen(): "r", "a", or "w" for a new one. NULL: no. */
FILE *user_file_open(const char *name, const char *mode);

/* May <line> be kept? What names a secret may not, nor comments and empty lines. */
bool history_is_kept(const char *line);
/* Call <on_line> for the latest HISTORY_LINES lines, oldest first. */
void history_load(void (*on_line)(void *user, const char *line), void *user);
/* One more, unless it may not be kept. */
void history_add(const char *line);
