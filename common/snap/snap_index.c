/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The index of the policies: for each access proxy, interface and source the set of policies that
 * are for it, so that the policies that are for a request are the intersection of three sets.
 *
 * Sources: the addresses at which some policy's prefix begins or ends cut the address space into
 * intervals. All addresses of an interval are in the same policies' sources; intervals of the same
 * set share one class.
 */

#include "common/snap/snap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More is not worth the memory, and the time of each publish of a configuration. */
#define MAX_CLASS_BYTES (32u << 20)
#define MAX_STEPS (64u << 20) /* bits set for sources */
#define MAX_INDEX_BYTES (128u << 20)

typedef unsigned __int128 addr_t;

struct make {
	const struct snap_config *cfg;
	const struct snap_policy *policy;
	uint32_t nb;        /* policies */
	uint32_t set_words; /* both parts */
	uint32_t summary_words;
	addr_t *bound; /* sorted, the first is 0 */
	uint32_t nb_bounds;
	uint64_t *sets; /* of intervals, then of classes */
	uint32_t *cls;  /* by interval */
	uint32_t nb_classes;
	uint64_t steps; /* left */
	struct snap_index *index;
};

void snap_set_summarize(uint64_t *set, uint32_t nb_policies)
{
	const uint32_t words = snap_set_words(nb_policies);
	const uint32_t summary = snap_set_summary_words(nb_policies);

	memset(set, 0, summary * sizeof(*set));
	for (uint32_t i = 0; i < words; i++)
		if (set[summary + i] != 0)
			set[i / 64] |= 1ull << (i % 64);
}

static const void *at(const struct make *m, struct snap_arr a)
{
	return (const uint8_t *)m->cfg + a.off;
}

static void add(const struct make *m, uint64_t *set, uint32_t policy)
{
	set[m->summary_words + policy / 64] |= 1ull << (policy % 64);
}

static addr_t addr_of(const struct ip_addr *a)
{
	addr_t x = 0;

	for (unsigned i = 0; i < sizeof(a->b); i++)
		x = x << 8 | a->b[i];
	return x;
}

/* First address, and how many follow it; the bits beyond <len> do not count. */
static addr_t prefix_range(const struct snap_prefix *p, addr_t *ret_more)
{
	const addr_t more = p->len == 0 ? ~(addr_t)0 : p->len >= 128 ? 0 : ~(addr_t)0 >> p->len;

	*ret_more = more;
	return addr_of(&p->addr) & ~more;
}

/* ---- sources ---- */

static const addr_t v4_first = (addr_t)0xffff << 32;
static const addr_t v4_more = 0xffffffffu;

static int by_addr(const void *a, const void *b)
{
	const addr_t x = *(const addr_t *)a, y = *(const addr_t *)b;

	return (x > y) - (x < y);
}

/* <first>, and what comes behind its <more> addresses unless that is the end of all. */
static void add_bounds(struct make *m, addr_t first, addr_t more)
{
	m->bound[m->nb_bounds++] = first;
	if (first + more != ~(addr_t)0)
		m->bound[m->nb_bounds++] = first + more + 1;
}

static int collect_bounds(struct make *m)
{
	uint64_t nb = 0;

	for (uint32_t i = 0; i < m->nb; i++)
		nb += m->policy[i].sources.count;
	/* Arrays may overlap in a checked configuration, so that this could be any number. */
	if (nb > MAX_STEPS)
		return -E2BIG;
	m->bound = calloc(2 * nb + 3, sizeof(*m->bound));
	if (m->bound == NULL)
		return -ENOMEM;
	m->bound[m->nb_bounds++] = 0;
	add_bounds(m, v4_first, v4_more);
	for (uint32_t i = 0; i < m->nb; i++) {
		const struct snap_prefix *p = at(m, m->policy[i].sources);

		for (uint32_t k = 0; k < m->policy[i].sources.count; k++) {
			addr_t more;
			const addr_t first = prefix_range(&p[k], &more);

			add_bounds(m, first, more);
		}
	}
	qsort(m->bound, m->nb_bounds, sizeof(*m->bound), by_addr);
	uint32_t n = 0;
	for (uint32_t i = 0; i < m->nb_bounds; i++)
		if (n == 0 || m->bound[n - 1] != m->bound[i])
			m->bound[n++] = m->bound[i];
	m->nb_bounds = n;
	return 0;
}

/* The interval that <a> is in. */
static uint32_t interval_of(const struct make *m, addr_t a)
{
	uint32_t lo = 0, hi = m->nb_bounds;

	while (hi - lo > 1) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (m->bound[mid] <= a)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* <policy> is for the intervals of <p>; a prefix holds addresses of its own family only. */
static void add_prefix(struct make *m, uint32_t policy, const struct snap_prefix *p)
{
	addr_t more;
	const addr_t first = prefix_range(p, &more);
	const bool is_v4 = snap_prefix_is_v4(p);

	for (uint32_t i = interval_of(m, first); i < m->nb_bounds && m->bound[i] <= first + more;
	     i++) {
		if (m->steps == 0)
			return;
		m->steps--;
		if ((m->bound[i] - v4_first <= v4_more) == is_v4)
			add(m, m->sets + (size_t)i * m->set_words, policy);
	}
}

static void fill_intervals(struct make *m)
{
	/* What is for all sources is in each of them. */
	for (uint32_t i = 0; i < m->nb; i++)
		if (m->policy[i].sources.count == 0)
			add(m, m->sets, i);
	for (uint32_t n = 1; n < m->nb_bounds; n++)
		memcpy(m->sets + (size_t)n * m->set_words, m->sets,
		       m->set_words * sizeof(*m->sets));
	for (uint32_t i = 0; i < m->nb; i++) {
		const struct snap_prefix *p = at(m, m->policy[i].sources);

		for (uint32_t k = 0; k < m->policy[i].sources.count; k++)
			add_prefix(m, i, &p[k]);
	}
}

/* Equal sets get one class; the sets of the classes move to the front. */
static int merge_intervals(struct make *m)
{
	static const uint64_t key[2] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u};
	const size_t bytes = m->set_words * sizeof(*m->sets);
	uint32_t cap = 4;

	while (cap < 2 * m->nb_bounds)
		cap *= 2;
	uint32_t *slot = calloc(cap, sizeof(*slot));
	if (slot == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->nb_bounds; i++) {
		const uint64_t *set = m->sets + (size_t)i * m->set_words;
		uint32_t s = (uint32_t)snap_siphash(key, set, bytes) & (cap - 1);

		while (slot[s] != 0 &&
		       memcmp(m->sets + (size_t)(slot[s] - 1) * m->set_words, set, bytes) != 0)
			s = (s + 1) & (cap - 1);
		if (slot[s] == 0) {
			memmove(m->sets + (size_t)m->nb_classes * m->set_words, set, bytes);
			slot[s] = ++m->nb_classes;
		}
		m->cls[i] = slot[s] - 1;
	}
	free(slot);
	return 0;
}

/* Classes of sources into <m>; -E2BIG when they are too many. */
static int make_classes(struct make *m)
{
	int rc = collect_bounds(m);

	if (rc < 0)
		return rc;
	if ((uint64_t)m->nb_bounds * m->set_words * sizeof(*m->sets) > MAX_CLASS_BYTES)
		return -E2BIG;
	m->sets = calloc(m->nb_bounds, m->set_words * sizeof(*m->sets));
	m->cls = calloc(m->nb_bounds, sizeof(*m->cls));
	if (m->sets == NULL || m->cls == NULL)
		return -ENOMEM;
	m->steps = MAX_STEPS;
	fill_intervals(m);
	return m->steps == 0 ? -E2BIG : merge_intervals(m);
}

/* ---- the rest ---- */

static uint64_t *set_at(const struct make *m, uint32_t n)
{
	return (uint64_t *)(m->index + 1) + (size_t)n * m->set_words;
}

static void fill_fixed(struct make *m, uint32_t i)
{
	const struct snap_policy *p = &m->policy[i];
	const bool asks = p->expr != SNAP_NONE;

	if (!asks || p->action == SNAP_DENY)
		add(m, set_at(m, SNAP_SET_UNKNOWN), i);
	if (!asks || p->action == SNAP_DENY || p->stale != SNAP_STALE_DENY)
		add(m, set_at(m, SNAP_SET_STALE), i);
	if (!asks)
		return;
	if (p->action == SNAP_ACCEPT)
		add(m, set_at(m, SNAP_SET_ASKING), i);
	if (p->action == SNAP_ACCEPT && p->stale == SNAP_STALE_DENY)
		add(m, set_at(m, SNAP_SET_STRICT), i);
	if (p->stale == SNAP_STALE_DENY)
		add(m, set_at(m, SNAP_SET_DATED), i);
	if (p->stale == SNAP_STALE_ALLOW_FOR) {
		add(m, set_at(m, SNAP_SET_GRACED), i);
		if (p->stale_s < m->index->least_grace_s)
			m->index->least_grace_s = p->stale_s;
	}
}

/* The sets of the <count> things from set <first> on: policy <i> is for those in <list>, or all. */
static void fill_list(struct make *m, uint32_t i, struct snap_arr list, uint32_t first,
		      uint32_t count)
{
	const uint32_t *idx = at(m, list);

	for (uint32_t k = 0; k < list.count; k++)
		add(m, set_at(m, first + idx[k]), i);
	for (uint32_t k = 0; list.count == 0 && k < count; k++)
		add(m, set_at(m, first + k), i);
}

static void fill(struct make *m, uint32_t nb_sets)
{
	struct snap_index *x = m->index;
	const uint32_t interfaces = SNAP_SET__FIXED + x->nb_proxies;

	for (uint32_t i = 0; i < m->nb; i++) {
		fill_fixed(m, i);
		fill_list(m, i, m->policy[i].proxies, SNAP_SET__FIXED, x->nb_proxies);
		fill_list(m, i, m->policy[i].interfaces, interfaces, x->nb_interfaces + 1);
	}
	if (m->nb_classes > 0)
		memcpy(set_at(m, nb_sets - m->nb_classes), m->sets,
		       (size_t)m->nb_classes * m->set_words * sizeof(*m->sets));
	for (uint32_t n = 0; n < nb_sets; n++)
		snap_set_summarize(set_at(m, n), m->nb);
	struct snap_bound *b = (struct snap_bound *)((uint8_t *)x + x->bounds_off);
	for (uint32_t i = 0; i < m->nb_bounds; i++) {
		/* Neighbours of one class are one interval after all. */
		if (i > 0 && m->cls[i] == m->cls[i - 1])
			continue;
		b[x->nb_bounds++] = (struct snap_bound){
			.hi = (uint64_t)(m->bound[i] >> 64),
			.lo = (uint64_t)m->bound[i],
			.cls = m->cls[i],
		};
	}
}

static uint32_t flags_of(const struct make *m, bool has_classes)
{
	uint32_t flags = 0;

	for (uint32_t i = 0; i < m->nb; i++) {
		if (m->policy[i].interfaces.count > 0)
			flags |= SNAP_INDEX_INTERFACES;
		if (m->policy[i].sources.count > 0)
			flags |= has_classes ? SNAP_INDEX_SOURCES : SNAP_INDEX_CHECK_SOURCES;
	}
	return flags;
}

static int make_index(struct make *m, size_t *ret_len)
{
	const uint32_t nb_sets = SNAP_SET__FIXED + m->cfg->proxies.count +
				 m->cfg->interfaces.count + 1 + m->nb_classes;
	const uint64_t bounds_off =
		sizeof(struct snap_index) + (uint64_t)nb_sets * m->set_words * sizeof(uint64_t);
	const uint64_t len = bounds_off + (uint64_t)m->nb_bounds * sizeof(struct snap_bound);

	if (len > MAX_INDEX_BYTES)
		return -E2BIG;
	m->index = calloc(1, len);
	if (m->index == NULL)
		return -ENOMEM;
	*m->index = (struct snap_index){
		.magic = SNAP_INDEX_MAGIC,
		.abi = SNAP_ABI,
		.nb_policies = m->nb,
		.nb_proxies = m->cfg->proxies.count,
		.nb_interfaces = m->cfg->interfaces.count,
		.nb_classes = m->nb_classes,
		.flags = flags_of(m, m->nb_classes > 0),
		.least_grace_s = UINT32_MAX,
		.bounds_off = (uint32_t)bounds_off,
	};
	fill(m, nb_sets);
	*ret_len = bounds_off + m->index->nb_bounds * sizeof(struct snap_bound);
	return 0;
}

int snap_index_make(const struct snap_config *config, struct snap_index **ret, size_t *ret_len)
{
	struct make m = {
		.cfg = config,
		.nb = config->policies.count,
		.set_words = snap_set_bytes(config->policies.count) / sizeof(uint64_t),
		.summary_words = snap_set_summary_words(config->policies.count),
	};

	m.policy = at(&m, config->policies);
	int rc = make_classes(&m);
	if (rc == -E2BIG) {
		m.nb_classes = 0;
		m.nb_bounds = 0;
		rc = 0;
	}
	if (rc == 0)
		rc = make_index(&m, ret_len);
	if (rc == -E2BIG)
		rc = 0;
	if (rc == 0)
		*ret = m.index;
	free(m.bound);
	free(m.sets);
	free(m.cls);
	return rc;
}

/* ---- reading ---- */

static uint64_t word_be(const uint8_t *b)
{
	uint64_t x;

	memcpy(&x, b, sizeof(x));
	return __builtin_bswap64(x);
}

uint32_t snap_index_class(const struct snap_index *index, const struct ip_addr *source)
{
	const struct snap_bound *b =
		(const struct snap_bound *)((const uint8_t *)index + index->bounds_off);
	const uint64_t hi = word_be(source->b), lo = word_be(source->b + 8);
	uint32_t n = index->nb_bounds;

	/* Without a branch that depends on the address: it could not be foreseen. */
	while (n > 1) {
		const uint32_t half = n / 2;
		const bool is_after = (b[half].hi < hi) | ((b[half].hi == hi) & (b[half].lo <= lo));

		b += is_after ? half : 0;
		n -= half;
	}
	return b->cls;
}

static int refuse(const char *why, const char **ret_why)
{
	if (ret_why != NULL)
		*ret_why = why;
	return -EBADMSG;
}

int snap_index_check(const struct snap_index *index, size_t len, const struct snap_config *config,
		     const char **ret_why)
{
	if (len < sizeof(*index) || index->magic != SNAP_INDEX_MAGIC || index->abi != SNAP_ABI)
		return refuse("index: length, magic or ABI", ret_why);
	if (index->nb_policies != config->policies.count ||
	    index->nb_proxies != config->proxies.count ||
	    index->nb_interfaces != config->interfaces.count)
		return refuse("index: of another configuration", ret_why);
	const uint64_t nb_sets = (uint64_t)SNAP_SET__FIXED + index->nb_proxies +
				 index->nb_interfaces + 1 + index->nb_classes;
	/* Counts have 32 bits, a set 2^14 bytes at most: this cannot overflow. */
	if (index->bounds_off != sizeof(*index) + nb_sets * snap_set_bytes(index->nb_policies))
		return refuse("index: sets", ret_why);
	if (index->bounds_off + (uint64_t)index->nb_bounds * sizeof(struct snap_bound) != len)
		return refuse("index: bounds", ret_why);
	if ((index->flags & SNAP_INDEX_SOURCES) != 0 && index->nb_bounds == 0)
		return refuse("index: no bounds", ret_why);
	const struct snap_bound *b =
		(const struct snap_bound *)((const uint8_t *)index + index->bounds_off);
	for (uint32_t i = 0; i < index->nb_bounds; i++)
		if (b[i].cls >= index->nb_classes)
			return refuse("index: class", ret_why);
	return 0;
}
