/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull
#define SECOND 1000000ull

static const uint8_t peer[] = RIG_PEER_MAC;

static size_t drain(struct rig *r)
{
	uint8_t f[256];
	size_t nb = 0;

	while (rig_sent(r, f, sizeof(f)) > 0)
		nb++;
	return nb;
}

static void output_to(struct rig *r, uint32_t i, uint64_t now_us)
{
	char dst[64];

	(void)snprintf(dst, sizeof(dst), "2001:db8::5:%x", i);
	rig_output6(r, dst, now_us);
}

static void a_sweep_of_a_subnet_asks_at_a_bounded_rate(void **)
{
	struct rig *r = rig_new(NOW);
	size_t nb = 0;

	for (uint32_t i = 0; i < 2000; i++) {
		output_to(r, i, NOW);
		nb += drain(r);
	}
	assert_int_equal(nb, NEIGH_ASK_BURST);
	assert_int_equal(r->counters[OUTCOME_NEIGH_LIMITED], NEIGH_CAP / 2 - NEIGH_ASK_BURST);
	rig_free(r);
}

static void a_sweep_takes_half_of_the_table_and_pushes_nobody_out(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_addr a = rig_addr(RIG_PEER6);

	assert_true(neigh_learn(&r->neigh, 0, &a, peer, NEIGH_F_MAKE | NEIGH_F_SOLICITED, NOW));
	for (uint32_t i = 0; i < 2000; i++) {
		output_to(r, i, NOW + i);
		(void)drain(r);
	}
	assert_int_equal(r->neigh.nb_unresolved, NEIGH_CAP / 2);
	assert_int_equal(r->counters[OUTCOME_ND_TABLE_FULL], 2000 - NEIGH_CAP / 2);
	assert_int_equal(neigh_find(&r->neigh, 0, &a)->state, NEIGH_S_REACHABLE);
	/* And it passes. The rig cannot take as much as would be sent at once. */
	eth_configure(&r->eth, NULL, 0);
	for (int i = 1; i < 7; i++)
		rig_tick(r, NOW + i * SECOND);
	assert_int_equal(r->neigh.nb_unresolved, 0);
	assert_int_equal(r->neigh.nb_pending, 0);
	rig_free(r);
}

static void probes_of_known_neighbours_are_not_held_back_by_a_sweep(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_addr a = rig_addr(RIG_PEER6);
	uint8_t f[256];
	size_t nb_probes = 0;

	assert_true(neigh_learn(&r->neigh, 0, &a, peer, NEIGH_F_MAKE, NOW));
	rig_output6(r, RIG_PEER6, NOW);
	(void)drain(r);
	for (uint32_t i = 0; i < 2000; i++) {
		output_to(r, i, NOW + 5 * SECOND);
		(void)drain(r);
	}
	rig_tick(r, NOW + 5 * SECOND);
	while (rig_sent(r, f, sizeof(f)) > 0)
		nb_probes += memcmp(f, peer, 6) == 0;
	assert_int_equal(nb_probes, 1);
	rig_free(r);
}

static void who_waits_for_a_dead_neighbour_is_told_in_both_families(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW;
	unsigned nb4 = 0, nb6 = 0;

	rig_output(r, RIG_PEER, now);
	rig_output(r, RIG_PEER, now);
	rig_output6(r, RIG_PEER6, now);
	for (int i = 0; i < 3; i++) {
		(void)drain(r);
		assert_false(ip_take_error(&r->ip, &r->error));
		now += SECOND;
		rig_tick(r, now);
	}
	while (ip_take_error(&r->ip, &r->error)) {
		assert_int_equal(r->error.seq, 77);
		if (ip_addr_is_v4(&r->error.local))
			nb4++;
		else
			nb6++;
	}
	assert_int_equal(nb4, 2);
	assert_int_equal(nb6, 1);
	assert_int_equal(r->counters[OUTCOME_ARP_UNRESOLVED], 2);
	assert_int_equal(r->counters[OUTCOME_ND_UNRESOLVED], 1);
	rig_free(r);
}

static void what_nobody_takes_is_bounded(void **)
{
	struct rig *r = rig_new(NOW);

	for (uint32_t i = 0; i < 200; i++) {
		output_to(r, i, NOW);
		(void)drain(r);
	}
	eth_configure(&r->eth, NULL, 0);
	for (int i = 1; i < 4; i++)
		rig_tick(r, NOW + i * SECOND);
	assert_int_equal(r->neigh.nb_dead, NEIGH_DEAD);
	rig_free(r);
}

static void neighbours_of_both_families_and_interfaces_are_apart(void **)
{
	struct rig *r = rig_new(NOW);
	const struct ip_addr a = rig_addr("fe80::5"), b = rig_addr4(RIG_PEER);

	assert_true(neigh_learn(&r->neigh, 0, &a, peer, NEIGH_F_MAKE, NOW));
	assert_non_null(neigh_find(&r->neigh, 0, &a));
	assert_null(neigh_find(&r->neigh, 1, &a));
	assert_null(neigh_find(&r->neigh, 0, &b));
	assert_false(neigh_learn(&r->neigh, 0, &b, peer, NEIGH_F_SOLICITED, NOW));
	assert_false(neigh_learn(&r->neigh, 0, &b, NULL, NEIGH_F_MAKE, NOW));
	assert_null(neigh_find(&r->neigh, 0, &b));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sweep_of_a_subnet_asks_at_a_bounded_rate),
		cmocka_unit_test(a_sweep_takes_half_of_the_table_and_pushes_nobody_out),
		cmocka_unit_test(probes_of_known_neighbours_are_not_held_back_by_a_sweep),
		cmocka_unit_test(who_waits_for_a_dead_neighbour_is_told_in_both_families),
		cmocka_unit_test(what_nobody_takes_is_bounded),
		cmocka_unit_test(neighbours_of_both_families_and_interfaces_are_apart),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
