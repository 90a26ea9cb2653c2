/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/micro/path/peer.h"

#include "base/leg.h"
#include "base/stream_copy.h"
#include "tcp/tcp.h"

#include <rte_mbuf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT 10000u
#define NB_PORTS 40000u
#define CHUNK 16384u
#define HEAD_MAX 1024u

static const uint8_t client_ip[4] = {192, 0, 2, 1}, proxy_ip[4] = {192, 0, 2, 10},
		     origin_ip[4] = {198, 51, 100, 20};

enum client_state {
	CLIENT_CLOSED,
	CLIENT_HANDSHAKE,
	CLIENT_HEAD, /* waits for, or reads, the head of an answer */
	CLIENT_BODY,
};

struct client {
	struct leg leg; /* LEG_FRONT */
	uint8_t state;
	uint32_t nb_requests;
	struct tcp_conn *tcp;
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	SSL_SESSION *session;
	uint32_t head_len;
	uint64_t body_left;
	char head[HEAD_MAX];
};

struct server {
	struct leg leg; /* LEG_BACK */
	struct tcp_conn *tcp;
	uint32_t matched;   /* bytes of the blank line that ends a head */
	uint64_t head_left; /* of the answer under way */
	uint64_t body_left;
	struct server *next; /* unused ones */
};

struct peer {
	struct peer_params p;
	struct tcp_stack *tcp;
	SSL_CTX *ctx;
	struct client *client;
	struct server *server, *unused;
	struct peer_stats stats;
	uint32_t next_port;
	char answer[HEAD_MAX];
	uint32_t answer_len;
	uint64_t now_us;
	uint8_t buf[CHUNK];
};

static struct ip_addr addr(const uint8_t v4[static 4])
{
	struct ip_addr a = {.b = {[10] = 0xff, 0xff}};

	memcpy(a.b + 12, v4, 4);
	return a;
}

/* ---- clients ---- */

static void client_error(struct peer *p, const char *what)
{
	if (p->stats.errors++ < 10)
		fprintf(stderr, "path: client: %s\n", what);
}

static void client_open(struct peer *p, struct client *c, uint32_t idx)
{
	const struct ip_addr local = addr(client_ip), remote = addr(proxy_ip);
	const struct tcp_tuple t = {
		.local = local,
		.remote = remote,
		.local_port = (uint16_t)(FIRST_PORT + p->next_port++ % NB_PORTS),
		.remote_port = 9043,
	};

	if (tcp_connect(p->tcp, &t, p->now_us, &c->tcp) < 0)
		return; /* again in the next round */
	tcp_conn_set_user(c->tcp, c);
	c->ssl = SSL_new(p->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	if (c->ssl == NULL || c->in == NULL || c->out == NULL)
		abort();
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_connect_state(c->ssl);
	SSL_set_tlsext_host_name(c->ssl, "shop.example");
	if (c->session != NULL)
		SSL_set_session(c->ssl, c->session);
	p->p.use_device(p->p.user, c->ssl, idx);
	c->state = CLIENT_HANDSHAKE;
	c->nb_requests = 0;
	p->stats.connections++;
}

static void client_send(struct client *c)
{
	char *out;
	const long len = BIO_get_mem_data(c->out, &out);

	if (len > 0 && stream_write(tcp_conn_stream(c->tcp), out, (size_t)len) != (size_t)len)
		abort();
	(void)BIO_reset(c->out);
}

static void client_close(struct peer *p, struct client *c)
{
	if (p->p.is_resuming) {
		SSL_SESSION_free(c->session);
		c->session = SSL_get1_session(c->ssl);
	}
	p->stats.resumed += SSL_session_reused(c->ssl) != 0;
	if (SSL_is_init_finished(c->ssl) && SSL_shutdown(c->ssl) >= 0)
		client_send(c);
	SSL_free(c->ssl);
	c->ssl = NULL;
	tcp_close(c->tcp, p->now_us);
	c->tcp = NULL;
	c->state = CLIENT_CLOSED;
}

static void client_ask(struct peer *p, struct client *c)
{
	static const char request[] = "GET /shop/items?page=1&size=20 HTTP/1.1\r\n"
				      "Host: shop.example\r\n"
				      "User-Agent: tagwarden-path/1\r\n"
				      "Accept: application/json\r\n"
				      "Accept-Encoding: identity\r\n"
				      "\r\n";

	if (p->p.requests_per_conn != 0 && c->nb_requests == p->p.requests_per_conn) {
		client_close(p, c);
		return;
	}
	c->nb_requests++;
	c->state = CLIENT_HEAD;
	c->head_len = 0;
	if (SSL_write(c->ssl, request, sizeof(request) - 1) != sizeof(request) - 1)
		abort();
}

static bool client_read_head(struct peer *p, struct client *c)
{
	const int n = SSL_read(c->ssl, c->head + c->head_len, (int)(HEAD_MAX - c->head_len));

	if (n <= 0)
		return false;
	c->head_len += (uint32_t)n;

	const char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);

	if (end == NULL)
		return true;
	if (memcmp(c->head, "HTTP/1.1 200", 12) != 0)
		client_error(p, "the answer is no 200");

	const uint64_t got = c->head_len - (uint64_t)(end + 4 - c->head);

	c->body_left = p->p.response_size - got;
	c->state = CLIENT_BODY;
	return true;
}

static bool client_read_body(struct peer *p, struct client *c)
{
	if (c->body_left > 0) {
		const int n = SSL_read(c->ssl, p->buf, sizeof(p->buf));

		if (n <= 0)
			return false;
		c->body_left -= (uint64_t)n;
	}
	if (c->body_left > 0)
		return true;
	p->stats.requests++;
	p->stats.bytes += p->p.response_size;
	client_ask(p, c);
	return c->state != CLIENT_CLOSED;
}

static bool client_handshake(struct peer *p, struct client *c)
{
	const int rc = SSL_do_handshake(c->ssl);

	if (rc == 1) {
		client_ask(p, c);
		return true;
	}
	if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ) {
		client_error(p, "the handshake failed");
		client_close(p, c);
	}
	return false;
}

static bool client_step(struct peer *p, struct client *c)
{
	switch ((enum client_state)c->state) {
	case CLIENT_HANDSHAKE:
		return client_handshake(p, c);
	case CLIENT_HEAD:
		return client_read_head(p, c);
	case CLIENT_BODY:
		return client_read_body(p, c);
	case CLIENT_CLOSED:
		break;
	}
	return false;
}

/* Bytes between the TLS library and TCP. */
static void client_pump(struct peer *p, struct client *c)
{
	struct stream *st = tcp_conn_stream(c->tcp);
	struct slice in;

	while ((in = stream_peek(st)).len > 0) {
		BIO_write(c->in, in.ptr, (int)in.len);
		stream_consume(st, in.len);
	}
	while (client_step(p, c))
		;
	if (c->state != CLIENT_CLOSED)
		client_send(c);
}

static void client_run(struct peer *p, struct client *c, uint32_t events)
{
	if ((events & TCP_EV_ERROR) || tcp_conn_state(c->tcp) >= TCP_S_CLOSE_WAIT) {
		client_error(p, "the proxy closed");
		client_close(p, c);
	} else if (tcp_conn_state(c->tcp) == TCP_S_ESTABLISHED) {
		client_pump(p, c);
	}
}

/* ---- the origin ---- */

/* Bytes of requests until the blank line; true: one is whole. Bodies are not for this origin. */
static bool server_read(struct server *s)
{
	static const char blank[] = "\r\n\r\n";
	struct stream *st = tcp_conn_stream(s->tcp);
	struct slice in;

	while ((in = stream_peek(st)).len > 0) {
		for (size_t i = 0; i < in.len; i++) {
			if (in.ptr[i] == (uint8_t)blank[s->matched])
				s->matched++;
			else
				s->matched = in.ptr[i] == '\r';
			if (s->matched == 4) {
				s->matched = 0;
				stream_consume(st, i + 1);
				return true;
			}
		}
		stream_consume(st, in.len);
	}
	return false;
}

static void server_write(struct peer *p, struct server *s)
{
	struct stream *st = tcp_conn_stream(s->tcp);

	if (s->head_left > 0)
		s->head_left -=
			stream_write(st, p->answer + p->answer_len - s->head_left, s->head_left);
	while (s->head_left == 0 && s->body_left > 0) {
		const size_t n = s->body_left < CHUNK ? s->body_left : CHUNK;
		const size_t room = tcp_conn_writable(s->tcp);
		const size_t done = stream_write(st, p->buf, n < room ? n : room);

		s->body_left -= done;
		if (done == 0)
			break;
	}
}

static void server_end(struct peer *p, struct server *s)
{
	tcp_close(s->tcp, p->now_us);
	s->tcp = NULL;
	s->next = p->unused;
	p->unused = s;
}

static void server_run(struct peer *p, struct server *s, uint32_t events)
{
	if (events & TCP_EV_ERROR) {
		server_end(p, s);
		return;
	}
	if (s->head_left == 0 && s->body_left == 0 && server_read(s)) {
		s->head_left = p->answer_len;
		s->body_left = p->p.response_size;
		server_write(p, s);
		if (p->p.is_origin_closing && s->body_left == 0) {
			server_end(p, s);
			return;
		}
	} else {
		server_write(p, s);
	}
	if (stream_is_eof(tcp_conn_stream(s->tcp)))
		server_end(p, s);
}

static void server_accept(struct peer *p, struct tcp_conn *c)
{
	struct server *s = p->unused;

	if (s == NULL) {
		tcp_abort(c, p->now_us);
		return;
	}
	p->unused = s->next;
	*s = (struct server){.leg.kind = LEG_BACK, .tcp = c};
	tcp_conn_set_user(c, s);
	server_run(p, s, 0);
}

/* ---- both ---- */

void peer_input(struct peer *p, struct rte_mbuf *m, uint64_t now_us)
{
	tcp_input(p->tcp, m, now_us);
}

void peer_run(struct peer *p, uint64_t now_us)
{
	struct tcp_conn *c;
	uint32_t events;

	p->now_us = now_us;
	tcp_tick(p->tcp, now_us);
	while ((c = tcp_accept(p->tcp)) != NULL)
		server_accept(p, c);
	while ((c = tcp_ready(p->tcp, &events)) != NULL) {
		struct leg *leg = tcp_conn_user(c);

		if (leg == NULL)
			continue;
		if (leg->kind == LEG_FRONT)
			client_run(p, container_of(leg, struct client, leg), events);
		else
			server_run(p, container_of(leg, struct server, leg), events);
	}
	for (uint32_t i = 0; i < p->p.nb_conns; i++)
		if (p->client[i].state == CLIENT_CLOSED)
			client_open(p, &p->client[i], i);
}

uint16_t peer_output(struct peer *p, struct rte_mbuf **ret, uint16_t cap, uint64_t now_us)
{
	return tcp_output(p->tcp, ret, cap, now_us);
}

const struct peer_stats *peer_stats(const struct peer *p)
{
	return &p->stats;
}

static bool make_stack(struct peer *p)
{
	const struct ip_addr origin = addr(origin_ip);
	const uint32_t nb = p->p.nb_conns;
	const struct tcp_params tp = {
		.pool = p->p.pool,
		.max_conns = 8 * nb + 1024,
		.max_flights = 8 * nb + 1024,
		.max_listeners = 1,
		.rcv_buf = 1u << 20,
		.snd_buf = 1u << 20,
		.mss = 1460,
		.secret = {3, 4},
		.syn_backlog = 4096,
	};

	p->tcp = tcp_stack_new(&tp);
	p->client = calloc(nb, sizeof(*p->client));
	p->server = calloc(4 * nb, sizeof(*p->server));
	if (p->tcp == NULL || p->client == NULL || p->server == NULL)
		return false;
	for (uint32_t i = 0; i < 4 * nb; i++) {
		p->server[i].next = p->unused;
		p->unused = &p->server[i];
	}
	return tcp_listen(p->tcp, &origin, 8080, NULL) == 0;
}

struct peer *peer_new(const struct peer_params *params)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->p = *params;
	p->ctx = SSL_CTX_new(TLS_client_method());
	if (p->ctx == NULL || !make_stack(p)) {
		peer_free(p);
		return NULL;
	}
	SSL_CTX_set_ciphersuites(p->ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set1_groups_list(p->ctx, "X25519");
	p->answer_len = (uint32_t)snprintf(
		p->answer, sizeof(p->answer),
		"HTTP/1.1 200 OK\r\n"
		"Server: origin\r\n"
		"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Content-Type: application/octet-stream\r\n"
		"Content-Length: %u\r\n"
		"%s\r\n",
		params->response_size, params->is_origin_closing ? "Connection: close\r\n" : "");
	for (uint32_t i = 0; i < params->nb_conns; i++)
		p->client[i].leg.kind = LEG_FRONT;
	return p;
}

void peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; p->client != NULL && i < p->p.nb_conns; i++) {
		SSL_free(p->client[i].ssl);
		SSL_SESSION_free(p->client[i].session);
	}
	tcp_stack_free(p->tcp);
	SSL_CTX_free(p->ctx);
	free(p->client);
	free(p->server);
	free(p);
}
