/* SPDX-License-Identifier: BSD-3-Clause */

#include "state_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NB 3000u

static int new_state(void **state)
{
	*state = state_new();
	return *state == NULL;
}

static int free_state(void **state)
{
	state_free(*state);
	return 0;
}

static struct state_batch *batch(uint32_t ems_id)
{
	struct state_batch *b = state_batch_new(ems_id);

	assert_non_null(b);
	return b;
}

static bool find(const struct state *st, uint32_t n, struct state_device_core *ret)
{
	const struct device_uid uid = uid_of(n);

	return state_core_find(st, &uid, ret);
}

static uint32_t drain(struct state *st, struct state_change *ret)
{
	struct state_change ch;
	uint32_t n = 0;

	while (state_changes_take(st, &ch, 1) == 1) {
		if (ret != NULL)
			*ret = ch;
		n++;
	}
	return n;
}

static void put_one(struct state *st, uint32_t n)
{
	struct state_batch *b = batch(1);

	sysinfo_add(b, n);
	tags_add(b, n, TAGS("FortiAD"));
	batch_apply(st, b);
	(void)drain(st, NULL);
}

static void assert_slice(struct slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.ptr, text, s.len);
}

static void what_ems_said_is_read_back(void **state)
{
	struct state *st = *state;
	struct state_device d;
	const struct device_uid uid = uid_of(7);

	put_one(st, 7);
	assert_true(state_device_find(st, &uid, &d));
	assert_slice(d.field[STATE_F_HOST_NAME], "DESKTOP-0000007");
	assert_slice(d.field[STATE_F_OS_VERSION],
		     "Microsoft Windows 10 Professional Edition, 64-bit (build 19045)");
	assert_slice(d.field[STATE_F_FEATURE_VPN], "installed");
	assert_int_equal(d.field[STATE_F_DOMAIN].len, 0);
	assert_slice(d.sysinfo_time, "2024-07-11 17:57:52.3553944");
	assert_slice(d.tags_time, "2024-07-11 17:57:41.4774466");
	/* date -u -d '2024-07-11 17:57:52.355' +%s%3N */
	assert_int_equal(d.sysinfo_ms, 1720720672355ull);
	assert_int_equal(d.nb_routes, 1);
	assert_slice(d.route[0].ip, "10.0.0.7");
	assert_slice(d.route[0].mac, "00-0c-29-00-00-07");
	assert_slice(d.route[0].gateway_sn, "FPXVULTM24000083");
	assert_slice(d.route[0].type, "direct");
	const struct cert_serial sn = serial_of(7);
	assert_true(cert_serial_is_equal(&d.serial, &sn));
	assert_int_equal(d.flags, SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO |
					  SNAP_DEV_HAS_TAGS);
}

static void the_same_record_again_is_no_change(void **state)
{
	struct state *st = *state;

	put_one(st, 1);
	struct state_batch *b = batch(1);
	sysinfo_add(b, 1);
	tags_add(b, 1, TAGS("FortiAD"));
	batch_apply(st, b);
	assert_int_equal(state_nb_changes(st), 0);
}

static void another_time_alone_is_a_quiet_change(void **state)
{
	struct state *st = *state;
	struct state_change ch;

	put_one(st, 1);
	struct state_batch *b = batch(1);
	sysinfo_add(b, 1)->update_time = SLICE_LIT("2024-07-11 18:00:00.0000000");
	batch_apply(st, b);
	assert_int_equal(drain(st, &ch), 1);
	assert_int_equal(ch.kind, STATE_CHANGE_QUIET);
}

static void a_changed_tag_is_told_once_with_the_earliest_notification(void **state)
{
	struct state *st = *state;
	struct state_change ch;

	put_one(st, 1);
	struct state_batch *b = batch(1);
	b->notified_us = 1000;
	tags_add(b, 1, TAGS("FortiAD", "Low-Risk"));
	batch_apply(st, b);
	b = batch(1);
	b->notified_us = 2000;
	tags_add(b, 1, TAGS("Low-Risk"));
	batch_apply(st, b);
	assert_int_equal(drain(st, &ch), 1);
	assert_int_equal(ch.kind, STATE_CHANGE_DECIDE);
	assert_int_equal(ch.notified_us, 1000);
}

static void equal_tag_lists_share_a_set_whatever_their_order(void **state)
{
	struct state *st = *state;
	struct state_device_core a, c;
	struct state_batch *b = batch(1);
	uint32_t nb;

	tags_add(b, 1, TAGS("X", "Y", "class:Low", "X"));
	tags_add(b, 2, TAGS("class:Low", "X", "Y"));
	batch_apply(st, b);
	assert_true(find(st, 1, &a));
	assert_true(find(st, 2, &c));
	assert_int_equal(a.tagset, c.tagset);
	const uint16_t *ids = state_tagset(st, a.tagset, &nb);
	assert_int_equal(nb, 3);
	assert_string_equal(state_tag(st, ids[2])->name, "CLASS_Low");
	assert_int_equal(state_tag(st, ids[2])->kind, SNAP_TAG_CLASSIFICATION);
	assert_int_equal(state_tag(st, ids[0])->nb_devices, 2);
}

static void a_list_too_long_or_malformed_makes_the_posture_unknown(void **state)
{
	struct state *st = *state;
	struct state_device_core d;
	const struct device_uid uid = uid_of(1);

	for (unsigned how = 0; how < 2; how++) {
		put_one(st, 1);
		struct state_batch *b = batch(1);
		const uint32_t nb = how == 0 ? STATE_MAX_DEVICE_TAGS + 1 : 1;
		struct state_tags *t = state_batch_tags(b, &uid, nb);
		for (uint32_t i = 0; i < nb; i++)
			t->tag[i] = (struct state_tag_ref){SLICE_LIT("T"), how == 0 ? 1 : 9};
		batch_apply(st, b);
		assert_true(state_core_find(st, &uid, &d));
		assert_int_equal(d.flags & SNAP_DEV_HAS_TAGS, 0);
		assert_int_equal(d.tagset, STATE_NO_TAGSET);
		assert_int_equal(drain(st, NULL), 1);
	}
	struct state_counts c;
	state_counts(st, &c);
	assert_int_equal(c.refused_tags, 2);
}

static void a_tag_beyond_the_limit_is_refused(void **state)
{
	struct state *st = *state;
	char name[16];
	uint32_t id;

	for (uint32_t i = 0; i < SNAP_MAX_TAGS; i++) {
		const int n = snprintf(name, sizeof(name), "T%u", i);
		assert_int_equal(state_tag_id(st, name, (size_t)n, &id), 0);
		assert_int_equal(id, i);
	}
	assert_true(state_tag_id(st, "one more", 8, &id) < 0);
	assert_int_equal(state_tag_id(st, "T17", 3, &id), 0);
	assert_int_equal(id, 17);
}

static void another_ems_cannot_speak_for_a_registered_device(void **state)
{
	struct state *st = *state;
	struct state_device_core d;
	const struct device_uid uid = uid_of(1);

	put_one(st, 1);
	struct state_batch *b = batch(2);
	sysinfo_add(b, 1)->serial = serial_of(99);
	tags_add(b, 1, TAGS("Stolen"));
	state_batch_sysinfo(b, &uid)->is_deleted = true;
	batch_apply(st, b);
	assert_true(state_core_find(st, &uid, &d));
	assert_int_equal(d.ems_id, 1);
	assert_int_equal(state_nb_changes(st), 0);

	b = batch(1);
	sysinfo_add(b, 1)->flags = 0;
	batch_apply(st, b);
	b = batch(2);
	sysinfo_add(b, 1);
	batch_apply(st, b);
	assert_true(state_core_find(st, &uid, &d));
	assert_int_equal(d.ems_id, 2);
	/* Nothing of the first EMS stays. */
	assert_int_equal(d.flags & SNAP_DEV_HAS_TAGS, 0);
	struct state_counts c;
	state_counts(st, &c);
	assert_int_equal(c.refused_owner, 3);
	assert_int_equal(c.per_ems[1], 0);
	assert_int_equal(c.per_ems[2], 1);
}

static void a_deleted_device_is_gone_and_may_come_back(void **state)
{
	struct state *st = *state;
	struct state_change ch[4];
	const struct device_uid uid = uid_of(1);

	put_one(st, 1);
	struct state_batch *b = batch(1);
	state_batch_sysinfo(b, &uid)->is_deleted = true;
	batch_apply(st, b);
	assert_false(state_core_find(st, &uid, &(struct state_device_core){}));
	b = batch(1);
	sysinfo_add(b, 1);
	batch_apply(st, b);
	/* In this order, or the builder would delete what came back. */
	assert_int_equal(state_changes_take(st, ch, 4), 2);
	assert_int_equal(ch[0].kind, STATE_CHANGE_DELETED);
	assert_int_equal(ch[1].kind, STATE_CHANGE_DECIDE);
}

static void a_pull_that_found_nothing_is_a_touch(void **state)
{
	struct state *st = *state;
	struct state_change ch;
	struct state_batch *b = batch(1);
	const struct device_uid here = uid_of(1), missing = uid_of(2);

	sysinfo_add(b, 1);
	state_batch_pulled(b, &here);
	state_batch_pulled(b, &missing);
	batch_apply(st, b);
	assert_int_equal(state_changes_take(st, &ch, 1), 1);
	assert_int_equal(ch.kind, STATE_CHANGE_TOUCH);
	assert_true(device_uid_is_equal(&ch.uid, &missing));
	assert_true(ch.notified_us > 0);
	assert_int_equal(drain(st, &ch), 1);
	assert_int_equal(ch.kind, STATE_CHANGE_DECIDE);
}

static struct state_batch *full(enum state_obj obj, bool is_first, bool is_last)
{
	struct state_batch *b = batch(1);

	b->is_full = true;
	b->cursor_obj = (uint8_t)obj;
	b->is_first = is_first;
	b->is_last = is_last;
	return b;
}

static void a_full_pull_sweeps_what_it_did_not_name(void **state)
{
	struct state *st = *state;
	struct state_device_core d;

	for (uint32_t i = 0; i < 4; i++)
		put_one(st, i);
	struct state_batch *b = full(STATE_OBJ_SYSINFO, true, false);
	sysinfo_add(b, 0);
	batch_apply(st, b);
	assert_true(find(st, 3, &d));
	b = full(STATE_OBJ_SYSINFO, false, true);
	sysinfo_add(b, 1);
	sysinfo_add(b, 2);
	batch_apply(st, b);
	assert_false(find(st, 3, &d));
	b = full(STATE_OBJ_UID_TAGS, true, true);
	tags_add(b, 0, TAGS("FortiAD"));
	batch_apply(st, b);
	assert_true(find(st, 0, &d));
	assert_true((d.flags & SNAP_DEV_HAS_TAGS) != 0);
	assert_true(find(st, 1, &d));
	assert_true((d.flags & SNAP_DEV_HAS_TAGS) == 0);
}

static void many_come_and_go_and_all_that_stay_are_found(void **state)
{
	struct state *st = *state;
	struct state_device_core d;
	struct state_batch *b = batch(1);
	uint32_t pos = 0, n = 0;

	for (uint32_t i = 0; i < NB; i++)
		sysinfo_add(b, i);
	for (uint32_t i = 0; i < NB; i += 3) {
		const struct device_uid uid = uid_of(i);
		state_batch_sysinfo(b, &uid)->is_deleted = true;
	}
	for (uint32_t i = NB; i < NB + 500; i++)
		sysinfo_add(b, i);
	batch_apply(st, b);
	for (uint32_t i = 0; i < NB + 500; i++)
		assert_int_equal(find(st, i, &d), i >= NB || i % 3 != 0);
	while (state_core_next(st, &pos, &d))
		n++;
	assert_int_equal(n, NB - NB / 3 + 500);
	struct state_counts c;
	state_counts(st, &c);
	assert_int_equal(c.devices, n);
	assert_int_equal(c.online, n);
}

static void a_long_value_is_cut_and_the_longest_record_fits(void **state)
{
	struct state *st = *state;
	struct state_device d;
	static char text[1000];
	struct state_batch *b = batch(1);
	const struct device_uid uid = uid_of(1);

	memset(text, 'x', sizeof(text));
	struct state_sysinfo *s = state_batch_sysinfo(b, &uid);
	for (unsigned f = 0; f < STATE_F__COUNT; f++)
		s->field[f] = slice_of(text, sizeof(text) - f);
	struct state_route *r;
	while ((r = state_batch_route(b, s)) != NULL)
		r->gateway_sn = r->interface = r->vdom = r->type = r->ip = r->mac =
			slice_of(text, 900);
	batch_apply(st, b);
	assert_true(state_device_find(st, &uid, &d));
	for (unsigned f = 0; f < STATE_F__COUNT; f++)
		assert_int_equal(d.field[f].len, STATE_FIELD_MAX);
	assert_int_equal(d.nb_routes, STATE_MAX_ROUTES);
	assert_int_equal(d.route[STATE_MAX_ROUTES - 1].mac.len, STATE_FIELD_MAX);
}

static void cas_and_revocations_tell_when_they_change(void **state)
{
	struct state *st = *state;
	const struct slice ca[2] = {SLICE_LIT("first"), SLICE_LIT("second")};
	const struct cert_serial sn = serial_of(1);
	struct slice got[STATE_MAX_CAS];
	uint32_t nb;

	assert_int_equal(state_ca_set(st, 1, ca, 2), 0);
	assert_true(state_ca_changed_take(st));
	assert_int_equal(state_ca_set(st, 1, ca, 2), 0);
	assert_false(state_ca_changed_take(st));
	assert_int_equal(state_ca(st, 1, got), 2);
	assert_slice(got[1], "second");
	assert_int_equal(state_revoked_set(st, 1, &sn, 1), 0);
	assert_true(state_revoked_changed_take(st));
	assert_int_equal(state_revoked_set(st, 1, &sn, 1), 0);
	assert_false(state_revoked_changed_take(st));
	assert_non_null(state_revoked(st, 1, &nb));
	assert_int_equal(nb, 1);
	state_ems_forget(st, 1);
	assert_int_equal(state_ca(st, 1, got), 0);
	assert_true(state_revoked_changed_take(st));
}

static void the_cursor_is_taken_after_the_last_record(void **state)
{
	struct state *st = *state;
	struct state_batch *b = batch(1);

	for (uint32_t i = 0; i < 10; i++)
		sysinfo_add(b, i);
	b->has_cursor = true;
	b->cursor_obj = STATE_OBJ_SYSINFO;
	b->cursor = (struct state_cursor){"2024-07-11 17:57:52.3553944",
					  "70A5C5FABBE64A9B98B6DDA3FE8AC794"};
	assert_int_equal(state_batch_apply(st, b, 9), 1);
	assert_string_equal(state_cursor(st, 1, STATE_OBJ_SYSINFO).offset, "");
	assert_int_equal(state_batch_apply(st, b, 9), 0);
	assert_string_equal(state_cursor(st, 1, STATE_OBJ_SYSINFO).offset,
			    "70A5C5FABBE64A9B98B6DDA3FE8AC794");
	state_batch_free(b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, new_state, free_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_ems_said_is_read_back),
		TEST(the_same_record_again_is_no_change),
		TEST(another_time_alone_is_a_quiet_change),
		TEST(a_changed_tag_is_told_once_with_the_earliest_notification),
		TEST(equal_tag_lists_share_a_set_whatever_their_order),
		TEST(a_list_too_long_or_malformed_makes_the_posture_unknown),
		TEST(a_tag_beyond_the_limit_is_refused),
		TEST(another_ems_cannot_speak_for_a_registered_device),
		TEST(a_deleted_device_is_gone_and_may_come_back),
		TEST(a_pull_that_found_nothing_is_a_touch),
		TEST(a_full_pull_sweeps_what_it_did_not_name),
		TEST(many_come_and_go_and_all_that_stay_are_found),
		TEST(a_long_value_is_cut_and_the_longest_record_fits),
		TEST(cas_and_revocations_tell_when_they_change),
		TEST(the_cursor_is_taken_after_the_last_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
