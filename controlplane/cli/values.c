/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/values.h"

#include "cli/api.h"
#include "cli/view.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define TIMEOUT_S 1u

static const struct source {
	const char *arg, *target;
	bool takes_prefix; /* the server can look for UIDs that begin so */
	const char *list, *key, *help;
} sources[] = {
	{"UID", "/api/v1/devices", true, "devices", "uid", "hostname"},
	{"PREFIX", "/api/v1/devices", true, "devices", "uid", "hostname"},
	{"IP", "/api/v1/devices", false, "devices", "ip", "hostname"},
	{"EMS-SN", "/api/v1/ems", false, "ems", "serial_number", "name"},
	{"TENANT", "/api/v1/ems", false, "ems", "tenant_id", "name"},
	{"EMS-ID", "/api/v1/ems", false, "ems", "id", "name"},
	{"TAG", "/api/v1/tags", false, "tags", "name", "kind"},
	{"SERVICE", "/api/v1/services", false, "services", "name", "address"},
	{"SESSION", "/api/v1/sessions", false, "sessions", "id", "client"},
	{"CONNECTION", "/api/v1/connections", false, "connections", "id", "remote"},
	{"REQUEST-ID", "/api/v1/denials", false, "denials", "request_id", "reason"},
	{"INTERFACE", "/api/v1/interfaces", false, "interfaces", "name", "device"},
};

static void add_items(const json_t *list, const struct source *s, const char *prefix,
		      struct candidates *ret)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		char text[VIEW_TEXT_MAX], help[VIEW_TEXT_MAX];

		(void)view_text(item, s->key, VIEW_PLAIN, text);
		/* UIDs and serial numbers in either case, as the server takes them. */
		if (text[0] == '\0' || strcmp(text, "-") == 0 ||
		    strncasecmp(text, prefix, strlen(prefix)) != 0)
			continue;
		complete_add(ret, text, strlen(text), view_text(item, s->help, VIEW_PLAIN, help),
			     false);
	}
}

/* One page; returns where to go on, 0: nowhere. */
static json_int_t add_page(const struct cli *cli, const struct source *s, const char *prefix,
			   json_int_t cursor, struct candidates *ret)
{
	struct api_target t;
	json_t *j = NULL;
	json_int_t next;
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)cursor);
	api_target_init(&t, s->target);
	api_target_query(&t, "limit", "100");
	api_target_query(&t, "cursor", cursor != 0 ? text : NULL);
	if (s->takes_prefix && prefix[0] != '\0')
		api_target_query(&t, "uid", prefix);
	if (api_get(cli, t.s, &j) != CLI_OK)
		return 0;
	add_items(view_at(j, s->list), s, prefix, ret);
	next = json_integer_value(view_at(j, "next_cursor"));
	json_decref(j);
	return next > cursor ? next : 0;
}

/*
 * A large fleet is searched a piece at a time: until something is found, or a second is over.
 */
static void add_from(const struct cli *cli, const struct source *s, const char *prefix,
		     struct candidates *ret)
{
	const time_t end = time(NULL) + (time_t)TIMEOUT_S;
	const size_t before = ret->nb;
	struct cli quiet = *cli;
	json_int_t cursor = 0;

	quiet.timeout_s = TIMEOUT_S;
	quiet.is_json = false;
	cli_be_quiet(true);
	do {
		cursor = add_page(&quiet, s, prefix, cursor, ret);
	} while (cursor != 0 && s->takes_prefix && ret->nb == before && time(NULL) <= end);
	cli_be_quiet(false);
}

/* A name may hold what a terminal obeys; nobody completes to that. */
static bool is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* Of the folder that <prefix> names; its hidden ones when it asks for them. */
static void add_files(const char *prefix, struct candidates *ret)
{
	const char *slash = strrchr(prefix, '/');
	const size_t len = slash != NULL ? (size_t)(slash - prefix) + 1 : 0;
	const char *base = prefix + len;
	char folder[COMPLETE_TEXT_MAX], path[COMPLETE_TEXT_MAX];
	struct dirent *e;
	DIR *d;

	(void)snprintf(folder, sizeof(folder), "%.*s", (int)len, prefix);
	d = opendir(len > 0 ? folder : ".");
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		const bool is_folder = e->d_type == DT_DIR;
		const int n = snprintf(path, sizeof(path), "%s%s%s", folder, e->d_name,
				       is_folder ? "/" : "");

		if (strncmp(e->d_name, base, strlen(base)) != 0 ||
		    (e->d_name[0] == '.' && base[0] != '.') || !is_printable(e->d_name) || n < 0 ||
		    (size_t)n >= sizeof(path))
			continue;
		complete_add(ret, path, (size_t)n, "", false);
		if (ret->nb > 0 && is_folder)
			ret->list[ret->nb - 1].is_open = true;
	}
	(void)closedir(d);
}

/* The fields of the traffic log that people look for. */
static void add_fields(const char *prefix, struct candidates *ret)
{
	static const char *const field[] = {
		"subtype",
		"action",
		"policyid",
		"policyname",
		"srcip",
		"dstip",
		"dstport",
		"sessionid",
		"service",
		"vip",
		"accessproxy",
		"clientdeviceid",
		"clientdevicetags",
		"clientcert",
		"emsconnection",
		"fctuid",
		"date",
		"level",
	};

	for (size_t i = 0; i < NB(field); i++)
		if (strncmp(field[i], prefix, strlen(prefix)) == 0)
			complete_add(ret, field[i], strlen(field[i]), "", false);
}

void values_add(const struct cli *cli, const char *arg, const char *prefix, struct candidates *ret)
{
	if (cli == NULL)
		return;
	if (strcmp(arg, "FIELD") == 0)
		add_fields(prefix, ret);
	if (strcmp(arg, "FILE") == 0 || strcmp(arg, "PATH") == 0)
		add_files(prefix, ret);
	for (size_t i = 0; i < NB(sources); i++)
		if (strcmp(sources[i].arg, arg) == 0)
			add_from(cli, &sources[i], prefix, ret);
}
