/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reading a snapshot. A struct snap_view is one version, checked: everything reached through it
 * is within the mapping and means something. Views are values; they hold no reference: the
 * worker keeps its version alive by RCU (common/shm/rcu.h).
 */

#pragma once

#include "common/base/slice.h"
#include "common/snap/snap_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snap_view {
	const uint8_t *base; /* the mapping */
	size_t len;
	const struct snap_root *root;
	const uint64_t *device_dir;
	const struct snap_config *config;
};

/*
 * Check the version whose root is at <root_off> of <base>[0, len) and make <ret> of it. With
 * <prev> (an earlier checked view of the same mapping that is still alive) only device pages
 * that differ from it are checked, and config, posture and verdict objects that moved.
 *
 * Never reads outside the mapping, whatever the bytes are, and does work in proportion to <len>.
 * <len> is what exists of the mapping (shm_snapshot_len()), not what the header claims. Returns 0
 * or -EBADMSG with the place in <ret_why> (a static string, NULL allowed) and <ret> untouched.
 */
[[nodiscard]] int snap_check(const void *base, size_t len, uint64_t root_off,
			     const struct snap_view *prev, struct snap_view *ret,
			     const char **ret_why);

/* The configuration object alone, <config> 8-aligned. 0 or -EBADMSG, as snap_check(). */
[[nodiscard]] int snap_config_check(const void *config, size_t len, const char **ret_why);

/* The device's record, or NULL. Valid as long as the version is. */
const struct snap_device *snap_device_find(const struct snap_view *v, const struct device_uid *uid);
/* Begin fetching what snap_device_find() will read. */
void snap_device_prefetch(const struct snap_view *v, const struct device_uid *uid);
bool snap_is_revoked(const struct snap_view *v, uint8_t ems, const struct cert_serial *serial);

/* Bit <expr> of the verdict row of <posture>: that tag expression is true for that posture. */
static inline bool snap_verdict(const struct snap_view *v, uint32_t posture, uint32_t expr)
{
	const uint64_t *row = (const uint64_t *)(v->base + v->root->verdicts.off +
						 (size_t)posture * v->root->verdicts.stride);

	return (row[expr / 64] >> (expr % 64)) & 1;
}

static inline bool snap_posture_has(const struct snap_view *v, uint32_t posture, uint32_t tag)
{
	const uint64_t *row = (const uint64_t *)(v->base + v->root->postures.off +
						 (size_t)posture * v->root->postures.stride);

	return tag / 64 < v->root->postures.stride / 8 && ((row[tag / 64] >> (tag % 64)) & 1);
}

/* Into the config object; <v> was checked, so these cannot fail. */
static inline struct slice snap_str(const struct snap_view *v, struct snap_str s)
{
	return slice_of((const uint8_t *)v->config + s.off, s.len);
}

static inline const void *snap_arr(const struct snap_view *v, struct snap_arr a)
{
	return (const uint8_t *)v->config + a.off;
}

/*
 * A prefix holds addresses of its own family only: ::/0 is IPv6's, though IPv4-mapped addresses
 * are below it too.
 */
static inline bool snap_prefix_is_v4(const struct snap_prefix *p)
{
	return p->len >= 96 && ip_addr_is_v4(&p->addr);
}

static inline bool snap_prefix_has(const struct snap_prefix *p, const struct ip_addr *a)
{
	return ip_addr_has_prefix(a, &p->addr, p->len);
}

/*
 * The devices that changed after <since>, newest version first: calls <on_change> for each.
 * Returns false when the retained history does not reach back to <since>: then everything may
 * have changed.
 */
bool snap_changes_since(const struct snap_view *v, uint64_t since,
			void (*on_change)(void *user, const struct snap_change *ch), void *user);

/* SipHash-1-3. */
uint64_t snap_siphash(const uint64_t key[static 2], const void *ptr, size_t len);
/* SipHash-1-3 of <uid> under the file's seed: page = top bits, fingerprint = low byte. */
uint64_t snap_device_hash(const uint64_t seed[static 2], const struct device_uid *uid);
