/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull
#define SECOND 1000000ull

/* RFC 3810 5.2: exactly as it is on the wire, the source and the type of records apart. */
static void check_report(const uint8_t *f, size_t len, const char *src, uint8_t type)
{
	const struct ip_addr s = rig_addr(src), g = rig_addr("ff02::1:ff00:10");
	uint8_t again[256];

	/* The link-local address and the other one are of one group. */
	assert_int_equal(len, 14 + 40 + 8 + 8 + 20);
	assert_memory_equal(f, "\x33\x33\0\0\0\x16", 6);
	assert_memory_equal(f + 18, "\0\x24\0\1", 4);
	assert_memory_equal(f + 22, s.b, 16);
	assert_memory_equal(f + 38, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x16", 16);
	assert_memory_equal(f + 54, "\x3a\0\5\2\0\0\1\0", 8);
	assert_memory_equal(f + 62, "\x8f\0", 2);
	assert_memory_equal(f + 66, "\0\0\0\1", 4);
	assert_int_equal(f[70], type);
	assert_memory_equal(f + 71, "\0\0\0", 3);
	assert_memory_equal(f + 74, g.b, 16);
	memcpy(again, f, len);
	rig_fix_icmp6(again, len, 48);
	assert_memory_equal(again, f, len);
}

static void expect_report(struct rig *r, const char *src, uint8_t type)
{
	uint8_t f[256];

	check_report(f, rig_sent(r, f, sizeof(f)), src, type);
}

static size_t query(uint8_t *f, const char *src, uint8_t hop_limit, uint16_t max_ms)
{
	/* Hop-by-hop header with router alert, then the query. */
	uint8_t p[36] = {
		58, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0, (uint8_t)(max_ms >> 8), (uint8_t)max_ms};
	const size_t len = rig_ip6(f, src, "ff02::1", 0, p, sizeof(p));

	f[21] = hop_limit;
	rig_fix_icmp6(f, len, 48);
	return len;
}

static void drain(struct rig *r)
{
	uint8_t f[256];

	while (rig_sent(r, f, sizeof(f)) > 0)
		continue;
}

static void groups_are_reported_twice_when_addresses_come(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_ifaddr addr[] = {
		{rig_addr(RIG_ADDR6), 64, 0},
		{rig_addr(RIG_LINK6), 64, 0},
	};
	const uint64_t now = NOW + 100 * SECOND;

	ip_configure(&r->ip, addr, 2, NULL, 0, now);
	rig_tick(r, now);
	expect_report(r, RIG_LINK6, 4);
	rig_tick(r, now + SECOND);
	expect_report(r, RIG_LINK6, 4);
	rig_tick(r, now + 10 * SECOND);
	assert_int_equal(rig_sent(r, (uint8_t[256]){0}, 256), 0);
	assert_int_equal(r->counters[OUTCOME_MLD_REPORTED], 2);
	rig_free(r);
}

static void without_a_usable_address_nobody_reports(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_ifaddr other[] = {{rig_addr(RIG_LAN6), 64, 1}};
	const struct ip_ifaddr addr[] = {
		{rig_addr(RIG_ADDR6), 64, 0},
		{rig_addr(RIG_LINK6), 64, 0},
	};
	const uint64_t now = NOW + 100 * SECOND;
	uint8_t f[256];
	size_t len, nb = 0;

	ip_configure(&r->ip, other, 1, NULL, 0, now);
	ip_configure(&r->ip, addr, 2, NULL, 0, now);
	for (uint64_t t = now; t < now + 4 * SECOND; t += 100000) {
		rig_tick(r, t);
		/* While it is tried the link-local address is no source (RFC 3590 4). */
		while ((len = rig_sent(r, f, sizeof(f))) > 0) {
			if (f[20] != 0)
				continue;
			check_report(f, len, t < now + SECOND ? "::" : RIG_LINK6, 4);
			nb++;
		}
	}
	/* And all over again with an address. */
	assert_true(nb >= 3);
	rig_free(r);
}

static void a_query_is_answered_within_the_time_that_it_gives(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[128];
	const size_t len = query(f, RIG_PEER_LINK6, 1, 2000);

	assert_int_equal(rig_input(r, f, len, 0, NOW), RIG_GONE);
	assert_int_equal(rig_input(r, f, len, 0, NOW), RIG_GONE);
	assert_true(r->nd.report[0].due_us <= NOW + 2 * SECOND);
	rig_tick(r, NOW + 2 * SECOND);
	expect_report(r, RIG_LINK6, 2);
	rig_tick(r, NOW + 9 * SECOND);
	assert_int_equal(rig_sent(r, f, sizeof(f)), 0);
	rig_free(r);
}

static void a_query_from_beyond_the_link_is_refused(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[128];

	(void)rig_input(r, f, query(f, RIG_PEER_LINK6, 64, 1), 0, NOW);
	(void)rig_input(r, f, query(f, RIG_PEER6, 1, 1), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ND_MALFORMED], 2);
	rig_tick(r, NOW + 10 * SECOND);
	assert_int_equal(rig_sent(r, f, sizeof(f)), 0);
	drain(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_reported_twice_when_addresses_come),
		cmocka_unit_test(without_a_usable_address_nobody_reports),
		cmocka_unit_test(a_query_is_answered_within_the_time_that_it_gives),
		cmocka_unit_test(a_query_from_beyond_the_link_is_refused),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
