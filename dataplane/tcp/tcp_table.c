/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Four-tuple to connection or TIME-WAIT entry: buckets of one cache line with seven entries and a
 * chain of overflow buckets. Removing moves the chain's last entry into the hole, so a chain is
 * always dense and at most one overflow bucket per seven entries is in use: the pool of them
 * cannot run dry. The hash is keyed: nobody outside can aim at one bucket.
 */

#include "base/siphash.h"
#include "tcp/tcp_priv.h"

#include <rte_prefetch.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET_ENTRIES 7u

int tcp_table_init(struct tcp_table *t, uint32_t nb_entries)
{
	/* Four of seven places on average when every entry is in use. */
	const uint32_t nb = nb_entries / 4 + 1;
	const uint32_t nb_over = nb_entries / BUCKET_ENTRIES + 1;

	t->bytes = ((size_t)nb + nb_over) * sizeof(struct tcp_bucket);
	t->buckets = tcp_array_new((size_t)nb + nb_over, sizeof(struct tcp_bucket));
	if (t->buckets == NULL)
		return -ENOMEM;
	t->nb = nb;
	t->free_overflow = 0;
	for (uint32_t i = nb + nb_over - 1; i >= nb; i--) {
		t->buckets[i].more = t->free_overflow;
		t->free_overflow = i;
	}
	return 0;
}

void tcp_table_fini(struct tcp_table *t)
{
	free(t->buckets);
	t->buckets = NULL;
}

uint32_t tcp_tuple_hash(const struct tcp_stack *st, const struct tcp_tuple *t)
{
	uint64_t w[5];
	unsigned nb = 0;

	if (ip_addr_is_v4(&t->local)) {
		w[nb++] = (uint64_t)ip_addr_to_v4(&t->local) << 32 | ip_addr_to_v4(&t->remote);
	} else {
		memcpy(&w[0], t->local.b, 16);
		memcpy(&w[2], t->remote.b, 16);
		nb = 4;
	}
	w[nb++] = (uint64_t)t->local_port << 16 | t->remote_port;
	return (uint32_t)siphash_words(st->p.secret, w, nb, 1, 3);
}

static const struct tcp_tuple *tuple_of(const struct tcp_stack *st, uint32_t id)
{
	return id >= st->tw_base ? &st->tws[id - st->tw_base].tuple : &st->conns[id - 1].tuple;
}

static bool tuple_is_equal(const struct tcp_tuple *a, const struct tcp_tuple *b)
{
	return a->remote_port == b->remote_port && a->local_port == b->local_port &&
	       memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
	       memcmp(&a->remote, &b->remote, sizeof(a->remote)) == 0;
}

/* From the high bits, so that any number of buckets will do. */
static uint32_t bucket_of(const struct tcp_table *t, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * t->nb >> 32);
}

uint32_t tcp_table_find(const struct tcp_stack *st, const struct tcp_tuple *t, uint32_t hash)
{
	const struct tcp_bucket *b = &st->table.buckets[bucket_of(&st->table, hash)];

	for (;;) {
		for (unsigned i = 0; i < BUCKET_ENTRIES && b->id[i] != 0; i++) {
			if (b->tag[i] == hash && tuple_is_equal(tuple_of(st, b->id[i]), t))
				return b->id[i];
		}
		if (b->more == 0)
			return 0;
		b = &st->table.buckets[b->more];
	}
}

void tcp_table_prefetch_bucket(const struct tcp_stack *st, uint32_t hash)
{
	rte_prefetch0(&st->table.buckets[bucket_of(&st->table, hash)]);
}

const void *tcp_table_prefetch_entry(const struct tcp_stack *st, uint32_t hash)
{
	const struct tcp_bucket *b = &st->table.buckets[bucket_of(&st->table, hash)];

	/* What is there twice, or in an overflow bucket alone, is fetched when it is wanted. */
	for (unsigned i = 0; i < BUCKET_ENTRIES && b->id[i] != 0; i++) {
		if (b->tag[i] != hash)
			continue;
		const void *p = b->id[i] < st->tw_base
					? (const void *)&st->conns[b->id[i] - 1]
					: (const void *)&st->tws[b->id[i] - st->tw_base];

		rte_prefetch0(p);
		return p;
	}
	return NULL;
}

void tcp_table_insert(struct tcp_stack *st, uint32_t hash, uint32_t id)
{
	struct tcp_table *t = &st->table;
	struct tcp_bucket *b = &t->buckets[bucket_of(t, hash)];

	while (b->id[BUCKET_ENTRIES - 1] != 0 && b->more != 0)
		b = &t->buckets[b->more];
	if (b->id[BUCKET_ENTRIES - 1] != 0) {
		b->more = t->free_overflow;
		b = &t->buckets[b->more];
		t->free_overflow = b->more;
		b->more = 0;
	}
	unsigned i = 0;

	while (b->id[i] != 0)
		i++;
	b->tag[i] = hash;
	b->id[i] = id;
}

void tcp_table_remove(struct tcp_stack *st, uint32_t hash, uint32_t id)
{
	struct tcp_table *t = &st->table;
	struct tcp_bucket *b = &t->buckets[bucket_of(t, hash)], *hole_b = NULL, *before = NULL;
	unsigned hole = 0;

	for (;;) {
		for (unsigned i = 0; i < BUCKET_ENTRIES; i++) {
			if (b->id[i] == id) {
				hole_b = b;
				hole = i;
			}
		}
		if (b->more == 0)
			break;
		before = b;
		b = &t->buckets[b->more];
	}
	if (hole_b == NULL)
		return;
	/* <b> is the chain's last bucket; its last entry fills the hole. */
	unsigned last = BUCKET_ENTRIES - 1;

	while (last > 0 && b->id[last] == 0)
		last--;
	hole_b->id[hole] = b->id[last];
	hole_b->tag[hole] = b->tag[last];
	b->id[last] = 0;
	if (last == 0 && before != NULL) {
		b->more = t->free_overflow;
		t->free_overflow = before->more;
		before->more = 0;
	}
}
