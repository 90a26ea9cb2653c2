/* SPDX-License-Identifier: BSD-3-Clause */

/* What the network layers are told of a configuration. */

#include "common/snap/snap_arena.h"
#include "dataplane/worker/worker_config.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

int tcp_set_mtu(struct tcp_stack *, const struct ip_addr *, uint16_t)
{
	return 0;
}

void tcp_forget_mtus(struct tcp_stack *)
{
}

static const char *const devices[] = {"net_a", "net_b"};
static struct io io;
static struct worker *w;
static struct worker_net *net;
static struct snap_arena ar;
static struct snap_interface ifs[3];
static struct snap_route routes[8];
static uint32_t nb_ifs, nb_routes;

static struct ip_addr addr(const char *s)
{
	struct ip_addr a;

	if (ip_addr_parse(s, strlen(s), &a) < 0)
		abort();
	return a;
}

static int setup(void **)
{
	w = calloc(1, sizeof(*w));
	net = calloc(1, sizeof(*net));
	if (w == NULL || net == NULL)
		return -1;
	io.nb_ports = 2;
	for (uint8_t i = 0; i < 2; i++) {
		io.port[i].mtu = 1500;
		memcpy(io.port[i].mac, (uint8_t[6]){2, 0, 0, 0, 0, i + 1}, 6);
	}
	w->io = &io;
	w->port_device = devices;
	nb_ifs = nb_routes = 0;
	snap_arena_init(&ar);
	return 0;
}

static int teardown(void **)
{
	snap_arena_fini(&ar);
	free(net);
	free(w);
	return 0;
}

static void add_if(const char *device, uint16_t vlan, const char *a, uint8_t len, const char *b,
		   uint8_t len_b)
{
	struct snap_prefix p[2] = {{.addr = addr(a), .len = len}};
	uint32_t nb = 1;

	if (b != NULL)
		p[nb++] = (struct snap_prefix){.addr = addr(b), .len = len_b};
	ifs[nb_ifs++] = (struct snap_interface){
		.device = snap_arena_cstr(&ar, device),
		.addresses = snap_arena_arr(&ar, p, nb, sizeof(p[0])),
		.vlan = vlan,
		.mtu = 9000,
	};
}

static void add_route_to(const char *prefix, uint8_t len, const char *via, uint32_t iface)
{
	routes[nb_routes++] = (struct snap_route){
		.prefix = {.addr = addr(prefix), .len = len}, .via = addr(via), .interface = iface};
}

static void build(const char *proxy, uint32_t proxy_if)
{
	struct snap_access_proxy p = {.interface = proxy_if};
	struct snap_view v = {0};
	struct snap_config *c;
	const void *ptr;
	size_t len;

	if (proxy != NULL)
		p.address = addr(proxy);

	const struct snap_arr i = snap_arena_arr(&ar, ifs, nb_ifs, sizeof(ifs[0]));
	const struct snap_arr r = snap_arena_arr(&ar, routes, nb_routes, sizeof(routes[0]));
	const struct snap_arr x = snap_arena_arr(&ar, &p, proxy != NULL, sizeof(p));

	c = snap_arena_config(&ar);
	assert_non_null(c);
	c->interfaces = i;
	c->routes = r;
	c->proxies = x;
	assert_int_equal(snap_arena_finish(&ar, &ptr, &len), 0);
	v.config = ptr;
	worker_net_build(w, &v, net);
}

static bool has(const char *text, uint8_t len, uint8_t iface)
{
	const struct ip_addr a = addr(text);

	for (uint32_t i = 0; i < net->nb_addrs; i++)
		if (ip_addr_is_equal(&net->addr[i].addr, &a) && net->addr[i].iface == iface)
			return net->addr[i].prefix_len == len;
	return false;
}

static void an_interface_that_speaks_ipv6_has_a_link_local_address(void **)
{
	add_if("net_a", 0, "192.0.2.10", 120, "2001:db8::10", 64);
	add_if("net_b", 0, "198.51.100.1", 120, NULL, 0);
	build(NULL, 0);
	assert_int_equal(net->nb_addrs, 4);
	assert_true(has("192.0.2.10", 120, 0));
	assert_true(has("2001:db8::10", 64, 0));
	assert_true(has("fe80::ff:fe00:1", 64, 0));
	assert_true(has("198.51.100.1", 120, 1));
	/* What the port cannot carry is not promised. */
	assert_int_equal(net->iface[0].mtu, 1500);
}

static void one_that_was_given_such_an_address_keeps_to_it(void **)
{
	add_if("net_a", 0, "fe80::10", 64, "2001:db8::10", 64);
	build(NULL, 0);
	assert_int_equal(net->nb_addrs, 2);
	assert_true(has("fe80::10", 64, 0));
}

static void an_access_proxy_brings_its_own_address(void **)
{
	add_if("net_a", 0, "192.0.2.10", 120, NULL, 0);
	build("2001:db8::77", 0);
	assert_true(has("2001:db8::77", 128, 0));
	assert_true(has("fe80::ff:fe00:1", 64, 0));
	teardown(NULL);
	setup(NULL);
	add_if("net_a", 0, "192.0.2.10", 120, NULL, 0);
	build("192.0.2.10", 0);
	assert_int_equal(net->nb_addrs, 1);
	assert_true(has("192.0.2.10", 120, 0));
}

static void an_interface_without_a_port_has_no_link_local_address(void **)
{
	add_if("net_gone", 0, "2001:db8::10", 64, NULL, 0);
	build(NULL, 0);
	assert_int_equal(net->nb_addrs, 1);
	assert_int_equal(net->iface[0].port, ETH_NO_PORT);
}

static void routes_find_their_interface_or_have_to_name_it(void **)
{
	const struct ip_addr via = addr("fe80::1");

	add_if("net_a", 0, "192.0.2.10", 120, "2001:db8::10", 64);
	add_if("net_b", 7, "198.51.100.1", 120, "2001:db8:1::1", 64);
	add_route_to("0.0.0.0", 96, "198.51.100.20", SNAP_NONE);
	add_route_to("::", 0, "2001:db8::1", SNAP_NONE);
	add_route_to("3fff::", 20, "fe80::1", 1);
	add_route_to("3fff::", 20, "fe80::1", SNAP_NONE);
	add_route_to("3fff::", 20, "2001:db8:9::1", SNAP_NONE);
	add_route_to("3fff::", 20, "192.0.2.1", SNAP_NONE);
	add_route_to("3fff::", 20, "fe80::1", 2);
	build(NULL, 0);
	/* The last four lead nowhere. */
	assert_int_equal(net->nb_routes, 3);
	assert_int_equal(net->route[0].iface, 1);
	assert_int_equal(net->route[0].len, 96);
	assert_int_equal(net->route[1].iface, 0);
	assert_int_equal(net->route[2].iface, 1);
	assert_memory_equal(net->route[2].next_hop.b, via.b, 16);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_interface_that_speaks_ipv6_has_a_link_local_address),
		T(one_that_was_given_such_an_address_keeps_to_it),
		T(an_access_proxy_brings_its_own_address),
		T(an_interface_without_a_port_has_no_link_local_address),
		T(routes_find_their_interface_or_have_to_name_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
