/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/io.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void pools_stay_within_three_quarters_of_the_memory(void **)
{
	for (uint32_t workers = 1; workers <= 8; workers *= 2) {
		struct io_params p = {
			.nb_ports = 2,
			.nb_workers = workers,
			.memory_mib = 2048,
			.max_connections = 1000000,
			.has_hugepages = true,
		};
		uint32_t rx, tx;

		io_pool_sizes(&p, 2048, 2048, &rx, &tx);
		assert_true((uint64_t)(rx + tx) * workers * 2560 <= (2048ull << 20) / 4 * 3);
		assert_true(rx >= 4096);
	}
}

static void few_connections_need_few_buffers(void **)
{
	struct io_params p = {
		.nb_ports = 2,
		.nb_workers = 1,
		.memory_mib = 65536,
		.max_connections = 100,
		.has_hugepages = true,
	};
	uint32_t rx, tx;

	io_pool_sizes(&p, 2048, 2048, &rx, &tx);
	assert_true(rx < 20000);
}

static void small_pages_hold_one_buffer_each(void **)
{
	struct io_params p = {
		.nb_ports = 2, .nb_workers = 1, .memory_mib = 256, .max_connections = 100000};
	uint32_t rx, tx, rx_huge, tx_huge;

	io_pool_sizes(&p, 2048, 2048, &rx, &tx);
	p.has_hugepages = true;
	io_pool_sizes(&p, 2048, 2048, &rx_huge, &tx_huge);
	assert_true(rx < rx_huge);
	assert_true((uint64_t)(rx + tx) * 4096 <= (256ull << 20) / 4 * 3);
}

static void large_packets_take_larger_buffers_and_fewer(void **)
{
	const struct io_params p = {.nb_ports = 2,
				    .nb_workers = 1,
				    .memory_mib = 512,
				    .max_connections = 100000,
				    .has_hugepages = true};
	uint32_t rx, tx, rx_jumbo, tx_jumbo;

	assert_int_equal(io_room(1500), 2048);
	assert_int_equal(io_room(576), 2048);
	/* A segment of 8948 bytes behind 192 bytes of its own, with a head room of 128. */
	assert_true(io_room(9000) + RTE_PKTMBUF_HEADROOM >= 192 + 8948);
	assert_true(io_room(9216) >= 9216 + 22);
	io_pool_sizes(&p, 2048, 2048, &rx, &tx);
	io_pool_sizes(&p, 2048, io_room(9000), &rx_jumbo, &tx_jumbo);
	assert_true(tx_jumbo < tx);
	assert_true((uint64_t)rx_jumbo * 2048 + (uint64_t)tx_jumbo * 9000 <=
		    (512ull << 20) / 4 * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_stay_within_three_quarters_of_the_memory),
		cmocka_unit_test(few_connections_need_few_buffers),
		cmocka_unit_test(small_pages_hold_one_buffer_each),
		cmocka_unit_test(large_packets_take_larger_buffers_and_fewer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
