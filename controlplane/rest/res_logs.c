/* SPDX-License-Identifier: BSD-3-Clause */

/* The traffic log, newest line first, by what its fields say. */

#include "config/config.h"
#include "logs/log_read.h"
#include "logs/logs.h"
#include "rest/rest_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static void get_logs(const struct rest_req *req, struct rest_res *res);

/* Reading files is not for the lock. */
const struct rest_route rest_log_routes[] = {
	{REST_GET, "/api/v1/logs", get_logs,
	 "lines of the traffic log, newest first; ?FIELD=VALUE ?fields=1 ?limit= ?cursor=",
	 .is_unlocked = true},
	{0},
};

/* "INODE.OFFSET" */
static bool read_cursor(const char *s, struct log_at *ret)
{
	uint64_t part[2] = {0};
	size_t i = 0, digits = 0;

	for (; *s != '\0'; s++) {
		if (*s == '.' && i == 0 && digits > 0) {
			i = 1;
			digits = 0;
		} else if (*s >= '0' && *s <= '9' && ++digits < 20) {
			part[i] = part[i] * 10 + (uint64_t)(*s - '0');
		} else {
			return false;
		}
	}
	*ret = (struct log_at){part[0], part[1]};
	return i == 1 && digits > 0 && part[0] != 0;
}

static bool is_field(const char *key)
{
	return key[0] != '\0' &&
	       strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key);
}

/* Everything but the names below is a field of the log. */
static const char *read_query(const struct rest_req *req, struct log_query *q, bool *ret_fields)
{
	char key[32], value[256];
	int rc;

	for (size_t i = 0;
	     (rc = rest_query_nth(req, i, key, sizeof(key), value, sizeof(value))) != 0; i++) {
		if (rc < 0 || !is_field(key))
			return "A part of the query cannot be read.";
		if (strcmp(key, "limit") == 0)
			continue;
		if (strcmp(key, "fields") == 0) {
			*ret_fields = strcmp(value, "1") == 0;
		} else if (strcmp(key, "cursor") == 0) {
			if (!read_cursor(value, &q->from))
				return "cursor is not one of ours.";
		} else if (q->nb_filters == LOG_READ_FILTERS) {
			return "There are more than 16 filters.";
		} else {
			struct log_filter *f = &q->filter[q->nb_filters++];

			(void)snprintf(f->key, sizeof(f->key), "%s", key);
			(void)snprintf(f->value, sizeof(f->value), "%s", value);
		}
	}
	q->limit = (size_t)rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	return NULL;
}

struct page {
	json_t *list;
	bool has_fields;
};

static json_t *fields_of(const char *line, size_t len)
{
	char key[32], value[1024];
	json_t *j;

	if (len > 0 && line[0] == '{')
		return json_loadb(line, len, 0, NULL);
	j = json_object();
	for (size_t i = 0; log_field(line, len, i, key, value, sizeof(value)); i++)
		json_object_set_new(j, key, rest_cstr(value));
	return j;
}

static void on_line(void *user, const char *line, size_t len)
{
	struct page *p = user;
	json_t *j = json_pack("{s:o}", "line", rest_string(line, len));

	if (p->has_fields)
		json_object_set_new(j, "fields", fields_of(line, len));
	json_array_append_new(p->list, j);
}

static json_t *cursor_json(const struct log_at *at)
{
	return at->inode == 0 ? json_null()
			      : json_sprintf("%llu.%llu", (unsigned long long)at->inode,
					     (unsigned long long)at->offset);
}

static void read_page(const struct log_query *q, struct page *p, struct rest_res *res)
{
	struct log_at next;
	const int rc = log_read(q, on_line, p, &next);

	if (rc == -ESTALE) {
		rest_problem(res, 410, "The file that the cursor was in is gone; begin anew.");
	} else if (rc < 0) {
		rest_problem(res, 500, "The traffic log cannot be read.");
	} else {
		res->json =
			json_pack("{s:O,s:o}", "logs", p->list, "next_cursor", cursor_json(&next));
	}
}

static void get_logs(const struct rest_req *req, struct rest_res *res)
{
	struct log_query q = {0};
	struct page p = {0};
	char path[PATH_MAX] = "";
	const char *wrong = read_query(req, &q, &p.has_fields);

	if (wrong != NULL) {
		rest_problem(res, 400, wrong);
		return;
	}
	cp_lock(req->cp);
	q.keep = logs_flush(req->cp, path, sizeof(path));
	cp_unlock(req->cp);
	if (path[0] == '\0') {
		rest_problem(res, 404,
			     "There is no traffic log: the document's log.traffic.path "
			     "is not set.");
		return;
	}
	q.path = path;
	p.list = json_array();
	read_page(&q, &p, res);
	json_decref(p.list);
}
