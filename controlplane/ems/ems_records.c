/* SPDX-License-Identifier: BSD-3-Clause */

/* EMS's records as batches: sysinfo, uid_tags, tags. */

#include "common/base/hex.h"
#include "ems/ems_answers.h"
#include "ems/ems_payload.h"
#include "state/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define VERSION_PARTS 8u

/* Record of <uid> (NULL: one without) could not be read. */
static void note_bad(struct ems_bad *bad, const struct device_uid *uid)
{
	bad->nb++;
	if (uid != NULL && bad->nb_uid < EMS_BAD_MAX)
		bad->uid[bad->nb_uid++] = *uid;
}

static struct slice copy_json_string(struct state_batch *b, const json_t *j)
{
	if (!json_is_string(j))
		return SLICE_EMPTY;
	return state_batch_copy(b, json_string_value(j), json_string_length(j));
}

static struct slice copy_integer(struct state_batch *b, const json_t *j)
{
	char text[24];
	const int n = snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(j));

	return n > 0 && (size_t)n < sizeof(text) ? state_batch_copy(b, text, (size_t)n)
						 : SLICE_EMPTY;
}

/* [7,4,0] as "7.4.0". */
static struct slice copy_version(struct state_batch *b, const json_t *j)
{
	char text[VERSION_PARTS * 22];
	size_t len = 0;

	for (size_t i = 0; i < json_array_size(j) && i < VERSION_PARTS; i++) {
		const json_t *part = json_array_get(j, i);
		const int n = snprintf(text + len, sizeof(text) - len, "%s%lld", i == 0 ? "" : ".",
				       (long long)json_integer_value(part));

		if (!json_is_integer(part) || n < 0 || (size_t)n >= sizeof(text) - len)
			return SLICE_EMPTY;
		len += (size_t)n;
	}
	return state_batch_copy(b, text, len);
}

static struct slice copy_value(struct state_batch *b, const json_t *j)
{
	if (json_is_string(j))
		return copy_json_string(b, j);
	if (json_is_integer(j))
		return copy_integer(b, j);
	return json_is_array(j) ? copy_version(b, j) : SLICE_EMPTY;
}

static void copy_fields(struct state_batch *b, const json_t *rec, struct state_sysinfo *s)
{
	static const char *const key[] = {
#define STATE_FIELD(sym, key, label, shared) [STATE_F_##sym] = key,
#include "state/state_field.def"
#undef STATE_FIELD
	};

	for (size_t f = 0; f < STATE_F__COUNT; f++)
		if (key[f][0] != '\0')
			s->field[f] = copy_value(b, json_object_get(rec, key[f]));
}

static void copy_avatar(struct state_batch *b, const json_t *rec, struct state_sysinfo *s)
{
	const json_t *j = json_object_get(rec, "avatar_fingerprint");
	struct ems_fingerprint fp;

	if (json_is_string(j) &&
	    ems_fingerprint_parse(slice_of(json_string_value(j), json_string_length(j)), &fp))
		s->field[STATE_F_AVATAR] = state_batch_copy(b, fp.b, sizeof(fp.b));
}

static void copy_route(struct state_batch *b, struct state_sysinfo *s, const json_t *gateway,
		       const json_t *info)
{
	struct state_route *r = state_batch_route(b, s);

	if (r == NULL)
		return;
	r->gateway_sn = copy_json_string(b, json_object_get(gateway, "fgt_sn"));
	r->interface = copy_json_string(b, json_object_get(gateway, "interface"));
	r->vdom = copy_json_string(b, json_object_get(gateway, "vdom"));
	r->ip = copy_json_string(b, json_object_get(info, "ip"));
	r->mac = copy_json_string(b, json_object_get(info, "mac"));
	r->type = copy_json_string(b, json_object_get(info, "route_type"));
}

static void copy_routes(struct state_batch *b, const json_t *rec, struct state_sysinfo *s)
{
	const json_t *list = json_object_get(rec, "gateway_route_list");

	for (size_t i = 0; i < json_array_size(list) && i < STATE_MAX_ROUTES; i++) {
		const json_t *entry = json_array_get(list, i);
		const json_t *gateway = json_object_get(entry, "gateway_info");
		const json_t *info = json_object_get(entry, "route_info");

		for (size_t k = 0; k < json_array_size(info) && k < STATE_MAX_ROUTES; k++)
			copy_route(b, s, gateway, json_array_get(info, k));
	}
}

/*
 * A flag of the record. One of the wrong type is malformed; so is an absent one that is <needed>:
 * there, false could be the lenient answer.
 */
static bool take_flag(const json_t *rec, const char *key, bool is_needed, bool *is_bad)
{
	const json_t *j = json_object_get(rec, key);

	if (!json_is_boolean(j) && (is_needed || (j != NULL && !json_is_null(j))))
		*is_bad = true;
	return json_is_true(j);
}

/*
 * A malformed record of a known device must not leave what was known before in force: it comes
 * through as registered nowhere and with no certificate, which denies.
 */
static void fill_sysinfo(struct state_batch *b, const json_t *rec, struct state_sysinfo *s,
			 struct ems_bad *ret_bad)
{
	const json_t *sn = json_object_get(rec, "client_cert_sn");
	bool is_bad = !json_is_object(rec);

	s->update_time = copy_json_string(b, json_object_get(rec, "sysinfo_update_time"));
	if (take_flag(rec, "is_deleted", false, &is_bad)) {
		s->is_deleted = true;
		return;
	}
	if (take_flag(rec, "is_registered", true, &is_bad))
		s->flags |= SNAP_DEV_REGISTERED;
	if (take_flag(rec, "online", false, &is_bad))
		s->flags |= SNAP_DEV_ONLINE;
	if (take_flag(rec, "quarantined", true, &is_bad))
		s->flags |= SNAP_DEV_QUARANTINED;
	if (take_flag(rec, "onnet", false, &is_bad))
		s->flags |= SNAP_DEV_ON_NET;
	if (sn != NULL && !json_is_null(sn) &&
	    (!json_is_string(sn) ||
	     (json_string_length(sn) > 0 &&
	      cert_serial_parse(json_string_value(sn), json_string_length(sn), &s->serial) < 0)))
		is_bad = true;
	copy_fields(b, rec, s);
	copy_avatar(b, rec, s);
	copy_routes(b, rec, s);
	if (!is_bad)
		return;
	s->flags = 0;
	s->serial = (struct cert_serial){0};
	note_bad(ret_bad, &s->uid);
}

int ems_sysinfo_to_batch(const json_t *content, struct state_batch *b, struct ems_bad *ret_bad,
			 ems_why *ret_why)
{
	const char *key;
	json_t *rec;

	*ret_bad = (struct ems_bad){0};
	json_object_foreach((json_t *)content, key, rec)
	{
		struct device_uid uid;

		if (device_uid_parse(key, strlen(key), &uid) < 0) {
			note_bad(ret_bad, NULL);
			continue;
		}

		struct state_sysinfo *s = state_batch_sysinfo(b, &uid);

		if (s == NULL)
			break;
		fill_sysinfo(b, rec, s, ret_bad);
	}
	*ret_why = "out of memory";
	return state_batch_is_failed(b) ? -ENOMEM : 0;
}

static bool fill_tag(struct state_batch *b, const json_t *j, struct state_tag_ref *ret)
{
	const json_t *name = json_object_get(j, "name");
	const json_t *type = json_object_get(j, "type");

	/* Kind 0 refuses the list (state_batch.h): a tag that cannot be read may be the one. */
	ret->kind = 0;
	if (!json_is_string(name) || !json_is_integer(type))
		return false;
	ret->name = copy_json_string(b, name);
	if (json_integer_value(type) >= SNAP_TAG_ZERO_TRUST &&
	    json_integer_value(type) <= SNAP_TAG_FABRIC)
		ret->kind = (uint8_t)json_integer_value(type);
	return ret->kind != 0;
}

static void fill_tags(struct state_batch *b, const struct device_uid *uid, const json_t *entry,
		      struct ems_bad *ret_bad)
{
	const json_t *list = json_object_get(entry, "tags");
	const size_t n = json_array_size(list);
	/* One tag too many or one unreadable entry: the device's posture becomes unknown. */
	const bool is_bad = !json_is_array(list) || n > STATE_MAX_DEVICE_TAGS;
	const uint32_t nb = is_bad ? 1 : (uint32_t)n;
	struct state_tags *t = state_batch_tags(b, uid, nb);
	bool is_ok = !is_bad;

	if (t == NULL)
		return;
	t->update_time = copy_json_string(b, json_object_get(entry, "tag_update_time"));
	for (uint32_t i = 0; i < nb; i++) {
		t->tag[i] = (struct state_tag_ref){0};
		if (!is_bad && !fill_tag(b, json_array_get(list, i), &t->tag[i]))
			is_ok = false;
	}
	if (!is_ok)
		note_bad(ret_bad, uid);
}

int ems_uid_tags_to_batch(const json_t *content, struct state_batch *b, struct ems_bad *ret_bad,
			  ems_why *ret_why)
{
	json_t *lists = json_object_get(content, "uid_tag_lists");
	const char *key;
	json_t *entry;

	*ret_bad = (struct ems_bad){0};
	if (!json_is_object(lists)) {
		*ret_why = "no uid_tag_lists";
		return -EBADMSG;
	}
	json_object_foreach(lists, key, entry)
	{
		struct device_uid uid;

		if (device_uid_parse(key, strlen(key), &uid) < 0) {
			note_bad(ret_bad, NULL);
			continue;
		}
		fill_tags(b, &uid, entry, ret_bad);
	}
	*ret_why = "out of memory";
	return state_batch_is_failed(b) ? -ENOMEM : 0;
}

/* "00-0c-29-71-39-17", or with colons. */
static bool parse_mac(struct slice s, struct state_mac *ret)
{
	if (s.len != 3 * STATE_MAC_LEN - 1)
		return false;
	for (unsigned i = 0; i < STATE_MAC_LEN; i++) {
		const char *p = (const char *)s.ptr + 3 * i;

		if (!hex_bytes(p, &ret->b[i], 1) ||
		    (i + 1 < STATE_MAC_LEN && p[2] != '-' && p[2] != ':'))
			return false;
	}
	return true;
}

/* An address, or "from-to" of one family. */
static bool parse_range(struct slice s, struct state_range *ret)
{
	const uint8_t *dash = s.len > 0 ? memchr(s.ptr, '-', s.len) : NULL;
	const size_t n = dash == NULL ? s.len : (size_t)(dash - s.ptr);

	if (ip_addr_parse((const char *)s.ptr, n, &ret->from) < 0)
		return false;
	ret->to = ret->from;
	if (dash == NULL)
		return true;
	return ip_addr_parse((const char *)dash + 1, s.len - n - 1, &ret->to) == 0 &&
	       ip_addr_is_v4(&ret->from) == ip_addr_is_v4(&ret->to) &&
	       memcmp(&ret->from, &ret->to, sizeof(ret->to)) <= 0;
}

static struct slice string_at(const json_t *list, size_t i)
{
	const json_t *j = json_array_get(list, i);

	return slice_of(json_string_value(j), json_string_length(j));
}

/* Beyond what a list may hold nothing is even copied; the state says that it is cut. */
static size_t bounded_size(const json_t *list)
{
	const size_t n = json_array_size(list);

	return n <= STATE_MAX_LIST ? n : STATE_MAX_LIST + 1;
}

static void copy_ips(struct state_batch *b, const json_t *list, struct state_tag_def *def,
		     struct ems_bad *bad)
{
	const size_t n = bounded_size(list);
	const size_t nb_ranges = n < STATE_MAX_RANGES ? n : STATE_MAX_RANGES;

	if (n == 0)
		return;
	def->ip = state_batch_room(b, n * sizeof(*def->ip));
	def->range = state_batch_room(b, nb_ranges * sizeof(*def->range));
	for (size_t i = 0; def->ip != NULL && def->range != NULL && i < n; i++) {
		struct state_range r;

		if (!parse_range(string_at(list, i), &r))
			note_bad(bad, NULL);
		else if (memcmp(&r.from, &r.to, sizeof(r.to)) == 0)
			def->ip[def->nb_ips++] = r.from;
		else if (def->nb_ranges < nb_ranges)
			def->range[def->nb_ranges++] = r;
	}
}

static void copy_macs(struct state_batch *b, const json_t *list, struct state_tag_def *def,
		      struct ems_bad *bad)
{
	const size_t n = bounded_size(list);

	if (n == 0)
		return;
	def->mac = state_batch_room(b, n * sizeof(*def->mac));
	for (size_t i = 0; def->mac != NULL && i < n; i++) {
		if (parse_mac(string_at(list, i), &def->mac[def->nb_macs]))
			def->nb_macs++;
		else
			note_bad(bad, NULL);
	}
}

/* A removal that names no address means them all. */
static bool take_action(const json_t *cmd, uint8_t *ret)
{
	const char *action = json_string_value(json_object_get(cmd, "action"));
	const bool has_list =
		json_object_get(cmd, "ip_list") != NULL || json_object_get(cmd, "mac_list") != NULL;

	if (action == NULL)
		return false;
	if (strcmp(action, "add") == 0)
		*ret = STATE_TAG_ADD;
	else if (strcmp(action, "delete") == 0 || (strcmp(action, "remove") == 0 && !has_list))
		*ret = STATE_TAG_DELETE;
	else if (strcmp(action, "remove") == 0)
		*ret = STATE_TAG_REMOVE;
	else
		return false;
	return true;
}

int ems_tags_to_batch(const json_t *content, struct state_batch *b, struct ems_bad *ret_bad,
		      ems_why *ret_why)
{
	const json_t *commands = json_object_get(content, "commands");

	if (commands != NULL && !json_is_array(commands)) {
		*ret_why = "commands is no array";
		return -EBADMSG;
	}
	*ret_bad = (struct ems_bad){0};
	for (size_t i = 0; i < json_array_size(commands); i++) {
		const json_t *cmd = json_array_get(commands, i);
		const json_t *name = json_object_get(cmd, "name");
		const json_int_t type = json_integer_value(json_object_get(cmd, "tag_type"));
		uint8_t action;

		if (!json_is_string(name) || json_string_length(name) > STATE_TAG_MAX ||
		    type < SNAP_TAG_ZERO_TRUST || type > SNAP_TAG_FABRIC ||
		    !take_action(cmd, &action)) {
			note_bad(ret_bad, NULL);
			continue;
		}

		struct state_tag_def *def = state_batch_def(b);

		if (def == NULL)
			break;
		def->name = copy_json_string(b, name);
		def->kind = (uint8_t)type;
		def->action = action;
		def->uuid = copy_json_string(b, json_object_get(cmd, "tag_uid"));
		copy_ips(b, json_object_get(cmd, "ip_list"), def, ret_bad);
		copy_macs(b, json_object_get(cmd, "mac_list"), def, ret_bad);
	}
	*ret_why = "out of memory";
	return state_batch_is_failed(b) ? -ENOMEM : 0;
}
