/* SPDX-License-Identifier: BSD-3-Clause */

/* A log file that is appended to and rotated by size: x.log -> x.log.1 -> ... -> x.log.<keep>. */

#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No lock inside: one thread, or the owner's lock. */
struct logfile {
	const char *what; /* for our own log: "traffic log" */
	char path[PATH_MAX];
	int fd; /* -1: no file now */
	uint64_t size;
	uint64_t max_size; /* 0: never rotated */
	unsigned keep;
	uint64_t nb_failed, nb_rotated;
	uint64_t last_error_ms;
};

/* Begin, or go on under another path; NULL: nothing is written. <what> is kept as a pointer. */
void logfile_open(struct logfile *f, const char *what, const char *path, uint64_t max_size,
		  unsigned keep);
/*
 * Append whole lines, then rotate when it is time. What cannot be written is dropped, counted, and
 * told once a minute. False: it was dropped.
 */
bool logfile_write(struct logfile *f, const void *ptr, size_t len);
void logfile_close(struct logfile *f);
