/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/base/ids.h"

#include "common/base/hex.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

/* <len> hex digits, right-aligned in the zeroed <cap> bytes of <out>. */
static int hex_parse(const char *s, size_t len, uint8_t *out, size_t cap)
{
	if (len > 2 * cap)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int v = hex_value(s[len - 1 - i]);
		if (v < 0)
			return -EINVAL;
		out[cap - 1 - i / 2] |= (uint8_t)(i % 2 == 0 ? v : v << 4);
	}
	return 0;
}

static void hex_emit(const uint8_t *b, size_t len, char *out)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digit[b[i] >> 4];
		out[2 * i + 1] = digit[b[i] & 15];
	}
	out[2 * len] = '\0';
}

int device_uid_parse(const char *s, size_t len, struct device_uid *ret)
{
	struct device_uid uid = {};

	if (len != DEVICE_UID_STRLEN || hex_parse(s, len, uid.b, sizeof(uid.b)) < 0)
		return -EINVAL;
	*ret = uid;
	return 0;
}

void device_uid_emit(const struct device_uid *uid, char ret[static DEVICE_UID_STRLEN + 1])
{
	hex_emit(uid->b, sizeof(uid->b), ret);
}

int cert_serial_parse(const char *s, size_t len, struct cert_serial *ret)
{
	struct cert_serial sn = {};

	if (len == 0 || hex_parse(s, len, sn.b, sizeof(sn.b)) < 0)
		return -EINVAL;
	*ret = sn;
	return 0;
}

void cert_serial_emit(const struct cert_serial *sn, char ret[static CERT_SERIAL_STRLEN + 1])
{
	hex_emit(sn->b, sizeof(sn->b), ret);
}

int ip_addr_parse(const char *s, size_t len, struct ip_addr *ret)
{
	char text[IP_ADDR_STRLEN];
	struct in_addr v4;
	struct ip_addr v6;

	if (len == 0 || len >= sizeof(text) || memchr(s, '\0', len) != NULL)
		return -EINVAL;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, &v4) == 1)
		*ret = ip_addr_from_v4(v4.s_addr);
	else if (inet_pton(AF_INET6, text, v6.b) == 1)
		*ret = v6;
	else
		return -EINVAL;
	return 0;
}

/* Once per request that is forwarded: inet_ntop() goes by way of sprintf(). */
static void ip4_emit(const uint8_t b[static 4], char *out)
{
	for (unsigned i = 0; i < 4; i++) {
		if (b[i] >= 100)
			*out++ = (char)('0' + b[i] / 100);
		if (b[i] >= 10)
			*out++ = (char)('0' + b[i] / 10 % 10);
		*out++ = (char)('0' + b[i] % 10);
		*out++ = i < 3 ? '.' : '\0';
	}
}

void ip_addr_emit(const struct ip_addr *a, char ret[static IP_ADDR_STRLEN])
{
	if (ip_addr_is_v4(a)) {
		ip4_emit(a->b + 12, ret);
		return;
	}
	/* It fails for lack of room only, and IP_ADDR_STRLEN is INET6_ADDRSTRLEN. */
	if (inet_ntop(AF_INET6, a->b, ret, IP_ADDR_STRLEN) == NULL)
		ret[0] = '\0';
}

void ip_port_emit(const struct ip_addr *a, uint16_t port, char ret[static IP_PORT_STRLEN])
{
	const bool is_v4 = ip_addr_is_v4(a);
	char addr[IP_ADDR_STRLEN], suffix[8] = "";

	ip_addr_emit(a, addr);
	if (port != 0)
		(void)snprintf(suffix, sizeof(suffix), ":%u", (unsigned)port);
	(void)snprintf(ret, IP_PORT_STRLEN, "%s%s%s%s", is_v4 ? "" : "[", addr, is_v4 ? "" : "]",
		       suffix);
}
