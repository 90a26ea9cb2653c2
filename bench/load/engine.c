/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/engine.h"

#include "bench/load/client.h"
#include "bench/load/kernel_port.h"
#include "eal/eal_start.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_CUTS (1u << 20)

struct engine {
	struct load_run *run;
	struct load_worker *worker[LOAD_MAX_WORKERS];
	struct load_shared shared;
	struct io io;
	/* As EAL has them: a port to the kernel is net_null there. */
	const char *device[2];
	struct eal_args args;
	bool has_hugepages;
};

static const char *eal_device(const char *device, uint32_t i)
{
	static const char *const null[] = {"net_null0,no-rx=1", "net_null1,no-rx=1"};

	return kernel_port_of(device) == NULL ? device : null[i];
}

static int start_eal(struct engine *e, const char **ret_why)
{
	const struct load_options *o = e->run->opt;
	struct eal_params p = {
		.workers = o->workers,
		.nb_workers = o->nb_workers,
		.memory_mib = o->memory_mib,
		.device = {slice_str(e->device[0]), slice_str(e->device[1])},
		.nb_devices = o->lan == NULL ? 1 : 2,
	};
	int rc;

	e->has_hugepages = !o->no_huge && eal_free_hugepages_mib() >= o->memory_mib;
	p.use_hugepages = e->has_hugepages;
	eal_cpus(p.cpus);
	for (uint32_t i = 0; i < p.nb_devices; i++)
		eal_clear_socket(p.device[i]);
	rc = eal_args_build(&p, &e->args, ret_why);
	return rc < 0 ? rc : eal_start(&e->args, ret_why);
}

static int open_ports(struct engine *e, const char **ret_why, uint32_t *ret_port)
{
	const struct load_options *o = e->run->opt;
	const struct slice device[] = {slice_str(e->device[0]), slice_str(e->device[1])};
	const char *names[] = {kernel_port_of(o->wan), kernel_port_of(o->lan)};
	const struct io_params p = {
		.device = device,
		.mtu = {o->mtu, o->mtu},
		.nb_ports = o->lan == NULL ? 1 : 2,
		.nb_workers = o->nb_workers,
		.memory_mib = o->memory_mib,
		.max_connections = o->connections + o->idle / 8 + 1024,
		.has_hugepages = e->has_hugepages,
		.no_offloads = o->no_offloads,
	};
	int rc = io_open(&e->io, &p, ret_why, ret_port);

	for (uint32_t i = 0; rc == 0 && i < p.nb_ports; i++) {
		*ret_port = i;
		if (names[i] != NULL)
			rc = kernel_port_open(&e->io, i, names[i], ret_why);
	}
	return rc;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int make_workers(struct engine *e, char *why, size_t why_cap)
{
	struct load_run *run = e->run;
	const struct load_options *o = run->opt;
	const uint32_t conns = o->connections + o->idle;

	for (uint32_t i = 0; i < o->nb_workers; i++) {
		struct load_worker_counts *counts = calloc(1, sizeof(*counts));

		if (counts == NULL)
			return -ENOMEM;
		run->worker[i] = counts;
		counts->cap_cuts = conns < MAX_CUTS ? conns : MAX_CUTS;
		counts->cut = calloc(counts->cap_cuts + 1, sizeof(*counts->cut));
		if (counts->cut == NULL)
			return -ENOMEM;
		e->worker[i] = load_worker_new(run, &e->shared, &e->io, i, why, why_cap);
		if (e->worker[i] == NULL)
			return -EINVAL;
	}
	return 0;
}

struct engine *engine_new(struct load_run *run, char *why, size_t why_cap)
{
	const char *devices[] = {run->opt->wan, run->opt->lan, "-"};
	struct engine *e = calloc(1, sizeof(*e));
	const char *reason = "";
	uint32_t port = 2;
	int rc;

	(void)snprintf(why, why_cap, "not enough memory");
	if (e == NULL)
		return NULL;
	e->run = run;
	e->device[0] = eal_device(run->opt->wan, 0);
	e->device[1] = eal_device(run->opt->lan, 1);
	rc = start_eal(e, &reason);
	if (rc == 0)
		rc = open_ports(e, &reason, &port);
	if (rc < 0) {
		(void)snprintf(why, why_cap, "cannot start DPDK or its port %s: %s (%s)",
			       devices[port < 2 ? port : 2], reason, strerror(-rc));
		free(e);
		return NULL;
	}
	run->nb_workers = run->opt->nb_workers;
	run->nb_windows = run->opt->nb_rates > 0 ? run->opt->nb_rates : 1;
	run->tsc_hz = rte_get_tsc_hz();
	run->epoch_real_ns = clock_ns(CLOCK_REALTIME);
	run->epoch_mono_ns = clock_ns(CLOCK_MONOTONIC);
	run->epoch_tsc = rte_rdtsc();
	if (make_workers(e, why, why_cap) < 0) {
		engine_free(e);
		return NULL;
	}
	return e;
}

int engine_launch(struct engine *e)
{
	sigset_t io;

	for (uint32_t i = 0; i < e->run->nb_workers; i++) {
		const int rc = rte_eal_remote_launch(load_worker_run, e->worker[i], i + 1);

		if (rc < 0)
			return rc;
	}
	/* Tap ports signal each packet; that is for a worker, not for this thread. */
	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	(void)pthread_sigmask(SIG_BLOCK, &io, NULL);
	return 0;
}

bool engine_is_done(const struct engine *e)
{
	for (uint32_t i = 0; i < e->run->nb_workers; i++)
		if (rte_eal_get_lcore_state(i + 1) == RUNNING)
			return false;
	return true;
}

int engine_wait(struct engine *e)
{
	rte_eal_mp_wait_lcore();
	return atomic_load(&e->shared.failed);
}

const struct load_pool *engine_pool(const struct engine *e)
{
	return client_pool(e->worker[0]->client);
}

void engine_free(struct engine *e)
{
	for (uint32_t i = 0; i < LOAD_MAX_WORKERS; i++) {
		load_worker_free(e->worker[i]);
		if (e->run->worker[i] == NULL)
			continue;
		free(e->run->worker[i]->cut);
		free(e->run->worker[i]);
		e->run->worker[i] = NULL;
	}
	io_close(&e->io);
	(void)rte_eal_cleanup();
	free(e);
}
