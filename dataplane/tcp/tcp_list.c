/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The stack's lists of connections, linked by id: two numbers a place instead of two pointers,
 * since there are a million of them.
 */

#include "tcp/tcp_priv.h"

static struct tcp_link *link_of(const struct tcp_stack *st, uint32_t id, enum tcp_link_kind kind)
{
	return &st->conns[id - 1].link[kind];
}

void tcp_list_append(struct tcp_list *l, struct tcp_conn *c, enum tcp_link_kind kind)
{
	const uint32_t id = tcp_conn_id(c);

	c->link[kind] = (struct tcp_link){.prev = l->tail};
	if (l->tail != 0)
		link_of(c->st, l->tail, kind)->next = id;
	else
		l->head = id;
	l->tail = id;
}

void tcp_list_remove(struct tcp_list *l, struct tcp_conn *c, enum tcp_link_kind kind)
{
	const struct tcp_link k = c->link[kind];

	if (k.prev != 0)
		link_of(c->st, k.prev, kind)->next = k.next;
	else
		l->head = k.next;
	if (k.next != 0)
		link_of(c->st, k.next, kind)->prev = k.prev;
	else
		l->tail = k.prev;
}
