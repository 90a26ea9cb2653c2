/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ask the server. Failures are told on stderr, with what to do next, and come back as the exit
 * status; so a handler only passes them on.
 */

#pragma once

#include "cli/cli.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

/*
 * <ret> is the answer's JSON, the caller's to free, with what a terminal would obey replaced
 * (unless --json: that is escaped when printed); NULL when the answer has no body.
 */
int api_get(const struct cli *cli, const char *target, json_t **ret);
int api_post(const struct cli *cli, const char *target, const char *body, size_t len, json_t **ret);
int api_delete(const struct cli *cli, const char *target);
/* PUT, PATCH or DELETE with an answer; 422 as in api_check(). */
int api_send(const struct cli *cli, const char *method, const char *target, const char *body,
	     size_t len, json_t **ret);
/* Listen at a stream; a refusal is told. Close <ret> with ws_client_close(). */
struct ws_client;
int api_listen(const struct cli *cli, const char *target, struct ws_client **ret);
/* As api_post(), but a refusal with a document (422) is an answer: CLI_REFUSED and <ret> set. */
int api_check(const struct cli *cli, const char *target, const char *body, size_t len,
	      json_t **ret);
/* A text of printable lines; free() it. */
int api_get_text(const struct cli *cli, const char *target, char **ret);

/*
 * An answer without end: <on_bytes> takes its body as it comes (negative errno: no more of it),
 * <on_wait> is called several times a second. A refusal is told and comes back as ever.
 */
struct api_stream {
	int (*on_bytes)(void *user, const char *p, size_t len);
	void (*on_wait)(void *user);
	void *user;
	unsigned timeout_s;
};
int api_get_stream(const struct cli *cli, const char *target, const struct api_stream *s);

/* Targets: a path and a query that grows, its values percent-encoded. */
#define API_TARGET_MAX 2048u
struct api_target {
	char s[API_TARGET_MAX];
	size_t len;
	bool has_query, is_full;
};

void api_target_init(struct api_target *t, const char *path);
/* One more segment of the path. */
void api_target_segment(struct api_target *t, const char *value);
/* key=value; nothing when <value> is NULL. */
void api_target_query(struct api_target *t, const char *key, const char *value);

/*
 * Call <on_item> for the members of <list_key> in every page of <t>, at most <limit> (0: all).
 * <on_page> after each page. More items than <limit>: *<ret_more>.
 */
struct api_pages {
	const char *list_key;
	uint64_t limit;
	void (*on_item)(void *user, json_t *item);
	void (*on_page)(void *user);
	void *user;
	uint64_t nb; /* items seen */
	bool has_more;
};
int api_get_pages(const struct cli *cli, const struct api_target *t, struct api_pages *p);
