/* SPDX-License-Identifier: BSD-3-Clause */

/* VPN sessions: what VPN daemons tell, and what EMSs made of it. */

#include "config/config.h"
#include "ems/ems.h"
#include "rest/rest_priv.h"
#include "state/state_vpn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void get_sessions(const struct rest_req *req, struct rest_res *res);
static void get_session(const struct rest_req *req, struct rest_res *res);
static void post_session(const struct rest_req *req, struct rest_res *res);
static void delete_session(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_vpn_routes[] = {
	{REST_GET, "/api/v1/vpn/sessions", get_sessions,
	 "VPN sessions and what EMS made of them; ?limit= ?cursor= ?uid=; follow next_cursor"},
	{REST_GET, "/api/v1/vpn/sessions/*", get_session, "the session that holds this address"},
	{REST_POST, "/api/v1/vpn/sessions", post_session,
	 "{uid, ip, interface, action: connect|disconnect}: tell EMS of a VPN user"},
	{REST_DELETE, "/api/v1/vpn/sessions/*", delete_session,
	 "forget the session that holds this address, and tell EMS"},
	{0},
};

#define LOOK_MAX 20000u

static const char *state_of(const struct state_vpn *v, unsigned ems_id)
{
	const unsigned bit = 1u << ems_id;

	return (v->taken & bit) != 0 ? "taken" : (v->rejected & bit) != 0 ? "rejected" : "waiting";
}

/* One word for all: taken by one is taken; rejected needs all that there are. */
static json_t *session_json(const struct config *cfg, const struct state_vpn *v)
{
	char uid[DEVICE_UID_STRLEN + 1], ip[IP_ADDR_STRLEN];
	unsigned nb = 0, nb_taken = 0, nb_rejected = 0;
	json_t *list = json_array();

	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		const unsigned id = cfg->ems[i].id;

		if (!cfg->ems[i].is_enabled)
			continue;
		nb++;
		nb_taken += (v->taken >> id) & 1;
		nb_rejected += (v->rejected >> id) & 1;
		json_array_append_new(list, json_pack("{s:i,s:o,s:s}", "id", (int)id, "name",
						      rest_cstr(cfg->ems[i].name), "state",
						      state_of(v, id)));
	}
	device_uid_emit(&v->uid, uid);
	ip_addr_emit(&v->ip, ip);
	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:o}", "ip", ip, "uid", uid, "interface",
			 v->interface, "since", rest_time_ms(v->since_ms), "state",
			 nb_taken > 0                  ? "taken"
			 : nb > 0 && nb_rejected == nb ? "rejected"
						       : "waiting",
			 "ems", list);
}

static void get_sessions(const struct rest_req *req, struct rest_res *res)
{
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	uint32_t pos = (uint32_t)rest_query_uint(req, "cursor", 0, UINT32_MAX);
	const bool by_uid = rest_has_query(req, "uid");
	char text[DEVICE_UID_STRLEN + 1];
	json_t *list = json_array();
	struct device_uid uid;
	struct state_vpn v;
	bool more = true;

	if (by_uid && (!rest_query(req, "uid", text, sizeof(text)) ||
		       device_uid_parse(text, strlen(text), &uid) < 0)) {
		json_decref(list);
		rest_problem(res, 400, "A UID is 32 hex digits.");
		return;
	}
	for (uint32_t n = 0; n < LOOK_MAX && json_array_size(list) < limit; n++) {
		more = state_vpn_next(req->cp->state, &pos, &v);
		if (!more)
			break;
		if (!by_uid || device_uid_is_equal(&v.uid, &uid))
			json_array_append_new(list, session_json(req->cp->config, &v));
	}
	res->json = json_pack("{s:o,s:o}", "sessions", list, "next_cursor",
			      more ? json_integer(pos) : json_null());
}

/* The session that the path names; false: answered. */
static bool find(const struct rest_req *req, struct rest_res *res, struct state_vpn *ret)
{
	struct ip_addr ip;

	if (ip_addr_parse(req->arg, strlen(req->arg), &ip) < 0)
		rest_problem(res, 400, "A VPN session is named by its address.");
	else if (!state_vpn_find(req->cp->state, &ip, ret))
		rest_problem(res, 404, "No VPN session holds this address.");
	else
		return true;
	return false;
}

static void get_session(const struct rest_req *req, struct rest_res *res)
{
	struct state_vpn v;

	if (find(req, res, &v))
		res->json = session_json(req->cp->config, &v);
}

/* An address that a device can have: not unspecified, no multicast, no broadcast. */
static bool is_host(const struct ip_addr *ip)
{
	static const struct ip_addr none;

	if (ip_addr_is_v4(ip))
		return ip->b[12] != 0 && ip->b[12] < 224;
	return memcmp(ip, &none, sizeof(none)) != 0 && ip->b[0] != 0xff;
}

static bool parse(struct slice body, struct ems_vpn *ret)
{
	json_error_t err;
	json_t *j = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &err);
	const char *uid = NULL, *ip = NULL, *interface = NULL, *action = NULL;
	bool is_ok = j != NULL && json_unpack(j, "{s:s,s:s,s:s,s:s!}", "uid", &uid, "ip", &ip,
					      "interface", &interface, "action", &action) == 0;

	*ret = (struct ems_vpn){0};
	if (is_ok)
		is_ok = device_uid_parse(uid, strlen(uid), &ret->uid) == 0 &&
			ip_addr_parse(ip, strlen(ip), &ret->ip) == 0 && is_host(&ret->ip) &&
			state_vpn_is_interface(interface) &&
			(strcmp(action, "connect") == 0 || strcmp(action, "disconnect") == 0);
	if (is_ok) {
		(void)snprintf(ret->interface, sizeof(ret->interface), "%s", interface);
		ret->is_delete = strcmp(action, "disconnect") == 0;
	}
	json_decref(j);
	return is_ok;
}

static void post(struct cp *cp, const struct ems_vpn *vpn, struct rest_res *res)
{
	const int rc = ems_vpn_post(cp, vpn);

	if (rc == -ENOENT)
		rest_problem(res, 409, "No EMS is configured.");
	else if (rc < 0)
		rest_problem(res, 503, "There are too many VPN sessions.");
	else
		res->status = 202;
}

static void post_session(const struct rest_req *req, struct rest_res *res)
{
	struct ems_vpn vpn;

	if (req->body.len > 0 && parse(req->body, &vpn))
		post(req->cp, &vpn, res);
	else
		rest_problem(res, 400,
			     "Body: {\"uid\": 32 hex digits, \"ip\", \"interface\", \"action\": "
			     "\"connect\" or \"disconnect\"}.");
}

static void delete_session(const struct rest_req *req, struct rest_res *res)
{
	struct ems_vpn vpn = {.is_delete = true};
	struct state_vpn v;

	if (!find(req, res, &v))
		return;
	vpn.uid = v.uid;
	vpn.ip = v.ip;
	memcpy(vpn.interface, v.interface, sizeof(vpn.interface));
	post(req->cp, &vpn, res);
}
