/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * First fit over a bitmap: a file for a million devices has 40,000 pages, 600 words, so that a
 * search is cheaper than keeping free lists in order.
 */

#include "common/snap/snap_pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GROW_PAGES 1024u /* 4 MiB */

static bool is_used(const struct snap_pages *p, uint64_t page)
{
	return (p->used[page / 64] >> (page % 64)) & 1;
}

static void set_used(struct snap_pages *p, uint64_t first, uint64_t nb)
{
	for (uint64_t i = first; i < first + nb; i++)
		p->used[i / 64] |= 1ull << (i % 64);
	p->nb_used += nb;
}

static void set_free(struct snap_pages *p, uint64_t first, uint64_t nb)
{
	for (uint64_t i = first; i < first + nb; i++)
		p->used[i / 64] &= ~(1ull << (i % 64));
	p->nb_used -= nb;
	if (first < p->hint)
		p->hint = first;
}

static int set_len(struct snap_pages *p, uint64_t nb_pages)
{
	size_t words = (nb_pages + 63) / 64;

	if (words > p->nb_words) {
		size_t n = words * 2;
		uint64_t *used = realloc(p->used, n * sizeof(*used));
		if (used == NULL)
			return -ENOMEM;
		memset(used + p->nb_words, 0, (n - p->nb_words) * sizeof(*used));
		p->used = used;
		p->nb_words = n;
	}
	p->nb_pages = nb_pages;
	return 0;
}

int snap_pages_init(struct snap_pages *p, void *base, size_t cap, uint64_t file_len,
		    const struct snap_build_ops *ops)
{
	*p = (struct snap_pages){.base = base, .cap = cap, .ops = ops};
	if (file_len > cap)
		return -EINVAL;
	int rc = set_len(p, file_len / SNAP_PAGE);
	if (rc == 0 && p->nb_pages > 0)
		set_used(p, 0, 1);
	return rc;
}

static void list_fini(struct snap_run_list *l)
{
	free(l->run);
	*l = (struct snap_run_list){};
}

void snap_pages_fini(struct snap_pages *p)
{
	for (size_t i = 0; i < p->queue_nb; i++)
		list_fini(&p->queue[p->queue_head + i].runs);
	list_fini(&p->draft);
	free(p->queue);
	free(p->used);
	*p = (struct snap_pages){};
}

/* First page of <nb> free ones in a row, or <nb_pages>. */
static uint64_t find_run(struct snap_pages *p, uint64_t nb)
{
	uint64_t len = 0, i = p->hint;
	bool is_first = true;

	while (i < p->nb_pages) {
		if (i % 64 == 0 && p->used[i / 64] == UINT64_MAX) {
			len = 0;
			i += 64;
			continue;
		}
		if (is_used(p, i)) {
			len = 0;
		} else {
			if (is_first)
				p->hint = i;
			is_first = false;
			if (++len == nb)
				return i + 1 - nb;
		}
		i++;
	}
	if (is_first)
		p->hint = p->nb_pages;
	return p->nb_pages;
}

static int grow(struct snap_pages *p, uint64_t nb)
{
	uint64_t add = nb > GROW_PAGES ? nb : GROW_PAGES;
	uint64_t max = p->cap / SNAP_PAGE;

	if (nb > max - p->nb_pages)
		return -ENOSPC;
	if (add > max - p->nb_pages)
		add = max - p->nb_pages;
	uint64_t nb_pages = p->nb_pages + add;
	int rc = p->ops->grow(p->ops->user, nb_pages * SNAP_PAGE);
	if (rc < 0)
		return rc;
	rc = set_len(p, nb_pages);
	if (rc == 0)
		((struct snap_hdr *)p->base)->file_len = nb_pages * SNAP_PAGE;
	return rc;
}

int snap_pages_alloc(struct snap_pages *p, uint64_t bytes, uint64_t *ret_off)
{
	uint64_t nb = bytes == 0 ? 1 : snap_pages_of(bytes);
	uint64_t first = find_run(p, nb);

	if (first == p->nb_pages && p->queue_nb > 0) {
		snap_pages_reap(p);
		first = find_run(p, nb);
	}
	if (first == p->nb_pages) {
		int rc = grow(p, nb);
		if (rc < 0)
			return rc;
		first = find_run(p, nb);
	}
	set_used(p, first, nb);
	*ret_off = first * SNAP_PAGE;
	return 0;
}

void snap_pages_free(struct snap_pages *p, uint64_t off, uint64_t bytes)
{
	if (off != 0)
		set_free(p, off / SNAP_PAGE, snap_pages_of(bytes));
}

static int list_reserve(struct snap_run_list *l, size_t nb)
{
	if (l->cap - l->nb >= nb)
		return 0;
	size_t cap = (l->nb + nb) * 2;
	struct snap_run *run = realloc(l->run, cap * sizeof(*run));
	if (run == NULL)
		return -ENOMEM;
	l->run = run;
	l->cap = cap;
	return 0;
}

int snap_pages_reserve(struct snap_pages *p, size_t nb)
{
	return list_reserve(&p->draft, nb);
}

void snap_pages_retire(struct snap_pages *p, uint64_t off, uint64_t bytes)
{
	struct snap_run_list *l = &p->draft;

	if (off == 0)
		return;
	/*
	 * Without the reservation that is asked for the run would be lost, never reused too early.
	 */
	if (l->nb < l->cap)
		l->run[l->nb++] = (struct snap_run){.off = off, .pages = snap_pages_of(bytes)};
}

int snap_pages_reserve_publish(struct snap_pages *p)
{
	if (p->queue_head > 0 && p->queue_head >= p->queue_nb) {
		memmove(p->queue, p->queue + p->queue_head, p->queue_nb * sizeof(*p->queue));
		p->queue_head = 0;
	}
	if (p->queue_head + p->queue_nb < p->queue_cap)
		return 0;
	size_t cap = p->queue_cap > 0 ? p->queue_cap * 2 : 64;
	struct snap_retired *queue = realloc(p->queue, cap * sizeof(*queue));
	if (queue == NULL)
		return -ENOMEM;
	p->queue = queue;
	p->queue_cap = cap;
	return 0;
}

void snap_pages_published(struct snap_pages *p, uint64_t token)
{
	if (p->draft.nb == 0)
		return;
	for (size_t i = 0; i < p->draft.nb; i++)
		p->nb_waiting += p->draft.run[i].pages;
	p->queue[p->queue_head + p->queue_nb++] =
		(struct snap_retired){.token = token, .runs = p->draft};
	p->draft = (struct snap_run_list){};
}

void snap_pages_reap(struct snap_pages *p)
{
	/* Tokens ascend, so the first that is not done ends it. */
	while (p->queue_nb > 0) {
		struct snap_retired *r = &p->queue[p->queue_head];
		if (!p->ops->is_done(p->ops->user, r->token))
			break;
		for (size_t i = 0; i < r->runs.nb; i++) {
			set_free(p, r->runs.run[i].off / SNAP_PAGE, r->runs.run[i].pages);
			p->nb_waiting -= r->runs.run[i].pages;
		}
		list_fini(&r->runs);
		p->queue_head++;
		p->queue_nb--;
	}
	if (p->queue_nb == 0)
		p->queue_head = 0;
}

void snap_pages_mark(struct snap_pages *p, uint64_t off, uint64_t bytes)
{
	uint64_t first = off / SNAP_PAGE, nb = snap_pages_of(bytes);

	if (off == 0)
		return;
	for (uint64_t i = first; i < first + nb && i < p->nb_pages; i++)
		if (!is_used(p, i))
			set_used(p, i, 1);
}

int snap_pages_retire_unmarked(struct snap_pages *p, struct snap_run_list *ret_marked)
{
	struct snap_run_list marked = {};
	uint64_t i = 1;

	while (i < p->nb_pages) {
		uint64_t first = i;
		bool is_marked = is_used(p, first);
		while (i < p->nb_pages && is_used(p, i) == is_marked)
			i++;
		struct snap_run_list *l = is_marked ? &marked : &p->draft;
		if (list_reserve(l, 1) < 0) {
			list_fini(&marked);
			return -ENOMEM;
		}
		l->run[l->nb++] = (struct snap_run){.off = first * SNAP_PAGE, .pages = i - first};
	}
	for (size_t k = 0; k < p->draft.nb; k++)
		set_used(p, p->draft.run[k].off / SNAP_PAGE, p->draft.run[k].pages);
	*ret_marked = marked;
	return 0;
}
