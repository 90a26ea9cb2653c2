/* SPDX-License-Identifier: BSD-3-Clause */

/* Making and unmaking a stack, its pool of connections, its listeners, its clock. */

#include "tcp/tcp_priv.h"

#include <rte_common.h>
#include <rte_mempool.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint8_t wscale_for(uint32_t rcv_buf)
{
	uint8_t s = 0;

	while (s < 14 && (UINT32_C(65535) << s) < rcv_buf)
		s++;
	return s;
}

static int alloc_tables(struct tcp_stack *st)
{
	const uint32_t n = st->p.max_conns;

	/* As many TIME-WAIT entries as connections: the side that closes first keeps them. */
	st->tw_cap = n;
	st->tw_base = n + 1;
	st->conns = tcp_array_new(n, sizeof(*st->conns));
	st->births = tcp_array_new(n, sizeof(*st->births));
	st->tws = tcp_array_new(n, sizeof(*st->tws));
	if (st->conns == NULL || st->births == NULL || st->tws == NULL)
		return -ENOMEM;
	for (uint32_t i = n; i > 0; i--) {
		st->conns[i - 1].link[TCP_L_OUT].next = st->free_conns;
		st->free_conns = i;
		st->tws[i - 1].next = st->tw_free;
		st->tw_free = i;
	}
	if (tcp_flights_init(st) < 0)
		return -ENOMEM;
	return tcp_table_init(&st->table, 2 * n);
}

struct tcp_stack *tcp_stack_new(const struct tcp_params *params)
{
	struct tcp_stack *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->p = *params;
	st->counters = params->counters != NULL ? params->counters : st->own_counters;
	st->rcv_wscale = wscale_for(params->rcv_buf);
	const uint32_t room = rte_pktmbuf_data_room_size(params->pool);

	st->max_payload = (uint16_t)(room > TCP_SEG_PAYLOAD_OFF ? room - TCP_SEG_PAYLOAD_OFF : 0);
	st->cc = st->p.congestion == TCP_CONGESTION_NEWRENO ? &tcp_cc_newreno : &tcp_cc_cubic;
	wheel_init(&st->wheel, 0);
	st->t_tw.kind = TCP_T_TIME_WAIT;
	if (st->max_payload < TCP_MIN_MSS || alloc_tables(st) < 0) {
		tcp_stack_free(st);
		return NULL;
	}
	return st;
}

void tcp_stack_free(struct tcp_stack *st)
{
	if (st == NULL)
		return;
	for (uint32_t i = 0; st->conns != NULL && i < st->p.max_conns; i++) {
		if (st->conns[i].st != NULL)
			tcp_conn_free(&st->conns[i]);
	}
	while (st->ctl_head != st->ctl_tail)
		rte_pktmbuf_free(st->ctl[st->ctl_head++ % TCP_CTL_RING]);
	tcp_table_fini(&st->table);
	free(st->flights);
	free(st->tws);
	free(st->births);
	free(st->conns);
	free(st);
}

struct tcp_conn *tcp_conn_alloc(struct tcp_stack *st, const struct tcp_tuple *tuple, uint32_t hash)
{
	if (st->free_conns == 0) {
		tcp_count(st, OUTCOME_TCP_NO_CONN_FREE);
		return NULL;
	}
	struct tcp_conn *c = &st->conns[st->free_conns - 1];

	st->free_conns = c->link[TCP_L_OUT].next;
	memset(c, 0, sizeof(*c));
	c->st = st;
	c->f = (struct tcp_flight *)(uintptr_t)&tcp_no_flight;
	c->stream.ops = &tcp_stream_ops;
	c->tuple = *tuple;
	c->hash = hash;
	c->t_ack.kind = TCP_T_ACK;
	c->t_life.kind = TCP_T_LIFE;
	c->rto_us = TCP_RTO_INIT_US;
	c->chal_ms = tcp_ms(st->now_us) - 1000;
	c->rcv_limit = RTE_MIN(st->p.rcv_buf, TCP_INIT_RCV_WND);
	c->rcv_mss = TCP_MIN_MSS;
	st->nb_conns++;
	tcp_table_insert(st, hash, tcp_conn_id(c));

	struct tcp_birth *b = &st->births[tcp_conn_id(c) - 1];

	b->generation++;
	b->opened_ds = (uint32_t)(st->now_us / 100000);
	return c;
}

static void leave_lists(struct tcp_conn *c)
{
	struct tcp_stack *st = c->st;

	if (c->flags & TCP_F_IN_OUTQ)
		tcp_list_remove(&st->outq, c, TCP_L_OUT);
	if (c->flags & TCP_F_IN_READYQ)
		tcp_list_remove(&st->readyq, c, TCP_L_EVENT);
	if (c->flags & TCP_F_IN_ACCEPTQ)
		tcp_list_remove(&st->acceptq, c, TCP_L_EVENT);
	if (c->flags & TCP_F_HALF_OPEN)
		tcp_conn_leave_half_open(c);
	c->flags &= ~(TCP_F_IN_OUTQ | TCP_F_IN_READYQ | TCP_F_IN_ACCEPTQ | TCP_F_HALF_OPEN);
}

void tcp_conn_free(struct tcp_conn *c)
{
	struct tcp_stack *st = c->st;

	leave_lists(c);
	wheel_cancel(&st->wheel, &c->t_ack);
	wheel_cancel(&st->wheel, &c->t_life);
	tcp_sndq_free(c);
	tcp_rcvq_free(c);
	tcp_flight_drop(c);
	if (!(c->flags & TCP_F_DEAD)) {
		tcp_table_remove(st, c->hash, tcp_conn_id(c));
		if (c->state != TCP_S_TIME_WAIT)
			st->nb_conns--;
	}
	c->link[TCP_L_OUT].next = st->free_conns;
	st->free_conns = tcp_conn_id(c);
	c->st = NULL;
}

int tcp_listen(struct tcp_stack *st, const struct ip_addr *addr, uint16_t port, void *user)
{
	uint32_t n = 0;

	if (port == 0)
		return -EINVAL;
	if (tcp_listener_find(st, addr, port) != NULL)
		return -EADDRINUSE;
	while (n < st->nb_listeners && st->listeners[n].port != 0)
		n++;
	if (n >= RTE_MIN(st->p.max_listeners, TCP_MAX_LISTENERS))
		return -ENOSPC;
	st->listeners[n] = (struct tcp_listener){.addr = *addr, .port = port, .user = user};
	if (n == st->nb_listeners)
		st->nb_listeners++;
	return 0;
}

static void drop_from(struct tcp_stack *st, const struct tcp_list *l, const struct ip_addr *addr,
		      uint16_t port)
{
	struct tcp_conn *c, *next;

	for (c = tcp_list_first(st, l); c != NULL; c = next) {
		next = tcp_list_next(c, TCP_L_EVENT);
		if (c->tuple.local_port != port || !ip_addr_is_equal(&c->tuple.local, addr))
			continue;
		tcp_conn_send_rst(c);
		tcp_conn_free(c);
	}
}

/* What nobody has accepted yet would carry a user that may be gone: reset. */
static void drop_embryos(struct tcp_stack *st, const struct ip_addr *addr, uint16_t port)
{
	drop_from(st, &st->half_open, addr, port);
	drop_from(st, &st->acceptq, addr, port);
}

int tcp_unlisten(struct tcp_stack *st, const struct ip_addr *addr, uint16_t port)
{
	for (uint32_t i = 0; i < st->nb_listeners; i++) {
		struct tcp_listener *l = &st->listeners[i];

		if (l->port == port && port != 0 && ip_addr_is_equal(&l->addr, addr)) {
			*l = (struct tcp_listener){0};
			drop_embryos(st, addr, port);
			return 0;
		}
	}
	return -ENOENT;
}

/* A scan: there are few, and only a SYN gets here. */
const struct tcp_listener *tcp_listener_find(const struct tcp_stack *st, const struct ip_addr *addr,
					     uint16_t port)
{
	for (uint32_t i = 0; i < st->nb_listeners; i++) {
		const struct tcp_listener *l = &st->listeners[i];

		if (l->port == port && ip_addr_is_equal(&l->addr, addr))
			return l;
	}
	return NULL;
}

void tcp_tick(struct tcp_stack *st, uint64_t now_us)
{
	struct wheel_timer *t;

	st->now_us = now_us;
	while ((t = wheel_pop(&st->wheel, now_us)) != NULL)
		tcp_timer_fire(st, t, now_us);
}

uint64_t tcp_next_deadline(const struct tcp_stack *st)
{
	return wheel_next_us(&st->wheel);
}

uint32_t tcp_stack_nb_conns(const struct tcp_stack *st)
{
	return st->nb_conns;
}

uint32_t tcp_stack_nb_time_wait(const struct tcp_stack *st)
{
	return st->nb_tw;
}

uint32_t tcp_stack_nb_half_open(const struct tcp_stack *st)
{
	return st->nb_half_open;
}

size_t tcp_stack_bytes(const struct tcp_stack *st)
{
	const size_t n = st->p.max_conns;

	return sizeof(*st) + st->table.bytes + st->nb_flights * sizeof(*st->flights) +
	       n * (sizeof(*st->conns) + sizeof(*st->births) + sizeof(*st->tws));
}

uint32_t tcp_stack_nb_mbufs(const struct tcp_stack *st)
{
	return st->nb_rx_mbufs + st->nb_tx_mbufs;
}
