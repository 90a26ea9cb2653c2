/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The real server that the proxy speaks to: HTTP/1.1 with keep-alive, which reads what it is sent
 * and answers each request with as many bytes as the options say, or N for a path /bytes/N.
 */

#pragma once

#include "bench/load/load_worker.h"

/* NULL: out of memory, or it cannot listen. */
struct origin *origin_new(struct load_worker *w);
void origin_free(struct origin *o);

/* A connection that was accepted. */
void origin_accept(struct origin *o, struct tcp_conn *tcp);
/* What tcp_ready() said of a connection of the origin. */
void origin_on_ready(struct origin *o, struct tcp_conn *tcp, uint32_t events);
/*
 * Close all connections, for the run is over: a proxy would keep those that just went silent, and
 * use them when the next run begins.
 */
void origin_close_all(struct origin *o);
