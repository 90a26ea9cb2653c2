/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How long a change takes to be everywhere: <k> devices of <n> get other tags, the version is
 * published, and a reader on another core, which looks for a new version all the time as a busy
 * worker does, has checked it and decides by it. From the first device put to that moment, in
 * microseconds. Notifications, and what a worker's loop does in between, are not in it.
 *
 * The fleet is under 10,000 policies. "new-tags" is one device whose tag set nobody had before: all
 * expressions are evaluated for it.
 */

#include "bench/micro/decision_world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NB_POLICIES 10000u

struct reader {
	struct world *w;
	int core;
	_Atomic(uint64_t) seen; /* generation that it reads; the publisher waits for it */
	_Atomic(bool) must_end;
	_Atomic(uint64_t) nb_refused;
};

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void *read_versions(void *user)
{
	struct reader *r = user;
	struct snap_fixture *f = &r->w->f;
	struct snap_view v = r->w->v, next;
	uint64_t last = (uint64_t)((const uint8_t *)v.root - v.base);

	(void)row_pin(r->core);
	while (!r->must_end) {
		/* pairs with the publish: the version is complete before it is named */
		const uint64_t off = atomic_load_explicit(&f->root_off, memory_order_acquire);

		if (off == last) {
			_mm_pause();
			continue;
		}
		last = off;
		if (snap_check(f->base, f->file_len, off, &v, &next, NULL) < 0) {
			r->nb_refused++;
			continue;
		}
		v = next;
		f->done_token = v.root->generation;
		r->seen = v.root->generation;
	}
	r->w->v = v;
	return NULL;
}

static double publish_one(struct world *w, struct reader *r, uint32_t nb_changes, bool is_new,
			  struct row_rng *rng, uint64_t *errors)
{
	const double begin = now_us();

	for (uint32_t i = 0; i < nb_changes; i++) {
		const uint32_t n = row_random_below(rng, w->nb_devices);

		if (is_new)
			world_change_to(w, n, world_new_posture(w, rng));
		else
			world_change(w, n, rng);
	}
	if (snap_build_publish(w->f.build, 1) < 0)
		(*errors)++;
	const uint64_t generation = snap_build_generation(w->f.build);

	while (r->seen < generation && r->nb_refused == 0 && now_us() - begin < 5e6)
		_mm_pause();
	*errors += r->seen < generation;
	return now_us() - begin;
}

static bool measure(const struct row_options *opt, struct world *w, struct reader *r,
		    uint32_t nb_changes, bool is_new)
{
	struct row_rng rng = {.s = nb_changes};
	struct row row;

	row_begin(&row, "us", "publish/%u%s-of-%u-devices", nb_changes, is_new ? "-new-tags" : "",
		  w->nb_devices);
	if (!row_is_wanted(opt, row.name))
		return true;
	for (unsigned i = 0; i < 4; i++)
		(void)publish_one(w, r, nb_changes, is_new, &rng, &row.nb_errors);
	for (unsigned i = 0; i < row_rounds(opt, 45); i++)
		row_sample(&row, publish_one(w, r, nb_changes, is_new, &rng, &row.nb_errors));
	row_note(&row, "reader on another core, %u policies", NB_POLICIES);
	return row_end(&row);
}

static bool run_world(const struct row_options *opt, uint32_t nb_devices)
{
	static struct world w;
	struct reader r = {.w = &w, .core = opt->core == 0 ? 1 : 0};
	pthread_t thread;
	bool is_ok = true;

	fprintf(stderr, "publish: %u devices\n", nb_devices);
	world_make(&w, NB_POLICIES, nb_devices, false);
	w.f.done_token = 0;
	if (pthread_create(&thread, NULL, read_versions, &r) != 0)
		return false;
	for (uint32_t k = 1; k <= 10000 && k <= nb_devices; k *= 100)
		is_ok &= measure(opt, &w, &r, k, false);
	is_ok &= measure(opt, &w, &r, 1, true);
	r.must_end = true;
	(void)pthread_join(thread, NULL);
	world_free(&w);
	return is_ok;
}

int main(int argc, char **argv)
{
	static const uint32_t nb[] = {1000000, 1000, 10000, 100000};
	struct row_options opt;
	bool is_ok = true;

	row_options_parse(&opt, argc, argv);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fputs("publish: needs two cores, one for the reader\n", stderr);
		return 2;
	}
	for (unsigned i = 0; i < sizeof(nb) / sizeof(nb[0]) && !(opt.is_quick && i > 1); i++)
		is_ok &= run_world(&opt, nb[i]);
	return is_ok ? 0 : 1;
}
