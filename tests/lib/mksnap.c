/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Plays the control plane for tests of the data plane alone: makes the shared-memory directory,
 * publishes one configuration with the interfaces and routes of its command line, and then keeps
 * the heartbeat going until it is killed. On SIGHUP it publishes the same configuration again, as
 * a new version.
 *
 *	mksnap --shm DIR [--group GID] [--workers 0,1] [--memory MIB] [--idle poll]
 *	       [--hugepages on|off|auto] [--offloads auto|none] [--mtu BYTES]
 *	       --if NAME ADDR/LEN VLAN DEVICE ... [--route ADDR/LEN VIA] ...
 */

#include "common/shm/rcu.h"
#include "common/shm/shm.h"
#include "common/snap/snap_arena.h"
#include "common/snap/snap_build.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_IFS 16
#define MAX_ROUTES 64

struct args {
	const char *dir;
	gid_t gid; /* of the directory and its files; -1: our own */
	enum snap_hugepages hugepages;
	enum snap_offloads offloads;
	uint16_t mtu; /* of all interfaces */
	uint16_t workers[SNAP_MAX_WORKERS];
	uint32_t nb_workers;
	uint32_t memory_mib;
	uint32_t max_connections;
	bool is_poll;
	struct {
		const char *name, *prefix, *vlan, *device;
	} iface[MAX_IFS];
	uint32_t nb_ifs;
	struct {
		const char *prefix, *via;
	} route[MAX_ROUTES];
	uint32_t nb_routes;
};

static _Atomic(bool) is_hup, is_term;

static void on_signal(int sig)
{
	atomic_store(sig == SIGHUP ? &is_hup : &is_term, true);
}

static void die(const char *what)
{
	fprintf(stderr, "mksnap: %s\n", what);
	exit(1);
}

static uint32_t number(const char **s)
{
	uint32_t n = 0;

	if (**s < '0' || **s > '9')
		die("a number was expected");
	for (; **s >= '0' && **s <= '9'; (*s)++)
		n = n * 10 + (uint32_t)(**s - '0');
	return n;
}

static uint32_t number_of(const char *s)
{
	const uint32_t n = number(&s);

	if (*s != '\0')
		die("something behind a number");
	return n;
}

static void parse_workers(struct args *a, const char *s)
{
	a->nb_workers = 0;
	do {
		if (a->nb_workers > 0)
			s++;
		a->workers[a->nb_workers++] = (uint16_t)number(&s);
	} while (*s == ',');
}

static struct snap_prefix parse_prefix(const char *s)
{
	const char *slash = strchr(s, '/');
	struct snap_prefix p = {.len = 128};

	if (ip_addr_parse(s, slash == NULL ? strlen(s) : (size_t)(slash - s), &p.addr) < 0)
		die("bad address");
	if (slash != NULL)
		p.len = (uint8_t)(number_of(slash + 1) + (ip_addr_is_v4(&p.addr) ? 96 : 0));
	return p;
}

static enum snap_hugepages parse_huge(const char *s)
{
	if (strcmp(s, "on") == 0)
		return SNAP_HUGE_ON;
	return strcmp(s, "auto") == 0 ? SNAP_HUGE_AUTO : SNAP_HUGE_OFF;
}

static struct args parse(int argc, char **argv)
{
	struct args a = {
		.nb_workers = 1,
		.memory_mib = 128,
		.max_connections = 1000,
		.gid = (gid_t)-1,
		.hugepages = SNAP_HUGE_OFF,
		.mtu = 1500,
	};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--shm") == 0 && i + 1 < argc) {
			a.dir = argv[++i];
		} else if (strcmp(argv[i], "--group") == 0 && i + 1 < argc) {
			a.gid = number_of(argv[++i]);
		} else if (strcmp(argv[i], "--hugepages") == 0 && i + 1 < argc) {
			a.hugepages = parse_huge(argv[++i]);
		} else if (strcmp(argv[i], "--offloads") == 0 && i + 1 < argc) {
			a.offloads = strcmp(argv[++i], "none") == 0 ? SNAP_OFFLOADS_NONE
								    : SNAP_OFFLOADS_AUTO;
		} else if (strcmp(argv[i], "--mtu") == 0 && i + 1 < argc) {
			a.mtu = (uint16_t)number_of(argv[++i]);
		} else if (strcmp(argv[i], "--workers") == 0 && i + 1 < argc) {
			parse_workers(&a, argv[++i]);
		} else if (strcmp(argv[i], "--memory") == 0 && i + 1 < argc) {
			a.memory_mib = number_of(argv[++i]);
		} else if (strcmp(argv[i], "--idle") == 0 && i + 1 < argc) {
			a.is_poll = strcmp(argv[++i], "poll") == 0;
		} else if (strcmp(argv[i], "--if") == 0 && i + 4 < argc && a.nb_ifs < MAX_IFS) {
			a.iface[a.nb_ifs].name = argv[++i];
			a.iface[a.nb_ifs].prefix = argv[++i];
			a.iface[a.nb_ifs].vlan = argv[++i];
			a.iface[a.nb_ifs++].device = argv[++i];
		} else if (strcmp(argv[i], "--route") == 0 && i + 2 < argc &&
			   a.nb_routes < MAX_ROUTES) {
			a.route[a.nb_routes].prefix = argv[++i];
			a.route[a.nb_routes++].via = argv[++i];
		} else {
			die(argv[i]);
		}
	}
	if (a.dir == NULL)
		die("--shm is missing");
	return a;
}

static void fill(struct snap_arena *ar, const struct args *a)
{
	struct snap_interface ifs[MAX_IFS] = {0};
	struct snap_route routes[MAX_ROUTES] = {0};

	for (uint32_t i = 0; i < a->nb_ifs; i++) {
		const struct snap_prefix p = parse_prefix(a->iface[i].prefix);

		ifs[i].name = snap_arena_cstr(ar, a->iface[i].name);
		ifs[i].device = snap_arena_cstr(ar, a->iface[i].device);
		ifs[i].addresses = snap_arena_arr(ar, &p, 1, sizeof(p));
		ifs[i].vlan = (uint16_t)number_of(a->iface[i].vlan);
		ifs[i].mtu = a->mtu;
	}
	for (uint32_t i = 0; i < a->nb_routes; i++) {
		routes[i].prefix = parse_prefix(a->route[i].prefix);
		routes[i].via = parse_prefix(a->route[i].via).addr;
		routes[i].interface = SNAP_NONE;
	}

	const struct snap_arr if_arr = snap_arena_arr(ar, ifs, a->nb_ifs, sizeof(ifs[0]));
	const struct snap_arr route_arr =
		snap_arena_arr(ar, routes, a->nb_routes, sizeof(routes[0]));
	struct snap_config *c = snap_arena_config(ar);

	if (c == NULL)
		die("out of memory");
	memcpy(c->workers, a->workers, sizeof(c->workers));
	c->nb_workers = a->nb_workers;
	c->max_connections = a->max_connections;
	c->memory_mib = a->memory_mib;
	c->idle = a->is_poll ? SNAP_IDLE_POLL : SNAP_IDLE_ADAPTIVE;
	c->hugepages = (uint8_t)a->hugepages;
	c->offloads = (uint8_t)a->offloads;
	c->dataplane_fingerprint = 1;
	c->handshake_ms = c->head_ms = c->upstream_connect_ms = 10000;
	c->idle_ms = c->upstream_ms = 60000;
	c->pull_ms = 1000;
	c->interfaces = if_arr;
	c->routes = route_arr;
}

static int grow(void *user, uint64_t len)
{
	struct shm *shm = user;

	return shm_snapshot_grow(shm, len);
}

static uint64_t publish(void *user, uint64_t root_off, uint64_t generation)
{
	const struct shm *shm = user;

	atomic_store_explicit(&shm->rdv->root_off, root_off, memory_order_release);
	atomic_store_explicit(&shm->rdv->generation, generation, memory_order_release);
	return rcu_start(shm->rdv);
}

static bool is_done(void *user, uint64_t token)
{
	const struct shm *shm = user;

	return rcu_is_done(shm->rdv, token);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	const struct args a = parse(argc, argv);
	const struct sigaction action = {.sa_handler = on_signal};
	const uint64_t seed[2] = {1, 2};
	struct shm shm;
	struct snap_arena ar;
	const void *config;
	size_t len = 0;
	bool is_resumed;

	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (shm_create(&shm, a.dir, (uid_t)-1, a.gid, &is_resumed) < 0)
		die("cannot make the directory");

	const struct snap_build_ops ops = {grow, publish, is_done, &shm};
	struct snap_build *b =
		is_resumed ? snap_build_resume(shm.snapshot, shm.snapshot_cap,
					       atomic_load(&shm.rdv->root_off), 64, &ops)
			   : snap_build_new(shm.snapshot, shm.snapshot_cap, 64, seed,
					    shm.rdv->instance, &ops);

	snap_arena_init(&ar);
	fill(&ar, &a);
	if (b == NULL || snap_arena_finish(&ar, &config, &len) < 0)
		die("out of memory");
	if (snap_build_config(b, config, len) < 0)
		die("the configuration does not pass the check");
	if (snap_build_publish(b, now_ms() * 1000) < 0)
		die("cannot publish");
	while (!atomic_load(&is_term)) {
		const struct timespec ts = {.tv_nsec = 50000000};

		atomic_store(&shm.rdv->cp_heartbeat_ms, now_ms());
		nanosleep(&ts, NULL);
		if (!atomic_exchange(&is_hup, false))
			continue;
		if (snap_build_config(b, config, len) < 0 ||
		    snap_build_publish(b, now_ms() * 1000) < 0)
			die("cannot publish again");
	}
	snap_build_free(b);
	snap_arena_fini(&ar);
	shm_close(&shm);
	return 0;
}
