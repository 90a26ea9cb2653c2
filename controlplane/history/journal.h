/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A bounded append-only journal in files <dir>/<name>-<number>.seg:
 *
 *	segment:  magic | row | row | ...		row: crc32c, length, type, time, payload
 *
 * Each start of the process, and each few megabytes, begins a new segment; the oldest are removed
 * when all take more than they may. Rows are gathered and written by a thread of its own, without a
 * sync per row: neither a slow nor a dead disk holds anybody up, and what it has no time for is
 * counted. A crash loses at most what was not written yet, and tears at most the end of one
 * segment: a reader goes on with the next.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

#define JOURNAL_ROW_MAX 40000u /* bytes of a payload */

/*
 * Begin a new segment in <dir>, which exists. <max_bytes>: of all segments. NULL with -errno in
 * <ret_rc>.
 */
struct journal *journal_open(const char *dir, const char *name, uint64_t max_bytes, int *ret_rc);
/* Write what there is; NULL is allowed. */
void journal_close(struct journal *j);

/*
 * One thread appends. journal_room() begins a new segment unless <len> more bytes of payload, in
 * <nb> rows, fit in the present one, and returns the number of the segment they will be in.
 * journal_append() returns false when the row is dropped: the disk does not keep up.
 */
uint64_t journal_room(struct journal *j, size_t len, unsigned nb);
bool journal_append(struct journal *j, uint8_t type, uint64_t time_ms, const void *p, size_t len);
/* Hand what was appended to the thread. The appending thread, every while. */
void journal_flush(struct journal *j);

/* Any thread: wait until what was handed over is written; false: it took longer. */
bool journal_sync(struct journal *j, unsigned wait_ms);

struct journal_stats {
	uint64_t rows, dropped, failures, written; /* since the start; <written> in bytes */
};
void journal_stats(struct journal *j, struct journal_stats *ret);

struct journal_row {
	uint64_t segment;
	uint64_t time_ms;
	uint8_t type;
	const uint8_t *p;
	size_t len;
};

/*
 * Call <fn> for each row of <dir>'s journal <name>, oldest first, until it returns false. Any
 * thread; nothing in the files is trusted. <ret_torn> (NULL allowed): segments that ended in
 * something else than a row. 0 or -errno.
 */
[[nodiscard]] int journal_scan(const char *dir, const char *name,
			       bool (*fn)(void *user, const struct journal_row *row), void *user,
			       uint32_t *ret_torn);
/* The rows of one segment's bytes; false: it ends in something else. For tests and fuzzing. */
bool journal_scan_bytes(const uint8_t *p, size_t len, uint64_t segment,
			bool (*fn)(void *user, const struct journal_row *row), void *user,
			bool *ret_go_on);
