/* SPDX-License-Identifier: BSD-3-Clause */

/* The data plane as the control plane sees it: alive or dead, and how far its workers are. */

#include "common/base/macros.h"
#include "common/log/log.h"
#include "common/shm/rcu.h"
#include "config/config.h"
#include "snap/publish_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

LOG_TYPE("snap");

/*
 * Start time of process <pid> in clock ticks since boot (field 22 of /proc/PID/stat): tells a
 * process from a later one of the same number. 0: not to be known.
 */
static uint64_t start_ticks(uint32_t pid)
{
	char path[32], buf[1024];
	uint64_t v = 0;

	const int n = snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (n < 0 || (size_t)n >= sizeof(path))
		return 0;
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	const ssize_t len = read(fd, buf, sizeof(buf) - 1);
	if (len <= 0)
		return 0;
	buf[len] = '\0';
	/* The name (field 2) may hold blanks and brackets: start behind its last one. */
	const char *at = strrchr(buf, ')');
	for (unsigned field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return 0;
	for (at++; *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	return v;
}

/* EPERM means that it is there, of another user. */
static bool is_process(uint32_t pid)
{
	return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static bool is_same_process(const struct publish *p, uint32_t pid)
{
	if (!is_process(pid))
		return false;
	return p->dp_start_ticks == 0 || start_ticks(pid) == p->dp_start_ticks;
}

/*
 * A thread that died online would hold back every grace period for ever.
 *
 * XXX: a new data plane that registers its workers between the two looks at dp_pid and the end of
 * rcu_forget_workers() would be forgotten too. It stores dp_pid long before it registers them, so
 * that window is empty in practice; a handshake in the rendezvous would close it for good.
 */
static void forget(struct publish *p, uint32_t pid)
{
	struct rdv *rdv = p->shm->rdv;

	if (atomic_load(&rdv->dp_pid) != pid || atomic_load(&rdv->dp_epoch) != p->dp_epoch)
		return;
	rcu_forget_workers(rdv);
	p->forgotten_epoch = p->dp_epoch;
	p->status.resyncs++;
	LOG(WARN, "data plane is gone, its readers are forgotten: pid=%u", pid);
}

static bool is_restart_needed(const struct publish *p)
{
	return p->cfg != NULL && atomic_load(&p->shm->rdv->dp_started_fingerprint) !=
					 config_dataplane_fingerprint(p->cfg);
}

void publish_dp_tick(struct publish *p)
{
	struct rdv *rdv = p->shm->rdv;
	const uint64_t epoch = atomic_load_explicit(&rdv->dp_epoch, memory_order_acquire);
	const uint32_t pid = atomic_load(&rdv->dp_pid);

	if (pid != p->status.dp_pid || epoch != p->dp_epoch) {
		p->dp_epoch = epoch;
		p->dp_start_ticks = start_ticks(pid);
		p->status.dp_pid = pid;
		if (is_process(pid))
			LOG(NOTICE, "data plane: pid=%u", pid);
	}
	p->status.is_dp_alive = pid != 0 && is_same_process(p, pid);
	p->status.is_dp_restart_needed = p->status.is_dp_alive && is_restart_needed(p);
	if (pid != 0 && !p->status.is_dp_alive && p->forgotten_epoch != epoch)
		forget(p, pid);
	publish_dp_spread(p);
}

void publish_dp_spread(struct publish *p)
{
	struct rdv *rdv = p->shm->rdv;
	uint32_t nb = atomic_load(&rdv->dp_workers);

	if (p->spread_generation == 0 || !p->status.is_dp_alive || nb == 0)
		return;
	if (nb > SNAP_MAX_WORKERS)
		nb = SNAP_MAX_WORKERS;
	uint64_t last_us = p->spread_from_us;

	for (uint32_t i = 0; i < nb; i++) {
		if (atomic_load(&rdv->worker[i].generation) < p->spread_generation)
			return;
		const uint64_t us = atomic_load(&rdv->worker[i].adopted_us);

		/* Another process's word: a time to come would make nonsense of the difference. */
		if (us > last_us && us <= publish_now_us())
			last_us = us;
	}
	p->status.last_spread_us = last_us - p->spread_from_us;
	p->spread_generation = 0;
}

bool publish_is_spreading(struct publish *p)
{
	publish_dp_spread(p);
	return p->spread_generation != 0;
}

void publish_status(const struct publish *p, struct publish_status *ret)
{
	const struct rdv *rdv = p->shm->rdv;
	struct snap_view v;

	*ret = p->status;
	snap_build_stats(p->build, &ret->build);
	ret->config_generation = publish_view(p, &v) ? v.root->config_generation : 0;
	ret->nb_workers = atomic_load(&rdv->dp_workers);
	if (!ret->is_dp_alive)
		ret->nb_workers = 0;
	if (ret->nb_workers > SNAP_MAX_WORKERS)
		ret->nb_workers = SNAP_MAX_WORKERS;
	ret->dp_heartbeat_ms = atomic_load(&rdv->dp_heartbeat_ms);
	for (uint32_t i = 0; i < ret->nb_workers; i++) {
		const struct rdv_worker *w = &rdv->worker[i];
		ret->worker[i] = (struct publish_worker){
			.generation = atomic_load(&w->generation),
			.config_generation = atomic_load(&w->config_generation),
			.refused_generation = atomic_load(&w->refused_generation),
			.heartbeat_ms = atomic_load(&w->heartbeat_ms),
		};
	}
}
