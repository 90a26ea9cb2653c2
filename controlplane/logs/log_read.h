/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reading a log that is rotated, newest line first. A place in it is a file (its inode, which a
 * rotation does not change) and an offset, so that paging goes on while lines are added. Lines
 * may come from anywhere that can write the file: they are bounded and nothing in them is trusted.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_READ_FILTERS 16u
#define LOG_READ_LINE_MAX 8192u   /* a longer one is passed over */
#define LOG_READ_BYTES (8u << 20) /* looked at in one call */

struct log_filter {
	char key[32];
	char value[256];
};

struct log_at {
	uint64_t inode; /* 0: the newest line, or no more */
	uint64_t offset;
};

struct log_query {
	const char *path;
	unsigned keep; /* rotated files */
	/* Filters of one key are alternatives; every key must have one that fits. */
	struct log_filter filter[LOG_READ_FILTERS];
	size_t nb_filters;
	size_t limit;
	struct log_at from;
};

/*
 * Call <on_line> for up to <limit> lines that fit. *<ret_next> is where to go on; its inode is 0
 * when there are no more. Fewer lines than <limit> say nothing: a call looks at LOG_READ_BYTES.
 * 0, -ESTALE: the file of <from> is gone; -ENOMEM; or what opening the file said, -ENOENT among
 * others. Any thread.
 */
[[nodiscard]] int log_read(const struct log_query *q,
			   void (*on_line)(void *user, const char *line, size_t len), void *user,
			   struct log_at *ret_next);

/*
 * The <i>th field of a key=value line: quotes off, escapes resolved. False: there are no more.
 */
bool log_field(const char *line, size_t len, size_t i, char key[static 32], char *value,
	       size_t cap);
/* Does the line, key=value or JSON, fit the filters of <q>? */
bool log_line_fits(const struct log_query *q, const char *line, size_t len);
