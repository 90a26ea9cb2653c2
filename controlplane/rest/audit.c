/* SPDX-License-Identifier: BSD-3-Clause */

/* Entries: made, written, kept. jansson escapes what would forge a line. */

#include "rest/audit.h"

#include "base/loop.h"
#include "common/log/log.h"
#include "config/config.h"
#include "logs/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("audit");

#define TAIL_MAX (512u * 1024) /* bytes of the file that are read at the start */
#define DUMP (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII)

struct audit {
	pthread_mutex_t lock; /* for all below; nothing is taken inside */
	struct logfile file;
	uint64_t nb; /* entries ever kept; entry <n> is in ring[n % AUDIT_KEEP], from 1 on */
	json_t *ring[AUDIT_KEEP];
};

static void keep(struct audit *a, json_t *entry)
{
	json_t **slot = &a->ring[++a->nb % AUDIT_KEEP];

	json_decref(*slot);
	*slot = entry;
}

static void take_line(struct audit *a, const char *line, size_t len)
{
	json_t *entry = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(entry))
		keep(a, entry);
	else
		json_decref(entry);
}

/* What was before the restart; a line that the tail begins in the middle of is no JSON. */
static void take_tail(struct audit *a)
{
	const int fd = open(a->file.path, O_RDONLY | O_CLOEXEC);
	char *buf = fd < 0 ? NULL : malloc(TAIL_MAX);
	struct stat st;

	if (buf != NULL && fstat(fd, &st) == 0) {
		const off_t at = st.st_size > (off_t)TAIL_MAX ? st.st_size - (off_t)TAIL_MAX : 0;
		const ssize_t n = pread(fd, buf, TAIL_MAX, at);
		const char *line = buf, *end;
		const char *const stop = buf + (n > 0 ? n : 0);

		while (line < stop && (end = memchr(line, '\n', (size_t)(stop - line))) != NULL) {
			take_line(a, line, (size_t)(end - line));
			line = end + 1;
		}
	}
	free(buf);
	if (fd >= 0)
		close(fd);
}

static void open_log(struct cp *cp)
{
	const struct config_log *l = &cp->config->log;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/audit.log", cp->state_dir);
	logfile_open(&cp->audit->file, "audit log", l->audit_path != NULL ? l->audit_path : path,
		     l->audit_max_size, l->audit_keep);
}

int audit_open(struct cp *cp)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	pthread_mutex_init(&a->lock, NULL);
	cp->audit = a;
	open_log(cp);
	take_tail(a);
	return 0;
}

void audit_reload(struct cp *cp)
{
	if (cp->audit == NULL)
		return;
	pthread_mutex_lock(&cp->audit->lock);
	open_log(cp);
	pthread_mutex_unlock(&cp->audit->lock);
}

void audit_close(struct cp *cp)
{
	struct audit *a = cp->audit;

	if (a == NULL)
		return;
	cp->audit = NULL;
	logfile_close(&a->file);
	for (size_t i = 0; i < AUDIT_KEEP; i++)
		json_decref(a->ring[i]);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void add(struct cp *cp, json_t *entry)
{
	struct audit *a = cp->audit;
	char *text = json_dumps(entry, DUMP);
	const size_t len = text == NULL ? 0 : strlen(text);

	if (len > 0)
		text[len] = '\n'; /* in place of the NUL: the length is kept */
	pthread_mutex_lock(&a->lock);
	if (len == 0 || !logfile_write(&a->file, text, len + 1))
		LOG(WARN, "entry is in memory only");
	keep(a, entry);
	pthread_mutex_unlock(&a->lock);
	free(text);
}

static json_t *new_entry(const struct rest_who *who)
{
	static const struct rest_who self = {.name = "controlplane", .how = "self"};
	const struct rest_who *w = who != NULL ? who : &self;

	return json_pack("{s:o,s:o,s:o,s:s,s:o}", "time", rest_time_ms(loop_real_ms()), "who",
			 rest_cstr(w->name), "how", rest_cstr(w->how), "role",
			 rest_role_name(w->role), "from", rest_cstr(w->from));
}

static void set_detail(json_t *entry, const char *detail)
{
	if (detail != NULL)
		json_object_set_new(entry, "detail",
				    rest_string(detail, strnlen(detail, AUDIT_DETAIL_MAX)));
}

void audit(struct cp *cp, const struct rest_who *who, const char *what, const char *detail)
{
	json_t *entry;

	if (cp->audit == NULL)
		return;
	entry = new_entry(who);
	json_object_set_new(entry, "what", rest_cstr(what));
	set_detail(entry, detail);
	add(cp, entry);
}

void audit_request(struct cp *cp, const struct rest_who *who, enum rest_method method,
		   const char *path, int status, const char *detail)
{
	audit_method(cp, who, rest_method_name(method), path, status, detail);
}

void audit_method(struct cp *cp, const struct rest_who *who, const char *method, const char *path,
		  int status, const char *detail)
{
	json_t *entry;

	if (cp->audit == NULL)
		return;
	entry = new_entry(who);
	json_object_set_new(entry, "method", rest_cstr(method));
	json_object_set_new(entry, "path", rest_string(path, strnlen(path, AUDIT_DETAIL_MAX)));
	json_object_set_new(entry, "status", json_integer(status));
	set_detail(entry, detail);
	add(cp, entry);
}

json_t *audit_page(struct cp *cp, uint64_t before, unsigned limit, uint64_t *ret_next)
{
	struct audit *a = cp->audit;
	json_t *list = json_array();
	uint64_t n, oldest;

	*ret_next = 0;
	if (a == NULL)
		return list;
	pthread_mutex_lock(&a->lock);
	oldest = a->nb < AUDIT_KEEP ? 1 : a->nb - AUDIT_KEEP + 1;
	n = before == 0 || before > a->nb ? a->nb : before - 1;
	for (; n >= oldest && n > 0 && json_array_size(list) < limit; n--) {
		/* A copy: counts of references are not for two threads. */
		json_t *entry = json_deep_copy(a->ring[n % AUDIT_KEEP]);

		json_object_set_new(entry, "number", json_integer((json_int_t)n));
		json_array_append_new(list, entry);
	}
	if (n >= oldest && n > 0)
		*ret_next = n + 1;
	pthread_mutex_unlock(&a->lock);
	return list;
}
