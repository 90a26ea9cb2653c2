/* SPDX-License-Identifier: BSD-3-Clause */

/* Writing the history: changes of devices, contacts with EMS, configurations, denials. */

#include "common/log/log.h"
#include "history/history_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

LOG_TYPE("history");

#define DENIALS_PER_SECOND 1000u

static void append(struct history *h, enum row_type type, const void *p, size_t len)
{
	if (!journal_append(h->changes, (uint8_t)type, loop_real_ms(), p, len))
		h->nb_lost++;
}

/* ---- changes of devices ---- */

/* Has this segment the names of tag set <set>? Marks that it has. */
static bool is_told(struct history *h, uint32_t set, uint64_t segment)
{
	if (set >= h->cap_sets) {
		uint32_t cap = h->cap_sets > 0 ? h->cap_sets : 256;

		while (cap <= set)
			cap *= 2;
		uint64_t *grown = realloc(h->set_segment, cap * sizeof(*grown));
		if (grown == NULL)
			return false;
		memset(grown + h->cap_sets, 0, (cap - h->cap_sets) * sizeof(*grown));
		h->set_segment = grown;
		h->cap_sets = cap;
	}
	return h->set_segment[set] == segment;
}

static size_t names_of(const struct state *st, uint32_t set, char *ret, size_t cap)
{
	uint32_t nb = 0;
	const uint16_t *id = state_tagset(st, set, &nb);
	size_t len = 0;

	for (uint32_t i = 0; i < nb; i++) {
		const struct state_tag *tag = state_tag(st, id[i]);
		const size_t n = tag != NULL ? strlen(tag->name) + 1 : 0;

		if (n == 0 || len + n > cap)
			continue;
		memcpy(ret + len, tag->name, n);
		len += n;
	}
	return len;
}

/* The names of <set>, before a row that refers to it, in the same segment. */
static void tell_set(struct history *h, uint32_t set)
{
	static union {
		struct row_set head;
		char bytes[sizeof(struct row_set) + HISTORY_NAMES_MAX];
	} row; /* main thread */
	char *names = row.bytes + sizeof(row.head);
	const uint64_t segment =
		journal_room(h->changes, sizeof(row) + sizeof(struct row_device), 2);

	if (is_told(h, set, segment))
		return;
	row.head = (struct row_set){
		.set = set,
		.len = (uint32_t)names_of(h->cp->state, set, names, HISTORY_NAMES_MAX),
	};
	append(h, ROW_SET, &row, sizeof(row.head) + row.head.len);
	if (set < h->cap_sets)
		h->set_segment[set] = segment;
}

static void on_change(void *user, const struct device_uid *uid,
		      const struct state_device_core *before, uint8_t ems_id, bool is_full)
{
	struct history *h = user;
	struct row_device row = {.uid = *uid, .ems_id = ems_id};

	/* Before its first synchronisation there is nothing to remember of an EMS. */
	if (is_full && ems_id <= STATE_MAX_EMS && !h->has_baseline[ems_id])
		return;
	if (before != NULL) {
		row.what = ROW_DEVICE_KNOWN;
		row.serial = before->serial;
		row.sysinfo_ms = before->sysinfo_ms;
		row.tags_ms = before->tags_ms;
		row.ems_id = before->ems_id;
		row.flags = before->flags;
		if ((before->flags & SNAP_DEV_HAS_TAGS) && before->tagset != STATE_NO_TAGSET) {
			row.what |= ROW_DEVICE_HAS_TAGS;
			row.set = before->tagset;
			tell_set(h, before->tagset);
		}
	}
	append(h, ROW_DEVICE, &row, sizeof(row));
}

static void on_full_end(void *user, uint8_t ems_id, enum state_obj obj)
{
	struct history *h = user;
	const struct row_baseline row = {.ems_id = ems_id};

	if (ems_id > STATE_MAX_EMS || h->has_baseline[ems_id])
		return;
	h->is_sysinfo_full[ems_id] |= obj == STATE_OBJ_SYSINFO;
	h->is_tags_full[ems_id] |= obj == STATE_OBJ_UID_TAGS;
	if (!h->is_sysinfo_full[ems_id] || !h->is_tags_full[ems_id])
		return;
	h->has_baseline[ems_id] = true;
	append(h, ROW_BASELINE, &row, sizeof(row));
}

/* ---- contacts ---- */

static void tell_contact(struct history *h, uint32_t id, bool is_there)
{
	struct contact *c = &h->contact[id];
	const struct row_contact row = {
		.contact_ms = c->real_ms, .ems_id = (uint8_t)id, .is_there = is_there};

	c->is_there = is_there;
	c->told_ms = loop_now_ms();
	append(h, ROW_CONTACT, &row, sizeof(row));
}

static void look_at_contact(struct history *h, uint32_t id)
{
	const uint64_t at = state_ems_status(h->cp->state, id)->contact_ms, now = loop_now_ms();
	struct contact *c = &h->contact[id];
	const uint64_t age = at == 0 || at > now ? 0 : now - at;

	if (at == 0)
		return;
	/* The word before a gap is the last that is told of it. */
	if (c->is_there && loop_real_ms() - age > c->real_ms + CONTACT_GAP_MS)
		tell_contact(h, id, false);
	c->real_ms = loop_real_ms() - age;
	if (!c->is_there && age < CONTACT_GAP_MS)
		tell_contact(h, id, true);
	else if (c->is_there && age >= CONTACT_GAP_MS)
		tell_contact(h, id, false);
	else if (c->is_there && now - c->told_ms >= CONTACT_BEAT_MS)
		tell_contact(h, id, true);
}

/* ---- configurations and denials ---- */

void history_disk_config(struct history *h, const struct history_config *c)
{
	const struct row_config row = {.hash = c->hash};

	if (h->changes == NULL)
		return;
	history_config_save(h->dir, c);
	append(h, ROW_CONFIG, &row, sizeof(row));
}

bool history_wants_denial(struct cp *cp)
{
	struct history *h = cp->history;
	const uint64_t second = loop_now_ms() / 1000;

	if (h == NULL || h->denials == NULL)
		return false;
	h->nb_this_second = h->second == second ? h->nb_this_second + 1 : 1;
	h->second = second;
	return h->nb_this_second <= DENIALS_PER_SECOND;
}

void history_denial(struct cp *cp, const struct denial *d, const struct history_device *dev)
{
	static union {
		struct row_denial head;
		char bytes[sizeof(struct row_denial) + HISTORY_NAMES_MAX];
	} row; /* main thread */
	struct history *h = cp->history;

	if (h == NULL || h->denials == NULL)
		return;
	struct history_config *c = history_config_of(cp, d->r.config_generation);
	row.head = (struct row_denial){
		.abi = ROW_DENIAL_ABI,
		.names_len = dev->has_tags ? dev->names_len : 0,
		.config = c != NULL ? c->hash : 0,
		.has_tags = dev->has_tags,
		.d = *d,
	};
	history_config_unref(c);
	memcpy(row.bytes + sizeof(row.head), dev->names, row.head.names_len);
	(void)journal_append(h->denials, ROW_DENIAL, d->r.time_us / 1000, &row,
			     sizeof(row.head) + row.head.names_len);
}

void history_stats(const struct cp *cp, struct history_stats *ret)
{
	struct journal *const all[] = {cp->history != NULL ? cp->history->changes : NULL,
				       cp->history != NULL ? cp->history->denials : NULL};

	*ret = (struct history_stats){};
	for (unsigned i = 0; i < 2; i++) {
		struct journal_stats st = {};

		if (all[i] != NULL)
			journal_stats(all[i], &st);
		ret->rows += st.rows;
		ret->dropped += st.dropped;
		ret->failures += st.failures;
	}
}

/* ---- life ---- */

void history_disk_tick(struct history *h)
{
	if (h->changes == NULL)
		return;
	for (uint32_t id = 1; id <= STATE_MAX_EMS; id++)
		look_at_contact(h, id);
	if (h->nb_lost > 0) {
		const struct row_lost row = {.nb = h->nb_lost};

		h->nb_lost = 0;
		append(h, ROW_LOST, &row, sizeof(row));
	}
	journal_flush(h->changes);
	journal_flush(h->denials);
}

static void begin(struct history *h)
{
	const struct state_observer o = {on_change, on_full_end, h};
	struct state_counts counts;
	struct row_start row;

	state_counts(h->cp->state, &counts);
	row = (struct row_start){.nb_devices = counts.devices};
	append(h, ROW_START, &row, sizeof(row));
	/* What the disk had brought back is known: its changes are told. */
	for (uint32_t id = 1; id <= STATE_MAX_EMS; id++)
		h->has_baseline[id] = counts.per_ems[id] > 0;
	state_observe(h->cp->state, &o);
}

void history_disk_open(struct history *h)
{
	int rc = 0;

	if (h->cp->state_dir == NULL ||
	    snprintf(h->dir, sizeof(h->dir), "%s/history", h->cp->state_dir) >= (int)sizeof(h->dir))
		return;
	if (mkdir(h->dir, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	if (rc == 0)
		h->changes = journal_open(h->dir, CHANGES_NAME, CHANGES_MAX_BYTES, &rc);
	if (h->changes != NULL)
		h->denials = journal_open(h->dir, DENIALS_NAME, DENIALS_MAX_BYTES, &rc);
	if (h->denials == NULL) {
		/* Enforcing does not depend on it. */
		LOG(ERR, "no history is kept dir=%s error=\"%s\"", h->dir, strerror(-rc));
		journal_close(h->changes);
		h->changes = NULL;
		h->dir[0] = '\0';
		return;
	}
	begin(h);
}

void history_disk_close(struct history *h)
{
	if (h->changes == NULL)
		return;
	state_observe(h->cp->state, NULL);
	for (uint32_t id = 1; id <= STATE_MAX_EMS; id++)
		if (h->contact[id].is_there)
			tell_contact(h, id, false);
	append(h, ROW_STOP, NULL, 0);
	journal_close(h->changes);
	journal_close(h->denials);
	free(h->set_segment);
}
