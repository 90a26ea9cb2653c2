/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The process: what it is made of, and the steps that make it. There is one; the main thread owns
 * it.
 */

#pragma once

#include "eal/eal_args.h"
#include "eal/privilege.h"
#include "io/io.h"
#include "worker/worker.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DATAPLANE_USER "tagwarden-data"

struct dataplane {
	/* command line */
	const char *shm_dir;
	const char *user;
	uint64_t wait_ms; /* UINT64_MAX: for ever */

	struct shm shm;
	struct snap_view view; /* what it starts with; whole until the workers run */
	struct eal_args args;
	char *device[IO_MAX_PORTS]; /* as configured; position is the index in io.port */
	uint32_t nb_devices;
	bool has_hugepages;
	struct privilege privilege;
	bool has_privilege;
	struct io io;
	struct tls_sessions *tls_sessions;
	struct worker *worker[SNAP_MAX_WORKERS];
	uint32_t nb_workers;
	uint64_t fingerprint;
	bool is_fingerprint_told;
	_Atomic(bool) is_signalled; /* a handler's only means of saying so */
};

extern struct dataplane dp;

/* CLOCK_MONOTONIC. */
uint64_t dataplane_now_ms(void);
void dataplane_sleep_ms(unsigned ms);

/*
 * Each returns 0, or -errno having logged why. What is in one row is made by the first and unmade
 * by the second.
 */

/* OpenSSL, before anybody uses it. */
[[nodiscard]] int dataplane_init_crypto(void);
/* Who to become later; refuses to stay root unless the command line insists. */
[[nodiscard]] int dataplane_choose_user(void);
[[nodiscard]] int dataplane_attach(void);
void dataplane_detach(void);
[[nodiscard]] int dataplane_read_snapshot(void);
[[nodiscard]] int dataplane_start_eal(void);
void dataplane_stop_eal(void);
[[nodiscard]] int dataplane_open_io(void);
void dataplane_close_io(void);
[[nodiscard]] int dataplane_make_feedback(void);
[[nodiscard]] int dataplane_make_workers(void);
void dataplane_free_workers(void);
[[nodiscard]] int dataplane_drop_privileges(void);
[[nodiscard]] int dataplane_launch(void);
void dataplane_halt(void);
