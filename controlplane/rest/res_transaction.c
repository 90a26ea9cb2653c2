/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration as transactions: running, candidate, history; commit, confirm, roll back. */

#include "config/config.h"
#include "config_store/doc_diff.h"
#include "config_store/doc_path.h"
#include "config_store/transaction.h"
#include "rest/audit.h"
#include "rest/config_answer.h"
#include "rest/rest_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HISTORY_PAGE 100u

static void get_running(const struct rest_req *req, struct rest_res *res);
static void get_state(const struct rest_req *req, struct rest_res *res);
static void get_candidate(const struct rest_req *req, struct rest_res *res);
static void put_candidate(const struct rest_req *req, struct rest_res *res);
static void patch_candidate(const struct rest_req *req, struct rest_res *res);
static void delete_candidate(const struct rest_req *req, struct rest_res *res);
static void post_validate(const struct rest_req *req, struct rest_res *res);
static void get_diff(const struct rest_req *req, struct rest_res *res);
static void post_commit(const struct rest_req *req, struct rest_res *res);
static void post_confirm(const struct rest_req *req, struct rest_res *res);
static void post_rollback(const struct rest_req *req, struct rest_res *res);
static void get_history(const struct rest_req *req, struct rest_res *res);
static void get_version(const struct rest_req *req, struct rest_res *res);

#define ADMIN true, REST_ROLE_ADMIN
#define READ true, REST_ROLE_READ

/* None is under the lock: they read files, compile patterns and wait for the disk. */
const struct rest_route rest_transaction_routes[] = {
	{REST_GET, "/api/v1/config", get_running, "the running document", READ},
	{REST_GET, "/api/v1/config/state", get_state,
	 "version that runs, candidate, confirmation that is waited for", READ},
	{REST_GET, "/api/v1/config/candidate", get_candidate, "the candidate document", READ},
	{REST_PUT, "/api/v1/config/candidate", put_candidate,
	 "replace the candidate, or the value at path, by the body", ADMIN, CONFIG_DOCUMENT_MAX},
	{REST_PATCH, "/api/v1/config/candidate", patch_candidate,
	 "merge the body (RFC 7396) into the candidate, or into the value at path", ADMIN,
	 CONFIG_DOCUMENT_MAX},
	{REST_DELETE, "/api/v1/config/candidate", delete_candidate,
	 "discard the candidate, or remove the value at path", ADMIN},
	{REST_POST, "/api/v1/config/candidate/validate", post_validate,
	 "check the candidate, change nothing", ADMIN},
	{REST_GET, "/api/v1/config/diff", get_diff,
	 "what differs between two of running, candidate and the versions", READ},
	{REST_POST, "/api/v1/config/commit", post_commit,
	 "bring the candidate into force, for good or until it is confirmed", ADMIN},
	{REST_POST, "/api/v1/config/confirm", post_confirm, "keep what was committed on trial",
	 ADMIN},
	{REST_POST, "/api/v1/config/rollback", post_rollback,
	 "end a trial, or bring an earlier version into force", ADMIN},
	{REST_GET, "/api/v1/config/history", get_history, "versions, newest first", READ},
	{REST_GET, "/api/v1/config/history/*", get_version, "one version with its document", READ},
	{0},
};

/* ---- what is asked for ---- */

/* One change, with room for what comes of it: too large for the stack of a thread. */
struct change {
	struct config_ask ask;
	struct config_errors errs;
	struct config_done done;
	char who[CONFIG_WHO_MAX];
	char path[DOC_PATH_MAX];
	char comment[CONFIG_COMMENT_MAX];
};

/* NULL: answered. */
static struct change *change_new(const struct rest_req *req, struct rest_res *res)
{
	struct change *c = calloc(1, sizeof(*c));
	char force[8];

	if (c == NULL) {
		rest_problem(res, 503, "Out of memory.");
		return NULL;
	}
	config_answer_who(req->who, c->who);
	c->ask.who = c->who;
	c->ask.has_seen = req->if_match != NULL;
	if (rest_has_query(req, "path")) {
		if (!rest_query(req, "path", c->path, sizeof(c->path))) {
			rest_problem(res, 400, "The path cannot be read.");
			free(c);
			return NULL;
		}
		c->ask.path = c->path;
	}
	c->ask.is_forced = rest_query(req, "force", force, sizeof(force)) && force[0] == '1';
	return c;
}

/* ---- answers ---- */

static int status_of(int rc)
{
	switch (rc) {
	case -EINVAL:
		return 422;
	case -ENOENT:
		return 404;
	case -EBUSY:
	case -ESTALE:
	case -EACCES:
		return 409;
	default:
		return 500;
	}
}

/* Errors say "policies[3]", the place in the list; people know the policy by its id. */
static void name_places(struct rest_res *res, json_t *doc)
{
	static const char *const lists[] = {"errors", "warnings"};
	char path[DOC_PATH_MAX];
	json_t *e;
	size_t i;

	for (size_t l = 0; doc != NULL && l < sizeof(lists) / sizeof(lists[0]); l++) {
		json_array_foreach(json_object_get(res->json, lists[l]), i, e)
		{
			doc_path_by_name(doc, json_string_value(json_object_get(e, "path")), path);
			json_object_set_new(e, "path", rest_cstr(path));
		}
	}
}

/* <is_document>: what is wrong is wrong in the candidate, as its checks say. */
static void refuse(const struct rest_req *req, struct rest_res *res, int rc,
		   const struct config_errors *errs, bool is_document)
{
	const struct config_error *first = NULL;
	struct config_errors ignored = {};
	char detail[CONFIG_TEXT_MAX + CONFIG_PATH_MAX + 8];
	json_t *doc = NULL;

	for (unsigned i = 0; i < errs->nb && first == NULL; i++)
		first = errs->e[i].is_warning ? NULL : &errs->e[i];
	if (first == NULL)
		(void)snprintf(detail, sizeof(detail), "It did not work.");
	else if (is_document && rc == -EINVAL)
		(void)snprintf(detail, sizeof(detail),
			       "The document has errors; nothing was changed.");
	else
		(void)snprintf(detail, sizeof(detail), "%s%s%s", first->path.s,
			       first->path.s[0] != '\0' ? ": " : "", first->text);
	rest_problem(res, status_of(rc), detail);
	config_answer_lists(res->json, errs);
	if (is_document && config_tx_json(req->cp->config_tx, "candidate", &doc, &ignored) == 0)
		name_places(res, doc);
	json_decref(doc);
}

static json_t *version_json(const struct config_version *v)
{
	return json_pack("{s:I,s:o,s:s,s:o,s:o,s:I,s:s}", "version", (json_int_t)v->number, "time",
			 rest_time_ms(v->time_ms), "kind", config_kind_name(v->kind), "who",
			 rest_cstr(v->who), "comment", rest_cstr(v->comment), "length",
			 (json_int_t)v->len, "sha256", v->sha256);
}

static void answer_done(const struct rest_req *req, struct rest_res *res, const char *what,
			const struct change *c)
{
	char detail[CONFIG_SUMMARY_MAX + CONFIG_COMMENT_MAX + 64];

	res->json = version_json(&c->done.version);
	json_object_set_new(res->json, "summary", rest_cstr(c->done.summary));
	json_object_set_new(res->json, "confirm_by", rest_time_ms(c->done.confirm_by_ms));
	config_answer_lists(res->json, &c->errs);
	(void)snprintf(detail, sizeof(detail), "version %llu: %s",
		       (unsigned long long)c->done.version.number, c->done.summary);
	audit(req->cp, req->who, what, detail);
}

/* ---- documents ---- */

#define ETAG_DOCUMENT "config-%llu-%.16s"
#define ETAG_CANDIDATE "candidate-%llu-%.16s"

static void get_running(const struct rest_req *req, struct rest_res *res)
{
	struct config_version v;
	char *text;
	size_t len;

	if (config_tx_running(req->cp->config_tx, &v, &text, &len) < 0) {
		rest_problem(res, 503, "Out of memory.");
		return;
	}
	if (rest_etag(req, res, ETAG_DOCUMENT, (unsigned long long)v.number, v.sha256))
		free(text);
	else
		res->text = text;
}

static void get_candidate(const struct rest_req *req, struct rest_res *res)
{
	struct config_version v;
	char *text;
	size_t len;

	const int rc = config_tx_candidate(req->cp->config_tx, &v, &text, &len);
	if (rc == -ENOENT) {
		rest_problem(res, 404,
			     "There is no candidate: the first change makes it from the running "
			     "document.");
		return;
	}
	if (rc < 0) {
		rest_problem(res, 503, "Out of memory.");
		return;
	}
	if (rest_etag(req, res, ETAG_CANDIDATE, (unsigned long long)v.number, v.sha256))
		free(text);
	else
		res->text = text;
}

/*
 * If-Match is the candidate's ETag, or the running document's when there is no candidate yet:
 * what the change is made on.
 */
static bool is_as_seen(const struct rest_req *req, struct rest_res *res)
{
	struct config_tx_state st;

	config_tx_state(req->cp->config_tx, &st);
	if (st.has_candidate)
		return rest_if_match(req, res, ETAG_CANDIDATE,
				     (unsigned long long)st.candidate.number, st.candidate.sha256);
	return rest_if_match(req, res, ETAG_DOCUMENT, (unsigned long long)st.running.number,
			     st.running.sha256);
}

static void get_state(const struct rest_req *req, struct rest_res *res)
{
	res->json = config_answer_state(req->cp);
}

/* ---- the candidate ---- */

static void change_candidate(const struct rest_req *req, struct rest_res *res,
			     int (*change)(struct config_tx *tx, const struct config_ask *ask,
					   struct slice text, struct config_errors *errs))
{
	struct config_tx_state st;

	if (!is_as_seen(req, res))
		return;
	struct change *c = change_new(req, res);
	if (c == NULL)
		return;
	const int rc = change(req->cp->config_tx, &c->ask, req->body, &c->errs);
	if (rc < 0) {
		refuse(req, res, rc, &c->errs, false);
	} else {
		config_tx_state(req->cp->config_tx, &st);
		/* A change is never "not modified". */
		if (st.has_candidate && req->if_none_match == NULL)
			(void)rest_etag(req, res, ETAG_CANDIDATE,
					(unsigned long long)st.candidate.number,
					st.candidate.sha256);
		res->json = config_answer_state(req->cp);
	}
	free(c);
}

static void put_candidate(const struct rest_req *req, struct rest_res *res)
{
	change_candidate(req, res, config_tx_put);
}

static void patch_candidate(const struct rest_req *req, struct rest_res *res)
{
	change_candidate(req, res, config_tx_merge);
}

static int remove_value(struct config_tx *tx, const struct config_ask *ask, struct slice,
			struct config_errors *errs)
{
	return config_tx_remove(tx, ask, errs);
}

static void delete_candidate(const struct rest_req *req, struct rest_res *res)
{
	change_candidate(req, res, remove_value);
}

static void post_validate(const struct rest_req *req, struct rest_res *res)
{
	struct change *c = change_new(req, res);

	if (c == NULL)
		return;
	const int rc = config_tx_validate(req->cp->config_tx, &c->errs);
	if (rc < 0) {
		refuse(req, res, rc, &c->errs, true);
	} else {
		res->json = json_object();
		config_answer_lists(res->json, &c->errs);
	}
	free(c);
}

static json_t *lines_of(const json_t *diff)
{
	char *text = doc_diff_text(diff);
	json_t *list = json_array();

	for (char *line = text; line != NULL && *line != '\0';) {
		const size_t len = strcspn(line, "\n");
		json_array_append_new(list, rest_string(line, len));
		line += len + (line[len] == '\n');
	}
	free(text);
	return list;
}

static void get_diff(const struct rest_req *req, struct rest_res *res)
{
	char from[24] = "running", to[24] = "candidate";
	json_t *a = NULL, *b = NULL;

	if ((rest_has_query(req, "from") && !rest_query(req, "from", from, sizeof(from))) ||
	    (rest_has_query(req, "to") && !rest_query(req, "to", to, sizeof(to)))) {
		rest_problem(res, 400, "from and to are running, candidate or a version's number.");
		return;
	}
	struct change *c = change_new(req, res);
	if (c == NULL)
		return;
	int rc = config_tx_json(req->cp->config_tx, from, &a, &c->errs);
	if (rc == 0)
		rc = config_tx_json(req->cp->config_tx, to, &b, &c->errs);
	if (rc < 0) {
		refuse(req, res, rc, &c->errs, false);
	} else {
		res->json = doc_diff(a, b);
		json_object_set_new(res->json, "lines", lines_of(res->json));
		if (res->json == NULL)
			rest_problem(res, 503, "Out of memory.");
	}
	json_decref(a);
	json_decref(b);
	free(c);
}

/* ---- into force ---- */

/* {"comment": "...", "confirm_s": 300, "force": true, "version": 17}: what else is there? */
static bool read_order(const struct rest_req *req, struct rest_res *res, struct change *c)
{
	const char *comment = "";
	json_int_t confirm_s = 0, version = 0;
	int is_forced = 0;
	json_error_t je;

	if (req->body.len == 0)
		return true;
	json_t *j =
		json_loadb((const char *)req->body.ptr, req->body.len, JSON_REJECT_DUPLICATES, &je);
	const int rc =
		json_unpack_ex(j, &je, JSON_STRICT, "{s?s,s?I,s?b,s?I}", "comment", &comment,
			       "confirm_s", &confirm_s, "force", &is_forced, "version", &version);
	if (rc == 0 && strlen(comment) < sizeof(c->comment) && confirm_s >= 0 &&
	    confirm_s <= (json_int_t)CONFIG_CONFIRM_MAX_S && version >= 0) {
		(void)snprintf(c->comment, sizeof(c->comment), "%s", comment);
		c->ask.comment = c->comment;
		c->ask.confirm_s = (unsigned)confirm_s;
		c->ask.version = (uint64_t)version;
		c->ask.is_forced = is_forced != 0;
		json_decref(j);
		return true;
	}
	json_decref(j);
	rest_problem(res, 400,
		     "The body may have: comment (at most 255 bytes), confirm_s (0 to 604800), "
		     "force (true or false), version (a number).");
	return false;
}

typedef int (*order_fn)(struct config_tx *tx, const struct config_ask *ask,
			struct config_errors *errs, struct config_done *ret);

static void carry_out(const struct rest_req *req, struct rest_res *res, order_fn order,
		      const char *what)
{
	struct change *c = change_new(req, res);

	if (c == NULL)
		return;
	if (read_order(req, res, c)) {
		const int rc = order(req->cp->config_tx, &c->ask, &c->errs, &c->done);
		if (rc < 0)
			refuse(req, res, rc, &c->errs, order == config_tx_commit);
		else
			answer_done(req, res, what, c);
	}
	free(c);
}

static void post_commit(const struct rest_req *req, struct rest_res *res)
{
	if (is_as_seen(req, res))
		carry_out(req, res, config_tx_commit, "config commit");
}

static void post_confirm(const struct rest_req *req, struct rest_res *res)
{
	carry_out(req, res, config_tx_confirm, "config confirm");
}

static void post_rollback(const struct rest_req *req, struct rest_res *res)
{
	carry_out(req, res, config_tx_rollback, "config rollback");
}

/* ---- history ---- */

static void get_history(const struct rest_req *req, struct rest_res *res)
{
	const uint64_t before = rest_query_uint(req, "cursor", 0, UINT32_MAX);
	const uint64_t limit = rest_query_uint(req, "limit", HISTORY_PAGE, HISTORY_PAGE);
	struct config_store *st = req->cp->config_store;
	struct config_version *v = calloc(HISTORY_PAGE + 1, sizeof(*v));
	json_t *list = json_array();

	size_t nb = st == NULL || v == NULL || limit == 0
			    ? 0
			    : config_store_list(st, before, v, (size_t)limit + 1);
	const bool has_more = nb > limit;
	if (has_more)
		nb--;
	for (size_t i = 0; i < nb; i++)
		json_array_append_new(list, version_json(&v[i]));
	res->json = json_pack("{s:o,s:o}", "versions", list, "next_cursor",
			      has_more ? json_integer((json_int_t)v[nb - 1].number) : json_null());
	free(v);
}

static void get_version(const struct rest_req *req, struct rest_res *res)
{
	struct config_version v = {};
	uint64_t number = 0;
	char *text = NULL;
	size_t len = 0;

	for (const char *p = req->arg; number < UINT32_MAX && *p != '\0'; p++) {
		if (*p < '0' || *p > '9') {
			rest_problem(res, 400, "A version is a number.");
			return;
		}
		number = number * 10 + (uint64_t)(*p - '0');
	}
	const int rc = config_tx_version(req->cp->config_tx, number, &v, &text, &len);
	if (rc < 0) {
		rest_problem(res, rc == -ENOENT ? 404 : 500,
			     rc == -ENOENT ? "That version is not in the history."
					   : "That version's file is damaged.");
		return;
	}
	if (!rest_etag(req, res, ETAG_DOCUMENT, (unsigned long long)v.number, v.sha256)) {
		json_t *doc = json_loadb(text, len, 0, NULL);
		res->json = version_json(&v);
		json_object_set_new(res->json, "document", doc != NULL ? doc : json_null());
	}
	free(text);
}
