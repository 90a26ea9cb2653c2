/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Changing the configuration as a transaction. What the file at <config_path> says is what a
 * start brings into force, always; so a commit writes the file, and a trial does not:
 *
 *	                    candidate (one, shared; kept over restarts)
 *	                        |
 *	          commit        |       commit with confirm_s
 *	       +----------------+-------------------+
 *	       v                                    v          confirm
 *	  [PERMANENT] <--------------------------- [TRIAL] -------------> file written: [PERMANENT]
 *	   running = file      time is up,          running != file
 *	                       rollback, reload,
 *	                       or a restart
 *
 * Everything here takes the work mutex, so changes happen one after the other, and takes cp_lock
 * inside, only while the new configuration is published. Call it from any thread without cp_lock;
 * config_tx_state() alone may be called with it.
 *
 * What is refused is told in <errs>, and by the code: -EINVAL the document or a path has errors;
 * -ENOENT there is no such thing; -EBUSY somebody else's candidate, or a trial, is in the way;
 * -ESTALE what it is based on has changed meanwhile; -EACCES the file cannot be written; -EIO
 * something else, as told.
 */

#pragma once

#include "config/config_errors.h"
#include "config_store/config_store.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_CONFIRM_MAX_S (7u * 86400u)
#define CONFIG_SUMMARY_MAX 400u

struct config;
struct config_tx;
struct cp;

/* What somebody wants, besides the thing itself. */
struct config_ask {
	const char *who;
	const char *comment; /* NULL: none */
	const char *path;    /* NULL: the whole document */
	unsigned confirm_s;  /* 0: permanent at once */
	uint64_t version;    /* to roll back to; 0: the one before */
	bool is_forced;      /* also over what somebody else did meanwhile */
	bool has_seen;       /* If-Match fitted: this is no overwriting by accident */
};

/* What came of it. */
struct config_done {
	struct config_version version;
	uint64_t confirm_by_ms; /* CLOCK_REALTIME; 0: nothing has to be confirmed */
	char summary[CONFIG_SUMMARY_MAX];
};

struct config_tx_state {
	struct config_version running;
	bool has_candidate;
	struct config_version candidate; /* number: what it was made from; who: its owner */
	uint64_t confirm_by_ms;          /* 0: no trial */
	uint64_t confirm_left_ms;
};

/*
 * Begin: the configuration of <cp> is in force, from its file. <st> may be NULL: then nothing is
 * kept. NULL: out of memory.
 */
struct config_tx *config_tx_open(struct cp *cp, struct config_store *st);
/* Stop the clock of a trial: before modules end, since a rollback tells them. */
void config_tx_stop(struct config_tx *tx);
void config_tx_close(struct config_tx *tx);
/* <fn> hears of what nobody asked for: a trial that timed out. Any thread, without the lock. */
void config_tx_on_event(struct config_tx *tx,
			void (*fn)(struct cp *cp, const char *what, const char *detail));

void config_tx_state(struct config_tx *tx, struct config_tx_state *ret);

/* Read the file anew, and end a trial. */
[[nodiscard]] int config_tx_reload(struct config_tx *tx, const struct config_ask *ask,
				   struct config_errors *errs);

/* ---- documents: malloc()ed text with a NUL after it ---- */

[[nodiscard]] int config_tx_running(struct config_tx *tx, struct config_version *ret_v, char **ret,
				    size_t *ret_len);
[[nodiscard]] int config_tx_candidate(struct config_tx *tx, struct config_version *ret_v,
				      char **ret, size_t *ret_len);
[[nodiscard]] int config_tx_version(struct config_tx *tx, uint64_t number,
				    struct config_version *ret_v, char **ret, size_t *ret_len);
/* "running", "candidate" or a number, as JSON. */
[[nodiscard]] int config_tx_json(struct config_tx *tx, const char *which, json_t **ret,
				 struct config_errors *errs);

/* ---- the candidate ---- */

/* Replace it, or the value at <ask->path>, by <text>; without one it is made from the running. */
[[nodiscard]] int config_tx_put(struct config_tx *tx, const struct config_ask *ask,
				struct slice text, struct config_errors *errs);
/* RFC 7396. */
[[nodiscard]] int config_tx_merge(struct config_tx *tx, const struct config_ask *ask,
				  struct slice text, struct config_errors *errs);
/* Discard it, or remove the value at <ask->path>. */
[[nodiscard]] int config_tx_remove(struct config_tx *tx, const struct config_ask *ask,
				   struct config_errors *errs);
[[nodiscard]] int config_tx_validate(struct config_tx *tx, struct config_errors *errs);

/* ---- what is in force ---- */

[[nodiscard]] int config_tx_commit(struct config_tx *tx, const struct config_ask *ask,
				   struct config_errors *errs, struct config_done *ret);
[[nodiscard]] int config_tx_confirm(struct config_tx *tx, const struct config_ask *ask,
				    struct config_errors *errs, struct config_done *ret);
/* During a trial: end it now. Otherwise version <ask->version> comes into force again. */
[[nodiscard]] int config_tx_rollback(struct config_tx *tx, const struct config_ask *ask,
				     struct config_errors *errs, struct config_done *ret);
