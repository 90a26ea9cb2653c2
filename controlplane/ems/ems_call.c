/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * REST calls over mutual TLS, by libcurl; connections are kept between calls. One call at a time,
 * and perhaps one beside it that was started ahead.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"
#include "ems/ems_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_TYPE("ems");

#define HEAD_MAX 65536u

static size_t on_body(char *ptr, size_t size, size_t nmemb, void *user)
{
	struct ems_answer *a = user;
	const size_t n = size * nmemb;

	if (n > EMS_BODY_MAX - a->len) {
		a->is_too_large = true;
		return 0;
	}
	if (a->len + n > a->cap) {
		size_t cap = a->cap == 0 ? 65536 : a->cap * 2;

		while (cap < a->len + n)
			cap *= 2;

		uint8_t *body = realloc(a->body, cap);

		if (body == NULL)
			return 0;
		a->body = body;
		a->cap = cap;
	}
	memcpy(a->body + a->len, ptr, n);
	a->len += n;
	return n;
}

/* libcurl keeps every line of a head, and bounds only one's length. */
static size_t on_header(char *, size_t size, size_t nmemb, void *user)
{
	struct ems_answer *a = user;

	a->head_len += size * nmemb;
	a->is_head_too_large = a->head_len > HEAD_MAX;
	return a->is_head_too_large ? 0 : size * nmemb;
}

/* Called about once a second while a call is under way: a stop must not wait for EMS. */
static int on_progress(void *user, curl_off_t, curl_off_t, curl_off_t, curl_off_t)
{
	struct ems_conn *c = user;

	ems_status_post(c, false);
	return atomic_load_explicit(&c->is_stopping, memory_order_relaxed);
}

static CURLcode on_ssl_ctx(CURL *, void *ctx, void *user)
{
	ems_verify_install(ctx, user);
	return CURLE_OK;
}

static void set_blob(CURL *h, CURLoption opt, char *data, size_t len)
{
	struct curl_blob blob = {.data = data, .len = len, .flags = CURL_BLOB_COPY};

	curl_easy_setopt(h, opt, &blob);
}

static int open_handle(struct ems_conn *c, CURL **ret)
{
	CURL *h;

	if (*ret != NULL)
		return 0;
	if (c->multi == NULL)
		c->multi = curl_multi_init();
	h = c->multi == NULL ? NULL : curl_easy_init();
	if (h == NULL)
		return -ENOMEM;
	*ret = h;
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_USERAGENT, "Tagwarden");
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L); /* ems_verify.c compares the CN */
	/* Without a CA the pinned fingerprint decides, see ems_verify.c; never the system's CAs. */
	curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(h, CURLOPT_CAINFO, NULL);
	if (c->ca_len > 0)
		set_blob(h, CURLOPT_CAINFO_BLOB, c->ca_pem, c->ca_len);
	/* A resumed session shows no certificate to check. */
	curl_easy_setopt(h, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	set_blob(h, CURLOPT_SSLCERT_BLOB, c->cert_pem, c->cert_len);
	set_blob(h, CURLOPT_SSLKEY_BLOB, c->key_pem, c->key_len);
	curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, c);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)c->call_timeout_s);
	curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)c->call_timeout_s);
	curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
	curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	return 0;
}

void ems_fail(struct ems_conn *c, enum ems_code code, const char *what)
{
	static const char *const text[] = {
		[-EMS_CODE_CONNECT] = "EMS server connection failed. ",
		[-EMS_CODE_TIMEOUT] = "EMS server connection failed. ",
		[-EMS_CODE_UNCONFIRMED] = "EMS server certificate has not been confirmed. ",
		[-EMS_CODE_UNKNOWN_CA] = "EMS server certificate is not signed by any known CA.",
		[-EMS_CODE_INCOMPATIBLE] = "EMS server connection failed because the server is not "
					   "compatible. ",
		[-EMS_CODE_CERTIFICATE] = "EMS server certificate is refused: ",
		[-EMS_CODE_IDENTITY] = "EMS server connection failed. ",
		[-EMS_CODE_AUTH] = "EMS server connection failed. Authentication failed",
	};

	c->fail.code = code;
	(void)snprintf(c->fail.text, sizeof(c->fail.text), "%s%s", text[-code], what);
}

void ems_call_failed(struct ems_conn *c, enum state_obj obj, const char *what)
{
	struct state_call_stats *st = &c->status.call[obj];

	st->failed++;
	st->last_fail_ms = loop_real_ms();
	(void)snprintf(st->last_error, sizeof(st->last_error), "%s", what);
	c->status.last_error_ms = st->last_fail_ms;
	(void)snprintf(c->status.last_error, sizeof(c->status.last_error), "%s: %s",
		       ems_objs[obj].entry, what);
	ems_fail(c, EMS_CODE_INCOMPATIBLE, what);
	LOG(WARN, "call failed ems=%s obj-id=%u entry=%s error=\"%s\"", c->name, c->obj_id[obj],
	    ems_objs[obj].entry, what);
	ems_trace_failed(c, obj, what);
	/* The first of a row: the field's event says that it went wrong, not how often. */
	if (!c->is_failing[obj])
		ems_event_call(c, EMS_EVENT_REST_ERROR, obj, "Issue in reply of REST API call to");
	c->is_failing[obj] = true;
}

static void note_tls_failure(struct ems_conn *c)
{
	char hint[64] = "";

	if (c->tls_code == EMS_CODE_UNCONFIRMED)
		(void)snprintf(hint, sizeof(hint), "Confirm it: execute fctems verify %u", c->id);
	else if (c->tls_code == EMS_CODE_CERTIFICATE)
		(void)snprintf(hint, sizeof(hint), "%.60s", c->tls_reason);
	if (c->tls_code != 0)
		ems_fail(c, (enum ems_code)c->tls_code, hint);
	else
		ems_fail(c, EMS_CODE_CONNECT, "TLS handshake failed");
}

static int failure_of(struct ems_conn *c, enum state_obj obj, CURLcode cc,
		      const struct ems_answer *a)
{
	if (cc == CURLE_ABORTED_BY_CALLBACK)
		return -ECANCELED;
	if (a->is_too_large) {
		ems_call_failed(c, obj, "answer is larger than 64 MiB");
		return -EFBIG;
	}
	if (a->is_head_too_large) {
		ems_call_failed(c, obj, "answer's header is larger than 64 KiB");
		return -EFBIG;
	}
	switch (cc) {
	case CURLE_OPERATION_TIMEDOUT:
		c->status.call[obj].timeouts++;
		ems_call_failed(c, obj, "timed out");
		ems_fail(c, EMS_CODE_TIMEOUT, "Timed out");
		return -ETIMEDOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
		ems_call_failed(c, obj,
				c->tls_why[0] != '\0' ? c->tls_why : "TLS handshake failed");
		note_tls_failure(c);
		return -EACCES;
	case CURLE_COULDNT_CONNECT:
		ems_call_failed(c, obj, "cannot connect");
		ems_fail(c, EMS_CODE_CONNECT, "Cannot connect");
		return -ECONNREFUSED;
	default:
		ems_call_failed(c, obj, curl_easy_strerror(cc));
		ems_fail(c, EMS_CODE_CONNECT, curl_easy_strerror(cc));
		return -EPROTO;
	}
}

/* EMS's own words about a refusal, as far as there are any: which site it wants, for one. */
static void refusal_words(const struct ems_answer *a, char *ret, size_t cap)
{
	struct ems_reply r;
	ems_why why;

	ret[0] = '\0';
	if (a->http != 403 || ems_reply_parse(slice_of(a->body, a->len), &r, &why) < 0)
		return;
	(void)snprintf(ret, cap, ". %.75s", r.message);
	ems_reply_free(&r);
}

static int check_http(struct ems_conn *c, enum state_obj obj, const struct ems_answer *a)
{
	char text[128], words[80];

	if (a->http == 200)
		return 0;
	if (ems_objs[obj].is_extra && a->http == 404)
		return -EOPNOTSUPP;
	refusal_words(a, words, sizeof(words));
	(void)snprintf(text, sizeof(text), "http code %ld%s", a->http,
		       a->http == 401 ? ", authentication failed" : words);
	ems_call_failed(c, obj, text);
	if (a->http == 401) {
		ems_fail(c, EMS_CODE_AUTH, "");
	} else {
		(void)snprintf(text, sizeof(text), "received https code %ld%s", a->http, words);
		ems_fail(c, EMS_CODE_INCOMPATIBLE, text);
	}
	/* An EMS may keep these from us and still be good for all the rest. */
	if (obj == STATE_OBJ_VPN || obj == STATE_OBJ_TAGS || ems_objs[obj].is_extra)
		return -EPROTO;
	return a->http == 401 || a->http == 403 ? -EACCES : -EPROTO;
}

static bool make_url(const struct ems_conn *c, enum state_obj obj, const char *query,
		     char ret[static EMS_URL_MAX])
{
	const int n = snprintf(ret, EMS_URL_MAX, "https://%s:%u/%s%s%s", c->host, c->port,
			       ems_objs[obj].entry, query[0] != '\0' ? "?" : "", query);

	return n > 0 && (size_t)n < EMS_URL_MAX;
}

static void aim(CURL *h, const char *url, struct ems_answer *a)
{
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
}

/* ---- transfers ---- */

/* What has ended: the call ahead is marked. True: <h> has, with <ret>. */
static bool take_ended(struct ems_conn *c, const CURL *h, CURLcode *ret)
{
	bool is_ended = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		if (m->easy_handle == h) {
			*ret = m->data.result;
			is_ended = true;
		}
		if (m->easy_handle == c->ahead.curl) {
			c->ahead.cc = m->data.result;
			c->ahead.is_done = true;
		}
	}
	return is_ended;
}

/* Let transfers go on until <h> has ended. */
static CURLcode drive(struct ems_conn *c, const CURL *h)
{
	CURLcode cc = CURLE_OK;
	int running;

	for (;;) {
		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		if (take_ended(c, h, &cc))
			return cc;
		/* The one that waited: the other has the warm connection by now. */
		if (c->ahead.is_open && !c->ahead.is_added) {
			if (curl_multi_add_handle(c->multi, c->ahead.curl) != CURLM_OK)
				(void)ems_call_ahead_cancel(c);
			c->ahead.is_added = c->ahead.is_open;
			continue;
		}
		if (curl_multi_poll(c->multi, NULL, 0, 1000, NULL) != CURLM_OK)
			return CURLE_FAILED_INIT;
	}
}

static CURLcode perform(struct ems_conn *c, CURL *h)
{
	CURLcode cc = CURLE_FAILED_INIT;

	if (curl_multi_add_handle(c->multi, h) == CURLM_OK) {
		cc = drive(c, h);
		curl_multi_remove_handle(c->multi, h);
	}
	return cc;
}

/* What the last handshake left for whoever is to judge it. */
static void forget_handshake(struct ems_conn *c)
{
	c->tls_why[0] = '\0';
	c->tls_code = 0;
	c->shown[0] = '\0';
}

int ems_call_ahead(struct ems_conn *c, enum state_obj obj, const char *query)
{
	struct ems_ahead *ah = &c->ahead;

	if (ah->is_open)
		return -EBUSY;
	if (!make_url(c, obj, query, ah->url))
		return -EINVAL;
	if (open_handle(c, &ah->curl) < 0)
		return -ENOMEM;
	aim(ah->curl, ah->url, &ah->a);
	ah->obj = obj;
	forget_handshake(c);
	ah->start_us = loop_now_us();
	ah->is_open = true;
	ah->is_added = ah->is_done = false;
	c->status.call[obj].is_in_flight = true;
	ems_trace_submit(c, obj, query, NULL);
	return 0;
}

bool ems_call_ahead_cancel(struct ems_conn *c)
{
	struct ems_ahead *ah = &c->ahead;
	const bool was_open = ah->is_open;

	if (ah->is_added)
		curl_multi_remove_handle(c->multi, ah->curl);
	if (was_open) {
		c->status.call[ah->obj].is_in_flight = false;
		ems_trace_forget(c, ah->obj);
		c->is_due[ah->obj] = true; /* what it was to bring has still to come */
	}
	ah->is_open = ah->is_added = false;
	ems_answer_free(&ah->a);
	return was_open;
}

/* Is <url> what was asked for ahead? Its end is waited for. */
static bool take_ahead(struct ems_conn *c, const char *url, struct ems_answer *ret,
		       CURLcode *ret_cc, uint64_t *ret_start_us)
{
	struct ems_ahead *ah = &c->ahead;

	if (!ah->is_open || strcmp(ah->url, url) != 0)
		return false;
	ah->is_added = ah->is_added || curl_multi_add_handle(c->multi, ah->curl) == CURLM_OK;
	if (!ah->is_added)
		*ret_cc = CURLE_FAILED_INIT;
	else
		*ret_cc = ah->is_done ? ah->cc : drive(c, ah->curl);
	if (ah->is_added)
		curl_multi_remove_handle(c->multi, ah->curl);
	*ret_start_us = ah->start_us;
	*ret = ah->a;
	curl_easy_getinfo(ah->curl, CURLINFO_RESPONSE_CODE, &ret->http);
	ah->a = (struct ems_answer){0};
	ah->is_open = ah->is_added = false;
	return true;
}

void ems_call_hang_up(struct ems_conn *c)
{
	(void)ems_call_ahead_cancel(c);
	if (c->curl != NULL)
		curl_easy_cleanup(c->curl);
	if (c->ahead.curl != NULL)
		curl_easy_cleanup(c->ahead.curl);
	if (c->multi != NULL)
		curl_multi_cleanup(c->multi);
	c->curl = c->ahead.curl = NULL;
	c->multi = NULL;
}

/* GET or POST, to its end. */
static CURLcode exchange(struct ems_conn *c, const char *url, const char *json,
			 struct ems_answer *ret)
{
	struct curl_slist *headers = NULL;
	CURLcode cc;

	aim(c->curl, url, ret);
	if (json != NULL) {
		headers = curl_slist_append(NULL, "Content-Type: application/json");
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, json);
		curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	}
	cc = perform(c, c->curl);
	curl_slist_free_all(headers);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &ret->http);
	return cc;
}

int ems_call(struct ems_conn *c, enum state_obj obj, const char *query, const char *json,
	     struct ems_answer *ret)
{
	struct state_call_stats *st = &c->status.call[obj];
	uint64_t start_us = loop_now_us();
	struct ems_answer a = {0};
	char url[EMS_URL_MAX];
	CURLcode cc;
	int rc;

	if (!make_url(c, obj, query, url) || open_handle(c, &c->curl) < 0) {
		ems_call_failed(c, obj, "cannot make the call");
		return -EINVAL;
	}
	/* With a call ahead, its handshake may have left them. */
	if (!c->ahead.is_open)
		forget_handshake(c);
	st->is_in_flight = true;
	if (json != NULL || !take_ahead(c, url, &a, &cc, &start_us)) {
		if (c->ahead.is_open && c->ahead.obj == obj)
			(void)ems_call_ahead_cancel(c); /* another cursor than it asked with */
		ems_trace_submit(c, obj, query, json);
		cc = exchange(c, url, json, &a);
	}
	c->last_curl = (int)cc;
	st->is_in_flight = false;
	st->last_us = (uint32_t)(loop_now_us() - start_us);
	st->last_http = (int32_t)a.http;
	st->bytes_in += a.len;
	ems_trace_answer(c, obj, cc == CURLE_OK, &a);
	rc = cc == CURLE_OK ? check_http(c, obj, &a) : failure_of(c, obj, cc, &a);
	if (rc < 0) {
		c->shown[0] = '\0';
		ems_answer_free(&a);
		return rc;
	}
	/* With a call ahead, the other's handshake may have shown it: when both are through. */
	if (c->shown[0] != '\0' && !c->ahead.is_open)
		ems_pin_renew(c);
	*ret = a;
	return 0;
}

void ems_answer_free(struct ems_answer *a)
{
	free(a->body);
	*a = (struct ems_answer){0};
}

int ems_call_reply(struct ems_conn *c, enum state_obj obj, const char *query, const char *json,
		   struct ems_reply *ret)
{
	struct ems_answer a;
	ems_why why;
	int rc = ems_call(c, obj, query, json, &a);

	if (rc < 0)
		return rc;
	rc = ems_reply_parse(slice_of(a.body, a.len), ret, &why);
	ems_answer_free(&a);
	if (rc < 0) {
		ems_call_failed(c, obj, why);
		return rc;
	}
	/* What we asked for is not there: no failure. */
	if (ret->retval == -404 && ems_objs[obj].is_extra) {
		ems_reply_free(ret);
		return -ENOENT;
	}
	if (ret->retval != 1) {
		ems_call_failed(c, obj, ret->message[0] != '\0' ? ret->message : "retval is not 1");
		rc = ret->retval;
		ems_reply_free(ret);
		/* EMS no longer knows the cursor: everything must be pulled anew. */
		return rc == -410 || rc == 410 ? -ESTALE : -EPROTO;
	}
	if (c->is_failing[obj])
		ems_event_call(c, EMS_EVENT_REST_RECOVERED, obj, "REST API call recovered:");
	c->is_failing[obj] = false;
	c->status.call[obj].ok++;
	c->status.call[obj].last_ok_ms = loop_real_ms();
	return 0;
}
