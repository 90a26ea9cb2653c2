/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/steer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#define KEY 0x6d5au
#define NB_PORTS (65536u - STEER_PORT_FIRST)

/* RFC 792: the types whose body quotes the packet that caused them. */
#define ICMP_UNREACH 3
#define ICMP_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_EXCEEDED 11
#define ICMP_PARAMETER 12

/* The 32 bits of the repeated key that start at bit <i>, 0 <= i < 16. */
static uint32_t key_window(unsigned i)
{
	const uint64_t key = (uint64_t)KEY << 32 | (uint64_t)KEY << 16 | KEY;

	return (uint32_t)(key >> (16 - i));
}

static uint32_t hash_word(uint16_t word)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < 16; i++)
		if (word & (0x8000u >> i))
			hash ^= key_window(i);
	return hash;
}

void steer_init(struct steer *s, uint32_t nb_workers, uint32_t nb_buckets)
{
	s->nb_workers = nb_workers;
	s->nb_buckets = nb_buckets;
	for (unsigned i = 0; i < 256; i++) {
		s->high[i] = hash_word((uint16_t)(i << 8));
		s->low[i] = hash_word((uint16_t)i);
	}
	for (unsigned i = 0; i < STEER_BUCKETS_MAX; i++)
		s->worker[i] = (uint8_t)(i % nb_buckets % nb_workers);
}

void steer_key(uint8_t *ret_key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret_key[i] = i % 2 == 0 ? KEY >> 8 : KEY & 0xff;
}

uint32_t steer_hash(const struct steer *s, uint32_t a_be, uint32_t b_be, uint16_t a_port_be,
		    uint16_t b_port_be)
{
	const uint32_t addrs = ntohl(a_be ^ b_be);
	const uint16_t word =
		(uint16_t)(addrs >> 16 ^ addrs ^ ntohs((uint16_t)(a_port_be ^ b_port_be)));

	return s->high[word >> 8] ^ s->low[word & 0xff];
}

static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The flow of an unfragmented TCP packet; a quoted one may end after the ports. */
static enum steer_verdict steer_tcp(const struct steer *s, const uint8_t *ip, size_t len,
				    uint32_t *ret_worker)
{
	const size_t ihl = (size_t)(ip[0] & 0xf) * 4;

	if (ihl < 20 || len < ihl + 4)
		return STEER_ANY;
	*ret_worker = steer_worker_of(s, steer_hash(s, load32(ip + 12), load32(ip + 16),
						    load16(ip + ihl), load16(ip + ihl + 2)));
	return STEER_FLOW;
}

static bool is_icmp_error(uint8_t type)
{
	return type == ICMP_UNREACH || type == ICMP_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_EXCEEDED || type == ICMP_PARAMETER;
}

static enum steer_verdict steer_ip4(const struct steer *s, const uint8_t *ip, size_t len,
				    uint32_t *ret_worker)
{
	if (len < 20 || ip[0] >> 4 != 4 || (ntohs(load16(ip + 6)) & 0x3fff) != 0)
		return STEER_ANY;
	if (ip[9] == IPPROTO_TCP)
		return steer_tcp(s, ip, len, ret_worker);

	const size_t ihl = (size_t)(ip[0] & 0xf) * 4;

	if (ip[9] != IPPROTO_ICMP || ihl < 20 || len < ihl + 8 + 20 || !is_icmp_error(ip[ihl]))
		return STEER_ANY;

	const uint8_t *quoted = ip + ihl + 8;

	if (quoted[0] >> 4 != 4 || quoted[9] != IPPROTO_TCP)
		return STEER_ANY;
	return steer_tcp(s, quoted, len - ihl - 8, ret_worker);
}

enum steer_verdict steer_frame(const struct steer *s, const uint8_t *frame, size_t len,
			       uint32_t *ret_worker)
{
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
	if (type != ETHERTYPE_IP)
		return STEER_ANY;
	return steer_ip4(s, frame + off, len - off, ret_worker);
}

int steer_port_pick(const struct steer *s, uint32_t worker, uint32_t local_be, uint32_t remote_be,
		    uint16_t remote_port, uint32_t start, uint16_t *ret_port)
{
	for (uint32_t i = 0; i < NB_PORTS; i++) {
		const uint16_t port = (uint16_t)(STEER_PORT_FIRST + (start + i) % NB_PORTS);
		const uint32_t hash =
			steer_hash(s, local_be, remote_be, htons(port), htons(remote_port));

		if (steer_worker_of(s, hash) != worker)
			continue;
		*ret_port = port;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

uint32_t steer_port_distance(uint32_t start, uint16_t port)
{
	return (port - STEER_PORT_FIRST + NB_PORTS - start % NB_PORTS) % NB_PORTS;
}
