/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The inside of the session layer.
 *
 *	      TCP accepted
 *	           |
 *	           v        TLS done                head complete, accepted
 *	      [HANDSHAKE] -----------> [HEAD] <---------------------------+
 *	           |                    |  ^ response complete            |
 *	           |   unknown device   |  +----------------+             |
 *	           |     +---------<----+                   |             |
 *	           |     v  record      | server chosen     |             |
 *	           |   [PULL] --------> v                   |             |
 *	           |                 [CONNECT] --------> [EXCHANGE] --101--> [TUNNEL]
 *	           | alert              |  refused, dead       |                |
 *	           v                    v                      v                |
 *	        [LINGER] <---- answer, then close -------------+----------------+
 *	           |
 *	           v
 *	         FREE
 *
 *	files: session.c  pool, life, run      front.c     handshake, reading, lingering
 *	       service.c  access proxies       request.c   head -> route -> decision -> server
 *	       decide.c   facts, again, cut    exchange.c  bytes between the two legs
 *	       evidence.c records and rows     route.c     virtual host, API gateway
 *
 * Invariants:
 *  (1) Every session but a free one has its timer armed.
 *  (2) Bytes reach a real server only in EXCHANGE and TUNNEL, which only an accepting verdict
 *      leads to.
 *  (3) <back> is set only from CONNECT to TUNNEL.
 *  (4) A session is in the UID index exactly while <has_device> is true.
 */

#pragma once

#include "base/leg.h"
#include "base/wheel.h"
#include "common/policy/policy.h"
#include "http/h1.h"
#include "session/session.h"
#include "tls/tls.h"
#include "upstream/upstream.h"

#include <sys/queue.h>

#define SESSION_MAX_PROXIES 256u
#define SESSION_NAME_MAX 255u
#define SESSION_MAX_NAMES 64u /* virtual hosts per access proxy */
#define SESSION_BUF_CAP 16384u
static_assert(SESSION_BUF_CAP >= H1_MAX_HEAD && SESSION_BUF_CAP >= TLS_RECORD_MAX);
/* Payload per record to the client: room for a chunk header and its end in the same record. */
#define SESSION_PIECE (TLS_RECORD_MAX - 32u)
#define SESSION_LINGER_US (2u * 1000 * 1000)
#define SESSION_SWEEP 16u     /* sessions decided again between two looks at the clock */
#define SESSION_SWEEP_US 100u /* per run, when all must be: packets wait meanwhile */
#define SESSION_BUDGET 8u     /* pieces moved per session and run, so that none starves others */

enum {
	SESSION_TIMER_DEADLINE = UPSTREAM_TIMER__END,
	SESSION_TIMER_RECHECK
};

struct hs_database;
struct hs_scratch;
struct session_worker;

/*
 * Names that choose a certificate. Handshakes under way keep theirs across a new configuration,
 * since their TLS service keeps its certificates.
 */
struct service_name {
	uint32_t cert;     /* index in the TLS service */
	uint8_t host_type; /* enum snap_host_type */
	uint8_t host_len;
	uint8_t host[SESSION_NAME_MAX];
};

struct service_names {
	const struct session_worker *sw;
	uint32_t refs;
	uint32_t nb;
	struct service_name name[SESSION_MAX_NAMES];
};

/* One access proxy in one configuration. */
struct service {
	struct service_names *names;
	uint32_t proxy; /* index in the configuration */
	struct tls_service *tls;
	struct hs_database *patterns;     /* NULL: no gateways */
	struct tls_service **gateway_tls; /* per gateway; NULL entries: plain */
	uint32_t nb_gateways;
	bool is_whole; /* nothing of it failed to be made */
};

/* Address and port that we listen on: outlives configurations, so sessions point here. */
struct listener {
	struct ip_addr address;
	uint16_t port;
	bool is_used;
	bool is_listening;
	bool is_seen;            /* by the adoption under way */
	struct service *service; /* NULL: its access proxy is gone */
};

/* A page of plaintext, held only while there is some. */
struct buf {
	struct buf *next;
	uint32_t off, len;
	uint8_t data[SESSION_BUF_CAP];
};

enum session_state {
	SESSION_FREE,
	SESSION_HANDSHAKE,
	SESSION_HEAD,
	SESSION_PULL,
	SESSION_CONNECT,
	SESSION_EXCHANGE,
	SESSION_TUNNEL,
	SESSION_LINGER,
};

/* The request under way. */
struct exchange {
	uint8_t request_id[16];
	uint64_t start_us;
	uint8_t method; /* enum h1_method */
	uint8_t minor;
	bool is_keep_alive;
	bool has_expect;
	bool has_upgrade;
	bool req_sent;       /* its head is on its way to the server */
	bool req_done;       /* so is its body */
	bool res_started;    /* bytes of the response are on their way to the client */
	bool res_keep_alive; /* what the server said */
	bool is_fresh_only;  /* a kept-alive connection failed: take a new one */
	uint8_t attempts;
	enum h1_framing res_framing; /* towards the client */
	struct h1_body req_body, res_body;
	uint32_t head_len; /* of the request, still at the start of <in> while !req_sent */
	uint32_t gateway;  /* index in the service */
	uint32_t gateway_id;
	uint32_t server_id;
	uint8_t http_host_len; /* of session.http_host; 0: the client's is for the server too */
	uint16_t status;
	uint16_t server_port;
	struct ip_addr server_addr;
	uint64_t client_in, client_out, server_in, server_out;
	uint64_t timed_in; /* client_in when the deadline was last moved for an upload */
};

struct session {
	struct leg leg;   /* first: LEG_FRONT */
	uint8_t state;    /* enum session_state */
	bool has_device;  /* peer.has_cert: in the UID index */
	bool is_accepted; /* the latest decision let it through */
	bool is_again;    /* on the worker's list of sessions with more to do */
	bool is_resumed, is_tls13;
	uint32_t idx;
	uint64_t id;
	uint64_t start_us;
	uint64_t nb_requests;
	uint64_t bytes_in, bytes_out;
	struct session_worker *sw;
	struct listener *listener;
	struct tcp_conn *tcp;
	struct tls_conn *tls;
	struct service_names *names; /* in HANDSHAKE only */
	struct upstream_conn *back;
	struct buf *in;   /* plaintext from the client */
	struct buf *from; /* bytes from the server */
	struct policy_facts facts;
	struct policy_verdict verdict; /* of the latest decision; <device> is not kept */
	uint64_t decided_generation;
	uint64_t config_generation;  /* that verdict's indices belong to */
	uint64_t decided_contact_ms; /* of the device's EMS, as it was then */
	bool is_decided_existing;    /* facts.is_existing as it was then */
	struct exchange x;
	/*
	 * The timer is not moved when the deadline is put off, as it is several times a request: it
	 * fires at the latest then, and is armed again for what is left.
	 */
	struct wheel_timer deadline;
	uint64_t deadline_us;
	struct wheel_timer recheck;
	LIST_ENTRY(session) link;     /* all live ones, or the free list */
	LIST_ENTRY(session) uid_link; /* bucket of the UID index */
	TAILQ_ENTRY(session) again_link;
	/* What most requests do not touch. */
	char http_host[SESSION_NAME_MAX + 1]; /* Host for the server of the request under way */
};

LIST_HEAD(session_list, session);
TAILQ_HEAD(session_queue, session);

struct session_worker {
	struct session_params p;
	struct snap_view view;
	bool has_view;
	uint64_t now_us;
	struct wheel wheel;
	struct upstream *upstream;
	struct tls_worker *tls;
	struct record_ring ring;
	struct listener listener[SESSION_MAX_PROXIES];
	struct service *services; /* of the present configuration */
	uint32_t nb_services;
	struct hs_scratch *scratch;
	uint32_t *round_robin; /* by health index: also current weights */

	struct session *session; /* pool */
	struct session_list unused, live;
	struct session_list *by_uid;
	uint32_t uid_mask;
	struct session_queue again;
	uint32_t nb_again;
	struct buf *bufs; /* free ones */
	struct buf *buf_pool;
	uint32_t nb_live;
	uint64_t next_id, next_request;

	/* when everything must be decided again: where the sweep stands */
	bool is_sweeping;
	uint32_t sweep_at;
	uint64_t decide_generation, config_generation, generation; /* of <view> */
	uint64_t next_time_us;
	uint64_t wall_offset_us; /* what the wall clock is ahead of now_us, as of the last look */

	/* scratch of one call; nothing lives here from one session to the next */
	struct h1_head head;
	char path[H1_MAX_PATH];
	char host[SESSION_NAME_MAX + 1];
	uint8_t out[TLS_RECORD_MAX];
};

/* session.c */
struct session *session_open(struct session_worker *sw, struct tcp_conn *c);
/* End: legs are closed (<is_reset>: aborted) and everything is given back. */
void session_end(struct session *s, bool is_reset);
/* Do what can be done now; <s> may be free afterwards. */
void session_step(struct session *s);
/* Put on the list of sessions that have more to do in the next run. */
void session_again(struct session *s);
void session_arm(struct session *s, uint64_t after_us);
struct buf *session_buf_get(struct session_worker *sw);
void session_buf_put(struct session_worker *sw, struct buf **b);
static inline void session_count(struct session_worker *sw, enum outcome o)
{
	sw->p.counters[o]++;
}

/* service.c. <before>: what <sw->services> were made from, NULL: nothing. */
int service_adopt(struct session_worker *sw, const struct snap_view *view,
		  const struct snap_view *before);
/* service_same.c: is what the access proxy <p> of <a> needs what <q> of <b> needs? */
bool service_is_same_front(const struct snap_view *a, const struct snap_access_proxy *p,
			   const struct snap_view *b, const struct snap_access_proxy *q);
bool service_is_same_back(const struct snap_view *a, const struct snap_access_proxy *p,
			  const struct snap_view *b, const struct snap_access_proxy *q);
bool service_is_same_patterns(const struct snap_view *a, const struct snap_access_proxy *p,
			      const struct snap_view *b, const struct snap_access_proxy *q);
void service_free_all(struct session_worker *sw);

void service_names_unref(struct service_names **names);

/* route.c: what the head asks for. Uses the worker's scratch. */
struct route {
	struct slice path;                  /* normalized, in sw->path */
	struct slice host;                  /* normalized, in sw->host */
	const struct snap_gateway *gateway; /* NULL: none matches */
	uint32_t gateway_idx;
};
/* 0; -EBADMSG: refused, <ret_outcome>. A missing gateway is not an error. */
int route_find(struct session_worker *sw, const struct service *svc, struct slice sni,
	       const struct h1_head *head, struct route *ret, enum outcome *ret_outcome);
/* <name> is lower case and without port. */
bool route_host_matches(uint8_t host_type, struct slice host, struct slice name);
/*
 * The next real server of <gw> to try: not held down unless all are. <attempt> counts from 0.
 * NULL: the gateway has none left to try.
 */
const struct snap_real_server *route_pick_server(struct session_worker *sw,
						 const struct snap_gateway *gw,
						 struct tls_service *tls, uint32_t attempt,
						 struct upstream_server **ret_server);

/* front.c: each returns false when the session ended or cannot go on now. */
bool front_handshake(struct session *s);
/* Fill s->in with what has come. 0 got some; -EAGAIN; -EPIPE the client is done; other: dead. */
int front_fill(struct session *s);
bool front_has_room(const struct session *s);
/* All of <len> <= TLS_RECORD_MAX; the caller asked front_has_room(). False: dead. */
bool front_write(struct session *s, const void *buf, size_t len);
/* Everything was said: close_notify, FIN, then wait a little for the client to go. */
void front_linger(struct session *s);
void front_drain(struct session *s);

/* request.c */
/* front_fill() between requests: the clock for a head starts with its first byte. */
int request_fill(struct session *s);
void request_read(struct session *s);
/* The head at the start of s->in was complete: route, decide, choose. Also after a pull. */
void request_begin(struct session *s);
/* Answer with a block or error page and go on or close. */
void request_refuse(struct session *s, uint16_t status, enum outcome why);
void request_connect(struct session *s);
/* The exchange is over and the client may ask again on this connection. */
void request_next(struct session *s);
/* Take <n> bytes off the front of what came from the client. */
void request_drop_input(struct session *s, uint32_t n);
/* A decision's id: unguessable, so that a client can ask for its own without naming another's. */
void request_new_id(struct session_worker *sw, uint8_t ret[static 16]);
/* The lent connection failed before any response byte: next server, or 502/504. */
void request_retry(struct session *s, enum outcome why);

/* exchange.c */
void exchange_run(struct session *s);
void tunnel_run(struct session *s);

/* decide.c */
void decide_now(struct session *s, struct policy_verdict *ret);
/* The verdict on a request, into s->verdict: decided anew unless nothing of it can have changed. */
void decide_request(struct session *s);
void decide_index(struct session *s);
void decide_unindex(struct session *s);
/* Decide a live session again; cut it when it no longer passes. */
void decide_again(struct session *s, uint64_t notified_us);
void decide_on_change(void *sw, const struct snap_change *ch);
void decide_sweep(struct session_worker *sw);
void decide_arm_recheck(struct session *s);

/* evidence.c */
void evidence_request(struct session *s, enum outcome why, uint16_t code, uint16_t extra_flags);
void evidence_handshake(struct session *s, enum outcome why);
void evidence_pull(struct session *s);
void evidence_health(struct session *s, bool is_up);
void evidence_row(struct session *s);
void evidence_row_clear(struct session *s);
