/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_log.h"
#include "state_test.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NB 200u
#define ROUNDS 12
#define GROUP 50u /* devices that change together in the crash loop */

struct dir {
	char path[64];
	char file[80];
};

static int make_dir(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return 1;
	(void)snprintf(d->path, sizeof(d->path), "/tmp/tagwarden-state-XXXXXX");
	*state = d;
	if (mkdtemp(d->path) == NULL)
		return 1;
	(void)snprintf(d->file, sizeof(d->file), "%s/state.log", d->path);
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const name[] = {"state.log", "state.new", "state.lock"};
	struct dir *d = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", d->path, name[i]);
		(void)unlink(path);
	}
	(void)rmdir(d->path);
	free(d);
	return 0;
}

struct kept {
	struct state *st;
	struct state_log *log;
	struct state_log_stats stats;
};

static struct kept open_kept(const struct dir *d)
{
	struct kept k = {.st = state_new()};
	int rc = 0;

	assert_non_null(k.st);
	k.log = state_log_open(k.st, d->path, &rc);
	assert_non_null(k.log);
	state_log_stats(k.log, &k.stats);
	return k;
}

static void close_kept(struct kept *k)
{
	state_log_close(k->log);
	state_free(k->st);
}

static void add_devices(struct kept *k, uint32_t from, uint32_t to)
{
	struct state_batch *b = state_batch_new(1);

	for (uint32_t i = from; i < to; i++) {
		sysinfo_add(b, i);
		if (i % 2 == 0)
			tags_add(b, i, TAGS("FortiAD", "class:Low"));
	}
	b->has_cursor = true;
	b->cursor_obj = STATE_OBJ_SYSINFO;
	b->cursor = (struct state_cursor){"2024-07-11 17:57:52.3553944", "OFFSET"};
	batch_apply(k->st, b);
	state_log_commit(k->log);
}

static uint32_t nb_devices(const struct kept *k)
{
	struct state_counts c;

	state_counts(k->st, &c);
	return c.devices;
}

static void everything_comes_back(void **state)
{
	const struct state_ems_pin pin = {"FCTEMS8823005021", "0", "1F:17"};
	const struct slice ca = SLICE_LIT("der");
	const struct cert_serial sn = serial_of(5);
	struct kept k = open_kept(*state);
	struct state_device before, after;
	struct state_ems_pin got;
	struct slice cas[STATE_MAX_CAS];
	const struct device_uid uid = uid_of(4);
	uint32_t nb;

	add_devices(&k, 0, NB);
	assert_int_equal(state_ems_pin_set(k.st, 1, &pin), 0);
	assert_int_equal(state_ca_set(k.st, 1, &ca, 1), 0);
	assert_int_equal(state_revoked_set(k.st, 1, &sn, 1), 0);
	assert_true(state_device_find(k.st, &uid, &before));
	const uint32_t nb_tags = state_nb_tags(k.st);
	const uint64_t ms = before.sysinfo_ms;
	close_kept(&k);

	k = open_kept(*state);
	assert_int_equal(nb_devices(&k), NB);
	assert_int_equal(state_nb_changes(k.st), 0);
	assert_true(state_device_find(k.st, &uid, &after));
	assert_int_equal(after.sysinfo_ms, ms);
	assert_int_equal(after.field[STATE_F_HOST_NAME].len, strlen("DESKTOP-0000004"));
	assert_memory_equal(after.field[STATE_F_CPU].ptr, "Intel(R)", 8);
	assert_int_equal(state_nb_tags(k.st), nb_tags);
	const uint16_t *ids = state_tagset(k.st, after.tagset, &nb);
	assert_int_equal(nb, 2);
	assert_string_equal(state_tag(k.st, ids[1])->name, "CLASS_Low");
	assert_int_equal(state_tag(k.st, ids[1])->nb_devices, NB / 2);
	assert_true(state_ems_pin(k.st, 1, &got));
	assert_string_equal(got.serial_number, pin.serial_number);
	assert_int_equal(state_ca(k.st, 1, cas), 1);
	assert_non_null(state_revoked(k.st, 1, &nb));
	assert_string_equal(state_cursor(k.st, 1, STATE_OBJ_SYSINFO).offset, "OFFSET");
	close_kept(&k);
}

static void a_deleted_device_stays_deleted(void **state)
{
	const struct device_uid uid = uid_of(3);
	struct kept k = open_kept(*state);

	add_devices(&k, 0, NB);
	struct state_batch *b = state_batch_new(1);
	state_batch_sysinfo(b, &uid)->is_deleted = true;
	batch_apply(k.st, b);
	close_kept(&k);
	k = open_kept(*state);
	assert_int_equal(nb_devices(&k), NB - 1);
	assert_false(state_core_find(k.st, &uid, &(struct state_device_core){}));
	close_kept(&k);
}

static off_t file_len(const struct dir *d)
{
	struct stat sb;

	assert_int_equal(stat(d->file, &sb), 0);
	return sb.st_size;
}

static void a_torn_tail_loses_the_last_frame_alone(void **state)
{
	const struct dir *d = *state;
	struct kept k = open_kept(d);

	add_devices(&k, 0, 10);
	state_log_sync(k.log);
	const off_t whole = file_len(d);
	add_devices(&k, 10, 20);
	close_kept(&k);
	const off_t end = file_len(d);
	/*
	 * Cut at every length from the end of the first frame to the end of the second, backwards.
	 */
	for (off_t len = end - 1; len >= whole; len -= 97) {
		assert_int_equal(truncate(d->file, len), 0);
		k = open_kept(d);
		assert_int_equal(nb_devices(&k), 10);
		assert_int_equal(k.stats.bad_frames, 0);
		assert_string_equal(state_cursor(k.st, 1, STATE_OBJ_SYSINFO).offset, "OFFSET");
		close_kept(&k);
		assert_int_equal(file_len(d), whole);
		/* As it was, for the next cut. */
		k = open_kept(d);
		add_devices(&k, 10, 20);
		close_kept(&k);
	}
}

static void flip(const struct dir *d, off_t at)
{
	const int fd = open(d->file, O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void damage_ends_the_load_and_drops_the_cursors(void **state)
{
	const struct dir *d = *state;
	struct kept k = open_kept(d);

	add_devices(&k, 0, 10);
	state_log_sync(k.log);
	const off_t first = file_len(d);
	add_devices(&k, 10, 20);
	add_devices(&k, 20, 30);
	close_kept(&k);
	flip(d, first + 300);
	k = open_kept(d);
	assert_int_equal(k.stats.bad_frames, 1);
	assert_int_equal(nb_devices(&k), 10);
	assert_string_equal(state_cursor(k.st, 1, STATE_OBJ_SYSINFO).offset, "");
	add_devices(&k, 40, 45);
	close_kept(&k);
	/* What was written after the damage counts again. */
	k = open_kept(d);
	assert_int_equal(k.stats.bad_frames, 0);
	assert_int_equal(nb_devices(&k), 15);
	close_kept(&k);
}

static void any_flipped_byte_is_survived(void **state)
{
	const struct dir *d = *state;
	struct kept k = open_kept(d);

	for (uint32_t i = 0; i < 6; i++)
		add_devices(&k, 4 * i, 4 * i + 4);
	close_kept(&k);
	const off_t len = file_len(d);
	for (off_t at = 0; at < len; at += 311) {
		flip(d, at);
		k = open_kept(d);
		const uint32_t nb = nb_devices(&k);
		assert_int_equal(nb % 4, 0);
		/* Make it anew, whole. */
		add_devices(&k, 0, 24);
		close_kept(&k);
		assert_int_equal(truncate(d->file, 0), 0);
		k = open_kept(d);
		for (uint32_t i = 0; i < 6; i++)
			add_devices(&k, 4 * i, 4 * i + 4);
		close_kept(&k);
	}
}

static void a_second_process_is_kept_out(void **state)
{
	const struct dir *d = *state;
	struct kept k = open_kept(d);
	struct state *other = state_new();
	int rc = 0;

	assert_null(state_log_open(other, d->path, &rc));
	assert_int_equal(rc, -EBUSY);
	state_free(other);
	close_kept(&k);
}

static void garbage_is_compacted_while_changes_go_on(void **state)
{
	const struct dir *d = *state;
	struct kept k = open_kept(d);
	struct state_log_stats stats;
	uint32_t turn = 0;
	uint64_t bytes;

	add_devices(&k, 0, 2000);
	do {
		struct state_batch *b = state_batch_new(1);
		for (uint32_t i = 0; i < 2000; i++)
			tags_add(b, i, turn % 2 == 0 ? TAGS("Even") : TAGS("Odd"));
		batch_apply(k.st, b);
		state_log_tick(k.log);
		state_log_stats(k.log, &stats);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	} while (++turn < 400 && stats.compactions == 0);
	assert_true(stats.compactions > 0);
	/* What came while it was compacted is to be written yet, much or little. */
	do {
		bytes = stats.bytes;
		state_log_tick(k.log);
		nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
		state_log_stats(k.log, &stats);
	} while (stats.bytes != bytes);
	close_kept(&k);
	assert_true((uint64_t)file_len(d) < bytes);
	k = open_kept(d);
	assert_int_equal(k.stats.bad_frames, 0);
	assert_int_equal(nb_devices(&k), 2000);
	struct state_device_core c;
	uint32_t pos = 0, nb;
	while (state_core_next(k.st, &pos, &c)) {
		const uint16_t *ids = state_tagset(k.st, c.tagset, &nb);
		assert_int_equal(nb, 1);
		assert_string_equal(state_tag(k.st, ids[0])->name, turn % 2 == 1 ? "Even" : "Odd");
	}
	close_kept(&k);
}

/* Round after round, all of GROUP devices get the same tag, in one frame. */
static void write_for_ever(const struct dir *d)
{
	struct kept k = open_kept(d);
	char name[16];

	for (uint32_t round = 0;; round++) {
		struct state_batch *b = state_batch_new(1);
		(void)snprintf(name, sizeof(name), "R%u", round % 64);
		for (uint32_t i = 0; i < GROUP; i++) {
			sysinfo_add(b, i);
			tags_add(b, i, TAGS(name));
		}
		batch_apply(k.st, b);
		state_log_tick(k.log);
	}
}

static void killed_at_any_instant_it_is_old_or_new_never_a_mix(void **state)
{
	const struct dir *d = *state;
	struct state_device_core c;

	for (int round = 0; round < ROUNDS; round++) {
		const pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_for_ever(d);
		nanosleep(&(struct timespec){.tv_nsec = 20000000 + 3100000 * round}, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		struct kept k = open_kept(d);
		assert_int_equal(k.stats.bad_frames, 0);
		uint32_t pos = 0, n = 0, tagset = STATE_NO_TAGSET;
		while (state_core_next(k.st, &pos, &c)) {
			if (n++ == 0)
				tagset = c.tagset;
			assert_int_equal(c.tagset, tagset);
		}
		assert_true(n == 0 || n == GROUP);
		close_kept(&k);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_comes_back),
		TEST(a_deleted_device_stays_deleted),
		TEST(a_torn_tail_loses_the_last_frame_alone),
		TEST(damage_ends_the_load_and_drops_the_cursors),
		TEST(any_flipped_byte_is_survived),
		TEST(a_second_process_is_kept_out),
		TEST(garbage_is_compacted_while_changes_go_on),
		TEST(killed_at_any_instant_it_is_old_or_new_never_a_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
