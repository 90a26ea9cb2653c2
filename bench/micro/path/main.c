/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a request costs the proxy, from the packet that brings it to the packets that it leaves
 * behind, in TSC cycles: the worker of the data plane alone, with nothing around it (rig.h).
 *
 *	path [--quick] [--core N] [--only TEXT]    rows of JSON, see row.h
 *	path --case NAME [--requests N]            one case, in this process: for a profiler
 *
 *	valgrind --tool=callgrind --toggle-collect=worker_loop path --core -1 --case keepalive-1k
 */

#include "bench/micro/path/rig.h"
#include "bench/micro/row.h"
#include "common/stats/outcome.h"
#include "tls/tls_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct path_case {
	const char *name;
	uint32_t nb_conns;
	uint32_t response_size;
	uint32_t requests_per_conn;
	bool is_origin_closing, is_resuming;
	uint32_t nb_workers;     /* 0: one */
	uint64_t warm_up, batch; /* requests: before the first sample, in each */
	unsigned samples;
};

static const struct path_case cases[] = {
	{.name = "keepalive-1k",
	 .nb_conns = 64,
	 .response_size = 1024,
	 .warm_up = 4000,
	 .batch = 512,
	 .samples = 101},
	{.name = "keepalive-1k/one-connection",
	 .nb_conns = 1,
	 .response_size = 1024,
	 .warm_up = 500,
	 .batch = 128,
	 .samples = 101},
	{.name = "keepalive-1k/2000-connections",
	 .nb_conns = 2000,
	 .response_size = 1024,
	 .warm_up = 8000,
	 .batch = 2048,
	 .samples = 15},
	{.name = "dial-each-1k",
	 .nb_conns = 64,
	 .response_size = 1024,
	 .is_origin_closing = true,
	 .warm_up = 2000,
	 .batch = 512,
	 .samples = 101},
	{.name = "body-1m",
	 .nb_conns = 16,
	 .response_size = 1u << 20,
	 .warm_up = 32,
	 .batch = 32,
	 .samples = 15},
	{.name = "body-1m/one-connection",
	 .nb_conns = 1,
	 .response_size = 1u << 20,
	 .warm_up = 32,
	 .batch = 32,
	 .samples = 15},
	{.name = "connection/full",
	 .nb_conns = 16,
	 .response_size = 1024,
	 .requests_per_conn = 1,
	 .warm_up = 64,
	 .batch = 64,
	 .samples = 15},
	{.name = "connection/resumed",
	 .nb_conns = 16,
	 .response_size = 1024,
	 .requests_per_conn = 1,
	 .is_resuming = true,
	 .warm_up = 64,
	 .batch = 64,
	 .samples = 15},
	{.name = "keepalive-1k/two-workers",
	 .nb_workers = 2,
	 .nb_conns = 128,
	 .response_size = 1024,
	 .warm_up = 8000,
	 .batch = 1024,
	 .samples = 101},
	{.name = "dial-each-1k/two-workers",
	 .nb_workers = 2,
	 .nb_conns = 128,
	 .response_size = 1024,
	 .is_origin_closing = true,
	 .warm_up = 4000,
	 .batch = 1024,
	 .samples = 101},
	{.name = "connection/full/two-workers",
	 .nb_workers = 2,
	 .nb_conns = 32,
	 .response_size = 1024,
	 .requests_per_conn = 1,
	 .warm_up = 128,
	 .batch = 128,
	 .samples = 15},
	{.name = "connection/resumed/two-workers",
	 .nb_workers = 2,
	 .nb_conns = 32,
	 .response_size = 1024,
	 .requests_per_conn = 1,
	 .is_resuming = true,
	 .warm_up = 128,
	 .batch = 128,
	 .samples = 15},
};
#define NB_CASES (sizeof(cases) / sizeof(cases[0]))

static struct rig *start(const struct path_case *c)
{
	const struct rig_params rp = {
		.nb_devices = 1000,
		.nb_policies = 10,
		.nb_workers = c->nb_workers == 0 ? 1 : c->nb_workers,
		.max_connections = 8 * c->nb_conns + 4096,
		.round_us = 50,
	};
	const struct peer_params pp = {
		.nb_conns = c->nb_conns,
		.response_size = c->response_size,
		.requests_per_conn = c->requests_per_conn,
		.is_origin_closing = c->is_origin_closing,
		.is_resuming = c->is_resuming,
	};
	struct rig *r = rig_new(&rp);

	rig_start(r, &pp);
	(void)rig_run(r, c->warm_up);
	return r;
}

/* The child's exit status: 0, or 1 when there were errors. */
static int measure(const struct row_options *opt, const struct path_case *c)
{
	struct rig *r = start(c);
	const unsigned n = row_rounds(opt, c->samples);
	const uint64_t first = rig_stats(r)->requests, loops = rig_busy_loops(r);
	struct row row;

	if (c->response_size > 65536)
		row_begin(&row, "cycles/byte", "path/%s", c->name);
	else
		row_begin(&row, "cycles/request", "path/%s", c->name);
	for (unsigned i = 0; i < n; i++) {
		const uint64_t before = rig_stats(r)->requests;
		const double cycles = (double)rig_run(r, c->batch);
		const double requests = (double)(rig_stats(r)->requests - before);

		row_sample(&row, c->response_size > 65536 ? cycles / requests / c->response_size
							  : cycles / requests);
	}
	row.nb_errors = rig_stats(r)->errors;
	row_note(&row, "%u connections, %.1f requests a loop", c->nb_conns,
		 (double)(rig_stats(r)->requests - first) / (double)(rig_busy_loops(r) - loops));

	const bool is_ok = row_end(&row);

	rig_free(r);
	return is_ok ? 0 : 1;
}

/* EAL starts once in a process, so each case has its own. */
static int measure_apart(const struct row_options *opt, const struct path_case *c)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		status = measure(opt, c);
		fflush(stdout);
		exit(status);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : 1;
}

static const struct path_case *find_case(const char *name)
{
	for (unsigned i = 0; i < NB_CASES; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

/* For a profiler: what happened, per request, on standard error. */
static int profile(const char *name, uint64_t requests)
{
	const struct path_case *c = find_case(name);

	if (c == NULL) {
		fprintf(stderr, "path: no case %s\n", name);
		return 2;
	}

	struct rig *r = start(c);
	const uint64_t before = rig_stats(r)->requests, loops = rig_busy_loops(r);
	uint64_t counter[OUTCOME__COUNT];

	for (unsigned i = 0; i < OUTCOME__COUNT; i++)
		counter[i] = rig_counter(r, i);
	const double cycles = (double)rig_run(r, requests);
	const double n = (double)(rig_stats(r)->requests - before);
	const uint64_t errors = rig_stats(r)->errors;

	fprintf(stderr, "path: %s: %.0f requests, %.0f cycles each, %.1f a loop, errors %lu\n",
		name, n, cycles / n, n / (double)(rig_busy_loops(r) - loops),
		(unsigned long)errors);
	for (unsigned i = 0; i < OUTCOME__COUNT; i++)
		if (rig_counter(r, i) > counter[i])
			fprintf(stderr, "path: %s %.3f\n", outcome_name(i),
				(double)(rig_counter(r, i) - counter[i]) / n);
	rig_free(r);
	return errors > 0 ? 1 : 0;
}

/* Take "--NAME VALUE" out of <argv>. NULL: it is not there. */
static const char *take_option(int *argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < *argc; i++) {
		if (strcmp(argv[i], name) != 0)
			continue;

		const char *value = argv[i + 1];

		memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof(argv[0]));
		*argc -= 2;
		return value;
	}
	return NULL;
}

static uint64_t number(const char *s)
{
	uint64_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	return n;
}

int main(int argc, char **argv)
{
	const char *name = take_option(&argc, argv, "--case");
	const char *requests = take_option(&argc, argv, "--requests");
	struct row_options opt;
	const long nb_cores = sysconf(_SC_NPROCESSORS_ONLN);
	const char *why;
	int status = 0;

	tls_process_init(&why); /* as the data plane: before anything else of libcrypto's */
	row_options_parse(&opt, argc, argv);
	if (name != NULL)
		return profile(name, requests == NULL ? 2000 : number(requests));
	for (unsigned i = 0; i < NB_CASES; i++)
		if (row_is_wanted(&opt, cases[i].name) && nb_cores >= cases[i].nb_workers)
			status |= measure_apart(&opt, &cases[i]);
	return status;
}
