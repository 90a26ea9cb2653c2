/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Answering what the control plane asks about connections (struct rdv_inquiry), in the feedback
 * file (struct conn_answer).
 *
 *	[idle] --- a new number in the mailbox ---> [busy] --+ a piece per loop
 *	   ^                                          |  ^---+
 *	   +--- rows full, all slots or enough seen --+
 *
 * A loop looks at few slots and an inquiry at a bounded number of them, so that neither packets nor
 * the asker wait for a million connections; the asker goes on from <next>. While nothing is asked
 * this costs one relaxed load of a line that the session's mail has just been looked for in.
 */

#include "tcp/tcp_view.h"
#include "worker/worker_priv.h"

#define LOOK_PER_LOOP 64u
#define LOOK_PER_INQUIRY 65536u

static void finish(struct worker *w, uint32_t next, uint32_t nb_ranges)
{
	struct conn_answer *a = &w->feedback->conns;

	a->next = next;
	a->nb_rows = w->show.nb_rows;
	a->nb_ranges = nb_ranges;
	w->show.is_busy = false;
	/* Pairs with the control plane's acquire: the rows are whole. */
	atomic_store_explicit(&a->answered, w->show.seq, memory_order_release);
}

/* What the engine does not know: who uses the connection, and where it leads. */
static void complete(struct worker *w, struct conn_row *r)
{
	const struct tcp_conn *c = tcp_view_owned(w->tcp, r->slot);
	bool is_back = false;

	r->interface = worker_interface_of(w, &r->remote);
	r->config_generation = w->view_config_generation;
	if (c != NULL)
		r->session = session_id_of(c, &is_back);
	if (is_back)
		r->flags |= CONN_F_SESSION_BACK;
}

static void show_one(struct worker *w, uint64_t now_us)
{
	const struct rdv_inquiry *q = &w->show.q;
	struct conn_answer *a = &w->feedback->conns;
	uint32_t nb_ranges = 0;

	if (tcp_view_one(w->tcp, q->slot, q->generation, now_us, &a->row[0])) {
		complete(w, &a->row[0]);
		w->show.nb_rows = 1;
		nb_ranges = tcp_view_ranges(w->tcp, q->slot, a->range);
	}
	finish(w, CONN_LAST, nb_ranges);
}

static void list_some(struct worker *w, uint64_t now_us)
{
	struct worker_show *s = &w->show;
	struct conn_answer *a = &w->feedback->conns;
	const uint32_t end = tcp_view_nb_slots(w->tcp), before = s->at;
	const struct tcp_view_filter f = {
		.has_addr = s->q.filter & RDV_FILTER_ADDR,
		.has_port = s->q.filter & RDV_FILTER_PORT,
		.has_state = s->q.filter & RDV_FILTER_STATE,
		.addr = s->q.addr,
		.port = s->q.port,
		.state = s->q.state,
	};
	const uint32_t nb = tcp_view_walk(w->tcp, &f, &s->at, LOOK_PER_LOOP, now_us,
					  &a->row[s->nb_rows], CONN_ROWS - s->nb_rows);

	for (uint32_t i = 0; i < nb; i++)
		complete(w, &a->row[s->nb_rows + i]);
	s->nb_rows += nb;
	s->nb_looked += s->at - before;
	if (s->at >= end)
		finish(w, CONN_LAST, 0);
	else if (s->nb_rows == CONN_ROWS || s->nb_looked >= LOOK_PER_INQUIRY)
		finish(w, s->at, 0);
}

uint32_t worker_show(struct worker *w, uint64_t now_us)
{
	struct worker_show *s = &w->show;
	const struct rdv *rdv = w->shm->rdv;
	const uint64_t seq =
		atomic_load_explicit(&rdv->mailbox[w->index].inquiry_seq, memory_order_relaxed);

	if (seq != s->seq) {
		/* Pairs with the control plane's release: the inquiry is whole. */
		atomic_thread_fence(memory_order_acquire);
		*s = (struct worker_show){
			.seq = seq,
			.is_busy = true,
			.q = rdv->inquiry[w->index],
		};
		s->at = s->q.slot;
	}
	if (!s->is_busy)
		return 0;
	if (s->q.op == RDV_INQUIRY_ONE)
		show_one(w, now_us);
	else if (s->q.op == RDV_INQUIRY_LIST)
		list_some(w, now_us);
	else
		finish(w, CONN_LAST, 0);
	return 1;
}
