/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012, with one compression and three finalization rounds):
 * UIDs come from outside, and nobody who picks them may fill one page of the device table.
 */

#include "common/snap/snap.h"

#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return (x << n) | (x >> (64 - n));
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	s->v0 ^= m;
}

static inline struct sip sip_start(const uint64_t key[static 2])
{
	return (struct sip){
		.v0 = key[0] ^ 0x736f6d6570736575u,
		.v1 = key[1] ^ 0x646f72616e646f6du,
		.v2 = key[0] ^ 0x6c7967656e657261u,
		.v3 = key[1] ^ 0x7465646279746573u,
	};
}

static inline uint64_t sip_end(struct sip *s)
{
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t snap_siphash(const uint64_t key[static 2], const void *ptr, size_t len)
{
	struct sip s = sip_start(key);
	const uint8_t *p = ptr;
	uint64_t m;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&m, p + i, 8);
		sip_word(&s, m);
	}
	m = 0;
	if (i < len)
		memcpy(&m, p + i, len - i);
	sip_word(&s, m | (uint64_t)(len & 0xff) << 56);
	return sip_end(&s);
}

uint64_t snap_device_hash(const uint64_t seed[static 2], const struct device_uid *uid)
{
	struct sip s = sip_start(seed);
	uint64_t m[2];

	memcpy(m, uid->b, sizeof(m));
	sip_word(&s, m[0]);
	sip_word(&s, m[1]);
	sip_word(&s, (uint64_t)sizeof(m) << 56);
	return sip_end(&s);
}
