/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_wire.h"

#include <jansson.h>

#include <errno.h>
#include <stdio.h>

size_t ems_encode(const char *s, char *ret, size_t cap)
{
	static const char digit[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *s != '\0' && n + 4 < cap; s++) {
		const uint8_t ch = (uint8_t)*s;
		const bool is_plain = (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') ||
				      (ch >= 'a' && ch <= 'z') || ch == '-' || ch == '_';

		if (is_plain) {
			ret[n++] = (char)ch;
			continue;
		}
		ret[n++] = '%';
		ret[n++] = digit[ch >> 4];
		ret[n++] = digit[ch & 15];
	}
	ret[n] = '\0';
	return n;
}

int ems_query(const char *sn, const struct state_cursor *cur, const char *offset_key,
	      bool is_send_mac, char *ret, size_t cap)
{
	const char *mac = is_send_mac ? "&send_mac=true" : "";
	char after[3 * STATE_TIME_STRLEN + 8], offset[128];
	int n;

	ems_encode(cur->updated_after, after, sizeof(after));
	ems_encode(cur->offset, offset, sizeof(offset));
	if (cur->updated_after[0] == '\0')
		n = snprintf(ret, cap, "sn_list[]=%s%s", sn, mac);
	else
		n = snprintf(ret, cap, "sn_list[]=%s&updated_after=%s&%s=%s%s", sn, after,
			     offset_key, offset, mac);
	return n < 0 || (size_t)n >= cap ? -EINVAL : 0;
}

int ems_query_devices(const char *sn, const struct device_uid *uid, unsigned nb, char *ret,
		      size_t cap)
{
	int len = snprintf(ret, cap, "sn_list[]=%s", sn);

	if (len < 0 || (size_t)len >= cap)
		return -EINVAL;
	for (unsigned i = 0; i < nb; i++) {
		char text[DEVICE_UID_STRLEN + 1];
		const size_t left = cap - (size_t)len;

		device_uid_emit(&uid[i], text);
		const int n = snprintf(ret + len, left, "&uid_list[]=%s", text);

		if (n < 0 || (size_t)n >= left)
			return -EINVAL;
		len += n;
	}
	return 0;
}

char *ems_vpn_body(const char *sn, const char *vdom, const struct ems_vpn *list, unsigned nb,
		   bool is_snapshot)
{
	json_t *uids = json_array();
	json_t *body;
	char *text;

	for (unsigned i = 0; i < nb; i++) {
		char uid[DEVICE_UID_STRLEN + 1], ip[IP_ADDR_STRLEN];

		device_uid_emit(&list[i].uid, uid);
		ip_addr_emit(&list[i].ip, ip);
		(void)json_array_append_new(
			uids, json_pack("{s:s,s:s,s:b,s:s,s:s,s:s}", "uid", uid, "ip", ip,
					"is_delete", (int)list[i].is_delete, "vdom", vdom,
					"interface", list[i].interface, "sn", sn));
	}
	body = json_pack("{s:[s],s:o,s:b}", "sn_list", sn, "uid_list", uids, "is_snapshot",
			 (int)is_snapshot);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

#define BIT(obj) (1u << (obj))

bool ems_notification_parse(const char *text, size_t len, unsigned *ret_objs)
{
	static const unsigned all = BIT(STATE_OBJ_UID_TAGS) | BIT(STATE_OBJ_TAGS) |
				    BIT(STATE_OBJ_SYSINFO) | BIT(STATE_OBJ_ZTNA_CA);
	json_error_t err;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
	const char *type = json_string_value(json_object_get(j, "message_type"));
	const json_t *notify = json_object_get(json_object_get(j, "message_body"), "notify");
	const bool is_good =
		json_is_object(notify) && type != NULL && strcmp(type, "notification") == 0;
	unsigned objs = 0;

	/* The value is always true in what was seen; a topic that is there at all counts. */
	if (json_object_get(notify, "tags") != NULL)
		objs |= BIT(STATE_OBJ_UID_TAGS) | BIT(STATE_OBJ_TAGS);
	if (json_object_get(notify, "sysinfo") != NULL)
		objs |= BIT(STATE_OBJ_SYSINFO);
	if (json_object_get(notify, "ztna_ca") != NULL)
		objs |= BIT(STATE_OBJ_ZTNA_CA);
	*ret_objs = is_good ? objs : all;
	json_decref(j);
	return is_good;
}

uint64_t ems_backoff_ms(unsigned nb_failures, uint32_t random)
{
	const unsigned shift = nb_failures < 7 ? nb_failures : 7;
	uint64_t ms = (uint64_t)EMS_BACKOFF_MIN_MS << shift;

	if (ms > EMS_BACKOFF_MAX_MS)
		ms = EMS_BACKOFF_MAX_MS;
	/* Up to a quarter more, so that many gateways do not return as one. */
	return ms + random % (ms / 4);
}

bool ems_cursor_is_advanced(const struct state_cursor *from, const struct state_cursor *to)
{
	/* Times of one length and form compare as text; others cannot be ordered. */
	if (to->updated_after[0] == '\0' || strlen(from->updated_after) > strlen(to->updated_after))
		return false;
	const int order = strcmp(from->updated_after, to->updated_after);

	if (order == 0)
		return strcmp(from->offset, to->offset) != 0;
	return order < 0 || strlen(from->updated_after) < strlen(to->updated_after);
}
