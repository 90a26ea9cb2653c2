/* SPDX-License-Identifier: BSD-3-Clause */

/* IPv6 and ICMPv6 on the wire, for nd and ip. The short names are taken by netinet/ip6.h. */

#pragma once

#include "common/base/ids.h"

#include <assert.h>
#include <stdint.h>

#define IP6_HDR_LEN 40u
#define IP6_MIN_MTU 1280u

#define ICMP6_UNREACH 1
#define ICMP6_TOO_BIG 2
#define ICMP6_EXCEEDED 3
#define ICMP6_PARAMETER 4
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_MLD_QUERY 130
#define ICMP6_MLD_DONE 132
#define ICMP6_RS 133
#define ICMP6_RA 134
#define ICMP6_NS 135
#define ICMP6_NA 136
#define ICMP6_REDIRECT 137
#define ICMP6_MLD2_REPORT 143

/* RFC 8200 3. Behind an Ethernet header no field is aligned; packed, none needs to be. */
struct ip6_header {
	uint32_t ver_class_flow_be;
	uint16_t len_be; /* of what follows the header */
	uint8_t next;
	uint8_t hop_limit;
	struct ip_addr src;
	struct ip_addr dst;
} __attribute__((packed));
static_assert(sizeof(struct ip6_header) == IP6_HDR_LEN, "on the wire");

/* RFC 4443 2.1. */
struct icmp6_header {
	uint8_t type;
	uint8_t code;
	uint16_t cksum_be;
	uint32_t word_be; /* echo: id and sequence number; too big: the MTU; parameter: pointer */
} __attribute__((packed));
static_assert(sizeof(struct icmp6_header) == 8, "on the wire");

#define IP6_VERSION_BE RTE_BE32(6u << 28)

/* RFC 4291 2.7.1. */
#define IP6_ALL_NODES ((struct ip_addr){.b = {[0] = 0xff, [1] = 2, [15] = 1}})
#define IP6_ALL_MLD_ROUTERS ((struct ip_addr){.b = {[0] = 0xff, [1] = 2, [15] = 0x16}})

/* RFC 4291 2.7.1: ff02::1:ffXX:XXXX. */
static inline struct ip_addr ip6_solicited_node(const struct ip_addr *a)
{
	return (struct ip_addr){.b = {[0] = 0xff,
				      [1] = 2,
				      [11] = 1,
				      [12] = 0xff,
				      [13] = a->b[13],
				      [14] = a->b[14],
				      [15] = a->b[15]}};
}

/*
 * Internet checksum of the pseudo header (RFC 8200 8.1) and, in <payload_sum>, of the payload as
 * rte_raw_cksum() gives it: 0xffff over a payload whose checksum is right.
 */
uint16_t ip6_pseudo_sum(const struct ip_addr *src, const struct ip_addr *dst, uint32_t len,
			uint8_t proto, uint16_t payload_sum);
