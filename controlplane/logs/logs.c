/* SPDX-License-Identifier: BSD-3-Clause */

/* From records to the log file: names looked up, lines written, the file rotated. */

#include "logs/logs.h"

#include "common/log/log.h"
#include "common/snap/snap.h"
#include "config/config.h"
#include "logs/denials.h"
#include "snap/publish.h"
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("logs");

#define BUFFER (256u * 1024)
#define FLUSH_MS 200u
#define NAME_MAX_LEN 256u
#define TAGS_MAX 512u /* clientdevicetags of the field */

struct logs {
	struct cp *cp;
	int fd; /* -1: no file now */
	char path[PATH_MAX];
	uint64_t size;
	struct logs_counts counts;
	struct loop_timer flush;
	struct denials *denials;
	uint64_t last_error_ms;
	size_t len;
	char buf[BUFFER];
};

static void open_file(struct logs *lg)
{
	struct stat st;

	lg->fd = open(lg->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (lg->fd < 0) {
		LOG(ERR, "traffic log cannot be opened path=%s error=\"%s\"", lg->path,
		    strerror(errno));
		return;
	}
	lg->size = fstat(lg->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* traffic.log -> traffic.log.1 -> ... -> traffic.log.<keep> -> gone. */
static void rotate(struct logs *lg)
{
	const unsigned keep = lg->cp->config->log.keep;

	close(lg->fd);
	for (unsigned i = keep; i > 0; i--) {
		char from[PATH_MAX + 12], to[PATH_MAX + 12];

		(void)snprintf(to, sizeof(to), "%s.%u", lg->path, i);
		if (i == 1)
			(void)snprintf(from, sizeof(from), "%s", lg->path);
		else
			(void)snprintf(from, sizeof(from), "%s.%u", lg->path, i - 1);
		(void)rename(from, to);
	}
	if (keep == 0)
		(void)unlink(lg->path);
	lg->counts.rotated++;
	open_file(lg);
}

static void write_failed(struct logs *lg, int err)
{
	const uint64_t now = loop_now_ms();

	lg->counts.failed++;
	if (lg->last_error_ms != 0 && now < lg->last_error_ms + 60000)
		return;
	lg->last_error_ms = now;
	LOG(ERR, "traffic log cannot be written path=%s error=\"%s\"", lg->path, strerror(err));
}

static void flush(struct logs *lg)
{
	size_t done = 0;

	if (lg->fd < 0 && lg->path[0] != '\0')
		open_file(lg);
	while (lg->fd >= 0 && done < lg->len) {
		const ssize_t n = write(lg->fd, lg->buf + done, lg->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			write_failed(lg, errno);
			break;
		}
		done += (size_t)n;
	}
	lg->size += done;
	lg->len = 0;
	if (lg->fd >= 0 && lg->cp->config->log.max_size != 0 &&
	    lg->size >= lg->cp->config->log.max_size)
		rotate(lg);
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
static void keep_denial(struct cp *cp, const struct record *r, const struct names *n)
{
	struct denial d = {.r = *r};
	struct state_device_core dev;

	if ((r->flags & RECORD_F_HAS_DEVICE) && state_core_find(cp->state, &r->uid, &dev)) {
		d.is_known = true;
		d.ems_serial = dev.serial;
	}
	copy_slice(slice_str(n->proxy), d.proxy, sizeof(d.proxy));
	copy_slice(slice_str(n->policy), d.policy, sizeof(d.policy));
	denials_add(cp->logs->denials, &d);
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
	const bool is_logged = (r->flags & RECORD_F_LOG) && lg->path[0] != '\0';
	struct names n = {0};

	if (r->kind == RECORD_HEALTH)
		log_health(r);
	if (r->kind != RECORD_TRAFFIC || (!is_logged && r->code == 0))
		return;
	look_up(cp, r, &n);
	if (r->code != 0)
		keep_denial(cp, r, &n);
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
	lg->counts.written++;
	if (!lg->flush.is_armed)
		loop_timer_set(cp->loop, &lg->flush, FLUSH_MS, on_flush, lg);
}

void logs_counts(const struct cp *cp, struct logs_counts *ret)
{
	*ret = cp->logs != NULL ? cp->logs->counts : (struct logs_counts){0};
}

const struct denials *logs_denials(const struct cp *cp)
{
	return cp->logs != NULL ? cp->logs->denials : NULL;
}

static void set_path(struct logs *lg)
{
	const char *path = lg->cp->config->log.traffic_path;

	if (lg->fd >= 0)
		close(lg->fd);
	lg->fd = -1;
	(void)snprintf(lg->path, sizeof(lg->path), "%s", path == NULL ? "" : path);
	if (lg->path[0] != '\0')
		open_file(lg);
}

static int init(struct cp *cp)
{
	cp->logs = calloc(1, sizeof(*cp->logs));
	if (cp->logs == NULL)
		return -ENOMEM;
	cp->logs->denials = denials_new();
	if (cp->logs->denials == NULL) {
		free(cp->logs);
		cp->logs = NULL;
		return -ENOMEM;
	}
	cp->logs->cp = cp;
	cp->logs->fd = -1;
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
	if (lg->fd >= 0)
		close(lg->fd);
	denials_free(lg->denials);
	free(lg);
	cp->logs = NULL;
}

const struct module logs_module = {
	.name = "logs",
	.init = init,
	.reload = reload,
	.fini = fini,
};
