/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config_format.h"

#include "common/base/hex.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/*
 * IPv4-mapped addresses are IPv4's inside; written in a document they would be a second spelling
 * of an address, and an operator's idea of something that does not exist on a wire.
 */
static bool is_mapped(const char *s, size_t len)
{
	struct ip_addr a;

	return memchr(s, ':', len) != NULL && ip_addr_parse(s, len, &a) == 0 && ip_addr_is_v4(&a);
}

int config_ip_parse(const char *s, struct ip_addr *ret)
{
	const size_t len = strlen(s);

	return is_mapped(s, len) ? -EINVAL : ip_addr_parse(s, len, ret);
}

/* One to three digits, at most <max>. */
static int parse_small(const char *s, unsigned max, unsigned *ret)
{
	unsigned n = 0;
	size_t len = strlen(s);

	if (len == 0 || len > 3)
		return -EINVAL;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		n = n * 10 + (unsigned)(*s - '0');
	}
	if (n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

int config_prefix_parse(const char *s, struct snap_prefix *ret)
{
	struct snap_prefix p = {.len = 128};
	const char *slash = strchr(s, '/');
	char addr[IP_ADDR_STRLEN];
	unsigned len;

	if (slash == NULL) {
		if (config_ip_parse(s, &p.addr) < 0)
			return -EINVAL;
		*ret = p;
		return 0;
	}
	if ((size_t)(slash - s) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = '\0';
	bool is_v4 = strchr(addr, ':') == NULL;
	if (config_ip_parse(addr, &p.addr) < 0 ||
	    parse_small(slash + 1, is_v4 ? 32 : 128, &len) < 0)
		return -EINVAL;
	p.len = (uint8_t)(is_v4 ? 96 + len : len);
	*ret = p;
	return 0;
}

static uint8_t mask_byte(unsigned len, unsigned idx)
{
	unsigned bits = len > idx * 8 ? len - idx * 8 : 0;

	return bits >= 8 ? 0xff : (uint8_t)(0xff00u >> bits);
}

bool config_prefix_is_clean(const struct snap_prefix *p)
{
	for (unsigned i = 0; i < sizeof(p->addr.b); i++)
		if ((p->addr.b[i] & (uint8_t)~mask_byte(p->len, i)) != 0)
			return false;
	return true;
}

int config_mode_parse(const char *s, mode_t *ret)
{
	size_t len = strlen(s);
	mode_t mode = 0;

	if (len < 3 || len > 4)
		return -EINVAL;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '7')
			return -EINVAL;
		mode = mode << 3 | (mode_t)(*s - '0');
	}
	if (mode > 0777)
		return -EINVAL;
	*ret = mode;
	return 0;
}

int config_hex_parse(const char *s, uint8_t *ret, size_t len)
{
	uint8_t bytes[64];
	size_t n = 0;

	if (len > sizeof(bytes))
		return -EINVAL;
	while (*s != '\0') {
		if (*s == ':' && n > 0 && s[1] != '\0')
			s++;
		int high = hex_value(s[0]);
		int low = high < 0 ? -1 : hex_value(s[1]);
		if (low < 0 || n == len)
			return -EINVAL;
		bytes[n++] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	if (n != len)
		return -EINVAL;
	memcpy(ret, bytes, len);
	return 0;
}

/* ---- formats ---- */

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Names reach logs and terminals: no control bytes, and no blank that one cannot see. */
static bool is_name(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || s[0] == ' ' || s[len - 1] == ' ')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= 0x20 || *s >= 0x7f)
			return false;
	return true;
}

static bool is_file(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || s[len - 1] == '/')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool is_ip(const char *s)
{
	struct ip_addr a;

	return config_ip_parse(s, &a) == 0;
}

static bool is_prefix(const char *s)
{
	struct snap_prefix p;

	return config_prefix_parse(s, &p) == 0;
}

static bool is_address_prefix(const char *s)
{
	return strchr(s, '/') != NULL && is_prefix(s);
}

/* RFC 1123 2.1: labels of letters, digits and inner hyphens. <extra> may stand anywhere. */
static bool is_host_of(const char *s, const char *extra)
{
	size_t len = strlen(s), label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.') {
			if (label == 0 || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (s[i] == '-' ? label == 0 : !is_alnum(s[i]) && strchr(extra, s[i]) == NULL)
			return false;
		if (++label > 63)
			return false;
	}
	return s[len - 1] != '-' && s[len - 1] != '.';
}

static bool is_hostname(const char *s)
{
	return is_host_of(s, "_");
}

static bool is_host(const char *s)
{
	return is_ip(s) || is_hostname(s);
}

/* ":" and a port, at the end of a string. */
static bool is_port_suffix(const char *s)
{
	unsigned port = 0;

	if (s[0] != ':' || strlen(s) < 2 || strlen(s) > 6)
		return false;
	for (const char *p = s + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		port = port * 10 + (unsigned)(*p - '0');
	}
	return port > 0 && port < 65536;
}

int config_literal_parse(const char *s, struct ip_addr *ret, const char **ret_rest)
{
	const char *end = s[0] == '[' ? strchr(s, ']') : NULL;
	const char *addr = end != NULL ? s + 1 : s;
	const size_t len = end != NULL ? (size_t)(end - addr) : strlen(s);

	if (memchr(addr, ':', len) == NULL || is_mapped(addr, len) ||
	    ip_addr_parse(addr, len, ret) < 0)
		return -EINVAL;
	*ret_rest = end != NULL ? end + 1 : s + len;
	return 0;
}

/*
 * Part of a host for sub-string, so a leading dot makes sense; * and ? for wildcard. An IPv6
 * address is always the whole host.
 */
static bool is_host_pattern(const char *s)
{
	const char *rest;
	struct ip_addr a;

	if (config_literal_parse(s, &a, &rest) == 0)
		return rest[0] == '\0';
	return is_host_of(s[0] == '.' ? s + 1 : s, "_*?");
}

static bool is_host_or_empty(const char *s)
{
	char name[256];
	const char *colon = strrchr(s, ':'), *rest;
	struct ip_addr a;

	if (s[0] == '\0' || is_host(s))
		return true;
	if (config_literal_parse(s, &a, &rest) == 0)
		return rest[0] == '\0' || is_port_suffix(rest);
	if (colon == NULL || (size_t)(colon - s) >= sizeof(name) || !is_port_suffix(colon))
		return false;
	memcpy(name, s, (size_t)(colon - s));
	name[colon - s] = '\0';
	return is_host(name) && strchr(name, ':') == NULL;
}

static bool is_serial(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]))
			return false;
	return len > 0 && len <= 16;
}

static bool is_tenant(const char *s)
{
	uint8_t id[16];

	return s[0] == '\0' || (strlen(s) == 32 && config_hex_parse(s, id, sizeof(id)) == 0);
}

static bool is_sha256(const char *s)
{
	uint8_t hash[32];

	return config_hex_parse(s, hash, sizeof(hash)) == 0;
}

static bool is_sha512(const char *s)
{
	uint8_t hash[64];

	return config_hex_parse(s, hash, sizeof(hash)) == 0;
}

int config_time_parse(const char *s, uint64_t *ret)
{
	struct tm tm = {};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (end == NULL || *end != '\0' || strlen(s) != 20)
		return -EINVAL;
	const int day = tm.tm_mday;
	const time_t t = timegm(&tm);
	if (t <= 0 || tm.tm_mday != day) /* 31 June is no day */
		return -EINVAL;
	*ret = (uint64_t)t;
	return 0;
}

static bool is_time(const char *s)
{
	uint64_t t;

	return config_time_parse(s, &t) == 0;
}

static bool is_uuid(const char *s)
{
	if (strlen(s) != 36)
		return false;
	for (unsigned i = 0; i < 36; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? s[i] != '-' : hex_value(s[i]) < 0)
			return false;
	}
	return true;
}

/* The socket is the way in for the administrator: never open to all, never without its owner. */
static bool is_mode(const char *s)
{
	mode_t mode;

	return config_mode_parse(s, &mode) == 0 && (mode & 07) == 0 && (mode & 0600) == 0600;
}

static const struct {
	const char *name;
	bool (*is)(const char *s);
	const char *what;
} formats[] = {
	{"name", is_name, "a name without control bytes and without blanks around it"},
	{"printable", is_printable, "printable ASCII without blanks"},
	{"file", is_file, "a file name"},
	{"ip", is_ip, "an IP address"},
	{"prefix", is_prefix, "an IP address or a prefix (address/length)"},
	{"address-prefix", is_address_prefix,
	 "an IP address with its prefix length (address/length)"},
	{"host", is_host, "a host name or an IP address"},
	{"hostname", is_hostname, "a host name"},
	{"host-pattern", is_host_pattern, "a host name, or part of one, with * and ? if wildcard"},
	{"host-or-empty", is_host_or_empty,
	 "a host with or without :port (an IPv6 address in brackets then), or empty"},
	{"serial", is_serial, "a serial number of 1 to 16 letters and digits"},
	{"tenant", is_tenant, "32 hex digits, or empty"},
	{"sha256", is_sha256, "a SHA-256: 32 bytes in hex"},
	{"sha512", is_sha512, "a SHA-512 fingerprint: 64 bytes in hex"},
	{"time", is_time, "a time in UTC like 2027-01-31T00:00:00Z"},
	{"uuid", is_uuid, "a UUID like 2d3f2b0c-7a5e-5b1a-9c39-0123456789ab"},
	{"mode", is_mode,
	 "octal permissions with 6 or 7 for the owner and 0 for others, like 0660"},
};

const char *config_format_check(const char *format, const char *s)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, format) != 0)
			continue;
		if (formats[i].is(s))
			return NULL;
		return is_mapped(s, strcspn(s, "/")) ? "an IPv4 address in its own notation"
						     : formats[i].what;
	}
	return "of a format that is known";
}
