/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Identities that both planes and every shared-memory layout use: device UID (EMS's 32 hex
 * digits), certificate serial number (RFC 5280 4.1.2.2, at most 20 octets) and IP address.
 */

#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An endpoint's UID: 32 hex digits on the wire, here the 16 bytes they stand for. */
struct device_uid {
	uint8_t b[16];
};
static_assert(sizeof(struct device_uid) == 16, "crosses processes");

#define DEVICE_UID_STRLEN 32

/* A certificate serial number, big endian, right-aligned in 20 octets. All zero means unknown. */
struct cert_serial {
	uint8_t b[20];
};
static_assert(sizeof(struct cert_serial) == 20, "crosses processes");

#define CERT_SERIAL_STRLEN 40

/* An IPv6 address, or an IPv4 one in its IPv4-mapped form (RFC 4291 2.5.5.2). Network order. */
struct ip_addr {
	uint8_t b[16];
};
static_assert(sizeof(struct ip_addr) == 16, "crosses processes");

#define IP_ADDR_STRLEN 46
#define IP_PORT_STRLEN (IP_ADDR_STRLEN + 8)

static inline bool device_uid_is_equal(const struct device_uid *a, const struct device_uid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool cert_serial_is_zero(const struct cert_serial *s)
{
	static const struct cert_serial zero;

	return memcmp(s->b, zero.b, sizeof(s->b)) == 0;
}

static inline bool cert_serial_is_equal(const struct cert_serial *a, const struct cert_serial *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool ip_addr_is_v4(const struct ip_addr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a->b, prefix, sizeof(prefix)) == 0;
}

/* <addr_be> in network byte order. */
static inline struct ip_addr ip_addr_from_v4(uint32_t addr_be)
{
	struct ip_addr a = {.b = {[10] = 0xff, [11] = 0xff}};

	memcpy(&a.b[12], &addr_be, sizeof(addr_be));
	return a;
}

static inline uint32_t ip_addr_to_v4(const struct ip_addr *a)
{
	uint32_t addr_be;

	memcpy(&addr_be, &a->b[12], sizeof(addr_be));
	return addr_be;
}

/* Kinds of addresses (RFC 4291 2.4). An IPv4-mapped one is none of these. */
static inline bool ip_addr_is_multicast6(const struct ip_addr *a)
{
	return a->b[0] == 0xff;
}

static inline bool ip_addr_is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static inline bool ip_addr_is_unspecified(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return memcmp(a->b, zero.b, sizeof(a->b)) == 0;
}

static inline bool ip_addr_is_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Do the first <len> bits, counted in the mapped form, agree, and are both of one family? */
static inline bool ip_addr_has_prefix(const struct ip_addr *a, const struct ip_addr *prefix,
				      uint8_t len)
{
	const unsigned bytes = len / 8, bits = len % 8;
	/* Without this ::/0 would hold IPv4's addresses too. */
	const bool is_v4 = len >= 96 && ip_addr_is_v4(prefix);

	if (is_v4 != ip_addr_is_v4(a) || memcmp(a->b, prefix->b, bytes) != 0)
		return false;
	return bits == 0 || (a->b[bytes] ^ prefix->b[bytes]) >> (8 - bits) == 0;
}

/*
 * Text forms. The parsers take exactly <len> bytes and accept nothing around them: a UID is
 * exactly 32 hex digits of either case, a serial number 1 to 40 hex digits. They return 0, or
 * -EINVAL with <ret> untouched. The emitters write a NUL-terminated upper-case string.
 */
[[nodiscard]] int device_uid_parse(const char *s, size_t len, struct device_uid *ret);
void device_uid_emit(const struct device_uid *uid, char ret[static DEVICE_UID_STRLEN + 1]);
[[nodiscard]] int cert_serial_parse(const char *s, size_t len, struct cert_serial *ret);
void cert_serial_emit(const struct cert_serial *sn, char ret[static CERT_SERIAL_STRLEN + 1]);
[[nodiscard]] int ip_addr_parse(const char *s, size_t len, struct ip_addr *ret);
/* RFC 5952; IPv4-mapped as IPv4. */
void ip_addr_emit(const struct ip_addr *a, char ret[static IP_ADDR_STRLEN]);
/* As in a URL: "192.0.2.1:80", "[2001:db8::1]:80"; without a port when <port> is 0. */
void ip_port_emit(const struct ip_addr *a, uint16_t port, char ret[static IP_PORT_STRLEN]);
