/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests out, responses in. */

#include "base/stream_copy.h"
#include "bench/load/client_priv.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_ROOM 1024u

int client_request_init(struct client *cl)
{
	const struct load_options *o = cl->opt;
	char length[48] = "";
	int n;

	cl->request = malloc(HEAD_ROOM + o->request_size);
	if (cl->request == NULL)
		return -ENOMEM;
	if (o->request_size > 0)
		(void)snprintf(length, sizeof(length), "Content-Length: %u\r\n", o->request_size);
	n = snprintf((char *)cl->request, HEAD_ROOM,
		     "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tagwarden-load\r\n%s\r\n",
		     o->request_size > 0 ? "POST" : "GET", o->path, o->host, length);
	if (n < 0 || (unsigned)n >= HEAD_ROOM)
		return -E2BIG;
	memset(cl->request + n, 'x', o->request_size);
	cl->request_len = (size_t)n + o->request_size;
	/* Whoever else plays the origin answers as it likes. */
	cl->expected = o->lan != NULL && strncmp(o->path, "/bytes/", 7) != 0 ? o->response_size
									     : UINT64_MAX;
	return 0;
}

/* ---- out ---- */

void client_request_flush(struct client *cl, struct client_conn *c)
{
	while (c->to_send > 0) {
		const uint8_t *p = cl->request + c->written;
		const size_t left = cl->request_len - c->written;
		const size_t n = c->ssl != NULL ? client_tls_write(cl, c, p, left)
						: stream_write(tcp_conn_stream(c->tcp), p, left);

		if (n == 0)
			return;
		c->written += n;
		load_add(&cl->w->stats->bytes_out, n);
		if (c->written < cl->request_len)
			continue;
		c->written = 0;
		c->to_send--;
	}
}

void client_request_send(struct client *cl, struct client_conn *c, uint64_t start_tsc)
{
	const uint32_t at = (c->first + c->nb_in_flight) % cl->opt->in_flight;

	c->start[at] = start_tsc;
	if (c->nb_in_flight == 0)
		c->due_us = cl->w->now_us + client_timeout_us(cl);
	c->nb_in_flight++;
	cl->nb_in_flight++;
	c->nb_made++;
	c->to_send++;
	if (c->to_send == 1)
		client_request_flush(cl, c);
}

bool client_request_may_send(const struct client *cl, const struct client_conn *c)
{
	const uint32_t most = cl->opt->requests_per_connection;

	return c->state == CLIENT_S_OPEN && !c->is_idle && !c->must_close &&
	       c->nb_in_flight < cl->opt->in_flight && (most == 0 || c->nb_made < most);
}

static bool has_made_all(const struct client *cl, const struct client_conn *c)
{
	const uint32_t most = cl->opt->requests_per_connection;

	return c->nb_in_flight == 0 && (c->must_close || (most != 0 && c->nb_made >= most));
}

void client_request_go_on(struct client *cl, struct client_conn *c)
{
	if (c->state != CLIENT_S_OPEN || c->is_idle)
		return;
	if (has_made_all(cl, c)) {
		client_conn_end(cl, c);
		return;
	}
	if (cl->has_rate) {
		if (!c->is_on[CLIENT_L_READY] && client_request_may_send(cl, c) &&
		    !cl->is_connection_rate)
			client_list_append(cl, &cl->ready, c);
		return;
	}
	while (cl->is_sending && client_request_may_send(cl, c))
		client_request_send(cl, c, rte_rdtsc());
}

/* ---- in ---- */

/* A whole response is there. */
static void finish(struct client *cl, struct client_conn *c)
{
	struct load_stats *st = cl->w->stats;
	const uint64_t now = rte_rdtsc(), start = c->start[c->first];

	c->is_in_body = false;
	c->first = (uint8_t)((c->first + 1) % cl->opt->in_flight);
	c->nb_in_flight--;
	cl->nb_in_flight--;
	c->due_us = cl->w->now_us + client_timeout_us(cl);
	if (!c->is_good)
		return;
	load_add(&st->requests, 1);
	load_histogram_add(&st->latency, now <= start ? 0
						      : (uint64_t)((double)(now - start) * 1e9 /
								   (double)cl->w->run->tsc_hz));
}

/* False: the connection was ended. */
static bool take_head(struct client *cl, struct client_conn *c, struct slice head)
{
	struct load_stats *st = cl->w->stats;
	struct http_lite_response r;

	if (c->nb_in_flight == 0 || http_lite_parse_response(head, &r) < 0 || !r.has_length) {
		client_conn_fail(cl, c, LOAD_E_OTHER);
		return false;
	}
	if (r.status / 100 == 1)
		return true;
	c->is_good = true;
	if (r.status / 100 != 2) {
		load_add(&st->errors[LOAD_E_HTTP_STATUS], 1);
		c->is_good = false;
	} else if (cl->expected != UINT64_MAX && r.content_length != cl->expected) {
		load_add(&st->errors[LOAD_E_OTHER], 1);
		c->is_good = false;
	}
	c->must_close |= r.must_close;
	c->body_left = r.content_length;
	c->is_in_body = true;
	if (c->body_left == 0)
		finish(cl, c);
	return true;
}

/* False: the connection was ended. */
static bool feed(struct client *cl, struct client_conn *c, struct slice in)
{
	load_add(&cl->w->stats->bytes_in, in.len);
	while (in.len > 0) {
		size_t used = in.len;

		if (c->is_in_body) {
			if (used > c->body_left)
				used = (size_t)c->body_left;
			c->body_left -= used;
			if (c->body_left == 0)
				finish(cl, c);
		} else {
			struct slice head;
			const int rc = http_lite_find_head(&c->head, in, &head, &used);

			if (rc < 0) {
				client_conn_fail(cl, c, LOAD_E_OTHER);
				return false;
			}
			if (rc > 0 && !take_head(cl, c, head))
				return false;
			http_lite_buf_done(&c->head, rc);
		}
		in = slice_skip(in, used);
	}
	return true;
}

static void read_tls(struct client *cl, struct client_conn *c)
{
	size_t n;

	while ((n = client_tls_read(cl, c)) > 0)
		if (!feed(cl, c, slice_of(cl->buf, n)))
			return;
}

static void read_plain(struct client *cl, struct client_conn *c)
{
	struct stream *s = tcp_conn_stream(c->tcp);

	for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
		const size_t n = in.len;

		if (!feed(cl, c, in))
			return;
		stream_consume(s, n);
	}
}

void client_request_read(struct client *cl, struct client_conn *c)
{
	if (c->ssl != NULL)
		read_tls(cl, c);
	else
		read_plain(cl, c);
	client_request_go_on(cl, c);
}
