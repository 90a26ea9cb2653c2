/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Workers are processes that take the next seeds from a counter in shared memory; each starts its
 * own EAL, since memory that it had before a fork would be shared.
 */

#include "tests/sim/runner.h"

#include "tests/lib/eal_test.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_JOBS 256u
#define MAX_FAILURES 50u
#define BATCH 4u
#define PROGRESS_NS 500000000L

struct board {
	_Atomic uint64_t next; /* of the seeds, not given out yet */
	_Atomic uint64_t nb_done, nb_failed, nb_gave_up, nb_packets, nb_bytes;
	_Atomic uint64_t slowest_us, slowest_seed;
	atomic_bool is_stopped;
	_Atomic uint64_t current[MAX_JOBS]; /* the seed that each worker is at */
};

static struct board *board;
static uint64_t *list;

static void on_signal(int)
{
	atomic_store(&board->is_stopped, true);
}

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one seed ---- */

static void note_slowest(uint64_t seed, uint64_t took_us)
{
	if (took_us > atomic_load(&board->slowest_us)) {
		atomic_store(&board->slowest_us, took_us);
		atomic_store(&board->slowest_seed, seed);
	}
}

static bool run_seed(struct sim *s, const struct runner_options *o, uint64_t seed)
{
	struct scenario sc;

	scenario_from_seed(seed, &sc);
	const struct sim_result r = sim_run(s, &sc, seed, o->is_verbose);
	bool is_good = !r.is_failed;

	if (is_good && o->twice) {
		const struct sim_result again = sim_run(s, &sc, seed, false);

		is_good = again.hash == r.hash && again.nb_packets == r.nb_packets;
		if (!is_good)
			printf("seed %" PRIu64 ": the second run differs from the first\n", seed);
	}
	atomic_fetch_add(&board->nb_done, 1);
	atomic_fetch_add(&board->nb_packets, r.nb_packets);
	atomic_fetch_add(&board->nb_bytes, r.nb_bytes);
	atomic_fetch_add(&board->nb_gave_up, r.nb_gave_up);
	note_slowest(seed, r.took_us);
	if (o->is_verbose)
		printf("  %" PRIu64 " packets, %" PRIu64 " bytes in %.3f s, %" PRIu64
		       " gave up, trace %016" PRIx64 "\n",
		       r.nb_packets, r.nb_bytes, (double)r.took_us / 1e6, r.nb_gave_up, r.hash);
	return is_good;
}

static int run_bulk(struct sim *s, const struct runner_options *o)
{
	struct scenario sc;

	scenario_bulk(o->bulk_mib, o->loss_ppm, &sc);
	struct sim_result r = sim_run(s, &sc, 1, false);

	printf("%" PRIu64 " MiB at %.1f %% loss: %.3f s simulated\n", o->bulk_mib,
	       o->loss_ppm / 1e4, (double)r.took_us / 1e6);
	if (o->limit_s != 0 && r.took_us > o->limit_s * 1000000) {
		puts("too slow");
		return 1;
	}
	return r.is_failed;
}

/* ---- workers ---- */

static void work(const struct runner_options *o, unsigned job, struct sim *s)
{
	while (!atomic_load(&board->is_stopped)) {
		const uint64_t at = atomic_fetch_add(&board->next, BATCH);

		for (uint64_t i = at; i < at + BATCH && i < o->nb_seeds; i++) {
			const uint64_t seed = list != NULL ? list[i] : o->from + i;

			if (atomic_load(&board->is_stopped))
				return;
			atomic_store(&board->current[job], seed);
			if (!run_seed(s, o, seed) &&
			    atomic_fetch_add(&board->nb_failed, 1) + 1 >= MAX_FAILURES)
				atomic_store(&board->is_stopped, true);
		}
		if (at + BATCH >= o->nb_seeds)
			return;
	}
}

static struct sim *start_sim(const struct runner_options *o)
{
	eal_test_init_mem("96");
	struct sim *s = sim_new();

	s->trace.is_loud = o->is_loud;
	if (o->pcap != NULL && (s->trace.pcap = trace_pcap_open(o->pcap)) == NULL) {
		perror(o->pcap);
		exit(2);
	}
	return s;
}

static void show_progress(const struct runner_options *o, double began)
{
	const uint64_t done = atomic_load(&board->nb_done);
	const double took = now_s() - began;
	const double rate = took > 0 ? (double)done / took : 0;
	const double left = rate > 0 ? (double)(o->nb_seeds - done) / rate : 0;

	fprintf(stderr,
		"\r%" PRIu64 "/%" PRIu64 " seeds, %.0f/s, %" PRIu64 " failed, %.0f s left   ", done,
		o->nb_seeds, rate, atomic_load(&board->nb_failed), left);
	fflush(stderr);
}

/* A worker that was killed: its seed is what killed it. */
static void reap(pid_t pid, int status, const pid_t *pids, unsigned nb_jobs)
{
	for (unsigned i = 0; i < nb_jobs; i++) {
		if (pids[i] != pid || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
			continue;
		printf("seed %" PRIu64 ": the worker died, status %#x\n",
		       atomic_load(&board->current[i]), (unsigned)status);
		atomic_fetch_add(&board->nb_failed, 1);
	}
}

static void run_workers(const struct runner_options *o, unsigned nb_jobs, double began)
{
	const bool shows = o->shows_progress || isatty(STDERR_FILENO);
	const struct timespec nap = {.tv_nsec = PROGRESS_NS};
	pid_t pids[MAX_JOBS];
	unsigned nb_left = nb_jobs;

	fflush(stdout);
	for (unsigned i = 0; i < nb_jobs; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			work(o, i, start_sim(o));
			exit(0);
		}
	}
	while (nb_left > 0) {
		int status;
		const pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0) {
			reap(pid, status, pids, nb_jobs);
			nb_left--;
			continue;
		}
		if (pid < 0 && errno == ECHILD)
			break;
		if (shows)
			show_progress(o, began);
		(void)nanosleep(&nap, NULL);
	}
	if (shows)
		fputc('\n', stderr);
}

/* ---- all of them ---- */

static int read_list(struct runner_options *o)
{
	FILE *f = fopen(o->list, "re");
	char line[256];
	uint64_t n = 0;

	if (f == NULL) {
		perror(o->list);
		return -errno;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		char *end;
		const uint64_t v = strtoull(line, &end, 10);

		if (end == line)
			continue; /* a comment */
		uint64_t *bigger = realloc(list, (n + 1) * sizeof(*list));

		if (bigger == NULL)
			break;
		list = bigger;
		list[n++] = v;
	}
	(void)fclose(f);
	o->nb_seeds = n;
	return 0;
}

static void summary(double began)
{
	const uint64_t done = atomic_load(&board->nb_done);
	const double took = now_s() - began;

	printf("%" PRIu64 " seeds, %" PRIu64 " failed%s; %" PRIu64 " packets, %" PRIu64
	       " MB, %" PRIu64 " ends gave up; %.1f s, %.2f ms a seed; the slowest, %" PRIu64
	       ", took %.0f s of its time\n",
	       done, atomic_load(&board->nb_failed),
	       atomic_load(&board->is_stopped) ? " (stopped)" : "", atomic_load(&board->nb_packets),
	       atomic_load(&board->nb_bytes) / 1000000, atomic_load(&board->nb_gave_up), took,
	       done != 0 ? took * 1000 / (double)done : 0, atomic_load(&board->slowest_seed),
	       (double)atomic_load(&board->slowest_us) / 1e6);
}

int runner_run(const struct runner_options *options)
{
	struct runner_options o = *options;
	unsigned nb_jobs = o.nb_jobs != 0 ? o.nb_jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	const double began = now_s();

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (board == MAP_FAILED || (o.list != NULL && read_list(&o) < 0))
		return 2;
	(void)signal(SIGINT, on_signal);
	(void)signal(SIGTERM, on_signal);
	if (o.bulk_mib != 0)
		return run_bulk(start_sim(&o), &o);
	nb_jobs = nb_jobs > MAX_JOBS ? MAX_JOBS : nb_jobs;
	if (o.nb_seeds == 1)
		work(&o, 0, start_sim(&o));
	else
		run_workers(&o, nb_jobs, began);
	summary(began);
	return atomic_load(&board->nb_failed) != 0 || atomic_load(&board->is_stopped);
}
