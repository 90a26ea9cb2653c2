/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A connection's life: read a head, know who it is, read the body, run the request, write the
 * answer. Who asks is settled before anything of the request but its framing has a meaning; there
 * is one way from here to a handler, dispatch().
 */

#include "base/loop.h"
#include "common/log/log.h"
#include "rest/audit.h"
#include "rest/server.h"
#include "rest/tls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_TYPE("rest");

struct conn *conn_new(int fd, SSL *ssl, uint64_t now_ms)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		SSL_free(ssl);
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->ssl = ssl;
	c->phase = ssl != NULL ? PHASE_HANDSHAKE : PHASE_HEAD;
	c->wants = POLLIN;
	c->deadline_ms = now_ms + (ssl != NULL ? HANDSHAKE_MS : IDLE_MS);
	return c;
}

static void free_body(struct conn *c)
{
	if (c->large != NULL)
		--*c->large;
	c->large = NULL;
	free(c->body);
	c->body = NULL;
	c->body_len = 0;
}

void conn_free(struct conn *c)
{
	conn_end_stream(c);
	SSL_free(c->ssl);
	close(c->fd);
	free_body(c);
	free(c->out);
	free(c);
}

uint64_t conn_next_ms(const struct conn *c)
{
	uint64_t next = c->deadline_ms != 0 ? c->deadline_ms : UINT64_MAX;

	if (c->is_hot)
		return 0;
	if ((c->phase == PHASE_PARKED || c->phase == PHASE_STREAM) && c->wake_ms < next)
		next = c->wake_ms;
	return next;
}

/* ---- answers ---- */

static enum step begin_answer(struct conn *c, struct rest_res *res, uint64_t now_ms)
{
	if (!answer_put(c, res))
		return STEP_OVER;
	/* A slow reader may have its time, but not for ever. */
	c->deadline_ms = now_ms + ANSWER_MS + c->out_len / 16;
	if (c->phase != PHASE_PARKED)
		c->phase = PHASE_ANSWER;
	return STEP_AGAIN;
}

/* What cannot be understood ends the connection: where the next request begins is not known. */
static enum step refuse(struct rest *rest, struct conn *c, int status, const char *detail,
			uint64_t now_ms)
{
	struct rest_res res = {0};

	rest->counts.refused++;
	c->is_last = true;
	rest_problem(&res, status, detail);
	return begin_answer(c, &res, now_ms);
}

static enum step refuse_head(struct rest *rest, struct conn *c, int status, uint64_t now_ms)
{
	static const struct {
		int status;
		const char *detail;
	} row[] = {
		{413, "The body is too long."},
		{414, "The target is too long."},
		{417, "Only 100-continue can be expected."},
		{426, "WebSocket version 13 is spoken here."},
		{431, "The request's head is too long."},
		{501, "Neither that method nor any transfer coding is known here."},
		{505, "HTTP/1.0 and HTTP/1.1 are spoken here."},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].status == status)
			return refuse(rest, c, status, row[i].detail, now_ms);
	return refuse(rest, c, status, "The request is malformed.", now_ms);
}

/* ---- who ---- */

/* Refusals are the one thing that strangers could fill the audit log with. */
static void note_refusal(struct rest *rest, struct conn *c, int status, const char *why,
			 uint64_t now_ms)
{
	static const struct ip_addr all = {0};
	struct rest_who who = c->who;

	who.role = REST_ROLE_DEFAULT;
	if (limit_take(&rest->noted, &c->peer, now_ms) &&
	    limit_take(&rest->noted_all, &all, now_ms))
		audit_method(rest->cp, &who, c->head.method, c->head.path, status, why);
}

/* A wrong token waits for a moment, and a peer that goes on guessing is not looked at any more. */
static enum step refuse_stranger(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	const bool is_guess = c->cred.has_authorization;
	struct rest_res res = {0};
	uint8_t dice = 0;

	rest->counts.unauthorized++;
	note_refusal(rest, c, 401, is_guess ? "wrong token" : "nothing shown that is known",
		     now_ms);
	if (is_guess) {
		(void)limit_take(&rest->fails, &c->peer, now_ms);
		if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
			dice = 100;
		c->phase = PHASE_PARKED;
		c->wake_ms = now_ms + 50 + dice;
	}
	/* A body is not waited for: who sends it is not known. */
	c->is_last |= is_guess || c->head.length > 0;
	rest_problem(&res, 401, "Show a token or a client certificate that is known here.");
	return begin_answer(c, &res, now_ms);
}

/* True with <c->who> set: go on; else *<ret_step> is what follows. */
static bool authenticate(struct rest *rest, struct conn *c, uint64_t now_ms, enum step *ret_step)
{
	if (c->ssl == NULL && c->who.role != REST_ROLE_DEFAULT)
		return true;
	if (c->ssl == NULL) {
		rest->counts.unauthorized++;
		note_refusal(rest, c, 403, "this user may not use the API", now_ms);
		*ret_step = refuse(rest, c, 403, "This user may not use the API.", now_ms);
		return false;
	}
	auth_take_field(&c->cred, c->head.authorization);
	OPENSSL_cleanse(c->head.authorization, sizeof(c->head.authorization));
	if (c->cred.has_authorization && limit_is_spent(&rest->fails, &c->peer, now_ms)) {
		rest->counts.limited++;
		note_refusal(rest, c, 429, "too many wrong tokens from there", now_ms);
		*ret_step =
			refuse(rest, c, 429, "Too many wrong tokens from your address.", now_ms);
		return false;
	}
	auth_find(rest->door->auth, &c->cred, loop_real_ms() / 1000, &c->who);
	if (c->who.role != REST_ROLE_DEFAULT)
		return true;
	*ret_step = refuse_stranger(rest, c, now_ms);
	return false;
}

/* ---- requests ---- */

static int method_of(const char *name, enum rest_method *ret)
{
	if (strcmp(name, "HEAD") == 0)
		name = "GET";
	for (unsigned m = 0; m < REST_METHOD__COUNT; m++) {
		if (strcmp(name, rest_method_name((enum rest_method)m)) != 0)
			continue;
		*ret = (enum rest_method)m;
		return 0;
	}
	return -501;
}

/* A stream of text; or a refusal, which is answered as ever. */
static bool is_for_websocket(const struct rest_res *res)
{
	return res->stream != NULL ? res->stream->is_text : res->status >= 300;
}

static void drop_answer(struct rest_res *res)
{
	if (res->stream != NULL)
		res->stream->ops->close(res->stream->user);
	json_decref(res->json);
	free(res->text);
}

static enum step dispatch(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	const struct http_head *h = &c->head;
	struct rest_req req = {
		.cp = rest->cp,
		.who = &c->who,
		.path = h->path,
		.query = h->query,
		.body = slice_of(c->body, c->body_len),
		.if_match = h->if_match[0] != '\0' ? h->if_match : NULL,
		.if_none_match = h->if_none_match[0] != '\0' ? h->if_none_match : NULL,
	};
	struct rest_res res;

	rest->counts.requests++;
	if (strcmp(h->method, "OPTIONS") == 0)
		rest_options(&req, &res);
	else if (method_of(h->method, &req.method) < 0)
		return refuse_head(rest, c, 501, now_ms);
	else
		rest_dispatch(&req, &res);
	if (res.status == 403)
		rest->counts.forbidden++;
	if (h->is_upgrade && !is_for_websocket(&res)) {
		drop_answer(&res);
		return refuse(rest, c, 400, "This resource does not stream over a WebSocket.",
			      now_ms);
	}
	if (res.stream != NULL)
		return conn_begin_stream(c, &res, now_ms);
	return begin_answer(c, &res, now_ms);
}

/* The body's first bytes may have come with the head. */
static void take_body(struct conn *c)
{
	const size_t left = (size_t)c->head.length - c->body_len;
	const size_t n = c->in_len < left ? c->in_len : left;

	memcpy(c->body + c->body_len, c->in, n);
	c->body_len += n;
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
}

static enum step begin_body(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	enum rest_method method;

	if (method_of(c->head.method, &method) < 0)
		return refuse_head(rest, c, 501, now_ms);
	if (c->head.length > rest_body_max(&c->who, method, c->head.path))
		return refuse_head(rest, c, 413, now_ms);
	if (c->head.length > REST_BODY_MAX) {
		if (rest->nb_large >= LARGE_BODIES_MAX)
			return refuse(rest, c, 503, "Too many large bodies at once.", now_ms);
		rest->nb_large++;
		c->large = &rest->nb_large;
	}
	c->body = calloc(1, (size_t)c->head.length + 1);
	if (c->body == NULL)
		return refuse(rest, c, 503, "Out of memory.", now_ms);
	c->deadline_ms = now_ms + BODY_MS;
	take_body(c);
	c->phase = PHASE_BODY;
	if (c->head.is_continue_wanted && c->body_len == 0) {
		free(c->out);
		c->out = strdup(go_on);
		c->out_cap = c->out_len = c->out == NULL ? 0 : sizeof(go_on) - 1;
		c->out_off = 0;
		c->phase = PHASE_CONTINUE;
	}
	return STEP_AGAIN;
}

static enum step on_head(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	enum step step = STEP_OVER;

	c->is_last = c->head.is_close;
	if (!authenticate(rest, c, now_ms, &step))
		return step;
	/* Browsers say where a request comes from; nothing that a page may ask for is here. */
	if (c->head.has_origin) {
		note_refusal(rest, c, 403, "request with an Origin", now_ms);
		return refuse(rest, c, 403, "Requests with an Origin are refused.", now_ms);
	}
	if (c->head.length > 0)
		return begin_body(rest, c, now_ms);
	return dispatch(rest, c, now_ms);
}

/* ---- the states ---- */

static enum step run_handshake(struct conn *c, uint64_t now_ms)
{
	const int rc = conn_handshake(c);

	if (rc < 0)
		return rc == -EAGAIN ? STEP_WAIT : STEP_OVER;
	tls_take_peer(c->ssl, &c->cred);
	c->phase = PHASE_HEAD;
	c->deadline_ms = now_ms + HEAD_MS;
	return STEP_AGAIN;
}

static enum step run_head(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	const int took = c->in_len > 0 ? http_head_parse(c->in, c->in_len, &c->head) : 0;
	ssize_t n;

	if (took < 0)
		return refuse_head(rest, c, -took, now_ms);
	if (took > 0) {
		c->in_len -= (size_t)took;
		memmove(c->in, c->in + took, c->in_len);
		return on_head(rest, c, now_ms);
	}
	n = conn_read(c, c->in + c->in_len, sizeof(c->in) - c->in_len);
	if (n <= 0)
		return n == -EAGAIN ? STEP_WAIT : STEP_OVER;
	if (c->in_len == 0)
		c->deadline_ms = now_ms + HEAD_MS;
	c->in_len += (size_t)n;
	return STEP_AGAIN;
}

static enum step run_body(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	ssize_t n;

	if (c->body_len == c->head.length)
		return dispatch(rest, c, now_ms);
	n = conn_read(c, c->body + c->body_len, (size_t)c->head.length - c->body_len);
	if (n <= 0)
		return n == -EAGAIN ? STEP_WAIT : STEP_OVER;
	c->body_len += (size_t)n;
	return STEP_AGAIN;
}

/* The answer is out: the next request, which may be here already, or the end. */
static enum step next_request(struct conn *c, uint64_t now_ms)
{
	free_body(c);
	free(c->out);
	c->out = NULL;
	c->out_cap = c->out_len = c->out_off = 0;
	if (c->is_last) {
		conn_shut(c);
		c->phase = PHASE_LINGER;
		c->deadline_ms = now_ms + LINGER_MS;
		return STEP_AGAIN;
	}
	c->phase = PHASE_HEAD;
	c->deadline_ms = now_ms + (c->in_len > 0 ? HEAD_MS : IDLE_MS);
	/* A peer that sends one after the other takes turns with the others. */
	c->is_hot = true;
	c->wants = POLLIN;
	return STEP_WAIT;
}

static enum step run_answer(struct conn *c, uint64_t now_ms)
{
	const enum step step = conn_flush(c);

	return step == STEP_AGAIN ? next_request(c, now_ms) : step;
}

/* A close before the peer has read would take the answer from it (RFC 9112 9.6). */
static enum step run_linger(struct conn *c)
{
	char drain[4096];
	ssize_t n;

	for (unsigned i = 0; i < 16; i++) {
		n = recv(c->fd, drain, sizeof(drain), MSG_DONTWAIT);
		if (n <= 0)
			break;
	}
	c->wants = POLLIN;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? STEP_WAIT : STEP_OVER;
}

static enum step run_state(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	enum step step;

	switch (c->phase) {
	case PHASE_HANDSHAKE:
		return run_handshake(c, now_ms);
	case PHASE_HEAD:
		return run_head(rest, c, now_ms);
	case PHASE_CONTINUE:
		step = conn_flush(c);
		if (step == STEP_AGAIN)
			c->phase = PHASE_BODY;
		return step;
	case PHASE_BODY:
		return run_body(rest, c, now_ms);
	case PHASE_PARKED:
		c->wants = 0;
		if (now_ms < c->wake_ms)
			return STEP_WAIT;
		c->phase = PHASE_ANSWER;
		return STEP_AGAIN;
	case PHASE_ANSWER:
		return run_answer(c, now_ms);
	case PHASE_STREAM:
		return conn_run_stream(rest, c, now_ms);
	case PHASE_LINGER:
		return run_linger(c);
	}
	return STEP_OVER;
}

/* Too slow. Who sent half a request is told, others know. */
static bool run_late(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	rest->counts.late++;
	if ((c->phase != PHASE_HEAD || c->in_len == 0) && c->phase != PHASE_BODY)
		return false;
	c->head.minor = 1;
	(void)refuse(rest, c, 408, "The request did not come in time.", now_ms);
	c->phase = PHASE_ANSWER;
	c->deadline_ms = now_ms + LINGER_MS;
	return true;
}

bool conn_run(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	enum step step;

	c->is_hot = false;
	if (c->deadline_ms != 0 && now_ms >= c->deadline_ms && !run_late(rest, c, now_ms))
		return false;
	do {
		step = run_state(rest, c, now_ms);
	} while (step == STEP_AGAIN);
	return step == STEP_WAIT;
}
