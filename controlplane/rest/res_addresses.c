/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Dynamic addresses: for each tag of each EMS an object with the IP addresses and one with the MAC
 * addresses of those who carry it, named as the field's configurations name them: EMS1_ZTNA_x and
 * MAC_EMS1_ZTNA_x.
 */

#include "rest/rest_priv.h"
#include "state/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void get_objects(const struct rest_req *req, struct rest_res *res);
static void get_members(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_address_routes[] = {
	{REST_GET, "/api/v1/addresses", get_objects,
	 "dynamic address objects of tags; ?limit= ?cursor=; follow next_cursor"},
	{REST_GET, "/api/v1/addresses/members", get_members,
	 "addresses of one object; ?name= ?limit= ?cursor=; follow next_cursor",
	 .is_unlocked = true},
	{0},
};

#define NAME_MAX_LEN 192u
/* An object in one number: the tag's id, the EMS's id (1 to 7), and whether it is of MACs. */
#define OBJECTS_PER_TAG 16u

struct object {
	uint32_t tag;
	unsigned ems_id;
	bool is_mac;
};

static struct object object_of(uint32_t number)
{
	return (struct object){number / OBJECTS_PER_TAG, number % OBJECTS_PER_TAG / 2,
			       (number & 1) != 0};
}

/* EMS told of this tag: with addresses, or as a tag of some device. */
static bool is_there(const struct state *st, struct object o)
{
	const struct state_tag *t = state_tag(st, o.tag);
	struct state_tag_list l;

	return t != NULL && t->kind != 0 && o.ems_id > 0 &&
	       (state_tag_list(st, o.tag, o.ems_id, &l) || t->ems_id == o.ems_id);
}

static void name_of(const struct state *st, struct object o, char ret[static NAME_MAX_LEN])
{
	static const char *const kind[] = {"", "ZTNA", "CLASS", "OUTBREAK", "FABRIC"};
	const struct state_tag *t = state_tag(st, o.tag);

	(void)snprintf(ret, NAME_MAX_LEN, "%sEMS%u_%s_%s", o.is_mac ? "MAC_" : "", o.ems_id,
		       kind[t->kind], state_tag_plain(t));
}

static json_t *object_json(const struct state *st, uint32_t number)
{
	static const char *const kind[] = {"", "zero_trust", "classification", "outbreak",
					   "fabric"};
	const struct object o = object_of(number);
	const struct state_tag *t = state_tag(st, o.tag);
	struct state_tag_list l;
	char name[NAME_MAX_LEN];

	(void)state_tag_list(st, o.tag, o.ems_id, &l);
	name_of(st, o, name);
	return json_pack("{s:i,s:o,s:o,s:s,s:s,s:i,s:i,s:i,s:b}", "id", (int)number, "name",
			 rest_cstr(name), "tag", rest_cstr(state_tag_plain(t)), "kind",
			 kind[t->kind], "type", o.is_mac ? "mac" : "ip", "ems_id", (int)o.ems_id,
			 "ranges", o.is_mac ? 0 : (int)l.nb_ranges, "addresses",
			 (int)(o.is_mac ? l.nb_macs : l.nb_ips), "cut", (int)l.is_cut);
}

static void get_objects(const struct rest_req *req, struct rest_res *res)
{
	const struct state *st = req->cp->state;
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	const uint32_t end = state_nb_tags(st) * OBJECTS_PER_TAG;
	uint32_t at = (uint32_t)rest_query_uint(req, "cursor", 0, UINT32_MAX);
	json_t *list = json_array();

	for (; at < end && json_array_size(list) < limit; at++)
		if (is_there(st, object_of(at)))
			json_array_append_new(list, object_json(st, at));
	res->json = json_pack("{s:o,s:o}", "addresses", list, "next_cursor",
			      at < end ? json_integer(at) : json_null());
}

static bool find(const struct state *st, const char *name, struct object *ret)
{
	char text[NAME_MAX_LEN];

	for (uint32_t i = 0; i < state_nb_tags(st) * OBJECTS_PER_TAG; i++) {
		*ret = object_of(i);
		if (!is_there(st, *ret))
			continue;
		name_of(st, *ret, text);
		if (strcmp(text, name) == 0)
			return true;
	}
	return false;
}

struct members {
	bool is_found, is_mac;
	struct state_range *ip;
	struct state_mac *mac;
	uint32_t nb;
	int rc;
};

static json_t *member_json(const struct members *m, uint64_t i)
{
	char from[IP_ADDR_STRLEN], to[IP_ADDR_STRLEN], text[2 * IP_ADDR_STRLEN + 1];

	if (m->is_mac) {
		const uint8_t *b = m->mac[i].b;

		(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1],
			       b[2], b[3], b[4], b[5]);
		return json_string(text);
	}
	ip_addr_emit(&m->ip[i].from, from);
	ip_addr_emit(&m->ip[i].to, to);
	if (strcmp(from, to) == 0)
		return json_string(from);
	(void)snprintf(text, sizeof(text), "%s-%s", from, to);
	return json_string(text);
}

/* The list is copied under the lock; the JSON of it is made without. */
static void get_members(const struct rest_req *req, struct rest_res *res)
{
	const uint64_t limit = rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	uint64_t at = rest_query_uint(req, "cursor", 0, UINT32_MAX);
	const uint64_t end = at + limit;
	struct members m = {0};
	char name[NAME_MAX_LEN];
	struct object o;
	json_t *list;

	if (!rest_query(req, "name", name, sizeof(name))) {
		rest_problem(res, 400, "name is missing, not readable, or too long.");
		return;
	}
	cp_lock(req->cp);
	m.is_found = find(req->cp->state, name, &o);
	m.is_mac = m.is_found && o.is_mac;
	if (m.is_mac)
		m.rc = state_tag_macs(req->cp->state, o.tag, o.ems_id, &m.mac, &m.nb);
	else if (m.is_found)
		m.rc = state_tag_ips(req->cp->state, o.tag, o.ems_id, &m.ip, &m.nb);
	cp_unlock(req->cp);
	if (!m.is_found) {
		rest_problem(res, 404, "No EMS told of such an object.");
		return;
	}
	if (m.rc < 0) {
		rest_problem(res, 503, "Out of memory.");
		return;
	}
	list = json_array();
	for (; at < end && at < m.nb; at++)
		json_array_append_new(list, member_json(&m, at));
	res->json = json_pack("{s:o,s:o}", "members", list, "next_cursor",
			      at < m.nb ? json_integer((json_int_t)at) : json_null());
	free(m.ip);
	free(m.mac);
}
