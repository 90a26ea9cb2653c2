/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Is this version within the mapping and does it mean something? Everything that the readers
 * index with, divide by or switch over is checked here, so that they need not. Versions are
 * immutable once published, so once is enough.
 */

#include "common/snap/snap.h"
#include "common/snap/snap_priv.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

#define DIR_BLOCK 64u

struct check {
	const uint8_t *base;
	size_t len;
	const struct snap_root *root;
	const struct snap_config *config;
	const struct snap_index *index;
	const struct snap_view *prev;
	const char *why;
};

static bool refuse(struct check *c, const char *why)
{
	c->why = why;
	return false;
}

/* Are [off, off + len) page-aligned bytes of the mapping, behind the header? */
static bool is_object(const struct check *c, uint64_t off, uint64_t len)
{
	uint64_t end;

	return off >= SNAP_PAGE && off % SNAP_PAGE == 0 &&
	       !__builtin_add_overflow(off, len, &end) && end <= c->len;
}

/* Both factors have 32 bits, so the product cannot overflow. */
static bool is_ref(const struct check *c, const struct snap_ref *ref, uint32_t stride)
{
	if (ref->count == 0)
		return ref->off == 0;
	return ref->stride == stride && is_object(c, ref->off, (uint64_t)ref->count * ref->stride);
}

static bool check_root(struct check *c, uint64_t root_off)
{
	const struct snap_hdr *hdr = (const struct snap_hdr *)c->base;

	if (c->len < SNAP_PAGE || (uintptr_t)c->base % alignof(uint64_t) != 0)
		return refuse(c, "mapping: shorter than its header");
	if (hdr->magic != SNAP_MAGIC || hdr->abi != SNAP_ABI)
		return refuse(c, "header: magic or ABI");
	if (!is_object(c, root_off, SNAP_PAGE))
		return refuse(c, "root: offset");
	const struct snap_root *root = (const struct snap_root *)(c->base + root_off);
	if (root->magic != SNAP_ROOT_MAGIC || root->abi != SNAP_ABI)
		return refuse(c, "root: magic or ABI");
	if (root->crc32c != snap_root_crc(root))
		return refuse(c, "root: checksum");
	if (root->generation == 0 || root->decide_generation > root->generation ||
	    root->config_generation == 0)
		return refuse(c, "root: generation");
	if (c->prev != NULL && root != c->prev->root &&
	    root->generation <= c->prev->root->generation)
		return refuse(c, "root: generation runs backwards");
	c->root = root;
	return true;
}

static bool check_config(struct check *c)
{
	const struct snap_root *root = c->root;

	if (!is_object(c, root->config_off, root->config_len))
		return refuse(c, "config: offset");
	c->config = (const struct snap_config *)(c->base + root->config_off);
	if (c->prev != NULL && c->config == c->prev->config &&
	    root->config_len == c->prev->root->config_len &&
	    root->config_generation == c->prev->root->config_generation)
		return true;
	if (snap_config_check(c->config, root->config_len, &c->why) < 0)
		return false;
	if (c->config->generation != root->config_generation)
		return refuse(c, "config: generation");
	return true;
}

static bool check_index(struct check *c)
{
	const struct snap_root *root = c->root;

	if (root->index_off == 0)
		return root->index_len == 0 || refuse(c, "index: length");
	if (!is_object(c, root->index_off, root->index_len))
		return refuse(c, "index: offset");
	c->index = (const struct snap_index *)(c->base + root->index_off);
	if (c->prev != NULL && c->config == c->prev->config && c->index == c->prev->index &&
	    root->config_generation == c->prev->root->config_generation &&
	    root->index_len == c->prev->root->index_len)
		return true;
	return snap_index_check(c->index, root->index_len, c->config, &c->why) == 0;
}

static bool check_rows(struct check *c)
{
	const struct snap_ref *p = &c->root->postures;
	const struct snap_ref *v = &c->root->verdicts;

	if (p->stride == 0 || p->stride % 8 != 0 || p->stride > SNAP_MAX_TAGS / 8 ||
	    !is_ref(c, p, p->stride))
		return refuse(c, "postures");
	if (v->stride % 8 != 0 || v->stride < snap_set_bytes(c->config->policies.count) ||
	    v->stride > 2 * snap_set_bytes(SNAP_MAX_POLICIES) || v->count != p->count ||
	    !is_ref(c, v, v->stride))
		return refuse(c, "verdicts");
	return true;
}

static bool check_revoked(struct check *c)
{
	const struct snap_ref *ref = &c->root->revoked;

	if (!is_ref(c, ref, sizeof(struct snap_revoked)))
		return refuse(c, "revoked: range");
	const struct snap_revoked *r = (const struct snap_revoked *)(c->base + ref->off);
	for (uint32_t i = 0; i < ref->count; i++) {
		if (r[i].ems >= c->config->ems.count)
			return refuse(c, "revoked: ems");
		if (i == 0)
			continue;
		int cmp = r[i - 1].ems != r[i].ems
				  ? r[i - 1].ems - r[i].ems
				  : memcmp(&r[i - 1].serial, &r[i].serial, sizeof(r[i].serial));
		if (cmp >= 0)
			return refuse(c, "revoked: order");
	}
	return true;
}

static bool check_history(struct check *c)
{
	const struct snap_root *root = c->root;

	if (root->nb_history > SNAP_HISTORY || root->nb_history > root->generation)
		return refuse(c, "history: count");
	for (uint32_t i = 0; i < root->nb_history; i++) {
		if (root->history[i].generation != root->generation - i)
			return refuse(c, "history: order");
		if (!is_ref(c, &root->history[i].uids, sizeof(struct snap_change)))
			return refuse(c, "history: range");
	}
	return true;
}

static uint64_t used_mask(const struct snap_device_page *page)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < SNAP_DEVICES_PER_PAGE; i++)
		used |= (uint64_t)(page->dev[i].is_used != 0) << i;
	return used;
}

/* Would a search that begins at <home> come to <slot>: is every place before it taken? */
static bool is_reachable(uint64_t used, uint32_t home, uint32_t slot)
{
	const uint32_t steps = (slot - home) % SNAP_DEVICES_PER_PAGE;
	const uint64_t from_home = home == 0 ? used : used >> home | used << (64 - home);
	const uint64_t before = (1ull << steps) - 1;

	return (from_home & before) == before;
}

static bool check_device(struct check *c, const struct snap_device *d)
{
	if (d->is_used != 1)
		return refuse(c, "device: neither used nor free");
	if (d->posture != SNAP_NONE && d->posture >= c->root->postures.count)
		return refuse(c, "device: posture");
	if (d->ems >= c->config->ems.count)
		return refuse(c, "device: ems");
	if ((d->flags & ~SNAP_DEV__KNOWN) != 0)
		return refuse(c, "device: flags");
	return true;
}

static bool check_page(struct check *c, uint32_t idx, const struct snap_device_page *page)
{
	const struct snap_hdr *hdr = (const struct snap_hdr *)c->base;
	const uint64_t used = used_mask(page);

	for (uint64_t m = used; m != 0; m &= m - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(m);
		const struct snap_device *d = &page->dev[i];
		uint64_t hash = snap_device_hash(hdr->hash_seed, &d->uid);
		if (snap_dir_index(hash, c->root->device_dir_bits) != idx)
			return refuse(c, "device: in another's page");
		if (!is_reachable(used, snap_page_home(hash), i))
			return refuse(c, "device: out of reach");
		if (!check_device(c, d))
			return false;
	}
	return true;
}

/* May pages that <prev> checked be taken as checked against this root too? */
static bool can_skip_pages(const struct check *c)
{
	return c->prev != NULL && c->prev->base == c->base &&
	       c->prev->root->device_dir_bits == c->root->device_dir_bits &&
	       c->prev->root->postures.count <= c->root->postures.count &&
	       c->prev->config->ems.count <= c->config->ems.count;
}

static uint32_t page_count(const struct check *c, uint64_t off)
{
	return off == 0 ? 0
			: (uint32_t)__builtin_popcountll(
				  used_mask((const struct snap_device_page *)(c->base + off)));
}

/* Entries of whole equal blocks at the front of the two directories: most of them, by far. */
static uint32_t skip_equal(const uint64_t *a, const uint64_t *b, uint32_t nb)
{
	uint32_t n = 0;

	while (nb - n >= DIR_BLOCK && memcmp(a + n, b + n, DIR_BLOCK * sizeof(*a)) == 0)
		n += DIR_BLOCK;
	return n;
}

static bool check_devices(struct check *c)
{
	const struct snap_root *root = c->root;

	if (root->device_dir_bits > SNAP_MAX_DIR_BITS ||
	    !is_object(c, root->device_dir_off, sizeof(uint64_t) << root->device_dir_bits))
		return refuse(c, "device directory");
	const uint64_t *dir = (const uint64_t *)(c->base + root->device_dir_off);
	const uint64_t *old = can_skip_pages(c) ? c->prev->device_dir : NULL;
	uint64_t total = old != NULL ? c->prev->root->nb_devices : 0;

	for (uint32_t i = 0; i < 1u << root->device_dir_bits; i++) {
		if (old != NULL && i % DIR_BLOCK == 0)
			i += skip_equal(dir + i, old + i, (1u << root->device_dir_bits) - i);
		if (i == 1u << root->device_dir_bits)
			break;
		if (old != NULL && dir[i] == old[i])
			continue;
		if (dir[i] != 0 && !is_object(c, dir[i], SNAP_PAGE))
			return refuse(c, "device page: offset");
		if (dir[i] != 0 &&
		    !check_page(c, i, (const struct snap_device_page *)(c->base + dir[i])))
			return false;
		total += page_count(c, dir[i]);
		if (old != NULL)
			total -= page_count(c, old[i]);
	}
	if (total != root->nb_devices)
		return refuse(c, "devices: count");
	return true;
}

int snap_check(const void *base, size_t len, uint64_t root_off, const struct snap_view *prev,
	       struct snap_view *ret, const char **ret_why)
{
	struct check c = {.base = base, .len = len, .prev = prev};

	if (!check_root(&c, root_off) || !check_config(&c) || !check_index(&c) || !check_rows(&c) ||
	    !check_revoked(&c) || !check_history(&c) || !check_devices(&c)) {
		if (ret_why != NULL)
			*ret_why = c.why;
		return -EBADMSG;
	}
	*ret = (struct snap_view){
		.base = base,
		.len = len,
		.root = c.root,
		.device_dir = (const uint64_t *)(c.base + c.root->device_dir_off),
		.config = c.config,
		.index = c.index,
	};
	return 0;
}
