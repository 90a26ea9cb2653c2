/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The server: libwebsockets on a unix socket. Who may connect is the socket file's mode and
 * group, and is checked again by the peer's credentials before a request is looked at. There is
 * no other way in: no header, no address and no upgrade changes what a peer may do. An upgrade is
 * a request like any other: it is routed and answered, and only a stream of text goes on as a
 * WebSocket.
 */

#include "rest/rest.h"

#include "common/log/log.h"
#include "config/config.h"
#include "config_store/transaction.h"
#include "rest/audit.h"
#include "rest/rest_priv.h"

#include <libwebsockets.h>

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("rest");

#define PIECE 16384u
#define LARGE_BODIES_MAX 4u /* at once */
#define PATH_MAX_LEN 512u
#define QUERY_MAX_LEN 2048u

struct rest {
	struct cp *cp;
	struct lws_context *lws;
	pthread_t thread;
	bool is_started;
	_Atomic(bool) is_stopping; /* main thread sets, server's thread reads */
	char path[108];
	gid_t gid; /* allowed besides root and ourselves; (gid_t)-1: none */
	uint64_t nb_requests, nb_refused;
	size_t large; /* bodies of more than REST_BODY_MAX that are being read */
};

/* Per connection, made and zeroed by lws. */
struct pss {
	struct rest_who who;
	enum rest_method method;
	char path[PATH_MAX_LEN];
	char query[QUERY_MAX_LEN];
	char *body;
	size_t body_len, body_max;
	size_t *large; /* &rest->large once this body counts in it */
	char *out;
	size_t out_len, out_off;
	bool is_answered;
	struct rest_stream *stream; /* NULL: none is under way */
};

#define PEER_GROUPS 256

/* Is the peer in <wanted>, by any of the groups that it had when it connected? */
static bool is_in_group(int fd, gid_t wanted)
{
	gid_t groups[PEER_GROUPS];
	socklen_t len = sizeof(groups);

	if (wanted == (gid_t)-1 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* Who is at the other end of the unix socket: whoever may use it may do everything. */
static void find_who(const struct rest *rest, struct lws *wsi, struct rest_who *ret)
{
	const int fd = lws_get_socket_fd(lws_get_network_wsi(wsi));
	socklen_t len = sizeof(struct ucred);
	struct passwd pw, *found = NULL;
	struct ucred who;
	char buf[4096];

	*ret = (struct rest_who){.name = "?"};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return;
	if (getpwuid_r(who.uid, &pw, buf, sizeof(buf), &found) == 0 && found != NULL)
		log_escape(pw.pw_name, strlen(pw.pw_name), ret->name, sizeof(ret->name));
	(void)snprintf(ret->how, sizeof(ret->how), "uid=%u", (unsigned)who.uid);
	(void)snprintf(ret->from, sizeof(ret->from), "pid=%d", (int)who.pid);
	if (who.uid == 0 || who.uid == geteuid() ||
	    (rest->gid != (gid_t)-1 && who.gid == rest->gid) || is_in_group(fd, rest->gid))
		ret->role = REST_ROLE_ADMIN;
}

/* Between requests. <is_answered> stays: the end of a body may be told after the answer. */
static void pss_reset(struct pss *p)
{
	const bool is_answered = p->is_answered;
	const struct rest_who who = p->who;

	if (p->stream != NULL)
		p->stream->ops->close(p->stream->user);
	if (p->large != NULL)
		--*p->large;
	free(p->body);
	free(p->out);
	*p = (struct pss){.is_answered = is_answered, .who = who};
}

static int take_uri(struct lws *wsi, struct pss *p)
{
	static const struct {
		enum lws_token_indexes token;
		enum rest_method method;
	} uris[] = {
		{WSI_TOKEN_GET_URI, REST_GET},       {WSI_TOKEN_POST_URI, REST_POST},
		{WSI_TOKEN_DELETE_URI, REST_DELETE}, {WSI_TOKEN_PUT_URI, REST_PUT},
		{WSI_TOKEN_PATCH_URI, REST_PATCH},
	};
	size_t len = 0;

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		if (lws_hdr_total_length(wsi, uris[i].token) == 0)
			continue;
		if (lws_hdr_copy(wsi, p->path, sizeof(p->path), uris[i].token) <= 0)
			return 414;
		p->method = uris[i].method;
		break;
	}
	if (p->path[0] == '\0')
		return 405;
	for (int i = 0;; i++) {
		const size_t left = sizeof(p->query) - len;
		const int n = lws_hdr_copy_fragment(wsi, p->query + len, (int)left - 1,
						    WSI_TOKEN_HTTP_URI_ARGS, i);

		if (n < 0)
			break;
		len += (size_t)n;
		if (len + 2 >= sizeof(p->query))
			return 414;
		p->query[len++] = '&';
	}
	if (len > 0)
		len--;
	p->query[len] = '\0';
	return 0;
}

/* RFC 9112 7.1: each piece is a chunk, so that a client can tell the end from a cut. */
static int start_stream(struct lws *wsi, struct pss *p, const struct rest_res *res)
{
	static const char chunked[] = "chunked";
	unsigned char head[LWS_PRE + 1024];
	unsigned char *at = head + LWS_PRE, *end = head + sizeof(head) - 1;

	p->is_answered = true;
	p->stream = res->stream;
	/* Who sees what goes into the log: streams show what no other answer does. */
	LOG(NOTICE, "%s %s %s", p->stream->words, p->who.how, p->who.from);
	if (lws_add_http_common_headers(wsi, (unsigned)res->status, res->content_type,
					LWS_ILLEGAL_HTTP_CONTENT_LEN, &at, end) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING,
					 (const unsigned char *)chunked, sizeof(chunked) - 1, &at,
					 end) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL,
					 (const unsigned char *)"no-store", 8, &at, end) ||
	    lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end))
		return 1;
	lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
	lws_set_timer_usecs(wsi, p->stream->poll_us);
	lws_callback_on_writable(wsi);
	return 0;
}

#define CHUNK_HEAD 6u /* four digits and CR LF: 16384 bytes at most */

static int write_stream(struct lws *wsi, struct pss *p)
{
	static const char last[] = "0\r\n\r\n";
	unsigned char buf[LWS_PRE + CHUNK_HEAD + PIECE + 2 + sizeof(last)];
	unsigned char *at = buf + LWS_PRE;
	char head[CHUNK_HEAD + 1];
	bool is_end = false;
	const size_t n = p->stream->ops->read(p->stream->user, at + CHUNK_HEAD, PIECE, &is_end);
	size_t len = 0;

	if (n > 0) {
		(void)snprintf(head, sizeof(head), "%04x\r\n", (unsigned)n);
		memcpy(at, head, CHUNK_HEAD);
		memcpy(at + CHUNK_HEAD + n, "\r\n", 2);
		len = CHUNK_HEAD + n + 2;
	}
	if (is_end) {
		memcpy(at + len, last, sizeof(last) - 1);
		len += sizeof(last) - 1;
	}
	if (len > 0 &&
	    lws_write(wsi, at, len, is_end ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)len)
		return -1;
	if (is_end) {
		pss_reset(p);
		return lws_http_transaction_completed(wsi) ? -1 : 0;
	}
	/* More at once while there is; else the timer asks again. */
	if (n > 0)
		lws_callback_on_writable(wsi);
	return 0;
}

/* lws does not look for the end of a client that it has only to write to, and nothing to write. */
static bool is_gone(struct lws *wsi)
{
	struct pollfd p = {.fd = lws_get_socket_fd(lws_get_network_wsi(wsi))};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static int on_timer(struct lws *wsi, struct pss *p)
{
	if (p == NULL || p->stream == NULL)
		return 0;
	if (is_gone(wsi))
		return -1;
	p->stream->ops->tick(p->stream->user);
	lws_set_timer_usecs(wsi, p->stream->poll_us);
	lws_callback_on_writable(wsi);
	return 0;
}

static int start_answer(struct lws *wsi, struct pss *p, struct rest_res *res)
{
	unsigned char head[LWS_PRE + 1024];
	unsigned char *at = head + LWS_PRE, *end = head + sizeof(head) - 1;

	if (res->stream != NULL)
		return start_stream(wsi, p, res);
	p->is_answered = true;
	p->out = res->json != NULL ? json_dumps(res->json, JSON_INDENT(1) | JSON_PRESERVE_ORDER)
				   : res->text;
	json_decref(res->json);
	p->out_len = p->out == NULL ? 0 : strlen(p->out);
	p->out_off = 0;
	if (lws_add_http_common_headers(wsi, (unsigned)res->status, res->content_type,
					(lws_filepos_t)p->out_len, &at, end) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL,
					 (const unsigned char *)"no-store", 8, &at, end) ||
	    lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end))
		return 1;
	if (p->out_len == 0)
		return lws_http_transaction_completed(wsi) ? -1 : 0;
	lws_callback_on_writable(wsi);
	return 0;
}

static int run_request(struct rest *rest, struct lws *wsi, struct pss *p)
{
	struct rest_req req = {
		.cp = rest->cp,
		.who = &p->who,
		.method = p->method,
		.path = p->path,
		.query = p->query,
		.body = slice_of(p->body, p->body_len),
	};
	struct rest_res res;

	/*
	 * lws tells the end of a body also of a request that was refused at its head, and of one
	 * that announced no bytes: neither may run (again).
	 */
	if (p->is_answered)
		return 0;
	rest->nb_requests++;
	rest_dispatch(&req, &res);
	return start_answer(wsi, p, &res);
}

static int refuse(struct lws *wsi, struct pss *p, int status, const char *detail)
{
	struct rest_res res = {0};

	rest_problem(&res, status, detail);
	return start_answer(wsi, p, &res);
}

/* Is the Content-Length <text> more than <max>? */
static bool is_longer(const char *text, size_t max)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9' && n <= max; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n > max;
}

/* Who asks, and for what. 0, or the status to refuse it with. */
static int check_request(struct rest *rest, struct lws *wsi, struct pss *p, const char **ret_detail)
{
	p->is_answered = false;
	pss_reset(p);
	find_who(rest, wsi, &p->who);
	*ret_detail = "This user may not use the API.";
	if (p->who.role == REST_ROLE_DEFAULT) {
		rest->nb_refused++;
		return 403;
	}
	/* Browsers say where a request comes from; nothing that a page may ask for is here. */
	*ret_detail = "Requests with an Origin are refused.";
	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0)
		return 403;
	*ret_detail = "Method or target not understood.";
	return take_uri(wsi, p);
}

static int on_request(struct rest *rest, struct lws *wsi, struct pss *p)
{
	const char *detail;
	const int status = check_request(rest, wsi, p, &detail);

	if (status != 0)
		return refuse(wsi, p, status, detail);
	p->body_max = rest_body_max(&p->who, p->method, p->path);
	if (p->method != REST_GET && lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0) {
		char len[16] = "";

		if (lws_hdr_copy(wsi, len, sizeof(len), WSI_TOKEN_HTTP_CONTENT_LENGTH) < 0 ||
		    is_longer(len, p->body_max))
			return refuse(wsi, p, 413, "The body is longer than this resource takes.");
		if (strcmp(len, "0") != 0)
			return 0; /* the body comes */
	}
	return run_request(rest, wsi, p);
}

static int on_body(struct rest *rest, struct pss *p, const void *in, size_t len)
{
	char *body;

	/* What comes after an answer, as to a head that was refused, is of no interest. */
	if (p->is_answered)
		return 0;
	if (p->body_len + len > p->body_max)
		return -1;
	if (p->large == NULL && p->body_len + len > REST_BODY_MAX) {
		if (rest->large >= LARGE_BODIES_MAX)
			return -1;
		rest->large++;
		p->large = &rest->large;
	}
	body = realloc(p->body, p->body_len + len + 1);
	if (body == NULL)
		return -1;
	memcpy(body + p->body_len, in, len);
	p->body = body;
	p->body_len += len;
	body[p->body_len] = '\0';
	return 0;
}

static int on_writable(struct lws *wsi, struct pss *p)
{
	unsigned char buf[LWS_PRE + PIECE];
	size_t n = p->out_len - p->out_off;
	enum lws_write_protocol how = LWS_WRITE_HTTP_FINAL;

	if (p->stream != NULL)
		return write_stream(wsi, p);
	if (p->out == NULL || n == 0)
		return 0;
	if (n > PIECE) {
		n = PIECE;
		how = LWS_WRITE_HTTP;
	}
	memcpy(buf + LWS_PRE, p->out + p->out_off, n);
	if (lws_write(wsi, buf + LWS_PRE, n, how) < (int)n)
		return -1;
	p->out_off += n;
	if (p->out_off < p->out_len) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	pss_reset(p);
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* lws closes the connection when we return, so that the answer is written at once. */
static int refuse_upgrade(struct lws *wsi, struct pss *p, int status, const char *detail)
{
	if (refuse(wsi, p, status, detail) != 0)
		return -1;
	(void)on_writable(wsi, p);
	pss_reset(p);
	return -1;
}

/* 0: go on. -1: answered, or not to be answered. */
static int on_upgrade(struct rest *rest, struct lws *wsi, struct pss *p)
{
	const char *detail;
	const int status = check_request(rest, wsi, p, &detail);
	struct rest_req req = {.cp = rest->cp,
			       .who = &p->who,
			       .method = p->method,
			       .path = p->path,
			       .query = p->query};
	struct rest_res res;

	if (status != 0)
		return refuse_upgrade(wsi, p, status, detail);
	if (p->method != REST_GET)
		return refuse_upgrade(wsi, p, 405, "Only a GET can be upgraded.");
	rest->nb_requests++;
	rest_dispatch(&req, &res);
	if (res.stream != NULL && res.stream->is_text) {
		p->stream = res.stream;
		p->is_answered = true;
		LOG(NOTICE, "%s %s %s", p->stream->words, p->who.how, p->who.from);
		return 0;
	}
	if (res.stream == NULL && res.status >= 300) {
		if (start_answer(wsi, p, &res) == 0)
			(void)on_writable(wsi, p);
		pss_reset(p);
		return -1;
	}
	if (res.stream != NULL)
		res.stream->ops->close(res.stream->user);
	json_decref(res.json);
	free(res.text);
	return refuse_upgrade(wsi, p, 400, "This resource does not stream over a WebSocket.");
}

/* A frame with what there is; the timer asks again. */
static int write_frame(struct lws *wsi, struct pss *p)
{
	unsigned char buf[LWS_PRE + PIECE];
	bool is_end = false;
	size_t n;

	if (p->stream == NULL)
		return -1;
	n = p->stream->ops->read(p->stream->user, buf + LWS_PRE, PIECE, &is_end);
	if (n > 0 && lws_write(wsi, buf + LWS_PRE, n, LWS_WRITE_TEXT) < (int)n)
		return -1;
	if (n > 0)
		lws_callback_on_writable(wsi);
	return is_end ? -1 : 0;
}

static int on_ws_established(struct lws *wsi, struct pss *p)
{
	if (p->stream == NULL)
		return -1;
	lws_set_timer_usecs(wsi, p->stream->poll_us);
	lws_callback_on_writable(wsi);
	return 0;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		   size_t len)
{
	struct rest *rest = lws_context_user(lws_get_context(wsi));
	struct pss *p = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_request(rest, wsi, p);
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(rest, p, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return run_request(rest, wsi, p);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return on_writable(wsi, p);
	case LWS_CALLBACK_TIMER:
		return on_timer(wsi, p);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (p != NULL)
			pss_reset(p);
		return 0;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return p == NULL ? -1 : on_upgrade(rest, wsi, p);
	case LWS_CALLBACK_ESTABLISHED:
		return on_ws_established(wsi, p);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return write_frame(wsi, p);
	case LWS_CALLBACK_RECEIVE: /* who listens has nothing to say */
		return -1;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = on_http, .per_session_data_size = sizeof(struct pss)},
	{0},
};

static void *run(void *user)
{
	struct rest *rest = user;

	while (!atomic_load_explicit(&rest->is_stopping, memory_order_relaxed))
		(void)lws_service(rest->lws, 0);
	return NULL;
}

static gid_t group_of(const char *name)
{
	struct group grp, *found = NULL;
	char buf[4096];

	if (name == NULL || getgrnam_r(name, &grp, buf, sizeof(buf), &found) != 0 || found == NULL)
		return (gid_t)-1;
	return grp.gr_gid;
}

/* A listener that has gone without a word is found out. */
static const lws_retry_bo_t keepalive = {
	.secs_since_valid_ping = 20,
	.secs_since_valid_hangup = 60,
};

/* Nobody may connect between bind and chmod: the mask makes the file private from the start. */
static struct lws_context *listen_on(struct rest *rest)
{
	const struct lws_context_creation_info info = {
		.iface = rest->path,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_UNIX_SOCK | LWS_SERVER_OPTION_DISABLE_IPV6,
		.user = rest,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.keepalive_timeout = 30,
		.fd_limit_per_thread = 256,
		.vhost_name = "api",
		.retry_and_idle_policy = &keepalive,
	};
	const mode_t old = umask(0177);
	struct lws_context *lws = lws_create_context(&info);

	umask(old);
	return lws;
}

/* What happens to the configuration without being asked for. */
static void on_config_event(struct cp *cp, const char *what, const char *detail)
{
	audit(cp, NULL, what, detail);
}

static int init(struct cp *cp)
{
	const struct config_api *api = &cp->config->api;
	struct rest *rest = calloc(1, sizeof(*rest));

	if (rest == NULL)
		return -ENOMEM;
	if (audit_open(cp) < 0) {
		free(rest);
		return -ENOMEM;
	}
	config_tx_on_event(cp->config_tx, on_config_event);
	lws_set_log_level(0, NULL);
	rest->cp = cp;
	rest->gid = group_of(api->group);
	if (strlen(api->unix_path) >= sizeof(rest->path)) {
		LOG(ERR, "api.unix is too long path=%s", api->unix_path);
		free(rest);
		return -ENAMETOOLONG;
	}
	(void)snprintf(rest->path, sizeof(rest->path), "%s", api->unix_path);
	(void)unlink(rest->path); /* left by a process that was killed */
	rest->lws = listen_on(rest);
	if (rest->lws == NULL) {
		LOG(ERR, "cannot listen path=%s error=\"%s\"", rest->path, strerror(errno));
		free(rest);
		return -EADDRNOTAVAIL;
	}
	if (rest->gid != (gid_t)-1 && chown(rest->path, (uid_t)-1, rest->gid) < 0)
		LOG(WARN, "socket's group not set path=%s", rest->path);
	if (chmod(rest->path, api->mode) < 0)
		LOG(WARN, "socket's mode not set path=%s", rest->path);
	cp->rest = rest;
	if (pthread_create(&rest->thread, NULL, run, rest) != 0)
		return -EAGAIN;
	rest->is_started = true;
	LOG(NOTICE, "listening path=%s", rest->path);
	return 0;
}

static void fini(struct cp *cp)
{
	struct rest *rest = cp->rest;

	if (rest == NULL)
		return;
	atomic_store(&rest->is_stopping, true);
	lws_cancel_service(rest->lws);
	if (rest->is_started)
		pthread_join(rest->thread, NULL);
	lws_context_destroy(rest->lws);
	(void)unlink(rest->path);
	free(rest);
	cp->rest = NULL;
	audit_close(cp);
}

static void reload(struct cp *cp, const struct config *)
{
	audit_reload(cp);
}

const struct module rest_module = {
	.name = "rest",
	.init = init,
	.reload = reload,
	.fini = fini,
};
