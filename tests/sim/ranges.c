/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/ranges.h"

#include <string.h>

/* The first range that ends at or after <at>. */
static uint32_t find(const struct ranges *s, int64_t at)
{
	uint32_t lo = 0, hi = s->nb;

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;

		if (s->r[mid].hi < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void ranges_add(struct ranges *s, int64_t lo, int64_t hi)
{
	if (lo >= hi || s->is_overfull)
		return;
	const uint32_t i = find(s, lo);
	uint32_t k = i;

	while (k < s->nb && s->r[k].lo <= hi) {
		lo = s->r[k].lo < lo ? s->r[k].lo : lo;
		hi = s->r[k].hi > hi ? s->r[k].hi : hi;
		k++;
	}
	if (k == i && s->nb == RANGES_CAP) {
		s->is_overfull = true;
		return;
	}
	if (k != i + 1) {
		memmove(&s->r[i + 1], &s->r[k], (s->nb - k) * sizeof(s->r[0]));
		s->nb = s->nb + 1 - (k - i);
	}
	s->r[i].lo = lo;
	s->r[i].hi = hi;
}

void ranges_forget(struct ranges *s, int64_t below)
{
	const uint32_t i = find(s, below);

	if (i > 0) {
		memmove(&s->r[0], &s->r[i], (s->nb - i) * sizeof(s->r[0]));
		s->nb -= i;
	}
	if (s->nb > 0 && s->r[0].lo < below)
		s->r[0].lo = below;
	if (s->nb > 0 && s->r[0].lo >= s->r[0].hi) {
		memmove(&s->r[0], &s->r[1], (s->nb - 1) * sizeof(s->r[0]));
		s->nb--;
	}
}

bool ranges_has(const struct ranges *s, int64_t lo, int64_t hi)
{
	if (lo >= hi)
		return true;
	const uint32_t i = find(s, lo + 1);

	return i < s->nb && s->r[i].lo <= lo && hi <= s->r[i].hi;
}

int64_t ranges_total(const struct ranges *s)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < s->nb; i++)
		n += s->r[i].hi - s->r[i].lo;
	return n;
}

int64_t ranges_run_end(const struct ranges *s, int64_t from)
{
	const uint32_t i = find(s, from + 1);

	return i < s->nb && s->r[i].lo <= from ? s->r[i].hi : from;
}
