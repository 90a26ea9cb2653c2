/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/capture_filter.h"

#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct capture_insn insn[CAPTURE_INSNS];
static char why[CAPTURE_WHY_MAX];
static uint32_t nb;

static int compile(const char *text)
{
	why[0] = '\0';
	return capture_filter_compile(text, 262144, insn, &nb, why);
}

static void nothing_takes_everything(void **)
{
	assert_int_equal(compile(""), 0);
	assert_int_equal(nb, 0);
	assert_int_equal(compile(" \t"), 0);
	assert_int_equal(nb, 0);
}

static void what_the_manual_has_compiles_to_a_valid_program(void **)
{
	static const char *const text[] = {
		"tcp port 443",
		"tcp port https",
		"host 192.0.2.1 and not arp",
		"src net 192.0.2.0/24 or dst net 2001:db8::/32",
		"ether host 02:00:00:00:00:01",
		"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 && !(src host 192.0.2.10)",
		"ip[6:2] & 0x1fff != 0",
		"portrange 1000-2000",
		"icmp6 && ip6[40] == 135",
		"vlan 7 and udp",
		"less 100 || greater 1000",
		"icmp[icmptype] == icmp-echo",
		"ether proto \\arp",
		"ether proto 0x0806",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		if (compile(text[i]) != 0)
			fail_msg("%s: %s", text[i], why);
		assert_true(nb > 0 && nb <= CAPTURE_INSNS);
		assert_true(bpf_validate((const struct bpf_insn *)insn, (int)nb));
	}
}

static void names_are_not_looked_up(void **)
{
	static const char *const text[] = {
		"host www.example.com", "localhost", "net loopback", "host 1abc.example",
		"gateway router",       "cafe.beef", "src 12ab",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		assert_int_not_equal(compile(text[i]), 0);
		assert_non_null(strstr(why, "not looked up"));
	}
}

static void what_is_wrong_is_said(void **)
{
	assert_int_not_equal(compile("tcp port"), 0);
	assert_non_null(strstr(why, "syntax error"));
	assert_int_not_equal(compile("tcp and"), 0);
	assert_int_not_equal(compile("(tcp"), 0);
	assert_int_not_equal(compile("port 70000"), 0);
	assert_int_not_equal(compile("inbound"), 0);
}

static void a_program_that_is_too_long_is_refused(void **)
{
	char text[16384] = "host 10.0.0.1";
	size_t len = strlen(text);

	for (unsigned i = 0; i < 170; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " or host 10.0.%u.2",
					i % 250);
	assert_int_not_equal(compile(text), 0);
	assert_non_null(strstr(why, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_takes_everything),
		cmocka_unit_test(what_the_manual_has_compiles_to_a_valid_program),
		cmocka_unit_test(names_are_not_looked_up),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_program_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
