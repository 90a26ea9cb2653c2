/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Tags' lists of addresses. EMS sends changes, so each EMS's list is kept by itself: what one says
 * of a tag must not empty what another one said. Nothing is decided by them, they are not on disk,
 * and the first pull after a start is a full one.
 */

#include "state/state_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Elements of one size, open addressing; all zero is a free place, and no address. */
struct addr_set {
	uint8_t *elem;
	uint32_t nb, cap; /* cap is a power of two, or 0 */
};

struct tag_list {
	struct addr_set ips, macs;
	struct state_range *range;
	uint32_t nb_ranges;
	bool is_cut;
};

static const uint8_t zeros[sizeof(struct ip_addr)];

static bool is_free(const uint8_t *elem, size_t size)
{
	return memcmp(elem, zeros, size) == 0;
}

/* Its own place, or the free one where it would go. */
static uint32_t place_of(const struct state *st, const struct addr_set *s, const void *elem,
			 size_t size)
{
	uint32_t i = (uint32_t)state_hash(st->seed, elem, size) & (s->cap - 1);

	while (!is_free(s->elem + i * size, size) && memcmp(s->elem + i * size, elem, size) != 0)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static bool set_grow(const struct state *st, struct addr_set *s, size_t size)
{
	struct addr_set more = {.nb = s->nb, .cap = s->cap > 0 ? 2 * s->cap : 16};

	if (4 * (uint64_t)(s->nb + 1) <= 3 * (uint64_t)s->cap)
		return true;
	more.elem = calloc(more.cap, size);
	if (more.elem == NULL)
		return false;
	for (uint32_t i = 0; i < s->cap; i++) {
		const uint8_t *e = s->elem + i * size;

		if (!is_free(e, size))
			memcpy(more.elem + place_of(st, &more, e, size) * size, e, size);
	}
	free(s->elem);
	*s = more;
	return true;
}

/* False: no room. */
static bool set_add(struct state *st, struct addr_set *s, const void *elem, size_t size)
{
	uint32_t i;

	if (is_free(elem, size))
		return true;
	if (!set_grow(st, s, size))
		return false;
	i = place_of(st, s, elem, size);
	if (!is_free(s->elem + i * size, size))
		return true;
	if (s->nb >= STATE_MAX_LIST || st->nb_addrs >= STATE_MAX_ADDRS)
		return false;
	memcpy(s->elem + i * size, elem, size);
	s->nb++;
	st->nb_addrs++;
	return true;
}

/* Without tombstones: what follows the hole moves up if it may. */
static void set_del(struct state *st, struct addr_set *s, const void *elem, size_t size)
{
	const uint32_t mask = s->cap - 1;
	uint32_t hole;

	if (s->cap == 0 || is_free(elem, size))
		return;
	hole = place_of(st, s, elem, size);
	if (is_free(s->elem + hole * size, size))
		return;
	for (uint32_t i = (hole + 1) & mask; !is_free(s->elem + i * size, size);
	     i = (i + 1) & mask) {
		const uint32_t home =
			(uint32_t)state_hash(st->seed, s->elem + i * size, size) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		memcpy(s->elem + hole * size, s->elem + i * size, size);
		hole = i;
	}
	memset(s->elem + hole * size, 0, size);
	s->nb--;
	st->nb_addrs--;
}

static void list_free(struct state *st, struct tag_list *l)
{
	if (l == NULL)
		return;
	st->nb_addrs -= l->ips.nb + l->macs.nb;
	free(l->ips.elem);
	free(l->macs.elem);
	free(l->range);
	free(l);
}

void state_tag_lists_free(struct state *st, struct tag *t)
{
	for (uint32_t i = 0; i <= STATE_MAX_EMS; i++) {
		list_free(st, t->list[i]);
		t->list[i] = NULL;
	}
}

void state_tag_lists_drop(struct state *st, uint32_t ems_id)
{
	for (uint32_t id = 0; id < st->nb_tags; id++) {
		list_free(st, st->tag[id].list[ems_id]);
		st->tag[id].list[ems_id] = NULL;
	}
}

static uint32_t range_find(const struct tag_list *l, const struct state_range *r)
{
	uint32_t i = 0;

	while (i < l->nb_ranges && memcmp(&l->range[i], r, sizeof(*r)) != 0)
		i++;
	return i;
}

static bool range_add(struct tag_list *l, const struct state_range *r)
{
	const uint32_t i = range_find(l, r);

	if (i < l->nb_ranges)
		return true;
	if (l->nb_ranges == STATE_MAX_RANGES)
		return false;
	if (l->range == NULL)
		l->range = calloc(STATE_MAX_RANGES, sizeof(*l->range));
	if (l->range == NULL)
		return false;
	l->range[l->nb_ranges++] = *r;
	return true;
}

static void range_del(struct tag_list *l, const struct state_range *r)
{
	const uint32_t i = range_find(l, r);

	if (i < l->nb_ranges)
		l->range[i] = l->range[--l->nb_ranges];
}

static void add_all(struct state *st, struct tag_list *l, const struct state_tag_def *def)
{
	bool is_ok = true;

	for (uint32_t i = 0; i < def->nb_ips; i++)
		is_ok &= set_add(st, &l->ips, &def->ip[i], sizeof(*def->ip));
	for (uint32_t i = 0; i < def->nb_macs; i++)
		is_ok &= set_add(st, &l->macs, &def->mac[i], sizeof(*def->mac));
	for (uint32_t i = 0; i < def->nb_ranges; i++)
		is_ok &= range_add(l, &def->range[i]);
	if (!is_ok)
		l->is_cut = true;
}

static void remove_all(struct state *st, struct tag_list *l, const struct state_tag_def *def)
{
	for (uint32_t i = 0; i < def->nb_ips; i++)
		set_del(st, &l->ips, &def->ip[i], sizeof(*def->ip));
	for (uint32_t i = 0; i < def->nb_macs; i++)
		set_del(st, &l->macs, &def->mac[i], sizeof(*def->mac));
	for (uint32_t i = 0; i < def->nb_ranges; i++)
		range_del(l, &def->range[i]);
}

void state_tag_lists_change(struct state *st, struct tag *t, const struct state_tag_def *def,
			    uint8_t ems_id)
{
	struct tag_list **l = &t->list[ems_id];

	if (def->action == STATE_TAG_DELETE) {
		list_free(st, *l);
		*l = NULL;
		return;
	}
	if (*l == NULL)
		*l = calloc(1, sizeof(**l));
	if (*l == NULL)
		st->counts.refused_memory++;
	else if (def->action == STATE_TAG_REMOVE)
		remove_all(st, *l, def);
	else
		add_all(st, *l, def);
}

/* ---- reading ---- */

static const struct tag_list *list_of(const struct state *st, uint32_t id, uint32_t ems_id)
{
	return id < st->nb_tags && ems_id <= STATE_MAX_EMS ? st->tag[id].list[ems_id] : NULL;
}

bool state_tag_list(const struct state *st, uint32_t id, uint32_t ems_id,
		    struct state_tag_list *ret)
{
	const struct tag_list *l = list_of(st, id, ems_id);

	*ret = (struct state_tag_list){};
	if (l == NULL)
		return false;
	*ret = (struct state_tag_list){l->ips.nb, l->nb_ranges, l->macs.nb, l->is_cut};
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct state_range));
}

static int compare_macs(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct state_mac));
}

int state_tag_ips(const struct state *st, uint32_t id, uint32_t ems_id, struct state_range **ret,
		  uint32_t *ret_nb)
{
	const struct tag_list *l = list_of(st, id, ems_id);
	const uint32_t nb = l == NULL ? 0 : l->ips.nb + l->nb_ranges;
	struct state_range *all;
	uint32_t n = 0;

	*ret = NULL;
	*ret_nb = nb;
	if (nb == 0)
		return 0;
	all = calloc(nb, sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	for (; n < l->nb_ranges; n++)
		all[n] = l->range[n];
	for (uint32_t i = 0; i < l->ips.cap; i++) {
		const uint8_t *e = l->ips.elem + i * sizeof(struct ip_addr);

		if (is_free(e, sizeof(struct ip_addr)))
			continue;
		memcpy(&all[n].from, e, sizeof(all[n].from));
		all[n].to = all[n].from;
		n++;
	}
	qsort(all, l->nb_ranges, sizeof(*all), compare_ranges);
	qsort(all + l->nb_ranges, l->ips.nb, sizeof(*all), compare_ranges);
	*ret = all;
	return 0;
}

int state_tag_macs(const struct state *st, uint32_t id, uint32_t ems_id, struct state_mac **ret,
		   uint32_t *ret_nb)
{
	const struct tag_list *l = list_of(st, id, ems_id);
	const uint32_t nb = l == NULL ? 0 : l->macs.nb;
	struct state_mac *all;
	uint32_t n = 0;

	*ret = NULL;
	*ret_nb = nb;
	if (nb == 0)
		return 0;
	all = calloc(nb, sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->macs.cap; i++) {
		const uint8_t *e = l->macs.elem + i * sizeof(struct state_mac);

		if (!is_free(e, sizeof(struct state_mac)))
			memcpy(&all[n++], e, sizeof(*all));
	}
	qsort(all, nb, sizeof(*all), compare_macs);
	*ret = all;
	return 0;
}
