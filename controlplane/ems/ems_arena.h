/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory for the JSON of one page. A page of a thousand devices is a hundred thousand small values
 * that live and die together: taken one by one from malloc() and given back so, they cost more than
 * all else that is done with the page. Here they come from large pieces, which are used again for
 * the next page; giving back a value does nothing.
 *
 * Each thread has one arena. What was parsed in it must not be handed on: no json_decref() of it,
 * and nothing that outlives ems_arena_reset() may refer to it.
 */

#pragma once

#include <stdbool.h>

/*
 * Make jansson ask here, process-wide; before there are threads that use it. Until then, and for
 * threads that did not begin, it is malloc() as ever.
 */
void ems_arena_install(void);
/*
 * From now on this thread's JSON is the arena's, until ems_arena_end(). False: not installed, or
 * what was parsed before is still there.
 */
bool ems_arena_begin(void);
void ems_arena_end(void);
/* All that was parsed between the two is gone. */
void ems_arena_reset(void);
/* The thread's last words: the pieces go, too. */
void ems_arena_thread_fini(void);
