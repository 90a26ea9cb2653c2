/* SPDX-License-Identifier: BSD-3-Clause */

/* What the words of a scenario do. */

#pragma once

#include "world.h"

/* A line before the stack is made: how it is to be. False: this line is none of those. */
bool play_setup(struct world *w, const struct line *l);
/* Any other line. world_fail() when something is not as the line says. */
void play_line(struct world *w, const struct line *l, uint64_t *clock_us);
/* Every segment has to have been named. */
void play_end(struct world *w);
