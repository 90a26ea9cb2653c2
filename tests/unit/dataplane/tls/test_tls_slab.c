/* SPDX-License-Identifier: BSD-3-Clause */

#include "tls/tls_slab.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NB 3000u

/* Where a sanitizer watches every piece comes from malloc(). */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_WATCHED true
#else
#define IS_WATCHED false
#endif

static void *get(size_t len)
{
	void *p = slab_alloc(len, __FILE__, __LINE__);

	assert_non_null(p);
	return p;
}

static void put(void *p)
{
	slab_free(p, __FILE__, __LINE__);
}

/* Every size up to beyond the largest, twice; each filled to its end while its neighbours live. */
static void pieces_do_not_overlap(void **)
{
	static uint8_t *p[2 * NB];
	static const size_t step = 9;

	for (unsigned i = 0; i < 2 * NB; i++) {
		const size_t len = i / 2 * step;
		p[i] = get(len);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)(i & 0xff), len);
	}
	for (unsigned i = 0; i < 2 * NB; i++) {
		const size_t len = i / 2 * step;
		for (size_t k = 0; k < len; k++)
			assert_int_equal(p[i][k], i & 0xff);
		put(p[i]);
	}
}

static void what_was_freed_is_given_again(void **)
{
	if (IS_WATCHED)
		skip();

	void *a = get(100), *b = get(1500);

	put(a);
	put(b);
	assert_ptr_equal(get(97), a);
	assert_ptr_equal(get(1400), b);
	put(a);
	put(b);
	put(NULL);
}

static void realloc_keeps_what_was_there(void **)
{
	static const size_t len[] = {1,     16,    17,    200,   1024, 1025, 5000, 20480,
				     20481, 60000, 30000, 20000, 5000, 1000, 10};
	uint8_t *p = NULL;
	size_t had = 0;

	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		p = slab_realloc(p, len[i], __FILE__, __LINE__);
		assert_non_null(p);
		const size_t kept = had < len[i] ? had : len[i];
		for (size_t k = 0; k < kept; k++)
			assert_int_equal(p[k], i - 1);
		memset(p, (int)i, len[i]);
		had = len[i];
	}
	put(p);
}

struct belt {
	_Atomic(void *) slot[64];
	_Atomic(unsigned) nb_done;
};

/* Allocates, fills, and hands to the other thread, which looks and frees. */
static void *maker(void *arg)
{
	struct belt *b = arg;

	for (unsigned i = 0; i < 20 * NB; i++) {
		const size_t len = 16 + i % 700;
		uint8_t *p = get(len);
		memset(p, (int)(i & 0xff), len);
		memcpy(p, &len, sizeof(len));
		void *old = atomic_exchange(&b->slot[i % 64], p);
		put(old);
	}
	atomic_fetch_add(&b->nb_done, 1);
	return NULL;
}

static void *taker(void *arg)
{
	struct belt *b = arg;
	size_t len;

	while (atomic_load(&b->nb_done) == 0) {
		for (unsigned i = 0; i < 64; i++) {
			uint8_t *p = atomic_exchange(&b->slot[i], NULL);
			if (p == NULL)
				continue;
			memcpy(&len, p, sizeof(len));
			for (size_t k = sizeof(len); k + 1 < len; k++)
				assert_int_equal(p[k], p[k + 1]);
			put(p);
			put(get(32)); /* its own, between */
		}
	}
	return NULL;
}

static void any_thread_may_free(void **)
{
	struct belt b = {};
	pthread_t t[2];

	assert_int_equal(pthread_create(&t[0], NULL, maker, &b), 0);
	assert_int_equal(pthread_create(&t[1], NULL, taker, &b), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < 64; i++)
		put(atomic_load(&b.slot[i]));
}

static int init(void **)
{
	return slab_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_freed_is_given_again),
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(realloc_keeps_what_was_there),
		cmocka_unit_test(any_thread_may_free),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
