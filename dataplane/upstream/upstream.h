/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The server side of one worker: real servers with their kept-alive connections, hold-down of
 * dead ones, and the choice between them. A connection is lent to one session at a time and
 * comes back idle, or is closed.
 *
 *	        acquire (new)          connected / TLS done
 *	[FREE] --------------> [OPENING] ---------------> [BUSY] --- release(reusable) --> [IDLE]
 *	   ^                       |                        | ^                              | |
 *	   |      failed: server held down                  | +---------- acquire (reused) --+ |
 *	   +-----------------------+------ release(not) ----+                                  |
 *	   +------------------------- idle too long, or the server closed ---------------------+
 *
 * Everything here belongs to one worker; pools are sized at start.
 */

#pragma once

#include "base/leg.h"
#include "base/wheel.h"
#include "common/snap/snap_layout.h"
#include "common/stats/outcome.h"
#include "tcp/tcp.h"
#include "tls/tls.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Timer kinds in the worker's wheel; session's begin at UPSTREAM_TIMER__END. */
enum {
	UPSTREAM_TIMER_CONN = 1,
	UPSTREAM_TIMER__END
};

#define UPSTREAM_IDLE_US (15u * 1000 * 1000)     /* below the keep-alive time of usual servers */
#define UPSTREAM_IDLE_MAX 64u                    /* kept per server and worker */
#define UPSTREAM_HOLDDOWN_US (30u * 1000 * 1000) /* holddown-interval of the field */

struct upstream;
struct upstream_server;

enum upstream_state {
	UPSTREAM_FREE,
	UPSTREAM_OPENING,
	UPSTREAM_BUSY,
	UPSTREAM_IDLE
};

struct upstream_conn {
	struct leg leg; /* first: LEG_BACK */
	uint8_t state;  /* enum upstream_state */
	bool is_reused; /* served a request before the present one */
	struct tcp_conn *tcp;
	struct tls_conn *tls; /* NULL: plain */
	struct upstream_server *server;
	void *user; /* the session it is lent to, NULL while idle */
	/*
	 * Opening takes too long; or it has been idle too long. It is left armed while the
	 * connection is lent, and finds out what it is worth when it fires.
	 */
	struct wheel_timer timer;
	uint64_t idle_until_us;
	LIST_ENTRY(upstream_conn) link;
};

/* What identifies a server and how to talk to it. */
struct upstream_key {
	struct ip_addr address;
	uint16_t port;
	struct tls_service *tls; /* NULL: plain; borrowed, see upstream_flush() */
	struct slice tls_name;   /* SNI; copied, at most 255 bytes */
};

/* See session_pick_local in session.h. */
typedef int (*upstream_pick_local)(void *user, const struct ip_addr *server, uint16_t server_port,
				   uint32_t attempt, struct tcp_tuple *ret);

struct upstream_params {
	uint32_t max_conns;
	uint32_t max_servers;
	struct tcp_stack *tcp;
	struct wheel *wheel;
	uint64_t *counters;
	upstream_pick_local pick_local;
	void *user;
};

/* NULL: out of memory. */
struct upstream *upstream_new(const struct upstream_params *params);
void upstream_free(struct upstream *u);

/* Find or make the entry of a server. NULL: no entry free. Valid until upstream_flush(). */
struct upstream_server *upstream_server_get(struct upstream *u, const struct upstream_key *key);
/* Did a connection to it fail within the hold-down interval? */
bool upstream_server_is_down(const struct upstream_server *s, uint64_t now_us);
/* It failed: hold it down. True when it had been up until now (worth a record). */
bool upstream_server_set_down(struct upstream_server *s, uint64_t now_us);
/* It answered a connection: no hold-down. True when it had been down (worth a record). */
bool upstream_server_set_up(struct upstream_server *s);

/*
 * A connection to <s> for <user>: a kept-alive one in state BUSY, or with <is_fresh> or none idle
 * a new one in OPENING, whose outcome upstream_conn_advance() tells. -EHOSTUNREACH,
 * -EADDRNOTAVAIL, -ENOMEM.
 */
[[nodiscard]] int upstream_acquire(struct upstream *u, struct upstream_server *s, void *user,
				   bool is_fresh, uint64_t deadline_us, uint64_t now_us,
				   struct upstream_conn **ret);
/*
 * Go on opening. 0: BUSY, ready for a request; -EAGAIN: not yet; any other: failed (the server
 * is held down by the caller's choice), release it.
 */
[[nodiscard]] int upstream_conn_advance(struct upstream *u, struct upstream_conn *c);
/* Give back. <is_reusable>: the response was complete, and so was the request. */
void upstream_release(struct upstream *u, struct upstream_conn *c, bool is_reusable,
		      uint64_t now_us);
/* Open, and nothing has come that was not asked for. */
bool upstream_conn_is_quiet(struct upstream_conn *c);
/* Its timer fired. True: it is OPENING, and that took too long. */
bool upstream_on_timer(struct upstream *u, struct upstream_conn *c, uint64_t now_us);
/* Something happened to a connection that is IDLE: it ends. */
void upstream_on_idle_event(struct upstream *u, struct upstream_conn *c, uint64_t now_us);
/*
 * The configuration changed: close what is idle, forget all servers that lend nothing; busy
 * connections end when they are released. Hold-downs are kept for equal address and port.
 */
void upstream_flush(struct upstream *u, uint64_t now_us);

uint32_t upstream_nb_idle(const struct upstream *u);

/*
 * Bytes, as tls_conn_read() and tls_conn_write() return them, whichever way the server talks:
 * read: 0, -EAGAIN, -EPIPE (end), -ECONNRESET, -EPROTO. Write takes all of <len> or nothing
 * (-EAGAIN); ask upstream_conn_room() first.
 */
[[nodiscard]] int upstream_conn_read(struct upstream_conn *c, void *buf, size_t cap, size_t *ret_n);
[[nodiscard]] int upstream_conn_write(struct upstream_conn *c, const void *buf, size_t len);
size_t upstream_conn_room(const struct upstream_conn *c);
