/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lines for the operator: `time level type message`, one per event, to stderr and on request to
 * syslog. Any thread may log. Say LOG_TYPE("ems") once per file, then LOG(WARN, "...").
 *
 * ERR: the operator must act. WARN: degraded, going on. NOTICE: life cycle. INFO, DEBUG.
 * One event is one line, details as key=value, no trailing dot. Control characters, which only
 * the arguments can bring in, are written as \xNN: a peer cannot forge a line or drive a
 * terminal. The data plane logs at start and end only.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_L_ERR,
	LOG_L_WARN,
	LOG_L_NOTICE,
	LOG_L_INFO,
	LOG_L_DEBUG,
	LOG_L__COUNT,
};

#define LOG_TYPE(name) [[maybe_unused]] static const char log_type[] = name

#define LOG(level, ...)                                                                            \
	do {                                                                                       \
		if (log_is_on(LOG_L_##level))                                                      \
			log_line(LOG_L_##level, log_type, __VA_ARGS__);                            \
	} while (0)

/* Before other threads start. <ident> names the program in syslog; static or kept by the caller. */
void log_init(const char *ident, enum log_level max, bool has_syslog);
void log_set_level(enum log_level max);
bool log_is_on(enum log_level level);
/* "err", "warn", "notice", "info", "debug". 0 or -EINVAL. */
[[nodiscard]] int log_level_parse(const char *s, size_t len, enum log_level *ret);
const char *log_level_name(enum log_level level);

__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *type,
						    const char *fmt, ...);

/*
 * Copy <len> bytes of <in> to <out> with control characters as \xNN. Cuts what does not fit;
 * <out> is NUL-terminated. Returns the length.
 */
size_t log_escape(const char *in, size_t len, char *out, size_t cap);
