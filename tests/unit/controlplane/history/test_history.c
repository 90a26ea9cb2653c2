/* SPDX-License-Identifier: BSD-3-Clause */

/* Changes applied to a state, and read back as of times in between. */

#include "history/history_priv.h"
#include "state/state.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct cp cp;
static char dir[64];
static struct history_past *past;

static void begin(void)
{
	cp.history = calloc(1, sizeof(*cp.history));
	assert_non_null(cp.history);
	cp.history->cp = &cp;
	history_disk_open(cp.history);
	assert_non_null(cp.history->changes);
}

static void end(void)
{
	history_disk_close(cp.history);
	free(cp.history);
	cp.history = NULL;
}

static int open_all(void **)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/tagwarden-history-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	cp = (struct cp){.state_dir = dir, .state = state_new()};
	past = calloc(1, sizeof(*past));
	lock_init(&cp.lock);
	begin();
	return past == NULL;
}

static int close_all(void **)
{
	char sub[96];

	end();
	(void)snprintf(sub, sizeof(sub), "%s/history", dir);
	DIR *d = opendir(sub);
	const struct dirent *e;
	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	(void)rmdir(sub);
	(void)rmdir(dir);
	state_free(cp.state);
	lock_fini(&cp.lock);
	free(past);
	return 0;
}

static struct device_uid uid_of(uint8_t n)
{
	return (struct device_uid){.b = {[15] = n}};
}

/* A later moment than all rows so far, and an earlier one than all that come. */
static uint64_t moment(void)
{
	const struct timespec pause = {.tv_nsec = 3000000};

	(void)nanosleep(&pause, NULL);
	const uint64_t t = loop_real_ms();
	(void)nanosleep(&pause, NULL);
	return t;
}

static void apply(struct state_batch *b)
{
	assert_false(state_batch_is_failed(b));
	while (state_batch_apply(cp.state, b, 100) > 0)
		;
	state_batch_free(b);
}

static void tell_sysinfo(uint8_t n, uint8_t serial, bool is_full)
{
	struct state_batch *b = state_batch_new(1);
	const struct device_uid uid = uid_of(n);
	struct state_sysinfo *s = state_batch_sysinfo(b, &uid);

	s->serial.b[19] = serial;
	s->flags = SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE;
	b->is_full = b->is_first = b->is_last = is_full;
	b->cursor_obj = STATE_OBJ_SYSINFO;
	apply(b);
}

static void tell_tags(uint8_t n, const char *a, const char *c, bool is_full)
{
	struct state_batch *b = state_batch_new(1);
	const struct device_uid uid = uid_of(n);
	struct state_tags *t = state_batch_tags(b, &uid, c != NULL ? 2 : 1);

	t->tag[0] = (struct state_tag_ref){slice_str(a), SNAP_TAG_ZERO_TRUST};
	if (c != NULL)
		t->tag[1] = (struct state_tag_ref){slice_str(c), SNAP_TAG_ZERO_TRUST};
	b->is_full = b->is_first = b->is_last = is_full;
	b->cursor_obj = STATE_OBJ_UID_TAGS;
	apply(b);
}

static void as_of(uint8_t n, uint64_t at)
{
	const struct device_uid uid = uid_of(n);

	memset(past, 0, sizeof(*past));
	assert_int_equal(history_past(&cp, &uid, at, past), 0);
}

static bool past_has(const char *tag)
{
	for (uint32_t i = 0; i < past->dev.names_len;
	     i += (uint32_t)strlen(past->dev.names + i) + 1)
		if (strcmp(past->dev.names + i, tag) == 0)
			return true;
	return false;
}

static void a_device_is_what_it_was_before_its_next_change(void **)
{
	tell_sysinfo(1, 0xaa, false);
	tell_tags(1, "FortiAD", NULL, false);
	const uint64_t t1 = moment();
	tell_tags(1, "FortiAD", "Infected", false);
	const uint64_t t2 = moment();
	tell_sysinfo(1, 0xbb, false);
	const uint64_t t3 = moment();

	as_of(1, t1);
	assert_true(past->is_changed);
	assert_true(past->dev.is_known);
	assert_true(past->dev.has_tags);
	assert_true(past_has("FortiAD"));
	assert_false(past_has("Infected"));
	assert_int_equal(past->dev.serial.b[19], 0xaa);
	as_of(1, t2);
	assert_true(past_has("Infected"));
	assert_int_equal(past->dev.serial.b[19], 0xaa);
	as_of(1, t3);
	assert_false(past->is_changed); /* as it is now */
	assert_true(past->oldest_ms <= t1);
	assert_true(past->is_running);
}

static void one_that_was_not_there_yet_was_not_known(void **)
{
	const uint64_t t0 = moment();

	tell_sysinfo(2, 1, false);
	as_of(2, t0);
	assert_true(past->is_changed);
	assert_false(past->dev.is_known);
	as_of(3, t0);
	assert_false(past->is_changed);
}

static void the_first_synchronisation_writes_nothing_but_its_end(void **)
{
	struct journal_stats before, after;

	journal_stats(cp.history->changes, &before);
	tell_sysinfo(1, 1, true);
	tell_tags(1, "FortiAD", NULL, true);
	journal_stats(cp.history->changes, &after);
	assert_int_equal(after.rows, before.rows + 1);
	as_of(1, moment());
	assert_true(past->baseline_ms[1] != 0);
	/* A full pull after that tells what changed. */
	const uint64_t t = moment();
	tell_sysinfo(1, 2, true);
	as_of(1, t);
	assert_true(past->is_changed);
	assert_int_equal(past->dev.serial.b[19], 1);
}

static void it_is_kept_over_a_restart(void **)
{
	tell_sysinfo(1, 1, false);
	tell_tags(1, "FortiAD", NULL, false);
	const uint64_t t1 = moment();
	end();
	const uint64_t t2 = moment();
	begin();
	tell_tags(1, "Windows", NULL, false);
	as_of(1, t1);
	assert_true(past_has("FortiAD"));
	assert_true(past->is_running);
	assert_int_equal(past->nb_crashes, 0);
	as_of(1, t2);
	assert_false(past->is_running);
}

static void contact(uint64_t age_ms)
{
	struct state_ems_status st = {.id = 1, .contact_ms = loop_now_ms() - age_ms};

	state_ems_status_set(cp.state, &st);
	history_disk_tick(cp.history);
}

static void contacts_are_told_as_of_their_time(void **)
{
	contact(0);
	const uint64_t t1 = moment();
	contact(0);
	as_of(1, t1);
	assert_int_equal(past->contact_ms[1], t1);
	/* Long ago, and then nothing. */
	struct row_contact row = {
		.contact_ms = loop_real_ms() - 400000, .ems_id = 2, .is_there = 1};
	assert_true(journal_append(cp.history->changes, ROW_CONTACT, row.contact_ms, &row,
				   sizeof(row)));
	row.contact_ms += 60000;
	row.is_there = 0;
	assert_true(journal_append(cp.history->changes, ROW_CONTACT, row.contact_ms, &row,
				   sizeof(row)));
	as_of(1, loop_real_ms());
	assert_int_equal(past->contact_ms[2], row.contact_ms);
	as_of(1, row.contact_ms - 1000);
	assert_int_equal(past->contact_ms[2], row.contact_ms - 1000);
	assert_int_equal(past->contact_ms[3], 0);
}

static void a_denial_is_found_by_its_id(void **)
{
	struct history_device *dev = calloc(1, sizeof(*dev)), *back = calloc(1, sizeof(*back));
	struct history_config *config = NULL;
	struct denial d = {.r = {.code = 65, .request_id = {1, 2, 3}}, .is_known = true}, ret;
	const uint8_t other[16] = {9};

	assert_non_null(dev);
	assert_non_null(back);
	dev->has_tags = true;
	history_device_add_tag(dev, "FortiAD");
	history_device_add_tag(dev, "Low-Risk");
	history_denial(&cp, &d, dev);
	assert_int_equal(history_denial_find(&cp, d.r.request_id, &ret, back, &config), 0);
	assert_int_equal(ret.r.code, 65);
	assert_true(back->has_tags);
	assert_int_equal(back->names_len, dev->names_len);
	assert_memory_equal(back->names, dev->names, dev->names_len);
	assert_int_equal(history_denial_find(&cp, other, &ret, back, &config), -ENOENT);
	free(dev);
	free(back);
}

/* A row's checksum says that it is as it was written, not that it makes sense. */
static void rows_of_nonsense_do_no_harm(void **)
{
	static const size_t size[] = {
		0, 7, 8, 16, 64, 100, sizeof(struct row_denial), sizeof(struct row_denial) + 9};
	struct history_device *dev = calloc(1, sizeof(*dev));
	struct history_config *config = NULL;
	const uint8_t id[16] = {0};
	uint8_t bytes[sizeof(struct row_denial) + 9];
	struct denial d;
	uint64_t lcg = 1;

	assert_non_null(dev);
	for (uint32_t i = 0; i < 4000; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			lcg = lcg * 6364136223846793005u + 1442695040888963407u;
			bytes[k] = (lcg >> 60) < 9 ? 0 : (uint8_t)(lcg >> 40);
		}
		if (i % 3 == 0)
			memset(bytes, 0, 40);
		bytes[0] = i % 5 == 0 ? ROW_DENIAL_ABI : bytes[0];
		(void)journal_append(i % 2 == 0 ? cp.history->changes : cp.history->denials,
				     (uint8_t)(i % 11), i % 7 == 0 ? 1 : UINT64_MAX, bytes,
				     size[(i / 11) % 8]);
	}
	as_of(0, loop_real_ms());
	(void)history_denial_find(&cp, id, &d, dev, &config);
	history_config_unref(config);
	free(dev);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(a_device_is_what_it_was_before_its_next_change),
		TEST(one_that_was_not_there_yet_was_not_known),
		TEST(the_first_synchronisation_writes_nothing_but_its_end),
		TEST(it_is_kept_over_a_restart),
		TEST(contacts_are_told_as_of_their_time),
		TEST(a_denial_is_found_by_its_id),
		TEST(rows_of_nonsense_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
