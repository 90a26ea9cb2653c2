/* SPDX-License-Identifier: BSD-3-Clause */

/* From a frame's bytes to the worker that it belongs to. */

#include "io/steer.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

/* RFC 792: the types whose body quotes the packet that caused them. */
#define ICMP_UNREACH 3
#define ICMP_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_EXCEEDED 11
#define ICMP_PARAMETER 12

#define ICMP_HDR_LEN 8u
#define IP4_HDR_LEN 20u
#define IP4_OFFSET 0x1fffu
#define IP4_MORE 0x2000u
#define IP6_HDR_LEN 40u
#define IP6_OFFSET 0xfff8u
#define IP6_MORE 0x0001u

/* RFC 4443 2.1: an error has the high bit of its type clear. */
#define ICMP6_INFORMATIONAL 128
#define MLD_QUERY 130
#define MLD_DONE 132
#define MLD2_REPORT 143
#define ND_ROUTER_SOLICIT 133
#define ND_REDIRECT 137

static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static struct ip_addr load_ip4(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return ip_addr_from_v4(v);
}

static struct ip_addr load_ip6(const uint8_t *p)
{
	struct ip_addr a;

	memcpy(a.b, p, sizeof(a.b));
	return a;
}

/* An IP packet, or one that an ICMP error quotes: what decides where it goes. */
struct packet {
	struct ip_addr src, dst;
	uint8_t proto;
	uint8_t hop_limit;
	bool is_fragment; /* one of several */
	bool is_first;    /* not a later one of several: <data> is a header of <proto> */
	const uint8_t *data;
	size_t len;
};

static bool parse_ip4(const uint8_t *ip, size_t len, struct packet *ret)
{
	if (len < IP4_HDR_LEN || ip[0] >> 4 != 4)
		return false;

	const size_t ihl = (size_t)(ip[0] & 0xf) * 4;
	const uint16_t frag = ntohs(load16(ip + 6));

	if (ihl < IP4_HDR_LEN || len < ihl)
		return false;
	*ret = (struct packet){
		.src = load_ip4(ip + 12),
		.dst = load_ip4(ip + 16),
		.proto = ip[9],
		.hop_limit = ip[8],
		.is_fragment = (frag & (IP4_OFFSET | IP4_MORE)) != 0,
		.is_first = (frag & IP4_OFFSET) == 0,
		.data = ip + ihl,
		.len = len - ihl,
	};
	return true;
}

/* Length of the extension header at <h> (RFC 8200 4, RFC 4302 2.2); 0: <proto> is none. */
static size_t ext_len(uint8_t proto, const uint8_t *h)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (h[1] + 1u) * 8;
	case IPPROTO_AH:
		return (h[1] + 2u) * 4;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static bool parse_ip6(const uint8_t *ip, size_t len, struct packet *ret)
{
	if (len < IP6_HDR_LEN || ip[0] >> 4 != 6)
		return false;

	struct packet p = {
		.src = load_ip6(ip + 8),
		.dst = load_ip6(ip + 24),
		.proto = ip[6],
		.hop_limit = ip[7],
		.is_first = true,
		.data = ip + IP6_HDR_LEN,
		.len = len - IP6_HDR_LEN,
	};

	for (unsigned i = 0; i < STEER_MAX_EXT && p.is_first && p.len >= 8; i++) {
		const size_t n = ext_len(p.proto, p.data);

		if (n == 0 || n > p.len)
			break;
		/* One fragment of one is a whole packet (RFC 6946). */
		if (p.proto == IPPROTO_FRAGMENT) {
			const uint16_t frag = ntohs(load16(p.data + 2));

			p.is_fragment |= (frag & (IP6_OFFSET | IP6_MORE)) != 0;
			p.is_first = (frag & IP6_OFFSET) == 0;
		}
		p.proto = p.data[0];
		p.data += n;
		p.len -= n;
	}
	*ret = p;
	return true;
}

static enum steer_verdict to_flow(const struct steer *s, const struct packet *p, uint16_t src_be,
				  uint16_t dst_be, uint32_t *ret_worker)
{
	*ret_worker = steer_worker_of(s, steer_hash(s, &p->src, &p->dst, src_be, dst_be));
	return STEER_FLOW;
}

/* The flow of a TCP packet; a quoted one may end after the ports, and be the first fragment. */
static enum steer_verdict steer_tcp(const struct steer *s, const struct packet *p,
				    uint32_t *ret_worker)
{
	if (p->proto != IPPROTO_TCP || !p->is_first || p->len < 4)
		return STEER_ANY;
	return to_flow(s, p, load16(p->data), load16(p->data + 2), ret_worker);
}

static bool is_icmp_error(uint8_t type)
{
	return type == ICMP_UNREACH || type == ICMP_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_EXCEEDED || type == ICMP_PARAMETER;
}

/* <is_v6>: of the packet that is quoted too. */
static enum steer_verdict steer_quoted(const struct steer *s, const struct packet *p, bool is_v6,
				       uint32_t *ret_worker)
{
	const uint8_t *quoted = p->data + ICMP_HDR_LEN;
	const size_t len = p->len - ICMP_HDR_LEN;
	struct packet q;

	if (is_v6 ? !parse_ip6(quoted, len, &q) : !parse_ip4(quoted, len, &q))
		return STEER_ANY;
	return steer_tcp(s, &q, ret_worker);
}

/*
 * What all workers learn from. Neighbour discovery comes from the link itself, with a hop limit
 * of 255 (RFC 4861 6.1, 7.1), MLD with 1 (RFC 3810 5): what a router passed on is not copied.
 */
static bool is_of_link(const struct packet *p)
{
	const uint8_t type = p->data[0];

	if (type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT)
		return p->hop_limit == 255;
	return p->hop_limit == 1 &&
	       ((type >= MLD_QUERY && type <= MLD_DONE) || type == MLD2_REPORT);
}

static enum steer_verdict steer_packet(const struct steer *s, const struct packet *p, bool is_v6,
				       uint32_t *ret_worker)
{
	if (p->is_fragment)
		return to_flow(s, p, 0, 0, ret_worker);
	if (p->proto == IPPROTO_TCP)
		return steer_tcp(s, p, ret_worker);
	if (p->proto != (is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) || p->len < ICMP_HDR_LEN)
		return STEER_ANY;
	if (is_v6 && is_of_link(p))
		return STEER_ALL;
	if (is_v6 ? p->data[0] < ICMP6_INFORMATIONAL : is_icmp_error(p->data[0]))
		return steer_quoted(s, p, is_v6, ret_worker);
	return STEER_ANY;
}

enum steer_verdict steer_frame(const struct steer *s, const uint8_t *frame, size_t len,
			       uint32_t *ret_worker)
{
	struct packet p;
	size_t off = 14;

	if (len < off)
		return STEER_ANY;

	uint16_t type = ntohs(load16(frame + 12));

	if (type == ETHERTYPE_VLAN && len >= off + 4) {
		type = ntohs(load16(frame + 16));
		off += 4;
	}
	if (type == ETHERTYPE_ARP)
		return STEER_ALL;
	if (type == ETHERTYPE_IP && parse_ip4(frame + off, len - off, &p))
		return steer_packet(s, &p, false, ret_worker);
	if (type == ETHERTYPE_IPV6 && parse_ip6(frame + off, len - off, &p))
		return steer_packet(s, &p, true, ret_worker);
	return STEER_ANY;
}
