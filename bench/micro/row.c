/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/micro/row.h"

#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOISY 0.10

bool row_pin(int core)
{
	cpu_set_t set;

	if (core < 0)
		return true;
	if (core >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [--quick] [--core N] [--only TEXT]\n"
		"  --quick      fewer and shorter measurements\n"
		"  --core N     pin to core N (default 1, where there is one); -1: do not\n"
		"  --only TEXT  the cases whose names have TEXT in them\n",
		name);
	exit(2);
}

void row_options_parse(struct row_options *opt, int argc, char **argv)
{
	static const struct option longs[] = {
		{"quick", no_argument, NULL, 'q'},
		{"core", required_argument, NULL, 'c'},
		{"only", required_argument, NULL, 'o'},
		{0},
	};
	int o;

	*opt = (struct row_options){.core = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0};
	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (o == 'q')
			opt->is_quick = true;
		else if (o == 'c')
			opt->core = (int)strtol(optarg, NULL, 10);
		else if (o == 'o')
			opt->only = optarg;
		else
			usage(argv[0]);
	}
	if (optind != argc)
		usage(argv[0]);
	if (!row_pin(opt->core)) {
		fprintf(stderr, "%s: cannot run on core %d\n", argv[0], opt->core);
		exit(2);
	}
}

bool row_is_wanted(const struct row_options *opt, const char *name)
{
	return opt->only == NULL || strstr(name, opt->only) != NULL;
}

unsigned row_rounds(const struct row_options *opt, unsigned full)
{
	if (!opt->is_quick)
		return full;
	return full / 3 < 3 ? 3 : full / 3;
}

void row_begin(struct row *r, const char *metric, const char *name, ...)
{
	va_list ap;

	*r = (struct row){.suite = "micro", .subject = "tagwarden", .better = "less"};
	va_start(ap, name);
	(void)vsnprintf(r->name, sizeof(r->name), name, ap);
	va_end(ap);
	(void)snprintf(r->metric, sizeof(r->metric), "%s", metric);
	(void)snprintf(r->unit, sizeof(r->unit), "%.*s", (int)strcspn(metric, "/"), metric);
}

void row_sample(struct row *r, double value)
{
	if (r->nb < ROW_MAX_SAMPLES)
		r->sample[r->nb++] = value;
}

void row_note(struct row *r, const char *note, ...)
{
	va_list ap;

	va_start(ap, note);
	(void)vsnprintf(r->note, sizeof(r->note), note, ap);
	va_end(ap);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void count_up(struct row *r)
{
	double sorted[ROW_MAX_SAMPLES];

	if (r->nb == 0)
		return;
	memcpy(sorted, r->sample, r->nb * sizeof(sorted[0]));
	qsort(sorted, r->nb, sizeof(sorted[0]), by_value);
	r->median = (sorted[(r->nb - 1) / 2] + sorted[r->nb / 2]) / 2;
	r->min = sorted[0];
	r->max = sorted[r->nb - 1];
	r->spread = r->median > 0 ? (r->max - r->min) / r->median : 0;
}

static void put_string(const char *key, const char *s)
{
	/* <key> stands behind another member but for the first. */
	printf("%s\"%s\": \"", strcmp(key, "suite") == 0 ? "" : ", ", key);
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ')
			continue;
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	printf("\"");
}

bool row_end(struct row *r)
{
	count_up(r);
	if (r->nb == 0)
		r->nb_errors++;
	printf("{");
	put_string("suite", r->suite);
	put_string("case", r->name);
	put_string("subject", r->subject);
	put_string("metric", r->metric);
	put_string("unit", r->unit);
	put_string("better", r->better);
	printf(", \"samples\": [");
	for (unsigned i = 0; i < r->nb; i++)
		printf("%s%.6g", i > 0 ? ", " : "", r->sample[i]);
	printf("]");
	if (r->nb > 0)
		printf(", \"median\": %.6g, \"min\": %.6g, \"max\": %.6g, "
		       "\"spread\": %.4f, \"noisy\": %s",
		       r->median, r->min, r->max, r->spread, r->spread > NOISY ? "true" : "false");
	printf(", \"errors\": %llu", (unsigned long long)r->nb_errors);
	put_string("note", r->note);
	printf("}\n");
	(void)fflush(stdout);
	if (r->nb == 0)
		fprintf(stderr, "%-56s no result\n", r->name);
	else
		fprintf(stderr, "%-56s %12.6g %-14s %10.6g to %-10.6g%s%s\n", r->name, r->median,
			r->metric, r->min, r->max, r->spread > NOISY ? " noisy" : "",
			r->nb_errors > 0 ? " ERRORS" : "");
	return r->nb_errors == 0;
}

double row_tsc_hz(void)
{
	static double hz;
	struct timespec a, b;
	const struct timespec nap = {.tv_nsec = 20000000};

	if (hz > 0)
		return hz;
	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	const uint64_t t = row_clock_begin();
	(void)nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	const uint64_t ticks = row_clock_end() - t;

	hz = (double)ticks /
	     ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	return hz;
}
