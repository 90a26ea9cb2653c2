/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The server's own parts: doors (listeners), connections, and the thread that looks after them
 * with poll(). Everything here is the server's thread's, but for what a reload hands over.
 *
 * Deadlines, from the moment named, whatever trickles in meanwhile: a handshake, a head and a body
 * have seconds in all; an answer has time by its length; a connection that waits for its next
 * request is closed after a while; a stream must take what it gets.
 */

#pragma once

#include "rest/auth.h"
#include "rest/http_head.h"
#include "rest/limit.h"
#include "rest/rest_priv.h"
#include "rest/websocket.h"

#include <openssl/ssl.h>

#include <pthread.h>
#include <stdatomic.h>

#define CONNS_UNIX 192u
#define CONNS_TLS 128u
#define CONNS_PEER 32u /* of one address, over TLS */
#define CONNS_MAX (CONNS_UNIX + CONNS_TLS)

#define HANDSHAKE_MS 10000u
#define HEAD_MS 10000u
#define BODY_MS 20000u
#define IDLE_MS 30000u
#define ANSWER_MS 30000u /* and a second more for each 16 KiB */
#define STALL_MS 60000u  /* a stream's client that takes nothing */
#define LINGER_MS 2000u
#define LARGE_BODIES_MAX 4u /* at once, of more than REST_BODY_MAX */

/*
 *	[HANDSHAKE] -> [HEAD] -> [CONTINUE] -> [BODY] -> [ANSWER] -> [HEAD] ... or [LINGER]
 *	                  |                      |           ^
 *	                  +---- refused: [PARKED] ------------+
 *	                  +---- answered by a stream: [STREAM] -> [HEAD] or [LINGER]
 *
 * LINGER: all was said, the other end is given time to read it. The end of a connection is
 * conn_free(), from any state.
 */
enum conn_phase {
	PHASE_HANDSHAKE,
	PHASE_HEAD,
	PHASE_CONTINUE,
	PHASE_BODY,
	PHASE_PARKED,
	PHASE_ANSWER,
	PHASE_STREAM,
	PHASE_LINGER,
};

struct conn {
	int fd;
	SSL *ssl; /* NULL: on the unix socket */
	enum conn_phase phase;
	short wants;  /* of poll(), when there is nothing to do now */
	bool is_hot;  /* there is more to do, but others first */
	bool is_last; /* the connection ends with this answer */
	bool is_websocket;
	bool has_close; /* the WebSocket's client wants an end */
	uint8_t pong_len;
	bool has_pong; /* asked for */
	unsigned char pong[WEBSOCKET_CONTROL_MAX];
	struct ip_addr peer; /* of TLS */
	struct auth_cred cred;
	struct rest_who who;
	uint64_t deadline_ms; /* 0: none */
	uint64_t wake_ms;     /* PARKED: go on then; STREAM: its next tick */
	uint64_t checked_ms;  /* STREAM: when its right was looked at last */
	struct http_head head;
	char in[HTTP_HEAD_MAX];
	size_t in_len;
	char *body;
	size_t body_len;
	unsigned *large; /* where this body counts as a large one; NULL: nowhere */
	char *out;
	size_t out_cap, out_len, out_off;
	struct rest_stream *stream; /* NULL: none is under way */
	enum rest_role stream_role; /* what it takes to go on seeing it */
};

/* Where TLS comes in, made of one configuration. */
struct door {
	int fd; /* negative: none */
	struct ip_addr address;
	uint16_t port;
	SSL_CTX *ctx;
	struct auth *auth;
	uint8_t ca_hash[AUTH_HASH_LEN];
};

struct rest {
	struct cp *cp;
	pthread_t thread;
	bool is_started;
	_Atomic(bool) is_stopping; /* main thread sets, server's thread reads */
	int wake_fd;               /* eventfd: look at the two below */
	char path[108];
	gid_t gid; /* allowed besides root and ourselves; (gid_t)-1: none */
	int unix_fd;

	/* handed over by a reload, under <lock>; taken by the server's thread */
	pthread_mutex_t lock;
	struct door *next;
	bool has_next; /* NULL is a <next> as well: no door */

	/* the server's thread's */
	struct door *door; /* NULL: none */
	struct conn *conns[CONNS_MAX];
	unsigned nb_conns;
	struct limit fails, handshakes, noted, noted_all;
	unsigned nb_large; /* bodies of more than REST_BODY_MAX */
	struct rest_counts counts;
};

/* ---- listen.c ---- */

/* Bind and listen on <rest->path>. 0 or -errno. */
[[nodiscard]] int listen_unix(struct rest *rest, const char *group, mode_t mode);
/*
 * The door of <cfg>, without a socket yet. NULL: it has none, or it cannot be made, told in the
 * log.
 */
struct door *door_new(const struct config *cfg);
void door_free(struct door *d);
/* The server's thread: take up what a reload handed over. */
void door_take_next(struct rest *rest);
/* Accept what waits on <fd>, <is_tls> or not, a few at most. */
void listen_accept(struct rest *rest, int fd, bool is_tls);

/* ---- conn.c ---- */

/* What a state's function says. */
enum step {
	STEP_AGAIN, /* go on at once */
	STEP_WAIT,  /* until poll() or the clock says so */
	STEP_OVER,
};

/* The connection owns <fd> and <ssl> from then on. NULL: no memory, and they are closed. */
struct conn *conn_new(int fd, SSL *ssl, uint64_t now_ms);
void conn_free(struct conn *c);
/* Go on as far as it goes. False: it is at its end, and to be freed. */
bool conn_run(struct rest *rest, struct conn *c, uint64_t now_ms);
/* When conn_run() is to be called again though nothing comes; UINT64_MAX: never. */
uint64_t conn_next_ms(const struct conn *c);

/* ---- conn_stream.c ---- */

/* Go over to PHASE_STREAM with what <res> has. */
enum step conn_begin_stream(struct conn *c, const struct rest_res *res, uint64_t now_ms);
enum step conn_run_stream(struct rest *rest, struct conn *c, uint64_t now_ms);
void conn_end_stream(struct conn *c);

/* ---- conn_io.c ---- */

/* Bytes; 0: the other end is done; -EAGAIN with <c->wants> set; another -errno. */
ssize_t conn_read(struct conn *c, void *buf, size_t cap);
ssize_t conn_write(struct conn *c, const void *buf, size_t len);
/* 0: done, -EAGAIN or another -errno. */
int conn_handshake(struct conn *c);
/* Write what there is; STEP_AGAIN: all is out. */
enum step conn_flush(struct conn *c);
/* Say that nothing more comes from here. */
void conn_shut(struct conn *c);

/* ---- answer.c ---- */

/* Put head and body of <res> into <c->out>; takes its JSON and text over. False: no memory. */
[[nodiscard]] bool answer_put(struct conn *c, struct rest_res *res);
/* A control frame behind what is still to be written; there is room for one. */
void answer_put_control(struct conn *c, unsigned opcode, const void *ptr, size_t len);
/* The head of a stream's answer. */
[[nodiscard]] bool answer_put_stream(struct conn *c, const struct rest_res *res);
/*
 * The stream's next piece into the empty <c->out>, framed. *<ret_is_end>: it was the last. False:
 * there is none now.
 */
bool answer_put_piece(struct conn *c, bool *ret_is_end);
