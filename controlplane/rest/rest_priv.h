/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Resources: one file each, with a table of routes at its top. Who asks is known before any
 * routing; the router finds the row, compares roles, calls the row's handler under cp_lock, unless
 * the row says otherwise, and writes the audit log. Handlers do bounded work and answer with JSON
 * or text.
 */

#pragma once

#include "base/cp.h"
#include "common/base/slice.h"
#include "rest/rest.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

#define REST_BODY_MAX 65536u
#define REST_ARG_MAX 256u
#define REST_PAGE_DEFAULT 100u
#define REST_PAGE_MAX 1000u

enum rest_method {
	REST_GET,
	REST_POST,
	REST_DELETE,
	REST_PUT,
	REST_PATCH,
	REST_METHOD__COUNT
};

/* "GET"; "?" for what is none. */
const char *rest_method_name(enum rest_method m);

/* What somebody may do; each may do what those before it may. */
enum rest_role {
	REST_ROLE_DEFAULT, /* of a route: READ for GET, else OPERATE; of somebody: nothing */
	REST_ROLE_READ,    /* look */
	REST_ROLE_OPERATE, /* end sessions, pull, capture: what shows plaintext or acts */
	REST_ROLE_ADMIN,   /* change the configuration, trust an EMS */
};

const char *rest_role_name(enum rest_role r);

/* Who asks, as authenticated. Strings have no control characters. */
struct rest_who {
	enum rest_role role;
	char name[80]; /* "root", a token's name, a certificate's CN */
	char how[96];  /* "uid=0", "token:NAME", "cert:CN" */
	char from[80]; /* "pid=4711", "192.0.2.1:50000" */
};

/* A request as a handler sees it; who calls rest_dispatch() fills in all but <arg>. */
struct rest_req {
	struct cp *cp;
	const struct rest_who *who; /* NULL: nobody, and nothing will be answered but 401 */
	enum rest_method method;
	const char *path;  /* without query; decoded */
	const char *arg;   /* what stood for "*" in the row's path; "" when none */
	const char *query; /* raw, without '?' */
	struct slice body;
	const char *if_match, *if_none_match; /* the fields' values; NULL: not there */
};

/*
 * A body without end, in place of a document: as chunks, or, when the request asks for a
 * WebSocket, as messages, one for each <read> that gives something. <read> is called again and
 * again by the server's thread, without the lock, at least every <poll_us> while the client takes
 * what it gets.
 */
struct rest_stream_ops {
	/* Up to <cap> bytes, 0 when there are none now. *<ret_is_end>: there never will be more. */
	size_t (*read)(void *user, void *buf, size_t cap, bool *ret_is_end);
	/* Every <poll_us>, whether or not the client reads. */
	void (*tick)(void *user);
	/* The client went away, or the end was reached: frees the stream. Called once. */
	void (*close)(void *user);
	/* A WebSocket's client sent a text of at most 4 KiB. NULL: nobody listens. */
	void (*message)(void *user, const char *text, size_t len);
};

struct rest_stream {
	const struct rest_stream_ops *ops;
	void *user;
	uint32_t poll_us;
	bool is_text;    /* UTF-8, each read() whole characters: a WebSocket may have it too */
	char words[400]; /* for the log: what somebody sees */
};

/* What a handler answers: <json> (owned by the server from then on) or <text>. */
struct rest_res {
	int status;
	json_t *json;
	char *text;       /* malloc()ed; used when json is NULL */
	size_t bytes_len; /* not 0: <text> is this many bytes, and no text */
	const char *content_type;
	struct rest_stream *stream; /* in place of both */
	char etag[80];              /* "": none; see rest_etag() */
	char allow[64];             /* "": none; methods of the resource, with 405 and OPTIONS */
	enum rest_role role;        /* the row's; set by rest_dispatch() */
};

typedef void (*rest_handler)(const struct rest_req *req, struct rest_res *res);

struct rest_route {
	enum rest_method method;
	const char *path; /* one segment may be "*": it takes any */
	rest_handler handler;
	const char *summary; /* for the API document */
	bool is_unlocked;    /* the handler takes the lock itself, or needs none */
	enum rest_role role; /* the least that it takes */
	uint32_t body_max;   /* 0: REST_BODY_MAX */
};

/* Tables end with a row whose path is NULL. */
extern const struct rest_route rest_status_routes[];
extern const struct rest_route rest_device_routes[];
extern const struct rest_route rest_service_routes[];
extern const struct rest_route rest_session_routes[];
extern const struct rest_route rest_counter_routes[];
extern const struct rest_route rest_config_routes[];
extern const struct rest_route rest_denial_routes[];
extern const struct rest_route rest_explain_routes[];
extern const struct rest_route rest_ems_routes[];
extern const struct rest_route rest_ems_verify_routes[];
extern const struct rest_route rest_vpn_routes[];
extern const struct rest_route rest_address_routes[];
extern const struct rest_route rest_tcp_routes[];
extern const struct rest_route rest_capture_routes[];
extern const struct rest_route rest_conn_routes[];
extern const struct rest_route rest_audit_routes[];
extern const struct rest_route rest_openapi_routes[];
extern const struct rest_route rest_debug_routes[];
extern const struct rest_route rest_transaction_routes[];
extern const struct rest_route rest_log_routes[];

/* All of them, ended by NULL. */
extern const struct rest_route *const rest_tables[];

/* Route and run. Never leaves <res> without a status. <req->arg> is set here. */
void rest_dispatch(struct rest_req *req, struct rest_res *res);
/* How long a body <who> may send there: no more than for others unless the role fits. */
size_t rest_body_max(const struct rest_who *who, enum rest_method method, const char *path);
/* The answer to OPTIONS: what methods <req->path> has. */
void rest_options(struct rest_req *req, struct rest_res *res);
/* How many handlers have run, ever. */
uint64_t rest_nb_handled(void);

/* What the server has seen; its thread's. */
struct rest_counts {
	uint64_t requests, refused, unauthorized, forbidden, limited;
	uint64_t late;             /* closed for being slow */
	uint64_t full;             /* turned away: too many connections, or from there */
	unsigned conns, conns_tls; /* now */
};
/* The server's thread, as handlers are. */
void rest_server_counts(const struct cp *cp, struct rest_counts *ret);

/* The role that row <r> asks for, its default resolved. */
enum rest_role rest_route_role(const struct rest_route *r);
/*
 * Give the answer a strong ETag (RFC 9110 8.8.3): <fmt> says what version this is, as generations
 * do. True: the client has it already, <res> is 304 and the handler returns at once.
 */
[[nodiscard]] __attribute__((format(printf, 3, 4))) bool
rest_etag(const struct rest_req *req, struct rest_res *res, const char *fmt, ...);
/* As rest_etag() by what <res->json> says, for what has no generation; 304 drops it. */
void rest_etag_json(const struct rest_req *req, struct rest_res *res);
/*
 * For a change of what has the ETag that rest_etag() made of <fmt>: may it go on? False: If-Match
 * is there and names another version, <res> is 412.
 */
[[nodiscard]] __attribute__((format(printf, 3, 4))) bool
rest_if_match(const struct rest_req *req, struct rest_res *res, const char *fmt, ...);

/* "Not Found"; answer.c */
const char *answer_reason(int status);
/* RFC 9457 problem document. */
void rest_problem(struct rest_res *res, int status, const char *detail);
/*
 * Value of <key> in the query, percent-decoded, into <ret>. False: absent, or longer than <cap>.
 */
bool rest_query(const struct rest_req *req, const char *key, char *ret, size_t cap);
/* Is <key> there at all? A filter that is there but unreadable must not pass for none. */
bool rest_has_query(const struct rest_req *req, const char *key);
/* The <i>th key and value of the query: 1; 0: there are no more; -1: it cannot be read. */
int rest_query_nth(const struct rest_req *req, size_t i, char *ret_key, size_t key_cap,
		   char *ret_value, size_t value_cap);
/* An unsigned number from the query, or <fallback>; at most <max>. */
uint64_t rest_query_uint(const struct rest_req *req, const char *key, uint64_t fallback,
			 uint64_t max);
/* JSON string of bytes that may not be UTF-8: those are replaced. */
json_t *rest_string(const void *ptr, size_t len);
json_t *rest_slice(struct slice s);
json_t *rest_cstr(const char *s);
json_t *rest_addr(const struct ip_addr *a);
/* "192.0.2.1:80", "[2001:db8::1]:80"; without a port when it is 0. */
json_t *rest_endpoint(const struct ip_addr *a, uint16_t port);
/* "2024-07-11T17:57:41Z" or null for 0. */
json_t *rest_time_ms(uint64_t real_ms);

/* res_ems_verify.c: the connector that the path names; NULL, and answered, when there is none. */
struct config_ems;
const struct config_ems *rest_ems_find(const struct rest_req *req, struct rest_res *res);
/* enum state_verify for people. */
const char *rest_ems_verification(uint8_t verify);

/* docs/api/openapi.json; made at build time */
extern const char rest_openapi_text[];

/* metrics.c */
char *rest_metrics(struct cp *cp);
