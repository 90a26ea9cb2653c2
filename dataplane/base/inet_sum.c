/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Words of 32 bits are added up in lanes of 64, which cannot overflow below 16 GiB; that is the
 * same sum modulo 65535 as that of words of 16 bits (RFC 1071 2 (C)).
 */

#include "base/inet_sum.h"

#include <stdbool.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

static uint64_t load32(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* At most 63 bytes, and all of them where there is nothing wider. */
static uint64_t sum_rest(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (; len >= 8; p += 8, len -= 8)
		sum += load32(p) + load32(p + 4);
	if (len >= 4) {
		sum += load32(p);
		p += 4;
		len -= 4;
	}
	if (len > 0) {
		uint32_t w = 0;

		memcpy(&w, p, len);
		sum += w;
	}
	return sum;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t sum_wide(const uint8_t *p, size_t len)
{
	const __m256i low = _mm256_set1_epi64x(UINT32_MAX);
	__m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
	uint64_t lane[4];

	for (; len >= 64; p += 64, len -= 64) {
		const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
		const __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));

		a = _mm256_add_epi64(a, _mm256_and_si256(v, low));
		b = _mm256_add_epi64(b, _mm256_srli_epi64(v, 32));
		c = _mm256_add_epi64(c, _mm256_and_si256(w, low));
		d = _mm256_add_epi64(d, _mm256_srli_epi64(w, 32));
	}
	a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
	_mm256_storeu_si256((__m256i *)(void *)lane, a);
	return lane[0] + lane[1] + lane[2] + lane[3] + sum_rest(p, len);
}

static bool has_wide(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
static uint64_t sum_wide(const uint8_t *p, size_t len)
{
	return sum_rest(p, len);
}

static bool has_wide(void)
{
	return false;
}
#endif

uint16_t inet_sum(const void *buf, size_t len)
{
	return inet_fold(len >= 128 && has_wide() ? sum_wide(buf, len) : sum_rest(buf, len));
}
