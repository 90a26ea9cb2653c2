/* SPDX-License-Identifier: BSD-3-Clause */

/* Editing a line on a terminal with libedit: history, Tab, '?', and output that comes meanwhile. */

#pragma once

#include "cli/shell.h"

struct editor;

/* NULL: it cannot be had on this terminal. */
struct editor *editor_new(struct shell *sh);
void editor_free(struct editor *e);
/*
 * 1 and a line without its end, valid until the next call; 0: the input ended; -ECANCELED: Ctrl-C.
 */
int editor_line(struct editor *e, const char **ret);
/* <line> was entered. */
void editor_remember(struct editor *e, const char *line);
