/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Iterative deepening over the number of changes. While something is not as it has to be (the
 * accepting policy's expression is false, or an earlier deny policy's true), one tag out of its
 * critical set has to change, whatever else does:
 *
 *	any must be true, all its children are false:   one of the children's critical sets
 *	all must be true, some children are false:      each has to; the smallest set will do
 *	and the other way round for false, with none as the opposite of any
 *
 * So the search branches over that set alone. A tag that was tried is left alone in the branches
 * after it: they would only find the same sets again. That makes it exact, and quick where the
 * answer is small.
 */

#include "common/policy/policy_search.h"

#include <string.h>

static bool has(const uint64_t *set, uint32_t tag)
{
	return tag < SNAP_MAX_TAGS && ((set[tag / 64] >> (tag % 64)) & 1);
}

static void flip(uint64_t *set, uint32_t tag)
{
	set[tag / 64] ^= 1ull << (tag % 64);
}

static const struct snap_node *children_of(const struct policy_search *s, const struct snap_node *n)
{
	return (const struct snap_node *)((const uint8_t *)s->config + n->children.off);
}

static const struct snap_node *root_of(const struct policy_search *s, uint32_t expr)
{
	const struct snap_expr *e =
		(const struct snap_expr *)((const uint8_t *)s->config + s->config->exprs.off);

	return &e[expr].root;
}

static bool spend(struct policy_search *s)
{
	if (s->budget == 0)
		return false;
	s->budget--;
	return true;
}

/* Tags are all known here: two values do. Without budget the value does not matter any more. */
static bool is_true(struct policy_search *s, const struct snap_node *n)
{
	if (!spend(s))
		return false;
	if (n->op == SNAP_NODE_TAG)
		return has(s->tags, n->tag);

	const struct snap_node *child = children_of(s, n);
	const bool decisive = n->op != SNAP_NODE_ALL;

	for (uint32_t i = 0; i < n->children.count; i++) {
		if (is_true(s, &child[i]) == decisive)
			return n->op == SNAP_NODE_ANY;
	}
	return n->op != SNAP_NODE_ANY;
}

static uint32_t critical(struct policy_search *s, const struct snap_node *n, bool wanted,
			 uint64_t *set);

/* The children that are wrong must all change: any one's critical set is one of the whole. */
static uint32_t critical_of_one(struct policy_search *s, const struct snap_node *n,
				bool child_wanted, uint64_t *set)
{
	const struct snap_node *child = children_of(s, n);
	uint64_t best[POLICY_TAG_WORDS] = {0};
	uint32_t nb_best = UINT32_MAX;

	for (uint32_t i = 0; i < n->children.count && nb_best > 1; i++) {
		uint64_t one[POLICY_TAG_WORDS] = {0};

		if (is_true(s, &child[i]) == child_wanted)
			continue;
		const uint32_t nb = critical(s, &child[i], child_wanted, one);
		if (nb < nb_best) {
			nb_best = nb;
			memcpy(best, one, sizeof(best));
		}
		if (nb == 0)
			return 0;
	}
	for (uint32_t i = 0; i < POLICY_TAG_WORDS; i++)
		set[i] |= best[i];
	return nb_best == UINT32_MAX ? 0 : nb_best;
}

/* Add the critical set of <n>, which is not as <wanted>, to <set>; its size, 0: hopeless. */
static uint32_t critical(struct policy_search *s, const struct snap_node *n, bool wanted,
			 uint64_t *set)
{
	uint32_t nb = 0;

	if (!spend(s))
		return 0;
	if (n->op == SNAP_NODE_TAG) {
		if (has(s->fixed, n->tag) || n->tag >= SNAP_MAX_TAGS)
			return 0;
		set[n->tag / 64] |= 1ull << (n->tag % 64);
		return 1;
	}

	/* none(...) is not any(...). */
	const bool is_any = n->op != SNAP_NODE_ALL;
	const bool child_wanted = n->op == SNAP_NODE_NONE ? !wanted : wanted;

	if (is_any != child_wanted)
		return critical_of_one(s, n, child_wanted, set);
	const struct snap_node *child = children_of(s, n);
	for (uint32_t i = 0; i < n->children.count; i++)
		nb += critical(s, &child[i], child_wanted, set);
	return nb;
}

/*
 * Something that keeps candidate <t> from deciding: its own expression, or a deny policy before
 * it. NULL: nothing does. <ret_wanted>: what it has to be.
 */
static const struct snap_node *obstacle(struct policy_search *s, uint32_t t, bool *ret_wanted)
{
	*ret_wanted = true;
	if (s->cand[t].expr != SNAP_NONE && !is_true(s, root_of(s, s->cand[t].expr)))
		return root_of(s, s->cand[t].expr);
	*ret_wanted = false;
	for (uint32_t i = 0; i < t && s->has_order; i++) {
		if (!s->cand[i].is_accept && s->cand[i].expr != SNAP_NONE &&
		    is_true(s, root_of(s, s->cand[i].expr)))
			return root_of(s, s->cand[i].expr);
	}
	return NULL;
}

static bool descend(struct policy_search *s, uint32_t t, uint32_t left);

/* Change <tag>, and look whether that leads to an end. */
static bool try_tag(struct policy_search *s, uint32_t t, uint32_t tag, uint32_t left)
{
	flip(s->tags, tag);
	flip(s->fixed, tag); /* stays: the branches after this one leave it alone */
	s->flip[s->nb_flips++] = tag;
	if (descend(s, t, left - 1))
		return true;
	s->nb_flips--;
	flip(s->tags, tag);
	return false;
}

/* Tags to add before tags to take away: that is what an operator can most often do. */
static bool branch(struct policy_search *s, uint32_t t, const uint64_t *set, uint32_t left)
{
	const bool order[] = {false, true};

	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < POLICY_TAG_WORDS; i++) {
			for (uint64_t m = set[i]; m != 0; m &= m - 1) {
				const uint32_t tag = i * 64 + (uint32_t)__builtin_ctzll(m);

				if (has(s->fixed, tag) || has(s->tags, tag) != order[pass])
					continue;
				if (try_tag(s, t, tag, left))
					return true;
			}
		}
	}
	return false;
}

static bool descend(struct policy_search *s, uint32_t t, uint32_t left)
{
	uint64_t set[POLICY_TAG_WORDS] = {0}, fixed[POLICY_TAG_WORDS];
	bool wanted;
	const struct snap_node *n = obstacle(s, t, &wanted);

	if (s->budget == 0)
		return false;
	if (n == NULL) {
		s->target = t;
		return true;
	}
	if (left == 0) {
		s->is_cut = true;
		return false;
	}
	if (critical(s, n, wanted, set) == 0)
		return false;
	memcpy(fixed, s->fixed, sizeof(fixed));
	if (branch(s, t, set, left))
		return true;
	memcpy(s->fixed, fixed, sizeof(fixed));
	return false;
}

/* Can candidate <t> decide at all, with any tags? */
static bool is_eligible(const struct policy_search *s, uint32_t t)
{
	return s->cand[t].is_accept && !s->cand[t].is_dead;
}

bool policy_search(struct policy_search *s, uint32_t max)
{
	for (uint32_t left = 0; left <= max && s->budget > 0; left++) {
		bool is_open = false;

		for (uint32_t t = 0; t < s->nb && s->budget > 0; t++) {
			/* Whoever comes here is denied: what follows decides nothing. */
			if (s->has_order && !s->cand[t].is_accept && s->cand[t].expr == SNAP_NONE)
				break;
			if (!is_eligible(s, t))
				continue;
			s->is_cut = false;
			s->nb_flips = 0;
			memset(s->fixed, 0, sizeof(s->fixed));
			if (descend(s, t, left))
				return true;
			s->cand[t].is_dead = !s->is_cut;
			is_open |= s->is_cut;
		}
		if (!is_open)
			break;
	}
	return false;
}

/* One tag after the other, the first of each critical set; <s->tags> as they were on failure. */
static bool dive(struct policy_search *s, uint32_t t, uint32_t max)
{
	uint64_t before[POLICY_TAG_WORDS];

	memcpy(before, s->tags, sizeof(before));
	memset(s->fixed, 0, sizeof(s->fixed));
	s->nb_flips = 0;
	for (;;) {
		uint64_t set[POLICY_TAG_WORDS] = {0};
		uint32_t i = 0;
		bool wanted;
		const struct snap_node *n = obstacle(s, t, &wanted);

		if (n == NULL && s->budget > 0)
			return true;
		if (n == NULL || s->nb_flips == max || critical(s, n, wanted, set) == 0)
			break;
		while (set[i] == 0)
			i++;
		s->flip[s->nb_flips] = i * 64 + (uint32_t)__builtin_ctzll(set[i]);
		flip(s->tags, s->flip[s->nb_flips]);
		flip(s->fixed, s->flip[s->nb_flips++]);
	}
	memcpy(s->tags, before, sizeof(before));
	return false;
}

bool policy_search_greedy(struct policy_search *s, uint32_t max)
{
	for (uint32_t t = 0; t < s->nb && s->budget > 0; t++) {
		if (s->has_order && !s->cand[t].is_accept && s->cand[t].expr == SNAP_NONE)
			break;
		if (!s->cand[t].is_accept || !dive(s, t, max))
			continue;
		s->target = t;
		return true;
	}
	return false;
}
