/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the programs of bench/micro have in common: their options, the clock, and result rows. A
 * row is one case, measured several times; it is printed as one line of JSON on standard output, in
 * the form that all suites share (JSON Lines):
 *
 *	{"suite": "micro", "case": "decision/...", "subject": "tagwarden",
 *	 "metric": "cycles/op", "unit": "cycles", "better": "less", "samples": [...],
 *	 "median": ..., "min": ..., "max": ..., "spread": (max - min) / median,
 *	 "noisy": spread > 0.10, "errors": 0, "note": ""}
 *
 *	struct row_options opt;
 *	struct row r;
 *
 *	row_options_parse(&opt, argc, argv);
 *	row_begin(&r, "cycles/op", "decision/%u-policies/warm", nb);
 *	for (unsigned i = 0; i < row_rounds(&opt, 15); i++) {
 *		const uint64_t t = row_clock_begin();
 *		...
 *		row_sample(&r, (double)(row_clock_end() - t) / nb_ops);
 *	}
 *	row_end(&r);
 *
 * One thread. Without DPDK.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

#define ROW_MAX_SAMPLES 256u
#define ROW_NAME 192u

struct row_options {
	bool is_quick; /* --quick: a few seconds for the whole program, not a few times ten */
	int core; /* --core N: the thread is pinned to it; -1 (as given with --core -1): is not */
	const char *only; /* --only TEXT: cases whose name has it; NULL: all */
};

/*
 * Read the options above, and only those, off the command line, and pin this thread (to core 1
 * where the machine has one and nothing else was said). Anything else ends the program with its
 * usage and status 2.
 */
void row_options_parse(struct row_options *opt, int argc, char **argv);
bool row_is_wanted(const struct row_options *opt, const char *name);
/* How often to measure: <full>, or a third of that but at least 3 with --quick. */
unsigned row_rounds(const struct row_options *opt, unsigned full);
/* Pin the calling thread; false: there is no such core. -1 does nothing. */
bool row_pin(int core);

struct row {
	char name[ROW_NAME];
	char metric[ROW_NAME], unit[ROW_NAME];
	const char *suite, *subject; /* "micro", "tagwarden" unless set otherwise */
	const char *better;          /* "less" unless set otherwise */
	double sample[ROW_MAX_SAMPLES];
	unsigned nb;
	uint64_t nb_errors;
	char note[ROW_NAME];
	/* set by row_end() */
	double median, min, max, spread;
};

/* <metric> is "cycles/op": its unit is what stands before the slash, all of it without one. */
__attribute__((format(printf, 3, 4))) void row_begin(struct row *r, const char *metric,
						     const char *name, ...);
/* Beyond ROW_MAX_SAMPLES they are left out. */
void row_sample(struct row *r, double value);
__attribute__((format(printf, 2, 3))) void row_note(struct row *r, const char *note, ...);
/*
 * Print it, also with errors; a row without samples is printed with one error more and no figures.
 * A line for people goes to standard error. False: there were errors.
 */
bool row_end(struct row *r);

/* TSC: what is before it is done, what is after it has not begun. */
static inline uint64_t row_clock_begin(void)
{
	_mm_lfence();
	const uint64_t t = __rdtsc();
	_mm_lfence();
	return t;
}

static inline uint64_t row_clock_end(void)
{
	unsigned aux;
	const uint64_t t = __rdtscp(&aux);

	_mm_lfence();
	return t;
}

/* Keep the compiler from leaving out what makes <value>. */
#define row_keep(value) __asm__ __volatile__("" : : "r,m"(value) : "memory")

/* TSC ticks a second, measured against the system's clock: takes 20 ms the first time. */
double row_tsc_hz(void);

/* Quick, and good enough to choose what is touched; the same numbers in each run. */
struct row_rng {
	uint64_t s;
};

static inline uint64_t row_random(struct row_rng *r)
{
	r->s += 0x9e3779b97f4a7c15u;
	uint64_t z = r->s;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Of [0, below), <below> not 0. */
static inline uint32_t row_random_below(struct row_rng *r, uint32_t below)
{
	return (uint32_t)(((row_random(r) >> 32) * below) >> 32);
}
