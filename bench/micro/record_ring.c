/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The record ring: filling a record and publishing it, as a worker does, and taking records out, as
 * the control plane does. One thread does both in turn, so that no cache line travels; "travel" has
 * the reader on another core.
 */

#include "bench/micro/row.h"
#include "common/record/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING 4096u
#define BATCH 1024u

static struct shm cp, dp;
static struct record_ring ring;
static _Atomic(bool) must_end;
static _Atomic(uint64_t) nb_read;

static bool put(uint64_t id)
{
	struct record *r = record_ring_reserve(&ring);

	if (r == NULL)
		return false;
	*r = (struct record){.kind = RECORD_TRAFFIC, .session_id = id, .code = 65, .policy = 3};
	record_ring_commit(&ring);
	return true;
}

static uint32_t drain(struct record *out, uint32_t cap)
{
	uint64_t lost;

	return record_ring_read(&cp, 0, out, cap, &lost);
}

static bool measure_alone(const struct row_options *opt)
{
	static struct record out[BATCH];
	struct row a, b;

	row_begin(&a, "cycles/op", "record-ring/put");
	row_begin(&b, "cycles/op", "record-ring/drain");
	for (unsigned i = 0; i < 2 + row_rounds(opt, 31); i++) {
		double put_least = 1e18, drain_least = 1e18;

		for (unsigned k = 0; k < 20; k++) {
			const uint64_t t0 = row_clock_begin();

			for (uint32_t n = 0; n < BATCH; n++)
				a.nb_errors += !put(n);
			const uint64_t t1 = row_clock_begin();

			b.nb_errors += drain(out, BATCH) != BATCH;
			const uint64_t t2 = row_clock_end();

			put_least = (double)(t1 - t0) < put_least ? (double)(t1 - t0) : put_least;
			drain_least =
				(double)(t2 - t1) < drain_least ? (double)(t2 - t1) : drain_least;
		}
		if (i < 2)
			continue;
		row_sample(&a, put_least / BATCH);
		row_sample(&b, drain_least / BATCH);
	}
	row_note(&a, "256 bytes, in batches of %u", BATCH);
	row_note(&b, "256 bytes, in batches of %u", BATCH);
	const bool is_ok = row_end(&a);

	return row_end(&b) && is_ok;
}

static void *read_all(void *core)
{
	static struct record out[BATCH];

	(void)row_pin(*(const int *)core);
	while (!must_end)
		nb_read += drain(out, BATCH);
	return NULL;
}

/* The writer's cost while the reader takes what it wrote out of its cache. */
static bool measure_travel(const struct row_options *opt)
{
	int other = opt->core == 0 ? 1 : 0;
	pthread_t thread;
	struct row r;
	uint64_t nb = 0;

	row_begin(&r, "cycles/op", "record-ring/put-travel");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return true;
	if (pthread_create(&thread, NULL, read_all, &other) != 0)
		return false;
	for (unsigned i = 0; i < 2 + row_rounds(opt, 31); i++) {
		double least = 1e18;

		for (unsigned k = 0; k < 20; k++) {
			while (nb_read < nb)
				_mm_pause();
			const uint64_t t = row_clock_begin();

			for (uint32_t n = 0; n < BATCH; n++, nb++)
				r.nb_errors += !put(n);
			const double took = (double)(row_clock_end() - t) / BATCH;

			least = took < least ? took : least;
		}
		if (i >= 2)
			row_sample(&r, least);
	}
	must_end = true;
	(void)pthread_join(thread, NULL);
	row_note(&r, "the reader polls on another core");
	return row_end(&r);
}

static bool open_shm(const char *dir)
{
	bool is_resumed;

	if (shm_create(&cp, dir, (uid_t)-1, (gid_t)-1, &is_resumed) < 0 ||
	    shm_attach(&dp, dir, NULL) < 0 ||
	    shm_feedback_create(&dp, 1, RING, 0, (uid_t)-1, (gid_t)-1) < 0 ||
	    shm_feedback_attach(&cp) != 1)
		return false;
	record_ring_init(&ring, &dp, 0);
	return true;
}

static void remove_files(const char *dir)
{
	static const char *const name[] = {"snapshot", "rendezvous", "feedback", "secrets"};
	char path[128];

	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

int main(int argc, char **argv)
{
	char dir[] = "/dev/shm/bench-ring-XXXXXX";
	struct row_options opt;

	row_options_parse(&opt, argc, argv);
	if (mkdtemp(dir) == NULL) {
		perror("record_ring: /dev/shm");
		return 2;
	}
	const bool is_open = open_shm(dir);
	bool is_ok = is_open && measure_alone(&opt);
	is_ok = is_open && measure_travel(&opt) && is_ok;
	if (!is_open)
		fputs("record_ring: cannot make the shared memory\n", stderr);
	shm_close(&dp);
	shm_close(&cp);
	remove_files(dir);
	return is_ok ? 0 : 1;
}
