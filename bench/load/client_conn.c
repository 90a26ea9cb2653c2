/* SPDX-License-Identifier: BSD-3-Clause */

/* A client connection's life. */

#include "bench/load/client_priv.h"

#include <rte_cycles.h>

#include <errno.h>
#include <time.h>

/* One that has failed is tried again after this long: a server that refuses is not flooded. */
#define PAUSE_US 100000u
/* Local ports that are tried until one is free; those in TIME-WAIT are skipped. */
#define PORT_TRIES 64u

/* ---- lists ---- */

void client_list_init(struct client_list *l, enum client_link link)
{
	*l = (struct client_list){.link = link, .first = CLIENT_NONE, .last = CLIENT_NONE};
}

void client_list_append(struct client *cl, struct client_list *l, struct client_conn *c)
{
	const uint32_t i = (uint32_t)(c - cl->conn);

	c->next[l->link] = CLIENT_NONE;
	c->is_on[l->link] = true;
	if (l->first == CLIENT_NONE)
		l->first = i;
	else
		cl->conn[l->last].next[l->link] = i;
	l->last = i;
}

struct client_conn *client_list_pop(struct client *cl, struct client_list *l)
{
	struct client_conn *c;

	if (l->first == CLIENT_NONE)
		return NULL;
	c = &cl->conn[l->first];
	l->first = c->next[l->link];
	c->is_on[l->link] = false;
	return c;
}

/* ---- up ---- */

/* A source that is free; each address in turn. */
static int dial(struct client *cl, struct client_conn *c)
{
	struct load_worker *w = cl->w;
	const struct load_options *o = cl->opt;
	int rc = -EADDRNOTAVAIL;

	for (uint32_t i = 0; i < PORT_TRIES; i++) {
		struct tcp_tuple t = {
			.local = o->client[cl->next_addr],
			.remote = o->target.addr,
			.remote_port = o->target.port,
		};

		cl->next_addr = (cl->next_addr + 1) % o->nb_clients;
		if (cl->next_addr == 0)
			cl->port_seed++;
		if (steer_port_pick(&w->io->steer, w->index, &t.local, &t.remote, t.remote_port,
				    cl->port_seed, &t.local_port) < 0)
			continue;
		/* All addresses have gone through the ports up to this one. */
		if (o->nb_clients == 1 || cl->next_addr == 0)
			cl->port_seed += steer_port_distance(cl->port_seed, t.local_port);
		rc = tcp_connect(w->tcp, &t, w->now_us, &c->tcp);
		if (rc != -EADDRINUSE)
			break;
	}
	return rc;
}

void client_conn_open(struct client *cl, struct client_conn *c, uint64_t start_tsc)
{
	c->begun_tsc = start_tsc;
	c->syn_tsc = rte_rdtsc();
	c->due_us = cl->w->now_us + client_timeout_us(cl);
	c->state = CLIENT_S_CONNECTING;
	c->tcp = NULL;
	c->nb_made = c->nb_in_flight = c->to_send = c->first = 0;
	c->written = 0;
	c->is_in_body = c->must_close = false;
	cl->nb_opening++;
	if (dial(cl, c) < 0) {
		client_conn_fail(cl, c, LOAD_E_CONNECT);
		return;
	}
	tcp_conn_set_user(c->tcp, c);
}

static void settle(struct client *cl, struct client_conn *c)
{
	if (!c->is_settled) {
		c->is_settled = true;
		cl->nb_settled++;
	}
}

void client_conn_opened(struct client *cl, struct client_conn *c)
{
	struct load_stats *st = cl->w->stats;
	const uint64_t now = rte_rdtsc();

	c->state = CLIENT_S_OPEN;
	cl->nb_opening--;
	cl->nb_open++;
	if (c->is_idle)
		cl->nb_idle_open++;
	settle(cl, c);
	load_add(&st->connections, 1);
	load_histogram_add(&st->handshake, (uint64_t)((double)(now - c->syn_tsc) * 1e9 /
						      (double)cl->w->run->tsc_hz));
	if (cl->is_connection_rate && !c->is_idle)
		client_request_send(cl, c, c->begun_tsc);
	else if (c->is_idle && cl->opt->idle_asks)
		client_request_send(cl, c, now);
	else
		client_request_go_on(cl, c);
}

/* ---- down ---- */

static void go_down(struct client *cl, struct client_conn *c)
{
	if (c->state == CLIENT_S_OPEN) {
		cl->nb_open--;
		if (c->is_idle)
			cl->nb_idle_open--;
	} else {
		cl->nb_opening--;
	}
	cl->nb_in_flight -= c->nb_in_flight;
	c->nb_in_flight = 0;
	settle(cl, c);
	http_lite_buf_drop(&c->head);
	client_tls_drop(c);
	c->tcp = NULL;
	c->state = CLIENT_S_DOWN;
}

static void note_cut(struct client *cl, const struct client_conn *c)
{
	struct load_worker_counts *counts = cl->w->counts;
	const uint64_t n = load_get(&counts->gauges.cuts);
	struct timespec now;

	if (n >= counts->cap_cuts) {
		load_add(&counts->gauges.cuts_lost, 1);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	counts->cut[n] = (struct load_cut){
		.t_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
		.device = cl->pool.nb == 0 ? UINT32_MAX : c->device,
		.is_reset = tcp_conn_error(c->tcp) != 0,
	};
	/* Release: who sees the number sees the entry. */
	atomic_store_explicit(&counts->gauges.cuts, n + 1, memory_order_release);
}

void client_conn_end(struct client *cl, struct client_conn *c)
{
	client_tls_shutdown(c);
	tcp_close(c->tcp, cl->w->now_us);
	go_down(cl, c);
	client_list_append(cl, &cl->again, c);
}

void client_conn_fail(struct client *cl, struct client_conn *c, enum load_error what)
{
	const bool is_cut =
		c->state == CLIENT_S_OPEN && what == LOAD_E_RESET && c->nb_in_flight == 0;

	if (is_cut)
		note_cut(cl, c);
	else if (c->state == CLIENT_S_HANDSHAKE && what == LOAD_E_RESET)
		load_add(&cl->w->stats->errors[LOAD_E_TLS], 1);
	else
		load_add(&cl->w->stats->errors[what], 1);
	if (c->tcp != NULL && (tcp_conn_error(c->tcp) != 0 || is_cut))
		tcp_close(c->tcp, cl->w->now_us);
	else if (c->tcp != NULL)
		tcp_abort(c->tcp, cl->w->now_us);
	/* A session that the server does not like would fail for ever. */
	if (c->state == CLIENT_S_HANDSHAKE) {
		SSL_SESSION_free(c->session);
		c->session = NULL;
	}
	go_down(cl, c);
	c->is_cut = is_cut && c->is_idle;
	if (c->is_cut)
		return;
	c->due_us = cl->w->now_us + (is_cut ? 0 : PAUSE_US);
	client_list_append(cl, is_cut ? &cl->again : &cl->late, c);
}

/* ---- events ---- */

static enum load_error error_of(const struct client_conn *c)
{
	if (tcp_conn_error(c->tcp) == -ETIMEDOUT)
		return LOAD_E_TIMEOUT;
	return c->state == CLIENT_S_CONNECTING ? LOAD_E_CONNECT : LOAD_E_RESET;
}

/* True: it is open now. */
static bool go_on_opening(struct client *cl, struct client_conn *c, uint32_t events)
{
	if (c->state == CLIENT_S_CONNECTING) {
		if (!(events & TCP_EV_CONNECTED))
			return false;
		if (cl->ctx == NULL) {
			client_conn_opened(cl, c);
			return true;
		}
		if (!client_tls_begin(cl, c))
			return false;
	}
	if (!client_tls_handshake(cl, c))
		return false;
	client_conn_opened(cl, c);
	return true;
}

void client_conn_on_ready(struct client *cl, struct client_conn *c, uint32_t events)
{
	if (events & TCP_EV_ERROR) {
		client_conn_fail(cl, c, error_of(c));
		return;
	}
	if (c->state < CLIENT_S_OPEN && !go_on_opening(cl, c, events))
		return;
	if (c->state == CLIENT_S_OPEN && c->to_send > 0)
		client_request_flush(cl, c);
	if (c->state == CLIENT_S_OPEN)
		client_request_read(cl, c);
	if (c->state == CLIENT_S_OPEN && stream_is_eof(tcp_conn_stream(c->tcp)))
		client_conn_fail(cl, c, LOAD_E_RESET);
}
