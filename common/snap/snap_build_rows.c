/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Postures, interned, and the verdict row of each. A new posture is appended in place when its
 * run has spare rows: no published version names a row beyond its own count.
 */

#include "common/policy/policy.h"
#include "common/snap/snap.h"
#include "common/snap/snap_build_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_INTERN_CAP 1024u

int build_rows_init(struct snap_build *b)
{
	b->postures.stride = sizeof(uint64_t);
	b->verdicts.stride = sizeof(uint64_t);
	b->intern_cap = FIRST_INTERN_CAP;
	b->intern = calloc(b->intern_cap, sizeof(*b->intern));
	return b->intern == NULL ? -ENOMEM : 0;
}

static uint64_t *row_at(const struct snap_build *b, const struct build_rows *r, uint32_t i)
{
	return (uint64_t *)(b->base + r->obj.off + (size_t)i * r->stride);
}

/* Move the <r->count> rows into a run of <cap> rows of <stride> bytes. */
static int rows_move(struct snap_build *b, struct build_rows *r, uint32_t cap, uint32_t stride)
{
	uint64_t off, bytes = snap_pages_of((uint64_t)cap * stride) * SNAP_PAGE;
	struct build_rows moved = *r;
	int rc = snap_pages_reserve(&b->pages, 1);

	if (rc == 0)
		rc = snap_pages_alloc(&b->pages, bytes, &off);
	if (rc < 0)
		return rc;
	memset(b->base + off, 0, bytes);
	moved.obj.off = off;
	moved.stride = stride;
	moved.cap = (uint32_t)(bytes / stride < UINT32_MAX ? bytes / stride : UINT32_MAX - 1);
	uint32_t width = stride < r->stride ? stride : r->stride;
	for (uint32_t i = 0; i < r->count; i++)
		memcpy(row_at(b, &moved, i), row_at(b, r, i), width);
	moved.obj = r->obj;
	build_obj_replace(b, &moved.obj, off, bytes);
	*r = moved;
	return 0;
}

/* Room for one more row of at least <nb_words>. */
static int rows_reserve(struct snap_build *b, struct build_rows *r, uint32_t nb_words)
{
	uint32_t stride = r->stride, cap = r->cap;

	while (stride / sizeof(uint64_t) < nb_words)
		stride *= 2;
	if (r->count == cap)
		cap = cap > 0 ? cap * 2 : SNAP_PAGE / stride;
	if (stride == r->stride && cap == r->cap)
		return 0;
	return rows_move(b, r, cap > 0 ? cap : 1, stride);
}

static uint32_t trim(const uint64_t *bits, uint32_t nb_words)
{
	while (nb_words > 0 && bits[nb_words - 1] == 0)
		nb_words--;
	return nb_words;
}

static bool row_is_equal(const struct snap_build *b, uint32_t id, const uint64_t *bits, uint32_t nb)
{
	const uint64_t *row = row_at(b, &b->postures, id);
	uint32_t words = b->postures.stride / sizeof(*row);

	return trim(row, words) == nb && memcmp(row, bits, nb * sizeof(*row)) == 0;
}

/* Slot of the intern table that holds <bits>, or the free one where it belongs. */
static uint32_t intern_slot(const struct snap_build *b, const uint64_t *bits, uint32_t nb)
{
	uint32_t mask = b->intern_cap - 1;
	uint32_t i = (uint32_t)snap_siphash(b->hash_seed, bits, nb * sizeof(*bits)) & mask;

	while (b->intern[i] != 0 && !row_is_equal(b, b->intern[i] - 1, bits, nb))
		i = (i + 1) & mask;
	return i;
}

/* Keep the table at most half full. */
static int intern_reserve(struct snap_build *b)
{
	if ((b->postures.count + 1) * 2ull <= b->intern_cap)
		return 0;
	uint32_t *old = b->intern;
	b->intern = calloc((size_t)b->intern_cap * 2, sizeof(*b->intern));
	if (b->intern == NULL) {
		b->intern = old;
		return -ENOMEM;
	}
	b->intern_cap *= 2;
	uint32_t words = b->postures.stride / sizeof(uint64_t);
	for (uint32_t id = 0; id < b->postures.count; id++) {
		const uint64_t *row = row_at(b, &b->postures, id);
		b->intern[intern_slot(b, row, trim(row, words))] = id + 1;
	}
	free(old);
	return 0;
}

/* The expressions of <config> that are true for the posture of <nb_words> at <bits>. */
static void eval_exprs(const struct snap_config *config, const uint64_t *bits, uint32_t nb_words,
		       uint64_t ret[static SNAP_MAX_EXPRS / 64])
{
	const struct snap_expr *e =
		(const struct snap_expr *)((const uint8_t *)config + config->exprs.off);

	memset(ret, 0, snap_nb_words(config->exprs.count) * sizeof(*ret));
	for (uint32_t i = 0; i < config->exprs.count; i++)
		if (policy_expr_eval(config, &e[i], bits, nb_words) == POLICY_TRUE)
			ret[i / 64] |= 1ull << (i % 64);
}

void snap_verdicts_fill(const struct snap_config *config, const uint64_t *bits, uint32_t nb_words,
			uint64_t *ret)
{
	const struct snap_policy *p =
		(const struct snap_policy *)((const uint8_t *)config + config->policies.off);
	const uint32_t nb = config->policies.count;
	uint64_t *set = ret + snap_set_summary_words(nb);
	/* Policies may share an expression, so each is evaluated once, before. */
	uint64_t is_true[SNAP_MAX_EXPRS / 64];

	eval_exprs(config, bits, nb_words, is_true);
	memset(ret, 0, snap_set_bytes(nb));
	for (uint32_t i = 0; i < nb; i++)
		if (p[i].expr == SNAP_NONE || ((is_true[p[i].expr / 64] >> (p[i].expr % 64)) & 1))
			set[i / 64] |= 1ull << (i % 64);
	snap_set_summarize(ret, nb);
}

static void fill_verdict(const struct snap_build *b, const struct build_rows *verdicts,
			 const struct snap_config *config, uint32_t id)
{
	if (config == NULL)
		memset(row_at(b, verdicts, id), 0, verdicts->stride);
	else
		snap_verdicts_fill(config, row_at(b, &b->postures, id), b->postures.stride / 8,
				   row_at(b, verdicts, id));
}

static const struct snap_config *draft_config(const struct snap_build *b)
{
	return b->config.off == 0 ? NULL : (const struct snap_config *)(b->base + b->config.off);
}

int snap_build_posture(struct snap_build *b, const uint64_t *bits, uint32_t nb_words,
		       uint32_t *ret_posture)
{
	uint32_t nb = trim(bits, nb_words);

	if (nb > SNAP_MAX_TAGS / 64)
		return -EINVAL;
	uint32_t slot = intern_slot(b, bits, nb);
	if (b->intern[slot] != 0) {
		*ret_posture = b->intern[slot] - 1;
		return 0;
	}
	if (b->postures.count >= SNAP_NONE - 1)
		return -ENOSPC;
	int rc = intern_reserve(b);
	if (rc == 0)
		rc = rows_reserve(b, &b->postures, nb);
	if (rc == 0)
		rc = rows_reserve(b, &b->verdicts, 1);
	if (rc < 0)
		return rc;
	uint32_t id = b->postures.count;
	uint64_t *row = row_at(b, &b->postures, id);
	memset(row, 0, b->postures.stride);
	memcpy(row, bits, nb * sizeof(*row));
	fill_verdict(b, &b->verdicts, draft_config(b), id);
	b->intern[intern_slot(b, bits, nb)] = id + 1;
	b->postures.count++;
	b->verdicts.count++;
	*ret_posture = id;
	return 0;
}

uint32_t snap_build_nb_postures(const struct snap_build *b)
{
	return b->postures.count;
}

const uint64_t *snap_build_posture_bits(const struct snap_build *b, uint32_t posture,
					uint32_t *ret_nb_words)
{
	if (posture >= b->postures.count)
		return NULL;
	*ret_nb_words = b->postures.stride / sizeof(uint64_t);
	return row_at(b, &b->postures, posture);
}

int build_verdicts_renew(struct snap_build *b, const struct snap_config *config)
{
	uint32_t stride = snap_set_bytes(config->policies.count);
	struct build_rows *v = &b->verdicts;

	if (v->obj.off == 0) {
		v->stride = stride;
		return 0;
	}
	/* Always a new run: the published version goes on reading the old verdicts. */
	int rc = rows_move(b, v, v->cap, stride);
	if (rc < 0)
		return rc;
	for (uint32_t id = 0; id < b->postures.count; id++)
		fill_verdict(b, v, config, id);
	return 0;
}
