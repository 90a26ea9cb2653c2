/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a fleet costs in memory: devices as in the field's seed document, applied in pages of a
 * thousand. bench_state [DEVICES]; prints, and fails only beyond a gigabyte for a million.
 */

#include "common/base/macros.h"
#include "state_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double rss_mib(void)
{
	char line[128];
	CLEANUP_FILE FILE *f = fopen("/proc/self/statm", "r");
	unsigned long long pages = 0;

	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		return 0;
	for (const char *at = strchr(line, ' ') + 1; *at >= '0' && *at <= '9'; at++)
		pages = pages * 10 + (unsigned long long)(*at - '0');
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static uint32_t parse(const char *s)
{
	uint32_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint32_t)(*s - '0');
	return v;
}

int main(int argc, char **argv)
{
	const uint32_t nb = argc > 1 ? parse(argv[1]) : 50000;
	const double before_mib = rss_mib(), begin_s = now_s();
	struct state *st = state_new();

	for (uint32_t i = 0; i < nb;) {
		struct state_batch *b = state_batch_new(1);
		for (uint32_t end = i + 1000; i < end && i < nb; i++) {
			sysinfo_add(b, i);
			tags_add(b, i,
				 i % 7 == 0 ? TAGS("FortiAD", "class:Low", "Patched")
					    : TAGS("FortiAD", "all_registered_clients"));
		}
		batch_apply(st, b);
		struct state_change ch[256];
		while (state_changes_take(st, ch, 256) > 0)
			;
	}
	const double s = now_s() - begin_s, mib = rss_mib() - before_mib;
	struct state_counts c;
	state_counts(st, &c);
	printf("devices=%u seconds=%.2f us_per_device=%.2f rss_mib=%.1f bytes_per_device=%.0f "
	       "packed_per_device=%.0f\n",
	       nb, s, s * 1e6 / nb, mib, mib * (1 << 20) / nb, (double)c.packed_bytes / nb);
	state_free(st);
	return mib * (1 << 20) / nb > 1024 ? 1 : 0;
}
