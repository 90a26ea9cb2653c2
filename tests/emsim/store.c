/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/store.h"

#include "emsim/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One element more behind <*arr> of <*cap>. */
#define GROW(arr, nb, cap)                                                                         \
	do {                                                                                       \
		if ((nb) == (cap)) {                                                               \
			(cap) = (cap) > 0 ? (cap)*2 : 16;                                          \
			(arr) = xrealloc((arr), (cap), sizeof(*(arr)));                            \
		}                                                                                  \
	} while (0)

void store_init(struct store *st)
{
	*st = (struct store){0};
	st->index_cap = 1024;
	st->index = xcalloc(st->index_cap, sizeof(*st->index));
	(void)store_tagset(st, NULL, 0);
}

void store_fini(struct store *st)
{
	for (size_t i = 0; i < st->nb_devs; i++)
		free(st->devs[i].extra);
	for (size_t i = 0; i < st->nb_sets; i++)
		free(st->sets[i].ids);
	free(st->devs);
	free(st->index);
	free(st->tags);
	free(st->sets);
	free(st->set_index);
	free(st->sys_log.e);
	free(st->tag_log.e);
	free(st->members);
	free(st->revoked);
	*st = (struct store){0};
}

uint64_t store_tick(struct store *st)
{
	struct timespec ts;
	uint64_t now;

	if (st->is_replay)
		return ++st->last_time;
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * TICKS_PER_S + (uint64_t)ts.tv_nsec / 100;
	st->last_time = now > st->last_time ? now : st->last_time + 1;
	return st->last_time;
}

/* UIDs are random, or made so by the synthetic generator, so their first bytes are a hash. */
static size_t uid_slot(const struct store *st, const uint8_t *uid)
{
	uint64_t h;

	memcpy(&h, uid, sizeof(h));
	h *= 0x9e3779b97f4a7c15u;
	return (size_t)(h >> 20) & (st->index_cap - 1);
}

static void index_put(struct store *st, const struct dev *d)
{
	size_t i = uid_slot(st, d->uid);

	while (st->index[i] != 0)
		i = (i + 1) & (st->index_cap - 1);
	st->index[i] = d->idx + 1;
}

void store_reserve(struct store *st, size_t nb)
{
	size_t want = st->nb_devs + nb;

	if (want > st->cap_devs) {
		st->cap_devs = st->cap_devs * 2 > want ? st->cap_devs * 2 : want;
		st->devs = xrealloc(st->devs, st->cap_devs, sizeof(*st->devs));
	}
	if (want * 2 <= st->index_cap)
		return;
	while (want * 2 > st->index_cap)
		st->index_cap *= 2;
	free(st->index);
	st->index = xcalloc(st->index_cap, sizeof(*st->index));
	for (size_t i = 0; i < st->nb_devs; i++)
		index_put(st, &st->devs[i]);
}

struct dev *store_find(struct store *st, const uint8_t uid[static UID_LEN])
{
	for (size_t i = uid_slot(st, uid); st->index[i] != 0; i = (i + 1) & (st->index_cap - 1)) {
		struct dev *d = &st->devs[st->index[i] - 1];

		if (memcmp(d->uid, uid, UID_LEN) == 0)
			return d;
	}
	return NULL;
}

struct dev *store_add(struct store *st, const uint8_t uid[static UID_LEN])
{
	struct dev *d;

	store_reserve(st, 1);
	d = &st->devs[st->nb_devs];
	*d = (struct dev){.idx = (uint32_t)st->nb_devs};
	memcpy(d->uid, uid, UID_LEN);
	st->nb_devs++;
	index_put(st, d);
	return d;
}

struct dev_extra *store_dev_extra(struct dev *d)
{
	if (d->extra == NULL)
		d->extra = xcalloc(1, sizeof(*d->extra));
	return d->extra;
}

void store_log(struct change_log *log, uint64_t time, uint32_t dev)
{
	GROW(log->e, log->nb, log->cap);
	log->e[log->nb++] = (struct log_entry){.time = time, .dev = dev};
}

static uint64_t dev_time(const struct store *st, const struct change_log *log, uint32_t dev)
{
	return log == &st->sys_log ? st->devs[dev].sys_time : st->devs[dev].tag_time;
}

/* Forget stale entries once they are the greater part; what is left stays in order. */
static void log_compact(struct store *st, struct change_log *log)
{
	size_t nb = 0;

	if (log->nb < 2 * st->nb_devs + 1024)
		return;
	for (size_t i = 0; i < log->nb; i++)
		if (dev_time(st, log, log->e[i].dev) == log->e[i].time)
			log->e[nb++] = log->e[i];
	log->nb = nb;
}

void store_touch_sys(struct store *st, struct dev *d)
{
	d->sys_time = store_tick(st);
	d->flags |= DEV_F_TOUCHED;
	st->is_dirty = true;
	store_log(&st->sys_log, d->sys_time, d->idx);
	log_compact(st, &st->sys_log);
}

void store_touch_tags(struct store *st, struct dev *d)
{
	d->tag_time = store_tick(st);
	d->flags |= DEV_F_TOUCHED;
	st->is_dirty = true;
	store_log(&st->tag_log, d->tag_time, d->idx);
	log_compact(st, &st->tag_log);
}

void store_log_member(struct store *st, const struct dev *d, uint32_t tag, uint32_t ip,
		      enum member_action action)
{
	if (ip == 0)
		return;
	GROW(st->members, st->nb_members, st->cap_members);
	st->members[st->nb_members++] = (struct member){
		.time = store_tick(st),
		.tag = tag,
		.dev = d->idx,
		.ip = ip,
		.action = action,
	};
}

static const struct {
	const char *prefix;
	enum tag_kind kind;
} tag_kinds[] = {
	{"ZTNA", TAG_ZTNA},
	{"CLASS", TAG_CLASS},
	{"OUTBREAK", TAG_OUTBREAK},
	{"FABRIC", TAG_FABRIC},
};

const char *tag_kind_prefix(enum tag_kind kind)
{
	return tag_kinds[kind - 1].prefix;
}

/*
 * A tag's UUID is computed from its kind and name, so that it is the same after a restart:
 * FNV-1a over both, with the version and variant bits of a random UUID.
 */
static void tag_uuid(struct tag *t)
{
	for (unsigned half = 0; half < 2; half++) {
		uint64_t h = 0xcbf29ce484222325u + half * 0x1000193u + (uint64_t)t->kind;

		for (const char *p = t->name; *p != '\0'; p++)
			h = (h ^ (uint8_t)*p) * 0x100000001b3u;
		memcpy(t->uuid + 8 * half, &h, 8);
	}
	t->uuid[6] = (uint8_t)((t->uuid[6] & 0x0f) | 0x40);
	t->uuid[8] = (uint8_t)((t->uuid[8] & 0x3f) | 0x80);
}

int store_tag(struct store *st, const char *spec)
{
	const char *colon = strchr(spec, ':');
	enum tag_kind kind = TAG_ZTNA;
	const char *name = spec;
	struct tag *t;

	for (size_t i = 0; colon != NULL && i < sizeof(tag_kinds) / sizeof(tag_kinds[0]); i++) {
		size_t n = strlen(tag_kinds[i].prefix);

		if ((size_t)(colon - spec) == n && memcmp(spec, tag_kinds[i].prefix, n) == 0) {
			kind = tag_kinds[i].kind;
			name = colon + 1;
		}
	}
	if (*name == '\0' || strlen(name) >= sizeof(t->name))
		return -EINVAL;
	for (size_t i = 0; i < st->nb_tags; i++)
		if (st->tags[i].kind == kind && strcmp(st->tags[i].name, name) == 0)
			return (int)i;
	GROW(st->tags, st->nb_tags, st->cap_tags);
	t = &st->tags[st->nb_tags];
	*t = (struct tag){.kind = kind};
	copy_str(t->name, sizeof(t->name), name);
	tag_uuid(t);
	return (int)st->nb_tags++;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static size_t set_slot(const struct store *st, const uint32_t *ids, uint32_t nb)
{
	uint64_t h = nb;

	for (uint32_t i = 0; i < nb; i++)
		h = (h ^ ids[i]) * 0x9e3779b97f4a7c15u;
	return (size_t)(h >> 20) & (st->set_index_cap - 1);
}

static void set_index_grow(struct store *st)
{
	if (2 * (st->nb_sets + 1) <= st->set_index_cap)
		return;
	free(st->set_index);
	st->set_index_cap = st->set_index_cap > 0 ? 2 * st->set_index_cap : 1024;
	st->set_index = xcalloc(st->set_index_cap, sizeof(*st->set_index));
	for (size_t n = 0; n < st->nb_sets; n++) {
		size_t i = set_slot(st, st->sets[n].ids, st->sets[n].nb);

		while (st->set_index[i] != 0)
			i = (i + 1) & (st->set_index_cap - 1);
		st->set_index[i] = (uint32_t)n + 1;
	}
}

uint32_t store_tagset(struct store *st, uint32_t *ids, uint32_t nb)
{
	struct tagset *s;
	size_t i;

	if (nb > 1)
		qsort(ids, nb, sizeof(*ids), cmp_u32);
	set_index_grow(st);
	i = set_slot(st, ids, nb);
	for (; st->set_index[i] != 0; i = (i + 1) & (st->set_index_cap - 1)) {
		s = &st->sets[st->set_index[i] - 1];
		if (s->nb == nb && (nb == 0 || memcmp(s->ids, ids, nb * sizeof(*ids)) == 0))
			return st->set_index[i] - 1;
	}
	st->set_index[i] = (uint32_t)st->nb_sets + 1;
	GROW(st->sets, st->nb_sets, st->cap_sets);
	s = &st->sets[st->nb_sets];
	s->nb = nb;
	s->ids = xcalloc(nb + 1, sizeof(*ids));
	if (nb > 0)
		memcpy(s->ids, ids, nb * sizeof(*ids));
	return (uint32_t)st->nb_sets++;
}

bool store_tagset_has(const struct store *st, uint32_t set, uint32_t tag)
{
	const struct tagset *s = &st->sets[set];

	for (uint32_t i = 0; i < s->nb; i++)
		if (s->ids[i] == tag)
			return true;
	return false;
}

/* Log <action> of one tag for each address that the device is reached by. */
static void log_addresses(struct store *st, const struct dev *d, uint32_t tag,
			  enum member_action action)
{
	store_log_member(st, d, tag, d->ip, action);
	for (unsigned i = 0; d->extra != NULL && i < 2; i++)
		store_log_member(st, d, tag, d->extra->vpn_ip[i], action);
}

bool store_dev_tag(struct store *st, struct dev *d, uint32_t tag, bool is_add)
{
	const struct tagset *s = &st->sets[d->tagset];
	uint32_t *ids, nb = 0;

	if (store_tagset_has(st, d->tagset, tag) == is_add)
		return false;
	ids = xcalloc(s->nb + 1, sizeof(*ids));
	for (uint32_t i = 0; i < s->nb; i++)
		if (s->ids[i] != tag)
			ids[nb++] = s->ids[i];
	if (is_add)
		ids[nb++] = tag;
	d->tagset = store_tagset(st, ids, nb);
	free(ids);
	log_addresses(st, d, tag, is_add ? MEMBER_ADD : MEMBER_REMOVE);
	return true;
}

void store_dev_untag_all(struct store *st, struct dev *d)
{
	/* Set ids are stable, the array of sets may move: copy the small header. */
	struct tagset s = st->sets[d->tagset];

	for (uint32_t i = 0; i < s.nb; i++)
		log_addresses(st, d, s.ids[i], MEMBER_REMOVE);
	d->tagset = 0;
}

static void move_ip(struct store *st, struct dev *d, uint32_t *slot, uint32_t ip)
{
	struct tagset s = st->sets[d->tagset];

	if (*slot == ip)
		return;
	for (uint32_t i = 0; i < s.nb; i++) {
		store_log_member(st, d, s.ids[i], *slot, MEMBER_REMOVE);
		store_log_member(st, d, s.ids[i], ip, MEMBER_ADD);
	}
	*slot = ip;
}

void store_dev_set_ip(struct store *st, struct dev *d, uint32_t ip)
{
	move_ip(st, d, &d->ip, ip);
}

void store_dev_set_vpn_ip(struct store *st, struct dev *d, bool is_v6, uint32_t ip)
{
	move_ip(st, d, &store_dev_extra(d)->vpn_ip[is_v6], ip);
}

void store_add_revoked(struct store *st, const uint8_t serial[static SERIAL_LEN])
{
	GROW(st->revoked, st->nb_revoked, st->cap_revoked);
	memcpy(st->revoked[st->nb_revoked++], serial, SERIAL_LEN);
}

void store_dev_revoke(struct store *st, struct dev *d)
{
	static const uint8_t zeros[SERIAL_LEN];

	if (memcmp(d->serial, zeros, SERIAL_LEN) == 0)
		return;
	store_add_revoked(st, d->serial);
	memcpy(d->serial, zeros, SERIAL_LEN);
}

static int cmp_entry(const void *a, const void *b, void *arg)
{
	const struct log_entry *x = a, *y = b;
	const struct store *st = arg;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return memcmp(st->devs[x->dev].uid, st->devs[y->dev].uid, UID_LEN);
}

static int cmp_member(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

void store_sort_logs(struct store *st)
{
	if (st->sys_log.nb > 0)
		qsort_r(st->sys_log.e, st->sys_log.nb, sizeof(*st->sys_log.e), cmp_entry, st);
	if (st->tag_log.nb > 0)
		qsort_r(st->tag_log.e, st->tag_log.nb, sizeof(*st->tag_log.e), cmp_entry, st);
	if (st->nb_members > 0)
		qsort(st->members, st->nb_members, sizeof(*st->members), cmp_member);
}

static bool entry_is_after(const struct store *st, const struct log_entry *e,
			   const struct cursor *cur)
{
	if (e->time != cur->time)
		return e->time > cur->time;
	return memcmp(st->devs[e->dev].uid, cur->id, UID_LEN) > 0;
}

size_t store_log_seek(const struct store *st, const struct change_log *log,
		      const struct cursor *cur)
{
	size_t lo = 0, hi = log->nb;

	while (cur->is_set && lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (entry_is_after(st, &log->e[mid], cur))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

size_t store_member_seek(const struct store *st, const struct cursor *cur)
{
	size_t lo = 0, hi = st->nb_members;

	while (cur->is_set && lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (st->members[mid].time > cur->time)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/*
 * An addition is stale once the device lost the tag or the address; a removal is stale once the
 * device has both again. In either case a later entry tells the truth.
 */
bool store_member_is_live(const struct store *st, const struct member *m)
{
	const struct dev *d = &st->devs[m->dev];
	bool has_ip = d->ip == m->ip || (d->extra != NULL && (d->extra->vpn_ip[0] == m->ip ||
							      d->extra->vpn_ip[1] == m->ip));
	bool is_in = has_ip && store_tagset_has(st, d->tagset, m->tag);

	return is_in == (m->action == MEMBER_ADD);
}
