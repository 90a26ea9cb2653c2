/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The tables of tls_sessions.h. Each has a lock that is held for a look-up or a copy, some hundred
 * nanoseconds; nearly always it is its own worker that takes it, so it is free and in that
 * core's cache. Workers run on cores of their own: a holder is not sent to sleep, and spinning is
 * short.
 */

#include "tls/tls_sessions.h"

#include "tls/tls_priv.h"

#include <openssl/crypto.h>

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct place {
	struct tls_stored s;
	uint32_t next_of_hash; /* of unused places too */
	uint32_t newer, older;
};

struct table {
	alignas(64) atomic_flag lock; /* all below is under it */
	uint32_t newest, oldest, unused;
	struct place *place;
	uint32_t nb_places;
	uint32_t *first; /* by hash, a power of two; NONE: empty */
	uint32_t mask;
};

struct tls_sessions {
	uint32_t nb, capacity; /* tables, places in each */
	struct table table[];
};

static void lock(struct table *t)
{
	while (atomic_flag_test_and_set_explicit(&t->lock, memory_order_acquire))
		__builtin_ia32_pause();
}

static void unlock(struct table *t)
{
	atomic_flag_clear_explicit(&t->lock, memory_order_release);
}

/* Ids are made here and random: nobody can make them fall on one bucket. */
static uint32_t *bucket_of(struct table *t, const uint8_t *id)
{
	uint32_t h;

	memcpy(&h, id + 1, sizeof(h));
	return &t->first[h & t->mask];
}

static int table_init(struct table *t, uint32_t nb)
{
	uint32_t buckets = 1;

	while (buckets < nb)
		buckets <<= 1;
	t->first = malloc(buckets * sizeof(*t->first));
	/* Pages of it come into being as places are used for the first time. */
	t->place = calloc(nb, sizeof(*t->place));
	if (t->first == NULL || t->place == NULL)
		return -1;
	for (uint32_t i = 0; i < buckets; i++)
		t->first[i] = NONE;
	t->mask = buckets - 1;
	t->newest = t->oldest = t->unused = NONE;
	t->nb_places = 0;
	atomic_flag_clear(&t->lock);
	return 0;
}

struct tls_sessions *tls_sessions_new(uint32_t nb_workers, uint32_t per_worker)
{
	if (nb_workers == 0 || nb_workers > TLS_SESSIONS_MAX_WORKERS || per_worker == 0 ||
	    per_worker > NONE / 4)
		return NULL;

	const size_t len = sizeof(struct tls_sessions) + nb_workers * sizeof(struct table);
	struct tls_sessions *s = aligned_alloc(64, (len + 63) / 64 * 64);

	if (s == NULL)
		return NULL;
	memset(s, 0, len);
	s->capacity = per_worker;
	for (; s->nb < nb_workers; s->nb++) {
		struct table *t = &s->table[s->nb];

		if (table_init(t, per_worker) < 0) {
			s->nb++;
			tls_sessions_free(s);
			return NULL;
		}
	}
	return s;
}

void tls_sessions_free(struct tls_sessions *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->nb; i++) {
		struct table *t = &s->table[i];

		if (t->place != NULL)
			OPENSSL_cleanse(t->place, t->nb_places * sizeof(*t->place));
		free(t->place);
		free(t->first);
	}
	free(s);
}

static uint32_t find(struct table *t, const uint8_t *id)
{
	uint32_t i = *bucket_of(t, id);

	while (i != NONE && memcmp(t->place[i].s.id, id, TLS_SESSION_ID_LEN) != 0)
		i = t->place[i].next_of_hash;
	return i;
}

/* Out of hash and age list, secret and all wiped, among the unused. */
static void drop(struct table *t, uint32_t i)
{
	struct place *p = &t->place[i];
	uint32_t *at = bucket_of(t, p->s.id);

	while (*at != i)
		at = &t->place[*at].next_of_hash;
	*at = p->next_of_hash;
	*(p->newer == NONE ? &t->newest : &t->place[p->newer].older) = p->older;
	*(p->older == NONE ? &t->oldest : &t->place[p->older].newer) = p->newer;
	OPENSSL_cleanse(p, sizeof(*p));
	p->next_of_hash = t->unused;
	t->unused = i;
}

static uint32_t get_place(struct table *t, uint32_t capacity)
{
	if (t->unused == NONE && t->nb_places < capacity)
		return t->nb_places++;
	if (t->unused == NONE)
		drop(t, t->oldest);

	const uint32_t i = t->unused;

	t->unused = t->place[i].next_of_hash;
	return i;
}

void tls_sessions_put(struct tls_sessions *s, const struct tls_stored *in)
{
	struct table *t = &s->table[in->id[0]];

	lock(t);
	const uint32_t i = get_place(t, s->capacity);
	struct place *p = &t->place[i];
	uint32_t *at = bucket_of(t, in->id);

	p->s = *in;
	p->next_of_hash = *at;
	*at = i;
	p->newer = NONE;
	p->older = t->newest;
	*(t->newest == NONE ? &t->oldest : &t->place[t->newest].newer) = i;
	t->newest = i;
	unlock(t);
}

bool tls_sessions_take(struct tls_sessions *s, const uint8_t id[static TLS_SESSION_ID_LEN],
		       struct tls_stored *ret)
{
	if (id[0] >= s->nb)
		return false;

	struct table *t = &s->table[id[0]];

	lock(t);
	const uint32_t i = find(t, id);

	if (i != NONE) {
		*ret = t->place[i].s;
		if (!ret->is_reusable)
			drop(t, i);
	}
	unlock(t);
	return i != NONE;
}

void tls_sessions_remove(struct tls_sessions *s, const uint8_t id[static TLS_SESSION_ID_LEN])
{
	if (id[0] >= s->nb)
		return;

	struct table *t = &s->table[id[0]];

	lock(t);
	const uint32_t i = find(t, id);

	if (i != NONE)
		drop(t, i);
	unlock(t);
}
