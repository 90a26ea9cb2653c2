/* SPDX-License-Identifier: BSD-3-Clause */

/* Look-ups in a checked version. */

#include "common/base/crc32c.h"
#include "common/snap/snap.h"
#include "common/snap/snap_priv.h"

#include <string.h>

int snap_page_find(const struct snap_device_page *page, uint64_t hash, const struct device_uid *uid)
{
	uint32_t slot = snap_page_home(hash);

	for (unsigned i = 0; i < SNAP_DEVICES_PER_PAGE; i++) {
		const struct snap_device *d = &page->dev[slot];

		if (d->is_used == 0)
			return -1;
		if (device_uid_is_equal(&d->uid, uid))
			return (int)slot;
		slot = (slot + 1) % SNAP_DEVICES_PER_PAGE;
	}
	return -1;
}

static const struct snap_device_page *page_of(const struct snap_view *v, uint64_t hash)
{
	uint64_t off = v->device_dir[snap_dir_index(hash, v->root->device_dir_bits)];

	return off == 0 ? NULL : (const struct snap_device_page *)(v->base + off);
}

static const uint64_t *seed_of(const struct snap_view *v)
{
	return ((const struct snap_hdr *)v->base)->hash_seed;
}

const struct snap_device *snap_device_find(const struct snap_view *v, const struct device_uid *uid)
{
	uint64_t hash = snap_device_hash(seed_of(v), uid);
	const struct snap_device_page *page = page_of(v, hash);

	if (page == NULL)
		return NULL;
	int slot = snap_page_find(page, hash, uid);
	return slot < 0 ? NULL : &page->dev[slot];
}

void snap_device_prefetch(const struct snap_view *v, const struct device_uid *uid)
{
	uint64_t hash = snap_device_hash(seed_of(v), uid);
	const struct snap_device_page *page = page_of(v, hash);

	if (page != NULL)
		__builtin_prefetch(&page->dev[snap_page_home(hash)]);
}

bool snap_is_revoked(const struct snap_view *v, uint8_t ems, const struct cert_serial *serial)
{
	const struct snap_revoked *list =
		(const struct snap_revoked *)(v->base + v->root->revoked.off);
	uint32_t lo = 0, hi = v->root->revoked.count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int cmp = list[mid].ems != ems
				  ? list[mid].ems - ems
				  : memcmp(list[mid].serial.b, serial->b, sizeof(serial->b));
		if (cmp == 0)
			return true;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool snap_changes_since(const struct snap_view *v, uint64_t since,
			void (*on_change)(void *user, const struct snap_change *ch), void *user)
{
	const struct snap_root *root = v->root;

	if (since >= root->generation)
		return since == root->generation;
	/* Checked: entry i is of version <generation> - i. */
	if (root->generation - since > root->nb_history)
		return false;
	for (uint64_t i = 0; i < root->generation - since; i++) {
		const struct snap_ref *ref = &root->history[i].uids;
		const struct snap_change *ch = (const struct snap_change *)(v->base + ref->off);
		for (uint32_t k = 0; k < ref->count; k++)
			on_change(user, &ch[k]);
	}
	return true;
}

uint32_t snap_root_crc(const struct snap_root *root)
{
	struct snap_root copy;

	memcpy(&copy, root, sizeof(copy));
	copy.crc32c = 0;
	return crc32c(&copy, sizeof(copy));
}
