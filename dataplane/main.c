/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * tagwarden-dataplane: attach to shared memory, wait for a snapshot, start EAL and ports by it,
 * give up root, run the workers, supervise them.
 *
 * What is made in which order is the table <steps>; what is made is unmade in reverse.
 */

#include "common/log/log.h"
#include "common/shm/rcu.h"
#include "start.h"

#include <rte_version.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("dataplane");

#define HEARTBEAT_MS 100u
#define CHECK_MS 1000u
#define EXIT_RESTART 75 /* sysexits.h: temporary, start me again */

static void on_signal(int)
{
	atomic_store(&dp.is_signalled, true);
}

static const struct step {
	const char *name;
	int (*init)(void);
	void (*fini)(void);
} steps[] = {
	{"pin", privilege_pin, NULL},
	{"crypto", dataplane_init_crypto, NULL},
	{"user", dataplane_choose_user, NULL},
	{"attach", dataplane_attach, dataplane_detach},
	{"snapshot", dataplane_read_snapshot, NULL},
	{"eal", dataplane_start_eal, dataplane_stop_eal},
	{"ports", dataplane_open_io, dataplane_close_io},
	{"feedback", dataplane_make_feedback, NULL},
	{"workers", dataplane_make_workers, dataplane_free_workers},
	{"privileges", dataplane_drop_privileges, NULL},
	{"launch", dataplane_launch, dataplane_halt},
};
#define NB_STEPS (sizeof(steps) / sizeof(steps[0]))

/* A configuration that the running process cannot follow: say so, once for each. */
static void check_fingerprint(void)
{
	struct rdv *rdv = dp.shm.rdv;
	struct snap_view v;
	uint64_t fingerprint = dp.fingerprint;

	/* As one more reader: no worker has the last id, or there is no time to ask. */
	if (dp.nb_workers == SNAP_MAX_WORKERS || rcu_worker_register(rdv, SNAP_MAX_WORKERS - 1) < 0)
		return;
	if (snap_check(dp.shm.snapshot, shm_snapshot_len(&dp.shm),
		       atomic_load_explicit(&rdv->root_off, memory_order_acquire), NULL, &v,
		       NULL) == 0)
		fingerprint = v.config->dataplane_fingerprint;
	rcu_worker_unregister(rdv, SNAP_MAX_WORKERS - 1);
	if (fingerprint != dp.fingerprint && !dp.is_fingerprint_told)
		LOG(WARN,
		    "the configuration asks for other ports, cores or memory than this process "
		    "started with: restart it for them to take effect");
	dp.is_fingerprint_told = fingerprint != dp.fingerprint;
}

/* Until a signal, or until there is something else to attach to. */
static int supervise(void)
{
	struct rdv *rdv = dp.shm.rdv;
	uint64_t config_generation = 0, checked_ms = 0;

	while (!atomic_load(&dp.is_signalled)) {
		const uint64_t ms = dataplane_now_ms();

		atomic_store_explicit(&rdv->dp_heartbeat_ms, ms, memory_order_relaxed);
		if (ms - checked_ms >= CHECK_MS) {
			const uint64_t generation = atomic_load(&rdv->worker[0].config_generation);

			checked_ms = ms;
			if (shm_is_stale(&dp.shm, dp.shm_dir)) {
				LOG(ERR,
				    "the control plane made the shared memory anew: ending, to be "
				    "started again dir=%s",
				    dp.shm_dir);
				return EXIT_RESTART;
			}
			if (generation != config_generation)
				check_fingerprint();
			config_generation = generation;
		}
		dataplane_sleep_ms(HEARTBEAT_MS);
	}
	LOG(NOTICE, "ending on a signal");
	return EXIT_SUCCESS;
}

static int run(void)
{
	size_t nb = 0;
	int status = EXIT_FAILURE;

	for (; nb < NB_STEPS; nb++) {
		const int rc = steps[nb].init();

		if (atomic_load(&dp.is_signalled)) {
			status = EXIT_SUCCESS;
			nb += rc == 0;
			break;
		}
		if (rc < 0) {
			LOG(ERR, "start failed step=%s error=\"%s\"", steps[nb].name,
			    strerror(-rc));
			break;
		}
	}
	if (nb == NB_STEPS)
		status = supervise();
	while (nb-- > 0)
		if (steps[nb].fini != NULL)
			steps[nb].fini();
	return status;
}

static void usage(FILE *f)
{
	(void)fputs(
		"usage: tagwarden-dataplane [options]\n"
		"\n"
		"Attaches to the control plane's shared memory and does what its snapshot says.\n"
		"\n"
		"  --shm DIR          where the two processes meet (" SHM_DEFAULT_DIR ")\n"
		"  --user USER        become USER, USER:GROUP or UID:GID once ports are open\n"
		"                     (" DATAPLANE_USER
		" when started as root; root itself only when\n"
		"                     named here)\n"
		"  --wait SECONDS     give up when no snapshot appears in that time (never)\n"
		"  --log-level LEVEL  err, warn, notice, info or debug (notice)\n"
		"  --help, --version\n"
		"\n"
		"examples:\n"
		"  tagwarden-dataplane\n"
		"  tagwarden-dataplane --shm /dev/shm/tw2 --user nobody --wait 30\n"
		"\n"
		"Ends with 75 when it is to be started again.\n",
		f);
}

/* Seconds, decimal, at most a year. */
static int parse_wait(const char *s, uint64_t *ret_ms)
{
	uint64_t n = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || n > 366ull * 86400)
			return -EINVAL;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*ret_ms = n * 1000;
	return 0;
}

/* -1: go on; otherwise the exit status. */
static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"shm", required_argument, NULL, 's'},
		{"user", required_argument, NULL, 'u'},
		{"wait", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{"log-level", required_argument, NULL, 'l'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	enum log_level level = LOG_L_NOTICE;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			dp.shm_dir = optarg;
			break;
		case 'u':
			dp.user = optarg;
			break;
		case 'w':
			if (parse_wait(optarg, &dp.wait_ms) < 0) {
				(void)fprintf(stderr, "--wait takes whole seconds, not %s\n",
					      optarg);
				return 2;
			}
			break;
		case 'l':
			if (log_level_parse(optarg, strlen(optarg), &level) < 0) {
				(void)fprintf(stderr, "--log-level does not know %s\n", optarg);
				return 2;
			}
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'v':
			(void)fprintf(stdout, "tagwarden-dataplane %s (%s)\n", TAGWARDEN_VERSION,
				      rte_version());
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	log_init("tagwarden-dataplane", level, false);
	return -1;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal};
	const int status = parse_options(argc, argv);

	if (status >= 0)
		return status;
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	return run();
}
