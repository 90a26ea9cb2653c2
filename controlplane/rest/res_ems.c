/* SPDX-License-Identifier: BSD-3-Clause */

/* The connectors: their state, pulls on demand, and VPN users to tell EMS of. */

#include "config/config.h"
#include "ems/ems.h"
#include "rest/rest_priv.h"
#include "state/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void get_ems(const struct rest_req *req, struct rest_res *res);
static void post_pull(const struct rest_req *req, struct rest_res *res);
static void post_vpn(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_ems_routes[] = {
	{REST_GET, "/api/v1/ems", get_ems, "connectors: contact, verification, calls"},
	{REST_POST, "/api/v1/ems/pull", post_pull, "pull every object now"},
	{REST_POST, "/api/v1/vpn/sessions", post_vpn,
	 "{uid, ip, interface, action: connect|disconnect}: tell EMS of a VPN user"},
	{0},
};

static json_t *calls_json(const struct state_ems_status *e)
{
	static const char *const name[STATE_OBJ__COUNT] = {
		[STATE_OBJ_SERIAL_NUMBER] = "serial_number",
		[STATE_OBJ_CAPABILITIES] = "capabilities",
		[STATE_OBJ_ZTNA_CA] = "ztna_ca",
		[STATE_OBJ_SYSINFO] = "sysinfo",
		[STATE_OBJ_TAGS] = "tags",
		[STATE_OBJ_UID_TAGS] = "uid_tags",
		[STATE_OBJ_VPN] = "gateway_details/vpn",
	};
	json_t *list = json_array();

	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		const struct state_call_stats *c = &e->call[i];

		json_array_append_new(
			list,
			json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:b,s:b,s:o,s:o,s:o}", "object",
				  name[i], "ok", (json_int_t)c->ok, "failed", (json_int_t)c->failed,
				  "timeouts", (json_int_t)c->timeouts, "bytes",
				  (json_int_t)c->bytes_in, "records", (json_int_t)c->records,
				  "last_us", (int)c->last_us, "last_http", (int)c->last_http,
				  "scheduled", c->is_scheduled, "in_flight", c->is_in_flight,
				  "last_ok", rest_time_ms(c->last_ok_ms), "last_failure",
				  rest_time_ms(c->last_fail_ms), "last_error",
				  rest_cstr(c->last_error)));
	}
	return list;
}

static const char *ws_name(uint8_t ws)
{
	static const char *const name[] = {"off", "connecting", "connected", "lost"};

	return name[ws & 3];
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

	json_object_set_new(j, "serial_number", rest_cstr(e->serial_number));
	json_object_set_new(j, "tenant_id", rest_cstr(e->tenant_id));
	json_object_set_new(j, "capabilities", rest_cstr(e->capabilities));
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
	json_object_set_new(j, "calls", calls_json(e));
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

static void post_pull(const struct rest_req *req, struct rest_res *res)
{
	ems_pull_all(req->cp);
	res->status = 202;
}

static bool parse_vpn(struct slice body, struct ems_vpn *ret)
{
	json_error_t err;
	json_t *j = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &err);
	const char *uid = NULL, *ip = NULL, *interface = NULL, *action = NULL;
	bool is_ok = j != NULL && json_unpack(j, "{s:s,s:s,s:s,s:s!}", "uid", &uid, "ip", &ip,
					      "interface", &interface, "action", &action) == 0;

	*ret = (struct ems_vpn){0};
	if (is_ok)
		is_ok = device_uid_parse(uid, strlen(uid), &ret->uid) == 0 &&
			ip_addr_parse(ip, strlen(ip), &ret->ip) == 0 &&
			strlen(interface) < sizeof(ret->interface) &&
			(strcmp(action, "connect") == 0 || strcmp(action, "disconnect") == 0);
	if (is_ok) {
		(void)snprintf(ret->interface, sizeof(ret->interface), "%s", interface);
		ret->is_delete = strcmp(action, "disconnect") == 0;
	}
	json_decref(j);
	return is_ok;
}

static void post_vpn(const struct rest_req *req, struct rest_res *res)
{
	struct ems_vpn vpn;
	int rc;

	if (req->body.len == 0 || !parse_vpn(req->body, &vpn)) {
		rest_problem(res, 400,
			     "Body: {\"uid\": 32 hex digits, \"ip\", \"interface\", \"action\": "
			     "\"connect\" or \"disconnect\"}.");
		return;
	}
	rc = ems_vpn_post(req->cp, &vpn);
	if (rc == -ENOENT)
		rest_problem(res, 409, "No EMS is configured.");
	else if (rc < 0)
		rest_problem(res, 503, "Too many VPN changes wait for EMS. Try again.");
	else
		res->status = 202;
}
