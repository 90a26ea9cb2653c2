/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/io.h"

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

		io_pool_sizes(&p, &rx, &tx);
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

	io_pool_sizes(&p, &rx, &tx);
	assert_true(rx < 20000);
}

static void small_pages_hold_one_buffer_each(void **)
{
	struct io_params p = {
		.nb_ports = 2, .nb_workers = 1, .memory_mib = 256, .max_connections = 100000};
	uint32_t rx, tx, rx_huge, tx_huge;

	io_pool_sizes(&p, &rx, &tx);
	p.has_hugepages = true;
	io_pool_sizes(&p, &rx_huge, &tx_huge);
	assert_true(rx < rx_huge);
	assert_true((uint64_t)(rx + tx) * 4096 <= (256ull << 20) / 4 * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_stay_within_three_quarters_of_the_memory),
		cmocka_unit_test(few_connections_need_few_buffers),
		cmocka_unit_test(small_pages_hold_one_buffer_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
