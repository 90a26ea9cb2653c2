/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts of times, addresses and identifiers as they stand on the wire. */
#include "emsim/buf.h"
#include "emsim/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	V6_MAX = 65536
};

/* <width> digits at <p>: the number, or -EINVAL. */
static int digits(const char *p, unsigned width)
{
	int v = 0;

	for (unsigned i = 0; i < width; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EINVAL;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

void time_format(uint64_t ticks, char out[static TIME_TEXT_LEN + 1])
{
	time_t s = (time_t)(ticks / TICKS_PER_S);
	struct tm tm;

	gmtime_r(&s, &tm);
	snprintf(out, TIME_TEXT_LEN + 1, "%04u-%02u-%02u %02u:%02u:%02u.%07u",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, (unsigned)(ticks % TICKS_PER_S));
}

int time_parse(const char *s, uint64_t *ret_ticks)
{
	static const char shape[] = "dddd-dd-dd dd:dd:dd.ddddddd";
	struct tm tm = {0};
	time_t t;

	if (strlen(s) != TIME_TEXT_LEN)
		return -EINVAL;
	for (size_t i = 0; i < TIME_TEXT_LEN; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return -EINVAL;
	tm.tm_year = digits(s, 4) - 1900;
	tm.tm_mon = digits(s + 5, 2) - 1;
	tm.tm_mday = digits(s + 8, 2);
	tm.tm_hour = digits(s + 11, 2);
	tm.tm_min = digits(s + 14, 2);
	tm.tm_sec = digits(s + 17, 2);
	t = timegm(&tm);
	if (t < 0)
		return -EINVAL;
	*ret_ticks = (uint64_t)t * TICKS_PER_S + (uint64_t)digits(s + 20, 7);
	return 0;
}

/* Few, and kept for the process's life; what they are is ip_parse()'s affair alone. */
static struct in6_addr *v6_addrs;
static uint32_t nb_v6_addrs;

static int v6_number(const struct in6_addr *a, uint32_t *ret_ip)
{
	uint32_t i = 0;

	while (i < nb_v6_addrs && memcmp(&v6_addrs[i], a, sizeof(*a)) != 0)
		i++;
	if (i == V6_MAX)
		return -EINVAL;
	if (i == nb_v6_addrs) {
		v6_addrs = xrealloc(v6_addrs, ++nb_v6_addrs, sizeof(*v6_addrs));
		v6_addrs[i] = *a;
	}
	*ret_ip = i + 1;
	return 0;
}

bool ip_is_v6(uint32_t ip)
{
	return ip > 0 && ip <= V6_MAX;
}

int ip_parse(const char *s, uint32_t *ret_ip)
{
	struct in6_addr v6;
	struct in_addr a;

	if (inet_pton(AF_INET6, s, &v6) == 1)
		return v6_number(&v6, ret_ip);
	if (inet_pton(AF_INET, s, &a) != 1 || ip_is_v6(ntohl(a.s_addr)))
		return -EINVAL;
	*ret_ip = ntohl(a.s_addr);
	return 0;
}

void ip_format(uint32_t ip, char out[static IP_TEXT])
{
	struct in_addr a = {htonl(ip)};

	out[0] = '\0';
	if (!ip_is_v6(ip))
		(void)inet_ntop(AF_INET, &a, out, IP_TEXT);
	else if (ip <= nb_v6_addrs)
		(void)inet_ntop(AF_INET6, &v6_addrs[ip - 1], out, IP_TEXT);
}

void uid_format(const uint8_t uid[static UID_LEN], char out[static 33])
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < UID_LEN; i++) {
		out[2 * i] = hex[uid[i] >> 4];
		out[2 * i + 1] = hex[uid[i] & 15];
	}
	out[32] = '\0';
}

void uuid_format(const uint8_t uuid[static 16], char out[static 37])
{
	char hex[33];

	uid_format(uuid, hex);
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int uuid_parse(const char *s, uint8_t out[static 16])
{
	char hex[33];
	size_t n = 0;

	for (; *s != '\0'; s++) {
		if (*s == '-')
			continue;
		if (n == 32)
			return -EINVAL;
		hex[n++] = *s;
	}
	hex[n] = '\0';
	return n == 32 ? parse_hex(hex, out, 16) : -EINVAL;
}
