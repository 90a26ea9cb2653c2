/* SPDX-License-Identifier: BSD-3-Clause */

/* The connectors: their state, and pulls on demand. */

#include "config/config.h"
#include "ems/ems.h"
#include "ems/ems_caps.h"
#include "ems/ems_objs.h"
#include "rest/rest_priv.h"
#include "state/state.h"

#include <stdlib.h>

static void get_ems(const struct rest_req *req, struct rest_res *res);
static void get_objects(const struct rest_req *req, struct rest_res *res);
static void post_pull(const struct rest_req *req, struct rest_res *res);

static void get_gateways(const struct rest_req *req, struct rest_res *res);
static void post_gateways(const struct rest_req *req, struct rest_res *res);
const struct rest_route rest_ems_routes[] = {
	{REST_GET, "/api/v1/ems", get_ems, "connectors: contact, verification, calls"},
	{REST_GET, "/api/v1/ems/*/objects", get_objects,
	 "a connector's API objects: number, entry, schedule, statistics, cursor"},
	{REST_POST, "/api/v1/ems/pull", post_pull, "pull every object now"},
	{REST_GET, "/api/v1/ems/gateways", get_gateways, "own interfaces as EMS is sent them"},
	{REST_POST, "/api/v1/ems/gateways", post_gateways, "send EMS the own interfaces now"},
	{0},
};

static json_t *schedule_json(const struct ems_obj *o, const struct state_ems_status *e)
{
	const uint32_t poll_s = e->ws == STATE_WS_CONNECTED ? o->poll_ws_s : o->poll_s;

	return json_pack("{s:b,s:s,s:o}", "at_verification", o->is_at_verify, "on", o->topics,
			 "poll_s", poll_s == 0 ? json_null() : json_integer(poll_s));
}

/* All of one object: what it is, when it is asked for, how that went. */
static json_t *object_json(const struct config_ems *cfg, const struct state_ems_status *e,
			   enum state_obj obj)
{
	const struct state_call_stats *c = &e->call[obj];
	const struct ems_obj *o = &ems_objs[obj];
	json_t *j = json_pack("{s:s,s:i,s:s,s:s,s:s,s:o}", "object", o->name, "id",
			      (int)ems_obj_id(cfg, obj), "description", o->desc, "entry", o->entry,
			      "method", o->method, "schedule", schedule_json(o, e));
	json_t *stats = json_pack(
		"{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:b,s:b}", "ok", (json_int_t)c->ok, "failed",
		(json_int_t)c->failed, "timeouts", (json_int_t)c->timeouts, "bytes",
		(json_int_t)c->bytes_in, "records", (json_int_t)c->records, "full_pulls",
		(json_int_t)c->full_pulls, "last_us", (json_int_t)c->last_us, "last_http",
		(int)c->last_http, "scheduled", c->is_scheduled, "in_flight", c->is_in_flight);

	(void)json_object_update(j, stats);
	json_decref(stats);
	json_object_set_new(j, "last_ok", rest_time_ms(c->last_ok_ms));
	json_object_set_new(j, "last_failure", rest_time_ms(c->last_fail_ms));
	json_object_set_new(j, "last_error", rest_cstr(c->last_error));
	json_object_set_new(j, "next_poll", rest_time_ms(c->next_ms));
	json_object_set_new(j, "back_off_until", rest_time_ms(c->retry_ms));
	return j;
}

static json_t *calls_json(const struct config_ems *cfg, const struct state_ems_status *e)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		json_array_append_new(list, object_json(cfg, e, (enum state_obj)i));
	return list;
}

static const char *ws_name(uint8_t ws)
{
	static const char *const name[] = {"off", "connecting", "connected", "lost"};

	return name[ws & 3];
}

/* Every word that is known, offered or not. Before the first verification: none. */
static json_t *capabilities_json(const char *words)
{
	json_t *list = json_array();

	for (unsigned i = 0; words[0] != '\0' && i < EMS_CAP__COUNT; i++) {
		const struct ems_cap_text *t = &ems_cap_texts[i];

		json_array_append_new(list,
				      json_pack("{s:s,s:b,s:s,s:s}", "name", t->name, "offered",
						ems_cap_is_in(words, (enum ems_cap)i), "meaning",
						t->meaning, "without", t->without));
	}
	return list;
}

static json_t *ems_json(const struct config_ems *cfg, const struct state_ems_status *e)
{
	const uint64_t now = loop_now_ms();
	const uint64_t age_ms = e->contact_ms == 0 ? 0 : now - e->contact_ms;
	json_t *j = json_pack("{s:i,s:o,s:o,s:i,s:b,s:b,s:b,s:b,s:s,s:b}", "id", (int)cfg->id,
			      "name", rest_cstr(cfg->name), "server", rest_cstr(cfg->server),
			      "port", (int)cfg->https_port, "enabled", cfg->is_enabled, "connected",
			      e->is_connected, "verified", e->is_verified, "synced", e->is_synced,
			      "websocket", ws_name(e->ws), "out_of_sync",
			      e->contact_ms == 0 || age_ms > (uint64_t)cfg->out_of_sync_s * 1000);

	json_object_set_new(j, "verification", json_string(rest_ems_verification(e->verify)));
	json_object_set_new(j, "serial_number", rest_cstr(e->serial_number));
	json_object_set_new(j, "tenant_id", rest_cstr(e->tenant_id));
	json_object_set_new(j, "capabilities", rest_cstr(e->capabilities));
	json_object_set_new(j, "capability_list", capabilities_json(e->capabilities));
	json_object_set_new(j, "trust_ca_cn", json_boolean(cfg->is_trust_ca_cn));
	json_object_set_new(j, "certificate", rest_cstr(e->ca_cn));
	json_object_set_new(j, "fingerprint", rest_cstr(e->fingerprint));
	json_object_set_new(j, "last_contact", rest_time_ms(e->contact_real_ms));
	json_object_set_new(j, "last_contact_age_ms",
			    e->contact_ms == 0 ? json_null() : json_integer((json_int_t)age_ms));
	json_object_set_new(j, "out_of_sync_threshold", json_integer(cfg->out_of_sync_s));
	json_object_set_new(j, "notifications", json_integer((json_int_t)e->nb_notifications));
	json_object_set_new(j, "last_notification", rest_time_ms(e->notified_real_ms));
	json_object_set_new(j, "last_error", rest_cstr(e->last_error));
	json_object_set_new(j, "last_error_time", rest_time_ms(e->last_error_ms));
	json_object_set_new(j, "retry", rest_time_ms(e->retry_ms));
	json_object_set_new(j, "calls", calls_json(cfg, e));
	return j;
}

static void get_ems(const struct rest_req *req, struct rest_res *res)
{
	const struct config *cfg = req->cp->config;
	json_t *list = json_array();

	for (unsigned i = 0; i < cfg->nb_ems; i++)
		json_array_append_new(
			list,
			ems_json(&cfg->ems[i], state_ems_status(req->cp->state, cfg->ems[i].id)));
	res->json = json_pack("{s:o}", "ems", list);
}

static void get_objects(const struct rest_req *req, struct rest_res *res)
{
	const struct config_ems *cfg = rest_ems_find(req, res);
	const struct state *st = req->cp->state;
	json_t *list = json_array();

	for (unsigned i = 0; cfg != NULL && i < STATE_OBJ__COUNT; i++) {
		const struct state_cursor cur = state_cursor(st, cfg->id, (enum state_obj)i);
		json_t *j = object_json(cfg, state_ems_status(st, cfg->id), (enum state_obj)i);

		json_object_set_new(j, "updated_after", rest_cstr(cur.updated_after));
		json_object_set_new(j, "offset", rest_cstr(cur.offset));
		json_array_append_new(list, j);
	}
	if (cfg == NULL)
		json_decref(list);
	else
		res->json = json_pack("{s:i,s:o,s:o}", "id", (int)cfg->id, "name",
				      rest_cstr(cfg->name), "objects", list);
}

static void post_pull(const struct rest_req *req, struct rest_res *res)
{
	ems_pull_all(req->cp);
	res->status = 202;
}

static void get_gateways(const struct rest_req *req, struct rest_res *res)
{
	char *text = ems_gateways_body(req->cp);

	res->json = text == NULL ? NULL : json_loads(text, 0, NULL);
	free(text);
	if (res->json == NULL)
		rest_problem(res, 503, "Out of memory.");
}

static void post_gateways(const struct rest_req *req, struct rest_res *res)
{
	ems_gateways_post(req->cp);
	res->status = 202;
}
