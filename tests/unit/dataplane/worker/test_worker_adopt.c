/* SPDX-License-Identifier: BSD-3-Clause */

/* A worker that follows what a publisher writes over as soon as RCU allows. */

#include "common/shm/rcu.h"
#include "tests/lib/snap_fixture.h"

/* Between the worker's look at the root and its report: the worst moment to publish at. */
static void before_report(void);
#define rcu_worker_report(rdv, worker, token)                                                      \
	(before_report(), (rcu_worker_report)(rdv, worker, token))
#include "dataplane/worker/worker_adopt.c"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NB_DEVICES 2000u

struct bench {
	struct snap_fixture f;
	struct snap_build_ops inner;
	struct shm shm;
	struct feedback_worker *feedback;
	struct worker *w;
	uint64_t token;
	uint64_t nb_adopted;
	bool is_late; /* publish once, before the next report */
	_Atomic(bool) is_over;
};

static struct bench bench;

/* What the worker would do with a version; here it only counts. */
void worker_configure(struct worker *, const struct snap_view *, uint64_t)
{
}

int session_worker_adopt(struct session_worker *, const struct snap_view *, uint64_t)
{
	bench.nb_adopted++;
	return 0;
}

static int grow(void *, uint64_t len)
{
	return bench.inner.grow(bench.inner.user, len);
}

static uint64_t publish(void *, uint64_t root_off, uint64_t generation)
{
	struct rdv *rdv = bench.shm.rdv;

	bench.f.root_off = root_off;
	atomic_store_explicit(&rdv->root_off, root_off, memory_order_release);
	atomic_store_explicit(&rdv->generation, generation, memory_order_release);
	bench.token = rcu_start(rdv);
	return bench.token;
}

static bool is_done(void *, uint64_t token)
{
	return rcu_is_done(bench.shm.rdv, token);
}

static int setup(void **)
{
	const struct snap_build_ops ops = {grow, publish, is_done, NULL};
	const uint64_t seed[2] = {3, 4};

	fixture_init(&bench.f);
	bench.inner = fixture_ops(&bench.f);
	snap_build_free(bench.f.build);
	bench.f.build = snap_build_new(bench.f.base, FIXTURE_CAP, NB_DEVICES, seed, 1, &ops);
	bench.shm = (struct shm){.dirfd = -1, .snapshot_fd = -1, .snapshot = bench.f.base};
	bench.shm.snapshot_cap = FIXTURE_CAP;
	bench.shm.rdv = aligned_alloc(64, sizeof(struct rdv));
	bench.w = aligned_alloc(64, sizeof(struct worker));
	bench.feedback = aligned_alloc(64, sizeof(struct feedback_worker));
	if (bench.f.build == NULL || bench.shm.rdv == NULL || bench.w == NULL ||
	    bench.feedback == NULL)
		return -1;
	memset(bench.shm.rdv, 0, sizeof(struct rdv));
	memset(bench.w, 0, sizeof(struct worker));
	memset(bench.feedback, 0, sizeof(struct feedback_worker));
	bench.w->shm = &bench.shm;
	bench.w->counters = (uint64_t *)bench.feedback->counter;
	bench.w->feedback = bench.feedback;
	/* The mapping is anonymous and whole: nothing to ask a file for. */
	bench.w->snapshot_len = FIXTURE_CAP;
	bench.nb_adopted = 0;
	bench.is_late = false;
	atomic_store(&bench.is_over, false);
	if (rcu_init(bench.shm.rdv) < 0)
		return -1;
	return rcu_worker_register(bench.shm.rdv, 0);
}

static int teardown(void **)
{
	free(bench.shm.rdv);
	free(bench.w);
	free(bench.feedback);
	fixture_fini(&bench.f);
	return 0;
}

/* Devices 1 and 2 of one version carry the same stamp; so do all, after a while. */
static void put(uint64_t n, uint64_t stamp)
{
	struct snap_device d = fixture_device_of(&bench.f, n, "FortiAD");

	d.sysinfo_ms = stamp;
	fixture_put(&bench.f, &d);
}

static void publish_now(void)
{
	if (snap_build_publish(bench.f.build, 1) < 0)
		abort();
}

static void before_report(void)
{
	if (!bench.is_late)
		return;
	bench.is_late = false;
	put(1, 101);
	publish_now();
}

static uint64_t stamp_of(uint64_t n)
{
	const struct device_uid uid = fixture_uid(n);
	const struct snap_device *d = snap_device_find(&bench.w->view, &uid);

	assert_non_null(d);
	return d->sysinfo_ms;
}

static void loop(void)
{
	worker_adopt(bench.w, 1);
	worker_quiesce(bench.w, 1);
}

static void a_worker_follows_and_tells_so(void **)
{
	struct rdv_worker *me = &bench.shm.rdv->worker[0];

	loop();
	assert_null(bench.w->view.root);
	fixture_policies(&bench.f, NULL, 0);
	put(1, 100);
	publish_now();
	loop();
	assert_int_equal(stamp_of(1), 100);
	assert_int_equal(atomic_load(&me->generation), 1);
	assert_true(rcu_is_done(bench.shm.rdv, bench.token));
	put(1, 101);
	publish_now();
	assert_false(rcu_is_done(bench.shm.rdv, bench.token));
	loop();
	loop();
	assert_int_equal(stamp_of(1), 101);
	assert_int_equal(atomic_load(&me->generation), 2);
	assert_int_equal(bench.nb_adopted, 2);
	assert_int_equal(bench.w->counters[OUTCOME_SNAPSHOT_ADOPTED], 2);
}

static void a_version_that_does_not_pass_is_refused_and_the_last_good_one_kept(void **)
{
	struct rdv *rdv = bench.shm.rdv;

	fixture_policies(&bench.f, NULL, 0);
	put(1, 100);
	publish_now();
	loop();
	atomic_store(&rdv->root_off, 12345);
	atomic_store(&rdv->generation, 2);

	const uint64_t token = rcu_start(rdv);

	for (int i = 0; i < 5; i++)
		loop();
	assert_int_equal(bench.w->counters[OUTCOME_SNAPSHOT_REFUSED], 1);
	assert_int_equal(atomic_load(&rdv->worker[0].refused_generation), 2);
	assert_int_equal(atomic_load(&rdv->worker[0].generation), 1);
	/* Its pages are in use: nobody may be told otherwise. */
	assert_false(rcu_is_done(rdv, token));
	assert_int_equal(stamp_of(1), 100);

	put(1, 103);
	publish_now();
	loop();
	assert_int_equal(stamp_of(1), 103);
	assert_true(rcu_is_done(rdv, token));
}

static void a_version_published_in_the_midst_of_a_report_does_not_free_the_one_in_use(void **)
{
	fixture_policies(&bench.f, NULL, 0);
	put(1, 100);
	publish_now();
	loop();
	bench.is_late = true;
	loop();
	/* It reported, but not for the grace period that began just before. */
	assert_false(bench.is_late);
	assert_false(rcu_is_done(bench.shm.rdv, bench.token));
	assert_int_equal(stamp_of(1), 100);
	loop();
	assert_int_equal(stamp_of(1), 101);
	assert_true(rcu_is_done(bench.shm.rdv, bench.token));
}

static void *publisher(void *)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint64_t i = 1;; i++) {
		put(1, i);
		put(2, i);
		put(3 + i % (NB_DEVICES - 2), i);
		publish_now();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 >
		    500)
			break;
	}
	atomic_store(&bench.is_over, true);
	return NULL;
}

static void what_it_decides_with_is_never_written_over(void **)
{
	pthread_t thread;
	uint64_t nb_loops = 0, last = 0;

	fixture_policies(&bench.f, NULL, 0);
	for (uint64_t i = 1; i <= NB_DEVICES; i++)
		put(i, 0);
	publish_now();
	assert_int_equal(pthread_create(&thread, NULL, publisher, NULL), 0);
	while (!atomic_load(&bench.is_over)) {
		worker_adopt(bench.w, 1);
		for (int i = 0; i < 20; i++) {
			const uint64_t a = stamp_of(1), b = stamp_of(2);

			assert_int_equal(a, b);
			assert_true(a >= last);
			last = a;
		}
		worker_quiesce(bench.w, 1);
		nb_loops++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(bench.w->counters[OUTCOME_SNAPSHOT_REFUSED], 0);
	assert_true(bench.nb_adopted > 10);
	assert_true(nb_loops > bench.nb_adopted / 2);

	struct snap_build_stats stats;

	snap_build_stats(bench.f.build, &stats);
	print_message("%llu versions, %llu adopted, %llu loops, %llu pages used\n",
		      (unsigned long long)stats.generation, (unsigned long long)bench.nb_adopted,
		      (unsigned long long)nb_loops, (unsigned long long)stats.pages_used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_worker_follows_and_tells_so, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_version_that_does_not_pass_is_refused_and_the_last_good_one_kept, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_version_published_in_the_midst_of_a_report_does_not_free_the_one_in_use,
			setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_decides_with_is_never_written_over, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
