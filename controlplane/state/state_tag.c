/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_priv.h"

#include <errno.h>
#include <stdlib.h>

#define TAG_TABLE_CAP (4u * SNAP_MAX_TAGS)
#define PREFIX_MAX 16u /* longest prefix, and the one that keeps a raw name apart */
#define APART "ZTNA_"

/* Policies and logs tell kinds apart by these; that of a zero trust tag has none. */
static const char *const prefix_of[] = {
	[SNAP_TAG_ZERO_TRUST] = "",
	[SNAP_TAG_CLASSIFICATION] = "CLASS_",
	[SNAP_TAG_OUTBREAK] = "OUTBREAK_",
	[SNAP_TAG_FABRIC] = "FABRIC_",
};

int state_tags_init(struct state *st)
{
	st->tag = calloc(SNAP_MAX_TAGS, sizeof(*st->tag));
	st->tag_table = calloc(TAG_TABLE_CAP, sizeof(*st->tag_table));
	return st->tag == NULL || st->tag_table == NULL ? -ENOMEM : 0;
}

void state_tags_fini(struct state *st)
{
	for (uint32_t i = 0; i < st->nb_tags; i++) {
		free((void *)st->tag[i].name.ptr);
		state_tag_lists_free(st, &st->tag[i]);
	}
	for (uint32_t i = 0; i < st->nb_tagsets; i++)
		free(st->tagset[i].ids);
	free(st->tag);
	free(st->tag_table);
	free(st->tagset);
	free(st->tagset_table);
}

/* Slot of <name> in the table: its own, or the free one where it would go. */
static uint32_t tag_place(const struct state *st, struct slice name)
{
	uint64_t i = state_hash(st->seed, name.ptr, name.len) & (TAG_TABLE_CAP - 1);

	while (st->tag_table[i] != 0) {
		if (slice_is_equal(st->tag[st->tag_table[i] - 1].name, name))
			break;
		i = (i + 1) & (TAG_TABLE_CAP - 1);
	}
	return (uint32_t)i;
}

static int tag_get(struct state *st, struct slice name, uint32_t *ret_id, bool *ret_is_new)
{
	const uint32_t at = tag_place(st, name);

	*ret_is_new = st->tag_table[at] == 0;
	if (!*ret_is_new) {
		*ret_id = st->tag_table[at] - 1u;
		return 0;
	}
	if (st->nb_tags == SNAP_MAX_TAGS) {
		st->counts.refused_tags++;
		return -ENOSPC;
	}
	char *copy = malloc(name.len + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, name.ptr, name.len);
	copy[name.len] = '\0';
	struct tag *t = &st->tag[st->nb_tags];
	*t = (struct tag){.pub.name = copy, .name = slice_of(copy, name.len)};
	*ret_id = st->nb_tags++;
	st->tag_table[at] = (uint16_t)st->nb_tags;
	return 0;
}

int state_tag_id(struct state *st, const char *name, size_t len, uint32_t *ret_id)
{
	uint32_t id;
	bool is_new;

	if (len == 0 || len > STATE_TAG_MAX + PREFIX_MAX)
		return -EINVAL;
	const int rc = tag_get(st, slice_of(name, len), &id, &is_new);
	if (rc < 0)
		return rc;
	if (is_new)
		log_note_tag(st->log, st, id);
	*ret_id = id;
	return 0;
}

static bool begins_with(struct slice s, const char *what)
{
	const size_t n = strlen(what);

	return s.len >= n && memcmp(s.ptr, what, n) == 0;
}

/*
 * Would a zero trust tag of this name pass for a tag of another kind? Nor may one that is named
 * like such a tag kept apart.
 */
static bool is_ambiguous(struct slice raw)
{
	while (begins_with(raw, APART))
		raw = slice_skip(raw, sizeof(APART) - 1);
	return begins_with(raw, prefix_of[SNAP_TAG_CLASSIFICATION]) ||
	       begins_with(raw, prefix_of[SNAP_TAG_OUTBREAK]) ||
	       begins_with(raw, prefix_of[SNAP_TAG_FABRIC]);
}

const char *state_tag_plain(const struct state_tag *t)
{
	const struct slice name = slice_str(t->name);

	if (t->kind == SNAP_TAG_ZERO_TRUST)
		return begins_with(name, APART) && is_ambiguous(name) ? t->name + sizeof(APART) - 1
								      : t->name;
	if (t->kind > SNAP_TAG_ZERO_TRUST && t->kind <= SNAP_TAG_FABRIC &&
	    begins_with(name, prefix_of[t->kind]))
		return t->name + strlen(prefix_of[t->kind]);
	return t->name;
}

int state_tag_of_ems(struct state *st, struct slice raw, uint8_t kind, uint8_t ems_id,
		     uint32_t *ret_id)
{
	uint8_t buf[PREFIX_MAX + STATE_TAG_MAX];
	const char *prefix;
	size_t len;
	bool is_new;

	if (raw.len == 0 || raw.len > STATE_TAG_MAX || kind < SNAP_TAG_ZERO_TRUST ||
	    kind > SNAP_TAG_FABRIC)
		return -EINVAL;
	prefix = kind == SNAP_TAG_ZERO_TRUST && is_ambiguous(raw) ? APART : prefix_of[kind];
	len = strlen(prefix);
	memcpy(buf, prefix, len);
	memcpy(buf + len, raw.ptr, raw.len);
	const int rc = tag_get(st, slice_of(buf, len + raw.len), ret_id, &is_new);
	if (rc < 0)
		return rc;
	struct tag *t = &st->tag[*ret_id];
	if (t->pub.kind == 0) {
		t->pub.kind = kind;
		t->pub.ems_id = ems_id;
		is_new = true;
	}
	if (is_new)
		log_note_tag(st->log, st, *ret_id);
	return 0;
}

void state_tag_define(struct state *st, const struct state_tag_def *def, uint8_t ems_id)
{
	uint32_t id;

	if (state_tag_of_ems(st, def->name, def->kind, ems_id, &id) < 0)
		return;
	struct tag *t = &st->tag[id];
	/* The id stays, also of a deleted tag: devices may carry it, and policies may name it. */
	state_tag_lists_change(st, t, def, ems_id);
	if (def->uuid.len == sizeof(t->pub.uuid) - 1 &&
	    memcmp(t->pub.uuid, def->uuid.ptr, def->uuid.len) != 0) {
		memcpy(t->pub.uuid, def->uuid.ptr, def->uuid.len);
		log_note_tag(st->log, st, id);
	}
}

int state_tag_load(struct state *st, uint32_t id, struct slice name, uint8_t kind, uint8_t ems_id,
		   struct slice uuid)
{
	uint32_t got;
	bool is_new;

	if (name.len == 0 || name.len > STATE_TAG_MAX + PREFIX_MAX || kind > 4 ||
	    ems_id > STATE_MAX_EMS || uuid.len >= sizeof(st->tag->pub.uuid) || id > st->nb_tags)
		return -EINVAL;
	const int rc = tag_get(st, name, &got, &is_new);
	if (rc < 0)
		return rc;
	if (got != id)
		return -EINVAL;
	struct tag *t = &st->tag[id];
	t->pub.kind = kind;
	t->pub.ems_id = ems_id;
	if (uuid.len > 0)
		memcpy(t->pub.uuid, uuid.ptr, uuid.len);
	t->pub.uuid[uuid.len] = '\0';
	return 0;
}

const struct state_tag *state_tag(const struct state *st, uint32_t id)
{
	return id < st->nb_tags ? &st->tag[id].pub : NULL;
}

uint32_t state_nb_tags(const struct state *st)
{
	return st->nb_tags;
}

/* ---- sets ---- */

static uint64_t tagset_hash(const struct state *st, const uint16_t *ids, uint32_t nb)
{
	return state_hash(st->seed, ids, nb * sizeof(*ids));
}

static int tagset_grow(struct state *st)
{
	if (st->nb_tagsets == st->cap_tagsets) {
		const uint32_t cap = st->cap_tagsets > 0 ? 2 * st->cap_tagsets : 256;
		struct tagset *sets = realloc(st->tagset, cap * sizeof(*sets));
		if (sets == NULL)
			return -ENOMEM;
		st->tagset = sets;
		st->cap_tagsets = cap;
	}
	if (2 * st->nb_tagsets < st->tagset_table_cap)
		return 0;
	const uint32_t cap = st->tagset_table_cap > 0 ? 2 * st->tagset_table_cap : 1024;
	uint32_t *table = calloc(cap, sizeof(*table));
	if (table == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < st->nb_tagsets; id++) {
		uint64_t i = tagset_hash(st, st->tagset[id].ids, st->tagset[id].nb);
		while (table[i & (cap - 1)] != 0)
			i++;
		table[i & (cap - 1)] = id + 1;
	}
	free(st->tagset_table);
	st->tagset_table = table;
	st->tagset_table_cap = cap;
	return 0;
}

int state_tagset_get(struct state *st, const uint16_t *ids, uint32_t nb, uint32_t *ret_id)
{
	if (tagset_grow(st) < 0)
		return -ENOMEM;
	const uint32_t mask = st->tagset_table_cap - 1;
	uint64_t i = tagset_hash(st, ids, nb) & mask;
	for (; st->tagset_table[i] != 0; i = (i + 1) & mask) {
		const struct tagset *s = &st->tagset[st->tagset_table[i] - 1];
		if (s->nb == nb && (nb == 0 || memcmp(s->ids, ids, nb * sizeof(*ids)) == 0)) {
			*ret_id = st->tagset_table[i] - 1;
			return 0;
		}
	}
	if (st->nb_tagsets == TAGSETS_MAX)
		return -ENOSPC;
	uint16_t *copy = malloc((nb > 0 ? nb : 1) * sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	if (nb > 0)
		memcpy(copy, ids, nb * sizeof(*copy));
	st->tagset[st->nb_tagsets] = (struct tagset){copy, nb};
	*ret_id = st->nb_tagsets++;
	st->tagset_table[i] = st->nb_tagsets;
	return 0;
}

void state_tagset_move(struct state *st, struct device *d, uint32_t tagset)
{
	uint32_t nb;
	const uint16_t *ids = state_tagset(st, d->tagset, &nb);

	for (uint32_t i = 0; i < nb; i++)
		st->tag[ids[i]].pub.nb_devices--;
	d->tagset = tagset;
	ids = state_tagset(st, tagset, &nb);
	for (uint32_t i = 0; i < nb; i++)
		st->tag[ids[i]].pub.nb_devices++;
}

const uint16_t *state_tagset(const struct state *st, uint32_t tagset, uint32_t *ret_nb)
{
	if (tagset >= st->nb_tagsets) {
		*ret_nb = 0;
		return NULL;
	}
	*ret_nb = st->tagset[tagset].nb;
	return st->tagset[tagset].ids;
}

uint32_t state_nb_tagsets(const struct state *st)
{
	return st->nb_tagsets;
}
