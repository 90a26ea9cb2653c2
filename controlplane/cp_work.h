/* SPDX-License-Identifier: BSD-3-Clause */

/* The main thread's queue of batches, its timers and its record reader; for cp.c. */

#pragma once

#include "base/cp.h"

/* Under the lock, with state, publisher and shm in place. 0 or -ENOMEM. */
[[nodiscard]] int cp_work_open(struct cp *cp);
/* Drop queued batches while those who posted them are still there. */
void cp_work_drop(struct cp *cp);
void cp_work_close(struct cp *cp);
