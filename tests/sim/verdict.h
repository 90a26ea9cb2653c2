/* SPDX-License-Identifier: BSD-3-Clause */

/* The first broken invariant of a run, in words. */

#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct verdict {
	bool is_failed;
	int flow; /* whose packets to show; -1: all */
	char text[240];
};

__attribute__((format(printf, 3, 4))) static inline void verdict_fail(struct verdict *v, int flow,
								      const char *fmt, ...)
{
	va_list ap;

	if (v->is_failed)
		return;
	v->is_failed = true;
	v->flow = flow;
	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}
