/* SPDX-License-Identifier: BSD-3-Clause */

/* From records to the log file: names looked up, lines written, the file rotated. */

#include "logs/logs.h"

#include "common/log/log.h"
#include "common/snap/snap.h"
#include "config/config.h"
#include "debug/debug.h"
#include "explain/explain.h"
#include "logs/denials.h"
#include "logs/logfile.h"
#include "snap/publish.h"
#include "state/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

LOG_TYPE("logs");

#define BUFFER (256u * 1024)
#define FLUSH_MS 200u
#define OTHERS_PER_SECOND 1000u
#define NAME_MAX_LEN 256u
#define TAGS_MAX 512u /* clientdevicetags of the field */

struct logs {
	struct cp *cp;
	struct logfile file;
	uint64_t nb_written;
	struct loop_timer flush;
	struct denials *denials;
	struct denials *others; /* what was accepted, or refused before any policy was asked */
	uint64_t second;        /* of the clock, and others kept in it */
	uint32_t nb_this_second;
	size_t len;
	char buf[BUFFER];
};

static void flush(struct logs *lg)
{
	(void)logfile_write(&lg->file, lg->buf, lg->len);
	lg->len = 0;
}

unsigned logs_flush(const struct cp *cp, char *ret_path, size_t cap)
{
	struct logs *lg = cp->logs;

	ret_path[0] = '\0';
	if (lg == NULL)
		return 0;
	flush(lg);
	(void)snprintf(ret_path, cap, "%s", lg->file.path);
	return lg->file.keep;
}

static void on_flush(void *user)
{
	flush(user);
}

static void copy_slice(struct slice s, char *ret, size_t cap)
{
	const size_t n = s.len < cap - 1 ? s.len : cap - 1;

	if (n > 0)
		memcpy(ret, s.ptr, n);
	ret[n] = '\0';
}

struct names {
	char interface[NAME_MAX_LEN], policy[NAME_MAX_LEN], uuid[40], proxy[NAME_MAX_LEN], ems[64],
		tags[TAGS_MAX];
	const char *role;
};

/* Indices of a record mean something only in the configuration they came from. */
static void look_up(const struct cp *cp, const struct record *r, struct names *n)
{
	static const char *const role[] = {"undefined", "wan", "lan", "dmz"};
	struct snap_view v;

	n->role = "undefined";
	if (!publish_view(cp->publish, &v) || v.root->config_generation != r->config_generation)
		return;
	if (r->interface < v.config->interfaces.count) {
		const struct snap_interface *i = snap_arr(&v, v.config->interfaces);

		copy_slice(snap_str(&v, i[r->interface].name), n->interface, sizeof(n->interface));
		n->role = role[i[r->interface].role & 3];
	}
	if (r->policy < v.config->policies.count) {
		const struct snap_policy *p = snap_arr(&v, v.config->policies);

		copy_slice(snap_str(&v, p[r->policy].name), n->policy, sizeof(n->policy));
		copy_slice(snap_str(&v, p[r->policy].uuid), n->uuid, sizeof(n->uuid));
	}
	if (r->proxy < v.config->proxies.count) {
		const struct snap_access_proxy *p = snap_arr(&v, v.config->proxies);

		copy_slice(snap_str(&v, p[r->proxy].name), n->proxy, sizeof(n->proxy));
	}
	if (r->ems < v.config->ems.count) {
		const struct snap_ems *e = snap_arr(&v, v.config->ems);

		copy_slice(snap_str(&v, e[r->ems].serial_number), n->ems, sizeof(n->ems));
	}
}

/* A '/' inside a name would look like two tags. */
static size_t add_tag(char *ret, size_t len, size_t cap, const char *name)
{
	const size_t n = strlen(name);

	if (len + n + 2 > cap)
		return len;
	if (len > 0)
		ret[len++] = '/';
	for (size_t i = 0; i < n; i++)
		ret[len++] = name[i] == '/' ? '_' : name[i];
	ret[len] = '\0';
	return len;
}

static void look_up_tags(const struct cp *cp, const struct record *r, struct names *n)
{
	struct state_device_core dev;
	uint32_t nb = 0;
	size_t len = 0;

	if (!(r->flags & RECORD_F_HAS_DEVICE) || !state_core_find(cp->state, &r->uid, &dev) ||
	    dev.tagset == STATE_NO_TAGSET)
		return;

	const uint16_t *id = state_tagset(cp->state, dev.tagset, &nb);

	for (uint32_t i = 0; i < nb; i++) {
		const struct state_tag *tag = state_tag(cp->state, id[i]);

		if (tag != NULL)
			len = add_tag(n->tags, len, sizeof(n->tags), tag->name);
	}
}

static int64_t utc_offset(uint64_t time_us)
{
	const time_t t = (time_t)(time_us / 1000000);
	struct tm tm;

	return localtime_r(&t, &tm) == NULL ? 0 : tm.tm_gmtoff;
}

/* Kept whether it is logged or not: this is what tells a request id's story. */
static void keep_decision(struct cp *cp, const struct record *r, const struct names *n)
{
	static struct history_device dev; /* main thread */
	struct denial d;

	explain_note(cp, r, &d);
	copy_slice(slice_str(n->proxy), d.proxy, sizeof(d.proxy));
	copy_slice(slice_str(n->policy), d.policy, sizeof(d.policy));
	if (r->code == 0) {
		denials_add(cp->logs->others, &d);
		return;
	}
	denials_add(cp->logs->denials, &d);
	if (history_wants_denial(cp)) {
		explain_device_then(cp, &d, &dev);
		history_denial(cp, &d, &dev);
	}
}

/* Denials always; of the others as many as cost next to nothing. */
static bool is_kept(struct logs *lg, const struct record *r)
{
	const uint64_t second = loop_now_ms() / 1000;

	if (r->code != 0)
		return true;
	lg->nb_this_second = lg->second == second ? lg->nb_this_second + 1 : 1;
	lg->second = second;
	return lg->nb_this_second <= OTHERS_PER_SECOND;
}

/* A worker found a real server dead, or alive again. Each worker finds out for itself. */
static void log_health(const struct record *r)
{
	char address[IP_ADDR_STRLEN];

	ip_addr_emit(&r->server, address);
	if (r->flags & RECORD_F_ACCEPT)
		LOG(NOTICE, "real server is back address=%s port=%u gateway=%u", address,
		    r->server_port, r->gateway_id);
	else
		LOG(WARN, "real server is down address=%s port=%u gateway=%u", address,
		    r->server_port, r->gateway_id);
}

static void on_record(struct cp *cp, const struct record *r)
{
	struct logs *lg = cp->logs;
	const bool is_logged = (r->flags & RECORD_F_LOG) && lg->file.path[0] != '\0';
	struct names n = {0};

	if (r->kind == RECORD_HEALTH)
		log_health(r);
	if (r->kind == RECORD_TRAFFIC && debug_is_on(DEBUG_WAD_POLICY))
		explain_wad(cp, r);
	if (r->kind != RECORD_TRAFFIC)
		return;
	const bool is_to_keep = is_kept(lg, r);
	if (!is_logged && !is_to_keep)
		return;
	look_up(cp, r, &n);
	if (is_to_keep)
		keep_decision(cp, r, &n);
	if (!is_logged)
		return;
	look_up_tags(cp, r, &n);

	const struct logs_traffic t = {
		.r = r,
		.vdom = cp->config->vdom,
		.src_interface = n.interface,
		.src_role = n.role,
		.policy_name = n.policy,
		.policy_uuid = n.uuid,
		.proxy = n.proxy,
		.ems_serial = n.ems,
		.tags = n.tags,
		.utc_offset_s = utc_offset(r->time_us),
	};

	if (lg->len + LOGS_LINE_MAX + 1 > sizeof(lg->buf))
		flush(lg);
	lg->len += cp->config->log.is_json
			   ? logs_traffic_json(&t, lg->buf + lg->len, LOGS_LINE_MAX)
			   : logs_traffic_keyvalue(&t, lg->buf + lg->len, LOGS_LINE_MAX);
	lg->buf[lg->len++] = '\n';
	lg->nb_written++;
	if (!lg->flush.is_armed)
		loop_timer_set(cp->loop, &lg->flush, FLUSH_MS, on_flush, lg);
}

void logs_counts(const struct cp *cp, struct logs_counts *ret)
{
	*ret = (struct logs_counts){0};
	if (cp->logs == NULL)
		return;
	ret->written = cp->logs->nb_written;
	ret->failed = cp->logs->file.nb_failed;
	ret->rotated = cp->logs->file.nb_rotated;
}

const struct denials *logs_others(const struct cp *cp)
{
	return cp->logs != NULL ? cp->logs->others : NULL;
}

const struct denials *logs_denials(const struct cp *cp)
{
	return cp->logs != NULL ? cp->logs->denials : NULL;
}

static void set_path(struct logs *lg)
{
	const struct config_log *l = &lg->cp->config->log;

	logfile_open(&lg->file, "traffic log", l->traffic_path, l->max_size, l->keep);
}

static int init(struct cp *cp)
{
	cp->logs = calloc(1, sizeof(*cp->logs));
	if (cp->logs == NULL)
		return -ENOMEM;
	cp->logs->denials = denials_new();
	cp->logs->others = denials_new();
	if (cp->logs->denials == NULL || cp->logs->others == NULL) {
		denials_free(cp->logs->denials);
		denials_free(cp->logs->others);
		free(cp->logs);
		cp->logs = NULL;
		return -ENOMEM;
	}
	cp->logs->cp = cp;
	cp->on_record = on_record;
	set_path(cp->logs);
	return 0;
}

/* Also how an operator makes us take up a file that logrotate put in place: SIGHUP. */
static void reload(struct cp *cp, const struct config *)
{
	flush(cp->logs);
	set_path(cp->logs);
}

static void fini(struct cp *cp)
{
	struct logs *lg = cp->logs;

	if (lg == NULL)
		return;
	loop_timer_cancel(cp->loop, &lg->flush);
	flush(lg);
	logfile_close(&lg->file);
	denials_free(lg->denials);
	denials_free(lg->others);
	free(lg);
	cp->logs = NULL;
}

const struct module logs_module = {
	.name = "logs",
	.init = init,
	.reload = reload,
	.fini = fini,
};
