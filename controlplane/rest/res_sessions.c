/* SPDX-License-Identifier: BSD-3-Clause */

/* Live sessions: rows that the workers write into the feedback file. */

#include "config/config.h"
#include "rest/rest_priv.h"
#include "snap/publish.h"

#include <errno.h>
#include <string.h>

static void get_sessions(const struct rest_req *req, struct rest_res *res);
static void kill_session(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_session_routes[] = {
	{REST_GET, "/api/v1/sessions", get_sessions,
	 "live sessions; ?limit= ?cursor= ?uid=; follow next_cursor"},
	{REST_DELETE, "/api/v1/sessions/*", kill_session, "end a session now"},
	{0},
};

#define LOOK_MAX 200000u
#define TRIES 4

/*
 * Copy a row that its worker may be writing: the sequence lock tells whether the copy is whole.
 * The acquire pairs with row_end()'s release in the worker.
 */
static bool read_row(const struct session_row *row, struct session_row *ret)
{
	for (int i = 0; i < TRIES; i++) {
		const uint64_t before = atomic_load_explicit(&row->seq, memory_order_acquire);

		if (before & 1)
			continue;
		memcpy(ret, row, sizeof(*ret));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&row->seq, memory_order_relaxed) == before)
			return ret->id != 0;
	}
	return false;
}

/* Null: not connected to any yet. */
static json_t *addr(const struct ip_addr *a, uint16_t port)
{
	return port != 0 ? rest_endpoint(a, port) : json_null();
}

static json_t *row_json(struct cp *cp, const struct session_row *r, uint32_t worker)
{
	static const char *const state[] = {"handshake", "idle", "request", "upgraded", "closing"};
	struct publish_status ps;
	const struct config *cfg = cp->config;
	char uid[DEVICE_UID_STRLEN + 1];
	uint32_t ems_id = publish_ems_id(cp->publish, r->ems);

	publish_status(cp->publish, &ps);
	device_uid_emit(&r->uid, uid);
	return json_pack("{s:I,s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:i,s:I,s:I,s:I,s:o,s:s,s:b}", "id",
			 (json_int_t)r->id, "worker", (int)worker, "state",
			 state[r->state < 5 ? r->state : 4], "client",
			 addr(&r->client, r->client_port), "server",
			 addr(&r->server, r->server_port), "uid",
			 r->has_device ? json_string(uid) : json_null(), "ems_id",
			 r->has_device ? json_integer(ems_id) : json_null(), "service",
			 r->config_generation == ps.config_generation && r->proxy < cfg->nb_proxies
				 ? rest_cstr(cfg->proxies[r->proxy].name)
				 : json_null(),
			 "policy_id", (int)r->policy_id, "requests", (json_int_t)r->requests,
			 "bytes_in", (json_int_t)r->bytes_in, "bytes_out", (json_int_t)r->bytes_out,
			 "started", rest_time_ms(r->start_ms), "tls", r->tls13 ? "1.3" : "1.2",
			 "resumed", r->resumed != 0);
}

/* The cursor is worker and row in one number. */
static void get_sessions(const struct rest_req *req, struct rest_res *res)
{
	struct cp *cp = req->cp;
	const struct feedback_hdr *fb = cp->shm.feedback;
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	uint64_t at = rest_query_uint(req, "cursor", 0, UINT64_MAX / 2);
	const uint64_t nb_rows = fb != NULL ? fb->nb_rows : 0;
	const uint64_t end = fb != NULL ? nb_rows * fb->nb_workers : 0;
	json_t *list = json_array();
	char text[DEVICE_UID_STRLEN + 1];
	struct device_uid uid;
	const bool by_uid = rest_has_query(req, "uid");

	if (by_uid && (!rest_query(req, "uid", text, sizeof(text)) ||
		       device_uid_parse(text, strlen(text), &uid) < 0)) {
		json_decref(list);
		rest_problem(res, 400, "A UID is 32 hex digits.");
		return;
	}
	for (uint32_t n = 0; at < end && n < LOOK_MAX && json_array_size(list) < limit; n++, at++) {
		const uint32_t worker = (uint32_t)(at / nb_rows);
		const struct session_row *rows = shm_feedback_rows(&cp->shm, worker);
		struct session_row r;

		if (rows == NULL)
			break;
		if (read_row(&rows[at % nb_rows], &r) &&
		    (!by_uid || (r.has_device && device_uid_is_equal(&r.uid, &uid))))
			json_array_append_new(list, row_json(cp, &r, worker));
	}
	res->json = json_pack("{s:o,s:o}", "sessions", list, "next_cursor",
			      at < end ? json_integer((json_int_t)at) : json_null());
}

static bool parse_id(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (strlen(s) == 0 || strlen(s) > 19)
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*ret = v;
	return true;
}

static bool has_session(const struct cp *cp, uint32_t worker, uint64_t id)
{
	const struct session_row *rows = shm_feedback_rows(&cp->shm, worker);
	const uint64_t nb = rows != NULL ? cp->shm.feedback->nb_rows : 0;
	struct session_row r;

	for (uint64_t i = 0; i < nb; i++)
		if (rows[i].id == id && read_row(&rows[i], &r) && r.id == id)
			return true;
	return false;
}

static void kill_session(const struct rest_req *req, struct rest_res *res)
{
	const struct feedback_hdr *fb = req->cp->shm.feedback;
	uint32_t worker;
	uint64_t id;

	if (!parse_id(req->arg, &id)) {
		rest_problem(res, 400, "A session id is a decimal number.");
		return;
	}
	if (fb == NULL || fb->nb_workers == 0) {
		rest_problem(res, 503, "The data plane is not running.");
		return;
	}
	/* Ids are dealt out in turns: the remainder is the worker. */
	worker = (uint32_t)(id % fb->nb_workers);
	if (!has_session(req->cp, worker, id)) {
		rest_problem(res, 404, "No such session. See /api/v1/sessions.");
		return;
	}

	const int rc = cp_kill_session(req->cp, worker, id);

	if (rc == -EAGAIN)
		rest_problem(res, 409,
			     "An earlier request to this worker is under way. Try again.");
	else if (rc < 0)
		rest_problem(res, 503, "No such worker.");
	else
		res->status = 202;
}
