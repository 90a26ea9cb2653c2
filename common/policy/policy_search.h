/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The fewest tags to add and remove so that one of several accept policies comes true while no
 * deny policy before it does. Internal to policy_advice.c.
 */

#pragma once

#include "common/policy/policy_case.h"

/* A policy that is for the access proxy and the source, in order. */
struct policy_candidate {
	uint32_t policy;
	uint32_t expr; /* SNAP_NONE: true of everyone */
	bool is_accept;
	bool is_dead; /* the search's own: no change of tags makes it decide */
};

struct policy_search {
	const struct snap_config *config;
	struct policy_candidate *cand;
	uint32_t nb;
	bool has_order; /* deny policies before the one that accepts count; false: as if moved up */
	uint64_t budget; /* nodes of expressions that may still be looked at */
	uint64_t tags[POLICY_TAG_WORDS];
	uint64_t fixed[POLICY_TAG_WORDS]; /* tags that were changed, or shall not be */
	uint32_t flip[64];
	uint32_t nb_flips;
	uint32_t target; /* place in <cand> of what the search found */
	bool is_cut;     /* this pass met its limit of changes: a larger one may find more */
};

/*
 * Set <s->config>, <cand>, <nb>, <has_order>, <budget> and <tags>, the rest zero. Stores in <flip>
 * the smallest set of at most <max> tags, and in <target> who accepts. False: there is none, or
 * <budget> came down to 0.
 */
bool policy_search(struct policy_search *s, uint32_t max);

/*
 * After the budget of policy_search() ran out: some set that does it, for the first policy that
 * it is found for, without the claim that it is the smallest. <budget> and <tags> are set anew.
 */
bool policy_search_greedy(struct policy_search *s, uint32_t max);
