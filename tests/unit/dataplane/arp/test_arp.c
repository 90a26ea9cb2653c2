/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull
#define SECOND 1000000ull
#define REQUEST 1
#define REPLY 2

static const uint8_t peer[] = RIG_PEER_MAC;
static const uint8_t other[] = {0x02, 0, 0, 0, 0, 0x77};

static void hear(struct rig *r, uint16_t op, const uint8_t mac[static 6], uint32_t sender,
		 uint32_t target, uint64_t now_us)
{
	uint8_t f[64];
	const size_t len = rig_arp(f, op, mac, sender, target);

	assert_int_equal(rig_input(r, f, len, 0, now_us), RIG_GONE);
}

/* The next frame sent is a request for <target>, to <mac> or to all. */
static void expect_request(struct rig *r, uint32_t target, const uint8_t *mac)
{
	static const uint8_t all[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t f[64];
	const uint32_t target_be = htonl(target);

	assert_int_equal(rig_sent(r, f, sizeof(f)), 42);
	assert_memory_equal(f, mac == NULL ? all : mac, 6);
	assert_memory_equal(f + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	assert_memory_equal(f + 38, &target_be, 4);
}

static void expect_packet(struct rig *r, const uint8_t mac[static 6])
{
	uint8_t f[64];

	assert_int_equal(rig_sent(r, f, sizeof(f)), 54);
	assert_memory_equal(f, mac, 6);
	assert_memory_equal(f + 12, "\x08\x00\x45", 3);
}

static const struct neigh_entry *find(const struct rig *r, uint8_t iface, uint32_t addr)
{
	const struct ip_addr a = rig_addr4(addr);

	return neigh_find(&r->neigh, iface, &a);
}

static void expect_nothing(struct rig *r)
{
	uint8_t f[2048];

	assert_int_equal(rig_sent(r, f, sizeof(f)), 0);
}

static void a_request_is_answered_to_its_sender_alone(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[64];

	hear(r, REQUEST, peer, RIG_PEER, RIG_ADDR, NOW);
	assert_int_equal(rig_sent(r, f, sizeof(f)), 42);
	assert_memory_equal(f, peer, 6);
	assert_memory_equal(f + 20, "\x00\x02\x02\x00\x00\x00\x00\x10\xc0\x00\x02\x0a", 12);
	assert_non_null(find(r, 0, RIG_PEER));
	rig_free(r);
}

static void packets_wait_for_the_answer_in_order_and_within_bounds(void **)
{
	struct rig *r = rig_new(NOW);

	for (unsigned i = 0; i < NEIGH_PENDING + 3; i++)
		rig_output(r, RIG_PEER, NOW);
	expect_request(r, RIG_PEER, NULL);
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ARP_QUEUE_FULL], 3);
	hear(r, REPLY, peer, RIG_PEER, RIG_ADDR, NOW);
	for (unsigned i = 0; i < NEIGH_PENDING; i++)
		expect_packet(r, peer);
	expect_nothing(r);
	rig_output(r, RIG_PEER, NOW);
	expect_packet(r, peer);
	rig_free(r);
}

static void all_that_waits_is_bounded_too(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[64];

	for (uint32_t i = 0; i < 200; i++) {
		for (unsigned k = 0; k < 4; k++)
			rig_output(r, 0xc0000214 + i, NOW);
		while (rig_sent(r, f, sizeof(f)) > 0)
			continue;
	}
	assert_int_equal(r->neigh.nb_pending, NEIGH_PENDING_ALL);
	assert_int_equal(r->counters[OUTCOME_ARP_QUEUE_FULL], 800 - NEIGH_PENDING_ALL);
	rig_free(r);
}

static void a_silent_neighbour_is_asked_three_times_then_left_alone_a_while(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW;

	rig_output(r, RIG_PEER, now);
	for (int i = 0; i < 3; i++) {
		expect_request(r, RIG_PEER, NULL);
		rig_output(r, RIG_PEER, now); /* more packets make no more requests */
		expect_nothing(r);
		now += SECOND;
		rig_tick(r, now);
	}
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ARP_UNRESOLVED], 4);
	rig_output(r, RIG_PEER, now);
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ARP_UNRESOLVED], 5);
	now += 2 * SECOND;
	rig_tick(r, now);
	rig_output(r, RIG_PEER, now);
	expect_request(r, RIG_PEER, NULL);
	rig_free(r);
}

static void an_old_entry_is_probed_by_unicast_while_it_is_used(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW;

	rig_output(r, RIG_PEER, now);
	expect_request(r, RIG_PEER, NULL);
	hear(r, REPLY, peer, RIG_PEER, RIG_ADDR, now);
	expect_packet(r, peer);
	assert_int_equal(find(r, 0, RIG_PEER)->state, NEIGH_S_REACHABLE);
	now += 61 * SECOND;
	rig_output(r, RIG_PEER, now);
	expect_packet(r, peer);
	expect_nothing(r);
	now += 5 * SECOND;
	rig_tick(r, now);
	expect_request(r, RIG_PEER, peer);
	rig_output(r, RIG_PEER, now);
	expect_packet(r, peer);
	hear(r, REPLY, peer, RIG_PEER, RIG_ADDR, now);
	assert_int_equal(find(r, 0, RIG_PEER)->state, NEIGH_S_REACHABLE);
	rig_output(r, RIG_PEER, now);
	expect_packet(r, peer);
	expect_nothing(r);
	rig_free(r);
}

static void a_request_does_not_say_that_we_are_heard(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, REQUEST, peer, RIG_PEER, RIG_ADDR, NOW);
	assert_int_equal(find(r, 0, RIG_PEER)->state, NEIGH_S_STALE);
	hear(r, REPLY, peer, RIG_PEER, RIG_ADDR, NOW);
	assert_int_equal(find(r, 0, RIG_PEER)->state, NEIGH_S_REACHABLE);
	/* Nor does it take that back. */
	hear(r, REQUEST, peer, RIG_PEER, RIG_ADDR, NOW);
	assert_int_equal(find(r, 0, RIG_PEER)->state, NEIGH_S_REACHABLE);
	rig_free(r);
}

static void an_unused_entry_is_forgotten(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, REQUEST, peer, RIG_PEER, RIG_ADDR, NOW);
	rig_tick(r, NOW + 599 * SECOND);
	assert_non_null(find(r, 0, RIG_PEER));
	rig_tick(r, NOW + 601 * SECOND);
	assert_null(find(r, 0, RIG_PEER));
	rig_free(r);
}

static void an_answer_to_no_question_makes_no_entry(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, REPLY, other, RIG_PEER, RIG_ADDR, NOW);
	hear(r, REQUEST, other, RIG_PEER, RIG_PEER, NOW);
	assert_null(find(r, 0, RIG_PEER));
	rig_free(r);
}

static void a_gratuitous_packet_moves_a_known_neighbour(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, REQUEST, peer, RIG_PEER, RIG_ADDR, NOW);
	(void)rig_sent(r, (uint8_t[64]){0}, 64);
	hear(r, REQUEST, other, RIG_PEER, RIG_PEER, NOW);
	rig_output(r, RIG_PEER, NOW);
	expect_packet(r, other);
	rig_free(r);
}

static void a_conflict_is_counted_and_answered_once_in_a_while(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, REPLY, other, RIG_ADDR, RIG_PEER, NOW);
	expect_request(r, RIG_ADDR, NULL);
	hear(r, REPLY, other, RIG_ADDR, RIG_PEER, NOW + SECOND);
	expect_nothing(r);
	hear(r, REPLY, other, RIG_ADDR, RIG_PEER, NOW + 11 * SECOND);
	expect_request(r, RIG_ADDR, NULL);
	assert_int_equal(r->counters[OUTCOME_ARP_CONFLICT], 3);
	rig_free(r);
}

static void a_new_address_is_announced_twice_and_a_kept_one_is_not(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_ifaddr addr[] = {
		{rig_addr4(RIG_ADDR), 120, 0},
		{rig_addr4(RIG_ADDR + 1), 128, 0},
	};
	uint64_t now = NOW + 100 * SECOND;

	neigh_configure(&r->neigh, addr, 2, now);
	for (int i = 0; i < 2; i++) {
		rig_tick(r, now);
		expect_request(r, RIG_ADDR + 1, NULL);
		expect_nothing(r);
		now += 2 * SECOND;
	}
	rig_tick(r, now);
	expect_nothing(r);
	rig_free(r);
}

static void a_scan_fills_the_table_and_the_used_neighbour_stays(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW;
	uint8_t f[64];

	hear(r, REQUEST, peer, RIG_PEER, RIG_ADDR, now);
	for (uint32_t i = 0; i < 3 * NEIGH_CAP; i++) {
		now += 1000;
		/* Anyone on the link may ask us, under any address. */
		hear(r, REQUEST, other, 0x0a000000 + i, RIG_ADDR, now);
		rig_output(r, RIG_PEER, now);
		while (rig_sent(r, f, sizeof(f)) > 0)
			continue;
	}
	assert_non_null(find(r, 0, RIG_PEER));
	assert_int_equal(find(r, 0, RIG_PEER)->state, NEIGH_S_DELAY);
	rig_free(r);
}

static void neighbours_behind_a_tag_are_others(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[64], tagged[64], out[64];
	const size_t len = rig_arp(f, REQUEST, peer, 0xc6336414, RIG_LAN);

	memcpy(tagged, f, 12);
	memcpy(tagged + 12, "\x81\x00\xe0\x07", 4);
	memcpy(tagged + 16, f + 12, len - 12);
	assert_int_equal(rig_input(r, tagged, len + 4, 0, NOW), RIG_GONE);
	assert_int_equal(rig_sent(r, out, sizeof(out)), 46);
	assert_memory_equal(out + 12, "\x81\x00\x00\x07\x08\x06", 6);
	assert_non_null(find(r, 1, 0xc6336414));
	assert_null(find(r, 0, 0xc6336414));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_to_its_sender_alone),
		cmocka_unit_test(packets_wait_for_the_answer_in_order_and_within_bounds),
		cmocka_unit_test(all_that_waits_is_bounded_too),
		cmocka_unit_test(a_silent_neighbour_is_asked_three_times_then_left_alone_a_while),
		cmocka_unit_test(an_old_entry_is_probed_by_unicast_while_it_is_used),
		cmocka_unit_test(a_request_does_not_say_that_we_are_heard),
		cmocka_unit_test(an_unused_entry_is_forgotten),
		cmocka_unit_test(an_answer_to_no_question_makes_no_entry),
		cmocka_unit_test(a_gratuitous_packet_moves_a_known_neighbour),
		cmocka_unit_test(a_conflict_is_counted_and_answered_once_in_a_while),
		cmocka_unit_test(a_new_address_is_announced_twice_and_a_kept_one_is_not),
		cmocka_unit_test(a_scan_fills_the_table_and_the_used_neighbour_stays),
		cmocka_unit_test(neighbours_behind_a_tag_are_others),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
