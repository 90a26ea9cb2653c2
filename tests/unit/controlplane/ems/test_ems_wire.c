/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_wire.h"
#include "seed_trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SN "FPXVULTM24000083"
#define UID "70A5C5FABBE64A9B98B6DDA3FE8AC794"

static struct device_uid uid_of(const char *s)
{
	struct device_uid uid;

	assert_int_equal(device_uid_parse(s, strlen(s), &uid), 0);
	return uid;
}

static void queries_are_the_seed_s_byte_for_byte(void **)
{
	const struct state_cursor uid_tags = {"2024-07-11 17:57:41.4774466", UID};
	const struct state_cursor sysinfo = {"2024-07-11 17:57:41.4614463", UID};
	const struct state_cursor tags = {"2024-07-11 17:57:41.4804469",
					  "9C8AF06C-8585-4572-ACDC-597E6AA1B6CD"};
	char q[EMS_QUERY_MAX];

	assert_int_equal(ems_query(SN, &uid_tags, "uid_offset", false, q, sizeof(q)), 0);
	assert_string_equal(q, seed_query_uid_tags);
	assert_int_equal(strlen(q), 120);
	assert_int_equal(ems_query(SN, &sysinfo, "uid_offset", false, q, sizeof(q)), 0);
	assert_string_equal(q, seed_query_sysinfo);
	assert_int_equal(strlen(q), 120);
	assert_int_equal(ems_query(SN, &tags, "tag_uid_offset", true, q, sizeof(q)), 0);
	assert_string_equal(q, seed_query_tags);
	assert_int_equal(strlen(q), 142);
}

static void without_a_cursor_everything_is_asked_for(void **)
{
	const struct state_cursor none = {"", ""};
	char q[EMS_QUERY_MAX];

	assert_int_equal(ems_query(SN, &none, "uid_offset", false, q, sizeof(q)), 0);
	assert_string_equal(q, "sn_list[]=" SN);
	assert_int_equal(ems_query(SN, &none, "tag_uid_offset", true, q, sizeof(q)), 0);
	assert_string_equal(q, "sn_list[]=" SN "&send_mac=true");
}

static void a_query_that_does_not_fit_is_refused(void **)
{
	const struct state_cursor cur = {"2024-07-11 17:57:41.4774466", UID};
	struct device_uid uid[100];
	char q[EMS_QUERY_MAX];

	for (unsigned i = 0; i < 100; i++)
		uid[i] = uid_of(UID);
	assert_int_equal(ems_query(SN, &cur, "uid_offset", false, q, 119), -22);
	assert_int_equal(ems_query_devices(SN, uid, 100, q, sizeof(q)), -22);
	assert_int_equal(ems_query_devices(SN, uid, 50, q, sizeof(q)), 0);
}

static void devices_are_asked_for_by_uid(void **)
{
	const struct device_uid uid[2] = {uid_of(UID), uid_of("0123456789abcdef0123456789abcdef")};
	char q[EMS_QUERY_MAX];

	assert_int_equal(ems_query_devices(SN, uid, 2, q, sizeof(q)), 0);
	assert_string_equal(q, "sn_list[]=" SN "&uid_list[]=" UID
			       "&uid_list[]=0123456789ABCDEF0123456789ABCDEF");
}

static void a_cursor_cannot_add_to_the_query(void **)
{
	const struct state_cursor evil = {"&a=b c\r\n%", "#/?\x01\xff"};
	char q[EMS_QUERY_MAX];

	assert_int_equal(ems_query(SN, &evil, "uid_offset", false, q, sizeof(q)), 0);
	assert_string_equal(q, "sn_list[]=" SN "&updated_after=%26a%3Db%20c%0D%0A%25"
			       "&uid_offset=%23%2F%3F%01%FF");
}

static void encoding_stops_where_room_ends(void **)
{
	char out[8];

	assert_int_equal(ems_encode("::::", out, sizeof(out)), 6);
	assert_string_equal(out, "%3A%3A");
}

static struct ems_vpn vpn_of_seed(void)
{
	struct ems_vpn v = {.uid = uid_of(UID), .interface = "port1"};

	assert_int_equal(ip_addr_parse("10.212.134.200", 14, &v.ip), 0);
	return v;
}

static void a_vpn_body_is_the_seed_s_byte_for_byte(void **)
{
	const struct ems_vpn v = vpn_of_seed();
	char *body = ems_vpn_body(SN, "root", &v, 1, false);

	assert_string_equal(body, seed_vpn_body);
	assert_int_equal(strlen(body), 206);
	free(body);
}

static void vpn_snapshots_and_departures_are_told(void **)
{
	struct ems_vpn v = vpn_of_seed();
	char *body = ems_vpn_body(SN, "root", NULL, 0, true);

	assert_string_equal(body,
			    "{\"sn_list\":[\"" SN "\"],\"uid_list\":[],\"is_snapshot\":true}");
	free(body);
	v.is_delete = true;
	body = ems_vpn_body(SN, "root", &v, 1, false);
	assert_non_null(strstr(body, "\"is_delete\":true"));
	free(body);
}

static void the_seed_s_notifications_make_their_objects_due(void **)
{
	unsigned objs;

	assert_true(ems_notification_parse(seed_ws_tags, strlen(seed_ws_tags), &objs));
	assert_int_equal(objs, 1u << STATE_OBJ_TAGS | 1u << STATE_OBJ_UID_TAGS);
	assert_int_equal(strlen(seed_ws_tags), 82);
	assert_true(ems_notification_parse(seed_ws_sysinfo, strlen(seed_ws_sysinfo), &objs));
	assert_int_equal(objs, 1u << STATE_OBJ_SYSINFO);
	assert_true(ems_notification_parse(seed_ws_avatar, strlen(seed_ws_avatar), &objs));
	assert_int_equal(objs, 0);
}

static void a_garbled_notification_makes_everything_due(void **)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"message_type\":\"notification\"}",
		"{\"message_type\":\"hello\",\"message_body\":{\"notify\":{\"tags\":1}}}",
		"{\"message_type\":\"notification\",\"message_body\":{\"notify\":[]}}",
	};
	const unsigned all = 1u << STATE_OBJ_TAGS | 1u << STATE_OBJ_UID_TAGS |
			     1u << STATE_OBJ_SYSINFO | 1u << STATE_OBJ_ZTNA_CA;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		unsigned objs = 0;

		assert_false(ems_notification_parse(texts[i], strlen(texts[i]), &objs));
		assert_int_equal(objs, all);
	}
}

static void waiting_doubles_within_bounds(void **)
{
	assert_int_equal(ems_backoff_ms(0, 0), 500);
	assert_int_equal(ems_backoff_ms(1, 0), 1000);
	assert_int_equal(ems_backoff_ms(5, 0), 16000);
	for (unsigned n = 6; n < 100; n++)
		assert_int_equal(ems_backoff_ms(n, 0), EMS_BACKOFF_MAX_MS);
	for (unsigned n = 0; n < 100; n++) {
		const uint64_t least = ems_backoff_ms(n, 0);

		assert_in_range(ems_backoff_ms(n, UINT32_MAX), least, least + least / 4 - 1);
		assert_in_range(ems_backoff_ms(n, 0x9e3779b9), least, least + least / 4 - 1);
	}
}

static void pages_must_go_on(void **)
{
	const struct state_cursor none = {"", ""};
	const struct state_cursor a = {"2024-07-11 17:57:41.4774466", "A"};
	const struct state_cursor same_time = {"2024-07-11 17:57:41.4774466", "B"};
	const struct state_cursor later = {"2024-07-11 17:57:41.4774467", "A"};
	const struct state_cursor earlier = {"2023-07-11 17:57:41.4774467", "Z"};

	assert_true(ems_cursor_is_advanced(&none, &a));
	assert_true(ems_cursor_is_advanced(&a, &same_time));
	assert_true(ems_cursor_is_advanced(&a, &later));
	assert_false(ems_cursor_is_advanced(&a, &a));
	assert_false(ems_cursor_is_advanced(&a, &earlier));
	assert_false(ems_cursor_is_advanced(&a, &none));
	assert_false(ems_cursor_is_advanced(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_are_the_seed_s_byte_for_byte),
		cmocka_unit_test(without_a_cursor_everything_is_asked_for),
		cmocka_unit_test(a_query_that_does_not_fit_is_refused),
		cmocka_unit_test(devices_are_asked_for_by_uid),
		cmocka_unit_test(a_cursor_cannot_add_to_the_query),
		cmocka_unit_test(encoding_stops_where_room_ends),
		cmocka_unit_test(a_vpn_body_is_the_seed_s_byte_for_byte),
		cmocka_unit_test(vpn_snapshots_and_departures_are_told),
		cmocka_unit_test(the_seed_s_notifications_make_their_objects_due),
		cmocka_unit_test(a_garbled_notification_makes_everything_due),
		cmocka_unit_test(waiting_doubles_within_bounds),
		cmocka_unit_test(pages_must_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
