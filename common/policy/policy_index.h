/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Finding policies by the snapshot's index (common/snap/snap_index.c). Internal to policy.c.
 * Inline, since all of it is a few dozen instructions of bench/micro/decision.
 *
 * Whoever wrote the index may have got it wrong: a bit beyond the last policy makes an index that
 * callers have to compare with the number of policies.
 */

#pragma once

#include "common/policy/policy.h"

#define POLICY_NOWHERE UINT32_MAX

/* The policies that are for a request: those in all of these sets. */
struct policy_sets {
	const uint64_t *proxy, *interface, *source; /* a set that says nothing equals <proxy> */
	uint32_t summary_words, words;
	bool is_narrow;          /* <proxy> alone */
	bool must_check_sources; /* a policy found may still not be for the source */
};

static inline struct policy_sets policy_sets_of(const struct snap_view *v,
						const struct policy_facts *f)
{
	const struct snap_index *x = v->index;
	const uint32_t interfaces = SNAP_SET__FIXED + x->nb_proxies, nb = x->nb_interfaces;
	const uint32_t idx = f->interface < nb ? f->interface : nb;
	struct policy_sets s = {
		.summary_words = snap_set_summary_words(x->nb_policies),
		.words = snap_set_words(x->nb_policies),
		.is_narrow = (x->flags & (SNAP_INDEX_INTERFACES | SNAP_INDEX_SOURCES)) == 0,
		.must_check_sources = (x->flags & SNAP_INDEX_CHECK_SOURCES) != 0,
	};

	s.proxy = snap_index_set(v, SNAP_SET__FIXED + f->proxy);
	s.interface = s.proxy;
	s.source = s.proxy;
	/* The set after those of all interfaces is for one that is not there. */
	if ((x->flags & SNAP_INDEX_INTERFACES) != 0)
		s.interface = snap_index_set(v, interfaces + idx);
	if ((x->flags & SNAP_INDEX_SOURCES) != 0)
		s.source = snap_index_set(v, interfaces + nb + 1 + snap_index_class(x, &f->source));
	return s;
}

static inline uint64_t policy_sets_word(const struct policy_sets *s, const uint64_t *last,
					uint32_t i)
{
	const uint64_t w = last[i] & s->proxy[i];

	return s->is_narrow ? w : w & s->interface[i] & s->source[i];
}

/* The first policy from <from> on that is in all of <s> and in <last>; POLICY_NOWHERE: none. */
static inline uint32_t policy_sets_next(const struct policy_sets *s, const uint64_t *last,
					uint32_t from)
{
	/* In the first word, policies before <from> do not count; nor do words before the first. */
	uint64_t mask = ~0ull << (from % 64);
	const uint32_t first = from / 64;
	uint64_t words = ~0ull << (first % 64);

	for (uint32_t b = first / 64; b < s->summary_words; b++, words = ~0ull) {
		for (uint64_t m = words & policy_sets_word(s, last, b); m != 0; m &= m - 1) {
			const uint32_t i = b * 64 + (uint32_t)__builtin_ctzll(m);

			if (i >= s->words)
				return POLICY_NOWHERE;
			uint64_t w = policy_sets_word(s, last, s->summary_words + i);
			if (i == first)
				w &= mask;
			if (w != 0)
				return i * 64 + (uint32_t)__builtin_ctzll(w);
		}
	}
	return POLICY_NOWHERE;
}
