/* SPDX-License-Identifier: BSD-3-Clause */

/* What IPv6 alone has: lengths, extension headers, mapped addresses, cookies' MSS. */

#include "script.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <stdlib.h>
#include <string.h>

#define SCRIPT struct script *s = *state

static void extension_headers_are_no_text(void **state)
{
	SCRIPT;
	uint8_t buf[8];

	s->ext_len = 24;
	sc_open(s, true);
	sc_in(s, ACK | PSH, 1, 1, 65535, "hello", 5);
	assert_int_equal(sc_read(s, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(s->counters[OUTCOME_TCP_CHECKSUM], 0);
	tcp_abort(s->c, s->now);
}

/* A whole SYN, good but for what a test does to it. */
static uint16_t put_syn(const struct script *s, uint8_t *pkt)
{
	const struct ip_addr l = sc_local(s), p = sc_peer(s);

	memset(pkt, 0, 60);
	pkt[0] = 0x60;
	pkt[5] = 20;
	pkt[6] = 6;
	pkt[7] = 64;
	memcpy(pkt + 8, p.b, 16);
	memcpy(pkt + 24, l.b, 16);
	pkt[40] = 0x13;
	pkt[43] = LOCAL_PORT;
	pkt[52] = 0x50;
	pkt[53] = SYN;
	return 60;
}

static void good_syn_is_answered(void **state)
{
	SCRIPT;
	uint8_t pkt[64];

	sc_in_raw(s, pkt, put_syn(s, pkt), false);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].flags, SYN | ACK);
}

static void lengths_that_lie_are_refused(void **state)
{
	SCRIPT;
	uint8_t pkt[64];
	uint16_t len = put_syn(s, pkt);

	pkt[5] = 21; /* more than there is */
	sc_in_raw(s, pkt, len, false);
	len = put_syn(s, pkt);
	pkt[5] = 19; /* no whole TCP header */
	sc_in_raw(s, pkt, len, false);
	put_syn(s, pkt);
	sc_in_raw(s, pkt, 45, false);
	len = put_syn(s, pkt);
	s->ext_len = 8; /* ends beyond the packet */
	sc_in_raw(s, pkt, len, false);
	assert_int_equal(s->counters[OUTCOME_TCP_MALFORMED], 4);
	sc_expect_nothing(s);
}

static void wrong_checksum_is_refused(void **state)
{
	SCRIPT;
	uint8_t pkt[64];

	sc_in_raw(s, pkt, put_syn(s, pkt), true);
	assert_int_equal(s->counters[OUTCOME_TCP_CHECKSUM], 1);
	sc_expect_nothing(s);
}

static void mapped_address_on_the_wire_is_refused(void **state)
{
	SCRIPT;
	uint8_t pkt[64];
	const uint16_t len = put_syn(s, pkt);
	const struct ip_addr v4 = ip_addr_from_v4(RTE_BE32(0xc6336401));

	memcpy(pkt + 8, v4.b, 16);
	sc_in_raw(s, pkt, len, false);
	assert_int_equal(s->counters[OUTCOME_TCP_MALFORMED], 1);
	sc_expect_nothing(s);
}

static void unknown_version_is_refused(void **state)
{
	SCRIPT;
	uint8_t pkt[64];
	const uint16_t len = put_syn(s, pkt);

	pkt[0] = 0x50;
	sc_in_raw(s, pkt, len, false);
	assert_int_equal(s->counters[OUTCOME_TCP_MALFORMED], 1);
}

static void cookie_keeps_the_mss_of_1440(void **state)
{
	SCRIPT;
	const struct tcp_opts o = {.mss = 1440};

	sc_remake(s, 65535, 65536, 0);
	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	assert_int_equal(s->out[0].opts.mss, 1440);
	assert_int_equal(s->counters[OUTCOME_TCP_SYN_COOKIE_SENT], 1);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	sc_write(s, 3000);
	assert_true(sc_out(s) >= 2);
	assert_int_equal(s->out[0].len, 1440);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(extension_headers_are_no_text),         T(good_syn_is_answered),
		T(lengths_that_lie_are_refused),          T(wrong_checksum_is_refused),
		T(mapped_address_on_the_wire_is_refused), T(unknown_version_is_refused),
		T(cookie_keeps_the_mss_of_1440),
	};

	setenv("TCP_TEST_IPV6", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
