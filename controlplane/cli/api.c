/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/api.h"

#include "cli/http.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "cli/ws_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE "1000"

/* What went wrong between us and the socket, and what to do about it. */
static int tell_unreachable(const struct cli *cli, int rc)
{
	const char *path = remote_is_on() ? remote_url() : cli->socket_path;

	switch (rc) {
	case -ECONNABORTED:
		cli_complain("%s", remote_error());
		return CLI_UNREACHABLE;
	case -ENOENT:
		cli_complain("there is no socket %s\nIs tagwarden-controlplane running? Does its "
			     "document's api.unix name another path (--socket)?",
			     path);
		return CLI_UNREACHABLE;
	case -ECONNREFUSED:
		cli_complain("nobody answers on %s\ntagwarden-controlplane has ended without "
			     "removing it; start it again.",
			     path);
		return CLI_UNREACHABLE;
	case -EACCES:
	case -EPERM:
		cli_complain("no permission for %s\nRun as root, or join the group that owns it "
			     "(ls -l %s; the document's api.group).",
			     path, path);
		return CLI_FORBIDDEN;
	case -ETIMEDOUT:
		cli_complain("no answer within %u s\nThe control plane may be busy: try "
			     "--timeout 60, and see its log.",
			     cli->timeout_s);
		return CLI_UNREACHABLE;
	case -ECANCELED:
		return CLI_INTERRUPTED;
	case -ENAMETOOLONG:
		cli_complain("a socket's path has at most 107 bytes: %s", path);
		return CLI_USAGE;
	case -EPROTO:
		cli_complain("what answers on %s is not the control plane", path);
		return CLI_BAD_ANSWER;
	case -EMSGSIZE:
		cli_complain("the answer is too large");
		return CLI_BAD_ANSWER;
	default:
		cli_complain("%s: %s", path, strerror(-rc));
		return CLI_UNREACHABLE;
	}
}

static int exit_of(int status)
{
	if (status == 401 || status == 403 || status == 429)
		return CLI_FORBIDDEN;
	return status == 404 ? CLI_NOT_FOUND : CLI_REFUSED;
}

/* The detail of a problem document (RFC 9457). */
static int tell_refused(const struct http_answer *a)
{
	json_t *j = json_loadb(a->body, a->len, 0, NULL);
	const char *detail = json_string_value(json_object_get(j, "detail"));

	if (detail != NULL)
		cli_complain("%s", detail);
	else
		cli_complain("the server answered %d", a->status);
	if (a->status == 403 && !remote_is_on())
		cli_tell("Run as root, or join the group that the document's api.group names.");
	json_decref(j);
	return exit_of(a->status);
}

static int call(const struct cli *cli, const char *method, const char *target, const char *body,
		size_t len, struct http_answer *ret)
{
	const struct http_call c = {
		.socket_path = cli->socket_path,
		.method = method,
		.target = target,
		.body = body,
		.body_len = len,
		.timeout_s = cli->timeout_s,
	};
	const int rc = http_call(&c, ret);

	return rc < 0 ? tell_unreachable(cli, rc) : CLI_OK;
}

static int take_json(const struct cli *cli, const struct http_answer *a, json_t **ret)
{
	*ret = NULL;
	if (a->len == 0)
		return CLI_OK;
	*ret = json_loadb(a->body, a->len, 0, NULL);
	if (*ret == NULL) {
		cli_complain("the answer is not JSON");
		return CLI_BAD_ANSWER;
	}
	if (!cli->is_json)
		text_clean_json(*ret);
	return CLI_OK;
}

static int ask(const struct cli *cli, const char *method, const char *target, const char *body,
	       size_t len, bool takes_422, json_t **ret)
{
	struct http_answer a = {0};
	int rc = call(cli, method, target, body, len, &a);

	*ret = NULL;
	if (rc != CLI_OK)
		return rc;
	if (takes_422 && a.status == 422) {
		rc = take_json(cli, &a, ret);
		rc = rc == CLI_OK ? CLI_REFUSED : rc;
	} else if (a.status >= 300) {
		rc = tell_refused(&a);
	} else {
		rc = take_json(cli, &a, ret);
	}
	http_answer_fini(&a);
	return rc;
}

int api_get(const struct cli *cli, const char *target, json_t **ret)
{
	const int rc = ask(cli, "GET", target, NULL, 0, false, ret);

	if (rc == CLI_OK && *ret == NULL) {
		cli_complain("the answer is empty");
		return CLI_BAD_ANSWER;
	}
	return rc;
}

int api_post(const struct cli *cli, const char *target, const char *body, size_t len, json_t **ret)
{
	return ask(cli, "POST", target, body, len, false, ret);
}

int api_check(const struct cli *cli, const char *target, const char *body, size_t len, json_t **ret)
{
	return ask(cli, "POST", target, body, len, true, ret);
}

int api_send(const struct cli *cli, const char *method, const char *target, const char *body,
	     size_t len, json_t **ret)
{
	return ask(cli, method, target, body, len, true, ret);
}

int api_listen(const struct cli *cli, const char *target, struct ws_client **ret)
{
	const struct http_call c = {
		.socket_path = cli->socket_path,
		.method = "GET",
		.target = target,
		.timeout_s = cli->timeout_s,
	};
	struct http_answer a = {0};
	int rc = ws_client_open(&c, ret, &a);

	if (rc < 0)
		return tell_unreachable(cli, rc);
	if (rc == 1)
		rc = tell_refused(&a);
	http_answer_fini(&a);
	return rc;
}

int api_delete(const struct cli *cli, const char *target)
{
	json_t *j;
	const int rc = ask(cli, "DELETE", target, NULL, 0, false, &j);

	json_decref(j);
	return rc;
}

int api_get_text(const struct cli *cli, const char *target, char **ret)
{
	struct http_answer a = {0};
	int rc = call(cli, "GET", target, NULL, 0, &a);

	*ret = NULL;
	if (rc != CLI_OK)
		return rc;
	if (a.status >= 300) {
		rc = tell_refused(&a);
	} else {
		text_clean(a.body, a.len, true);
		*ret = a.body;
		a.body = NULL;
	}
	http_answer_fini(&a);
	return rc;
}

int api_get_stream(const struct cli *cli, const char *target, const struct api_stream *s)
{
	const struct http_call c = {
		.socket_path = cli->socket_path,
		.method = "GET",
		.target = target,
		.timeout_s = s->timeout_s,
		.on_body = s->on_bytes,
		.on_wait = s->on_wait,
		.user = s->user,
	};
	struct http_answer a = {0};
	int rc = http_call(&c, &a);

	if (rc < 0)
		return tell_unreachable(cli, rc);
	rc = a.status >= 300 ? tell_refused(&a) : CLI_OK;
	http_answer_fini(&a);
	return rc;
}

/* ---- targets ---- */

static void put(struct api_target *t, char c)
{
	if (t->len + 1 >= sizeof(t->s)) {
		t->is_full = true;
		return;
	}
	t->s[t->len++] = c;
	t->s[t->len] = '\0';
}

static void put_str(struct api_target *t, const char *s)
{
	for (; *s != '\0'; s++)
		put(t, *s);
}

/* RFC 3986 2.3: all but the unreserved. */
static void put_encoded(struct api_target *t, const char *s)
{
	static const char digit[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		const unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    c == '-' || c == '.' || c == '_' || c == '~') {
			put(t, *s);
			continue;
		}
		put(t, '%');
		put(t, digit[c >> 4]);
		put(t, digit[c & 15]);
	}
}

void api_target_init(struct api_target *t, const char *path)
{
	*t = (struct api_target){0};
	put_str(t, path);
}

void api_target_segment(struct api_target *t, const char *value)
{
	put(t, '/');
	put_encoded(t, value);
}

void api_target_query(struct api_target *t, const char *key, const char *value)
{
	if (value == NULL)
		return;
	put(t, t->has_query ? '&' : '?');
	t->has_query = true;
	put_str(t, key);
	put(t, '=');
	put_encoded(t, value);
}

/* ---- pages ---- */

static bool take_page(struct api_pages *p, json_t *page)
{
	const json_t *list = json_object_get(page, p->list_key);
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (p->limit != 0 && p->nb == p->limit) {
			p->has_more = true;
			return false;
		}
		p->on_item(p->user, item);
		p->nb++;
	}
	p->on_page(p->user);
	return true;
}

/* On a terminal that the table is not going to: how far we are. */
static void show_progress(const struct api_pages *p, bool is_end)
{
	if (!isatty(STDERR_FILENO) || isatty(STDOUT_FILENO) || p->nb < 5000)
		return;
	(void)fprintf(stderr, "\r%llu %s%s", (unsigned long long)p->nb, p->list_key,
		      is_end ? "\n" : "");
}

int api_get_pages(const struct cli *cli, const struct api_target *t, struct api_pages *p)
{
	json_int_t cursor = 0;
	bool goes_on = true;
	int rc = CLI_OK;

	while (goes_on && rc == CLI_OK) {
		struct api_target one = *t;
		json_t *page = NULL, *next;
		char text[24];

		(void)snprintf(text, sizeof(text), "%lld", (long long)cursor);
		api_target_query(&one, "cursor", text);
		api_target_query(&one, "limit", PAGE);
		rc = api_get(cli, one.s, &page);
		if (rc == CLI_OK) {
			goes_on = take_page(p, page);
			next = json_object_get(page, "next_cursor");
			/* A cursor that does not move would have us ask for ever. */
			if (!json_is_integer(next) || json_integer_value(next) <= cursor)
				goes_on = false;
			else
				cursor = json_integer_value(next);
			show_progress(p, !goes_on);
		}
		json_decref(page);
	}
	if (p->has_more)
		p->on_page(p->user);
	return rc;
}
