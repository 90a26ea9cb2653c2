/* SPDX-License-Identifier: BSD-3-Clause */

/* The clients of one worker: connections, TLS, requests, and what came back. */

#pragma once

#include "bench/load/load_worker.h"

struct load_pool;

/*
 * The worker's share of the connections; certificates are read here. NULL with the reason in
 * <why>.
 */
struct client *client_new(struct load_worker *w, char *why, size_t why_cap);
/* Before the worker's TCP stack is freed, and after no more is sent: connections just end. */
void client_free(struct client *cl);

/* <w->phase> has changed. */
void client_on_phase(struct client *cl);
/* Open and send what is due. Returns how much that was. */
uint32_t client_run(struct client *cl);
/* What tcp_ready() said of a client's connection. */
void client_on_ready(struct client *cl, struct tcp_conn *tcp, uint32_t events);
/* Has each connection been opened once, or tried? */
bool client_is_ramped(const struct client *cl);
/* Requests, or connections, that are due and were not begun. */
uint64_t client_backlog(const struct client *cl);
/* The devices it plays. */
const struct load_pool *client_pool(const struct client *cl);
void client_gauges(const struct client *cl, struct load_gauges *g);
/* Reset all connections, for the run is over. */
void client_abort_all(struct client *cl);
