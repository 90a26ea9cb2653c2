/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The builder's life, and publishing.
 *
 *	         put, del, touch, config, revoked
 *	              +--------+
 *	              v        |
 *	(new) ---> [DRAFT] ----+
 *	              |   ^
 *	      publish |   | the version is current; what it replaced waits for its grace period
 *	              +---+
 *
 * Invariants:
 *  (1) Bytes that a published version names are never written again while it may be read.
 *  (2) A failed call leaves the draft as it was, but for pages that it copied; the next publish
 *      may be tried again.
 *  (3) What a draft replaced is retired with the token of the publish that made it current.
 */

#include "common/snap/snap.h"
#include "common/snap/snap_build_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void build_obj_replace(struct snap_build *b, struct build_obj *o, uint64_t off, uint64_t bytes)
{
	if (o->is_own)
		snap_pages_free(&b->pages, o->off, o->bytes);
	else
		snap_pages_retire(&b->pages, o->off, o->bytes);
	*o = (struct build_obj){.off = off, .bytes = bytes, .is_own = off != 0};
}

static struct snap_build *build_alloc(void *base, size_t cap, uint64_t file_len,
				      uint32_t expected_devices, const uint64_t seed[static 2],
				      const struct snap_build_ops *ops)
{
	struct snap_build *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->base = base;
	b->ops = *ops;
	memcpy(b->hash_seed, seed, sizeof(b->hash_seed));
	if (snap_pages_init(&b->pages, base, cap, file_len, &b->ops) < 0 ||
	    build_rows_init(b) < 0 || build_devices_init(b, expected_devices) < 0) {
		snap_build_free(b);
		return NULL;
	}
	return b;
}

struct snap_build *snap_build_new(void *base, size_t cap, uint32_t expected_devices,
				  const uint64_t hash_seed[static 2], uint64_t instance,
				  const struct snap_build_ops *ops)
{
	if (cap < SNAP_PAGE || ops->grow(ops->user, SNAP_PAGE) < 0)
		return NULL;
	struct snap_build *b = build_alloc(base, cap, SNAP_PAGE, expected_devices, hash_seed, ops);
	if (b == NULL)
		return NULL;
	*(struct snap_hdr *)base = (struct snap_hdr){
		.magic = SNAP_MAGIC,
		.abi = SNAP_ABI,
		.file_len = SNAP_PAGE,
		.instance = instance,
		.hash_seed = {hash_seed[0], hash_seed[1]},
	};
	return b;
}

static void mark_ref(struct snap_build *b, const struct snap_ref *ref)
{
	snap_pages_mark(&b->pages, ref->off, (uint64_t)ref->count * ref->stride);
}

/* Mark all that the version at <root_off> is made of. */
static void mark_version(struct snap_build *b, uint64_t root_off)
{
	const struct snap_root *root = (const struct snap_root *)(b->base + root_off);
	const uint64_t *dir = (const uint64_t *)(b->base + root->device_dir_off);

	snap_pages_mark(&b->pages, root_off, SNAP_PAGE);
	snap_pages_mark(&b->pages, root->device_dir_off, sizeof(*dir) << root->device_dir_bits);
	for (uint32_t i = 0; i < 1u << root->device_dir_bits; i++)
		snap_pages_mark(&b->pages, dir[i], SNAP_PAGE);
	mark_ref(b, &root->postures);
	mark_ref(b, &root->verdicts);
	mark_ref(b, &root->revoked);
	snap_pages_mark(&b->pages, root->config_off, root->config_len);
	snap_pages_mark(&b->pages, root->index_off, root->index_len);
	for (uint32_t i = 0; i < root->nb_history; i++)
		mark_ref(b, &root->history[i].uids);
}

struct snap_build *snap_build_resume(void *base, size_t cap, uint64_t root_off,
				     uint32_t expected_devices, const struct snap_build_ops *ops)
{
	const struct snap_hdr *hdr = base;
	const struct snap_root *root = (const struct snap_root *)((uint8_t *)base + root_off);
	uint32_t expected =
		expected_devices > root->nb_devices ? expected_devices : root->nb_devices;
	struct snap_build *b = build_alloc(base, cap, hdr->file_len, expected, hdr->hash_seed, ops);

	if (b == NULL)
		return NULL;
	b->generation = root->generation;
	b->config_generation = root->config_generation;
	b->decide_generation = root->decide_generation;
	b->must_decide = true;
	b->is_changed = true;
	mark_version(b, root_off);
	struct snap_run_list live = {};
	if (snap_pages_retire_unmarked(&b->pages, &live) < 0 ||
	    snap_pages_reserve_publish(&b->pages) < 0) {
		free(live.run);
		snap_build_free(b);
		return NULL;
	}
	/*
	 * A reader may still be on a version before the current one, and nobody remembers its
	 * pages. Publishing the current one again gives a grace period that covers them.
	 */
	snap_pages_published(&b->pages, ops->publish(ops->user, root_off, root->generation));
	free(b->pages.draft.run);
	b->pages.draft = live;
	return b;
}

void snap_build_free(struct snap_build *b)
{
	if (b == NULL)
		return;
	snap_pages_fini(&b->pages);
	free(b->dir);
	free(b->is_own);
	free(b->own_idx);
	free(b->intern);
	free(b->change);
	free(b);
}

/* Runs of a new configuration. */
struct build_config {
	struct snap_config *config;
	uint64_t off, len;
	uint64_t index_off, index_len;
};

/* Copy <config> and its index in, and compute verdicts for it. */
static int put_config(struct snap_build *b, const void *config, const struct snap_index *index,
		      struct build_config *n)
{
	/* the configuration's, the index's and the verdicts' old runs */
	int rc = snap_pages_reserve(&b->pages, 3);

	if (rc == 0)
		rc = snap_pages_alloc(&b->pages, n->len, &n->off);
	if (rc == 0 && index != NULL)
		rc = snap_pages_alloc(&b->pages, n->index_len, &n->index_off);
	if (rc == 0) {
		n->config = (struct snap_config *)(b->base + n->off);
		memcpy(n->config, config, n->len);
		if (index != NULL)
			memcpy(b->base + n->index_off, index, n->index_len);
		rc = build_verdicts_renew(b, n->config);
	}
	if (rc < 0) {
		snap_pages_free(&b->pages, n->off, n->len);
		snap_pages_free(&b->pages, n->index_off, n->index_len);
	}
	return rc;
}

int snap_build_config(struct snap_build *b, const void *config, size_t len)
{
	struct build_config n = {.len = len};
	struct snap_index *index = NULL;
	int rc = snap_config_check(config, len, NULL);

	if (rc == 0)
		rc = snap_index_make(config, &index, &n.index_len);
	if (rc == 0)
		rc = put_config(b, config, index, &n);
	free(index);
	if (rc < 0)
		return rc;
	/* One draft, one generation, however often it changes its mind. */
	if (!b->config.is_own)
		b->config_generation++;
	n.config->generation = b->config_generation;
	build_obj_replace(b, &b->config, n.off, len);
	build_obj_replace(b, &b->index, n.index_off, n.index_off == 0 ? 0 : n.index_len);
	b->config_ems = n.config->ems.count;
	b->is_changed = true;
	b->must_decide = true;
	return 0;
}

static int revoked_cmp(const void *a, const void *b)
{
	const struct snap_revoked *x = a, *y = b;

	return x->ems != y->ems ? x->ems - y->ems
				: memcmp(x->serial.b, y->serial.b, sizeof(x->serial.b));
}

/* Sort <list> and drop doubles; returns how many are left. */
static uint32_t revoked_sort(struct snap_revoked *list, uint32_t count)
{
	uint32_t n = 0;

	if (count > 0)
		qsort(list, count, sizeof(*list), revoked_cmp);
	for (uint32_t i = 0; i < count; i++)
		if (n == 0 || revoked_cmp(&list[n - 1], &list[i]) != 0)
			list[n++] = list[i];
	return n;
}

int snap_build_revoked(struct snap_build *b, const struct snap_revoked *list, uint32_t count)
{
	uint64_t off = 0, bytes = (uint64_t)count * sizeof(*list);
	uint32_t n = 0, max_ems = 0;
	int rc = snap_pages_reserve(&b->pages, 1);

	if (rc == 0 && count > 0)
		rc = snap_pages_alloc(&b->pages, bytes, &off);
	if (rc < 0)
		return rc;
	if (count > 0) {
		struct snap_revoked *copy = (struct snap_revoked *)(b->base + off);
		memcpy(copy, list, bytes);
		n = revoked_sort(copy, count);
		max_ems = copy[n - 1].ems + 1u;
	}
	const void *old = b->base + b->revoked.off;
	if (n == b->nb_revoked && (n == 0 || memcmp(old, b->base + off, n * sizeof(*list)) == 0)) {
		snap_pages_free(&b->pages, off, bytes);
		return 0;
	}
	build_obj_replace(b, &b->revoked, off, bytes);
	b->nb_revoked = n;
	b->revoked_ems = max_ems;
	b->is_changed = true;
	b->must_decide = true;
	return 0;
}

/* A configuration is there, and no device or revocation is of an EMS that it does not have. */
static bool is_complete(const struct snap_build *b)
{
	if (b->config.off == 0 || b->revoked_ems > b->config_ems)
		return false;
	for (uint32_t i = b->config_ems; i < SNAP_MAX_EMS; i++)
		if (b->nb_by_ems[i] != 0)
			return false;
	return true;
}

struct build_new {
	uint64_t root, dir, changes;
	uint64_t dir_bytes, changes_bytes;
	uint32_t nb_changes;
};

static void free_new(struct snap_build *b, const struct build_new *n)
{
	snap_pages_free(&b->pages, n->root, SNAP_PAGE);
	snap_pages_free(&b->pages, n->dir, n->dir_bytes);
	snap_pages_free(&b->pages, n->changes, n->changes_bytes);
}

/* All that can fail of a publish. */
static int alloc_new(struct snap_build *b, struct build_new *n)
{
	*n = (struct build_new){
		.dir_bytes = sizeof(*b->dir) << b->dir_bits,
		.nb_changes = b->is_change_overflow ? 0 : b->nb_change,
	};
	n->changes_bytes = (uint64_t)n->nb_changes * sizeof(*b->change);
	/* old root, old directory, oldest change list */
	int rc = snap_pages_reserve(&b->pages, 3);
	if (rc == 0)
		rc = snap_pages_reserve_publish(&b->pages);
	if (rc == 0)
		rc = snap_pages_alloc(&b->pages, SNAP_PAGE, &n->root);
	if (rc == 0 && b->is_dir_moved)
		rc = snap_pages_alloc(&b->pages, n->dir_bytes, &n->dir);
	if (rc == 0 && n->nb_changes > 0)
		rc = snap_pages_alloc(&b->pages, n->changes_bytes, &n->changes);
	if (rc < 0)
		free_new(b, n);
	return rc;
}

static void push_history(struct snap_build *b, const struct build_new *n)
{
	if (b->nb_history == SNAP_HISTORY) {
		const struct snap_ref *old = &b->history[SNAP_HISTORY - 1].uids;
		snap_pages_retire(&b->pages, old->off, (uint64_t)old->count * old->stride);
		b->nb_history--;
	}
	memmove(&b->history[1], &b->history[0], b->nb_history * sizeof(b->history[0]));
	b->history[0] = (struct snap_changes){
		.generation = b->generation,
		.uids = {.off = n->changes, .count = n->nb_changes, .stride = sizeof(*b->change)},
	};
	b->nb_history++;
	if (n->nb_changes > 0)
		memcpy(b->base + n->changes, b->change, n->changes_bytes);
}

static struct snap_ref rows_ref(const struct build_rows *r)
{
	return (struct snap_ref){
		.off = r->count > 0 ? r->obj.off : 0,
		.count = r->count,
		.stride = r->stride,
	};
}

static void fill_root(const struct snap_build *b, struct snap_root *root, uint64_t now_us)
{
	memset(root, 0, SNAP_PAGE);
	*root = (struct snap_root){
		.magic = SNAP_ROOT_MAGIC,
		.abi = SNAP_ABI,
		.generation = b->generation,
		.config_generation = b->config_generation,
		.decide_generation = b->decide_generation,
		.published_us = now_us,
		.device_dir_off = b->dir_obj.off,
		.device_dir_bits = b->dir_bits,
		.nb_devices = b->nb_devices,
		.postures = rows_ref(&b->postures),
		.verdicts = rows_ref(&b->verdicts),
		.revoked = {.off = b->nb_revoked > 0 ? b->revoked.off : 0,
			    .count = b->nb_revoked,
			    .stride = sizeof(struct snap_revoked)},
		.config_off = b->config.off,
		.config_len = b->config.bytes,
		.index_off = b->index.off,
		.index_len = b->index.bytes,
		.nb_history = b->nb_history,
	};
	memcpy(root->history, b->history, b->nb_history * sizeof(b->history[0]));
	root->crc32c = snap_root_crc(root);
}

/* The draft is published: what was its own is everybody's now. */
static void end_draft(struct snap_build *b)
{
	for (uint32_t i = 0; i < b->nb_own; i++)
		b->is_own[b->own_idx[i]] = false;
	b->nb_own = 0;
	b->root.is_own = false;
	b->dir_obj.is_own = false;
	b->config.is_own = false;
	b->index.is_own = false;
	b->revoked.is_own = false;
	b->postures.obj.is_own = false;
	b->verdicts.obj.is_own = false;
	b->is_dir_moved = false;
	b->nb_change = 0;
	b->is_change_overflow = false;
	b->is_changed = false;
	b->must_decide = false;
	b->copied_last = b->copied;
	b->copied = 0;
}

int snap_build_publish(struct snap_build *b, uint64_t now_us)
{
	struct build_new n;

	if (!b->is_changed && b->root.off != 0)
		return 0;
	if (!is_complete(b))
		return -EINVAL;
	snap_pages_reap(&b->pages);
	int rc = alloc_new(b, &n);
	if (rc < 0)
		return rc;
	b->generation++;
	if (b->must_decide || b->is_change_overflow)
		b->decide_generation = b->generation;
	if (b->is_dir_moved) {
		memcpy(b->base + n.dir, b->dir, n.dir_bytes);
		build_obj_replace(b, &b->dir_obj, n.dir, n.dir_bytes);
	}
	push_history(b, &n);
	build_obj_replace(b, &b->root, n.root, SNAP_PAGE);
	fill_root(b, (struct snap_root *)(b->base + n.root), now_us);
	uint64_t token = b->ops.publish(b->ops.user, n.root, b->generation);
	snap_pages_published(&b->pages, token);
	end_draft(b);
	return 0;
}

uint64_t snap_build_generation(const struct snap_build *b)
{
	return b->generation;
}

void snap_build_stats(const struct snap_build *b, struct snap_build_stats *ret)
{
	*ret = (struct snap_build_stats){
		.generation = b->generation,
		.pages_used = b->pages.nb_used - b->pages.nb_waiting,
		.pages_free = b->pages.nb_pages - b->pages.nb_used,
		.pages_waiting = b->pages.nb_waiting,
		.copied_pages = b->copied_last,
		.nb_devices = b->nb_devices,
		.nb_postures = b->postures.count,
		.dir_bits = b->dir_bits,
	};
}
