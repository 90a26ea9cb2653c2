/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a segment costs when most connections are idle: stacks of 1,000 to a million established
 * connections, of which at most 10,000 exchange requests and responses. All stacks live at the same
 * time and take turns, so that the machine's other load falls on all of them.
 *
 *	tcp_scale [--quick] [--core N] [--min N] [--max N] [--rounds N] [--exchanges N]
 *		  [--no-timestamps]
 *
 * Rows on standard output, two for each size: cycles a segment, and the bytes that the stack has
 * allocated; a table of them on standard error. Cycles are of the TSC, in the engine and in the
 * owner's reading and writing; neither making the peers' packets nor freeing ours is counted.
 */

#include "bench/micro/row.h"
#include "tests/lib/eal_test.h"
#include "tests/lib/tcp_crowd.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <getopt.h>
#include <string.h>

#define MAX_SIZES 4u
#define MAX_ROUNDS 256u
#define MAX_ACTIVE 10000u
#define MAX_BURSTS 10000u
#define REQUEST 200u
#define RESPONSE 1000u

struct one {
	struct crowd *w;
	uint32_t nb, nb_active;
	uint32_t *active; /* in random order */
	double cycles[MAX_ROUNDS];
	double open_s;
};

static uint64_t rng = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng % below);
}

/* One of each equal part of all, and these shuffled: no prefetcher can guess. */
static void choose_active(struct one *o)
{
	const uint32_t part = o->nb / o->nb_active;

	for (uint32_t i = 0; i < o->nb_active; i++)
		o->active[i] = i * part + rnd(part);
	for (uint32_t i = o->nb_active; i > 1; i--) {
		const uint32_t k = rnd(i), t = o->active[i - 1];

		o->active[i - 1] = o->active[k];
		o->active[k] = t;
	}
}

static bool prepare(struct one *o, struct rte_mempool *pool, uint32_t nb, bool has_ts)
{
	const uint64_t t = rte_rdtsc();

	o->nb = nb;
	o->nb_active = nb < MAX_ACTIVE ? nb : MAX_ACTIVE;
	o->active = calloc(o->nb_active, sizeof(*o->active));
	o->w = crowd_new(pool, nb, has_ts);
	if (o->active == NULL || o->w == NULL || !crowd_open(o->w, 0, nb))
		return false;
	choose_active(o);
	o->open_s = (double)(rte_rdtsc() - t) / (double)rte_get_tsc_hz();
	return tcp_stack_nb_conns(o->w->st) == nb;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median burst: one that another process interrupts costs a thousand times as much. */
static bool measure(struct one *o, uint32_t nb_exchanges, double *ret)
{
	static double cost[MAX_BURSTS];
	uint32_t n = 0;

	for (uint32_t at = 0; n < MAX_BURSTS && n < nb_exchanges / CROWD_BURST; n++) {
		o->w->engine_cycles = 0;
		o->w->nb_segs = 0;
		if (!crowd_exchange(o->w, o->active + at, CROWD_BURST, REQUEST, RESPONSE))
			return false;
		cost[n] = (double)o->w->engine_cycles / (double)o->w->nb_segs;
		at = at + 2 * CROWD_BURST > o->nb_active ? 0 : at + CROWD_BURST;
	}
	if (n == 0)
		return false;
	qsort(cost, n, sizeof(cost[0]), by_value);
	*ret = cost[n / 2];
	return true;
}

static void report(struct one *all, unsigned n, unsigned rounds)
{
	double base = 0;

	fprintf(stderr, "%11s %7s %10s %10s %10s %8s %11s %7s\n", "connections", "active",
		"cycles/seg", "least", "most", "to 1st", "bytes/conn", "open s");
	for (unsigned i = 0; i < n; i++) {
		struct one *o = &all[i];
		double sorted[MAX_ROUNDS];

		memcpy(sorted, o->cycles, sizeof(sorted));
		qsort(sorted, rounds, sizeof(sorted[0]), by_value);
		const double median = sorted[rounds / 2];

		if (i == 0)
			base = median;
		fprintf(stderr, "%11u %7u %10.0f %10.0f %10.0f %8.2f %11.1f %7.2f\n", o->nb,
			o->nb_active, median, sorted[0], sorted[rounds - 1], median / base,
			(double)tcp_stack_bytes(o->w->st) / o->nb, o->open_s);
	}
}

static bool put_rows(const struct one *o, unsigned rounds)
{
	struct row r;

	row_begin(&r, "cycles/segment", "tcp/segment/%u-connections", o->nb);
	for (unsigned i = 0; i < rounds; i++)
		row_sample(&r, o->cycles[i]);
	row_note(&r, "in and out, %u connections active, %u places for bytes under way",
		 o->nb_active, tcp_stack_nb_flights(o->w->st));
	const bool is_ok = row_end(&r);

	row_begin(&r, "bytes/connection", "tcp/memory/%u-connections", o->nb);
	row_sample(&r, (double)tcp_stack_bytes(o->w->st) / o->nb);
	return row_end(&r) && is_ok;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"min", required_argument, NULL, 'n'},
		{"max", required_argument, NULL, 'm'},
		{"rounds", required_argument, NULL, 'r'},
		{"exchanges", required_argument, NULL, 'e'},
		{"no-timestamps", no_argument, NULL, 't'},
		{"quick", no_argument, NULL, 'q'},
		{"core", required_argument, NULL, 'c'},
		{0},
	};
	static struct one all[MAX_SIZES];
	uint64_t min = 1000, max = 1000000, rounds = 21, exchanges = 20000, core = UINT64_MAX;
	bool has_ts = true;
	unsigned n = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		const uint64_t v = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		if (opt == 'n')
			min = v;
		else if (opt == 'm')
			max = v;
		else if (opt == 'r')
			rounds = v < MAX_ROUNDS ? v : MAX_ROUNDS;
		else if (opt == 'e')
			exchanges = v;
		else if (opt == 't')
			has_ts = false;
		else if (opt == 'c')
			core = v;
		else if (opt == 'q')
			max = 100000, rounds = 7, exchanges = 6000;
		else
			return 2;
	}
	eal_test_init_mem("64");
	if (core != UINT64_MAX && !row_pin((int)core))
		return 2;
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"crowd", 4095, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (pool == NULL || rounds == 0)
		return 1;
	for (uint32_t nb = (uint32_t)min; nb <= max && n < MAX_SIZES; nb *= 10) {
		if (!prepare(&all[n++], pool, nb, has_ts)) {
			fprintf(stderr, "cannot open %u connections\n", nb);
			return 1;
		}
	}
	for (unsigned r = 0; r <= rounds; r++) {
		for (unsigned i = 0; i < n; i++) {
			double cycles;

			if (!measure(&all[i], (uint32_t)exchanges, &cycles)) {
				fputs("an exchange failed\n", stderr);
				return 1;
			}
			/* The first round warms up. */
			if (r > 0)
				all[i].cycles[r - 1] = cycles;
		}
	}
	report(all, n, (unsigned)rounds);
	bool is_ok = true;
	for (unsigned i = 0; i < n; i++) {
		is_ok &= put_rows(&all[i], (unsigned)rounds);
		crowd_free(all[i].w);
		free(all[i].active);
	}
	return is_ok ? 0 : 1;
}
