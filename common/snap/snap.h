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
	const struct snap_index *index; /* NULL: none */
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

/* The index of a configuration that was checked. 0 or -EBADMSG, as snap_check(). */
[[nodiscard]] int snap_index_check(const struct snap_index *index, size_t len,
				   const struct snap_config *config, const char **ret_why);
/*
 * Make the index of <config>, which was checked, in memory that is the caller's to free. <ret> is
 * NULL when it would be larger than it is worth. 0 or -ENOMEM with <ret> untouched.
 */
[[nodiscard]] int snap_index_make(const struct snap_config *config, struct snap_index **ret,
				  size_t *ret_len);
/* Class of <source>; only with SNAP_INDEX_SOURCES. */
uint32_t snap_index_class(const struct snap_index *index, const struct ip_addr *source);
/*
 * The set of policies of <config>, which was checked, whose tags are true for the posture of
 * <nb_words> at <bits>; <ret> has snap_set_bytes().
 */
void snap_verdicts_fill(const struct snap_config *config, const uint64_t *bits, uint32_t nb_words,
			uint64_t *ret);
/* Set the bits of the summary of a set whose other words are filled. */
void snap_set_summarize(uint64_t *set, uint32_t nb_policies);

/* The device's record, or NULL. Valid as long as the version is. */
const struct snap_device *snap_device_find(const struct snap_view *v, const struct device_uid *uid);
/* Begin fetching what snap_device_find() will read. */
void snap_device_prefetch(const struct snap_view *v, const struct device_uid *uid);
bool snap_is_revoked(const struct snap_view *v, uint8_t ems, const struct cert_serial *serial);

/* The set of policies whose tags are true for <posture>, those that ask for none included. */
static inline const uint64_t *snap_verdicts(const struct snap_view *v, uint32_t posture)
{
	return (const uint64_t *)(v->base + v->root->verdicts.off +
				  (size_t)posture * v->root->verdicts.stride);
}

/* Is policy <policy> (an index) in it? */
static inline bool snap_verdict(const struct snap_view *v, uint32_t posture, uint32_t policy)
{
	const uint64_t *set =
		snap_verdicts(v, posture) + snap_set_summary_words(v->config->policies.count);

	return (set[policy / 64] >> (policy % 64)) & 1;
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

/* Set <n> of the index, which is there: an enum snap_index_set, or one of those after them. */
static inline const uint64_t *snap_index_set(const struct snap_view *v, uint32_t n)
{
	const uint64_t *sets = (const uint64_t *)(v->index + 1);

	return sets + (size_t)n * (snap_set_bytes(v->index->nb_policies) / sizeof(*sets));
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
