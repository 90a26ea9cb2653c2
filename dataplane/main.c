/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * tagwarden-dataplane: attach to shared memory, wait for a snapshot, start EAL and ports by it,
 * give up root, run the workers, supervise them.
 *
 * What is made in which order is the table <steps>; what is made is unmade in reverse.
 */

#include "common/log/log.h"
#include "common/shm/rcu.h"
#include "eal/eal_start.h"
#include "eal/privilege.h"
#include "io/io.h"
#include "worker/worker.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("dataplane");

#define DEFAULT_USER "tagwarden-data"
#define NB_RECORDS 8192u
#define HEARTBEAT_MS 100u
#define CHECK_MS 1000u
#define DEAD_MS 3000u   /* a heartbeat older than this is nobody's */
#define EXIT_RESTART 75 /* sysexits.h: temporary, start me again */

struct dataplane {
	/* command line */
	const char *shm_dir;
	const char *user;
	uint64_t wait_ms; /* UINT64_MAX: for ever */

	struct shm shm;
	struct snap_view view; /* what it starts with; whole until the workers run */
	struct eal_args args;
	char *device[IO_MAX_PORTS]; /* as configured; position is the index in io.port */
	uint32_t nb_devices;
	bool has_hugepages;
	struct privilege privilege;
	bool has_privilege;
	struct io io;
	struct worker *worker[SNAP_MAX_WORKERS];
	uint32_t nb_workers;
	uint64_t fingerprint;
	bool is_fingerprint_told;
};

static struct dataplane dp = {
	.shm_dir = SHM_DEFAULT_DIR,
	.wait_ms = UINT64_MAX,
	.shm = {.dirfd = -1, .snapshot_fd = -1},
};
static _Atomic(bool) is_signalled;

static void on_signal(int)
{
	atomic_store(&is_signalled, true);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void sleep_ms(unsigned ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&ts, NULL);
}

/* One try: 0 attached and something is published, -EAGAIN not yet. */
static int try_attach(void)
{
	const char *why = "";
	int rc = shm_attach(&dp.shm, dp.shm_dir, &why);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return -EAGAIN;
	if (rc == -EPROTO)
		LOG(ERR, "shared memory is of another version dir=%s why=\"%s\"", dp.shm_dir, why);
	else if (rc < 0)
		LOG(ERR, "cannot attach dir=%s error=\"%s\"", dp.shm_dir, strerror(-rc));
	if (rc < 0)
		return rc;
	if (atomic_load_explicit(&dp.shm.rdv->root_off, memory_order_acquire) != 0)
		return 0;
	shm_close(&dp.shm);
	return -EAGAIN;
}

static int attach(void)
{
	const uint64_t start = now_ms();
	bool is_told = false;
	int rc = try_attach();

	while (rc == -EAGAIN && !atomic_load(&is_signalled)) {
		if (now_ms() - start >= dp.wait_ms) {
			LOG(ERR, "no snapshot was published dir=%s waited_ms=%llu", dp.shm_dir,
			    (unsigned long long)dp.wait_ms);
			return -ETIMEDOUT;
		}
		if (!is_told)
			LOG(NOTICE, "waiting for the control plane to publish a snapshot dir=%s",
			    dp.shm_dir);
		is_told = true;
		sleep_ms(50);
		rc = try_attach();
	}
	return rc;
}

/* Two of them would write the same rendezvous and want the same ports. */
static int claim(void)
{
	struct rdv *rdv = dp.shm.rdv;
	const uint32_t pid = atomic_load(&rdv->dp_pid);
	const uint64_t beat_ms = atomic_load(&rdv->dp_heartbeat_ms);
	const uint64_t age_ms = now_ms() - beat_ms;

	if (pid != 0 && pid != (uint32_t)getpid() && age_ms < DEAD_MS &&
	    (kill((pid_t)pid, 0) == 0 || errno == EPERM)) {
		LOG(ERR, "another data plane runs with this directory dir=%s pid=%u", dp.shm_dir,
		    pid);
		return -EBUSY;
	}
	atomic_store(&rdv->dp_workers, 0);
	atomic_store(&rdv->dp_heartbeat_ms, now_ms());
	atomic_store_explicit(&rdv->dp_pid, (uint32_t)getpid(), memory_order_release);
	/* One that was killed may have left its workers registered: they would hold back RCU. */
	rcu_forget_workers(rdv);
	return 0;
}

/*
 * As worker 0 until the real one runs: the configuration that everything here is made from must
 * not be written over in the meantime.
 */
static int read_snapshot(void)
{
	const char *why = "";
	int rc = claim();

	if (rc < 0)
		return rc;
	rc = rcu_worker_register(dp.shm.rdv, 0);
	if (rc < 0)
		return rc;
	rc = snap_check(dp.shm.snapshot, shm_snapshot_len(&dp.shm),
			atomic_load_explicit(&dp.shm.rdv->root_off, memory_order_acquire), NULL,
			&dp.view, &why);
	if (rc < 0) {
		LOG(ERR, "the published snapshot does not pass the check why=\"%s\"", why);
		return rc;
	}
	dp.nb_workers = dp.view.config->nb_workers;
	dp.fingerprint = dp.view.config->dataplane_fingerprint;
	return 0;
}

static void detach(void)
{
	struct rdv *rdv = dp.shm.rdv;

	if (rdv != NULL && atomic_load(&rdv->dp_pid) == (uint32_t)getpid()) {
		rcu_worker_unregister(rdv, 0);
		atomic_store(&rdv->dp_workers, 0);
		atomic_store(&rdv->dp_pid, 0);
	}
	shm_close(&dp.shm);
}

/* Interfaces on the same device (with another VLAN) share its port. */
static int collect_devices(void)
{
	const struct snap_interface *f = snap_arr(&dp.view, dp.view.config->interfaces);

	for (uint32_t i = 0; i < dp.view.config->interfaces.count; i++) {
		const struct slice device = snap_str(&dp.view, f[i].device);
		uint32_t k = 0;

		while (k < dp.nb_devices && !slice_is_equal(slice_str(dp.device[k]), device))
			k++;
		if (k < dp.nb_devices)
			continue;
		if (k == IO_MAX_PORTS) {
			LOG(ERR, "more than %u devices", IO_MAX_PORTS);
			return -E2BIG;
		}
		dp.device[k] = strndup((const char *)device.ptr, device.len);
		if (dp.device[k] == NULL)
			return -ENOMEM;
		dp.nb_devices++;
	}
	return 0;
}

static int choose_hugepages(const struct snap_config *c)
{
	const uint64_t free_mib = eal_free_hugepages_mib();

	dp.has_hugepages = c->hugepages != SNAP_HUGE_OFF && free_mib >= c->memory_mib;
	if (dp.has_hugepages || c->hugepages == SNAP_HUGE_OFF)
		return 0;
	if (c->hugepages == SNAP_HUGE_ON) {
		LOG(ERR, "not enough free huge pages free_mib=%llu needed_mib=%u",
		    (unsigned long long)free_mib, c->memory_mib);
		return -ENOMEM;
	}
	LOG(WARN,
	    "going on without huge pages: more TLB misses, slower start, no device that does DMA "
	    "free_mib=%llu needed_mib=%u",
	    (unsigned long long)free_mib, c->memory_mib);
	return 0;
}

static int start_eal(void)
{
	const struct snap_config *c = dp.view.config;
	struct eal_params p = {
		.workers = c->workers,
		.nb_workers = c->nb_workers,
		.memory_mib = c->memory_mib,
		.is_debug = log_is_on(LOG_L_DEBUG),
	};
	const char *why = "";
	int rc = collect_devices();

	if (rc == 0)
		rc = choose_hugepages(c);
	if (rc < 0)
		return rc;
	eal_cpus(p.cpus);
	p.use_hugepages = dp.has_hugepages;
	p.nb_devices = dp.nb_devices;
	for (uint32_t i = 0; i < dp.nb_devices; i++)
		p.device[i] = slice_str(dp.device[i]);
	rc = eal_args_build(&p, &dp.args, &why);
	if (rc == 0)
		rc = eal_start(&dp.args, &why);
	if (rc < 0)
		LOG(ERR, "cannot start DPDK error=\"%s\" why=\"%s\"", strerror(-rc), why);
	return rc;
}

static void stop_eal(void)
{
	(void)rte_eal_cleanup();
	for (uint32_t i = 0; i < dp.nb_devices; i++)
		free(dp.device[i]);
	dp.nb_devices = 0;
}

/* The largest MTU of the interfaces on <device>. */
static uint16_t device_mtu(struct slice device)
{
	const struct snap_interface *f = snap_arr(&dp.view, dp.view.config->interfaces);
	uint16_t mtu = 0;

	for (uint32_t i = 0; i < dp.view.config->interfaces.count; i++)
		if (slice_is_equal(snap_str(&dp.view, f[i].device), device))
			mtu = RTE_MAX(mtu, f[i].mtu);
	return mtu == 0 ? RTE_ETHER_MTU : mtu;
}

static int open_io(void)
{
	const struct snap_config *c = dp.view.config;
	struct slice device[IO_MAX_PORTS];
	struct io_params p = {
		.device = device,
		.nb_ports = dp.nb_devices,
		.nb_workers = c->nb_workers,
		.memory_mib = c->memory_mib,
		.max_connections = c->max_connections,
		.has_hugepages = dp.has_hugepages,
	};
	const char *why = "";
	uint32_t port;

	for (uint32_t i = 0; i < dp.nb_devices; i++) {
		device[i] = slice_str(dp.device[i]);
		p.mtu[i] = device_mtu(device[i]);
	}

	const int rc = io_open(&dp.io, &p, &why, &port);

	if (rc < 0)
		LOG(ERR, "cannot open ports device=%s error=\"%s\" why=\"%s\"",
		    port < dp.nb_devices ? dp.device[port] : "-", strerror(-rc), why);
	return rc;
}

static void close_io(void)
{
	io_close(&dp.io);
}

static int choose_user(void)
{
	const char *user = dp.user;
	int rc;

	if (user == NULL) {
		if (geteuid() != 0)
			return 0;
		user = DEFAULT_USER;
	}
	rc = privilege_parse(user, &dp.privilege);
	dp.has_privilege = rc == 0;
	if (rc < 0 && dp.user != NULL) {
		LOG(ERR, "no such user user=%s", user);
		return rc;
	}
	if (rc < 0)
		LOG(WARN, "staying root: there is no user %s, and --user names no other", user);
	return 0;
}

static void describe_ports(struct feedback_hdr *h)
{
	const struct snap_interface *f = snap_arr(&dp.view, dp.view.config->interfaces);

	for (uint32_t i = 0; i < dp.io.nb_ports; i++) {
		const struct io_port *p = &dp.io.port[i];
		struct feedback_port *out = &h->port[i];

		(void)snprintf(out->name, sizeof(out->name), "%s", p->name);
		(void)snprintf(out->driver, sizeof(out->driver), "%s", p->driver);
		out->interface = SNAP_NONE;
		for (uint32_t k = dp.view.config->interfaces.count; k-- > 0;)
			if (slice_is_equal(snap_str(&dp.view, f[k].device), p->device))
				out->interface = k;
		out->nb_rxq = p->nb_rxq;
		out->nb_txq = p->nb_txq;
		out->offloads = p->offloads;
		memcpy(out->mac, p->mac, sizeof(out->mac));
	}
	h->nb_ports = dp.io.nb_ports;
	h->hugepages = dp.has_hugepages;
}

static int make_feedback(void)
{
	const uid_t uid = dp.has_privilege ? dp.privilege.uid : (uid_t)-1;
	const gid_t gid = dp.has_privilege ? dp.privilege.gid : (gid_t)-1;
	const int rc = shm_feedback_create(&dp.shm, dp.nb_workers, NB_RECORDS,
					   worker_nb_rows(dp.view.config), uid, gid);

	if (rc < 0) {
		LOG(ERR, "cannot make the feedback file dir=%s error=\"%s\"", dp.shm_dir,
		    strerror(-rc));
		return rc;
	}
	describe_ports(dp.shm.feedback);
	return 0;
}

static void free_workers(void)
{
	for (uint32_t i = 0; i < dp.nb_workers; i++) {
		worker_free(dp.worker[i]);
		dp.worker[i] = NULL;
	}
}

static int make_workers(void)
{
	for (uint32_t i = 0; i < dp.nb_workers; i++) {
		const struct worker_params p = {
			.index = i,
			.shm = &dp.shm,
			.io = &dp.io,
			.port_device = (const char *const *)dp.device,
			.config = dp.view.config,
			.nb_rows = worker_nb_rows(dp.view.config),
		};

		dp.worker[i] = worker_new(&p);
		if (dp.worker[i] == NULL) {
			LOG(ERR, "not enough memory for worker %u: lower dataplane.max_connections",
			    i);
			free_workers();
			return -ENOMEM;
		}
	}
	return 0;
}

static int drop_privileges(void)
{
	const int rc = dp.has_privilege ? privilege_drop(&dp.privilege) : privilege_hide();

	if (rc < 0)
		LOG(ERR, "cannot give up privileges error=\"%s\"", strerror(-rc));
	return rc;
}

static int launch(void)
{
	sigset_t io;

	/* The real workers register themselves; the configuration is not looked at any more. */
	rcu_worker_unregister(dp.shm.rdv, 0);
	dp.view = (struct snap_view){0};
	atomic_store(&dp.shm.rdv->dp_started_fingerprint, dp.fingerprint);
	for (uint32_t i = 0; i < dp.nb_workers; i++) {
		const int rc = rte_eal_remote_launch(worker_run, dp.worker[i], i + 1);

		if (rc < 0)
			return rc;
	}
	/* Tap ports signal each packet; that is for a worker that sleeps, not for this thread. */
	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	(void)pthread_sigmask(SIG_BLOCK, &io, NULL);
	atomic_store(&dp.shm.rdv->dp_heartbeat_ms, now_ms());
	atomic_store_explicit(&dp.shm.rdv->dp_workers, dp.nb_workers, memory_order_release);
	for (uint32_t i = 0; i < dp.io.nb_ports; i++) {
		const struct io_port *p = &dp.io.port[i];

		LOG(NOTICE, "port device=%s driver=%s mac=%02x:%02x:%02x:%02x:%02x:%02x queues=%u",
		    p->name, p->driver, p->mac[0], p->mac[1], p->mac[2], p->mac[3], p->mac[4],
		    p->mac[5], p->nb_rxq);
	}
	LOG(NOTICE, "running workers=%u ports=%u hugepages=%s", dp.nb_workers, dp.io.nb_ports,
	    dp.has_hugepages ? "yes" : "no");
	return 0;
}

static void halt(void)
{
	for (uint32_t i = 0; i < dp.nb_workers; i++)
		worker_stop(dp.worker[i]);
	rte_eal_mp_wait_lcore();
}

static const struct step {
	const char *name;
	int (*init)(void);
	void (*fini)(void);
} steps[] = {
	{"pin", privilege_pin, NULL},
	{"attach", attach, detach},
	{"snapshot", read_snapshot, NULL},
	{"eal", start_eal, stop_eal},
	{"ports", open_io, close_io},
	{"user", choose_user, NULL},
	{"feedback", make_feedback, NULL},
	{"workers", make_workers, free_workers},
	{"privileges", drop_privileges, NULL},
	{"launch", launch, halt},
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

	while (!atomic_load(&is_signalled)) {
		const uint64_t ms = now_ms();

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
		sleep_ms(HEARTBEAT_MS);
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

		if (atomic_load(&is_signalled)) {
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
		"                     (" DEFAULT_USER " when started as root and there is one)\n"
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
