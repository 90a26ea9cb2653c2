/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state.h"

#include "common/snap/snap.h"
#include "state/state_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define TABLE_FIRST_CAP 1024u

struct state *state_new(void)
{
	struct state *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	if (getrandom(st->seed, sizeof(st->seed), 0) != sizeof(st->seed))
		goto free_st;
	memcpy(st->strs.seed, st->seed, sizeof(st->seed));
	st->free_slot = SLOT_NONE;
	st->table = calloc(TABLE_FIRST_CAP, sizeof(*st->table));
	st->table_cap = TABLE_FIRST_CAP;
	if (st->table == NULL || state_tags_init(st) < 0)
		goto free_st;
	for (uint32_t i = 0; i <= STATE_MAX_EMS; i++)
		st->ems[i].status.id = (uint8_t)i;
	return st;

free_st:
	state_free(st);
	return NULL;
}

void state_free(struct state *st)
{
	if (st == NULL)
		return;
	for (uint32_t slot = 0; slot < st->nb_slots; slot++)
		free(state_slot(st, slot)->packed);
	for (uint32_t i = 0; i < st->nb_chunks; i++)
		free(st->chunk[i]);
	free(st->chunk);
	free(st->table);
	for (uint32_t i = 0; i <= STATE_MAX_EMS; i++)
		state_ems_fini(&st->ems[i]);
	state_tags_fini(st);
	state_vpns_free(st->vpns);
	strs_fini(&st->strs);
	free(st->gone);
	free(st->dirty);
	free(st);
}

void state_log_set(struct state *st, struct state_log *log)
{
	st->log = log;
}

/* ---- the table: UID to slot ---- */

struct device *state_slot(const struct state *st, uint32_t slot)
{
	return &st->chunk[slot / DEVICES_PER_CHUNK][slot % DEVICES_PER_CHUNK];
}

static uint32_t place_of(const struct state *st, const struct device_uid *uid)
{
	return (uint32_t)snap_device_hash(st->seed, uid) & (st->table_cap - 1);
}

uint32_t state_slot_find(const struct state *st, const struct device_uid *uid)
{
	for (uint32_t i = place_of(st, uid); st->table[i] != 0; i = (i + 1) & (st->table_cap - 1)) {
		if (device_uid_is_equal(&state_slot(st, st->table[i] - 1)->uid, uid))
			return st->table[i] - 1;
	}
	return SLOT_NONE;
}

static void table_add(struct state *st, uint32_t slot)
{
	uint32_t i = place_of(st, &state_slot(st, slot)->uid);

	while (st->table[i] != 0)
		i = (i + 1) & (st->table_cap - 1);
	st->table[i] = slot + 1;
}

/* Linear probing without tombstones: what follows the hole moves up if it may. */
static void table_del(struct state *st, uint32_t slot)
{
	const uint32_t mask = st->table_cap - 1;
	uint32_t hole = place_of(st, &state_slot(st, slot)->uid);

	while (st->table[hole] != slot + 1)
		hole = (hole + 1) & mask;
	for (uint32_t i = (hole + 1) & mask; st->table[i] != 0; i = (i + 1) & mask) {
		const uint32_t home = place_of(st, &state_slot(st, st->table[i] - 1)->uid);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		st->table[hole] = st->table[i];
		hole = i;
	}
	st->table[hole] = 0;
}

static int table_grow(struct state *st)
{
	uint32_t *old = st->table;
	const uint32_t old_cap = st->table_cap;

	if (3 * (uint64_t)old_cap > 4 * ((uint64_t)st->counts.devices + 1))
		return 0;
	uint32_t *table = calloc(2 * (size_t)old_cap, sizeof(*table));
	if (table == NULL)
		return -ENOMEM;
	st->table = table;
	st->table_cap = 2 * old_cap;
	for (uint32_t i = 0; i < old_cap; i++) {
		if (old[i] != 0)
			table_add(st, old[i] - 1);
	}
	free(old);
	return 0;
}

/* ---- slots ---- */

static uint32_t slot_take(struct state *st)
{
	const uint32_t slot = st->free_slot;

	if (slot != SLOT_NONE) {
		st->free_slot = state_slot(st, slot)->next_free;
		return slot;
	}
	if (st->nb_slots == st->nb_chunks * DEVICES_PER_CHUNK) {
		struct device **chunk =
			realloc(st->chunk, (st->nb_chunks + 1) * sizeof(*st->chunk));
		if (chunk == NULL)
			return SLOT_NONE;
		st->chunk = chunk;
		chunk[st->nb_chunks] = calloc(DEVICES_PER_CHUNK, sizeof(**chunk));
		if (chunk[st->nb_chunks] == NULL)
			return SLOT_NONE;
		st->nb_chunks++;
	}
	return st->nb_slots++;
}

uint32_t state_slot_get(struct state *st, const struct device_uid *uid, bool *ret_is_new)
{
	uint32_t slot = state_slot_find(st, uid);

	*ret_is_new = slot == SLOT_NONE;
	if (!*ret_is_new)
		return slot;
	if (table_grow(st) < 0)
		return SLOT_NONE;
	slot = slot_take(st);
	if (slot == SLOT_NONE)
		return SLOT_NONE;
	*state_slot(st, slot) =
		(struct device){.uid = *uid, .tagset = STATE_NO_TAGSET, .is_used = true};
	table_add(st, slot);
	state_count(st, state_slot(st, slot), 1);
	return slot;
}

void state_observe(struct state *st, const struct state_observer *o)
{
	st->observer = o != NULL ? *o : (struct state_observer){};
}

void state_tell(struct state *st, const struct device_uid *uid, uint8_t ems_id, bool is_full)
{
	if (st->observer.on_change != NULL)
		st->observer.on_change(st->observer.user, uid, st->has_before ? &st->before : NULL,
				       ems_id, is_full);
}

void state_slot_del(struct state *st, uint32_t slot)
{
	struct device *d = state_slot(st, slot);

	st->has_before = state_core_of(d, &st->before);
	state_tell(st, &d->uid, d->ems_id, false);
	log_note_device_del(st->log, &d->uid);
	state_gone_note(st, &d->uid, STATE_CHANGE_DELETED, d->notified_us);
	state_tagset_move(st, d, STATE_NO_TAGSET);
	state_count(st, d, -1);
	table_del(st, slot);
	st->counts.packed_bytes -= d->packed_len;
	free(d->packed);
	*d = (struct device){.next_free = st->free_slot};
	st->free_slot = slot;
	st->counts.deleted++;
}

bool state_packed_set(struct state *st, struct device *d, const uint8_t *ptr, uint32_t len)
{
	uint8_t *copy = NULL;

	if (len == d->packed_len && (len == 0 || memcmp(d->packed, ptr, len) == 0))
		return true;
	if (len > 0) {
		copy = malloc(len);
		if (copy == NULL)
			return false;
		memcpy(copy, ptr, len);
	}
	st->counts.packed_bytes += len - d->packed_len;
	free(d->packed);
	d->packed = copy;
	d->packed_len = (uint16_t)len;
	return true;
}

void state_count(struct state *st, const struct device *d, int sign)
{
	struct state_counts *c = &st->counts;
	const uint32_t one = (uint32_t)sign; /* unsigned wrap is the point */

	c->devices += one;
	c->per_ems[d->ems_id] += one;
	if ((d->flags & SNAP_DEV_ONLINE) != 0)
		c->online += one;
	if ((d->flags & SNAP_DEV_REGISTERED) != 0)
		c->registered += one;
	if ((d->flags & SNAP_DEV_QUARANTINED) != 0)
		c->quarantined += one;
	if ((d->flags & SNAP_DEV_HAS_TAGS) != 0)
		c->with_tags += one;
}

void state_counts(const struct state *st, struct state_counts *ret)
{
	*ret = st->counts;
	ret->shared_strings = st->strs.nb;
	ret->shared_bytes = st->strs.bytes;
	ret->tagsets = st->nb_tagsets;
}

/* ---- reading ---- */

bool state_core_of(const struct device *d, struct state_device_core *ret)
{
	*ret = (struct state_device_core){
		.uid = d->uid,
		.serial = d->serial,
		.tagset = d->tagset,
		.ems_id = d->ems_id,
		.flags = d->flags,
		.sysinfo_ms = d->sysinfo_ticks / TICKS_PER_MS,
		.tags_ms = d->tags_ticks / TICKS_PER_MS,
	};
	return true;
}

static bool device_of(const struct state *st, uint32_t slot, struct state_device *ret)
{
	const struct device *d = state_slot(st, slot);

	ret->uid = d->uid;
	ret->serial = d->serial;
	ret->slot = slot;
	ret->tagset = d->tagset;
	ret->ems_id = d->ems_id;
	ret->flags = d->flags;
	ret->sysinfo_ms = d->sysinfo_ticks / TICKS_PER_MS;
	ret->tags_ms = d->tags_ticks / TICKS_PER_MS;
	ret->sysinfo_time = state_time_emit(d->sysinfo_ticks, ret->times[0]);
	ret->tags_time = state_time_emit(d->tags_ticks, ret->times[1]);
	/* What is packed was checked when it came in. */
	(void)state_unpack(&st->strs, d->packed, d->packed_len, ret);
	return true;
}

bool state_device_find(const struct state *st, const struct device_uid *uid,
		       struct state_device *ret)
{
	const uint32_t slot = state_slot_find(st, uid);

	return slot != SLOT_NONE && device_of(st, slot, ret);
}

bool state_core_find(const struct state *st, const struct device_uid *uid,
		     struct state_device_core *ret)
{
	const uint32_t slot = state_slot_find(st, uid);

	return slot != SLOT_NONE && state_core_of(state_slot(st, slot), ret);
}

static uint32_t next_used(const struct state *st, uint32_t *pos)
{
	while (*pos < st->nb_slots) {
		const uint32_t slot = (*pos)++;
		if (state_slot(st, slot)->is_used)
			return slot;
	}
	return SLOT_NONE;
}

bool state_device_next(const struct state *st, uint32_t *pos, struct state_device *ret)
{
	const uint32_t slot = next_used(st, pos);

	return slot != SLOT_NONE && device_of(st, slot, ret);
}

bool state_core_next(const struct state *st, uint32_t *pos, struct state_device_core *ret)
{
	const uint32_t slot = next_used(st, pos);

	return slot != SLOT_NONE && state_core_of(state_slot(st, slot), ret);
}

const char *state_field_label(enum state_field f)
{
	static const char *const label[STATE_F__COUNT] = {
#define STATE_FIELD(sym, key, label, shared) [STATE_F_##sym] = label,
#include "state/state_field.def"
#undef STATE_FIELD
	};

	return f < STATE_F__COUNT ? label[f] : "";
}

const char *state_field_key(enum state_field f)
{
	static const char *const key_of[STATE_F__COUNT] = {
#define STATE_FIELD(sym, key, label, shared) [STATE_F_##sym] = key,
#include "state/state_field.def"
#undef STATE_FIELD
	};

	return f < STATE_F__COUNT ? key_of[f] : "";
}

/* ---- changes ---- */

static bool queue_grow(void **arr, uint32_t nb, uint32_t *cap, size_t size)
{
	if (nb < *cap)
		return true;
	const uint32_t more = *cap > 0 ? 2 * *cap : 256;
	void *grown = realloc(*arr, more * size);
	if (grown == NULL)
		return false;
	*arr = grown;
	*cap = more;
	return true;
}

void state_change_note(struct state *st, uint32_t slot, enum state_change_kind kind,
		       uint64_t notified_us)
{
	struct device *d = state_slot(st, slot);
	const uint8_t mark = (uint8_t)(kind + 1);

	if (d->change == 0) {
		if (!queue_grow((void **)&st->dirty, st->nb_dirty, &st->cap_dirty,
				sizeof(*st->dirty))) {
			st->counts.refused_memory++;
			return;
		}
		st->dirty[st->nb_dirty++] = slot;
		d->notified_us = 0;
	}
	if (mark > d->change)
		d->change = mark;
	/* The earliest notification counts: the time to the cut is measured from it. */
	if (kind == STATE_CHANGE_DECIDE && (d->notified_us == 0 || notified_us < d->notified_us))
		d->notified_us = notified_us;
}

void state_gone_note(struct state *st, const struct device_uid *uid, enum state_change_kind kind,
		     uint64_t notified_us)
{
	if (!queue_grow((void **)&st->gone, st->nb_gone, &st->cap_gone, sizeof(*st->gone))) {
		st->counts.refused_memory++;
		return;
	}
	st->gone[st->nb_gone++] = (struct state_change){*uid, notified_us, (uint8_t)kind};
}

uint32_t state_nb_changes(const struct state *st)
{
	return st->nb_gone - st->next_gone + st->nb_dirty - st->next_dirty;
}

uint32_t state_changes_take(struct state *st, struct state_change *ret, uint32_t cap)
{
	uint32_t n = 0;

	/* What went first: its UID may have come back since, among the others. */
	while (n < cap && st->next_gone < st->nb_gone)
		ret[n++] = st->gone[st->next_gone++];
	while (n < cap && st->next_dirty < st->nb_dirty) {
		struct device *d = state_slot(st, st->dirty[st->next_dirty++]);
		if (!d->is_used || d->change == 0)
			continue;
		ret[n++] = (struct state_change){
			.uid = d->uid,
			.notified_us = d->notified_us,
			.kind = (uint8_t)(d->change - 1),
		};
		d->change = 0;
	}
	if (st->next_gone == st->nb_gone)
		st->next_gone = st->nb_gone = 0;
	if (st->next_dirty == st->nb_dirty)
		st->next_dirty = st->nb_dirty = 0;
	return n;
}
