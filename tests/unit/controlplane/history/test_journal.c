/* SPDX-License-Identifier: BSD-3-Clause */

#include "history/journal.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int make_dir(void **)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/tagwarden-journal-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	return rmdir(dir);
}

struct seen {
	uint32_t nb;
	uint64_t first, last, sum;
	uint32_t nb_segments;
	uint64_t segment;
};

static bool on_row(void *user, const struct journal_row *row)
{
	struct seen *s = user;
	uint64_t v = 0;

	assert_in_range(row->type, 1, 9);
	if (row->len >= sizeof(v))
		memcpy(&v, row->p, sizeof(v));
	if (s->nb == 0)
		s->first = v;
	if (row->segment != s->segment)
		s->nb_segments++;
	s->segment = row->segment;
	s->last = v;
	s->sum += v;
	s->nb++;
	return true;
}

static struct seen scan(uint32_t *ret_torn)
{
	struct seen s = {0};

	assert_int_equal(journal_scan(dir, "t", on_row, &s, ret_torn), 0);
	return s;
}

static struct journal *begin(uint64_t max)
{
	int rc = 0;
	struct journal *j = journal_open(dir, "t", max, &rc);

	assert_non_null(j);
	return j;
}

static void add(struct journal *j, uint64_t v)
{
	assert_true(journal_append(j, 1, v, &v, sizeof(v)));
}

static void rows_come_back_in_order(void **)
{
	struct journal *j = begin(1 << 20);
	uint32_t torn = 9;

	for (uint64_t i = 1; i <= 5000; i++)
		add(j, i);
	journal_flush(j);
	assert_true(journal_sync(j, 5000));
	struct seen s = scan(&torn);
	assert_int_equal(s.nb, 5000);
	assert_int_equal(s.first, 1);
	assert_int_equal(s.last, 5000);
	assert_int_equal(torn, 0);
	journal_close(j);
	/* Another start goes on in another segment, behind. */
	j = begin(1 << 20);
	add(j, 7777);
	journal_close(j);
	s = scan(&torn);
	assert_int_equal(s.nb, 5001);
	assert_int_equal(s.last, 7777);
	assert_int_equal(s.nb_segments, 2);
}

static void the_oldest_segments_make_room(void **)
{
	static uint8_t row[32768];
	struct journal *j = begin(8u << 20);
	struct seen s;

	for (uint64_t i = 1; i <= 600; i++) {
		memcpy(row, &i, sizeof(i));
		while (!journal_append(j, 2, i, row, sizeof(row)))
			assert_true(journal_sync(j, 5000));
		if (i % 32 == 0)
			assert_true(journal_sync(j, 5000));
	}
	journal_close(j);
	s = scan(NULL);
	assert_int_equal(s.last, 600);
	assert_in_range(s.nb, 200, 400); /* 8 MiB and the segment in hand, of 32 KiB each */
	assert_int_equal(s.first, 600 - s.nb + 1);
}

static void one_path(char *ret, size_t cap)
{
	(void)snprintf(ret, cap, "%s/t-0000000000000001.seg", dir);
}

/* Whatever a crash or a bad disk left of a segment: whole rows, a beginning of them. */
static void a_torn_or_spoiled_segment_gives_its_beginning(void **)
{
	struct journal *j = begin(1 << 20);
	char path[128];
	uint8_t bytes[4096];

	for (uint64_t i = 1; i <= 20; i++)
		add(j, i);
	journal_close(j);
	one_path(path, sizeof(path));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	const size_t len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (size_t cut = 0; cut <= len; cut++) {
		struct seen s = {0};
		bool go_on;
		const bool is_whole = journal_scan_bytes(bytes, cut, 1, on_row, &s, &go_on);

		assert_true(go_on);
		assert_int_equal(s.nb, cut < 8 ? 0 : (cut - 8) / 32);
		assert_int_equal(is_whole, cut >= 8 && (cut - 8) % 32 == 0);
	}
	for (size_t at = 0; at < len; at++) {
		struct seen s = {0};
		bool go_on;

		bytes[at] ^= 0x40;
		assert_false(journal_scan_bytes(bytes, len, 1, on_row, &s, &go_on));
		assert_int_equal(s.nb, at < 8 ? 0 : (at - 8) / 32);
		bytes[at] ^= 0x40;
	}
}

static void what_the_disk_has_no_time_for_is_dropped_and_counted(void **)
{
	static uint8_t row[40000];
	struct journal *j = begin(64u << 20);
	struct journal_stats st;
	uint32_t kept = 0, dropped = 0;

	for (unsigned i = 0; i < 300; i++) {
		if (journal_append(j, 3, 1, row, sizeof(row)))
			kept++;
		else
			dropped++;
	}
	journal_stats(j, &st);
	assert_int_equal(st.rows, kept);
	assert_int_equal(st.dropped, dropped);
	assert_false(journal_append(j, 3, 1, row, JOURNAL_ROW_MAX + 1));
	journal_close(j);
	assert_int_equal(scan(NULL).nb, kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_back_in_order, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_oldest_segments_make_room, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_torn_or_spoiled_segment_gives_its_beginning,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			what_the_disk_has_no_time_for_is_dropped_and_counted, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
