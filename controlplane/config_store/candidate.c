/* SPDX-License-Identifier: BSD-3-Clause */

/* The candidate: the document that is going to be. One, shared by all who may change it. */

#include "base/cp.h"
#include "common/log/log.h"
#include "config/config.h"
#include "config/config_json.h"
#include "config_store/doc_merge.h"
#include "config_store/doc_path.h"
#include "config_store/transaction_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("config");

static const struct config_path whole;

int tx_refuse(struct config_errors *errs, int rc, const char *fmt, ...)
{
	char text[CONFIG_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_error(errs, &whole, "%s", text);
	return rc;
}

/* ---- keeping it ---- */

void tx_candidate_load(struct config_tx *tx)
{
	if (tx->store == NULL)
		return;
	const int rc = config_store_candidate_load(tx->store, &tx->candidate_version,
						   &tx->candidate, &tx->candidate_len);
	if (rc < 0 && rc != -ENOENT)
		LOG(WARN, "the candidate was lost: %s", strerror(-rc));
}

void tx_candidate_drop(struct config_tx *tx)
{
	if (tx->store != NULL)
		config_store_candidate_remove(tx->store);
	pthread_mutex_lock(&tx->mutex);
	free(tx->candidate);
	tx->candidate = NULL;
	tx->candidate_len = 0;
	pthread_mutex_unlock(&tx->mutex);
}

/* <text> becomes the candidate, and is taken over also on failure. */
static int keep(struct config_tx *tx, const struct config_ask *ask, char *text, size_t len,
		struct config_errors *errs)
{
	struct config_version v = {
		.number = tx->candidate != NULL ? tx->candidate_version.number : tx->running.number,
		.time_ms = loop_real_ms(),
		.kind = CONFIG_KIND_COMMIT,
	};

	if (len > CONFIG_DOCUMENT_MAX) {
		free(text);
		return tx_refuse(errs, -EINVAL, "the document is larger than %u MiB",
				 CONFIG_DOCUMENT_MAX >> 20);
	}
	(void)snprintf(v.who, sizeof(v.who), "%s", ask->who);
	/* Replacing the whole anew is a look at what runs now. */
	if (ask->path == NULL && ask->is_forced)
		v.number = tx->running.number;
	v.len = len;
	config_sha256(slice_of(text, len), v.sha256);
	const int rc = tx->store == NULL
			       ? 0
			       : config_store_candidate_save(tx->store, &v, slice_of(text, len));
	if (rc < 0) {
		free(text);
		return tx_refuse(errs, -EIO, "the candidate cannot be kept on disk: %s",
				 strerror(-rc));
	}
	pthread_mutex_lock(&tx->mutex);
	free(tx->candidate);
	tx->candidate = text;
	tx->candidate_len = len;
	tx->candidate_version = v;
	pthread_mutex_unlock(&tx->mutex);
	return 0;
}

/* ---- documents ---- */

static char *copy_of(const void *ptr, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, ptr, len);
	copy[len] = '\0';
	return copy;
}

int config_tx_running(struct config_tx *tx, struct config_version *ret_v, char **ret,
		      size_t *ret_len)
{
	pthread_mutex_lock(&tx->work);
	cp_lock(tx->cp);
	const struct slice doc = tx->cp->config->document;
	char *copy = copy_of(doc.ptr, doc.len);
	cp_unlock(tx->cp);
	if (copy != NULL) {
		if (ret_v != NULL)
			*ret_v = tx->running;
		*ret = copy;
		*ret_len = doc.len;
	}
	pthread_mutex_unlock(&tx->work);
	return copy == NULL ? -ENOMEM : 0;
}

int config_tx_candidate(struct config_tx *tx, struct config_version *ret_v, char **ret,
			size_t *ret_len)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&tx->mutex);
	if (tx->candidate != NULL) {
		char *copy = copy_of(tx->candidate, tx->candidate_len);
		rc = copy == NULL ? -ENOMEM : 0;
		if (copy != NULL) {
			if (ret_v != NULL)
				*ret_v = tx->candidate_version;
			*ret = copy;
			*ret_len = tx->candidate_len;
		}
	}
	pthread_mutex_unlock(&tx->mutex);
	return rc;
}

int config_tx_version(struct config_tx *tx, uint64_t number, struct config_version *ret_v,
		      char **ret, size_t *ret_len)
{
	if (tx->store == NULL)
		return -ENOENT;
	return config_store_get(tx->store, number, ret_v, ret, ret_len);
}

static int parse_number(const char *s, uint64_t *ret)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; s[i] >= '0' && s[i] <= '9' && i < 15; i++)
		n = n * 10 + (uint64_t)(s[i] - '0');
	if (i == 0 || s[i] != '\0' || n == 0)
		return -EINVAL;
	*ret = n;
	return 0;
}

int config_tx_json(struct config_tx *tx, const char *which, json_t **ret,
		   struct config_errors *errs)
{
	uint64_t number;
	char *text;
	size_t len;
	int rc;

	if (strcmp(which, "running") == 0)
		rc = config_tx_running(tx, NULL, &text, &len);
	else if (strcmp(which, "candidate") == 0)
		rc = config_tx_candidate(tx, NULL, &text, &len);
	else if (parse_number(which, &number) == 0)
		rc = config_tx_version(tx, number, NULL, &text, &len);
	else
		return tx_refuse(errs, -EINVAL,
				 "\"%.40s\" is no document: running, candidate, or the number of "
				 "a version in the history",
				 which);
	if (rc == -ENOENT)
		return tx_refuse(errs, -ENOENT,
				 strcmp(which, "candidate") == 0
					 ? "there is no candidate"
					 : "version %.20s is not in the history",
				 which);
	if (rc < 0)
		return tx_refuse(errs, -EIO, "%.40s cannot be read: %s", which, strerror(-rc));
	*ret = config_json_parse(text, len, errs);
	free(text);
	return *ret == NULL ? -EINVAL : 0;
}

/* ---- changing it ---- */

/* May <ask> change it? It is everybody's, but nobody overwrites what another is at unseen. */
static int check_owner(const struct config_tx *tx, const struct config_ask *ask,
		       struct config_errors *errs)
{
	if (tx->candidate == NULL || ask->is_forced || ask->has_seen ||
	    strcmp(tx->candidate_version.who, ask->who) == 0)
		return 0;
	return tx_refuse(errs, -EBUSY,
			 "the candidate is the work of %s: look at it and send its ETag as "
			 "If-Match, or discard it, or force",
			 tx->candidate_version.who);
}

/* What a change starts from: the candidate, or what is in force. */
static json_t *base_of(struct config_tx *tx, struct config_errors *errs)
{
	if (tx->candidate != NULL)
		return config_json_parse(tx->candidate, tx->candidate_len, errs);
	cp_lock(tx->cp);
	const size_t len = tx->cp->config->document.len;
	char *text = copy_of(tx->cp->config->document.ptr, len);
	cp_unlock(tx->cp);
	json_t *doc = text == NULL ? NULL : config_json_parse(text, len, errs);
	free(text);
	return doc;
}

/* Keep <doc> (a reference is taken over). */
static int keep_json(struct config_tx *tx, const struct config_ask *ask, json_t *doc,
		     struct config_errors *errs)
{
	char *text = doc == NULL ? NULL : json_dumps(doc, JSON_INDENT(2));

	json_decref(doc);
	if (text == NULL)
		return tx_refuse(errs, -EIO, "out of memory");
	return keep(tx, ask, text, strlen(text), errs);
}

/* A value in JSON: also a string or a number alone. Depth and size are bounded as a document's. */
static json_t *parse_value(struct slice text, struct config_errors *errs)
{
	struct config_errors *scratch = calloc(1, sizeof(*scratch));
	json_t *list = NULL;
	char *wrapped = NULL;

	/* In brackets, so that the one reader of documents reads it, with its limits. */
	const int n = text.len == 0 || text.len > CONFIG_DOCUMENT_MAX ||
				      memchr(text.ptr, '\0', text.len) != NULL
			      ? -1
			      : asprintf(&wrapped, "[%.*s]", (int)text.len, (const char *)text.ptr);
	if (n >= 0 && scratch != NULL)
		list = config_json_parse(wrapped, (size_t)n, scratch);
	json_t *value = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0)) : NULL;
	json_decref(list);
	if (value == NULL)
		(void)tx_refuse(errs, -EINVAL,
				"the value is not JSON%s%.200s: a string stands in quotes, "
				"\"like this\"",
				scratch != NULL && scratch->nb > 0 ? ": " : "",
				scratch != NULL && scratch->nb > 0 ? scratch->e[0].text : "");
	if (n >= 0)
		free(wrapped);
	free(scratch);
	return value;
}

static int put_at(struct config_tx *tx, const struct config_ask *ask, const struct doc_path *p,
		  json_t *value, struct config_errors *errs)
{
	json_t *doc = base_of(tx, errs);

	if (doc == NULL)
		return -EINVAL;
	const int rc = doc_path_set(doc, p, value, errs);
	if (rc < 0) {
		json_decref(doc);
		return rc == -EINVAL ? rc : tx_refuse(errs, -EIO, "%s", strerror(-rc));
	}
	return keep_json(tx, ask, doc, errs);
}

static int put_whole(struct config_tx *tx, const struct config_ask *ask, struct slice text,
		     struct config_errors *errs)
{
	json_t *doc = config_json_parse(text.ptr, text.len, errs);

	if (!json_is_object(doc)) {
		json_decref(doc);
		return doc == NULL ? -EINVAL
				   : tx_refuse(errs, -EINVAL, "the document must be an object");
	}
	json_decref(doc);
	char *copy = copy_of(text.ptr, text.len);
	if (copy == NULL)
		return tx_refuse(errs, -EIO, "out of memory");
	return keep(tx, ask, copy, text.len, errs);
}

int config_tx_put(struct config_tx *tx, const struct config_ask *ask, struct slice text,
		  struct config_errors *errs)
{
	struct doc_path *p = calloc(1, sizeof(*p));
	json_t *value = NULL;
	int rc = p == NULL ? -ENOMEM : 0;

	if (rc == 0 && ask->path != NULL)
		rc = doc_path_parse(ask->path, strlen(ask->path), p, errs);
	if (rc == 0 && ask->path != NULL) {
		value = parse_value(text, errs);
		rc = value == NULL ? -EINVAL : 0;
	}
	pthread_mutex_lock(&tx->work);
	if (rc == 0)
		rc = check_owner(tx, ask, errs);
	if (rc == 0)
		rc = ask->path != NULL ? put_at(tx, ask, p, value, errs)
				       : put_whole(tx, ask, text, errs);
	pthread_mutex_unlock(&tx->work);
	json_decref(value);
	free(p);
	return rc;
}

/* <patch> into <doc>, or into what is at <p> in it; a reference to <doc> is taken over. */
static json_t *merge_at(json_t *doc, const struct doc_path *p, json_t *patch,
			struct config_errors *errs)
{
	if (p->nb == 0)
		return doc_merge(doc, patch);
	json_t *at = doc_path_get(doc, p, errs);
	json_t *merged = at == NULL ? NULL : doc_merge(json_incref(at), patch);
	if (merged == NULL || doc_path_set(doc, p, merged, errs) < 0) {
		json_decref(doc);
		doc = NULL;
	}
	json_decref(merged);
	return doc;
}

int config_tx_merge(struct config_tx *tx, const struct config_ask *ask, struct slice text,
		    struct config_errors *errs)
{
	const char *path = ask->path != NULL ? ask->path : "";
	struct doc_path *p = calloc(1, sizeof(*p));
	json_t *patch = NULL, *doc = NULL;
	int rc = p == NULL ? -ENOMEM : doc_path_parse(path, strlen(path), p, errs);

	if (rc == 0) {
		patch = parse_value(text, errs);
		rc = patch == NULL ? -EINVAL : 0;
	}
	if (rc == 0 && !json_is_object(patch))
		rc = tx_refuse(errs, -EINVAL, "a merge patch is an object (RFC 7396)");
	pthread_mutex_lock(&tx->work);
	if (rc == 0)
		rc = check_owner(tx, ask, errs);
	if (rc == 0) {
		doc = base_of(tx, errs);
		doc = doc == NULL ? NULL : merge_at(doc, p, patch, errs);
		rc = doc == NULL ? -EINVAL : keep_json(tx, ask, doc, errs);
	}
	pthread_mutex_unlock(&tx->work);
	json_decref(patch);
	free(p);
	return rc;
}

static int remove_at(struct config_tx *tx, const struct config_ask *ask, const struct doc_path *p,
		     struct config_errors *errs)
{
	json_t *doc = base_of(tx, errs);

	if (doc == NULL)
		return -EINVAL;
	const int rc = doc_path_unset(doc, p, errs);
	if (rc < 0) {
		json_decref(doc);
		return rc;
	}
	return keep_json(tx, ask, doc, errs);
}

int config_tx_remove(struct config_tx *tx, const struct config_ask *ask, struct config_errors *errs)
{
	struct doc_path *p = calloc(1, sizeof(*p));
	int rc = p == NULL ? -ENOMEM : 0;

	if (rc == 0 && ask->path != NULL)
		rc = doc_path_parse(ask->path, strlen(ask->path), p, errs);
	pthread_mutex_lock(&tx->work);
	if (rc == 0 && ask->path == NULL && tx->candidate == NULL)
		rc = tx_refuse(errs, -ENOENT, "there is no candidate");
	if (rc == 0)
		rc = check_owner(tx, ask, errs);
	if (rc == 0 && ask->path != NULL)
		rc = remove_at(tx, ask, p, errs);
	else if (rc == 0)
		tx_candidate_drop(tx);
	pthread_mutex_unlock(&tx->work);
	free(p);
	return rc;
}

int config_tx_validate(struct config_tx *tx, struct config_errors *errs)
{
	char *text;
	size_t len;

	const int rc = config_tx_candidate(tx, NULL, &text, &len);
	if (rc < 0)
		return tx_refuse(errs, rc, "there is no candidate");
	struct config *cfg = config_parse(text, len, tx->cp->config_path, &config_files_os, errs);
	free(text);
	config_free(cfg);
	return cfg == NULL ? -EINVAL : 0;
}
