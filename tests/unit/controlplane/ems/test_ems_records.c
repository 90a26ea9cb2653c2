/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_payload.h"
#include "seed_trace.h"
#include "state/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UID "70A5C5FABBE64A9B98B6DDA3FE8AC794"

typedef int (*fill_fn)(const json_t *, struct state_batch *, struct ems_bad *, ems_why *);

static struct state_batch *batch_of(fill_fn fill, const char *text, struct ems_bad *bad)
{
	struct state_batch *b = state_batch_new(1);
	json_t *j = json_loads(text, 0, NULL);
	ems_why why;

	assert_non_null(j);
	assert_int_equal(fill(j, b, bad, &why), 0);
	json_decref(j);
	return b;
}

static void refuse(fill_fn fill, const char *text, const char *want)
{
	struct state_batch *b = state_batch_new(1);
	json_t *j = json_loads(text, 0, NULL);
	struct ems_bad bad;
	ems_why why = "";

	assert_non_null(j);
	assert_int_equal(fill(j, b, &bad, &why), -EBADMSG);
	assert_string_equal(why, want);
	json_decref(j);
	state_batch_free(b);
}

static void is_text(struct slice s, const char *want)
{
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.ptr, want, s.len);
}

static void every_field_of_the_seed_s_record_lands(void **)
{
	struct ems_reply r;
	struct ems_page p;
	struct ems_bad bad;
	struct state_batch *b = state_batch_new(1);
	ems_why why;
	char sn[CERT_SERIAL_STRLEN + 1], uid[DEVICE_UID_STRLEN + 1];

	assert_int_equal(ems_reply_parse(slice_str(seed_sysinfo), &r, &why), 0);
	assert_int_equal(ems_page_decode(r.data, "uid_offset", &p, &why), 0);
	assert_int_equal(ems_sysinfo_to_batch(p.content, b, &bad, &why), 0);
	assert_int_equal(bad.nb, 0);
	assert_int_equal(b->nb_sysinfo, 1);

	const struct state_sysinfo *s = &b->sysinfo[0];

	device_uid_emit(&s->uid, uid);
	assert_string_equal(uid, UID);
	cert_serial_emit(&s->serial, sn);
	assert_string_equal(sn, "411DC431C4F082AC5FD89360FFE67455B461398A");
	assert_false(s->is_deleted);
	assert_int_equal(s->flags, SNAP_DEV_ON_NET); /* not registered, offline, not quarantined */
	is_text(s->update_time, "2024-07-11 17:57:52.3553944");
	is_text(s->field[STATE_F_IP], "10.120.1.33");
	is_text(s->field[STATE_F_MAC], "00-0c-29-71-39-17");
	is_text(s->field[STATE_F_VDOM], "root");
	is_text(s->field[STATE_F_PUBLIC_IP], "207.102.138.19");
	is_text(s->field[STATE_F_GATEWAY_INTERFACE], "port1");
	is_text(s->field[STATE_F_GATEWAY_MAC], "00-0c-29-2b-2a-76");
	is_text(s->field[STATE_F_GATEWAY_SN], "FPXVULTM24000083");
	is_text(s->field[STATE_F_FCT_VERSION], "7.4.0");
	is_text(s->field[STATE_F_FCT_BUILD], "1658");
	is_text(s->field[STATE_F_AVDB_VERSION], "1.0");
	is_text(s->field[STATE_F_AV_ENGINE_VERSION], "7.26");
	is_text(s->field[STATE_F_APP_SIG_VERSION], "28.825");
	is_text(s->field[STATE_F_VUL_ENGINE_VERSION], "3.2");
	is_text(s->field[STATE_F_FCT_SN], "FCT8000814024842");
	is_text(s->field[STATE_F_FCT_ID], "1010");
	is_text(s->field[STATE_F_HOST_NAME], "DESKTOP-SNBQJ04");
	is_text(s->field[STATE_F_OS_TYPE], "WIN64");
	is_text(s->field[STATE_F_OS_VERSION],
		"Microsoft Windows 10 Professional Edition, 64-bit (build 19045)");
	is_text(s->field[STATE_F_GROUP], "Other Endpoints");
	is_text(s->field[STATE_F_USER], "guodong");
	is_text(s->field[STATE_F_HOST_MODEL], "VMware7,1");
	is_text(s->field[STATE_F_HOST_MANUFACTURER], "VMware, Inc.");
	is_text(s->field[STATE_F_CPU], "Intel(R) Xeon(R) CPU E5-2630 v2 @ 2.60GHz");
	is_text(s->field[STATE_F_MEMORY], "8190");
	is_text(s->field[STATE_F_FEATURE_AV], "installed");
	is_text(s->field[STATE_F_FEATURE_FW], "installed");
	is_text(s->field[STATE_F_FEATURE_WF], "installed");
	is_text(s->field[STATE_F_FEATURE_VS], "installed");
	is_text(s->field[STATE_F_FEATURE_VPN], "installed");
	assert_int_equal(s->nb_routes, 1);
	is_text(s->route[0].gateway_sn, "FPXVULTM24000083");
	is_text(s->route[0].interface, "port1");
	is_text(s->route[0].vdom, "root");
	is_text(s->route[0].ip, "10.120.1.33");
	is_text(s->route[0].mac, "00-0c-29-71-39-17");
	is_text(s->route[0].type, "direct");
	state_batch_free(b);
	ems_page_free(&p);
	ems_reply_free(&r);
}

static void flags_and_absent_certificates_are_taken(void **)
{
	struct ems_bad bad;
	struct state_batch *b =
		batch_of(ems_sysinfo_to_batch,
			 "{\"" UID "\":{\"is_registered\":true,\"online\":true,"
			 "\"quarantined\":true,\"onnet\":false,\"client_cert_sn\":null}}",
			 &bad);

	assert_int_equal(bad.nb, 0);
	assert_int_equal(b->sysinfo[0].flags,
			 SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_QUARANTINED);
	assert_true(cert_serial_is_zero(&b->sysinfo[0].serial));
	state_batch_free(b);
}

static void a_deleted_device_is_deleted(void **)
{
	struct ems_bad bad;
	struct state_batch *b = batch_of(ems_sysinfo_to_batch,
					 "{\"" UID "\":{\"sysinfo_update_time\":\"x\","
					 "\"is_deleted\":true}}",
					 &bad);

	assert_int_equal(bad.nb, 0);
	assert_true(b->sysinfo[0].is_deleted);
	state_batch_free(b);
}

static void a_malformed_record_denies_its_device(void **)
{
	static const char *const records[] = {
		"{\"" UID "\":12}",
		"{\"" UID "\":[]}",
		"{\"" UID "\":{}}",
		"{\"" UID "\":{\"is_registered\":\"true\",\"quarantined\":false}}",
		"{\"" UID "\":{\"is_registered\":1,\"quarantined\":false}}",
		"{\"" UID "\":{\"is_registered\":true,\"online\":true}}",
		"{\"" UID "\":{\"is_registered\":true,\"quarantined\":null}}",
		"{\"" UID "\":{\"is_registered\":true,\"quarantined\":false,\"online\":\"no\"}}",
		"{\"" UID "\":{\"is_registered\":true,\"quarantined\":false,\"is_deleted\":0}}",
		"{\"" UID "\":{\"is_registered\":true,\"quarantined\":false,"
		"\"client_cert_sn\":12345}}",
		"{\"" UID "\":{\"is_registered\":true,\"quarantined\":false,"
		"\"client_cert_sn\":\"no hex\"}}",
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct ems_bad bad;
		struct state_batch *b = batch_of(ems_sysinfo_to_batch, records[i], &bad);
		char uid[DEVICE_UID_STRLEN + 1];

		assert_int_equal(bad.nb, 1);
		assert_int_equal(bad.nb_uid, 1);
		device_uid_emit(&bad.uid[0], uid);
		assert_string_equal(uid, UID);
		assert_int_equal(b->nb_sysinfo, 1);
		assert_int_equal(b->sysinfo[0].flags, 0);
		assert_true(cert_serial_is_zero(&b->sysinfo[0].serial));
		state_batch_free(b);
	}
}

static void records_under_no_uid_are_counted_only(void **)
{
	struct ems_bad bad;
	struct state_batch *b =
		batch_of(ems_sysinfo_to_batch, "{\"70A5\":{},\"\":{},\"" UID "0\":{}}", &bad);

	assert_int_equal(bad.nb, 3);
	assert_int_equal(bad.nb_uid, 0);
	assert_int_equal(b->nb_sysinfo, 0);
	state_batch_free(b);
	b = batch_of(ems_uid_tags_to_batch, "{\"uid_tag_lists\":{\"x\":{\"tags\":[]}}}", &bad);
	assert_int_equal(bad.nb, 1);
	assert_int_equal(b->nb_tags, 0);
	state_batch_free(b);
}

static void odd_values_of_texts_are_left_out(void **)
{
	struct ems_bad bad;
	struct state_batch *b =
		batch_of(ems_sysinfo_to_batch,
			 "{\"" UID "\":{\"is_registered\":true,\"quarantined\":false,"
			 "\"hostname\":{},\"fct_ver\":[7,\"x\"],\"ip\":true,\"memory\":7,"
			 "\"gateway_route_list\":[1,{\"route_info\":[2]},{\"gateway_info\":3}]}}",
			 &bad);

	assert_int_equal(bad.nb, 0);
	assert_int_equal(b->sysinfo[0].field[STATE_F_HOST_NAME].len, 0);
	assert_int_equal(b->sysinfo[0].field[STATE_F_FCT_VERSION].len, 0);
	assert_int_equal(b->sysinfo[0].field[STATE_F_IP].len, 0);
	is_text(b->sysinfo[0].field[STATE_F_MEMORY], "7");
	state_batch_free(b);
}

static void routes_are_bounded(void **)
{
	struct ems_bad bad;
	struct state_batch *b =
		batch_of(ems_sysinfo_to_batch,
			 "{\"" UID "\":{\"is_registered\":true,\"quarantined\":false,"
			 "\"gateway_route_list\":[{\"route_info\":[{},{},{},{},{},{},{},{},{}]},"
			 "{\"route_info\":[{},{},{}]}]}}",
			 &bad);

	assert_int_equal(b->sysinfo[0].nb_routes, STATE_MAX_ROUTES);
	state_batch_free(b);
}

static void tags_of_all_four_kinds_are_read(void **)
{
	struct ems_bad bad;
	struct state_batch *b = batch_of(
		ems_uid_tags_to_batch,
		"{\"uid_tag_lists\":{\"" UID "\":{\"tag_update_time\":\"2024-07-11 17:57:41\","
		"\"tags\":[{\"name\":\"FortiAD\",\"type\":1},{\"name\":\"Low\",\"type\":2},"
		"{\"name\":\"Log4j\",\"type\":3},{\"name\":\"IOC\",\"type\":4}]}}}",
		&bad);

	assert_int_equal(bad.nb, 0);
	assert_int_equal(b->nb_tags, 1);
	is_text(b->tags[0].update_time, "2024-07-11 17:57:41");
	assert_int_equal(b->tags[0].nb_tags, 4);
	is_text(b->tags[0].tag[0].name, "FortiAD");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(b->tags[0].tag[i].kind, i + 1);
	state_batch_free(b);
}

/* What decides in the end: the state after the batch. */
static bool has_tags(const char *lists, uint32_t *ret_nb)
{
	struct state *st = state_new();
	struct state_device d;
	struct ems_bad bad;
	struct device_uid uid;
	struct state_batch *before =
		batch_of(ems_uid_tags_to_batch,
			 "{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"Old\","
			 "\"type\":1}]}}}",
			 &bad);
	struct state_batch *b = batch_of(ems_uid_tags_to_batch, lists, &bad);

	assert_int_equal(state_batch_apply(st, before, 100), 0);
	assert_int_equal(state_batch_apply(st, b, 100), 0);
	assert_int_equal(device_uid_parse(UID, 32, &uid), 0);
	assert_true(state_device_find(st, &uid, &d));
	*ret_nb = 0;
	if (d.tagset != STATE_NO_TAGSET)
		(void)state_tagset(st, d.tagset, ret_nb);
	state_batch_free(before);
	state_batch_free(b);
	state_free(st);
	return (d.flags & SNAP_DEV_HAS_TAGS) != 0;
}

static void a_malformed_list_makes_posture_unknown_not_stale(void **)
{
	static const char *const lists[] = {
		"{\"uid_tag_lists\":{\"" UID "\":5}}",
		"{\"uid_tag_lists\":{\"" UID "\":{}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":{}}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[7]}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"a\"}]}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"a\",\"type\":0}]}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"a\",\"type\":257}]}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"a\",\"type\":\"1\"}]}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"\",\"type\":1}]}}}",
		"{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"a\",\"type\":1},"
		"{\"name\":7,\"type\":1}]}}}",
	};
	uint32_t nb;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_false(has_tags(lists[i], &nb));
		assert_int_equal(nb, 0);
	}
}

static void an_empty_list_is_a_list(void **)
{
	uint32_t nb;

	assert_true(has_tags("{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[]}}}", &nb));
	assert_int_equal(nb, 0);
	assert_true(has_tags("{\"uid_tag_lists\":{\"" UID "\":{\"tags\":[{\"name\":\"a\","
			     "\"type\":2},{\"name\":\"b\",\"type\":1}]}}}",
			     &nb));
	assert_int_equal(nb, 2);
}

static void too_many_tags_make_posture_unknown(void **)
{
	json_t *tags = json_array();
	uint32_t nb;

	for (unsigned i = 0; i <= STATE_MAX_DEVICE_TAGS; i++) {
		char name[2] = {(char)('a' + i % 26), '\0'};

		json_array_append_new(tags, json_pack("{s:s,s:i}", "name", name, "type", 1));
	}
	json_t *j = json_pack("{s:{s:{s:o}}}", "uid_tag_lists", UID, "tags", tags);
	char *text = json_dumps(j, 0);

	assert_false(has_tags(text, &nb));
	free(text);
	json_decref(j);
}

static void uid_tags_without_lists_are_refused(void **)
{
	refuse(ems_uid_tags_to_batch, "{}", "no uid_tag_lists");
	refuse(ems_uid_tags_to_batch, "{\"uid_tag_lists\":[]}", "no uid_tag_lists");
	refuse(ems_tags_to_batch, "{\"commands\":{}}", "commands is no array");
}

static void more_bad_records_than_room_are_counted(void **)
{
	json_t *j = json_object();
	struct ems_bad bad;

	for (unsigned i = 0; i < EMS_BAD_MAX + 10; i++) {
		char uid[DEVICE_UID_STRLEN + 1];
		struct device_uid u = {.b = {(uint8_t)(i >> 8), (uint8_t)i}};

		device_uid_emit(&u, uid);
		json_object_set_new(j, uid, json_integer(1));
	}
	char *text = json_dumps(j, 0);
	struct state_batch *b = batch_of(ems_sysinfo_to_batch, text, &bad);

	assert_int_equal(bad.nb, EMS_BAD_MAX + 10);
	assert_int_equal(bad.nb_uid, EMS_BAD_MAX);
	state_batch_free(b);
	free(text);
	json_decref(j);
}

static void the_tags_api_defines_tags(void **)
{
	struct ems_bad bad;
	struct state_batch *b = batch_of(
		ems_tags_to_batch,
		"{\"command_version\":2,\"commands\":["
		"{\"tag_uid\":\"9C8AF06C-8585-4572-ACDC-597E6AA1B6CD\",\"name\":\"FortiAD\","
		"\"tag_type\":1,\"action\":\"add\",\"ip_list\":[\"10.0.0.1\",7],"
		"\"mac_list\":[\"aa-bb-cc-dd-ee-ff\",\"AA:BB:CC:DD:EE:F0\",\"aa-bb\"]},"
		"{\"name\":\"Low\",\"tag_type\":2,\"action\":\"remove\"},"
		"{\"name\":\"Log4j\",\"tag_type\":3,\"action\":\"remove\",\"ip_list\":["
		"\"10.0.0.1-10.0.0.9\",\"2001:db8::1\",\"10.0.0.9-10.0.0.1\","
		"\"10.0.0.1-2001:db8::1\",\"10.0.0.1-\",\"-\",\"\"]},"
		"{\"name\":\"Low\",\"tag_type\":2,\"action\":\"explode\"},"
		"{\"name\":\"Low\",\"tag_type\":9,\"action\":\"add\"},"
		"{\"name\":7,\"tag_type\":1,\"action\":\"add\"},12]}",
		&bad);

	/* An address and a MAC of the first, five ranges, and four commands. */
	assert_int_equal(bad.nb, 2 + 5 + 4);
	assert_int_equal(b->nb_def, 3);
	is_text(b->def[0].name, "FortiAD");
	is_text(b->def[0].uuid, "9C8AF06C-8585-4572-ACDC-597E6AA1B6CD");
	assert_int_equal(b->def[0].action, STATE_TAG_ADD);
	assert_int_equal(b->def[0].nb_ips, 1);
	assert_memory_equal(&b->def[0].ip[0].b[12], "\x0a\0\0\x01", 4);
	assert_int_equal(b->def[0].nb_macs, 2);
	assert_memory_equal(b->def[0].mac[1].b, "\xaa\xbb\xcc\xdd\xee\xf0", 6);
	assert_int_equal(b->def[1].action, STATE_TAG_DELETE);
	assert_int_equal(b->def[2].action, STATE_TAG_REMOVE);
	assert_int_equal(b->def[2].nb_ips, 1);
	assert_int_equal(b->def[2].nb_ranges, 1);
	assert_int_equal(b->def[2].range[0].to.b[15], 9);
	state_batch_free(b);
}

static void the_seed_s_tags_reply_changes_nothing(void **)
{
	struct ems_reply r;
	struct ems_page p;
	struct ems_bad bad;
	struct state_batch *b = state_batch_new(1);
	ems_why why;

	assert_int_equal(ems_reply_parse(slice_str(seed_tags), &r, &why), 0);
	assert_int_equal(ems_page_decode(r.data, "tag_uid_offset", &p, &why), 0);
	assert_int_equal(ems_tags_to_batch(p.content, b, &bad, &why), 0);
	assert_int_equal(state_batch_nb(b), 0);
	state_batch_free(b);
	ems_page_free(&p);
	ems_reply_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_the_seed_s_record_lands),
		cmocka_unit_test(flags_and_absent_certificates_are_taken),
		cmocka_unit_test(a_deleted_device_is_deleted),
		cmocka_unit_test(a_malformed_record_denies_its_device),
		cmocka_unit_test(records_under_no_uid_are_counted_only),
		cmocka_unit_test(odd_values_of_texts_are_left_out),
		cmocka_unit_test(routes_are_bounded),
		cmocka_unit_test(tags_of_all_four_kinds_are_read),
		cmocka_unit_test(a_malformed_list_makes_posture_unknown_not_stale),
		cmocka_unit_test(an_empty_list_is_a_list),
		cmocka_unit_test(too_many_tags_make_posture_unknown),
		cmocka_unit_test(uid_tags_without_lists_are_refused),
		cmocka_unit_test(more_bad_records_than_room_are_counted),
		cmocka_unit_test(the_tags_api_defines_tags),
		cmocka_unit_test(the_seed_s_tags_reply_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
