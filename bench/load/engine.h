/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The machine under the generator: EAL, ports, one thread per worker. The main thread calls all of
 * these.
 */

#pragma once

#include "bench/load/load.h"

struct engine;
struct load_pool;

/*
 * Start EAL and the ports of <run->opt>, make the workers and their counts in <run>, and fill its
 * clocks. NULL with the reason in <why>.
 */
struct engine *engine_new(struct load_run *run, char *why, size_t why_cap);
/* -errno. */
[[nodiscard]] int engine_launch(struct engine *e);
/* Is the run over? */
bool engine_is_done(const struct engine *e);
/*
 * Wait for the workers. -EHOSTUNREACH: the target had never answered. <run->must_stop> ends them
 * before their time.
 */
int engine_wait(struct engine *e);
/* The devices that are played, by load_cut.device. */
const struct load_pool *engine_pool(const struct engine *e);
void engine_free(struct engine *e);
