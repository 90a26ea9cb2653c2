/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The pool of flights: what a connection needs while bytes are under way (tcp_priv.h, struct
 * tcp_flight). Last in, first out, so that connections which take turns share warm cache lines.
 *
 * One that has resent or lost something stays with its connection after that is quiet, since the
 * history is worth something (late DSACKs, CUBIC's last maximum); when the pool is empty, such are
 * looked for and taken. When there is none, the caller does as with an empty mbuf pool.
 */

#include "tcp/tcp_priv.h"

#include <errno.h>

#define FLIGHTS_MIN 512u
#define SWEEP 64u

const struct tcp_flight tcp_no_flight;

int tcp_flights_init(struct tcp_stack *st)
{
	uint32_t n = st->p.max_flights;

	if (n == 0)
		n = RTE_MAX(st->p.max_conns / TCP_FLIGHT_SHARE, FLIGHTS_MIN);
	n = RTE_MIN(n, st->p.max_conns);
	st->flights = tcp_array_new(n, sizeof(*st->flights));
	if (st->flights == NULL)
		return -ENOMEM;
	st->nb_flights = n;
	for (uint32_t i = n; i > 0; i--) {
		st->flights[i - 1].next_free = st->free_flights;
		st->free_flights = &st->flights[i - 1];
	}
	return 0;
}

static bool is_quiet(const struct tcp_flight *f)
{
	return f->sndq_head == NULL && f->snd_spare == NULL && f->ooo_head == NULL;
}

/* A few steps on from where the last search ended: a bound on what one call can cost. */
static void reclaim(struct tcp_stack *st)
{
	for (uint32_t i = 0; i < SWEEP && st->free_flights == NULL; i++) {
		const struct tcp_flight *f = &st->flights[st->flight_hand];

		st->flight_hand = (st->flight_hand + 1) % st->nb_flights;
		if (f->c != NULL && is_quiet(f))
			tcp_flight_drop(f->c);
	}
}

bool tcp_flight_need(struct tcp_conn *c)
{
	struct tcp_stack *st = c->st;

	if (tcp_has_flight(c))
		return true;
	if (st->free_flights == NULL)
		reclaim(st);
	struct tcp_flight *f = st->free_flights;

	if (f == NULL) {
		tcp_count(st, OUTCOME_TCP_NO_FLIGHT_FREE);
		return false;
	}
	st->free_flights = f->next_free;
	st->nb_flights_used++;
	*f = (struct tcp_flight){
		.c = c,
		.t_rtx.kind = TCP_T_RTX,
		.fack = c->snd_una,
		.high_seq = c->snd_una,
		.reo_round_end = c->snd_una,
		.reo_mult = 1,
	};
	TAILQ_INIT(&f->timed);
	c->f = f;
	st->cc->init(c);
	return true;
}

void tcp_flight_drop(struct tcp_conn *c)
{
	struct tcp_stack *st = c->st;
	struct tcp_flight *f = c->f;

	if (!tcp_has_flight(c))
		return;
	wheel_cancel(&st->wheel, &f->t_rtx);
	if (c->rtx_mode != TCP_RTX_SYN)
		c->rtx_mode = TCP_RTX_NONE;
	st->nb_flights_used--;
	f->c = NULL;
	f->next_free = st->free_flights;
	st->free_flights = f;
	c->f = (struct tcp_flight *)(uintptr_t)&tcp_no_flight;
}

uint32_t tcp_stack_nb_flights(const struct tcp_stack *st)
{
	return st->nb_flights_used;
}

void tcp_flight_settle(struct tcp_conn *c)
{
	if (tcp_has_flight(c) && is_quiet(c->f) && !c->f->has_history)
		tcp_flight_drop(c);
}
