/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/report.h"
#include "emsim/store.h"
#include "emsim/synth.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct report_ids ids = {.serial = "FCTEMS0", .gateway_sn = "FPX0"};

static int setup(void **state)
{
	struct store *st = calloc(1, sizeof(*st));

	store_init(st);
	*state = st;
	return 0;
}

static int teardown(void **state)
{
	store_fini(*state);
	free(*state);
	return 0;
}

static struct dev *add(struct store *st, uint8_t first_byte)
{
	uint8_t uid[UID_LEN] = {first_byte};
	struct dev *d = store_add(st, uid);

	d->ip = 0xc0000200u + first_byte;
	d->flags = DEV_F_REGISTERED;
	store_touch_sys(st, d);
	store_touch_tags(st, d);
	return d;
}

static uint32_t tag(struct store *st, const char *spec)
{
	int id = store_tag(st, spec);

	assert_true(id >= 0);
	return (uint32_t)id;
}

static json_t *pull_tags(struct store *st, struct report_page *page)
{
	struct buf out = {0};
	json_t *root;

	page->max = 1000;
	page->with_mac = true;
	report_tags(st, &ids, page, &out);
	root = json_loads(out.p, 0, NULL);
	assert_non_null(root);
	assert_true(page->is_final);
	buf_free(&out);
	return root;
}

static void update_times_always_grow(void **state)
{
	uint64_t last = 0;

	for (int i = 0; i < 10000; i++) {
		uint64_t t = store_tick(*state);

		assert_true(t > last);
		last = t;
	}
}

static void a_time_is_written_as_captured_and_read_back(void **)
{
	static const char text[] = "2024-07-11 17:57:52.3553944";
	char back[TIME_TEXT_LEN + 1];
	uint64_t t;

	assert_int_equal(time_parse(text, &t), 0);
	time_format(t, back);
	assert_string_equal(back, text);
	assert_true(time_parse("2024-07-11 17:57:52.355394", &t) < 0);
	assert_true(time_parse("2024-07-11T17:57:52.3553944", &t) < 0);
}

static void every_page_size_gives_each_device_once(void **state)
{
	struct store *st = *state;
	struct synth_params p = {.nb = 1000, .seed = 7, .tags_per_device = 3, .base_time = 5};

	synth_fill(st, &p);
	for (size_t page = 1; page < 2000; page = page * 3 + 1) {
		struct report_page rp = {.max = page};
		size_t seen = 0;

		while (!rp.is_final) {
			struct buf out = {0};
			json_t *root;

			report_sysinfo(st, &ids, &rp, &out);
			root = json_loads(out.p, 0, NULL);
			assert_non_null(root);
			assert_true(json_object_size(root) <= page);
			seen += json_object_size(root);
			json_decref(root);
			buf_free(&out);
			assert_true(seen <= 1000);
		}
		assert_int_equal(seen, 1000);
	}
}

static void a_cursor_at_the_end_sees_only_what_changed_since(void **state)
{
	struct store *st = *state;
	struct report_page page = {.max = 1000};
	struct buf out = {0};
	struct dev *d;

	for (uint8_t i = 1; i < 20; i++)
		add(st, i);
	report_uid_tags(st, &page, &out);
	buf_reset(&out);
	report_uid_tags(st, &page, &out);
	assert_string_equal(out.p, "{\"uid_tag_lists\":{}}");
	d = &st->devs[3];
	assert_true(store_dev_tag(st, d, tag(st, "FortiAD"), true));
	store_touch_tags(st, d);
	buf_reset(&out);
	report_uid_tags(st, &page, &out);
	assert_non_null(strstr(out.p, "\"04000000000000000000000000000000\":{\"tags\":[{\"name\":"
				      "\"FortiAD\",\"type\":1}]"));
	assert_null(strstr(out.p, "\"05000000"));
	assert_true(page.is_final);
	buf_free(&out);
}

static void a_changed_device_is_reported_once_with_its_newest_state(void **state)
{
	struct store *st = *state;
	struct report_page page = {.max = 1000};
	struct buf out = {0};
	struct dev *d = add(st, 1);

	for (int i = 0; i < 5000; i++)
		store_touch_sys(st, d);
	report_sysinfo(st, &ids, &page, &out);
	assert_true(page.is_final);
	assert_int_equal(page.cur.time, d->sys_time);
	/* The log forgot the stale entries on the way. */
	assert_true(st->sys_log.nb < 2000);
	buf_free(&out);
}

static void the_four_kinds_of_tag_have_their_type_numbers_and_raw_names(void **state)
{
	static const struct {
		const char *spec;
		const char *name;
		enum tag_kind kind;
	} cases[] = {
		{"FortiAD", "FortiAD", TAG_ZTNA},     {"ZTNA:x", "x", TAG_ZTNA},
		{"CLASS:Low", "Low", TAG_CLASS},      {"OUTBREAK:Log4j", "Log4j", TAG_OUTBREAK},
		{"FABRIC:IOC", "IOC", TAG_FABRIC},    {"other:Low", "other:Low", TAG_ZTNA},
		{"CLASS_Low", "CLASS_Low", TAG_ZTNA},
	};
	struct store *st = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t id = tag(st, cases[i].spec); /* may move the array */
		const struct tag *t = &st->tags[id];

		assert_string_equal(t->name, cases[i].name);
		assert_int_equal(t->kind, cases[i].kind);
	}
	assert_int_equal(tag(st, "CLASS:Low"), tag(st, "CLASS:Low"));
	assert_int_not_equal(tag(st, "CLASS:Low"), tag(st, "Low"));
	assert_true(store_tag(st, "CLASS:") < 0);
	assert_true(store_tag(st, "") < 0);
}

static void equal_tag_sets_are_one_set(void **state)
{
	struct store *st = *state;
	struct dev *a, *b;
	uint32_t t[3] = {tag(st, "a"), tag(st, "b"), tag(st, "c")};

	add(st, 1);
	b = add(st, 2);
	a = &st->devs[0];
	for (int i = 0; i < 3; i++) {
		assert_true(store_dev_tag(st, a, t[i], true));
		assert_true(store_dev_tag(st, b, t[2 - i], true));
	}
	assert_int_equal(a->tagset, b->tagset);
	assert_false(store_dev_tag(st, a, t[0], true));
	assert_true(store_dev_tag(st, a, t[0], false));
	assert_int_not_equal(a->tagset, b->tagset);
}

static void tag_members_come_as_additions_and_then_removals(void **state)
{
	struct store *st = *state;
	struct report_page page = {.max = 1000};
	struct dev *d = add(st, 9);
	uint32_t t = tag(st, "FABRIC:IOC");
	json_t *root, *cmd;

	(void)store_dev_tag(st, d, t, true);
	root = pull_tags(st, &page);
	cmd = json_array_get(json_object_get(root, "commands"), 0);
	assert_string_equal(json_string_value(json_object_get(cmd, "action")), "add");
	assert_int_equal(json_integer_value(json_object_get(cmd, "tag_type")), 4);
	assert_string_equal(json_string_value(json_array_get(json_object_get(cmd, "ip_list"), 0)),
			    "192.0.2.9");
	json_decref(root);

	(void)store_dev_tag(st, d, t, false);
	root = pull_tags(st, &page);
	cmd = json_array_get(json_object_get(root, "commands"), 0);
	assert_string_equal(json_string_value(json_object_get(cmd, "action")), "remove");
	json_decref(root);

	root = pull_tags(st, &page);
	assert_null(json_object_get(root, "commands"));
	json_decref(root);
}

static void a_first_pull_of_tags_removes_nothing(void **state)
{
	struct store *st = *state;
	struct report_page page = {.max = 1000};
	struct dev *d = add(st, 9);
	json_t *root;

	(void)store_dev_tag(st, d, tag(st, "x"), true);
	(void)store_dev_tag(st, d, tag(st, "x"), false);
	root = pull_tags(st, &page);
	assert_null(json_object_get(root, "commands"));
	json_decref(root);
}

static void a_new_address_replaces_the_old_one_in_the_tags(void **state)
{
	struct store *st = *state;
	struct report_page page = {.max = 1000};
	struct dev *d = add(st, 9);
	json_t *root;
	char *text;

	(void)store_dev_tag(st, d, tag(st, "x"), true);
	json_decref(pull_tags(st, &page));
	store_dev_set_ip(st, d, 0xc6336407);
	root = pull_tags(st, &page);
	text = json_dumps(root, JSON_COMPACT);
	assert_non_null(strstr(text, "\"action\":\"remove\",\"ip_list\":[\"192.0.2.9\"],"
				     "\"mac_list\":[]"));
	assert_non_null(strstr(text, "\"action\":\"add\",\"ip_list\":[\"198.51.100.7\"]"));
	free(text);
	json_decref(root);
}

static void revoking_moves_the_serial_to_the_list_and_leaves_zeros(void **state)
{
	static const uint8_t zeros[SERIAL_LEN];
	struct store *st = *state;
	struct dev *d = add(st, 1);

	memset(d->serial, 0x41, SERIAL_LEN);
	store_dev_revoke(st, d);
	store_dev_revoke(st, d);
	assert_memory_equal(d->serial, zeros, SERIAL_LEN);
	assert_int_equal(st->nb_revoked, 1);
	assert_int_equal(st->revoked[0][5], 0x41);
}

static void a_deleted_device_is_reported_as_such_and_no_more(void **state)
{
	struct store *st = *state;
	struct report_page page = {.max = 1000};
	struct buf out = {0};
	struct dev *d = add(st, 1);
	json_t *root, *rec;

	d->flags |= DEV_F_DELETED;
	store_touch_sys(st, d);
	report_sysinfo(st, &ids, &page, &out);
	root = json_loads(out.p, 0, NULL);
	rec = json_object_get(root, "01000000000000000000000000000000");
	assert_int_equal(json_object_size(rec), 2);
	assert_true(json_is_true(json_object_get(rec, "is_deleted")));
	json_decref(root);
	buf_free(&out);
}

static void the_synthetic_fleet_is_the_same_each_time(void **state)
{
	struct synth_params p = {.nb = 500, .seed = 3, .tags_per_device = 4, .base_time = 1000};
	struct store *st = *state, other;
	uint8_t uid[UID_LEN];

	store_init(&other);
	synth_fill(st, &p);
	synth_fill(&other, &p);
	synth_uid(3, 499, uid);
	for (size_t i = 0; i < 500; i++) {
		assert_memory_equal(st->devs[i].uid, other.devs[i].uid, UID_LEN);
		assert_int_equal(st->devs[i].sys_time, other.devs[i].sys_time);
		assert_int_equal(st->devs[i].tagset, other.devs[i].tagset);
	}
	assert_non_null(store_find(st, uid));
	assert_int_equal(st->nb_members, 500 * 4);
	store_fini(&other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(update_times_always_grow),
		T(a_time_is_written_as_captured_and_read_back),
		T(every_page_size_gives_each_device_once),
		T(a_cursor_at_the_end_sees_only_what_changed_since),
		T(a_changed_device_is_reported_once_with_its_newest_state),
		T(the_four_kinds_of_tag_have_their_type_numbers_and_raw_names),
		T(equal_tag_sets_are_one_set),
		T(tag_members_come_as_additions_and_then_removals),
		T(a_first_pull_of_tags_removes_nothing),
		T(a_new_address_replaces_the_old_one_in_the_tags),
		T(revoking_moves_the_serial_to_the_list_and_leaves_zeros),
		T(a_deleted_device_is_reported_as_such_and_no_more),
		T(the_synthetic_fleet_is_the_same_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
