/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/synth.h"

#include "emsim/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NB_POOL_TAGS = 64,
	NB_SETS = 200, /* distinct tag sets in the fleet, as tag sets cluster in real ones */
	SAME_TIME = 16 /* devices that share one update time, as rows of one SQL batch do */
};

/* splitmix64, public domain (Vigna): a well mixed 64-bit word for each counter value. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void fill_bytes(uint64_t key, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t w = mix(key + i);

		memcpy(out + i, &w, len - i < 8 ? len - i : 8);
	}
}

void synth_uid(uint64_t seed, uint64_t i, uint8_t out[static UID_LEN])
{
	fill_bytes(mix(seed) ^ i << 8, out, UID_LEN);
}

/* One of NB_SETS sets of <k> tags; every fourth pool tag is a classification. */
static uint32_t make_set(struct store *st, uint64_t seed, unsigned which, uint32_t k)
{
	static const char *const levels[] = {"Low", "Medium", "High", "Critical"};
	uint32_t ids[NB_POOL_TAGS];
	uint32_t nb = 0;

	for (uint64_t n = 0; nb < k; n++) {
		unsigned t = (unsigned)(mix(seed ^ (uint64_t)which << 32 ^ n) % NB_POOL_TAGS);
		char spec[64];
		bool is_known = false;
		int id;

		if (t < 4)
			snprintf(spec, sizeof(spec), "CLASS:%s", levels[t]);
		else
			snprintf(spec, sizeof(spec), "Synth-%02u", t);
		id = store_tag(st, spec);
		for (uint32_t i = 0; i < nb; i++)
			is_known = is_known || ids[i] == (uint32_t)id;
		if (!is_known)
			ids[nb++] = (uint32_t)id;
	}
	return store_tagset(st, ids, nb);
}

static void make_dev(struct store *st, const struct synth_params *p, uint64_t i,
		     const uint32_t *sets, uint64_t time)
{
	uint8_t uid[UID_LEN];
	struct dev *d;

	synth_uid(p->seed, i, uid);
	if (store_find(st, uid) != NULL)
		return;
	d = store_add(st, uid);
	fill_bytes(mix(p->seed ^ 0x5e71a1) ^ i << 8, d->serial, SERIAL_LEN);
	/* Certificate serial numbers are positive and 20 bytes long (RFC 5280 4.1.2.2). */
	d->serial[0] = (uint8_t)((d->serial[0] & 0x7f) | 0x40);
	d->ip = 0x0a000000u + (uint32_t)i + 1;
	d->flags = DEV_F_REGISTERED | DEV_F_ONLINE | DEV_F_ONNET | DEV_F_SYNTH;
	d->tagset = p->tags_per_device > 0 ? sets[mix(p->seed + i) % NB_SETS] : 0;
	d->synth = (uint32_t)i;
	d->sys_time = time;
	d->tag_time = time;
}

static int cmp_uid(const void *a, const void *b)
{
	const struct dev *const *x = a, *const *y = b;

	return memcmp((*x)->uid, (*y)->uid, UID_LEN);
}

/* Log the devices from <first> on, which share one update time, in order of their UIDs. */
static void log_group(struct store *st, size_t first)
{
	const struct dev *group[SAME_TIME];
	size_t nb = st->nb_devs - first;

	for (size_t i = 0; i < nb; i++)
		group[i] = &st->devs[first + i];
	qsort(group, nb, sizeof(group[0]), cmp_uid);
	for (size_t i = 0; i < nb; i++) {
		const struct tagset *s = &st->sets[group[i]->tagset];

		store_log(&st->sys_log, group[i]->sys_time, group[i]->idx);
		store_log(&st->tag_log, group[i]->tag_time, group[i]->idx);
		for (uint32_t t = 0; t < s->nb; t++)
			store_log_member(st, group[i], s->ids[t], group[i]->ip, MEMBER_ADD);
	}
}

void synth_fill(struct store *st, const struct synth_params *p)
{
	uint32_t sets[NB_SETS] = {0};
	uint64_t last = st->last_time;
	uint64_t i = p->from;

	for (unsigned s = 0; s < NB_SETS && p->tags_per_device > 0; s++)
		sets[s] =
			make_set(st, p->seed, s, p->tags_per_device < 32 ? p->tags_per_device : 32);
	store_reserve(st, p->nb - p->from);
	st->last_time = p->base_time;
	st->is_replay = true;
	while (i < p->nb) {
		size_t first = st->nb_devs;
		uint64_t time = store_tick(st);

		for (unsigned n = 0; n < SAME_TIME && i < p->nb; n++, i++)
			make_dev(st, p, i, sets, time);
		log_group(st, first);
	}
	st->is_replay = false;
	st->last_time = last > st->last_time ? last : st->last_time;
}
