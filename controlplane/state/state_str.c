/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/snap/snap.h"
#include "state/state_priv.h"

#include <errno.h>
#include <stdlib.h>

uint64_t state_hash(const uint64_t seed[static 2], const void *ptr, size_t len)
{
	const uint8_t *at = ptr;
	uint64_t h = len;

	/* SipHash of 16-byte blocks, each keyed with what came before. */
	do {
		struct device_uid block = {};
		const size_t n = len < sizeof(block.b) ? len : sizeof(block.b);
		if (n > 0)
			memcpy(block.b, at, n);
		const uint64_t key[2] = {seed[0] ^ h, seed[1]};
		h = snap_device_hash(key, &block);
		at += n;
		len -= n;
	} while (len > 0);
	return h;
}

static int grow_table(struct strs *p)
{
	const uint32_t cap = p->table_cap > 0 ? 2 * p->table_cap : 1024;
	uint32_t *table = calloc(cap, sizeof(*table));

	if (table == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < p->nb; id++) {
		uint64_t i = state_hash(p->seed, p->str[id].ptr, p->str[id].len);
		while (table[i & (cap - 1)] != 0)
			i++;
		table[i & (cap - 1)] = id + 1;
	}
	free(p->table);
	p->table = table;
	p->table_cap = cap;
	return 0;
}

static int add(struct strs *p, struct slice s, uint64_t at, uint32_t *ret_id)
{
	if (p->nb >= STRS_MAX || p->bytes + s.len > STRS_MAX_BYTES)
		return -ENOSPC;
	if (p->nb == p->cap) {
		const uint32_t cap = p->cap > 0 ? 2 * p->cap : 256;
		struct slice *str = realloc(p->str, cap * sizeof(*str));
		if (str == NULL)
			return -ENOMEM;
		p->str = str;
		p->cap = cap;
	}
	uint8_t *copy = malloc(s.len);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, s.ptr, s.len);
	p->str[p->nb] = slice_of(copy, s.len);
	p->bytes += s.len;
	p->table[at] = ++p->nb;
	*ret_id = p->nb - 1;
	return 0;
}

int strs_put(struct strs *p, struct slice s, uint32_t *ret_id, bool *ret_is_new)
{
	if (s.len == 0 || s.len > STATE_FIELD_MAX)
		return -EINVAL;
	if (2 * p->nb >= p->table_cap && grow_table(p) < 0)
		return -ENOMEM;
	uint64_t i = state_hash(p->seed, s.ptr, s.len) & (p->table_cap - 1);
	while (p->table[i] != 0) {
		const uint32_t id = p->table[i] - 1;
		if (slice_is_equal(p->str[id], s)) {
			*ret_id = id;
			*ret_is_new = false;
			return 0;
		}
		i = (i + 1) & (p->table_cap - 1);
	}
	*ret_is_new = true;
	return add(p, s, i, ret_id);
}

void strs_fini(struct strs *p)
{
	for (uint32_t id = 0; id < p->nb; id++)
		free((void *)p->str[id].ptr);
	free(p->str);
	free(p->table);
	*p = (struct strs){};
}
