/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/log/log.h"

#include "common/base/macros.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 2048

static const struct {
	const char *name;
	int priority;
} levels[LOG_L__COUNT] = {
	[LOG_L_ERR] = {"err", LOG_ERR},          [LOG_L_WARN] = {"warn", LOG_WARNING},
	[LOG_L_NOTICE] = {"notice", LOG_NOTICE}, [LOG_L_INFO] = {"info", LOG_INFO},
	[LOG_L_DEBUG] = {"debug", LOG_DEBUG},
};

static _Atomic(int) max_level = LOG_L_NOTICE;
static _Atomic(bool) to_syslog;

void log_init(const char *ident, enum log_level max, bool has_syslog)
{
	log_set_level(max);
	if (has_syslog)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	atomic_store(&to_syslog, has_syslog);
}

void log_set_level(enum log_level max)
{
	atomic_store_explicit(&max_level, (int)max, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&max_level, memory_order_relaxed);
}

int log_level_parse(const char *s, size_t len, enum log_level *ret)
{
	for (unsigned i = 0; i < LOG_L__COUNT; i++) {
		if (strlen(levels[i].name) == len && memcmp(levels[i].name, s, len) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LOG_L__COUNT ? levels[level].name : "unknown";
}

/* C0, DEL, and C1 in its UTF-8 form (U+0080..U+009F), which terminals obey too. */
static bool is_control(const char *in, size_t i, size_t len)
{
	uint8_t c = (uint8_t)in[i];

	if (c < 0x20 || c == 0x7f)
		return true;
	return c == 0xc2 && i + 1 < len && ((uint8_t)in[i + 1] & 0xe0) == 0x80;
}

size_t log_escape(const char *in, size_t len, char *out, size_t cap)
{
	static const char digit[] = "0123456789abcdef";
	size_t n = 0;

	if (cap == 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)in[i];
		if (!is_control(in, i, len)) {
			if (n + 1 >= cap)
				break;
			out[n++] = (char)c;
			continue;
		}
		if (n + 4 >= cap)
			break;
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = digit[c >> 4];
		out[n++] = digit[c & 15];
	}
	out[n] = '\0';
	return n;
}

static size_t put_head(char *line, size_t cap, enum log_level level, const char *type)
{
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (gmtime_r(&ts.tv_sec, &tm) == NULL)
		return 0;
	int n = snprintf(line, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s ",
			 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, ts.tv_nsec / 1000000, log_level_name(level), type);
	return n < 0 || (size_t)n >= cap ? 0 : (size_t)n;
}

void log_line(enum log_level level, const char *type, const char *fmt, ...)
{
	char msg[LINE_MAX_LEN / 2], line[LINE_MAX_LEN];
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	size_t len = (size_t)n < sizeof(msg) ? (size_t)n : sizeof(msg) - 1;
	size_t head = put_head(line, sizeof(line), level, type);
	size_t end = head + log_escape(msg, len, line + head, sizeof(line) - head - 1);

	if (atomic_load_explicit(&to_syslog, memory_order_relaxed))
		syslog(levels[level].priority, "%s %s", type, line + head);
	line[end++] = '\n';
	/* One write per line, so that lines of different threads do not mix. */
	if (write(STDERR_FILENO, line, end) < 0)
		(void)0; /* nowhere left to tell */
	errno = saved_errno;
}
