/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/steer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define KEY 0x6d5au
#define NB_PORTS (65536u - STEER_PORT_FIRST)

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

/* The exclusive or of all 16-bit words of both addresses, network order. */
static uint16_t fold_addrs(const struct ip_addr *a, const struct ip_addr *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->b, sizeof(x));
	memcpy(y, b->b, sizeof(y));
	x[0] ^= x[1] ^ y[0] ^ y[1];
	x[0] ^= x[0] >> 32;
	return (uint16_t)(x[0] ^ x[0] >> 16);
}

uint32_t steer_hash(const struct steer *s, const struct ip_addr *a, const struct ip_addr *b,
		    uint16_t a_port_be, uint16_t b_port_be)
{
	const uint16_t word = ntohs((uint16_t)(fold_addrs(a, b) ^ a_port_be ^ b_port_be));

	return s->high[word >> 8] ^ s->low[word & 0xff];
}

int steer_port_pick(const struct steer *s, uint32_t worker, const struct ip_addr *local,
		    const struct ip_addr *remote, uint16_t remote_port, uint32_t start,
		    uint16_t *ret_port)
{
	for (uint32_t i = 0; i < NB_PORTS; i++) {
		const uint16_t port = (uint16_t)(STEER_PORT_FIRST + (start + i) % NB_PORTS);
		const uint32_t hash = steer_hash(s, local, remote, htons(port), htons(remote_port));

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
