/* SPDX-License-Identifier: BSD-3-Clause */

/* The control plane's life: open, start, run, reload, close. */

#include "base/cp_start.h"
#include "common/log/log.h"
#include "config/config.h"
#include "config_store/config_store.h"
#include "config_store/transaction.h"
#include "cp_work.h"
#include "snap/publish.h"
#include "state/state.h"
#include "state/state_log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("cp");

/* ---- privileges ---- */

/*
 * Root is needed to make directories for the one that we become; afterwards for nothing. The
 * process holds private keys: no core files, no way back.
 */
static int drop_privileges(const struct cp_options *o)
{
	const struct rlimit no_core = {};

	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (geteuid() == 0 && o->uid != (uid_t)-1) {
		/* No capability survives: none is kept across the change of all three ids. */
		if (setgroups(0, NULL) < 0 || setresgid(o->gid, o->gid, o->gid) < 0 ||
		    setresuid(o->uid, o->uid, o->uid) < 0)
			return -errno;
		if (setresuid(0, 0, 0) == 0)
			return -EPERM;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Make directory <dir>, and give it to the user we become. Its parent is there. */
static int own_dir(const char *dir, mode_t mode, const struct cp_options *o)
{
	const bool is_new = mkdir(dir, mode) == 0;

	if (!is_new && errno != EEXIST)
		return -errno;
	if (geteuid() != 0 || o->uid == (uid_t)-1)
		return 0;
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	const int rc = fchown(fd, o->uid, o->gid) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* The socket's directory is ours to make; one that was there before is left as it is. */
static void make_api_dir(const struct config *cfg, const struct cp_options *o)
{
	const char *path = cfg->api.unix_path;
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	struct stat sb;

	if (slash == NULL || slash == path)
		return;
	char *dir = strndup(path, (size_t)(slash - path));
	if (dir != NULL && stat(dir, &sb) < 0) {
		const int rc = own_dir(dir, 0750, o);
		if (rc < 0)
			LOG(WARN, "cannot make %s: %s", dir, strerror(-rc));
	}
	free(dir);
}

/* ---- signals ---- */

static void on_signal(void *user, int fd, short)
{
	struct cp *cp = user;
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGHUP) {
		cp_reload_begin(cp);
		return;
	}
	LOG(NOTICE, "stopping: signal=%u", si.ssi_signo);
	loop_stop(cp->loop);
}

/* Before any thread is made, so that all of them have these blocked. */
static int signals_open(struct cp *cp)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -EINVAL;
	cp->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (cp->signal_fd < 0)
		return -errno;
	return loop_fd_add(cp->loop, cp->signal_fd, POLLIN, on_signal, cp);
}

/* ---- opening ---- */

static int fail(const char *what, int rc)
{
	LOG(ERR, "%s: %s", what, strerror(-rc));
	return rc;
}

static int open_state(struct cp *cp)
{
	struct state_log_stats stats;
	int rc = 0;

	cp->state = state_new();
	if (cp->state == NULL)
		return -ENOMEM;
	cp->state_log = state_log_open(cp->state, cp->state_dir, &rc);
	if (cp->state_log == NULL)
		return fail(cp->state_dir, rc);
	state_log_stats(cp->state_log, &stats);
	struct state_counts counts;
	state_counts(cp->state, &counts);
	LOG(NOTICE, "state loaded: devices=%u tags=%u ms=%llu torn_bytes=%llu", counts.devices,
	    state_nb_tags(cp->state), (unsigned long long)stats.load_us / 1000,
	    (unsigned long long)stats.torn_bytes);
	return 0;
}

/* Without a history everything else works: what is wrong is told, and nothing more. */
static int open_config_tx(struct cp *cp)
{
	int rc;

	cp->config_store = config_store_open(cp->state_dir, &rc);
	if (cp->config_store == NULL)
		LOG(ERR, "no history of documents: %s", strerror(-rc));
	cp->config_tx = config_tx_open(cp, cp->config_store);
	return cp->config_tx == NULL ? -ENOMEM : 0;
}

/* What the document no longer has is forgotten, on disk too. */
static void forget_ems(struct cp *cp)
{
	for (uint32_t id = 1; id <= STATE_MAX_EMS; id++) {
		bool is_there = false;
		for (unsigned i = 0; i < cp->config->nb_ems; i++) {
			if (cp->config->ems[i].id == id)
				is_there = true;
		}
		if (!is_there)
			state_ems_forget(cp->state, id);
	}
	while (publish_changes(cp->publish, UINT32_MAX) > 0)
		;
}

static int open_publish(struct cp *cp, bool is_resumed)
{
	cp->publish = publish_new(&cp->shm, cp->state, is_resumed);
	if (cp->publish == NULL)
		return -ENOMEM;
	int rc = publish_config(cp->publish, cp->config);
	if (rc < 0)
		return fail("configuration cannot be compiled", rc);
	forget_ems(cp);
	rc = publish_now(cp->publish);
	state_log_commit(cp->state_log);
	return rc;
}

int cp_open(struct cp *cp, const struct cp_options *o, struct config *cfg,
	    const struct module *const *modules)
{
	bool is_resumed = false;

	*cp = (struct cp){
		.config_path = o->config_path,
		.shm_dir = o->shm_dir,
		.state_dir = o->state_dir != NULL ? o->state_dir : cfg->state_dir,
		.started_ms = loop_real_ms(),
		.config = cfg,
		.shm = {.dirfd = -1, .snapshot_fd = -1},
		.signal_fd = -1,
		.modules = modules,
	};
	cp->reloaded_ms = cp->started_ms;
	lock_init(&cp->lock);
	cp->loop = loop_new(&cp->lock);
	if (cp->loop == NULL)
		return -ENOMEM;
	int rc = signals_open(cp);
	if (rc < 0)
		return fail("signals", rc);
	rc = own_dir(cp->state_dir, 0700, o);
	if (rc < 0)
		return fail(cp->state_dir, rc);
	make_api_dir(cfg, o);
	rc = shm_create(&cp->shm, cp->shm_dir, o->uid, o->gid, &is_resumed);
	if (rc < 0)
		return fail(cp->shm_dir, rc);
	rc = drop_privileges(o);
	if (rc < 0)
		return fail("cannot drop privileges", rc);
	rc = open_state(cp);
	if (rc == 0)
		rc = open_config_tx(cp);
	if (rc < 0)
		return rc;
	cp_lock(cp);
	rc = open_publish(cp, is_resumed);
	if (rc == 0)
		rc = cp_work_open(cp);
	cp_unlock(cp);
	return rc;
}

/* ---- modules ---- */

static void stop_modules(struct cp *cp)
{
	while (cp->nb_started > 0) {
		const struct module *m = cp->modules[--cp->nb_started];
		if (m->fini != NULL)
			m->fini(cp);
	}
}

int cp_start(struct cp *cp)
{
	for (const struct module *const *m = cp->modules; *m != NULL; m++) {
		cp_lock(cp);
		const int rc = (*m)->init != NULL ? (*m)->init(cp) : 0;
		cp_unlock(cp);
		if (rc < 0) {
			LOG(ERR, "%s cannot start: %s", (*m)->name, strerror(-rc));
			stop_modules(cp);
			return rc;
		}
		cp->nb_started++;
	}
	return 0;
}

int cp_run(struct cp *cp)
{
	const int rc = loop_run(cp->loop);

	cp_lock(cp);
	cp_work_drop(cp);
	cp_unlock(cp);
	if (cp->is_reload_joinable)
		pthread_join(cp->reload_thread, NULL);
	cp->is_reload_joinable = false;
	config_tx_stop(cp->config_tx);
	stop_modules(cp);
	return rc;
}

void cp_close(struct cp *cp)
{
	cp_work_close(cp);
	publish_free(cp->publish);
	state_log_close(cp->state_log);
	config_tx_close(cp->config_tx);
	config_store_close(cp->config_store);
	state_free(cp->state);
	shm_close(&cp->shm);
	loop_free(cp->loop);
	if (cp->signal_fd >= 0)
		close(cp->signal_fd);
	config_free(cp->config);
	lock_fini(&cp->lock);
}

/* ---- reload ---- */

int cp_swap(struct cp *cp, struct config *cfg, struct config **ret_old, struct config_errors *errs)
{
	const struct config_path whole = {};
	struct config *old = cp->config;

	const int rc = publish_config(cp->publish, cfg);
	if (rc < 0) {
		config_error(errs, &whole, "cannot be compiled: %s", strerror(-rc));
		return -EINVAL;
	}
	cp->config = cfg;
	forget_ems(cp);
	(void)publish_now(cp->publish); /* told in the log; tried again by the tick */
	state_log_commit(cp->state_log);
	cp->nb_reloads++;
	cp->reloaded_ms = loop_real_ms();
	for (uint32_t i = 0; i < cp->nb_started; i++) {
		if (cp->modules[i]->reload != NULL)
			cp->modules[i]->reload(cp, old);
	}
	*ret_old = old;
	return 0;
}

int cp_adopt(struct cp *cp, struct config *cfg, struct config_errors *errs)
{
	struct config *old;

	const int rc = cp_swap(cp, cfg, &old, errs);
	if (rc == 0)
		config_free(old);
	else
		cp->nb_reload_failures++;
	return rc;
}

int cp_reload(struct cp *cp, const char *who, struct config_errors *errs)
{
	const struct config_ask ask = {.who = who};

	const int rc = config_tx_reload(cp->config_tx, &ask, errs);
	if (rc == 0)
		return 0;
	cp_lock(cp);
	cp->nb_reload_failures++;
	cp_unlock(cp);
	return rc;
}

void cp_log_errors(const struct config_errors *errs)
{
	for (unsigned i = 0; i < errs->nb; i++) {
		const struct config_error *e = &errs->e[i];
		const char *at = e->path.s[0] == '\0' ? "document" : e->path.s;
		if (e->is_warning)
			LOG(WARN, "%s: %s", at, e->text);
		else
			LOG(ERR, "%s: %s", at, e->text);
	}
	if (errs->nb_dropped > 0)
		LOG(ERR, "and %u more", errs->nb_dropped);
}

static void on_reload_done(void *user)
{
	struct cp *cp = user;

	pthread_join(cp->reload_thread, NULL);
	cp->is_reload_joinable = false;
	if (cp->is_reload_wanted)
		cp_reload_begin(cp);
}

static void *reload_main(void *user)
{
	struct cp *cp = user;
	struct config_errors *errs = calloc(1, sizeof(*errs));

	if (errs != NULL) {
		const int rc = cp_reload(cp, "SIGHUP", errs);
		cp_log_errors(errs);
		if (rc == 0)
			LOG(NOTICE, "configuration loaded anew");
		else
			LOG(ERR, "configuration refused, nothing has changed: errors=%u",
			    errs->nb_errors);
	}
	free(errs);
	/* At shutdown nobody takes the post: cp_run() joins. */
	(void)loop_post(cp->loop, on_reload_done, NULL, cp);
	return NULL;
}

void cp_reload_begin(struct cp *cp)
{
	cp->is_reload_wanted = cp->is_reload_joinable;
	if (cp->is_reload_joinable)
		return;
	cp->is_reload_joinable = pthread_create(&cp->reload_thread, NULL, reload_main, cp) == 0;
	if (!cp->is_reload_joinable)
		LOG(ERR, "cannot reload: no thread");
}
