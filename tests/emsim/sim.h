/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running simulator: one process, one thread, one poll loop over all connections.
 *
 * The server is our own small HTTP/1.1 and RFC 6455 over OpenSSL, not libwebsockets: half of what
 * it is for is to answer wrongly (bodies cut short, lengths that lie, bytes that drip, certificates
 * changed between two handshakes), which a library exists to prevent.
 */
#pragma once

#include "emsim/buf.h"
#include "emsim/certs.h"
#include "emsim/churn.h"
#include "emsim/faults.h"
#include "emsim/hostile.h"
#include "emsim/report.h"
#include "emsim/store.h"
#include "emsim/synth.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>

enum {
	CONN_MAX = 256,
	HEAD_MAX = 16 * 1024,
	BODY_MAX = 4 * 1024 * 1024,
	WS_MSG_MAX = 64 * 1024,
	BATCH_MAX = 64,
	AUTHORIZE_MAX = 16,
	WITHOUT_MAX = 16,
};

/* Notification topics, as bits. */
enum {
	TOPIC_SYSINFO = 1u << 0,
	TOPIC_TAGS = 1u << 1,
	TOPIC_AVATAR = 1u << 2,
	TOPIC_ZTNA_CA = 1u << 3,
};

struct http_req {
	char method[8];
	char *path;
	char *query; /* "" when there is none */
	const char *body;
	size_t body_len;
	bool keep_alive;
	bool is_upgrade;
	char ws_key[32];
	char host[80];
};

/*
 * A connection, of a gateway over TLS or of an administrator over the unix socket.
 *
 *	TLS -> HTTP -> WS -> CLOSING        HUNG: a fault holds the request forever
 *	        |  \--> HUNG
 *	        \-----> CLOSING
 *
 * CLOSING: flush <out>, then close. Every state but WS and HUNG has a deadline.
 */
enum conn_state {
	CONN_FREE,
	CONN_TLS,
	CONN_HTTP,
	CONN_WS,
	CONN_HUNG,
	CONN_CLOSING,
};

struct conn {
	enum conn_state state;
	int fd;
	SSL *ssl; /* NULL on the unix socket */
	bool is_admin;
	bool want_write; /* TLS asked for it */
	bool is_dead;
	bool is_mute; /* bad-length fault: no further request is answered */
	char cn[65];
	struct buf in;
	struct buf out;
	size_t out_off;
	uint32_t drip_ms; /* 0: as fast as it goes */
	uint64_t next_drip_ms;
	uint64_t deadline_ms;
	/* WebSocket */
	uint32_t topics;
	bool is_registered;
	uint64_t next_ping_ms;
	uint64_t pong_ms;
	struct buf msg; /* fragments so far */
};

enum sim_cert {
	SIM_CERT_GOOD,
	SIM_CERT_EXPIRED,
	SIM_CERT_WRONG_CN,
	SIM_CERT__COUNT
};

struct sim_stats {
	uint64_t requests[ENTRY__COUNT];
	uint64_t admin_requests;
	uint64_t conns;
	uint64_t handshake_failures;
	uint64_t notifications;
	uint64_t ws_opened;
};

struct sim {
	struct store store;
	struct pki pki;
	struct faults faults;
	enum hostile hostile;
	struct report_ids ids;
	struct churn churn;
	struct sim_stats stats;
	struct synth_params batches[BATCH_MAX];
	size_t nb_batches;
	size_t page_size;
	char authorized[AUTHORIZE_MAX][65];
	size_t nb_authorized;          /* 0: every CN that the CA signed */
	char without[WITHOUT_MAX][32]; /* capabilities that this EMS does not have */
	size_t nb_without;
	char site[64]; /* host name of this site, alone; "": any */
	char dir[512];
	SSL_CTX *ctx[SIM_CERT__COUNT];
	int tls_fd, unix_fd, signal_fd;
	uint16_t port;
	bool is_verbose;
	bool is_stopping;
	uint32_t pending_topics; /* notified when the admin command ends */
	uint64_t now_ms;
	uint64_t dirty_ms; /* when a change was seen that is not on disk, or 0 */
	struct conn conns[CONN_MAX];
};

/* http.c: read requests out of <c->in> and answer them. */
void http_on_data(struct sim *sim, struct conn *c);
void http_reply(struct conn *c, unsigned status, const char *type, const struct buf *body,
		bool keep_alive);
/* The <nth> value (from 0) of <key> in a query, percent-decoded; false when absent. */
bool http_query(const char *query, const char *key, unsigned nth, char *out, size_t cap);

/* api.c: the EMS entries. */
void api_handle(struct sim *sim, struct conn *c, const struct http_req *rq);

/* admin.c: the administrator's REST. */
void admin_handle(struct sim *sim, struct conn *c, const struct http_req *rq);

/* ws.c */
void ws_accept(struct sim *sim, struct conn *c, const struct http_req *rq);
void ws_on_data(struct sim *sim, struct conn *c);
void ws_on_tick(struct sim *sim, struct conn *c);
void ws_close(struct conn *c, uint16_t code);
void ws_notify_pending(struct sim *sim);
void ws_drop_all(struct sim *sim);
unsigned ws_count(const struct sim *sim);
/* The bit of a topic's name, 0 for an unknown one. */
uint32_t topic_parse(const char *name);

/* conn.c: the loop. */
[[nodiscard]] int conn_listen(struct sim *sim, const char *addr, uint16_t port);
void conn_loop(struct sim *sim);
void conn_fini(struct sim *sim);
/*
 * A renewed server certificate, from the next handshake on. Gateways are disconnected, as by a
 * server that is restarted for it.
 */
[[nodiscard]] int conn_renew(struct sim *sim);
/* Close idle HTTP connections, so that the next request makes a handshake. */
void conn_drop_idle(struct sim *sim);

/* state.c: the devices on disk, so that a restarted EMS knows them. */
[[nodiscard]] int state_load(struct sim *sim);
[[nodiscard]] int state_save(struct sim *sim);
/* Append {"uid":..,...} as admin replies and the state file have it. */
void state_dev_json(const struct sim *sim, const struct dev *d, struct buf *out);
