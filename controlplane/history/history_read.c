/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading the history back: a device as of a time, a denial by its id. */

#include "history/history_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SYNC_MS 500u
#define SETS_MAX (1u << 20)

struct as_of {
	uint64_t at_ms;
	struct device_uid uid;
	struct history_past *ret;

	/* of the segment that is read */
	uint64_t segment;
	uint8_t **set; /* copies of rows, by number */
	uint32_t cap_sets;
	bool is_found;   /* the device's first change after the time */
	bool is_orderly; /* the last run ended with a word */
	bool has_start;
	uint64_t there_ms[STATE_MAX_EMS + 1]; /* 0, or since when contact lasts */
};

static void forget_sets(struct as_of *q)
{
	for (uint32_t i = 0; i < q->cap_sets; i++) {
		free(q->set[i]);
		q->set[i] = NULL;
	}
}

static void keep_set(struct as_of *q, const struct journal_row *row)
{
	struct row_set head;

	if (row->len < sizeof(head))
		return;
	memcpy(&head, row->p, sizeof(head));
	if (head.set >= SETS_MAX || head.len > row->len - sizeof(head) ||
	    head.len > HISTORY_NAMES_MAX)
		return;
	if (head.set >= q->cap_sets) {
		uint32_t cap = q->cap_sets > 0 ? q->cap_sets : 256;

		while (cap <= head.set)
			cap *= 2;
		uint8_t **grown = realloc(q->set, cap * sizeof(*grown));
		if (grown == NULL)
			return;
		memset(grown + q->cap_sets, 0, (cap - q->cap_sets) * sizeof(*grown));
		q->set = grown;
		q->cap_sets = cap;
	}
	free(q->set[head.set]);
	q->set[head.set] = malloc(row->len);
	if (q->set[head.set] != NULL)
		memcpy(q->set[head.set], row->p, row->len);
}

/* Names come from a file: each is ended, and nothing stands behind the last. */
static bool take_names(struct history_device *dev, const void *p, size_t len)
{
	if (len > sizeof(dev->names) || (len > 0 && ((const char *)p)[len - 1] != '\0'))
		return false;
	if (len > 0)
		memcpy(dev->names, p, len);
	dev->names_len = (uint32_t)len;
	return true;
}

static void take_device(struct as_of *q, const struct journal_row *row)
{
	struct history_device *dev = &q->ret->dev;
	struct row_device r;
	struct row_set head;

	if (q->is_found || row->time_ms <= q->at_ms || row->len != sizeof(r))
		return;
	memcpy(&r, row->p, sizeof(r));
	if (!device_uid_is_equal(&r.uid, &q->uid))
		return;
	q->is_found = true;
	dev->uid = r.uid;
	dev->is_known = (r.what & ROW_DEVICE_KNOWN) != 0;
	dev->has_tags = false;
	dev->names_len = 0;
	dev->serial = r.serial;
	dev->sysinfo_ms = r.sysinfo_ms;
	dev->tags_ms = r.tags_ms;
	dev->ems_id = r.ems_id;
	dev->flags = r.flags;
	if ((r.what & ROW_DEVICE_HAS_TAGS) == 0)
		return;
	if (r.set >= q->cap_sets || q->set[r.set] == NULL) {
		q->ret->is_tags_lost = true;
		return;
	}
	memcpy(&head, q->set[r.set], sizeof(head));
	dev->has_tags = take_names(dev, q->set[r.set] + sizeof(head), head.len);
}

static void take_contact(struct as_of *q, const struct journal_row *row)
{
	struct row_contact r;

	if (row->len != sizeof(r))
		return;
	memcpy(&r, row->p, sizeof(r));
	if (r.ems_id < 1 || r.ems_id > STATE_MAX_EMS)
		return;
	uint64_t *at = &q->ret->contact_ms[r.ems_id];
	/* Contact lasted from <there> to this word; the time lies within, or after it. */
	const uint64_t there = q->there_ms[r.ems_id];
	if (there != 0 && there <= q->at_ms && q->at_ms <= r.contact_ms)
		*at = q->at_ms;
	else if (r.contact_ms <= q->at_ms && r.contact_ms > *at)
		*at = r.contact_ms;
	q->there_ms[r.ems_id] = !r.is_there ? 0 : there != 0 ? there : r.contact_ms;
}

static void take_start(struct as_of *q, const struct journal_row *row)
{
	if (row->time_ms > q->at_ms && q->has_start && !q->is_orderly)
		q->ret->nb_crashes++;
	q->has_start = true;
	q->is_orderly = false;
	memset(q->there_ms, 0, sizeof(q->there_ms));
	if (row->time_ms <= q->at_ms)
		q->ret->is_running = true;
}

static void take_stop(struct as_of *q, const struct journal_row *row)
{
	q->is_orderly = true;
	memset(q->there_ms, 0, sizeof(q->there_ms));
	if (row->time_ms <= q->at_ms)
		q->ret->is_running = false;
}

static void take_number(struct as_of *q, const struct journal_row *row)
{
	uint64_t v;

	if (row->len != sizeof(v))
		return;
	memcpy(&v, row->p, sizeof(v));
	if (row->type == ROW_CONFIG && (row->time_ms <= q->at_ms || q->ret->config_hash == 0))
		q->ret->config_hash = v;
	if (row->type == ROW_LOST && row->time_ms > q->at_ms)
		q->ret->nb_lost += v;
	if (row->type == ROW_BASELINE && row->p[0] >= 1 && row->p[0] <= STATE_MAX_EMS)
		q->ret->baseline_ms[row->p[0]] = row->time_ms;
}

static bool on_row(void *user, const struct journal_row *row)
{
	struct as_of *q = user;

	if (q->ret->oldest_ms == 0)
		q->ret->oldest_ms = row->time_ms;
	if (row->segment != q->segment)
		forget_sets(q);
	q->segment = row->segment;
	switch (row->type) {
	case ROW_START:
		take_start(q, row);
		break;
	case ROW_STOP:
		take_stop(q, row);
		break;
	case ROW_SET:
		keep_set(q, row);
		break;
	case ROW_DEVICE:
		take_device(q, row);
		break;
	case ROW_CONTACT:
		take_contact(q, row);
		break;
	case ROW_CONFIG:
	case ROW_LOST:
	case ROW_BASELINE:
		take_number(q, row);
		break;
	default:
		break;
	}
	return true;
}

int history_past(struct cp *cp, const struct device_uid *uid, uint64_t at_ms,
		 struct history_past *ret)
{
	struct as_of q = {.at_ms = at_ms, .uid = *uid, .ret = ret};
	char dir[sizeof(cp->history->dir)];

	cp_lock(cp);
	struct history *h = cp->history;
	const bool is_there = h != NULL && h->changes != NULL;
	if (is_there) {
		memcpy(dir, h->dir, sizeof(dir));
		journal_flush(h->changes);
	}
	cp_unlock(cp);
	if (!is_there)
		return -ENOENT;
	/* The module outlives the server's thread. */
	(void)journal_sync(h->changes, SYNC_MS);
	ret->oldest_ms = 0;
	const int rc = journal_scan(dir, CHANGES_NAME, on_row, &q, NULL);
	ret->is_changed = q.is_found;
	for (uint32_t id = 1; id <= STATE_MAX_EMS; id++) {
		/* It lasts: no row has ended it yet. */
		if (q.there_ms[id] != 0 && q.there_ms[id] <= at_ms)
			ret->contact_ms[id] = at_ms;
	}
	forget_sets(&q);
	free(q.set);
	if (rc == 0 && ret->config_hash != 0)
		ret->config = history_config_load(dir, ret->config_hash);
	return rc;
}

/* ---- denials ---- */

struct wanted {
	const uint8_t *id;
	struct denial *d;
	struct history_device *dev;
	uint64_t config;
	bool is_found;
};

/* A byte of a file is no bool before it is one of two values. */
static void settle_bool(bool *b)
{
	uint8_t v;

	memcpy(&v, b, sizeof(v));
	v = v != 0;
	memcpy(b, &v, sizeof(v));
}

static bool on_denial(void *user, const struct journal_row *row)
{
	struct wanted *w = user;
	struct row_denial head;

	if (row->type != ROW_DENIAL || row->len < sizeof(head))
		return true;
	memcpy(&head, row->p, sizeof(head));
	if (head.abi != ROW_DENIAL_ABI || head.names_len != row->len - sizeof(head) ||
	    memcmp(head.d.r.request_id, w->id, sizeof(head.d.r.request_id)) != 0)
		return true;
	settle_bool(&head.d.is_known);
	settle_bool(&head.d.is_revoked);
	settle_bool(&head.d.is_record_revoked);
	head.d.proxy[sizeof(head.d.proxy) - 1] = '\0';
	head.d.policy[sizeof(head.d.policy) - 1] = '\0';
	*w->d = head.d;
	w->config = head.config;
	w->dev->has_tags =
		head.has_tags && take_names(w->dev, row->p + sizeof(head), head.names_len);
	w->is_found = true; /* a later one of the same id is a cut: go on */
	return true;
}

int history_denial_find(struct cp *cp, const uint8_t id[static 16], struct denial *ret,
			struct history_device *ret_dev, struct history_config **ret_config)
{
	struct wanted w = {.id = id, .d = ret, .dev = ret_dev};
	char dir[sizeof(cp->history->dir)];

	cp_lock(cp);
	struct history *h = cp->history;
	const bool is_there = h != NULL && h->denials != NULL;
	if (is_there) {
		memcpy(dir, h->dir, sizeof(dir));
		journal_flush(h->denials);
	}
	cp_unlock(cp);
	if (!is_there)
		return -ENOENT;
	(void)journal_sync(h->denials, SYNC_MS);
	const int rc = journal_scan(dir, DENIALS_NAME, on_denial, &w, NULL);
	if (rc < 0 || !w.is_found)
		return rc < 0 ? rc : -ENOENT;
	ret_dev->uid = ret->r.uid;
	ret_dev->is_known = ret->is_known;
	ret_dev->serial = ret->dev.serial;
	ret_dev->sysinfo_ms = ret->dev.sysinfo_ms;
	ret_dev->tags_ms = ret->dev.tags_ms;
	ret_dev->ems_id = ret->dev.ems_id;
	ret_dev->flags = ret->dev.flags;
	*ret_config = w.config != 0 ? history_config_load(dir, w.config) : NULL;
	return 0;
}
