/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Records of the data plane as log lines: the field's key=value traffic format
 * (reference: id 0005000024), or JSON lines; into a file that is rotated by size.
 */

#pragma once

#include "base/cp.h"

#include <stddef.h>
#include <stdint.h>

/* Plugs into main.c's table; sets cp->on_record. */
extern const struct module logs_module;

#define LOGS_LINE_MAX 4096u

/* Everything a line needs, looked up; strings are never NULL ("" is left out of the line). */
struct logs_traffic {
	const struct record *r;
	const char *vdom;
	const char *src_interface, *src_role;
	const char *policy_name, *policy_uuid;
	const char *proxy;
	const char *ems_serial;
	const char *tags; /* joined with '/' */
	int64_t utc_offset_s;
};

/*
 * Write the line, without its end, into <buf>. Returns its length; a line that does not fit is
 * cut at a field.
 */
size_t logs_traffic_keyvalue(const struct logs_traffic *t, char *buf, size_t cap);
size_t logs_traffic_json(const struct logs_traffic *t, char *buf, size_t cap);

/* For status and metrics; holder of the lock. */
struct logs_counts {
	uint64_t written, failed, rotated;
};
void logs_counts(const struct cp *cp, struct logs_counts *ret);

/*
 * Write what is still in memory. The log's path goes into <ret_path> ("": there is none); returns
 * how many rotated files are kept. Holder of the lock.
 */
unsigned logs_flush(const struct cp *cp, char *ret_path, size_t cap);

/* The latest denials; holder of the lock. NULL: the module does not run. */
struct denials;
const struct denials *logs_denials(const struct cp *cp);
/* The latest other decisions, up to a thousand a second: accepted, or refused without a code. */
const struct denials *logs_others(const struct cp *cp);
