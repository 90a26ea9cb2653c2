/* SPDX-License-Identifier: BSD-3-Clause */

/* tagwarden-controlplane: the command line, and the table of modules. */

#include "base/cp_start.h"
#include "common/log/log.h"
#include "config/config.h"
#include "ems/ems.h"
#include "history/history.h"
#include "logs/logs.h"
#include "rest/rest.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

LOG_TYPE("main");

/* Started in this order, stopped in reverse. */
static const struct module *const modules[] = {
	&history_module, &logs_module, &ems_module, &rest_module, NULL,
};

/* Tried in this order when --user is not given. */
static const char *const default_users[] = {"tagwarden-control", "tagwarden"};

static const char usage[] =
	"usage: tagwarden-controlplane --config FILE [--shm DIR] [--state-dir DIR]\n"
	"           [--user UID:GID|NAME[:GROUP]] [--log-level LEVEL] [--syslog] [--check]\n"
	"\n"
	"  --config FILE     the configuration, one JSON document\n"
	"  --shm DIR         where the two processes meet (" SHM_DEFAULT_DIR ")\n"
	"  --state-dir DIR   where devices and cursors are kept (as the document says)\n"
	"  --user WHO        what to become when started as root (tagwarden-control, tagwarden);\n"
	"                    root itself only when named here\n"
	"  --log-level L     err, warn, notice, info or debug (notice)\n"
	"  --syslog          log there too\n"
	"  --check           validate the document, tell its errors, exit 0 or 1\n"
	"  --help, --version\n";

struct args {
	struct cp_options opt;
	const char *user;
	enum log_level level;
	bool is_check, is_syslog;
};

static int say(FILE *f, const char *text)
{
	return fputs(text, f) < 0 ? 1 : 0;
}

/* ---- --user ---- */

/* Decimal id of at most 10 digits. */
static bool parse_id(const char *s, size_t len, uint32_t *ret)
{
	uint64_t v = 0;

	if (len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	if (v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool find_group(const char *name, size_t len, gid_t *ret)
{
	if (parse_id(name, len, ret))
		return true;
	const struct group *gr = getgrnam(name);
	if (gr != NULL)
		*ret = gr->gr_gid;
	return gr != NULL;
}

/* "UID:GID", "UID", "NAME" or "NAME:GROUP". */
static bool find_user(const char *who, struct cp_options *o)
{
	const char *colon = strchr(who, ':');
	const size_t len = colon != NULL ? (size_t)(colon - who) : strlen(who);
	bool is_found = true;
	uint32_t id;

	char *name = strndup(who, len);
	if (name == NULL)
		return false;
	if (parse_id(name, len, &id)) {
		o->uid = o->gid = id;
	} else {
		const struct passwd *pw = getpwnam(name);
		is_found = pw != NULL;
		if (is_found) {
			o->uid = pw->pw_uid;
			o->gid = pw->pw_gid;
		}
	}
	free(name);
	return is_found && (colon == NULL || find_group(colon + 1, strlen(colon + 1), &o->gid));
}

static bool choose_named_user(struct args *a)
{
	if (!find_user(a->user, &a->opt)) {
		LOG(ERR, "no such user or group: %s", a->user);
		return false;
	}
	if (a->opt.uid != 0)
		return true;
	/* The ids stay as they are, and files belong to who makes them. */
	a->opt.uid = (uid_t)-1;
	a->opt.gid = (gid_t)-1;
	LOG(WARN, "staying root as --user says: whoever takes over this process has the machine");
	return true;
}

static bool choose_user(struct args *a)
{
	a->opt.uid = (uid_t)-1;
	a->opt.gid = (gid_t)-1;
	if (a->user != NULL)
		return choose_named_user(a);
	if (geteuid() != 0)
		return true;
	for (size_t i = 0; i < sizeof(default_users) / sizeof(default_users[0]); i++) {
		if (find_user(default_users[i], &a->opt))
			return true;
	}
	LOG(ERR,
	    "not going to run as root, and there is no user %s: make it with systemd-sysusers and "
	    "config/systemd/tagwarden.sysusers.conf, or name another with --user UID:GID, or "
	    "insist "
	    "with --user root",
	    default_users[0]);
	return false;
}

/* ---- options ---- */

enum {
	OPT_CONFIG = 'c',
	OPT_SHM = 's',
	OPT_STATE = 'd',
	OPT_USER = 'u',
	OPT_LEVEL = 'l'
};
enum {
	OPT_SYSLOG = 'y',
	OPT_CHECK = 'k',
	OPT_HELP = 'h',
	OPT_VERSION = 'V'
};

static const struct option options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"shm", required_argument, NULL, OPT_SHM},
	{"state-dir", required_argument, NULL, OPT_STATE},
	{"user", required_argument, NULL, OPT_USER},
	{"log-level", required_argument, NULL, OPT_LEVEL},
	{"syslog", no_argument, NULL, OPT_SYSLOG},
	{"check", no_argument, NULL, OPT_CHECK},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{},
};

/* -1: go on; otherwise the exit status. */
static int parse_args(int argc, char **argv, struct args *a)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_CONFIG:
			a->opt.config_path = optarg;
			break;
		case OPT_SHM:
			a->opt.shm_dir = optarg;
			break;
		case OPT_STATE:
			a->opt.state_dir = optarg;
			break;
		case OPT_USER:
			a->user = optarg;
			break;
		case OPT_LEVEL:
			if (log_level_parse(optarg, strlen(optarg), &a->level) < 0)
				return say(stderr, usage), 2;
			break;
		case OPT_SYSLOG:
			a->is_syslog = true;
			break;
		case OPT_CHECK:
			a->is_check = true;
			break;
		case OPT_HELP:
			return say(stdout, usage);
		case OPT_VERSION:
			return say(stdout, "tagwarden-controlplane " TAGWARDEN_VERSION "\n");
		default:
			return say(stderr, usage), 2;
		}
	}
	if (a->opt.config_path == NULL || optind != argc)
		return say(stderr, usage), 2;
	return -1;
}

/* ---- running ---- */

static struct config *load(const char *path)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));

	if (errs == NULL)
		return NULL;
	struct config *cfg = config_load(path, errs);
	cp_log_errors(errs);
	if (cfg == NULL)
		LOG(ERR, "%s: errors=%u", path, errs->nb_errors);
	free(errs);
	return cfg;
}

static int run(const struct args *a, struct config *cfg)
{
	static struct cp cp;

	int rc = cp_open(&cp, &a->opt, cfg, modules);
	/* Private keys are in memory: nobody of our user may read it, nor a core file keep it. */
	if (rc == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		rc = -errno;
	if (rc == 0)
		rc = cp_start(&cp);
	if (rc == 0) {
		LOG(NOTICE, "running: version=%s shm=%s", TAGWARDEN_VERSION, cp.shm_dir);
		rc = cp_run(&cp);
	}
	cp_close(&cp);
	return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct args a = {.opt = {.shm_dir = SHM_DEFAULT_DIR}, .level = LOG_L_NOTICE};

	const int status = parse_args(argc, argv, &a);
	if (status >= 0)
		return status;
	log_init("tagwarden-controlplane", a.level, a.is_syslog);
	/* A check reads files and ends; who it is makes no difference. */
	if (!a.is_check && !choose_user(&a))
		return 1;
	struct config *cfg = load(a.opt.config_path);
	if (cfg == NULL)
		return 1;
	if (a.is_check) {
		config_free(cfg);
		return 0;
	}
	return run(&a, cfg);
}
