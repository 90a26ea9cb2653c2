/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The builder's device table: copy-on-write pages under a directory that doubles when one is full.
 */

#include "common/snap/snap.h"
#include "common/snap/snap_build_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Devices per page when the directory is sized: a load of 34 on average makes a page of 64
 * overflow in one of 10^5 pages, and then the directory doubles.
 */
#define TARGET_LOAD 34u
/* A longer list would cost every worker more than deciding all its sessions again. */
#define MAX_CHANGES 65536u

int build_devices_init(struct snap_build *b, uint32_t expected_devices)
{
	while (b->dir_bits < SNAP_MAX_DIR_BITS &&
	       expected_devices > ((uint64_t)TARGET_LOAD << b->dir_bits))
		b->dir_bits++;
	size_t nb = (size_t)1 << b->dir_bits;
	b->dir = calloc(nb, sizeof(*b->dir));
	b->is_own = calloc(nb, sizeof(*b->is_own));
	b->is_dir_moved = true;
	return b->dir == NULL || b->is_own == NULL ? -ENOMEM : 0;
}

static struct snap_device_page *page_at(const struct snap_build *b, uint64_t off)
{
	return off == 0 ? NULL : (struct snap_device_page *)(b->base + off);
}

/* The page at <off>, which is not 0. */
static struct snap_device_page *page_get(const struct snap_build *b, uint64_t off)
{
	return (struct snap_device_page *)(b->base + off);
}

static int own_list_reserve(struct snap_build *b)
{
	if (b->nb_own < b->cap_own)
		return 0;
	uint32_t cap = b->cap_own > 0 ? b->cap_own * 2 : 256;
	uint32_t *idx = realloc(b->own_idx, cap * sizeof(*idx));
	if (idx == NULL)
		return -ENOMEM;
	b->own_idx = idx;
	b->cap_own = cap;
	return 0;
}

/* Make page <idx> of the draft one that may be written: the first change of a draft copies it. */
static int page_own(struct snap_build *b, uint32_t idx)
{
	uint64_t off;

	if (b->is_own[idx])
		return 0;
	int rc = own_list_reserve(b);
	if (rc == 0)
		rc = snap_pages_reserve(&b->pages, 1);
	if (rc == 0)
		rc = snap_pages_alloc(&b->pages, SNAP_PAGE, &off);
	if (rc < 0)
		return rc;
	if (b->dir[idx] != 0)
		memcpy(b->base + off, b->base + b->dir[idx], SNAP_PAGE);
	else
		memset(b->base + off, 0, SNAP_PAGE);
	snap_pages_retire(&b->pages, b->dir[idx], SNAP_PAGE);
	b->dir[idx] = off;
	b->is_own[idx] = true;
	b->own_idx[b->nb_own++] = idx;
	b->is_dir_moved = true;
	b->copied++;
	return 0;
}

/* Put what is not in <page> at its place; -ENOSPC: all are taken. */
static int page_insert(struct snap_device_page *page, const struct snap_device *dev, uint64_t hash)
{
	uint32_t slot = snap_page_home(hash);

	for (unsigned i = 0; i < SNAP_DEVICES_PER_PAGE; i++) {
		if (page->dev[slot].is_used == 0) {
			page->dev[slot] = *dev;
			page->dev[slot].is_used = 1;
			return 0;
		}
		slot = (slot + 1) % SNAP_DEVICES_PER_PAGE;
	}
	return -ENOSPC;
}

static uint32_t distance(uint32_t from, uint32_t to)
{
	return (to - from) % SNAP_DEVICES_PER_PAGE;
}

/*
 * Free place <slot>. A search ends at a free place, so the records after it up to the next free one
 * move down, but for those that would come before their own first place.
 */
static void page_remove(const struct snap_build *b, struct snap_device_page *page, uint32_t slot)
{
	uint32_t hole = slot;

	for (uint32_t i = (slot + 1) % SNAP_DEVICES_PER_PAGE;
	     i != slot && page->dev[i].is_used != 0; i = (i + 1) % SNAP_DEVICES_PER_PAGE) {
		const uint64_t hash = snap_device_hash(b->hash_seed, &page->dev[i].uid);

		if (distance(snap_page_home(hash), i) < distance(hole, i))
			continue;
		page->dev[hole] = page->dev[i];
		hole = i;
	}
	page->dev[hole] = (struct snap_device){};
}

static bool page_is_full(const struct snap_device_page *page)
{
	for (unsigned i = 0; i < SNAP_DEVICES_PER_PAGE; i++)
		if (page->dev[i].is_used == 0)
			return false;
	return true;
}

/* Distribute page <idx> over the two new ones at <new_dir>[2 idx] and [2 idx + 1]. */
static int split_page(struct snap_build *b, uint32_t idx, uint64_t *new_dir)
{
	const struct snap_device_page *page = page_at(b, b->dir[idx]);

	for (unsigned i = 0; page != NULL && i < SNAP_DEVICES_PER_PAGE; i++) {
		if (page->dev[i].is_used == 0)
			continue;
		uint64_t hash = snap_device_hash(b->hash_seed, &page->dev[i].uid);
		uint64_t *off = &new_dir[snap_dir_index(hash, b->dir_bits + 1)];
		if (*off == 0) {
			uint64_t fresh;
			int rc = snap_pages_alloc(&b->pages, SNAP_PAGE, &fresh);
			if (rc < 0)
				return rc;
			memset(b->base + fresh, 0, SNAP_PAGE);
			*off = fresh;
		}
		(void)page_insert(page_get(b, *off), &page->dev[i], hash); /* it has the room */
	}
	return 0;
}

static void drop_old_pages(struct snap_build *b, uint32_t nb)
{
	for (uint32_t i = 0; i < nb; i++) {
		if (b->is_own[i])
			snap_pages_free(&b->pages, b->dir[i], SNAP_PAGE);
		else
			snap_pages_retire(&b->pages, b->dir[i], SNAP_PAGE);
	}
}

/* Twice the pages. All are new, so the whole table is copied: rare, and only while it grows. */
static int dir_double(struct snap_build *b)
{
	uint32_t nb = 1u << b->dir_bits;

	if (b->dir_bits >= SNAP_MAX_DIR_BITS)
		return -ENOSPC;
	uint64_t *dir = calloc(2 * (size_t)nb, sizeof(*dir));
	bool *is_own = calloc(2 * (size_t)nb, sizeof(*is_own));
	uint32_t *own_idx = calloc(2 * (size_t)nb, sizeof(*own_idx));
	int rc = dir == NULL || is_own == NULL || own_idx == NULL ? -ENOMEM : 0;
	if (rc == 0)
		rc = snap_pages_reserve(&b->pages, nb);
	for (uint32_t i = 0; rc == 0 && i < nb; i++)
		rc = split_page(b, i, dir);
	if (rc < 0)
		goto free_new;
	drop_old_pages(b, nb);
	b->nb_own = 0;
	for (uint32_t i = 0; i < 2 * nb; i++) {
		is_own[i] = dir[i] != 0;
		if (is_own[i])
			own_idx[b->nb_own++] = i;
	}
	b->copied += b->nb_own;
	free(b->dir);
	free(b->is_own);
	free(b->own_idx);
	b->dir = dir;
	b->is_own = is_own;
	b->own_idx = own_idx;
	b->cap_own = 2 * nb;
	b->dir_bits++;
	b->is_dir_moved = true;
	return 0;

free_new:
	for (uint32_t i = 0; dir != NULL && i < 2 * nb; i++)
		snap_pages_free(&b->pages, dir[i], SNAP_PAGE);
	free(dir);
	free(is_own);
	free(own_idx);
	return rc;
}

int build_change_reserve(struct snap_build *b)
{
	if (b->nb_change < b->cap_change || b->nb_change >= MAX_CHANGES)
		return 0;
	uint32_t cap = b->cap_change > 0 ? b->cap_change * 2 : 256;
	struct snap_change *ch = realloc(b->change, cap * sizeof(*ch));
	if (ch == NULL)
		return -ENOMEM;
	b->change = ch;
	b->cap_change = cap;
	return 0;
}

void build_change_add(struct snap_build *b, const struct device_uid *uid, uint64_t notified_us)
{
	b->is_changed = true;
	if (notified_us == 0)
		return;
	if (b->nb_change >= MAX_CHANGES)
		b->is_change_overflow = true;
	else
		b->change[b->nb_change++] =
			(struct snap_change){.uid = *uid, .notified_us = notified_us};
}

static bool is_valid(const struct snap_build *b, const struct snap_device *dev)
{
	return dev->ems < SNAP_MAX_EMS && (dev->flags & ~SNAP_DEV__KNOWN) == 0 &&
	       (dev->posture == SNAP_NONE || dev->posture < b->postures.count);
}

int snap_build_device_put(struct snap_build *b, const struct snap_device *dev, uint64_t notified_us)
{
	uint64_t hash = snap_device_hash(b->hash_seed, &dev->uid);
	uint32_t idx = snap_dir_index(hash, b->dir_bits);
	const struct snap_device_page *page = page_at(b, b->dir[idx]);
	int slot = page == NULL ? -1 : snap_page_find(page, hash, &dev->uid);

	if (!is_valid(b, dev))
		return -EINVAL;
	struct snap_device used = *dev;
	used.is_used = 1;
	if (slot >= 0 && memcmp(&page->dev[slot], &used, sizeof(used)) == 0)
		return 0;
	int rc = build_change_reserve(b);
	while (rc == 0 && slot < 0 && page != NULL && page_is_full(page)) {
		rc = dir_double(b);
		idx = snap_dir_index(hash, b->dir_bits);
		page = page_at(b, b->dir[idx]);
	}
	if (rc == 0)
		rc = page_own(b, idx);
	if (rc < 0)
		return rc;
	struct snap_device_page *own = page_get(b, b->dir[idx]);
	if (slot >= 0) {
		b->nb_by_ems[own->dev[slot].ems]--;
		own->dev[slot] = used;
	} else {
		(void)page_insert(own, dev, hash); /* it is not full */
		b->nb_devices++;
	}
	b->nb_by_ems[dev->ems]++;
	build_change_add(b, &dev->uid, notified_us);
	return 0;
}

int snap_build_device_del(struct snap_build *b, const struct device_uid *uid, uint64_t notified_us)
{
	uint64_t hash = snap_device_hash(b->hash_seed, uid);
	uint32_t idx = snap_dir_index(hash, b->dir_bits);
	const struct snap_device_page *page = page_at(b, b->dir[idx]);
	int slot = page == NULL ? -1 : snap_page_find(page, hash, uid);

	if (slot < 0)
		return 0;
	int rc = build_change_reserve(b);
	if (rc == 0)
		rc = page_own(b, idx);
	if (rc < 0)
		return rc;
	/* <uid> may point into the page that is about to change. */
	const struct device_uid gone = *uid;
	struct snap_device_page *own = page_get(b, b->dir[idx]);
	b->nb_by_ems[own->dev[slot].ems]--;
	page_remove(b, own, (uint32_t)slot);
	b->nb_devices--;
	build_change_add(b, &gone, notified_us);
	return 0;
}

int snap_build_touch(struct snap_build *b, const struct device_uid *uid, uint64_t notified_us)
{
	int rc = build_change_reserve(b);

	if (rc == 0)
		build_change_add(b, uid, notified_us);
	return rc;
}

const struct snap_device *snap_build_device_find(const struct snap_build *b,
						 const struct device_uid *uid)
{
	uint64_t hash = snap_device_hash(b->hash_seed, uid);
	const struct snap_device_page *page = page_at(b, b->dir[snap_dir_index(hash, b->dir_bits)]);
	int slot = page == NULL ? -1 : snap_page_find(page, hash, uid);

	return slot < 0 ? NULL : &page->dev[slot];
}
