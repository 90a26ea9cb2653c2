/* SPDX-License-Identifier: BSD-3-Clause */

/* A request from its head to the real server that will answer it, or to a refusal. */

#include "http/block_page.h"
#include "session/session_priv.h"

#include <errno.h>
#include <time.h>

#define STATUS_TOO_LARGE 431

static void hex(const uint8_t *in, size_t n, char *ret)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digit[in[i] >> 4];
		ret[2 * i + 1] = digit[in[i] & 15];
	}
}

void request_new_id(struct session_worker *sw, uint8_t ret[static 16])
{
	struct device_uid count = {0};
	const uint64_t n = ++sw->next_request;

	memcpy(count.b, &n, sizeof(n));
	for (uint8_t i = 0; i < 2; i++) {
		count.b[15] = i;
		const uint64_t h = snap_device_hash(sw->p.seed, &count);

		memcpy(ret + 8 * i, &h, sizeof(h));
	}
}

static void begin_exchange(struct session *s)
{
	struct exchange *x = &s->x;
	const struct h1_head *h = &s->sw->head;

	*x = (struct exchange){
		.start_us = s->sw->now_us,
		.method = (uint8_t)h->method,
		.minor = h->minor,
		/* RFC 9112 9.3: a proxy keeps no connection with an HTTP/1.0 client. */
		.is_keep_alive = h->is_keep_alive && h->minor > 0,
		.has_expect = h->has_expect_continue,
		.has_upgrade = h->has_upgrade,
		.head_len = (uint32_t)h->len,
		.client_in = h->len,
	};
	request_new_id(s->sw, x->request_id);
	h1_body_init(&x->req_body, h);
	x->req_done = x->req_body.is_done; /* none, or one of no bytes */
	s->nb_requests++;
	session_count(s->sw, OUTCOME_HTTP_REQUESTS);
}

void request_drop_input(struct session *s, uint32_t n)
{
	struct buf *b = s->in;

	b->off += n;
	b->len -= n;
	if (b->len == 0)
		session_buf_put(s->sw, &s->in);
}

/* Is there something to do that no event will tell of? */
static bool has_input(const struct session *s)
{
	return s->in != NULL || tls_conn_has_pending(s->tls) ||
	       stream_peek(tcp_conn_stream(s->tcp)).len > 0;
}

void request_next(struct session *s)
{
	s->state = SESSION_HEAD;
	s->x.head_len = 0; /* that request is over: nothing may be read as its head any more */
	session_arm(s, (s->in != NULL ? s->sw->view.config->head_ms : s->sw->view.config->idle_ms) *
			       1000ull);
	evidence_row(s);
	if (has_input(s) || stream_is_eof(tcp_conn_stream(s->tcp)))
		session_again(s);
}

struct answer {
	uint16_t status;
	uint16_t code;
	const char *title, *message;
};

static void write_page(struct session *s, const struct answer *a, bool is_keep_alive)
{
	struct session_worker *sw = s->sw;
	struct h1_writer w = {.buf = (char *)sw->out, .cap = sizeof(sw->out)};
	char id[32], uid[DEVICE_UID_STRLEN + 1], sn[CERT_SERIAL_STRLEN + 1];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	hex(s->x.request_id, 16, id);
	device_uid_emit(&s->facts.uid, uid);
	cert_serial_emit(&s->facts.serial, sn);

	const bool is_parsed = s->x.head_len > 0;
	const struct block_page page = {
		.status = a->status,
		.code = a->code,
		.title = a->title,
		.message = a->message,
		.request_id = slice_of(id, sizeof(id)),
		.host = is_parsed ? sw->head.host : SLICE_EMPTY,
		.device_uid = s->has_device ? slice_str(uid) : SLICE_EMPTY,
		.cert_serial = s->has_device ? slice_str(sn) : SLICE_EMPTY,
		.time_s = now.tv_sec,
		.is_json = is_parsed && block_page_wants_json(&sw->head),
		.is_head = is_parsed && s->x.method == H1_HEAD,
		.is_keep_alive = is_keep_alive,
	};

	block_page_write(&w, &page);
	s->x.client_out = w.len;
	s->x.status = a->status;
	if (w.is_full || !front_write(s, sw->out, w.len))
		session_count(sw, OUTCOME_BUG);
}

/*
 * Say no, then go on with the next request when this one's end is known, else close. The head
 * must be in sw->head when x.head_len is set.
 */
static void answer(struct session *s, const struct answer *a)
{
	const bool goes_on =
		s->x.head_len > 0 && s->x.is_keep_alive && s->x.req_done && s->in != NULL;

	write_page(s, a, goes_on);
	if (!goes_on) {
		front_linger(s);
		return;
	}
	request_drop_input(s, s->x.head_len);
	request_next(s);
}

static bool parse_again(struct session *s)
{
	enum outcome why;

	return s->in != NULL && h1_parse_request(slice_of(s->in->data + s->in->off, s->in->len),
						 &s->sw->head, &why) == 0;
}

void request_refuse(struct session *s, uint16_t status, enum outcome why)
{
	struct answer a = {
		.status = status,
		.title = h1_status_reason(status),
		.message = status >= 502
				   ? "The application could not be reached. Try again in a moment."
				   : outcome_text(why),
	};

	if (s->x.head_len > 0) {
		if (!parse_again(s))
			s->x.head_len = 0;
	} else if (s->state == SESSION_HEAD) {
		/*
		 * The head did not parse, so there is no exchange yet: page and record need an id.
		 */
		s->x = (struct exchange){.start_us = s->sw->now_us};
		request_new_id(s->sw, s->x.request_id);
	}
	/* Who sends one request that may be read in two ways is not asked for the next. */
	if (status == 400)
		s->x.is_keep_alive = false;
	session_count(s->sw, why);
	if (!front_has_room(s)) { /* the client does not read: there is no telling it */
		evidence_request(s, why, a.code, 0);
		session_end(s, true);
		return;
	}
	s->x.status = status;
	evidence_request(s, why, a.code, 0);
	answer(s, &a);
}

static void deny(struct session *s)
{
	const struct policy_verdict *v = &s->verdict;
	const struct answer a = {
		.status = 403,
		.code = v->code,
		.title = policy_code_title(v->code),
		.message = policy_code_remedy(v->code),
	};

	session_count(s->sw, v->outcome);
	s->is_accepted = false;
	s->x.status = 403;
	evidence_request(s, v->outcome, v->code, 0);
	answer(s, &a);
}

static void no_gateway(struct session *s, enum outcome why, uint16_t code, uint16_t status)
{
	const struct answer a = {
		.status = status,
		.code = code,
		.title = policy_code_title(code),
		.message = policy_code_remedy(code),
	};

	session_count(s->sw, why);
	s->x.status = status;
	evidence_request(s, why, code, 0);
	answer(s, &a);
}

/* Is this verdict about who the client is, which comes before what it asks for? */
static bool is_about_client(const struct policy_verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_POLICY_NO_MATCH:
	case OUTCOME_POLICY_NO_TAGS:
	case OUTCOME_POLICY_DENY:
	case OUTCOME_POLICY_DENY_TAGS:
	case OUTCOME_ZTNA_POSTURE_STALE:
		return false;
	default:
		return !v->is_accept;
	}
}

static void wait_for_pull(struct session *s)
{
	evidence_pull(s);
	session_count(s->sw, OUTCOME_DEVICE_PULL);
	s->state = SESSION_PULL;
	session_arm(s, s->sw->view.config->pull_ms * 1000ull);
	evidence_row(s);
}

static bool take_gateway(struct session *s, const struct route *route)
{
	if (route->gateway == NULL)
		return false;
	s->x.gateway = route->gateway_idx;
	s->x.gateway_id = route->gateway->id;
	return true;
}

/* Kept as a copy: the snapshot may be another when the connection is there. */
static void take_http_host(struct session *s, const struct snap_real_server *rs)
{
	const struct slice host = snap_str(&s->sw->view, rs->http_host);

	s->x.http_host_len = host.len <= SESSION_NAME_MAX ? (uint8_t)host.len : 0;
	if (s->x.http_host_len > 0)
		memcpy(s->http_host, host.ptr, host.len);
}

/* Choose a server of the gateway and get a connection to it. False: there is none left. */
static bool lend(struct session *s)
{
	struct session_worker *sw = s->sw;
	const struct service *svc = s->listener->service;
	const struct snap_access_proxy *ap =
		(const struct snap_access_proxy *)snap_arr(&sw->view, sw->view.config->proxies) +
		svc->proxy;
	const struct snap_gateway *gw =
		(const struct snap_gateway *)snap_arr(&sw->view, ap->gateways) + s->x.gateway;
	const uint64_t deadline = sw->now_us + sw->view.config->upstream_connect_ms * 1000ull;
	struct upstream_server *us;
	const struct snap_real_server *rs;

	while ((rs = route_pick_server(sw, gw, svc->gateway_tls[s->x.gateway], s->x.attempts,
				       &us)) != NULL) {
		s->x.server_id = rs->id;
		s->x.server_addr = rs->address;
		s->x.server_port = rs->port;
		take_http_host(s, rs);
		if (upstream_acquire(sw->upstream, us, s, s->x.is_fresh_only, deadline, sw->now_us,
				     &s->back) == 0)
			return true;
		s->back = NULL;
		s->x.attempts++;
	}
	return false;
}

/*
 * The Host for the server: its own when configured, else the client's. Identity fields tell it
 * who came, and nothing that the client claimed of itself.
 */
static bool send_head(struct session *s, struct slice path)
{
	struct session_worker *sw = s->sw;
	const struct snap_view *v = &sw->view;
	struct h1_writer w = {.buf = (char *)sw->out, .cap = sizeof(sw->out)};
	const struct snap_ems *ems = snap_arr(v, v->config->ems);
	const struct tcp_tuple *t = tcp_conn_tuple(s->tcp);
	char ip[IP_ADDR_STRLEN], uid[DEVICE_UID_STRLEN + 1], id[32];

	ip_addr_emit(&t->remote, ip);
	device_uid_emit(&s->facts.uid, uid);
	hex(s->x.request_id, 16, id);

	const struct h1_identity identity = {
		.client_ip = slice_str(ip),
		.proto = SLICE_LIT("https"),
		.host = sw->head.host,
		.device_uid = s->has_device ? slice_str(uid) : SLICE_EMPTY,
		.ems_serial = s->has_device && s->facts.ems < v->config->ems.count
				      ? snap_str(v, ems[s->facts.ems].serial_number)
				      : SLICE_EMPTY,
		.request_id = slice_of(id, sizeof(id)),
	};

	const struct slice host =
		s->x.http_host_len > 0 ? slice_of(s->http_host, s->x.http_host_len) : sw->head.host;

	h1_write_request(&w, &sw->head, path, host, &identity);
	if (w.is_full || upstream_conn_write(s->back, sw->out, w.len) < 0)
		return false;
	s->x.server_out += w.len;
	return true;
}

static bool send_continue(struct session *s)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

	/* RFC 9110 10.1.1: only when it is waited for, and a 1.0 client cannot wait. */
	if (!s->x.has_expect || s->x.minor == 0 || s->in != NULL)
		return true;
	return front_write(s, interim, sizeof(interim) - 1);
}

/* The connection is there: the request goes out. <path> is normalized. */
static void send_request(struct session *s, struct slice path)
{
	struct session_worker *sw = s->sw;

	if (!send_head(s, path)) {
		request_retry(s, OUTCOME_UPSTREAM_CONNECT_FAILED);
		return;
	}
	s->x.req_sent = true;
	/* A body follows in the same buffer; without one the head stays for a second attempt. */
	if (!s->x.req_done) {
		request_drop_input(s, s->x.head_len);
		s->x.head_len = 0;
		if (!send_continue(s)) {
			session_end(s, true);
			return;
		}
	}
	s->state = SESSION_EXCHANGE;
	session_arm(s, sw->view.config->upstream_ms * 1000ull);
	evidence_row(s);
	exchange_run(s);
}

static void open_back(struct session *s, struct slice path)
{
	if (!lend(s)) {
		no_gateway(s, OUTCOME_ZTNA_NO_REAL_SERVER, 22, 502);
		return;
	}
	if (s->back->state == UPSTREAM_BUSY) {
		send_request(s, path);
		return;
	}
	s->state = SESSION_CONNECT;
	session_arm(s, s->sw->view.config->upstream_ms * 1000ull);
	evidence_row(s);
}

void request_begin(struct session *s)
{
	struct session_worker *sw = s->sw;
	enum outcome why;
	struct route route;

	if (s->state == SESSION_PULL) {
		if (!parse_again(s)) {
			session_end(s, true);
			return;
		}
		s->state = SESSION_HEAD;
	} else {
		begin_exchange(s);
	}
	if (s->listener->service == NULL) {
		session_end(s, true);
		return;
	}
	if (route_find(sw, s->listener->service, tls_conn_sni(s->tls), &sw->head, &route, &why) <
	    0) {
		request_refuse(s, why == OUTCOME_HTTP_MISDIRECTED ? 421 : h1_refusal_status(why),
			       why);
		return;
	}
	(void)take_gateway(s, &route);
	decide_request(s);
	if (s->verdict.is_pending) {
		wait_for_pull(s);
	} else if (is_about_client(&s->verdict)) {
		deny(s);
	} else if (route.gateway == NULL) {
		no_gateway(s, OUTCOME_ZTNA_NO_GATEWAY, 21, 404);
	} else if (!s->verdict.is_accept) {
		deny(s);
	} else {
		s->is_accepted = true;
		open_back(s, route.path);
	}
}

int request_fill(struct session *s)
{
	const bool was_empty = s->in == NULL;
	const int rc = front_fill(s);

	if (rc == 0 && was_empty)
		session_arm(s, s->sw->view.config->head_ms * 1000ull);
	return rc;
}

void request_read(struct session *s)
{
	enum outcome why;

	for (;;) {
		/*
		 * An answer must find room before a request is taken: back-pressure by the client.
		 */
		if (!front_has_room(s))
			return;
		if (s->in != NULL && s->in->len > 0) {
			const struct slice in = slice_of(s->in->data + s->in->off, s->in->len);
			const int rc = h1_parse_request(in, &s->sw->head, &why);

			if (rc == 0) {
				request_begin(s);
				return;
			}
			if (rc != -EAGAIN) {
				request_refuse(s, h1_refusal_status(why), why);
				return;
			}
		}

		const int rc = request_fill(s);

		if (rc == -EAGAIN)
			return;
		if (rc == -ENOBUFS) {
			request_refuse(s, STATUS_TOO_LARGE, OUTCOME_HTTP_HEAD_TOO_LARGE);
			return;
		}
		if (rc < 0) {
			session_end(s, rc != -EPIPE);
			return;
		}
	}
}

void request_connect(struct session *s)
{
	const int rc = upstream_conn_advance(s->sw->upstream, s->back);
	struct route route;
	enum outcome why;

	if (rc == -EAGAIN)
		return;
	if (rc < 0) {
		request_retry(s, OUTCOME_UPSTREAM_CONNECT_FAILED);
		return;
	}
	if (upstream_server_set_up(s->back->server))
		evidence_health(s, true);
	/* The scratch was used by others meanwhile: read the head anew. It parsed before. */
	if (!parse_again(s) || s->listener->service == NULL ||
	    route_find(s->sw, s->listener->service, tls_conn_sni(s->tls), &s->sw->head, &route,
		       &why) < 0) {
		session_end(s, true);
		return;
	}
	send_request(s, route.path);
}

/* May the request be sent once more? Only when the server cannot have acted on it. */
static bool can_resend(const struct session *s)
{
	/*
	 * RFC 9110 9.2.2, RFC 9112 9.3.1: a kept-alive connection that the server closed just
	 * then; without a body nothing of the request is lost, and safe methods may repeat.
	 */
	return s->back->is_reused && s->x.req_done && s->x.head_len > 0 && !s->x.res_started &&
	       (s->from == NULL || s->from->len == 0) &&
	       (s->x.method == H1_GET || s->x.method == H1_HEAD || s->x.method == H1_OPTIONS);
}

void request_retry(struct session *s, enum outcome why)
{
	struct session_worker *sw = s->sw;
	const bool was_opening = s->back->state == UPSTREAM_OPENING;
	const bool goes_on = was_opening || (why != OUTCOME_UPSTREAM_TIMEOUT && can_resend(s));
	struct route route;
	enum outcome bad;

	if (was_opening) {
		if (upstream_server_set_down(s->back->server, sw->now_us))
			evidence_health(s, false);
		s->x.attempts++;
	} else {
		s->x.is_fresh_only = true;
	}
	upstream_release(sw->upstream, s->back, false, sw->now_us);
	s->back = NULL;
	session_buf_put(sw, &s->from);
	s->state = SESSION_CONNECT;
	/* Routed anew: the configuration may have changed since, and gateways their places. */
	if (goes_on && parse_again(s) && s->listener->service != NULL &&
	    route_find(sw, s->listener->service, tls_conn_sni(s->tls), &sw->head, &route, &bad) ==
		    0 &&
	    take_gateway(s, &route) && lend(s)) {
		session_count(sw, why); /* of the attempt that failed */
		if (s->back->state == UPSTREAM_BUSY)
			send_request(s, route.path);
		return;
	}
	request_refuse(s, why == OUTCOME_UPSTREAM_TIMEOUT ? 504 : 502, why);
}
