/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * tagwarden-load: clients and origin of a proxy under test, in one process on the DPDK stack.
 *
 * Exit: 0, 1 when the result could not be written, 2 when the set-up is refused, 3 when the run had
 * errors.
 */

#include "bench/load/engine.h"
#include "bench/load/load_worker.h"
#include "bench/load/options.h"
#include "bench/load/preflight.h"
#include "bench/load/report.h"
#include "tls/tls_process.h"

#include <rte_cycles.h>

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EXIT_REFUSED 2
#define TICK_MS 50
#define TICKS_PER_LINE 20u

static struct load_options options;
static struct load_run run = {.opt = &options};

static void on_signal(int)
{
	atomic_store_explicit(&run.must_stop, true, memory_order_relaxed);
}

static int refuse(const char *why)
{
	fprintf(stderr, "tagwarden-load: %s\n", why);
	return EXIT_REFUSED;
}

/* Until the workers have ended; a line a second. */
static void watch(const struct engine *e)
{
	const bool is_terminal = isatty(STDERR_FILENO) != 0;
	const bool is_told = !options.is_quiet && (is_terminal || options.must_show_progress);
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	struct load_progress progress = {0};

	for (uint32_t n = 1; !engine_is_done(e); n++) {
		(void)nanosleep(&tick, NULL);
		if (is_told && n % TICKS_PER_LINE == 0)
			load_report_progress(&progress, &run, rte_rdtsc(), stderr, is_terminal);
	}
	if (is_told)
		load_report_progress_end(&progress, stderr);
}

static int run_engine(struct engine *e)
{
	char why[LOAD_WHY];

	if (engine_launch(e) < 0)
		return refuse("the workers cannot be started");
	/* Whoever wires the links waits for this: a tap must not be moved before. */
	fputs("tagwarden-load: ports are up\n", stderr);
	watch(e);
	if (engine_wait(e) < 0) {
		(void)snprintf(why, sizeof(why),
			       "the target did not answer a connection within %u s: is it there, "
			       "and its end of the link?",
			       LOAD_ANSWER_S);
		return refuse(why);
	}
	return load_report(&run, engine_pool(e), stdout);
}

int main(int argc, char **argv)
{
	char why[LOAD_WHY] = "";
	struct load_machine machine;
	struct engine *e;
	const char *slow;
	int rc = load_options_parse(argc, argv, &options, why);

	if (rc == LOAD_OPTIONS_HELP) {
		load_options_help(stdout);
		return 0;
	}
	if (rc == LOAD_OPTIONS_VERSION) {
		puts("tagwarden-load " TAGWARDEN_VERSION);
		return 0;
	}
	if (rc < 0)
		return refuse(why);
	load_machine_read(&machine);
	if (load_preflight(&options, &machine, why) < 0)
		return refuse(why);
	/* A handshake costs a client as much as a server: whatever makes it cheaper is for both. */
	tls_process_init(&slow);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	e = engine_new(&run, why, sizeof(why));
	if (e == NULL)
		return refuse(why);
	rc = run_engine(e);
	engine_free(e);
	return rc;
}
