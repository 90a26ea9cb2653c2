/* SPDX-License-Identifier: BSD-3-Clause */

/* Batches into the state: what EMS said, record by record. */

#include "state/state_priv.h"

#include <stdlib.h>
#include <time.h>

/* Which of a batch's EMS may speak for device <d>: its owner, or anyone when nobody has it. */
static bool may_speak(const struct device *d, uint8_t ems_id)
{
	return d->ems_id == ems_id || (d->flags & SNAP_DEV_REGISTERED) == 0;
}

/* The device moves to <ems_id>: nothing that the earlier EMS said of it stays. */
static void take_over(struct state *st, struct device *d, uint8_t ems_id)
{
	d->ems_id = ems_id;
	d->flags = 0;
	d->serial = (struct cert_serial){};
	d->sysinfo_ticks = d->tags_ticks = 0;
	d->seen_sysinfo = d->seen_tags = 0;
	state_tagset_move(st, d, STATE_NO_TAGSET);
	(void)state_packed_set(st, d, NULL, 0);
}

/*
 * The device that a record of <ems_id> is about, made when there is none; uncounted, so that the
 * caller changes it and counts it again. SLOT_NONE: refused and counted.
 */
static uint32_t open_device(struct state *st, const struct device_uid *uid, uint8_t ems_id,
			    bool *ret_is_changed)
{
	bool is_new;
	const uint32_t slot = state_slot_get(st, uid, &is_new);

	if (slot == SLOT_NONE) {
		st->counts.refused_memory++;
		return SLOT_NONE;
	}
	struct device *d = state_slot(st, slot);
	if (!is_new && !may_speak(d, ems_id)) {
		st->counts.refused_owner++;
		return SLOT_NONE;
	}
	st->has_before = !is_new && state_core_of(d, &st->before);
	state_count(st, d, -1);
	*ret_is_changed = is_new || d->ems_id != ems_id;
	if (is_new)
		d->ems_id = ems_id;
	else if (d->ems_id != ems_id)
		take_over(st, d, ems_id);
	return slot;
}

/* Count the device again and tell publisher and log what came of it. */
static void close_device(struct state *st, uint32_t slot, bool is_decide, bool is_any,
			 const struct state_batch *b)
{
	struct device *d = state_slot(st, slot);

	state_count(st, d, 1);
	if (!is_any) {
		st->counts.unchanged++;
		return;
	}
	st->counts.applied++;
	if (is_decide)
		state_tell(st, &d->uid, b->ems_id, b->is_full);
	state_change_note(st, slot, is_decide ? STATE_CHANGE_DECIDE : STATE_CHANGE_QUIET,
			  b->notified_us);
	log_note_device(st->log, st, d);
}

static void apply_deleted(struct state *st, const struct device_uid *uid,
			  const struct state_batch *b)
{
	const uint32_t slot = state_slot_find(st, uid);

	if (slot == SLOT_NONE)
		return;
	struct device *d = state_slot(st, slot);
	if (d->ems_id != b->ems_id) {
		st->counts.refused_owner++;
		return;
	}
	d->notified_us = b->notified_us;
	state_slot_del(st, slot);
}

static void apply_sysinfo(struct state *st, const struct state_sysinfo *s,
			  const struct state_batch *b)
{
	const uint8_t mine =
		SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_QUARANTINED | SNAP_DEV_ON_NET;
	bool is_decide;

	if (s->is_deleted) {
		apply_deleted(st, &s->uid, b);
		return;
	}
	const uint32_t slot = open_device(st, &s->uid, b->ems_id, &is_decide);
	if (slot == SLOT_NONE)
		return;
	struct device *d = state_slot(st, slot);
	const uint8_t flags =
		(s->flags & mine) | SNAP_DEV_HAS_SYSINFO | (d->flags & SNAP_DEV_HAS_TAGS);
	const uint64_t ticks = state_time_parse(s->update_time);
	const uint32_t len = state_pack(st, s, st->scratch);
	if (flags != d->flags || !cert_serial_is_equal(&s->serial, &d->serial))
		is_decide = true;
	const bool is_any = is_decide || ticks != d->sysinfo_ticks || len != d->packed_len ||
			    (len > 0 && memcmp(d->packed, st->scratch, len) != 0);
	d->flags = flags;
	d->serial = s->serial;
	d->sysinfo_ticks = ticks;
	d->seen_sysinfo = st->ems[b->ems_id].epoch_sysinfo;
	/* Without memory the strings stay the old ones: the decision does not need them. */
	if (!state_packed_set(st, d, st->scratch, len))
		st->counts.refused_memory++;
	close_device(st, slot, is_decide, is_any, b);
}

static int compare_ids(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/*
 * The set that list <t> names. -ENOSPC and the like: the list cannot be kept whole, and a part
 * of it could let in whom the rest keeps out.
 */
static int tagset_of(struct state *st, const struct state_tags *t, uint8_t ems_id, uint32_t *ret)
{
	uint16_t ids[STATE_MAX_DEVICE_TAGS];
	uint32_t nb = 0, kept = 0;

	if (t->nb_tags > STATE_MAX_DEVICE_TAGS)
		return -1;
	for (uint32_t i = 0; i < t->nb_tags; i++) {
		uint32_t id;
		if (state_tag_of_ems(st, t->tag[i].name, t->tag[i].kind, ems_id, &id) < 0)
			return -1;
		ids[nb++] = (uint16_t)id;
	}
	qsort(ids, nb, sizeof(*ids), compare_ids);
	for (uint32_t i = 0; i < nb; i++) {
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	}
	return state_tagset_get(st, ids, kept, ret);
}

static void apply_tags(struct state *st, const struct state_tags *t, const struct state_batch *b)
{
	uint32_t tagset = STATE_NO_TAGSET;
	bool is_decide;

	const uint32_t slot = open_device(st, &t->uid, b->ems_id, &is_decide);
	if (slot == SLOT_NONE)
		return;
	struct device *d = state_slot(st, slot);
	uint8_t flags = d->flags | SNAP_DEV_HAS_TAGS;
	if (tagset_of(st, t, b->ems_id, &tagset) < 0) {
		/* Posture unknown: no tag lets this device in until a list can be kept. */
		st->counts.refused_tags++;
		tagset = STATE_NO_TAGSET;
		flags = (uint8_t)(d->flags & ~SNAP_DEV_HAS_TAGS);
	}
	const uint64_t ticks = state_time_parse(t->update_time);
	if (flags != d->flags || tagset != d->tagset)
		is_decide = true;
	const bool is_any = is_decide || ticks != d->tags_ticks;
	d->flags = flags;
	d->tags_ticks = ticks;
	d->seen_tags = st->ems[b->ems_id].epoch_tags;
	if (tagset != d->tagset)
		state_tagset_move(st, d, tagset);
	close_device(st, slot, is_decide, is_any, b);
}

/* EMS was asked for these by UID: sessions wait for the answer, also when it is "not here". */
static void apply_pulled(struct state *st, const struct device_uid *uid,
			 const struct state_batch *b)
{
	if (state_slot_find(st, uid) == SLOT_NONE)
		state_gone_note(st, uid, STATE_CHANGE_TOUCH, b->notified_us);
}

static uint8_t next_epoch(uint8_t epoch)
{
	return epoch == UINT8_MAX ? 1 : (uint8_t)(epoch + 1);
}

static void full_begin(struct state *st, const struct state_batch *b)
{
	struct state_ems *e = &st->ems[b->ems_id];

	if (b->cursor_obj == STATE_OBJ_SYSINFO)
		e->epoch_sysinfo = next_epoch(e->epoch_sysinfo);
	if (b->cursor_obj == STATE_OBJ_UID_TAGS)
		e->epoch_tags = next_epoch(e->epoch_tags);
	if (b->cursor_obj == STATE_OBJ_TAGS)
		state_tag_lists_drop(st, b->ems_id);
}

static void forget_tags(struct state *st, uint32_t slot, const struct state_batch *b)
{
	struct device *d = state_slot(st, slot);

	st->has_before = state_core_of(d, &st->before);
	state_count(st, d, -1);
	d->flags &= (uint8_t)~SNAP_DEV_HAS_TAGS;
	d->tags_ticks = 0;
	state_tagset_move(st, d, STATE_NO_TAGSET);
	close_device(st, slot, true, true, b);
}

/* After a full pull: what EMS did not name is no longer so. */
static void full_end(struct state *st, const struct state_batch *b)
{
	const struct state_ems *e = &st->ems[b->ems_id];

	for (uint32_t slot = 0; slot < st->nb_slots; slot++) {
		struct device *d = state_slot(st, slot);
		if (!d->is_used || d->ems_id != b->ems_id)
			continue;
		if (b->cursor_obj == STATE_OBJ_SYSINFO && d->seen_sysinfo != e->epoch_sysinfo &&
		    (d->flags & SNAP_DEV_HAS_SYSINFO) != 0) {
			d->notified_us = b->notified_us;
			state_slot_del(st, slot);
		} else if (b->cursor_obj == STATE_OBJ_UID_TAGS && d->seen_tags != e->epoch_tags &&
			   (d->flags & SNAP_DEV_HAS_TAGS) != 0) {
			forget_tags(st, slot, b);
		}
	}
	if (st->observer.on_full_end != NULL)
		st->observer.on_full_end(st->observer.user, b->ems_id,
					 (enum state_obj)b->cursor_obj);
}

static void apply_one(struct state *st, const struct state_batch *b, uint32_t i)
{
	if (i < b->nb_def) {
		state_tag_define(st, &b->def[i], b->ems_id);
		return;
	}
	i -= b->nb_def;
	if (i < b->nb_sysinfo) {
		apply_sysinfo(st, &b->sysinfo[i], b);
		return;
	}
	i -= b->nb_sysinfo;
	if (i < b->nb_tags)
		apply_tags(st, &b->tags[i], b);
	else
		apply_pulled(st, &b->pulled[i - b->nb_tags], b);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int state_batch_apply(struct state *st, struct state_batch *b, uint32_t max)
{
	const uint32_t nb = state_batch_nb(b);

	if (b->ems_id < 1 || b->ems_id > STATE_MAX_EMS || b->is_failed)
		return 0;
	if (b->next == 0) {
		/* Changes that sessions must hear of carry a time; the best that is known. */
		if (b->notified_us == 0)
			b->notified_us = now_us();
		if (b->is_full && b->is_first)
			full_begin(st, b);
	}
	for (; b->next < nb && max > 0; b->next++, max--)
		apply_one(st, b, b->next);
	if (b->next < nb)
		return 1;
	if (b->is_full && b->is_last)
		full_end(st, b);
	if (b->has_cursor && b->cursor_obj < STATE_OBJ__COUNT) {
		st->ems[b->ems_id].cursor[b->cursor_obj] = b->cursor;
		log_note_cursor(st->log, b->ems_id, b->cursor_obj, &b->cursor);
	}
	return 0;
}
