/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SipHash over whole 64-bit words, for keys of known size: a keyed hash whose output an attacker
 * can neither predict nor steer into collisions. 1-3 rounds for hash tables, 2-4 where the output
 * is a secret in itself (sequence numbers, SYN cookies).
 */

#pragma once

#include <stdint.h>

static inline uint64_t siphash_rotl(uint64_t x, unsigned b)
{
	return x << b | x >> (64 - b);
}

static inline void siphash_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = siphash_rotl(v[1], 13) ^ v[0];
	v[0] = siphash_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = siphash_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = siphash_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = siphash_rotl(v[1], 17) ^ v[2];
	v[2] = siphash_rotl(v[2], 32);
}

/* <nb> words under <key>, <c_rounds> per word and <d_rounds> at the end. */
static inline uint64_t siphash_words(const uint64_t key[static 2], const uint64_t *words,
				     unsigned nb, unsigned c_rounds, unsigned d_rounds)
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint64_t last = (uint64_t)nb * 8 << 56; /* the length in bytes, as for bytes */

	for (unsigned i = 0; i <= nb; i++) {
		const uint64_t w = i < nb ? words[i] : last;

		v[3] ^= w;
		for (unsigned r = 0; r < c_rounds; r++)
			siphash_round(v);
		v[0] ^= w;
	}
	v[2] ^= 0xff;
	for (unsigned r = 0; r < d_rounds; r++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
