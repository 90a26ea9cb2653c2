/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/origin.h"

#include "base/stream_copy.h"
#include "bench/load/http_lite.h"

#include <stdio.h>
#include <stdlib.h>

/* What the bodies are made of; as much as is copied into one buffer. */
#define PATTERN_LEN 2048u
#define HEAD_MAX 8192u

/*
 * A connection reads a request, then writes the response; the next request is not looked at before,
 * so that a client that does not read holds up only itself.
 */
struct origin_conn {
	struct load_leg leg; /* first: what TCP's user pointer points at */
	bool must_close;
	struct tcp_conn *tcp;
	struct origin_conn *next, **pprev; /* of all of them */
	uint64_t body_in;                  /* bytes of the request's body to come */
	uint64_t body_out;                 /* bytes of the response's body to be written */
	bool has_request;                  /* its head was read, its response has not been begun */
	uint32_t head_out; /* bytes of the response's head that were written; 0: none is begun */
	uint64_t size;     /* of the response's body */
	struct http_lite_buf head; /* of a request that came in pieces */
};

struct origin {
	struct load_worker *w;
	struct origin_conn *conns;
	/* The head of a response with <head_size> bytes of body: the same one most of the time. */
	uint64_t head_size;
	uint32_t head_len;
	char head[160];
	uint8_t pattern[PATTERN_LEN];
};

static void make_head(struct origin *o, uint64_t size)
{
	const int n = snprintf(o->head, sizeof(o->head),
			       "HTTP/1.1 200 OK\r\nServer: tagwarden-load\r\n"
			       "Content-Type: application/octet-stream\r\n"
			       "Content-Length: %llu\r\n%s\r\n",
			       (unsigned long long)size,
			       o->w->opt->origin_close ? "Connection: close\r\n" : "");

	o->head_len = n > 0 && (size_t)n < sizeof(o->head) ? (uint32_t)n : 0;
	o->head_size = size;
}

struct origin *origin_new(struct load_worker *w)
{
	struct origin *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->w = w;
	make_head(o, w->opt->response_size);
	for (uint32_t i = 0; i < PATTERN_LEN; i++)
		o->pattern[i] = (uint8_t)('a' + i % 26);
	for (uint32_t i = 0; i < w->opt->nb_origins; i++) {
		if (tcp_listen(w->tcp, &w->opt->origin[i].addr, w->opt->origin[i].port, NULL) < 0) {
			free(o);
			return NULL;
		}
	}
	return o;
}

/* TCP has it no longer. */
static void forget(struct origin_conn *c)
{
	*c->pprev = c->next;
	if (c->next != NULL)
		c->next->pprev = c->pprev;
	http_lite_buf_drop(&c->head);
	free(c);
}

void origin_free(struct origin *o)
{
	if (o == NULL)
		return;
	while (o->conns != NULL)
		forget(o->conns);
	free(o);
}

void origin_accept(struct origin *o, struct tcp_conn *tcp)
{
	struct origin_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		tcp_abort(tcp, o->w->now_us);
		return;
	}
	c->leg.is_client = false;
	c->tcp = tcp;
	tcp_conn_set_user(tcp, c);
	c->next = o->conns;
	c->pprev = &o->conns;
	if (c->next != NULL)
		c->next->pprev = &c->next;
	o->conns = c;
	load_add(&o->w->stats->origin_connections, 1);
}

static void end(struct origin *o, struct origin_conn *c, bool is_wrong)
{
	if (is_wrong)
		tcp_abort(c->tcp, o->w->now_us);
	else
		tcp_close(c->tcp, o->w->now_us);
	forget(c);
}

void origin_close_all(struct origin *o)
{
	while (o->conns != NULL)
		end(o, o->conns, false);
}

/* ---- responses ---- */

/* False: the send queue is full. */
static bool write_body(struct origin *o, struct origin_conn *c, struct stream *s)
{
	while (c->body_out > 0) {
		const size_t n = c->body_out < PATTERN_LEN ? (size_t)c->body_out : PATTERN_LEN;
		const size_t sent = stream_write(s, o->pattern, n);

		c->body_out -= sent;
		if (sent < n)
			return false;
	}
	return true;
}

/* False: not all of it could be written yet. */
static bool write_response(struct origin *o, struct origin_conn *c)
{
	struct stream *s = tcp_conn_stream(c->tcp);

	if (c->size != o->head_size)
		make_head(o, c->size);
	if (c->head_out < o->head_len) {
		c->head_out +=
			(uint32_t)stream_write(s, o->head + c->head_out, o->head_len - c->head_out);
		if (c->head_out < o->head_len)
			return false;
	}
	if (!write_body(o, c, s))
		return false;
	c->has_request = false;
	c->head_out = 0;
	load_add(&o->w->stats->origin_requests, 1);
	return true;
}

/* ---- requests ---- */

static void take_head(struct origin *o, struct origin_conn *c, const struct http_lite_request *r)
{
	c->has_request = true;
	c->body_in = r->content_length;
	c->size = r->has_bytes ? r->bytes : o->w->opt->response_size;
	c->body_out = r->is_head ? 0 : c->size;
	c->must_close = r->must_close || o->w->opt->origin_close;
}

/* Look for a head at the stream's beginning. 1: taken, 0: there is no whole one yet, or -EPROTO. */
static int read_head(struct origin *o, struct origin_conn *c, struct stream *s)
{
	struct http_lite_request r;

	for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
		size_t used = in.len;
		struct slice head;
		const int rc = http_lite_find_head(&c->head, in, &head, &used);

		if (rc > 0 && http_lite_parse_request(head, &r) < 0)
			return -1;
		http_lite_buf_done(&c->head, rc);
		stream_consume(s, used);
		if (rc < 0)
			return rc;
		if (rc > 0) {
			take_head(o, c, &r);
			return 1;
		}
	}
	return 0;
}

static void drop_body(struct origin_conn *c, struct stream *s)
{
	while (c->body_in > 0) {
		const struct slice in = stream_peek(s);
		const size_t n = in.len < c->body_in ? in.len : (size_t)c->body_in;

		if (n == 0)
			return;
		stream_consume(s, n);
		c->body_in -= n;
	}
}

void origin_on_ready(struct origin *o, struct tcp_conn *tcp, uint32_t events)
{
	struct origin_conn *c = tcp_conn_user(tcp);
	struct stream *s = tcp_conn_stream(tcp);

	if (events & TCP_EV_ERROR) {
		end(o, c, false);
		return;
	}
	for (;;) {
		drop_body(c, s);
		if (c->body_in > 0)
			break;
		if (c->has_request && !write_response(o, c))
			return;
		if (c->must_close) {
			end(o, c, false);
			return;
		}

		const int rc = read_head(o, c, s);

		if (rc < 0) {
			end(o, c, true);
			return;
		}
		if (rc == 0)
			break;
	}
	if (stream_is_eof(s))
		end(o, c, false);
}
