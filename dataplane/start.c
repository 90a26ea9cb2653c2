/* SPDX-License-Identifier: BSD-3-Clause */

/* The steps of the start, in the order of the table in main.c, each with what unmakes it. */

#include "start.h"

#include "common/log/log.h"
#include "common/shm/rcu.h"
#include "eal/eal_start.h"
#include "tls/tls_process.h"
#include "tls/tls_sessions.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("dataplane");

#define NB_RECORDS 8192u
#define MIN_TLS_SESSIONS 1024u /* a worker */
#define DEAD_MS 3000u          /* a heartbeat older than this is nobody's */

struct dataplane dp = {
	.shm_dir = SHM_DEFAULT_DIR,
	.wait_ms = UINT64_MAX,
	.shm = {.dirfd = -1, .snapshot_fd = -1},
};

uint64_t dataplane_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void dataplane_sleep_ms(unsigned ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&ts, NULL);
}

int dataplane_init_crypto(void)
{
	const char *why;

	tls_process_init(&why);
	if (why != NULL)
		LOG(WARN, "TLS handshakes are slower than they could be why=\"%s\"", why);
	return 0;
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

int dataplane_attach(void)
{
	const uint64_t start = dataplane_now_ms();
	bool is_told = false;
	int rc = try_attach();

	while (rc == -EAGAIN && !atomic_load(&dp.is_signalled)) {
		if (dataplane_now_ms() - start >= dp.wait_ms) {
			LOG(ERR, "no snapshot was published dir=%s waited_ms=%llu", dp.shm_dir,
			    (unsigned long long)dp.wait_ms);
			return -ETIMEDOUT;
		}
		if (!is_told)
			LOG(NOTICE, "waiting for the control plane to publish a snapshot dir=%s",
			    dp.shm_dir);
		is_told = true;
		dataplane_sleep_ms(50);
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
	const uint64_t age_ms = dataplane_now_ms() - beat_ms;

	if (pid != 0 && pid != (uint32_t)getpid() && age_ms < DEAD_MS &&
	    (kill((pid_t)pid, 0) == 0 || errno == EPERM)) {
		LOG(ERR, "another data plane runs with this directory dir=%s pid=%u", dp.shm_dir,
		    pid);
		return -EBUSY;
	}
	atomic_store(&rdv->dp_workers, 0);
	atomic_store(&rdv->dp_heartbeat_ms, dataplane_now_ms());
	atomic_store_explicit(&rdv->dp_pid, (uint32_t)getpid(), memory_order_release);
	/* One that was killed may have left its workers registered: they would hold back RCU. */
	rcu_forget_workers(rdv);
	return 0;
}

/*
 * As worker 0 until the real one runs: the configuration that everything here is made from must
 * not be written over in the meantime.
 */
int dataplane_read_snapshot(void)
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

void dataplane_detach(void)
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

int dataplane_start_eal(void)
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
	for (uint32_t i = 0; i < dp.nb_devices; i++) {
		p.device[i] = slice_str(dp.device[i]);
		eal_clear_socket(p.device[i]);
	}
	rc = eal_args_build(&p, &dp.args, &why);
	if (rc == 0)
		rc = eal_start(&dp.args, &why);
	if (rc < 0)
		LOG(ERR, "cannot start DPDK error=\"%s\" why=\"%s\"", strerror(-rc), why);
	return rc;
}

void dataplane_stop_eal(void)
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

int dataplane_open_io(void)
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
		.no_offloads = c->offloads == SNAP_OFFLOADS_NONE,
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
	for (uint32_t i = 0; rc == 0 && i < dp.nb_devices; i++)
		if (dp.io.port[i].mtu < p.mtu[i])
			LOG(WARN, "the port carries no larger packets device=%s mtu=%u wanted=%u",
			    dp.io.port[i].name, dp.io.port[i].mtu, p.mtu[i]);
	return rc;
}

void dataplane_close_io(void)
{
	io_close(&dp.io);
}

int dataplane_choose_user(void)
{
	const char *user = dp.user == NULL ? DATAPLANE_USER : dp.user;
	int rc;

	if (dp.user == NULL && geteuid() != 0)
		return 0;
	rc = privilege_parse(user, &dp.privilege);
	if (rc < 0 && dp.user == NULL)
		LOG(ERR,
		    "not going to run as root, and there is no user %s: make it with "
		    "systemd-sysusers and config/systemd/tagwarden.sysusers.conf, or name another "
		    "with --user UID:GID, or insist with --user root",
		    user);
	else if (rc < 0)
		LOG(ERR, "no such user user=%s", user);
	if (rc < 0)
		return rc;
	dp.has_privilege = dp.privilege.uid != 0;
	if (!dp.has_privilege)
		LOG(WARN, "staying root as --user says: whoever takes over the packet path has "
			  "the machine");
	return 0;
}

static void describe_ports(struct feedback_hdr *h)
{
	const struct snap_interface *f = snap_arr(&dp.view, dp.view.config->interfaces);

	for (uint32_t i = 0; i < dp.io.nb_ports; i++) {
		const struct io_port *p = &dp.io.port[i];
		struct feedback_port *out = &h->port[i];

		(void)snprintf(out->name, sizeof(out->name), "%.31s", p->name);
		(void)snprintf(out->driver, sizeof(out->driver), "%.23s", p->driver);
		out->interface = SNAP_NONE;
		for (uint32_t k = dp.view.config->interfaces.count; k-- > 0;)
			if (slice_is_equal(snap_str(&dp.view, f[k].device), p->device))
				out->interface = k;
		out->nb_rxq = p->nb_rxq;
		out->nb_txq = p->nb_txq;
		out->offloads = p->offloads;
		out->mtu = p->mtu;
		memcpy(out->mac, p->mac, sizeof(out->mac));
	}
	h->nb_ports = dp.io.nb_ports;
	h->hugepages = dp.has_hugepages;
}

int dataplane_make_feedback(void)
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

void dataplane_free_workers(void)
{
	for (uint32_t i = 0; i < dp.nb_workers; i++) {
		worker_free(dp.worker[i]);
		dp.worker[i] = NULL;
	}
	tls_sessions_free(dp.tls_sessions);
	dp.tls_sessions = NULL;
}

/* As many sessions to come back to as there may be connections. */
static int make_tls_sessions(const struct snap_config *c)
{
	dp.tls_sessions = tls_sessions_new(
		dp.nb_workers, RTE_MAX(c->max_connections / dp.nb_workers, MIN_TLS_SESSIONS));
	return dp.tls_sessions == NULL ? -ENOMEM : 0;
}

int dataplane_make_workers(void)
{
	if (make_tls_sessions(dp.view.config) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < dp.nb_workers; i++) {
		const struct worker_params p = {
			.index = i,
			.shm = &dp.shm,
			.io = &dp.io,
			.port_device = (const char *const *)dp.device,
			.tls_sessions = dp.tls_sessions,
			.config = dp.view.config,
			.nb_rows = worker_nb_rows(dp.view.config),
		};

		dp.worker[i] = worker_new(&p);
		if (dp.worker[i] == NULL) {
			LOG(ERR, "not enough memory for worker %u: lower dataplane.max_connections",
			    i);
			dataplane_free_workers();
			return -ENOMEM;
		}
	}
	return 0;
}

int dataplane_drop_privileges(void)
{
	const int rc = dp.has_privilege ? privilege_drop(&dp.privilege) : privilege_hide();

	if (rc < 0)
		LOG(ERR, "cannot give up privileges error=\"%s\"", strerror(-rc));
	return rc;
}

int dataplane_launch(void)
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
	atomic_store(&dp.shm.rdv->dp_heartbeat_ms, dataplane_now_ms());
	atomic_store_explicit(&dp.shm.rdv->dp_workers, dp.nb_workers, memory_order_release);
	for (uint32_t i = 0; i < dp.io.nb_ports; i++) {
		const struct io_port *p = &dp.io.port[i];

		LOG(NOTICE,
		    "port device=%s driver=%s mac=%02x:%02x:%02x:%02x:%02x:%02x queues=%u mtu=%u "
		    "offloads=%#x",
		    p->name, p->driver, p->mac[0], p->mac[1], p->mac[2], p->mac[3], p->mac[4],
		    p->mac[5], p->nb_rxq, p->mtu, p->offloads);
	}
	LOG(NOTICE, "running workers=%u ports=%u hugepages=%s", dp.nb_workers, dp.io.nb_ports,
	    dp.has_hugepages ? "yes" : "no");
	return 0;
}

void dataplane_halt(void)
{
	for (uint32_t i = 0; i < dp.nb_workers; i++)
		worker_stop(dp.worker[i]);
	rte_eal_mp_wait_lcore();
}
