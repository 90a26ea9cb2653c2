/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bringing a document into force, and back.
 *
 * The order of a commit: validate; write the new file beside the old one; publish; rename the
 * file; add the version to the history. What is likely to fail does so before anything has
 * changed. Killed before the rename, we start with the old document, after it with the new one;
 * between rename and history the start itself adds the version.
 */

#include "base/cp.h"
#include "common/log/log.h"
#include "config/config.h"
#include "config/config_json.h"
#include "config_store/doc_diff.h"
#include "config_store/durable.h"
#include "config_store/transaction_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("config");

/* ---- history ---- */

/* The running configuration's document is version <v> from now on. Holder of the work mutex. */
static void record(struct config_tx *tx, struct config_version *v)
{
	const struct slice doc = tx->cp->config->document;

	v->time_ms = loop_real_ms();
	v->number = tx->running.number + 1;
	v->len = doc.len;
	config_sha256(doc, v->sha256);
	const int rc = tx->store == NULL ? -ENODEV : config_store_add(tx->store, v, doc);
	if (rc < 0)
		LOG(ERR, "the history misses version %llu: %s", (unsigned long long)v->number,
		    strerror(-rc));
	pthread_mutex_lock(&tx->mutex);
	tx->running = *v;
	pthread_mutex_unlock(&tx->mutex);
}

static struct config_version version_of(enum config_kind kind, const struct config_ask *ask)
{
	struct config_version v = {.kind = kind};

	(void)snprintf(v.who, sizeof(v.who), "%s", ask->who);
	(void)snprintf(v.comment, sizeof(v.comment), "%s",
		       ask->comment != NULL ? ask->comment : "");
	return v;
}

/* What is new in <new> against <old>, in a line. */
static void summarize(struct slice old, struct slice new, char ret[static CONFIG_SUMMARY_MAX])
{
	struct config_errors *errs = calloc(1, sizeof(*errs));

	ret[0] = '\0';
	if (errs == NULL)
		return;
	json_t *a = config_json_parse(old.ptr, old.len, errs);
	json_t *b = config_json_parse(new.ptr, new.len, errs);
	json_t *diff = a == NULL || b == NULL ? NULL : doc_diff(a, b);
	if (diff != NULL)
		doc_diff_summary(diff, ret, CONFIG_SUMMARY_MAX);
	json_decref(diff);
	json_decref(a);
	json_decref(b);
	free(errs);
}

static void tell_done(const struct config_tx *tx, struct config_done *ret)
{
	ret->version = tx->running;
	ret->confirm_by_ms = tx->before != NULL ? tx->confirm_by_ms : 0;
}

/* ---- the file ---- */

/* Is the file still what we read or wrote? */
static int check_file(const struct config_tx *tx, struct config_errors *errs)
{
	const char *path = tx->cp->config_path;
	char sum[CONFIG_SHA256_LEN + 1];
	uint8_t *buf;
	size_t len;
	mode_t mode;

	const int rc = config_files_os.read(config_files_os.user, path, CONFIG_DOCUMENT_MAX, &buf,
					    &len, &mode);
	if (rc < 0)
		return tx_refuse(errs, -ESTALE,
				 "%s cannot be read (%s), so whether it was edited is not known; "
				 "force writes it anew",
				 path, strerror(-rc));
	config_sha256(slice_of(buf, len), sum);
	free(buf);
	if (strcmp(sum, tx->file_sha256) == 0)
		return 0;
	return tx_refuse(errs, -ESTALE,
			 "%s was edited by hand since it was read; reload takes the edits up, "
			 "force overwrites them",
			 path);
}

/*
 * Write <doc> beside the file that config_path is, or is a link to, with its owner, group and
 * mode as far as we may.
 */
static int prepare_file(const struct config_tx *tx, struct slice doc, struct durable *d)
{
	char path[PATH_MAX], base[PATH_MAX];
	struct stat sb;

	if (realpath(tx->cp->config_path, path) == NULL) {
		if (errno != ENOENT || strlen(tx->cp->config_path) >= sizeof(path))
			return -errno;
		(void)snprintf(path, sizeof(path), "%s", tx->cp->config_path);
	}
	const bool is_old = stat(path, &sb) == 0;
	(void)snprintf(base, sizeof(base), "%s", path);
	const int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	const int rc =
		durable_prepare(d, fd, basename(base), &doc, 1, is_old ? sb.st_mode & 0777 : 0640,
				is_old ? sb.st_uid : (uid_t)-1, is_old ? sb.st_gid : (gid_t)-1);
	close(fd);
	return rc;
}

/* Everything that has to be right before the file can be replaced. */
static int begin_file(const struct config_tx *tx, const struct config_ask *ask, struct slice doc,
		      struct durable *d, struct config_errors *errs)
{
	int rc = ask->is_forced ? 0 : check_file(tx, errs);

	if (rc < 0)
		return rc;
	rc = prepare_file(tx, doc, d);
	if (rc == 0)
		return 0;
	return tx_refuse(errs, -EACCES,
			 "%s cannot be replaced: %s; the control plane's user must be able to "
			 "write its folder (tagwarden-controlplane(8)), or edit the file and "
			 "reload",
			 tx->cp->config_path, strerror(-rc));
}

static void wrote_file(struct config_tx *tx, struct slice doc)
{
	pthread_mutex_lock(&tx->mutex);
	config_sha256(doc, tx->file_sha256);
	pthread_mutex_unlock(&tx->mutex);
}

/* ---- the clock of a trial ---- */

static uint64_t monotonic_ms(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000 + (uint64_t)ts->tv_nsec / 1000000;
}

static void go_back(struct config_tx *tx, struct config_version *v);

/* Holder of nothing. The trial may have ended meanwhile, or another have begun. */
static void on_time_up(struct config_tx *tx)
{
	static const struct config_ask nobody = {.who = "nobody confirmed"};
	struct config_version v = version_of(CONFIG_KIND_TIMED_OUT, &nobody);
	char detail[200];

	pthread_mutex_lock(&tx->work);
	const bool is_up =
		tx->before != NULL && loop_now_ms() >= tx->confirm_until_ms && !tx->is_stopping;
	if (is_up) {
		(void)snprintf(v.comment, sizeof(v.comment),
			       "version %llu was not confirmed: back to version %llu",
			       (unsigned long long)tx->running.number,
			       (unsigned long long)tx->before_version.number);
		go_back(tx, &v);
		LOG(WARN, "%s", v.comment);
	}
	pthread_mutex_unlock(&tx->work);
	if (!is_up)
		return;
	(void)snprintf(detail, sizeof(detail), "version %llu: %.150s", (unsigned long long)v.number,
		       v.comment);
	if (tx->on_event != NULL)
		tx->on_event(tx->cp, "config timed-out", detail);
}

static void *clock_main(void *user)
{
	struct config_tx *tx = user;
	struct timespec now;

	pthread_mutex_lock(&tx->mutex);
	while (!tx->is_stopping) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (tx->before == NULL) {
			pthread_cond_wait(&tx->wake, &tx->mutex);
		} else if (monotonic_ms(&now) < tx->confirm_until_ms) {
			const struct timespec until = {
				.tv_sec = (time_t)(tx->confirm_until_ms / 1000),
				.tv_nsec = (long)(tx->confirm_until_ms % 1000) * 1000000,
			};
			pthread_cond_timedwait(&tx->wake, &tx->mutex, &until);
		} else {
			pthread_mutex_unlock(&tx->mutex);
			on_time_up(tx);
			pthread_mutex_lock(&tx->mutex);
		}
	}
	pthread_mutex_unlock(&tx->mutex);
	return NULL;
}

static int start_clock(struct config_tx *tx, struct config_errors *errs)
{
	if (!tx->is_started && !tx->is_stopping)
		tx->is_started = pthread_create(&tx->thread, NULL, clock_main, tx) == 0;
	return tx->is_started ? 0 : tx_refuse(errs, -EIO, "no thread to keep the time");
}

static void begin_trial(struct config_tx *tx, struct config *before, unsigned confirm_s)
{
	pthread_mutex_lock(&tx->mutex);
	tx->before = before;
	tx->before_version = tx->running;
	tx->confirm_by_ms = loop_real_ms() + (uint64_t)confirm_s * 1000;
	tx->confirm_until_ms = loop_now_ms() + (uint64_t)confirm_s * 1000;
	pthread_cond_signal(&tx->wake);
	pthread_mutex_unlock(&tx->mutex);
}

/* The configuration of before, the caller's now; NULL: there was no trial. */
static struct config *end_trial(struct config_tx *tx)
{
	pthread_mutex_lock(&tx->mutex);
	struct config *before = tx->before;
	tx->before = NULL;
	tx->confirm_by_ms = tx->confirm_until_ms = 0;
	pthread_mutex_unlock(&tx->mutex);
	return before;
}

/* ---- into force ---- */

/* Publish <cfg>; *<ret_old> is the caller's then. */
static int publish(struct config_tx *tx, struct config *cfg, struct config **ret_old,
		   struct config_errors *errs)
{
	cp_lock(tx->cp);
	const int rc = cp_swap(tx->cp, cfg, ret_old, errs);
	cp_unlock(tx->cp);
	return rc;
}

/* End the trial; what was in force before it is again. */
static void go_back(struct config_tx *tx, struct config_version *v)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));
	struct config *before = end_trial(tx), *tried = NULL;

	if (errs == NULL || publish(tx, before, &tried, errs) < 0) {
		/* It was published before, so this is a lack of memory: a restart brings it. */
		LOG(ERR, "version %llu cannot be brought back: restart the control plane",
		    (unsigned long long)tx->before_version.number);
		tried = before;
	} else {
		record(tx, v);
	}
	config_free(tried);
	free(errs);
}

static int put_permanent(struct config_tx *tx, const struct config_ask *ask, struct config *cfg,
			 struct config_version *v, struct config_errors *errs)
{
	struct config *old, *refused;
	struct durable d;

	int rc = begin_file(tx, ask, cfg->document, &d, errs);
	if (rc < 0)
		return rc;
	rc = publish(tx, cfg, &old, errs);
	if (rc < 0) {
		durable_drop(&d);
		return rc;
	}
	rc = durable_publish(&d);
	if (rc < 0) {
		(void)tx_refuse(errs, -EIO, "%s cannot be replaced: %s", tx->cp->config_path,
				strerror(-rc));
		/* <cfg> is the caller's again when the old one is back. */
		if (publish(tx, old, &refused, errs) == 0)
			return -EIO;
		LOG(ERR, "version %llu is in force, and not in the file",
		    (unsigned long long)tx->running.number + 1);
	} else {
		wrote_file(tx, cfg->document);
	}
	record(tx, v);
	config_free(old);
	return 0;
}

static int put_on_trial(struct config_tx *tx, const struct config_ask *ask, struct config *cfg,
			struct config_version *v, struct config_errors *errs)
{
	struct config *old;

	int rc = start_clock(tx, errs);
	if (rc == 0)
		rc = publish(tx, cfg, &old, errs);
	if (rc < 0)
		return rc;
	begin_trial(tx, old, ask->confirm_s);
	v->kind = CONFIG_KIND_TRIAL;
	record(tx, v);
	return 0;
}

/* <text> into force. Holder of the work mutex; there is no trial. */
static int put_in_force(struct config_tx *tx, const struct config_ask *ask, struct slice text,
			struct config_version *v, struct config_errors *errs,
			struct config_done *ret)
{
	if (ask->confirm_s > CONFIG_CONFIRM_MAX_S)
		return tx_refuse(errs, -EINVAL, "a trial lasts at most %u s", CONFIG_CONFIRM_MAX_S);
	struct config *cfg =
		config_parse(text.ptr, text.len, tx->cp->config_path, &config_files_os, errs);
	if (cfg == NULL)
		return -EINVAL;
	cp_lock(tx->cp);
	struct config *old = tx->cp->config;
	cp_unlock(tx->cp);
	/* <old> is freed by nobody but a holder of the work mutex. */
	summarize(old->document, cfg->document, ret->summary);
	const int rc = ask->confirm_s > 0 ? put_on_trial(tx, ask, cfg, v, errs)
					  : put_permanent(tx, ask, cfg, v, errs);
	if (rc < 0) {
		config_free(cfg);
		return rc;
	}
	tell_done(tx, ret);
	LOG(NOTICE, "version %llu is in force: %s by=\"%s\"", (unsigned long long)v->number,
	    config_kind_name(v->kind), v->who);
	return 0;
}

static int check_no_trial(const struct config_tx *tx, struct config_errors *errs)
{
	if (tx->before == NULL)
		return 0;
	return tx_refuse(errs, -EBUSY,
			 "version %llu waits to be confirmed: confirm it, or roll back, first",
			 (unsigned long long)tx->running.number);
}

static int commit(struct config_tx *tx, const struct config_ask *ask, struct config_errors *errs,
		  struct config_done *ret)
{
	struct config_version v = version_of(CONFIG_KIND_COMMIT, ask);

	if (tx->candidate == NULL)
		return tx_refuse(errs, -ENOENT, "there is no candidate");
	int rc = check_no_trial(tx, errs);
	if (rc < 0)
		return rc;
	if (tx->candidate_version.number != tx->running.number && !ask->is_forced)
		return tx_refuse(errs, -ESTALE,
				 "the candidate was made from version %llu, and version %llu runs "
				 "now: look at the difference, and force it, or discard it",
				 (unsigned long long)tx->candidate_version.number,
				 (unsigned long long)tx->running.number);
	/* Only a holder of the work mutex changes it. */
	rc = put_in_force(tx, ask, slice_of(tx->candidate, tx->candidate_len), &v, errs, ret);
	if (rc == 0)
		tx_candidate_drop(tx);
	return rc;
}

int config_tx_commit(struct config_tx *tx, const struct config_ask *ask, struct config_errors *errs,
		     struct config_done *ret)
{
	*ret = (struct config_done){};
	pthread_mutex_lock(&tx->work);
	const int rc = commit(tx, ask, errs, ret);
	pthread_mutex_unlock(&tx->work);
	return rc;
}

static int confirm(struct config_tx *tx, const struct config_ask *ask, struct config_errors *errs,
		   struct config_done *ret)
{
	struct config_version v = version_of(CONFIG_KIND_CONFIRMED, ask);
	struct durable d;

	if (tx->before == NULL)
		return tx_refuse(errs, -ENOENT,
				 "nothing waits to be confirmed: the time may have been up");
	const struct slice doc = tx->cp->config->document;
	int rc = begin_file(tx, ask, doc, &d, errs);
	if (rc < 0)
		return rc;
	rc = durable_publish(&d);
	if (rc < 0)
		return tx_refuse(errs, -EIO, "%s cannot be replaced: %s", tx->cp->config_path,
				 strerror(-rc));
	if (v.comment[0] == '\0')
		(void)snprintf(v.comment, sizeof(v.comment), "%s", tx->running.comment);
	wrote_file(tx, doc);
	config_free(end_trial(tx));
	record(tx, &v);
	tell_done(tx, ret);
	(void)snprintf(ret->summary, sizeof(ret->summary), "confirmed");
	return 0;
}

int config_tx_confirm(struct config_tx *tx, const struct config_ask *ask,
		      struct config_errors *errs, struct config_done *ret)
{
	*ret = (struct config_done){};
	pthread_mutex_lock(&tx->work);
	const int rc = confirm(tx, ask, errs, ret);
	pthread_mutex_unlock(&tx->work);
	return rc;
}

/* ---- back ---- */

/* The newest version whose document is another than the running one; 0: none. */
static uint64_t find_previous(const struct config_tx *tx)
{
	struct config_version v;
	uint64_t before = 0;

	while (tx->store != NULL && config_store_list(tx->store, before, &v, 1) == 1) {
		if (strcmp(v.sha256, tx->running.sha256) != 0)
			return v.number;
		before = v.number;
	}
	return 0;
}

static int end_by_rollback(struct config_tx *tx, const struct config_ask *ask,
			   struct config_errors *errs, struct config_done *ret)
{
	struct config_version v = version_of(CONFIG_KIND_ROLLBACK, ask);

	if (ask->version != 0 && ask->version != tx->before_version.number)
		return check_no_trial(tx, errs);
	if (v.comment[0] == '\0')
		(void)snprintf(v.comment, sizeof(v.comment), "to version %llu",
			       (unsigned long long)tx->before_version.number);
	summarize(tx->cp->config->document, tx->before->document, ret->summary);
	go_back(tx, &v);
	tell_done(tx, ret);
	return 0;
}

static int rollback(struct config_tx *tx, const struct config_ask *ask, struct config_errors *errs,
		    struct config_done *ret)
{
	struct config_version v = version_of(CONFIG_KIND_ROLLBACK, ask), old;
	char *text;
	size_t len;

	if (tx->before != NULL)
		return end_by_rollback(tx, ask, errs, ret);
	const uint64_t number = ask->version != 0 ? ask->version : find_previous(tx);
	if (number == 0)
		return tx_refuse(errs, -ENOENT, "there is no earlier document");
	int rc = config_tx_version(tx, number, &old, &text, &len);
	if (rc < 0)
		return tx_refuse(errs, rc == -ENOENT ? -ENOENT : -EIO,
				 "version %llu is not in the history: %s",
				 (unsigned long long)number, strerror(-rc));
	if (v.comment[0] == '\0')
		(void)snprintf(v.comment, sizeof(v.comment), "to version %llu",
			       (unsigned long long)number);
	rc = put_in_force(tx, ask, slice_of(text, len), &v, errs, ret);
	free(text);
	return rc;
}

int config_tx_rollback(struct config_tx *tx, const struct config_ask *ask,
		       struct config_errors *errs, struct config_done *ret)
{
	*ret = (struct config_done){};
	pthread_mutex_lock(&tx->work);
	const int rc = rollback(tx, ask, errs, ret);
	pthread_mutex_unlock(&tx->work);
	return rc;
}

/* ---- reload ---- */

int config_tx_reload(struct config_tx *tx, const struct config_ask *ask, struct config_errors *errs)
{
	struct config_version v = version_of(CONFIG_KIND_RELOAD, ask);
	char sum[CONFIG_SHA256_LEN + 1];
	struct config *old = NULL;

	pthread_mutex_lock(&tx->work);
	struct config *cfg = config_load(tx->cp->config_path, errs);
	int rc = cfg == NULL ? -EINVAL : publish(tx, cfg, &old, errs);
	if (rc == 0) {
		if (tx->before != NULL)
			LOG(NOTICE, "the reload ends the trial of version %llu",
			    (unsigned long long)tx->running.number);
		config_free(end_trial(tx));
		wrote_file(tx, cfg->document);
		/* The files that it names may be new; the document itself is the same version. */
		config_sha256(cfg->document, sum);
		if (strcmp(sum, tx->running.sha256) != 0)
			record(tx, &v);
		config_free(old);
	} else {
		config_free(cfg);
	}
	pthread_mutex_unlock(&tx->work);
	return rc;
}

/* ---- life ---- */

/* The version that was newest when we ended is not added again by every start. */
static void record_start(struct config_tx *tx)
{
	static const struct config_ask start = {.who = "start"};
	struct config_version v = version_of(CONFIG_KIND_START, &start), last;
	char sum[CONFIG_SHA256_LEN + 1];

	config_sha256(tx->cp->config->document, sum);
	memcpy(tx->file_sha256, sum, sizeof(sum));
	if (tx->store != NULL && config_store_last(tx->store, &last) == 0) {
		tx->running = last;
		if (strcmp(last.sha256, sum) == 0 && last.kind != CONFIG_KIND_TRIAL)
			return;
		if (last.kind == CONFIG_KIND_TRIAL && strcmp(last.sha256, sum) != 0) {
			(void)snprintf(v.comment, sizeof(v.comment),
				       "version %llu was not confirmed before the restart",
				       (unsigned long long)last.number);
			LOG(WARN, "%s", v.comment);
		}
	}
	record(tx, &v);
}

struct config_tx *config_tx_open(struct cp *cp, struct config_store *st)
{
	struct config_tx *tx = calloc(1, sizeof(*tx));
	pthread_condattr_t attr;

	if (tx == NULL)
		return NULL;
	tx->cp = cp;
	tx->store = st;
	pthread_mutex_init(&tx->work, NULL);
	pthread_mutex_init(&tx->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&tx->wake, &attr);
	pthread_condattr_destroy(&attr);
	record_start(tx);
	tx_candidate_load(tx);
	return tx;
}

void config_tx_stop(struct config_tx *tx)
{
	if (tx == NULL)
		return;
	pthread_mutex_lock(&tx->work);
	pthread_mutex_lock(&tx->mutex);
	tx->is_stopping = true;
	pthread_cond_signal(&tx->wake);
	pthread_mutex_unlock(&tx->mutex);
	const bool is_started = tx->is_started;
	/* No other is started: a trial is refused without a clock. */
	tx->is_started = false;
	pthread_mutex_unlock(&tx->work);
	if (is_started)
		pthread_join(tx->thread, NULL);
}

void config_tx_close(struct config_tx *tx)
{
	if (tx == NULL)
		return;
	config_tx_stop(tx);
	config_free(tx->before);
	free(tx->candidate);
	pthread_cond_destroy(&tx->wake);
	pthread_mutex_destroy(&tx->mutex);
	pthread_mutex_destroy(&tx->work);
	free(tx);
}

void config_tx_on_event(struct config_tx *tx,
			void (*fn)(struct cp *cp, const char *what, const char *detail))
{
	tx->on_event = fn;
}

void config_tx_state(struct config_tx *tx, struct config_tx_state *ret)
{
	*ret = (struct config_tx_state){};
	pthread_mutex_lock(&tx->mutex);
	const uint64_t now_ms = loop_now_ms();
	ret->running = tx->running;
	ret->has_candidate = tx->candidate != NULL;
	if (ret->has_candidate)
		ret->candidate = tx->candidate_version;
	if (tx->before != NULL) {
		ret->confirm_by_ms = tx->confirm_by_ms;
		ret->confirm_left_ms =
			tx->confirm_until_ms > now_ms ? tx->confirm_until_ms - now_ms : 0;
	}
	pthread_mutex_unlock(&tx->mutex);
}
