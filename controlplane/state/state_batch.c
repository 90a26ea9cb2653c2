/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_batch.h"

#include <stdlib.h>

#define CHUNK_CAP 32768u

/* Copies never move: a chunk that is full stays, a new one goes in front. */
struct state_chunk {
	struct state_chunk *next;
	size_t len, cap;
	uint8_t bytes[];
};

struct state_batch *state_batch_new(uint32_t ems_id)
{
	struct state_batch *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->ems_id = (uint8_t)ems_id;
	return b;
}

void state_batch_free(struct state_batch *b)
{
	if (b == NULL)
		return;
	while (b->chunk != NULL) {
		struct state_chunk *next = b->chunk->next;
		free(b->chunk);
		b->chunk = next;
	}
	free(b->sysinfo);
	free(b->tags);
	free(b->def);
	free(b->pulled);
	free(b);
}

static void *take(struct state_batch *b, size_t len)
{
	struct state_chunk *c = b->chunk;

	len = (len + 7) & ~(size_t)7;
	if (c == NULL || c->cap - c->len < len) {
		const size_t cap = len > CHUNK_CAP ? len : CHUNK_CAP;
		c = malloc(sizeof(*c) + cap);
		if (c == NULL) {
			b->is_failed = true;
			return NULL;
		}
		*c = (struct state_chunk){.next = b->chunk, .cap = cap};
		b->chunk = c;
	}
	void *ptr = &c->bytes[c->len];
	c->len += len;
	return ptr;
}

void *state_batch_room(struct state_batch *b, size_t len)
{
	return take(b, len);
}

struct slice state_batch_copy(struct state_batch *b, const void *ptr, size_t len)
{
	if (len == 0)
		return SLICE_EMPTY;
	void *copy = take(b, len);
	if (copy == NULL)
		return SLICE_EMPTY;
	memcpy(copy, ptr, len);
	return slice_of(copy, len);
}

/* Room for one more element in a doubling array; its address zeroed, NULL on failure. */
static void *append(struct state_batch *b, void **arr, uint32_t *nb, uint32_t *cap, size_t size)
{
	if (*nb == *cap) {
		const uint32_t more = *cap > 0 ? 2 * *cap : 16;
		void *grown = realloc(*arr, more * size);
		if (grown == NULL) {
			b->is_failed = true;
			return NULL;
		}
		*arr = grown;
		*cap = more;
	}
	void *elem = (uint8_t *)*arr + *nb * size;
	memset(elem, 0, size);
	(*nb)++;
	return elem;
}

struct state_sysinfo *state_batch_sysinfo(struct state_batch *b, const struct device_uid *uid)
{
	struct state_sysinfo *s = append(b, (void **)&b->sysinfo, &b->nb_sysinfo, &b->cap_sysinfo,
					 sizeof(*b->sysinfo));

	if (s != NULL)
		s->uid = *uid;
	return s;
}

struct state_route *state_batch_route(struct state_batch *b, struct state_sysinfo *s)
{
	if (s->nb_routes == STATE_MAX_ROUTES)
		return NULL;
	if (s->route == NULL)
		s->route = take(b, STATE_MAX_ROUTES * sizeof(*s->route));
	if (s->route == NULL)
		return NULL;
	struct state_route *r = &s->route[s->nb_routes++];
	*r = (struct state_route){};
	return r;
}

struct state_tags *state_batch_tags(struct state_batch *b, const struct device_uid *uid,
				    uint32_t nb)
{
	struct state_tag_ref *tag = NULL;

	if (nb > 0) {
		tag = take(b, nb * sizeof(*tag));
		if (tag == NULL)
			return NULL;
		memset(tag, 0, nb * sizeof(*tag));
	}
	struct state_tags *t =
		append(b, (void **)&b->tags, &b->nb_tags, &b->cap_tags, sizeof(*b->tags));
	if (t == NULL)
		return NULL;
	*t = (struct state_tags){.uid = *uid, .nb_tags = nb, .tag = tag};
	return t;
}

struct state_tag_def *state_batch_def(struct state_batch *b)
{
	return append(b, (void **)&b->def, &b->nb_def, &b->cap_def, sizeof(*b->def));
}

void state_batch_pulled(struct state_batch *b, const struct device_uid *uid)
{
	struct device_uid *p =
		append(b, (void **)&b->pulled, &b->nb_pulled, &b->cap_pulled, sizeof(*b->pulled));

	if (p != NULL)
		*p = *uid;
}
