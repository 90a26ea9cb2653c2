/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The state on disk: one append-only file, <dir>/state.log, read back at start so that
 * enforcement goes on before EMS answers.
 *
 *	+--------+---------------------------+---------------------------+-- . . .
 *	| header | frame: length, crc32c,    | frame                     |
 *	|        | sequence, records         |                           |
 *	+--------+---------------------------+---------------------------+-- . . .
 *
 * A frame is what was noted between two commits and counts whole or not at all, so that a crash
 * at any instant leaves the state before or after a slice, never a mix. Frames are in order:
 * a cursor stands behind the data that it covers. A tail that was not finished is cut off. A bad
 * frame with others behind it ends the load there, drops the cursors (the next pulls are full,
 * and sweep what is stale) and is counted.
 *
 * A thread of its own writes and syncs: neither a slow nor a dead disk holds up enforcement. When
 * it falls too far behind, or a write fails, noting stops; the file is then made anew from the
 * state as soon as the disk is back, as it is when most of it is garbage (write <dir>/state.new,
 * sync, rename). Main thread only.
 */

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct state;
struct state_log;

/*
 * Load <dir>/state.log into <st> (which is empty), go on writing it. NULL with -errno in <ret_rc>
 * when the directory cannot be used; whatever is in the file is no error.
 */
struct state_log *state_log_open(struct state *st, const char *dir, int *ret_rc);
/* What was noted since the last commit becomes one frame. */
void state_log_commit(struct state_log *log);
/* Every 20 ms or so: a step of making the file anew. */
void state_log_tick(struct state_log *log);
/* Commit, write everything, sync, close. */
void state_log_close(struct state_log *log);
/* Wait until all that was committed is on disk (tests, shutdown). */
void state_log_sync(struct state_log *log);

struct state_log_stats {
	uint64_t file_len, live_len;   /* bytes, the latter estimated */
	uint64_t frames, bytes, syncs; /* written since start */
	uint64_t compactions;
	uint64_t failures;   /* writes that failed */
	uint64_t bad_frames; /* at load */
	uint64_t torn_bytes; /* cut off at load */
	uint64_t load_frames, load_us;
	bool is_lost; /* the file lags behind the state and will be made anew */
	bool is_compacting;
};
void state_log_stats(const struct state_log *log, struct state_log_stats *ret);
