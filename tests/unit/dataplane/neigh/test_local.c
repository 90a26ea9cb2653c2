/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull

static const char *source(const struct local *l, uint8_t iface, const char *dst)
{
	static char text[IP_ADDR_STRLEN];
	const struct ip_addr a = rig_addr(dst);
	const struct local_addr *src = local_source(l, iface, &a);

	if (src == NULL)
		return "none";
	ip_addr_emit(&src->a.addr, text);
	return text;
}

static void set_all(struct local *l, enum local_state s)
{
	for (uint32_t i = 0; i < l->nb; i++)
		l->addr[i].state = (uint8_t)s;
}

static void the_source_is_of_the_same_family_scope_and_closest_subnet(void **)
{
	struct rig *r = rig_new(NOW);
	struct local *l = &r->neigh.local;
	const struct ip_ifaddr addr[] = {
		{rig_addr("2001:db8:1::1"), 64, 0}, {rig_addr("2001:db8:2::1"), 64, 0},
		{rig_addr("fe80::1"), 64, 0},       {rig_addr("192.0.2.10"), 120, 0},
		{rig_addr("198.51.100.1"), 120, 0}, {rig_addr("2001:db8:3::1"), 64, 1},
	};

	local_configure(l, &r->eth, addr, 6, NOW);
	assert_string_equal(source(l, 0, "2001:db8:2::99"), "none");
	set_all(l, LOCAL_S_VALID);
	assert_string_equal(source(l, 0, "2001:db8:2::99"), "2001:db8:2::1");
	assert_string_equal(source(l, 0, "2001:db8:1::99"), "2001:db8:1::1");
	assert_string_equal(source(l, 0, "2001:db8:3::99"), "2001:db8:2::1");
	assert_string_equal(source(l, 1, "2001:db8:1::99"), "2001:db8:3::1");
	assert_string_equal(source(l, 0, "fe80::99"), "fe80::1");
	assert_string_equal(source(l, 1, "fe80::99"), "none");
	assert_string_equal(source(l, 0, "198.51.100.7"), "198.51.100.1");
	assert_string_equal(source(l, 0, "8.8.8.8"), "192.0.2.10");
	assert_string_equal(source(l, 1, "192.0.2.1"), "none");
	/* RFC 6724 5, rule 8: an interface id in common is no reason. */
	assert_string_equal(source(l, 0, "3fff::1"), "2001:db8:1::1");
	rig_free(r);
}

static void an_address_that_stays_keeps_its_state_and_one_on_another_link_does_not(void **)
{
	struct rig *r = rig_new(NOW);
	struct local *l = &r->neigh.local;
	const struct ip_addr a = rig_addr("2001:db8:9::1");
	const struct ip_ifaddr addr = {a, 64, 0};
	struct eth_iface iface[] = {{.port = 0, .vlan = 9, .mac = RIG_MAC}};

	local_configure(l, &r->eth, &addr, 1, NOW);
	assert_false(local_is_ours(l, &a, 0));
	set_all(l, LOCAL_S_VALID);
	local_configure(l, &r->eth, &addr, 1, NOW + 1);
	assert_true(local_is_ours(l, &a, 0));
	assert_true(local_is_ours(l, &a, ETH_NO_IFACE));
	assert_false(local_is_ours(l, &a, 1));
	/* Interface 0 is another one now. */
	eth_configure(&r->eth, iface, 1);
	local_configure(l, &r->eth, &addr, 1, NOW + 2);
	assert_false(local_is_ours(l, &a, 0));
	assert_int_equal(local_find(l, &a, 0)->state, LOCAL_S_TENTATIVE);
	rig_free(r);
}

static void all_that_fit_are_found_and_doubles_are_left_out(void **)
{
	static struct ip_ifaddr addr[LOCAL_MAX + 10];
	struct rig *r = rig_new(NOW);
	struct local *l = &r->neigh.local;

	for (uint32_t i = 0; i < LOCAL_MAX + 10; i++) {
		addr[i] = (struct ip_ifaddr){rig_addr4(0x0a000000 + i / 2), 104, i % 2};
		if (i == 7)
			addr[i] = addr[5];
	}
	local_configure(l, &r->eth, addr, LOCAL_MAX + 10, NOW);
	assert_int_equal(l->nb, LOCAL_MAX);
	for (uint32_t i = 0; i <= LOCAL_MAX; i++)
		assert_ptr_equal(local_find(l, &addr[i].addr, addr[i].iface),
				 &l->addr[i < 7    ? i
					  : i == 7 ? 5
						   : i - 1]);
	rig_free(r);
}

static void prefixes_keep_to_their_family(void **)
{
	const struct ip_addr v4 = rig_addr("192.0.2.1"), v6 = rig_addr("2001:db8::1");
	const struct ip_addr all4 = rig_addr("0.0.0.0"), all6 = rig_addr("::");
	const struct ip_addr net = rig_addr("2001:db8::"), odd = rig_addr("2001:db8:8000::");

	assert_true(ip_addr_has_prefix(&v4, &all4, 96));
	assert_false(ip_addr_has_prefix(&v4, &all6, 0));
	assert_true(ip_addr_has_prefix(&v6, &all6, 0));
	assert_false(ip_addr_has_prefix(&v6, &all4, 96));
	assert_true(ip_addr_has_prefix(&v6, &net, 64));
	assert_true(ip_addr_has_prefix(&v6, &net, 127));
	assert_false(ip_addr_has_prefix(&v6, &net, 128));
	assert_true(ip_addr_has_prefix(&v6, &v6, 128));
	assert_true(ip_addr_has_prefix(&v6, &odd, 32));
	assert_false(ip_addr_has_prefix(&v6, &odd, 33));
}

static void the_link_local_address_is_made_of_the_ethernet_one(void **)
{
	const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0x10};
	const struct ip_addr a = ip_addr_link_local(mac), want = rig_addr(RIG_LINK6);

	assert_memory_equal(a.b, want.b, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_source_is_of_the_same_family_scope_and_closest_subnet),
		cmocka_unit_test(
			an_address_that_stays_keeps_its_state_and_one_on_another_link_does_not),
		cmocka_unit_test(all_that_fit_are_found_and_doubles_are_left_out),
		cmocka_unit_test(prefixes_keep_to_their_family),
		cmocka_unit_test(the_link_local_address_is_made_of_the_ethernet_one),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
