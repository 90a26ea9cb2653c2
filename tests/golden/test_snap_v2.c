/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The bytes of a version 2 snapshot, read by numbers written down here and not by the structs: a
 * change of layout that forgets to raise SNAP_ABI fails this. The two planes may be of different
 * builds for a while, during an upgrade.
 */

#include "tests/lib/snap_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct snap_fixture f;

static uint32_t u32(uint64_t off)
{
	uint32_t x;

	memcpy(&x, f.base + off, sizeof(x));
	return x;
}

static uint64_t u64(uint64_t off)
{
	uint64_t x;

	memcpy(&x, f.base + off, sizeof(x));
	return x;
}

static int setup(void **state)
{
	const struct fixture_policy p = {.id = 17, .action = SNAP_ACCEPT, .tags = "FortiAD"};
	const struct snap_revoked revoked = {.serial = fixture_serial(0x77)};

	(void)state;
	fixture_init(&f);
	fixture_policies(&f, &p, 1);
	fixture_device(&f, 0x1234, "FortiAD");
	if (snap_build_revoked(f.build, &revoked, 1) < 0)
		return -1;
	fixture_publish(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

static void the_abi_is_the_one_that_is_written_down_here(void **state)
{
	(void)state;
	/* Raise it, and write the new layout's numbers below. */
	assert_int_equal(SNAP_ABI, 2);
}

static void the_header(void **state)
{
	(void)state;
	assert_memory_equal(f.base, "SNAP", 4);
	assert_int_equal(u32(4), 2);
	assert_int_equal(u64(8), f.file_len);
	assert_int_equal(u64(16), 7);
	assert_true(u64(24) == 0x0123456789abcdefu);
	assert_true(u64(32) == 0xfedcba9876543210u);
}

static void the_root(void **state)
{
	(void)state;
	uint64_t r = f.root_off;

	assert_memory_equal(f.base + r, "ROOT", 4);
	assert_int_equal(u32(r + 4), 2);
	assert_int_equal(u64(r + 8), 1);  /* generation */
	assert_int_equal(u64(r + 16), 1); /* config_generation */
	assert_int_equal(u64(r + 24), 1); /* decide_generation */
	assert_int_equal(u64(r + 32), 1); /* published_us */
	assert_int_equal(u64(r + 40) % 4096, 0);
	assert_int_equal(u32(r + 48), 2); /* device_dir_bits */
	assert_int_equal(u32(r + 52), 1); /* nb_devices */
	assert_int_equal(u32(r + 64), 1); /* postures */
	assert_int_equal(u32(r + 68), 8);
	assert_int_equal(u32(r + 80), 1); /* verdicts */
	assert_int_equal(u32(r + 84), 16);
	assert_int_equal(u32(r + 96), 1); /* revoked */
	assert_int_equal(u32(r + 100), 24);
	assert_int_equal(u32(r + 136), 1); /* nb_history */
	assert_int_equal(u64(r + 144), 1); /* history[0].generation */
	assert_int_equal(u32(r + 160), 1); /* its count of changes */
	assert_int_equal(u32(r + 164), 24);
}

static void rows_and_lists(void **state)
{
	(void)state;
	uint64_t r = f.root_off;

	assert_int_equal(u64(u64(r + 56)), 1);     /* posture 0: tag 0 */
	assert_int_equal(u64(u64(r + 72)), 1);     /* verdict 0: its summary */
	assert_int_equal(u64(u64(r + 72) + 8), 1); /* policy 0's tags are true */
	assert_int_equal(f.base[u64(r + 88) + 19], 0x77);
	assert_int_equal(f.base[u64(r + 152) + 14], 0x12); /* changed: device 0x1234 */
	assert_int_equal(f.base[u64(r + 152) + 15], 0x34);
	assert_int_equal(u64(u64(r + 152) + 16), 1); /* notified_us */
	assert_memory_equal(f.base + u64(r + 104), "COFF", 4);
	assert_int_equal(u64(u64(r + 104) + 8), 1);
	assert_int_equal(u64(u64(r + 104) + 16), u64(r + 112)); /* config_len */
}

static void the_index(void **state)
{
	(void)state;
	uint64_t x = u64(f.root_off + 120);

	assert_memory_equal(f.base + x, "INDX", 4);
	assert_int_equal(u32(x + 4), 2);
	assert_int_equal(u32(x + 8), 1);  /* policies */
	assert_int_equal(u32(x + 12), 2); /* access proxies */
	assert_int_equal(u32(x + 16), 2); /* interfaces */
	assert_int_equal(u32(x + 20), 1); /* classes of sources */
	assert_int_equal(u32(x + 24), 1); /* bounds */
	assert_int_equal(u32(x + 28), 1); /* flags: interfaces matter */
	assert_int_equal(u32(x + 36), 40 + 12 * 16);
	assert_int_equal(u64(f.root_off + 128), 40 + 12 * 16 + 24);
	assert_int_equal(u64(x + 40), 0); /* no policy decides with tags unknown */
	assert_int_equal(u64(x + 40 + 2 * 16), 1);
	assert_int_equal(u64(x + 40 + 2 * 16 + 8), 1); /* policy 0 accepts and asks */
	assert_int_equal(u64(x + 40 + 6 * 16 + 8), 1); /* access proxy 0 */
	assert_int_equal(u64(x + 40 + 7 * 16 + 8), 0); /* access proxy 1 */
	assert_int_equal(u64(x + 40 + 12 * 16), 0);    /* the first bound: address 0 */
}

static void the_device_page(void **state)
{
	(void)state;
	static const uint8_t uid[16] = {[14] = 0x12, [15] = 0x34};
	/* SipHash-1-3 of the UID under the seed above, as any implementation of it gives. */
	uint64_t hash = 0x3845a66b2bbede93u;
	uint64_t page = u64(u64(f.root_off + 40) + 8 * (hash >> 62));

	assert_int_not_equal(page, 0);
	assert_int_equal(page % 4096, 0);
	const uint64_t dev = page + 64 * (hash & 63);
	assert_memory_equal(f.base + dev, uid, 16);
	assert_int_equal(f.base[dev + 16], 0x2b); /* serial */
	assert_int_equal(f.base[dev + 35], 0x34);
	assert_int_equal(u32(dev + 36), 0); /* posture */
	assert_true(u64(dev + 40) == 1700000000000u);
	assert_true(u64(dev + 48) == 1700000000000u);
	assert_int_equal(f.base[dev + 56], 0);    /* ems */
	assert_int_equal(f.base[dev + 57], 0x33); /* registered, online, sysinfo, tags */
	assert_int_equal(f.base[dev + 58], 1);    /* the place is used */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_abi_is_the_one_that_is_written_down_here),
		cmocka_unit_test(the_header),
		cmocka_unit_test(the_root),
		cmocka_unit_test(rows_and_lists),
		cmocka_unit_test(the_index),
		cmocka_unit_test(the_device_page),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
