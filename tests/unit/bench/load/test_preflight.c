/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/preflight.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct load_options opt;
static struct load_machine machine;
static char why[LOAD_WHY];

/* A set-up that four cores, of which this process may use 1 to 3, and 16 GiB can do. */
static int set_up(void **)
{
	static char *argv[] = {"load",
			       "--wan",
			       "net_memif0,role=client",
			       "--target",
			       "192.0.2.10:9043",
			       "--client-net",
			       "192.0.2.1-192.0.2.4/24",
			       "--no-huge",
			       "--lan",
			       "net_memif1,role=client",
			       "--origin",
			       "198.51.100.20:8080",
			       NULL};

	machine = (struct load_machine){
		.allowed = {0xe},
		.nb_cores = 4,
		.memory = 16ull << 30,
	};
	why[0] = '\0';
	return load_options_parse(12, argv, &opt, why);
}

static void check_refused(const char *word)
{
	assert_int_equal(load_preflight(&opt, &machine, why), -EINVAL);
	if (strstr(why, word) == NULL)
		fail_msg("no '%s' in: %s", word, why);
}

static void a_possible_set_up_passes_and_is_completed(void **)
{
	assert_int_equal(load_preflight(&opt, &machine, why), 0);
	assert_int_equal(opt.nb_workers, 1);
	assert_int_equal(opt.workers[0], 1);
	assert_true(opt.memory_mib > 64);
	assert_string_equal(opt.host, "192.0.2.10:9043");
}

static void a_core_that_is_not_there_or_not_ours_is_refused(void **)
{
	opt.nb_workers = 1;
	opt.workers[0] = 4;
	check_refused("the machine has 4");
	opt.workers[0] = 0;
	check_refused("may not use");
}

static void memory_that_is_not_there_is_refused_with_the_estimate(void **)
{
	opt.idle = 200000;
	machine.memory = 4ull << 30;
	check_refused("200001 connections need about");
	assert_non_null(strstr(why, "4096 are available"));
}

static void the_estimate_grows_with_connections_and_is_smaller_without_tls(void **)
{
	struct load_needs few, many, plain;

	load_needs_estimate(&opt, &few);
	opt.idle = 100000;
	load_needs_estimate(&opt, &many);
	opt.is_plain = true;
	load_needs_estimate(&opt, &plain);
	assert_true(many.connections > few.connections + (1ull << 30));
	assert_true(many.packets > few.packets);
	assert_int_equal(plain.connections, 0);
}

static void missing_huge_pages_are_refused_unless_ordinary_ones_will_do(void **)
{
	opt.no_huge = false;
	check_refused("--no-huge");
	machine.huge_free = 8ull << 30;
	assert_int_equal(load_preflight(&opt, &machine, why), 0);
}

static void more_connections_than_ports_are_refused_with_the_addresses_needed(void **)
{
	opt.idle = 5 * LOAD_PORTS_PER_ADDRESS;
	machine.memory = 1ull << 40;
	check_refused("need 6 source addresses");
}

static void malformed_devices_are_refused(void **)
{
	static const char *const bad[] = {"memif0",      "net memif0",    "net_memif0,role",
					  "net_memif0,", "net_memif0,=x", ",",
					  "eth0",        "net_memif0;rm"};
	static const char *const good[] = {"net_af_packet0,iface=veth0", "0000:03:00.0", "03:00.0",
					   "net_ring0",
					   "net_memif0,role=client,socket=/run/x.sock"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		opt.wan = bad[i];
		check_refused("--wan");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		opt.wan = good[i];
		if (load_preflight(&opt, &machine, why) < 0)
			fail_msg("%s", why);
	}
}

static void links_and_origins_go_together(void **)
{
	opt.lan = opt.wan;
	check_refused("both");
	opt.lan = NULL;
	check_refused("--origin without --lan");
	opt.lan = "net_memif1,role=client";
	opt.nb_origins = 0;
	check_refused("--lan without --origin");
}

static void a_target_elsewhere_or_among_the_clients_is_refused(void **)
{
	opt.target.addr.b[14] ^= 1;
	check_refused("is not in the clients' net");
	opt.target.addr = opt.client[2];
	check_refused("own address");
}

static void words_that_contradict_each_other_are_refused(void **)
{
	opt.is_plain = true;
	opt.certs = "/tmp";
	check_refused("--plain");
	opt.is_plain = false;
	opt.certs = "/no/such/folder";
	check_refused("/no/such/folder");
	opt.certs = "/dev/null";
	check_refused("is no folder");
	opt.certs = NULL;
	opt.must_send_ca = true;
	check_refused("--send-ca");
	opt.must_send_ca = false;
	opt.path = "no-slash";
	check_refused("--path");
	opt.path = "/a b";
	check_refused("--path");
	opt.path = "/";
	opt.host = "a\r\nb";
	check_refused("--host");
}

static void amounts_that_make_no_sense_are_refused(void **)
{
	opt.connections = 0;
	check_refused("nothing to do");
	opt.idle = 10;
	opt.nb_rates = 1;
	check_refused("--rate");
	opt.nb_rates = 0;
	opt.connections = 1;
	opt.requests_per_connection = 2;
	opt.in_flight = 3;
	check_refused("--in-flight");
	opt.in_flight = 1;
	opt.idle = 0;
	opt.nb_workers = 2;
	opt.workers[0] = 1;
	opt.workers[1] = 2;
	check_refused("2 workers for 1 connections");
}

static void a_result_file_that_cannot_be_written_is_refused(void **)
{
	opt.json = "/no/such/folder/x.json";
	check_refused("--json");
}

static void this_machine_has_a_core_and_memory(void **)
{
	struct load_machine here;

	load_machine_read(&here);
	assert_true(here.nb_cores > 0);
	assert_true(here.memory > 0);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup(t, set_up)
	const struct CMUnitTest tests[] = {
		TEST(a_possible_set_up_passes_and_is_completed),
		TEST(a_core_that_is_not_there_or_not_ours_is_refused),
		TEST(memory_that_is_not_there_is_refused_with_the_estimate),
		TEST(the_estimate_grows_with_connections_and_is_smaller_without_tls),
		TEST(missing_huge_pages_are_refused_unless_ordinary_ones_will_do),
		TEST(more_connections_than_ports_are_refused_with_the_addresses_needed),
		TEST(malformed_devices_are_refused),
		TEST(links_and_origins_go_together),
		TEST(a_target_elsewhere_or_among_the_clients_is_refused),
		TEST(words_that_contradict_each_other_are_refused),
		TEST(amounts_that_make_no_sense_are_refused),
		TEST(a_result_file_that_cannot_be_written_is_refused),
		TEST(this_machine_has_a_core_and_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
