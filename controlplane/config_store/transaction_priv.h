/* SPDX-License-Identifier: BSD-3-Clause */

/* Parts of a transaction: candidate.c edits, transaction.c brings into force. */

#pragma once

#include "config_store/transaction.h"

#include <pthread.h>

struct config_tx {
	struct cp *cp;
	struct config_store *store; /* NULL: nothing is kept */
	void (*on_event)(struct cp *cp, const char *what, const char *detail);
	/* One change at a time; taken before cp_lock and before <mutex>. */
	pthread_mutex_t work;
	/* A leaf. What is below is written with both held, and read with either. */
	pthread_mutex_t mutex;
	pthread_cond_t wake; /* CLOCK_MONOTONIC */
	pthread_t thread;
	bool is_started, is_stopping;

	struct config_version running;           /* sha256 of what is in force */
	char file_sha256[CONFIG_SHA256_LEN + 1]; /* of the file, when we read or wrote it last */

	/* trial: what was in force before, whole, so that going back cannot fail at a file */
	struct config *before; /* NULL: no trial */
	struct config_version before_version;
	uint64_t confirm_by_ms;    /* CLOCK_REALTIME, to be told */
	uint64_t confirm_until_ms; /* CLOCK_MONOTONIC, to be kept */

	/* candidate; NULL: none */
	char *candidate;
	size_t candidate_len;
	struct config_version candidate_version;
};

/* Tell <errs> and return <rc>. */
[[gnu::format(printf, 3, 4)]] int tx_refuse(struct config_errors *errs, int rc, const char *fmt,
					    ...);
/* Holder of the work mutex: forget the candidate, on disk too. */
void tx_candidate_drop(struct config_tx *tx);
/* At the start. */
void tx_candidate_load(struct config_tx *tx);
