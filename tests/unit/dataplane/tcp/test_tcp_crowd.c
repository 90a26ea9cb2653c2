/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Many connections: what they cost when they are idle, and that it all comes back. With a number
 * as argument the last test takes that many (meson runs it with a million).
 */

#include "tests/lib/eal_test.h"
#include "tests/lib/tcp_crowd.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define POOL_SIZE 4095u
#define SOME 16384u

static struct rte_mempool *pool;
static uint32_t nb_crowd = SOME;

static void exchange_with_every(struct crowd *w, uint32_t step)
{
	uint32_t ids[CROWD_BURST];

	for (uint32_t i = 0; i + CROWD_BURST * step <= w->nb; i += CROWD_BURST * step) {
		for (uint32_t k = 0; k < CROWD_BURST; k++)
			ids[k] = i + k * step;
		assert_true(crowd_exchange(w, ids, CROWD_BURST, 300, 1200));
	}
}

static void idle_connection_costs_at_most_512_bytes(void **)
{
	struct crowd *w = crowd_new(pool, SOME, true);

	assert_non_null(w);
	assert_true(crowd_open(w, 0, SOME));
	assert_true(tcp_stack_bytes(w->st) <= (size_t)512 * SOME);
	assert_int_equal(tcp_stack_nb_flights(w->st), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	/* Neither has it more after it was used. */
	for (unsigned i = 0; i < 3; i++)
		exchange_with_every(w, 1);
	assert_int_equal(tcp_stack_nb_conns(w->st), SOME);
	assert_int_equal(tcp_stack_nb_flights(w->st), 0);
	assert_int_equal(tcp_stack_nb_mbufs(w->st), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	crowd_free(w);
}

static void unlisten_leaves_what_was_accepted(void **)
{
	struct crowd *w = crowd_new(pool, 1000, false);
	const struct tcp_tuple *t;

	assert_non_null(w);
	assert_true(crowd_open(w, 0, 1000));
	t = tcp_conn_tuple(w->peers[0].conn);
	assert_int_equal(tcp_unlisten(w->st, &t->local, t->local_port), 0);
	assert_int_equal(tcp_stack_nb_conns(w->st), 1000);
	exchange_with_every(w, 10);
	assert_int_equal(w->nb_resets, 0);
	crowd_free(w);
}

static void crowd_comes_works_and_goes(void **)
{
	const uint32_t n = nb_crowd;
	struct crowd *w = crowd_new(pool, n, true);

	assert_non_null(w);
	assert_true(crowd_open(w, 0, n));
	assert_int_equal(tcp_stack_nb_conns(w->st), n);
	/* No place is left, and nobody is harmed by who asks for one. */
	exchange_with_every(w, n / SOME);
	assert_int_equal(tcp_stack_nb_flights(w->st), 0);
	assert_true(crowd_close(w, 0, n));
	assert_int_equal(w->nb_resets, 0);
	assert_int_equal(tcp_stack_nb_conns(w->st), 0);
	assert_int_equal(tcp_stack_nb_time_wait(w->st), 0);
	assert_int_equal(tcp_stack_nb_mbufs(w->st), 0);
	assert_int_equal(tcp_next_deadline(w->st), UINT64_MAX);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	/* All places are good for another one. */
	assert_true(crowd_open(w, 0, n));
	crowd_free(w);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_connection_costs_at_most_512_bytes),
		cmocka_unit_test(unlisten_leaves_what_was_accepted),
		cmocka_unit_test(crowd_comes_works_and_goes),
	};

	if (argc > 1)
		nb_crowd = (uint32_t)strtoul(argv[1], NULL, 10);
	eal_test_init();
	pool = rte_pktmbuf_pool_create("crowd", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	return pool == NULL || cmocka_run_group_tests(tests, NULL, NULL);
}
