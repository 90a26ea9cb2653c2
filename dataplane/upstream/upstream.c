/* SPDX-License-Identifier: BSD-3-Clause */

#include "upstream/upstream.h"

#include "base/stream_copy.h"

#include <errno.h>
#include <stdlib.h>

#define TLS_NAME_MAX 255u
#define PICK_ATTEMPTS 16u

struct upstream_server {
	struct ip_addr address;
	uint16_t port;
	bool is_used;
	bool is_retired; /* of an older configuration: nothing new is lent from it */
	struct tls_service *tls;
	uint8_t tls_name[TLS_NAME_MAX];
	uint8_t tls_name_len;
	uint32_t nb_conns; /* in any state but FREE */
	uint32_t nb_idle;
	uint64_t down_until_us;
	LIST_HEAD(, upstream_conn) idle;
};

struct upstream {
	struct upstream_params p;
	struct upstream_server *server;
	struct upstream_conn *conn;
	uint32_t nb_idle;
	LIST_HEAD(, upstream_conn) unused;
};

struct upstream *upstream_new(const struct upstream_params *params)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->p = *params;
	u->server = calloc(params->max_servers, sizeof(*u->server));
	u->conn = calloc(params->max_conns, sizeof(*u->conn));
	if (u->server == NULL || u->conn == NULL) {
		upstream_free(u);
		return NULL;
	}
	LIST_INIT(&u->unused);
	for (uint32_t i = params->max_conns; i-- > 0;)
		LIST_INSERT_HEAD(&u->unused, &u->conn[i], link);
	return u;
}

void upstream_free(struct upstream *u)
{
	if (u == NULL)
		return;
	for (uint32_t i = 0; u->conn != NULL && i < u->p.max_conns; i++)
		tls_conn_free(u->conn[i].tls);
	free(u->conn);
	free(u->server);
	free(u);
}

static bool server_is(const struct upstream_server *s, const struct upstream_key *key)
{
	return s->is_used && !s->is_retired && s->port == key->port && s->tls == key->tls &&
	       ip_addr_is_equal(&s->address, &key->address) &&
	       slice_is_equal(slice_of(s->tls_name, s->tls_name_len), key->tls_name);
}

/* A server's hold-down outlives a change of configuration: it is as dead as before. */
static uint64_t inherited_hold_down(const struct upstream *u, const struct upstream_key *key)
{
	uint64_t until_us = 0;

	for (uint32_t i = 0; i < u->p.max_servers; i++) {
		const struct upstream_server *s = &u->server[i];

		if (s->port == key->port && s->down_until_us > until_us &&
		    ip_addr_is_equal(&s->address, &key->address))
			until_us = s->down_until_us;
	}
	return until_us;
}

struct upstream_server *upstream_server_get(struct upstream *u, const struct upstream_key *key)
{
	struct upstream_server *unused = NULL;

	if (key->tls_name.len > TLS_NAME_MAX)
		return NULL;
	for (uint32_t i = 0; i < u->p.max_servers; i++) {
		struct upstream_server *s = &u->server[i];

		if (server_is(s, key))
			return s;
		if (unused == NULL && !s->is_used)
			unused = s;
	}
	if (unused == NULL)
		return NULL;
	const uint64_t down_until_us = inherited_hold_down(u, key);

	*unused = (struct upstream_server){
		.address = key->address,
		.port = key->port,
		.is_used = true,
		.tls = key->tls,
		.tls_name_len = (uint8_t)key->tls_name.len,
		.down_until_us = down_until_us,
	};
	if (key->tls_name.len > 0)
		memcpy(unused->tls_name, key->tls_name.ptr, key->tls_name.len);
	LIST_INIT(&unused->idle);
	return unused;
}

bool upstream_server_is_down(const struct upstream_server *s, uint64_t now_us)
{
	return now_us < s->down_until_us;
}

bool upstream_server_set_down(struct upstream_server *s, uint64_t now_us)
{
	const bool was_up = s->down_until_us == 0;

	s->down_until_us = now_us + UPSTREAM_HOLDDOWN_US;
	return was_up;
}

bool upstream_server_set_up(struct upstream_server *s)
{
	const bool was_down = s->down_until_us != 0;

	s->down_until_us = 0;
	return was_down;
}

static int open_tcp(struct upstream *u, const struct upstream_server *s, uint64_t now_us,
		    struct tcp_conn **ret)
{
	for (uint32_t attempt = 0; attempt < PICK_ATTEMPTS; attempt++) {
		struct tcp_tuple tuple;
		int rc = u->p.pick_local(u->p.user, &s->address, s->port, attempt, &tuple);

		if (rc < 0)
			return rc;
		rc = tcp_connect(u->p.tcp, &tuple, now_us, ret);
		if (rc != -EADDRINUSE)
			return rc;
	}
	return -EADDRNOTAVAIL;
}

static struct upstream_conn *take_idle(struct upstream *u, struct upstream_server *s, void *user)
{
	struct upstream_conn *c = LIST_FIRST(&s->idle);

	if (c == NULL)
		return NULL;
	LIST_REMOVE(c, link);
	s->nb_idle--;
	u->nb_idle--;
	c->state = UPSTREAM_BUSY;
	c->is_reused = true;
	c->user = user;
	u->p.counters[OUTCOME_UPSTREAM_REUSED]++;
	return c;
}

int upstream_acquire(struct upstream *u, struct upstream_server *s, void *user, bool is_fresh,
		     uint64_t deadline_us, uint64_t now_us, struct upstream_conn **ret)
{
	struct upstream_conn *c = is_fresh ? NULL : take_idle(u, s, user);

	if (c != NULL) {
		*ret = c;
		return 0;
	}
	c = LIST_FIRST(&u->unused);
	if (c == NULL)
		return -ENOMEM;

	struct tcp_conn *tcp;
	const int rc = open_tcp(u, s, now_us, &tcp);

	if (rc < 0) {
		if (rc == -EADDRNOTAVAIL)
			u->p.counters[OUTCOME_UPSTREAM_NO_PORT]++;
		return rc;
	}
	struct tls_conn *tls = NULL;

	/* Made now, not when TCP is open: it keeps the service alive across a new configuration. */
	if (s->tls != NULL) {
		tls = tls_conn_new(s->tls, tcp_conn_stream(tcp),
				   slice_of(s->tls_name, s->tls_name_len));
		if (tls == NULL) {
			tcp_abort(tcp, now_us);
			return -ENOMEM;
		}
	}
	LIST_REMOVE(c, link);
	*c = (struct upstream_conn){
		.leg.kind = LEG_BACK,
		.state = UPSTREAM_OPENING,
		.tcp = tcp,
		.tls = tls,
		.server = s,
		.user = user,
	};
	c->timer.kind = UPSTREAM_TIMER_CONN;
	s->nb_conns++;
	tcp_conn_set_user(tcp, c);
	wheel_arm(u->p.wheel, &c->timer, deadline_us);
	*ret = c;
	return 0;
}

int upstream_conn_advance(struct upstream *u, struct upstream_conn *c)
{
	if (c->state == UPSTREAM_BUSY)
		return 0;
	if (tcp_conn_error(c->tcp) < 0)
		return tcp_conn_error(c->tcp);
	if (tcp_conn_state(c->tcp) < TCP_S_ESTABLISHED)
		return -EAGAIN;
	if (c->tls != NULL) {
		enum outcome why;
		const int rc = tls_conn_handshake(c->tls, &why);

		if (rc < 0) {
			if (rc != -EAGAIN)
				u->p.counters[OUTCOME_UPSTREAM_TLS_FAILED]++;
			return rc;
		}
	}
	wheel_cancel(u->p.wheel, &c->timer);
	c->state = UPSTREAM_BUSY;
	u->p.counters[OUTCOME_UPSTREAM_CONNECTS]++;
	return 0;
}

static void end_conn(struct upstream *u, struct upstream_conn *c, bool is_clean, uint64_t now_us)
{
	struct upstream_server *s = c->server;

	wheel_cancel(u->p.wheel, &c->timer);
	if (c->tls != NULL && is_clean)
		tls_conn_shutdown(c->tls);
	tls_conn_free(c->tls);
	c->tls = NULL;
	if (is_clean)
		tcp_close(c->tcp, now_us);
	else
		tcp_abort(c->tcp, now_us);
	c->tcp = NULL;
	c->state = UPSTREAM_FREE;
	c->user = NULL;
	if (--s->nb_conns == 0 && s->is_retired)
		s->is_used = false;
	LIST_INSERT_HEAD(&u->unused, c, link);
}

/* A server that has sent bytes nobody asked for is out of step: its next answer would be wrong. */
bool upstream_conn_is_quiet(struct upstream_conn *c)
{
	struct stream *st = tcp_conn_stream(c->tcp);

	return tcp_conn_state(c->tcp) == TCP_S_ESTABLISHED && stream_peek(st).len == 0 &&
	       !(c->tls != NULL && tls_conn_has_pending(c->tls));
}

void upstream_release(struct upstream *u, struct upstream_conn *c, bool is_reusable,
		      uint64_t now_us)
{
	struct upstream_server *s = c->server;

	if (!is_reusable || s->is_retired || s->nb_idle >= UPSTREAM_IDLE_MAX ||
	    !upstream_conn_is_quiet(c)) {
		end_conn(u, c, is_reusable, now_us);
		return;
	}
	c->state = UPSTREAM_IDLE;
	c->user = NULL;
	LIST_INSERT_HEAD(&s->idle, c, link);
	s->nb_idle++;
	u->nb_idle++;
	c->idle_until_us = now_us + UPSTREAM_IDLE_US;
	if (!wheel_timer_is_armed(&c->timer))
		wheel_arm(u->p.wheel, &c->timer, c->idle_until_us);
}

bool upstream_on_timer(struct upstream *u, struct upstream_conn *c, uint64_t now_us)
{
	if (c->state == UPSTREAM_OPENING)
		return true;
	if (c->state == UPSTREAM_IDLE && now_us >= c->idle_until_us)
		upstream_on_idle_event(u, c, now_us);
	else if (c->state == UPSTREAM_IDLE)
		wheel_arm(u->p.wheel, &c->timer, c->idle_until_us);
	return false;
}

void upstream_on_idle_event(struct upstream *u, struct upstream_conn *c, uint64_t now_us)
{
	LIST_REMOVE(c, link);
	c->server->nb_idle--;
	u->nb_idle--;
	end_conn(u, c, tcp_conn_error(c->tcp) == 0, now_us);
}

void upstream_flush(struct upstream *u, uint64_t now_us)
{
	for (uint32_t i = 0; i < u->p.max_servers; i++) {
		struct upstream_server *s = &u->server[i];

		if (!s->is_used || s->is_retired)
			continue;
		s->is_retired = true;
		s->nb_conns++; /* the server must not go while its list is walked */
		while (!LIST_EMPTY(&s->idle))
			upstream_on_idle_event(u, LIST_FIRST(&s->idle), now_us);
		if (--s->nb_conns == 0)
			s->is_used = false;
	}
}

uint32_t upstream_nb_idle(const struct upstream *u)
{
	return u->nb_idle;
}

int upstream_conn_read(struct upstream_conn *c, void *buf, size_t cap, size_t *ret_n)
{
	if (c->tls != NULL)
		return tls_conn_read(c->tls, buf, cap, ret_n);

	struct stream *st = tcp_conn_stream(c->tcp);
	const size_t n = stream_read(st, buf, cap);

	if (n > 0) {
		*ret_n = n;
		return 0;
	}
	if (tcp_conn_error(c->tcp) < 0)
		return -ECONNRESET;
	return stream_is_eof(st) ? -EPIPE : -EAGAIN;
}

size_t upstream_conn_room(const struct upstream_conn *c)
{
	const size_t room = tcp_conn_writable(c->tcp);

	if (c->tls == NULL)
		return room;
	return room < TLS_WRITE_ROOM ? 0 : TLS_RECORD_MAX;
}

int upstream_conn_write(struct upstream_conn *c, const void *buf, size_t len)
{
	size_t n;

	if (upstream_conn_room(c) < len)
		return -EAGAIN;
	if (c->tls != NULL)
		return tls_conn_write(c->tls, buf, len, &n);
	/* Room was there, but buffers may have run out: the connection cannot go on then. */
	return stream_write(tcp_conn_stream(c->tcp), buf, len) == len ? 0 : -ENOBUFS;
}
