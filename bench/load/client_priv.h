/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Between the files of the clients.
 *
 *	            open                 CONNECTED             handshake done
 *	[DOWN] ------------> [CONNECTING] --------> [HANDSHAKE] ------------> [OPEN]
 *	   ^                      |                     |                       |
 *	   |  lists: again, late  | error, timeout      | error, timeout        | last response,
 *	   +----------------------+---------------------+-----------------------+ error, cut
 *
 *	DOWN -> CONNECTING       client_conn_open()
 *	CONNECTING -> HANDSHAKE  client_tls_begin(); plain: at once OPEN
 *	HANDSHAKE -> OPEN        client_conn_opened()
 *	any -> DOWN              client_conn_end(), client_conn_fail()
 *
 * A connection that is DOWN is on one of three lists: never opened (by index), to be opened again
 * at once, or after a pause since it had failed. One that is cut while it is held stays down.
 */

#pragma once

#include "bench/load/client.h"
#include "bench/load/device_pool.h"
#include "bench/load/http_lite.h"

#include <openssl/ssl.h>

#define CLIENT_NONE UINT32_MAX

enum client_state {
	CLIENT_S_DOWN,
	CLIENT_S_CONNECTING,
	CLIENT_S_HANDSHAKE,
	CLIENT_S_OPEN,
};

/*
 * A connection is on one list of each kind at most. It stays on the ready list when it goes down,
 * and is passed over there.
 */
enum client_link {
	CLIENT_L_DOWN,
	CLIENT_L_READY,
	CLIENT_L__COUNT
};

struct client_conn {
	struct load_leg leg;         /* first: what TCP's user pointer points at */
	uint8_t state;               /* enum client_state */
	bool is_idle;                /* to be held, makes no requests */
	bool is_cut;                 /* and was cut: it stays down */
	bool is_settled;             /* it came up, or failed, for the first time */
	bool must_close;             /* the server said so */
	uint8_t to_send;             /* requests that were begun and are not written to their end */
	uint8_t nb_in_flight, first; /* in <start> */
	bool is_on[CLIENT_L__COUNT];
	uint32_t next[CLIENT_L__COUNT];
	uint32_t nb_made; /* requests on this connection */
	uint32_t device;
	struct tcp_conn *tcp;
	SSL *ssl;
	SSL_SESSION *session; /* what the next connection offers; owned */
	size_t written;       /* of the request that is being written */
	uint64_t body_left;   /* of the response that is being read */
	bool is_in_body;
	bool is_good; /* so far */
	struct http_lite_buf head;
	uint64_t begun_tsc; /* the connection's intended start */
	uint64_t syn_tsc;   /* and its real one */
	uint64_t due_us;    /* when it is looked at: opened again, or given up */
	uint64_t *start;    /* [in_flight] a ring: from when each request counts */
};

/* First in, first out. */
struct client_list {
	enum client_link link;
	uint32_t first, last;
};

struct client {
	struct load_worker *w;
	const struct load_options *opt;
	uint32_t nb_conns, nb_idle; /* the first <nb_idle> are idle ones */
	uint32_t nb_fresh;          /* how many were opened once */
	uint32_t nb_settled;        /* and came up, or failed, for the first time */
	uint32_t nb_opening, nb_open, nb_idle_open, nb_in_flight;
	uint32_t sweep; /* where the search for what takes too long goes on */
	uint64_t sweep_us;
	uint32_t next_addr; /* in opt->client */
	uint32_t port_seed;
	bool has_rate;           /* open loop */
	bool is_connection_rate; /* of connections rather than of requests */
	bool is_sending;         /* the phase is one of requests */
	struct pacer pacer;
	struct client_list again, late; /* DOWN */
	struct client_list ready;       /* OPEN and may send, open loop */
	struct client_conn *conn;
	uint64_t *starts;
	uint8_t *request; /* head and body */
	size_t request_len;
	uint64_t expected; /* bytes of a response's body, UINT64_MAX: any */
	uint8_t *buf;      /* what is read goes there and is looked at */
	/* TLS */
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	struct load_pool pool;
};

#define CLIENT_BUF (64u << 10)

static inline uint64_t client_timeout_us(const struct client *cl)
{
	return (uint64_t)(cl->opt->timeout_s * 1e6);
}

/* client_tls.c */
[[nodiscard]] int client_tls_init(struct client *cl, char *why, size_t why_cap);
void client_tls_fini(struct client *cl);
/* TCP is there: make the TLS side and begin. False: it failed and was counted. */
bool client_tls_begin(struct client *cl, struct client_conn *c);
/* Go on. True: the handshake is done. */
bool client_tls_handshake(struct client *cl, struct client_conn *c);
/* Bytes of plaintext; 0 and a state other than OPEN: the connection was ended. */
size_t client_tls_read(struct client *cl, struct client_conn *c);
/* How many of <len> bytes were taken. */
size_t client_tls_write(struct client *cl, struct client_conn *c, const uint8_t *p, size_t len);
/* close_notify, if it can still be said. */
void client_tls_shutdown(struct client_conn *c);
void client_tls_drop(struct client_conn *c);

/* client_conn.c */
void client_conn_open(struct client *cl, struct client_conn *c, uint64_t start_tsc);
void client_conn_opened(struct client *cl, struct client_conn *c);
/* It did what it had to: close and take the next one. */
void client_conn_end(struct client *cl, struct client_conn *c);
/*
 * Something is wrong with it. LOAD_E_RESET where nothing was asked is no error but a cut: servers
 * may do that.
 */
void client_conn_fail(struct client *cl, struct client_conn *c, enum load_error what);
void client_conn_on_ready(struct client *cl, struct client_conn *c, uint32_t events);

/* client_request.c */
/* Is it open, with less in flight and behind it than there may be? */
bool client_request_may_send(const struct client *cl, const struct client_conn *c);
/* Send a request that counts from <start_tsc>. */
void client_request_send(struct client *cl, struct client_conn *c, uint64_t start_tsc);
/* Write on what was begun. */
void client_request_flush(struct client *cl, struct client_conn *c);
/* Read what has come; the connection may be ended or have sent more when this returns. */
void client_request_read(struct client *cl, struct client_conn *c);
/* Closed loop: send as many as may be in flight. Open loop: say that it may. */
void client_request_go_on(struct client *cl, struct client_conn *c);
[[nodiscard]] int client_request_init(struct client *cl);

void client_list_init(struct client_list *l, enum client_link link);
void client_list_append(struct client *cl, struct client_list *l, struct client_conn *c);
/* The first one, no longer on the list; NULL: it is empty. */
struct client_conn *client_list_pop(struct client *cl, struct client_list *l);
