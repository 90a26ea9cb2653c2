/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control plane as its modules see it: one struct cp, made by main.c before any thread.
 *
 * Threads: the main thread runs <loop> and owns everything here under <lock>, which it holds
 * while it works and never while it waits. Another thread either posts (cp_post(), batches and
 * status: never blocks on the main thread) or takes the lock with cp_lock() for bounded work: at
 * most about 1000 device records before it lets go.
 */

#pragma once

#include "base/lock.h"
#include "base/loop.h"
#include "common/base/ids.h"
#include "common/record/record_layout.h"
#include "common/shm/shm.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit;
struct config;
struct config_store;
struct config_tx;
struct config_errors;
struct ems;
struct history;
struct logs;
struct publish;
struct rest;
struct state;
struct state_batch;
struct state_log;
struct cp_work;
struct state_ems_status;
struct cp;

/*
 * A part that plugs into main.c's table. <init> runs in the table's order, under the lock, with
 * config, state and publisher in place; it starts its own threads. <reload> runs under the lock
 * after a new configuration was published; <old> is valid until it returns. <fini> runs without
 * the lock, in reverse order, and joins the module's threads. Any may be NULL.
 */
struct module {
	const char *name;
	int (*init)(struct cp *cp);
	void (*reload)(struct cp *cp, const struct config *old);
	void (*fini)(struct cp *cp);
};

/* What the record reader has seen, for status and metrics. Main thread writes, under the lock. */
struct cp_record_counts {
	uint64_t read;
	uint64_t lost; /* rings that made no sense and were skipped */
	uint64_t pulls;
};

struct cp {
	/* set once before threads start */
	const char *config_path;
	const char *shm_dir;
	const char *state_dir;
	uint64_t started_ms; /* CLOCK_REALTIME */
	struct loop *loop;
	struct lock lock;

	/* under the lock */
	struct config *config;
	uint64_t nb_reloads, nb_reload_failures;
	uint64_t reloaded_ms; /* CLOCK_REALTIME of the last success */
	struct state *state;
	struct publish *publish;
	struct shm shm;
	struct cp_record_counts records;
	/*
	 * A worker met a device that no snapshot has: ask EMS <ems_id> for it. Set by the EMS
	 * module's init; NULL: nobody asks. Called on the main thread; must not block. The answer
	 * is a batch with the UID among its <pulled>.
	 */
	void (*on_device_pull)(struct cp *cp, uint32_t ems_id, const struct device_uid *uid);
	/* Every other record of the data plane, on the main thread. Set by the logs module. */
	void (*on_record)(struct cp *cp, const struct record *r);

	/* each owned by its module */
	struct ems *ems;
	struct history *history;
	struct logs *logs;
	struct rest *rest;
	struct audit *audit; /* REST's; has a lock of its own */

	/* cp.c's own; <modules> is main.c's table, ended by NULL */
	const struct module *const *modules;
	struct state_log *state_log;       /* NULL: nothing is kept */
	struct config_store *config_store; /* NULL: cannot be written; has a lock of its own */
	struct config_tx *config_tx;       /* never NULL; has locks of its own */
	struct cp_work *work;
	uint32_t nb_started; /* modules whose init succeeded */
	int signal_fd;
	pthread_t reload_thread;
	bool is_reload_joinable, is_reload_wanted;
};

static inline void cp_lock(struct cp *cp)
{
	lock_take(&cp->lock);
}

static inline void cp_unlock(struct cp *cp)
{
	lock_release(&cp->lock);
}

/* Any thread: run <fn>(<user>) on the main thread under the lock; see loop_post(). */
[[nodiscard]] static inline int cp_post(struct cp *cp, loop_fn fn, loop_fn on_drop, void *user)
{
	return loop_post(cp->loop, fn, on_drop, user);
}

/*
 * Any thread: hand a finished batch over. It is applied in slices, each published at once, then
 * its <on_done> is called on the main thread, and it is freed. On error (-ENOMEM, -ESHUTDOWN) it
 * is still the caller's. A connector keeps at most a few batches in flight and counts by on_done.
 */
[[nodiscard]] int cp_post_batch(struct cp *cp, struct state_batch *b);

/* Any thread: replace the status of EMS <st->id>; a changed contact time reaches the workers. */
[[nodiscard]] int cp_post_ems_status(struct cp *cp, const struct state_ems_status *st);

/*
 * Any thread but the main one, without the lock: reading files and compiling patterns may take
 * long. Load the document anew, validate it whole, compile, publish (these under the lock) and
 * tell the modules. <who> goes into the history. -EINVAL with the reasons in <errs>: nothing has
 * changed.
 */
[[nodiscard]] int cp_reload(struct cp *cp, const char *who, struct config_errors *errs);
/*
 * The second half, holder of the lock: make <cfg> the configuration; it is the plane's then, or
 * still the caller's on failure.
 */
[[nodiscard]] int cp_adopt(struct cp *cp, struct config *cfg, struct config_errors *errs);
/* The same, but the one of before is the caller's, and may become the configuration again. */
[[nodiscard]] int cp_swap(struct cp *cp, struct config *cfg, struct config **ret_old,
			  struct config_errors *errs);
/* Main thread: reload on a thread of its own and log what came of it. */
void cp_reload_begin(struct cp *cp);

/*
 * Holder of the lock: kill session <session_id> of <worker> by the mailbox. -EAGAIN: an earlier
 * request was not answered yet; -ESRCH: no such worker.
 */
[[nodiscard]] int cp_kill_session(struct cp *cp, uint32_t worker, uint64_t session_id);
