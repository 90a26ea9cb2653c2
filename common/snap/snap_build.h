/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Writing snapshots: one builder owns the snapshot file. Devices are put and removed in a draft;
 * snap_build_publish() turns the draft into the next version. The cost of a publish is what
 * changed (copied pages) plus one directory.
 *
 * Single-threaded; used by the control plane and by tests. After a restart the builder makes the
 * tables anew in the same file (new pages first, then the new root, so that a reader goes on).
 */

#pragma once

#include "common/base/slice.h"
#include "common/snap/snap_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snap_build;

/* How the builder grows the file and learns about grace periods. */
struct snap_build_ops {
	/* Make [0, len) of the file usable (posix_fallocate). 0 or -errno. */
	int (*grow)(void *user, uint64_t len);
	/*
	 * Store-release <root_off> as the current version, start a grace period, and return its
	 * token; tokens ascend. Called by snap_build_publish(), and by snap_build_resume() for the
	 * version that is current already.
	 */
	uint64_t (*publish)(void *user, uint64_t root_off, uint64_t generation);
	/* Has every reader left versions older than the publish that returned <token>? */
	bool (*is_done)(void *user, uint64_t token);
	void *user;
};

/*
 * <base> maps <cap> bytes (address space; the file may be shorter). <expected_devices> sizes the
 * directory; it doubles by itself when a page overflows. NULL: out of memory.
 */
struct snap_build *snap_build_new(void *base, size_t cap, uint32_t expected_devices,
				  const uint64_t hash_seed[static 2], uint64_t instance,
				  const struct snap_build_ops *ops);
/*
 * Continue in a file that an earlier process left, whose current version is at <root_off>
 * (checked with snap_check() by the caller): its pages are kept until the first new version is
 * published, and generations go on from its own.
 */
struct snap_build *snap_build_resume(void *base, size_t cap, uint64_t root_off,
				     uint32_t expected_devices, const struct snap_build_ops *ops);
void snap_build_free(struct snap_build *b);

/*
 * Put (insert or replace) a device into the draft; remove it. <notified_us> goes to the change
 * list (0: not a change that sessions must hear of). Putting what is there already, and removing
 * what is not, changes nothing. -ENOSPC when the file cannot grow, -EINVAL for a record that
 * snap_check() would refuse.
 */
[[nodiscard]] int snap_build_device_put(struct snap_build *b, const struct snap_device *dev,
					uint64_t notified_us);
[[nodiscard]] int snap_build_device_del(struct snap_build *b, const struct device_uid *uid,
					uint64_t notified_us);
/* List <uid> as changed though its record is not (an EMS pull came back without it). */
[[nodiscard]] int snap_build_touch(struct snap_build *b, const struct device_uid *uid,
				   uint64_t notified_us);
const struct snap_device *snap_build_device_find(const struct snap_build *b,
						 const struct device_uid *uid);

/*
 * Intern a tag set: <bits> of <nb_words> words, trailing zero words do not matter. Equal sets
 * give equal ids. The first use of an id evaluates every expression for it. Ids stay valid while
 * the builder lives (a fleet has few distinct sets). -ENOSPC.
 */
[[nodiscard]] int snap_build_posture(struct snap_build *b, const uint64_t *bits, uint32_t nb_words,
				     uint32_t *ret_posture);
uint32_t snap_build_nb_postures(const struct snap_build *b);
/* The interned set; NULL when there is no such id. */
const uint64_t *snap_build_posture_bits(const struct snap_build *b, uint32_t posture,
					uint32_t *ret_nb_words);

/*
 * Replace the configuration object (a struct snap_config and all that follows it, offsets from
 * its start; generation is set here). Verdict rows of all postures are computed anew; every
 * session will be decided again. The bytes are copied. -EBADMSG when they do not pass the check.
 */
[[nodiscard]] int snap_build_config(struct snap_build *b, const void *config, size_t len);
/* Replace the list of revoked certificates (any order; copied). */
[[nodiscard]] int snap_build_revoked(struct snap_build *b, const struct snap_revoked *list,
				     uint32_t count);

/*
 * Make the draft the current version. 0 (also when nothing changed), -ENOSPC, -EINVAL when there is
 * no configuration yet or a device or revocation is of an EMS that it does not have.
 */
[[nodiscard]] int snap_build_publish(struct snap_build *b, uint64_t now_us);
uint64_t snap_build_generation(const struct snap_build *b);

struct snap_build_stats {
	uint64_t generation;
	uint64_t pages_used, pages_free, pages_waiting; /* waiting: for a grace period */
	uint64_t copied_pages;                          /* by the last publish */
	uint32_t nb_devices, nb_postures, dir_bits;
};
void snap_build_stats(const struct snap_build *b, struct snap_build_stats *ret);
