/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/load/client_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* Connections that are opened for the first time: so many of them at once, not all. */
#define MAX_OPENING 64u
/* What takes too long is looked for in steps, each connection about once a second. */
#define SWEEP_US 10000u
#define SWEEP_PARTS 100u
#define SWEEP_MIN 64u

/* The share of worker <i> of <n>. */
static uint32_t share(uint32_t all, uint32_t i, uint32_t n)
{
	return all / n + (i < all % n ? 1 : 0);
}

static int make_conns(struct client *cl)
{
	const struct load_options *o = cl->opt;
	const uint32_t nb_workers = o->nb_workers, index = cl->w->index;
	const uint32_t nb_devices = cl->pool.nb == 0 ? 1 : cl->pool.nb;

	cl->nb_idle = share(o->idle, index, nb_workers);
	cl->nb_conns = cl->nb_idle + share(o->connections, index, nb_workers);
	const size_t nb_active = cl->nb_conns - cl->nb_idle;
	uint64_t *start;

	cl->conn = calloc(cl->nb_conns + 1, sizeof(*cl->conn));
	cl->starts = calloc(nb_active * o->in_flight + cl->nb_idle + 1, sizeof(*cl->starts));
	cl->buf = malloc(CLIENT_BUF);
	if (cl->conn == NULL || cl->starts == NULL || cl->buf == NULL)
		return -1;
	start = cl->starts;
	for (uint32_t i = 0; i < cl->nb_conns; i++) {
		struct client_conn *c = &cl->conn[i];

		c->leg.is_client = true;
		c->is_idle = i < cl->nb_idle;
		c->device = (index + i * nb_workers) % nb_devices;
		/* An idle one has one request at most. */
		c->start = start;
		start += c->is_idle ? 1 : o->in_flight;
	}
	return 0;
}

struct client *client_new(struct load_worker *w, char *why, size_t why_cap)
{
	struct client *cl = calloc(1, sizeof(*cl));

	(void)snprintf(why, why_cap, "not enough memory for the connections");
	if (cl == NULL)
		return NULL;
	cl->w = w;
	cl->opt = w->opt;
	cl->has_rate = cl->opt->nb_rates > 0;
	cl->is_connection_rate = cl->has_rate && cl->opt->requests_per_connection == 1;
	/* Two runs shortly after one another do not use the same ports in the same order. */
	cl->port_seed = (uint32_t)(w->run->epoch_tsc >> 10) ^ (uint32_t)cl->opt->seed;
	client_list_init(&cl->again, CLIENT_L_DOWN);
	client_list_init(&cl->late, CLIENT_L_DOWN);
	client_list_init(&cl->ready, CLIENT_L_READY);
	pacer_stop(&cl->pacer);
	if (client_request_init(cl) < 0 || client_tls_init(cl, why, why_cap) < 0 ||
	    make_conns(cl) < 0) {
		client_free(cl);
		return NULL;
	}
	return cl;
}

void client_free(struct client *cl)
{
	if (cl == NULL)
		return;
	for (uint32_t i = 0; cl->conn != NULL && i < cl->nb_conns; i++) {
		client_tls_drop(&cl->conn[i]);
		SSL_SESSION_free(cl->conn[i].session);
		http_lite_buf_drop(&cl->conn[i].head);
	}
	client_tls_fini(cl);
	free(cl->conn);
	free(cl->starts);
	free(cl->request);
	free(cl->buf);
	free(cl);
}

/* Those that open by the rate are not opened before: they wait as ones that have been closed. */
static uint32_t nb_to_ramp(const struct client *cl)
{
	return cl->is_connection_rate ? cl->nb_idle : cl->nb_conns;
}

bool client_is_ramped(const struct client *cl)
{
	return cl->nb_settled >= nb_to_ramp(cl);
}

uint64_t client_backlog(const struct client *cl)
{
	return pacer_backlog(&cl->pacer, cl->w->now_tsc);
}

static void start_pacer(struct client *cl)
{
	const struct load_worker *w = cl->w;
	const uint32_t n = cl->opt->nb_workers;

	pacer_start(&cl->pacer, cl->opt->rate[w->window_idx] / n, w->run->tsc_hz,
		    (double)w->index / n, w->now_tsc);
}

void client_on_phase(struct client *cl)
{
	const enum load_phase phase = cl->w->phase;

	cl->is_sending = phase == LOAD_P_WARM_UP || phase == LOAD_P_WINDOW ||
			 (phase == LOAD_P_RAMP && !cl->has_rate);
	if (phase == LOAD_P_RAMP && cl->is_connection_rate)
		for (uint32_t i = cl->nb_idle; i < cl->nb_conns; i++)
			client_list_append(cl, &cl->again, &cl->conn[i]);
	if (phase == LOAD_P_WARM_UP && cl->has_rate)
		start_pacer(cl);
	if (!cl->is_sending)
		pacer_stop(&cl->pacer);
}

/* ---- what is due ---- */

static uint32_t open_fresh(struct client *cl)
{
	const uint32_t nb = nb_to_ramp(cl);
	uint32_t n = 0;

	while (cl->nb_fresh < nb && cl->nb_opening < MAX_OPENING &&
	       schedule_ramp_due(&cl->w->schedule, cl->nb_fresh, nb) <= cl->w->now_tsc) {
		client_conn_open(cl, &cl->conn[cl->nb_fresh++], cl->w->now_tsc);
		n++;
	}
	return n;
}

static uint32_t open_late(struct client *cl)
{
	uint32_t n = 0;

	while (cl->late.first != CLIENT_NONE && cl->conn[cl->late.first].due_us <= cl->w->now_us) {
		struct client_conn *c = client_list_pop(cl, &cl->late);

		if (cl->is_connection_rate && !c->is_idle)
			client_list_append(cl, &cl->again, c);
		else
			client_conn_open(cl, c, cl->w->now_tsc);
		n++;
	}
	return n;
}

static uint32_t open_again(struct client *cl)
{
	struct client_conn *c;
	uint32_t n = 0;

	if (cl->is_connection_rate) {
		while (pacer_is_due(&cl->pacer, cl->w->now_tsc) &&
		       (c = client_list_pop(cl, &cl->again)) != NULL) {
			client_conn_open(cl, c, pacer_take(&cl->pacer));
			n++;
		}
		return n;
	}
	while ((c = client_list_pop(cl, &cl->again)) != NULL) {
		client_conn_open(cl, c, cl->w->now_tsc);
		n++;
	}
	return n;
}

static uint32_t send_due(struct client *cl)
{
	struct client_conn *c;
	uint32_t n = 0;

	while (pacer_is_due(&cl->pacer, cl->w->now_tsc) &&
	       (c = client_list_pop(cl, &cl->ready)) != NULL) {
		if (!client_request_may_send(cl, c))
			continue;
		client_request_send(cl, c, pacer_take(&cl->pacer));
		if (client_request_may_send(cl, c) && !c->is_on[CLIENT_L_READY])
			client_list_append(cl, &cl->ready, c);
		n++;
	}
	return n;
}

static bool is_overdue(const struct client_conn *c, uint64_t now_us)
{
	if (c->state == CLIENT_S_DOWN || c->due_us > now_us)
		return false;
	return c->state != CLIENT_S_OPEN || c->nb_in_flight > 0;
}

static void sweep(struct client *cl)
{
	const uint64_t now_us = cl->w->now_us;
	const uint32_t nb = cl->nb_conns / SWEEP_PARTS + SWEEP_MIN;

	if (now_us < cl->sweep_us || cl->nb_conns == 0)
		return;
	cl->sweep_us = now_us + SWEEP_US;
	for (uint32_t i = 0; i < nb && i < cl->nb_conns; i++) {
		struct client_conn *c = &cl->conn[cl->sweep];

		cl->sweep = (cl->sweep + 1) % cl->nb_conns;
		if (is_overdue(c, now_us))
			client_conn_fail(cl, c, LOAD_E_TIMEOUT);
	}
}

uint32_t client_run(struct client *cl)
{
	uint32_t n = 0;

	sweep(cl);
	if (cl->w->phase == LOAD_P_ANSWER || cl->w->phase >= LOAD_P_HOLD)
		return 0;
	n += open_fresh(cl);
	n += open_late(cl);
	n += open_again(cl);
	if (cl->has_rate && !cl->is_connection_rate)
		n += send_due(cl);
	return n;
}

void client_on_ready(struct client *cl, struct tcp_conn *tcp, uint32_t events)
{
	client_conn_on_ready(cl, tcp_conn_user(tcp), events);
}

void client_abort_all(struct client *cl)
{
	for (uint32_t i = 0; i < cl->nb_conns; i++) {
		struct client_conn *c = &cl->conn[i];

		if (c->state != CLIENT_S_DOWN && tcp_conn_error(c->tcp) == 0)
			tcp_abort(c->tcp, cl->w->now_us);
		c->state = CLIENT_S_DOWN;
	}
}

const struct load_pool *client_pool(const struct client *cl)
{
	return &cl->pool;
}

void client_gauges(const struct client *cl, struct load_gauges *g)
{
	atomic_store_explicit(&g->nb_open, cl->nb_open, memory_order_relaxed);
	atomic_store_explicit(&g->nb_idle, cl->nb_idle_open, memory_order_relaxed);
	atomic_store_explicit(&g->nb_opening, cl->nb_opening, memory_order_relaxed);
	atomic_store_explicit(&g->nb_in_flight, cl->nb_in_flight, memory_order_relaxed);
}
