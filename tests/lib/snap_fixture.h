/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A small valid snapshot in an anonymous mapping, for tests of both planes: one interface, one
 * EMS (or more), one certificate, one access proxy with one gateway and one real server, the
 * policies that the test gives, and devices by number. What cannot fail in a test aborts.
 *
 *	struct snap_fixture f;
 *	fixture_init(&f);
 *	fixture_policies(&f, (struct fixture_policy[]){{.id = 17, .action = SNAP_ACCEPT,
 *							.tags = "any(FortiAD,Low-Risk)"}}, 1);
 *	fixture_device(&f, 1, "FortiAD");
 *	struct snap_view v = fixture_publish(&f);
 */

#pragma once

#include "common/snap/snap.h"
#include "common/snap/snap_arena.h"
#include "common/snap/snap_build.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIXTURE_MAX_TAGS 128
#define FIXTURE_CAP (256ull << 20)

struct snap_fixture {
	uint8_t *base;
	uint64_t file_len;
	uint64_t max_len; /* grow() fails beyond; FIXTURE_CAP unless a test lowers it */
	struct snap_build *build;

	/* what publish() was told */
	_Atomic(uint64_t) root_off; /* another thread may read it */
	uint64_t nb_publishes;
	/* grace periods up to this token are over; UINT64_MAX, the default: all; or set it */
	_Atomic(uint64_t) done_token;

	/* settings of the configuration, used by fixture_policies(); may be changed before it */
	uint8_t client_cert, empty_cert_action, log_blocked;
	uint32_t nb_ems;
	uint32_t out_of_sync_s;

	char tag[FIXTURE_MAX_TAGS][32];
	uint32_t nb_tags;
};

/* <tags>: NULL, a name, or any(...), all(...), none(...) of such, comma-separated. */
struct fixture_policy {
	uint32_t id;
	uint8_t action, log, stale;
	uint32_t stale_s;
	const char *tags;
	const char *source;  /* IPv4 "192.0.2.0/24" or NULL: all */
	bool is_other_proxy; /* for the second access proxy, which nothing else uses */
	bool is_other_interface;
};

void fixture_init(struct snap_fixture *f);
/* As fixture_init(), with the directory sized for <expected_devices>. */
void fixture_init_sized(struct snap_fixture *f, uint32_t expected_devices);
void fixture_fini(struct snap_fixture *f);
struct snap_build_ops fixture_ops(struct snap_fixture *f);

/* Id of tag <name>, given out in order of first use. */
uint32_t fixture_tag(struct snap_fixture *f, const char *name);
/* Assemble a configuration object; <a> is initialised here and the caller's to finish and free. */
void fixture_config(struct snap_fixture *f, struct snap_arena *a, const struct fixture_policy *p,
		    size_t nb);
/* Assemble and hand it to the builder. */
void fixture_policies(struct snap_fixture *f, const struct fixture_policy *p, size_t nb);

struct device_uid fixture_uid(uint64_t n);
struct cert_serial fixture_serial(uint64_t n);
/* Posture of comma-separated tag names; "" is the empty set. */
uint32_t fixture_posture(struct snap_fixture *f, const char *tags);
/* A registered, online device of EMS 0 with these tags; NULL: posture unknown. */
struct snap_device fixture_device_of(struct snap_fixture *f, uint64_t n, const char *tags);
void fixture_device(struct snap_fixture *f, uint64_t n, const char *tags);
void fixture_put(struct snap_fixture *f, const struct snap_device *dev);

/* Publish the draft and check it. */
struct snap_view fixture_publish(struct snap_fixture *f);
