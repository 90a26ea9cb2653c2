/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/when.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/* Exactly <n> digits at *<s>, which moves on. */
static bool digits(const char **s, unsigned n, int *ret)
{
	int v = 0;

	for (unsigned i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int parse_ago(const char *s, uint64_t now_ms, uint64_t *ret_ms)
{
	uint64_t v = 0, unit = 1000;
	unsigned n = 0;

	for (; *s >= '0' && *s <= '9' && n < 10; s++, n++)
		v = v * 10 + (uint64_t)(*s - '0');
	if (n == 0)
		return -EINVAL;
	switch (*s) {
	case 'd':
		unit *= 24;
		[[fallthrough]];
	case 'h':
		unit *= 60;
		[[fallthrough]];
	case 'm':
		unit *= 60;
		[[fallthrough]];
	case 's':
		s++;
		break;
	default:
		break;
	}
	if (*s != '\0' || v > now_ms / unit)
		return -EINVAL;
	*ret_ms = now_ms - v * unit;
	return 0;
}

static bool parse_fraction(const char **s, int *ret_ms)
{
	int scale = 100;

	*ret_ms = 0;
	if (!skip(s, '.'))
		return true;
	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
		*ret_ms += (**s - '0') * scale;
	return true;
}

/* "Z", "+01:00" or nothing: local. A '+' may have come as a space. */
static bool parse_zone(const char *s, bool *ret_is_local, int *ret_offset_s)
{
	const int sign = *s == '-' ? -1 : 1;
	int h, m;

	*ret_is_local = *s == '\0';
	*ret_offset_s = 0;
	if (*s == '\0' || strcmp(s, "Z") == 0 || strcmp(s, "z") == 0)
		return true;
	if (*s != '+' && *s != '-' && *s != ' ')
		return false;
	s++;
	if (!digits(&s, 2, &h) || !skip(&s, ':') || !digits(&s, 2, &m) || *s != '\0' || h > 23 ||
	    m > 59)
		return false;
	*ret_offset_s = sign * (h * 3600 + m * 60);
	return true;
}

static bool is_date(const struct tm *tm)
{
	return tm->tm_year >= 1970 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= 31 && tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

int when_parse(const char *s, uint64_t now_ms, uint64_t *ret_ms)
{
	struct tm tm = {.tm_isdst = -1};
	bool is_local;
	int ms, offset_s;

	if (*s == '-')
		return parse_ago(s + 1, now_ms, ret_ms);
	if (!digits(&s, 4, &tm.tm_year) || !skip(&s, '-') || !digits(&s, 2, &tm.tm_mon) ||
	    !skip(&s, '-') || !digits(&s, 2, &tm.tm_mday) || (!skip(&s, 'T') && !skip(&s, ' ')) ||
	    !digits(&s, 2, &tm.tm_hour) || !skip(&s, ':') || !digits(&s, 2, &tm.tm_min) ||
	    !skip(&s, ':') || !digits(&s, 2, &tm.tm_sec) || !is_date(&tm) ||
	    !parse_fraction(&s, &ms) || !parse_zone(s, &is_local, &offset_s))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	const time_t t = is_local ? mktime(&tm) : timegm(&tm) - offset_s;
	if (t < 0)
		return -EINVAL;
	*ret_ms = (uint64_t)t * 1000 + (uint64_t)ms;
	return 0;
}
