/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Is the target there? Links come up in their own time (the other end of a memif, the kernel's end
 * of a tap), and neighbours have to be found: a run begins when a connection was answered.
 */

#include "bench/load/load_worker.h"

#include <errno.h>

#define PROBE_US 250000u

static void drop(struct load_worker *w)
{
	if (w->probe == NULL)
		return;
	if (tcp_conn_error(w->probe) != 0)
		tcp_close(w->probe, w->now_us);
	else
		tcp_abort(w->probe, w->now_us);
	w->probe = NULL;
}

int load_probe(struct load_worker *w)
{
	struct tcp_tuple t = {
		.local = w->opt->client[0],
		.remote = w->opt->target.addr,
		.remote_port = w->opt->target.port,
	};

	if (w->probe != NULL && tcp_conn_state(w->probe) == TCP_S_ESTABLISHED) {
		drop(w);
		return 1;
	}
	if (w->probe_end_us == 0)
		w->probe_end_us = w->now_us + LOAD_ANSWER_S * 1000000;
	if (w->now_us < w->probe_us)
		return 0;
	drop(w);
	if (w->now_us > w->probe_end_us)
		return -EHOSTUNREACH;
	w->probe_us = w->now_us + PROBE_US;
	if (steer_port_pick(&w->io->steer, w->index, &t.local, &t.remote, t.remote_port,
			    (uint32_t)w->now_us, &t.local_port) < 0)
		return 0;
	if (tcp_connect(w->tcp, &t, w->now_us, &w->probe) < 0)
		w->probe = NULL;
	return 0;
}

void load_probe_on_ready(struct load_worker *w, uint32_t events)
{
	/* Refused: somebody may begin to listen yet. */
	if (events & TCP_EV_ERROR)
		drop(w);
}
