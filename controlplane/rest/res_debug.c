/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Debug output: what is shown, and the stream of it. The settings are the server's, not a
 * listener's, as on the appliances: who switches a source on does so for all who listen.
 */

#include "debug/debug.h"
#include "rest/rest_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US 100000u

/* ---- settings ---- */

static json_t *settings_json(const struct debug_settings *s)
{
	json_t *category = json_array();

	if (s->is_wad_policy)
		json_array_append_new(category, json_string("policy"));
	return json_pack("{s:i,s:{s:o,s:s},s:b,s:b,s:i}", "fcnacd", (int)s->fcnacd, "wad",
			 "category", category, "level", debug_level_name(s->wad_level), "timestamp",
			 (int)s->has_timestamp, "show_large_data", (int)s->has_large_data,
			 "listeners", (int)debug_sub_count());
}

static bool take_fcnacd(const json_t *j, struct debug_settings *s)
{
	const json_int_t v = json_integer_value(j);

	if (!json_is_integer(j) || v < -1 || v > INT32_MAX)
		return false;
	s->fcnacd = (int32_t)v;
	return true;
}

/* "all" is what there is: the policy's. */
static bool take_category(const json_t *j, struct debug_settings *s)
{
	s->is_wad_policy = false;
	for (size_t i = 0; i < json_array_size(j); i++) {
		const char *name = json_string_value(json_array_get(j, i));

		if (name == NULL || (strcmp(name, "policy") != 0 && strcmp(name, "all") != 0))
			return false;
		s->is_wad_policy = true;
	}
	return json_is_array(j);
}

static bool take_level(const json_t *j, struct debug_settings *s)
{
	return json_is_string(j) && debug_level_parse(json_string_value(j), &s->wad_level) == 0;
}

static bool take_timestamp(const json_t *j, struct debug_settings *s)
{
	s->has_timestamp = json_is_true(j);
	return json_is_boolean(j);
}

static bool take_large_data(const json_t *j, struct debug_settings *s)
{
	s->has_large_data = json_is_true(j);
	return json_is_boolean(j);
}

static bool take_wad(const json_t *j, struct debug_settings *s);

static const struct {
	const char *key;
	bool (*take)(const json_t *j, struct debug_settings *s);
	bool is_of_wad;
	const char *what;
} members[] = {
	{"fcnacd", take_fcnacd, false, "fcnacd takes a level: 0 is off, -1 is all."},
	{"wad", take_wad, false,
	 "wad takes category, a list of \"policy\" or \"all\", and level, "
	 "one of \"error\", \"info\", \"verbose\"."},
	{"category", take_category, true, ""},
	{"level", take_level, true, ""},
	{"timestamp", take_timestamp, false, "timestamp takes true or false."},
	{"show_large_data", take_large_data, false, "show_large_data takes true or false."},
};

/* Every member of <j>; NULL: fine, else what is wrong. What is absent stays as it is in <s>. */
static const char *take_members(const json_t *j, bool is_of_wad, struct debug_settings *s)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)j, key, v)
	{
		size_t i = 0;

		while (i < sizeof(members) / sizeof(members[0]) &&
		       (members[i].is_of_wad != is_of_wad || strcmp(members[i].key, key) != 0))
			i++;
		if (i == sizeof(members) / sizeof(members[0]))
			return "There is fcnacd, wad, timestamp and show_large_data.";
		if (!members[i].take(v, s))
			return members[i].what;
	}
	return NULL;
}

static bool take_wad(const json_t *j, struct debug_settings *s)
{
	return json_is_object(j) && take_members(j, true, s) == NULL;
}

static void change(const struct rest_req *req, struct rest_res *res, struct debug_settings *s)
{
	json_t *j = json_loadb((const char *)req->body.ptr, req->body.len, JSON_REJECT_DUPLICATES,
			       NULL);
	const char *why = json_is_object(j) ? take_members(j, false, s) : "The body is no object.";

	json_decref(j);
	if (why != NULL) {
		rest_problem(res, 400, why);
		return;
	}
	debug_settings_set(s);
	res->json = settings_json(s);
}

static void get_debug(const struct rest_req *, struct rest_res *res)
{
	struct debug_settings s;

	debug_settings_get(&s);
	res->json = settings_json(&s);
}

static void put_debug(const struct rest_req *req, struct rest_res *res)
{
	struct debug_settings s = {.wad_level = DEBUG_L_INFO};

	change(req, res, &s);
}

/* RFC 7396. The server has one thread: nothing changes between get and set. */
static void patch_debug(const struct rest_req *req, struct rest_res *res)
{
	struct debug_settings s;

	debug_settings_get(&s);
	change(req, res, &s);
}

/* ---- stream ---- */

struct listener {
	struct rest_stream stream;
	struct debug_sub *sub;
};

static size_t read_lines(void *user, void *buf, size_t cap, bool *ret_is_end)
{
	struct listener *l = user;

	*ret_is_end = false;
	return debug_sub_read(l->sub, buf, cap);
}

static void tick(void *)
{
}

static void close_listener(void *user)
{
	struct listener *l = user;

	debug_sub_free(l->sub);
	free(l);
}

static void get_stream(const struct rest_req *, struct rest_res *res)
{
	static const struct rest_stream_ops ops = {
		.read = read_lines, .tick = tick, .close = close_listener};
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->sub = debug_sub_new()) == NULL) {
		free(l);
		rest_problem(res, 503,
			     "As many as there may be listen already, or memory is short.");
		return;
	}
	l->stream =
		(struct rest_stream){.ops = &ops, .user = l, .poll_us = POLL_US, .is_text = true};
	(void)snprintf(l->stream.words, sizeof(l->stream.words), "debug output is listened to");
	res->status = 200;
	res->content_type = "text/plain; charset=utf-8";
	res->stream = &l->stream;
}

const struct rest_route rest_debug_routes[] = {
	{REST_GET, "/api/v1/debug", get_debug, "what debug output shows, and how many listen",
	 .is_unlocked = true},
	{REST_PUT, "/api/v1/debug", put_debug, "set what debug output shows; what is absent is off",
	 .is_unlocked = true},
	{REST_PATCH, "/api/v1/debug", patch_debug,
	 "set what debug output shows; what is absent stays", .is_unlocked = true},
	{REST_GET, "/api/v1/debug/stream", get_stream,
	 "debug output as it comes, over a WebSocket or as text", .is_unlocked = true,
	 .role = REST_ROLE_OPERATE},
	{0},
};
