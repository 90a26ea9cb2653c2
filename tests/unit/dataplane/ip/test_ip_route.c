/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull

static void expect_route(struct rig *r, const char *dst, uint8_t iface, const char *next_hop,
			 const char *src)
{
	const struct ip_addr d = rig_addr(dst), n = rig_addr(next_hop), s = rig_addr(src);
	struct ip_addr got;
	uint8_t got_iface;

	/* Twice: the second time from the cache. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ip_route_find(&r->ip, &d, &got_iface, &got), 0);
		assert_int_equal(got_iface, iface);
		assert_memory_equal(got.b, n.b, 16);
		assert_int_equal(ip_source_find(&r->ip, &d, &got), 0);
		assert_memory_equal(got.b, s.b, 16);
	}
}

static void routes_go_by_the_longest_prefix(void **)
{
	struct rig *r = rig_new(NOW);

	expect_route(r, "192.0.2.1", 0, "192.0.2.1", "192.0.2.10");
	expect_route(r, "198.51.100.20", 1, "198.51.100.20", "198.51.100.1");
	expect_route(r, "8.8.8.8", 0, "192.0.2.254", "192.0.2.10");
	expect_route(r, RIG_PEER6, 0, RIG_PEER6, RIG_ADDR6);
	expect_route(r, "2001:db8:1::20", 1, "2001:db8:1::20", RIG_LAN6);
	expect_route(r, "2001:db8:2::20", 0, RIG_GATEWAY6, RIG_ADDR6);
	rig_free(r);
}

static void without_a_route_there_is_no_way(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_addr a = rig_addr4(RIG_PEER), b = rig_addr(RIG_PEER6);
	struct ip_addr got;
	uint8_t iface;

	ip_configure(&r->ip, NULL, 0, NULL, 0, NOW);
	assert_int_equal(ip_route_find(&r->ip, &a, &iface, &got), -EHOSTUNREACH);
	assert_int_equal(ip_route_find(&r->ip, &b, &iface, &got), -EHOSTUNREACH);
	assert_int_equal(ip_source_find(&r->ip, &b, &got), -EHOSTUNREACH);
	rig_output(r, RIG_PEER, NOW);
	rig_output6(r, RIG_PEER6, NOW);
	assert_int_equal(r->counters[OUTCOME_IP_NO_ROUTE], 2);
	rig_free(r);
}

static void a_route_of_one_family_does_not_lead_the_other(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_ifaddr addr = {rig_addr(RIG_ADDR6), 64, 0};
	const struct ip_route route = {.len = 0, .next_hop = rig_addr(RIG_PEER6)};
	const struct ip_addr v4 = rig_addr("8.8.8.8"), v6 = rig_addr("3fff::1");
	struct ip_addr got;
	uint8_t iface;

	ip_configure(&r->ip, &addr, 1, &route, 1, NOW);
	assert_int_equal(ip_route_find(&r->ip, &v6, &iface, &got), 0);
	assert_int_equal(ip_route_find(&r->ip, &v4, &iface, &got), -EHOSTUNREACH);
	rig_free(r);
}

static void an_address_on_trial_is_no_source(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_ifaddr addr = {rig_addr("2001:db8:5::1"), 64, 0};
	const struct ip_addr dst = rig_addr("2001:db8:5::2");
	struct ip_addr got;

	ip_configure(&r->ip, &addr, 1, NULL, 0, NOW + 100000000);
	assert_int_equal(ip_source_find(&r->ip, &dst, &got), -EHOSTUNREACH);
	rig_tick(r, NOW + 100000000);
	rig_tick(r, NOW + 102000000);
	assert_int_equal(ip_source_find(&r->ip, &dst, &got), 0);
	rig_free(r);
}

static void a_link_local_destination_has_no_route_but_a_link(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_addr dst = rig_addr(RIG_PEER_LINK6);
	struct ip_addr got;
	uint8_t iface, f[128];

	assert_int_equal(ip_route_find(&r->ip, &dst, &iface, &got), -EHOSTUNREACH);
	assert_int_equal(ip_source_find(&r->ip, &dst, &got), -EHOSTUNREACH);
	/* A segment from an address of ours goes where that address is. */
	rig_output6(r, RIG_PEER_LINK6, NOW);
	assert_int_equal(rig_sent(r, f, sizeof(f)), 86);
	assert_int_equal(f[54], 135);
	rig_free(r);
}

static void tcp_is_told_of_what_is_too_big_for_the_interface(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_addr local = rig_addr(RIG_ADDR6);

	r->eth.iface[0].mtu = 59;
	rig_output6(r, RIG_PEER6, NOW);
	rig_output(r, RIG_PEER, NOW);
	assert_int_equal(r->counters[OUTCOME_IP_TOO_BIG], 1);
	assert_true(ip_take_error(&r->ip, &r->error));
	assert_int_equal(r->error.mtu, 59);
	assert_int_equal(r->error.seq, 77);
	assert_memory_equal(r->error.local.b, local.b, 16);
	assert_false(ip_take_error(&r->ip, &r->error));
	/* What nobody takes is bounded. */
	for (unsigned i = 0; i < 2 * IP_TOO_BIG_MAX; i++)
		rig_output6(r, RIG_PEER6, NOW);
	assert_int_equal(r->ip.nb_too_big, IP_TOO_BIG_MAX);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_go_by_the_longest_prefix),
		cmocka_unit_test(without_a_route_there_is_no_way),
		cmocka_unit_test(a_route_of_one_family_does_not_lead_the_other),
		cmocka_unit_test(an_address_on_trial_is_no_source),
		cmocka_unit_test(a_link_local_destination_has_no_route_but_a_link),
		cmocka_unit_test(tcp_is_told_of_what_is_too_big_for_the_interface),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
