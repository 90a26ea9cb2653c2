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
#define NS 135
#define NA 136
#define SOLICITED 0x40
#define OVERRIDE 0x20

#define GROUP "ff02::1:ff00:10" /* of RIG_ADDR6 */
#define NEW_ADDR "2001:db8::77"
#define NEW_GROUP "ff02::1:ff00:77"

static const uint8_t peer[] = RIG_PEER_MAC;
static const uint8_t ours[] = RIG_MAC;
static const uint8_t other[] = {0x02, 0, 0, 0, 0, 0x77};

static void hear(struct rig *r, uint8_t type, uint8_t flags, const char *src, const char *dst,
		 const char *target, const uint8_t *mac, uint64_t now_us)
{
	uint8_t f[128];
	const size_t len = rig_nd(f, type, flags, src, dst, target, mac);

	assert_int_equal(rig_input(r, f, len, 0, now_us), RIG_GONE);
}

static const struct neigh_entry *find(const struct rig *r, const char *addr)
{
	const struct ip_addr a = rig_addr(addr);

	return neigh_find(&r->neigh, 0, &a);
}

static void expect_nothing(struct rig *r)
{
	uint8_t f[2048];

	assert_int_equal(rig_sent(r, f, sizeof(f)), 0);
}

static void expect_addr(const uint8_t *at, const char *addr)
{
	const struct ip_addr a = rig_addr(addr);

	assert_memory_equal(at, a.b, 16);
}

/* The next frame sent is a message of <type>, sound in itself. */
static size_t expect_nd(struct rig *r, uint8_t *f, uint8_t type, const char *target)
{
	const size_t len = rig_sent(r, f, 128);
	uint8_t again[128];

	assert_true(len >= 78);
	assert_memory_equal(f + 6, ours, 6);
	assert_memory_equal(f + 12, "\x86\xdd\x60", 3);
	assert_int_equal(f[20], 58);
	assert_int_equal(f[21], 255);
	assert_int_equal(f[54], type);
	assert_int_equal(f[55], 0);
	expect_addr(f + 62, target);
	memcpy(again, f, len);
	rig_fix_icmp6(again, len, 40);
	assert_memory_equal(again, f, len);
	return len;
}

static void expect_question(struct rig *r, const char *src, const char *target, const uint8_t *mac)
{
	uint8_t f[128];
	const bool is_dad = strcmp(src, "::") == 0;

	assert_int_equal(expect_nd(r, f, NS, target), is_dad ? 78 : 86);
	expect_addr(f + 22, src);
	if (mac != NULL) {
		assert_memory_equal(f, mac, 6);
		expect_addr(f + 38, target);
	} else {
		assert_memory_equal(f, "\x33\x33\xff", 3);
		assert_memory_equal(f + 3, f + 75, 3);
		assert_memory_equal(f + 38, "\xff\x02\0\0\0\0\0\0\0\0\0\1\xff", 13);
	}
	if (!is_dad) {
		assert_memory_equal(f + 78, "\1\1", 2);
		assert_memory_equal(f + 80, ours, 6);
	}
}

static void expect_answer(struct rig *r, const char *target, const char *dst, const uint8_t *mac)
{
	uint8_t f[128];

	assert_int_equal(expect_nd(r, f, NA, target), 86);
	assert_memory_equal(f, mac, 6);
	expect_addr(f + 22, target);
	expect_addr(f + 38, dst);
	assert_int_equal(f[58], strcmp(dst, "ff02::1") == 0 ? OVERRIDE : SOLICITED | OVERRIDE);
	assert_memory_equal(f + 78, "\2\1", 2);
	assert_memory_equal(f + 80, ours, 6);
}

static void expect_packet(struct rig *r, const uint8_t *mac)
{
	uint8_t f[128];

	assert_int_equal(rig_sent(r, f, sizeof(f)), 74);
	assert_memory_equal(f, mac, 6);
	assert_memory_equal(f + 12, "\x86\xdd\x60", 3);
}

static const uint8_t mac_all[] = {0x33, 0x33, 0, 0, 0, 1};

/* ---- questions of others ---- */

static void a_solicitation_is_answered_to_its_sender_alone(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, peer, NOW);
	expect_answer(r, RIG_ADDR6, RIG_PEER6, peer);
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ND_ANSWERED], 1);
	/* It spoke to us: that does not say that it hears us. */
	assert_int_equal(find(r, RIG_PEER6)->state, NEIGH_S_STALE);
	rig_free(r);
}

static void a_probe_by_unicast_without_an_option_is_answered(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, peer, NOW);
	expect_answer(r, RIG_ADDR6, RIG_PEER6, peer);
	hear(r, NS, 0, RIG_PEER6, RIG_ADDR6, RIG_ADDR6, NULL, NOW);
	expect_answer(r, RIG_ADDR6, RIG_PEER6, peer);
	rig_free(r);
}

static void who_tries_an_address_of_ours_is_told_in_front_of_all(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, NS, 0, "::", GROUP, RIG_ADDR6, NULL, NOW);
	expect_answer(r, RIG_ADDR6, "ff02::1", mac_all);
	assert_null(find(r, "::"));
	rig_free(r);
}

static void a_question_for_another_or_from_beyond_the_link_makes_no_neighbour(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, NS, 0, RIG_PEER6, GROUP, "2001:db8::aa00:10", peer, NOW);
	assert_int_equal(r->counters[OUTCOME_ND_NOT_OURS], 1);
	expect_nothing(r);
	assert_null(find(r, RIG_PEER6));
	/* Not of a subnet of the link: answered, since it asked, and not kept. */
	hear(r, NS, 0, "2001:db8:77::1", GROUP, RIG_ADDR6, peer, NOW);
	expect_answer(r, RIG_ADDR6, "2001:db8:77::1", peer);
	assert_null(find(r, "2001:db8:77::1"));
	rig_free(r);
}

/* A good message, one change, and what is counted. */
static void each_unsound_message_has_its_outcome(void **)
{
	static const struct {
		const char *name;
		uint8_t type, flags;
		const char *src, *dst, *target;
		bool has_mac;
		size_t at;
		uint8_t byte;
		bool keep_sum;
		enum outcome outcome;
	} rows[] = {
		{"hop limit 254", NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, true, 21, 254, false,
		 OUTCOME_ND_MALFORMED},
		{"code 1", NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, true, 55, 1, false,
		 OUTCOME_ND_MALFORMED},
		{"a wrong checksum", NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, true, 56, 1, true,
		 OUTCOME_ICMP_MALFORMED},
		{"an option of length 0", NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, true, 79, 0, false,
		 OUTCOME_ND_MALFORMED},
		{"an option beyond the end", NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, true, 79, 2, false,
		 OUTCOME_ND_MALFORMED},
		{"a group's Ethernet address", NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, true, 80, 1,
		 false, OUTCOME_ND_MALFORMED},
		{"for a group", NS, 0, RIG_PEER6, GROUP, "ff02::1:ff00:10", true, 0, 0x33, false,
		 OUTCOME_ND_MALFORMED},
		{"for nobody", NS, 0, RIG_PEER6, GROUP, "::", true, 0, 0x33, false,
		 OUTCOME_ND_MALFORMED},
		{"for an IPv4 address", NS, 0, RIG_PEER6, GROUP, "192.0.2.10", true, 0, 0x33, false,
		 OUTCOME_ND_MALFORMED},
		{"from nobody, with an Ethernet address", NS, 0, "::", GROUP, RIG_ADDR6, true, 0,
		 0x33, false, OUTCOME_ND_MALFORMED},
		{"from nobody, to us alone", NS, 0, "::", RIG_ADDR6, RIG_ADDR6, false, 5, 0x10,
		 false, OUTCOME_ND_MALFORMED},
		{"an answer to all that says it was asked for", NA, SOLICITED, RIG_PEER6, "ff02::1",
		 RIG_PEER6, true, 0, 0x33, false, OUTCOME_ND_MALFORMED},
		{"an answer about an IPv4 address", NA, SOLICITED, RIG_PEER6, RIG_ADDR6,
		 "192.0.2.1", true, 0, 2, false, OUTCOME_ND_MALFORMED},
		{"an answer to no question", NA, SOLICITED, RIG_PEER6, RIG_ADDR6, RIG_PEER6, true,
		 0, 2, false, OUTCOME_ND_NOT_ASKED},
		{"a router's advertisement", NS, 0, RIG_PEER_LINK6, "ff02::1", RIG_ADDR6, true, 54,
		 134, false, OUTCOME_ND_IGNORED},
		{"a redirect", NS, 0, RIG_PEER_LINK6, RIG_ADDR6, RIG_ADDR6, true, 54, 137, false,
		 OUTCOME_ND_REDIRECT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(NOW);
		uint8_t f[128];
		const size_t len = rig_nd(f, rows[i].type, rows[i].flags, rows[i].src, rows[i].dst,
					  rows[i].target, rows[i].has_mac ? peer : NULL);
		uint64_t nb = 0;

		f[rows[i].at] = rows[i].byte;
		if (!rows[i].keep_sum)
			rig_fix_icmp6(f, len, 40);
		(void)rig_input(r, f, len, 0, NOW);
		for (int k = 0; k < OUTCOME__COUNT; k++)
			nb += r->counters[k];
		if (nb != 1 || r->counters[rows[i].outcome] != 1)
			fail_msg("%s", rows[i].name);
		expect_nothing(r);
		rig_free(r);
	}
}

static void each_cut_of_a_message_is_refused(void **)
{
	uint8_t f[128];
	const size_t len = rig_nd(f, NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, peer);

	for (size_t n = 54; n < len; n++) {
		struct rig *r = rig_new(NOW);
		uint8_t cut[128];

		memcpy(cut, f, n);
		cut[18] = 0;
		cut[19] = (uint8_t)(n - 54);
		if (n >= 58)
			rig_fix_icmp6(cut, n, 40);
		(void)rig_input(r, cut, n, 0, NOW);
		/* Without the option it is a whole message again. */
		assert_int_equal(r->counters[OUTCOME_ND_ANSWERED], n == 78);
		while (rig_sent(r, cut, sizeof(cut)) > 0)
			continue;
		rig_free(r);
	}
}

/* ---- our own questions ---- */

static void packets_wait_for_the_answer_in_order(void **)
{
	struct rig *r = rig_new(NOW);

	for (unsigned i = 0; i < NEIGH_PENDING + 2; i++)
		rig_output6(r, RIG_PEER6, NOW);
	expect_question(r, RIG_ADDR6, RIG_PEER6, NULL);
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ND_QUEUE_FULL], 2);
	hear(r, NA, SOLICITED | OVERRIDE, RIG_PEER6, RIG_ADDR6, RIG_PEER6, peer, NOW);
	for (unsigned i = 0; i < NEIGH_PENDING; i++)
		expect_packet(r, peer);
	expect_nothing(r);
	assert_int_equal(find(r, RIG_PEER6)->state, NEIGH_S_REACHABLE);
	rig_free(r);
}

static void a_link_local_gateway_is_asked_for_from_a_link_local_address(void **)
{
	struct rig *r = rig_new(NOW);

	rig_output6(r, "2001:db8:99::1", NOW);
	expect_question(r, RIG_LINK6, RIG_GATEWAY6, NULL);
	hear(r, NA, SOLICITED | OVERRIDE, RIG_GATEWAY6, RIG_LINK6, RIG_GATEWAY6, peer, NOW);
	expect_packet(r, peer);
	rig_free(r);
}

static void a_silent_neighbour_is_asked_three_times_and_tcp_is_told(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW;

	rig_output6(r, RIG_PEER6, now);
	for (int i = 0; i < 3; i++) {
		expect_question(r, RIG_ADDR6, RIG_PEER6, NULL);
		expect_nothing(r);
		assert_false(ip_take_error(&r->ip, &r->error));
		now += SECOND;
		rig_tick(r, now);
	}
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ND_UNRESOLVED], 1);
	assert_true(ip_take_error(&r->ip, &r->error));
	expect_addr(r->error.local.b, RIG_ADDR6);
	expect_addr(r->error.remote.b, RIG_PEER6);
	assert_int_equal(r->error.local_port, 40000);
	assert_int_equal(r->error.remote_port, 443);
	assert_int_equal(r->error.seq, 77);
	assert_int_equal(r->error.mtu, 0);
	assert_false(ip_take_error(&r->ip, &r->error));
	/* For a second that is known, and the next packet is told at once. */
	rig_output6(r, RIG_PEER6, now);
	expect_nothing(r);
	assert_true(ip_take_error(&r->ip, &r->error));
	rig_tick(r, now + 2 * SECOND);
	rig_output6(r, RIG_PEER6, now + 2 * SECOND);
	expect_question(r, RIG_ADDR6, RIG_PEER6, NULL);
	rig_free(r);
}

static void a_neighbour_that_went_away_is_probed_then_given_up(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW;

	rig_output6(r, RIG_PEER6, now);
	expect_question(r, RIG_ADDR6, RIG_PEER6, NULL);
	hear(r, NA, SOLICITED | OVERRIDE, RIG_PEER6, RIG_ADDR6, RIG_PEER6, peer, now);
	expect_packet(r, peer);
	now += 50 * SECOND;
	rig_output6(r, RIG_PEER6, now);
	expect_packet(r, peer);
	assert_int_equal(find(r, RIG_PEER6)->state, NEIGH_S_DELAY);
	now += 5 * SECOND;
	for (int i = 0; i < 3; i++) {
		rig_tick(r, now);
		expect_question(r, RIG_ADDR6, RIG_PEER6, peer);
		assert_int_equal(find(r, RIG_PEER6)->state, NEIGH_S_PROBE);
		rig_output6(r, RIG_PEER6, now);
		expect_packet(r, peer);
		now += SECOND;
	}
	rig_tick(r, now);
	expect_nothing(r);
	assert_int_equal(find(r, RIG_PEER6)->state, NEIGH_S_FAILED);
	rig_free(r);
}

/* RFC 4861 7.2.5, from REACHABLE at <peer>: what an advertisement makes of it. */
static void advertisements_change_a_neighbour_by_the_rules(void **)
{
	static const struct {
		uint8_t flags;
		const uint8_t *mac;
		enum neigh_state from, state;
		const uint8_t *then;
	} rows[] = {
		{SOLICITED, peer, NEIGH_S_STALE, NEIGH_S_REACHABLE, peer},
		{SOLICITED, NULL, NEIGH_S_STALE, NEIGH_S_REACHABLE, peer},
		{0, peer, NEIGH_S_REACHABLE, NEIGH_S_REACHABLE, peer},
		{0, other, NEIGH_S_REACHABLE, NEIGH_S_STALE, peer},
		{0, other, NEIGH_S_STALE, NEIGH_S_STALE, peer},
		{SOLICITED, other, NEIGH_S_REACHABLE, NEIGH_S_STALE, peer},
		{OVERRIDE, other, NEIGH_S_REACHABLE, NEIGH_S_STALE, other},
		{OVERRIDE, peer, NEIGH_S_REACHABLE, NEIGH_S_REACHABLE, peer},
		{SOLICITED | OVERRIDE, other, NEIGH_S_REACHABLE, NEIGH_S_REACHABLE, other},
		{SOLICITED | OVERRIDE, other, NEIGH_S_STALE, NEIGH_S_REACHABLE, other},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(NOW);
		uint8_t f[128];

		hear(r, NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, peer, NOW);
		(void)rig_sent(r, f, sizeof(f));
		if (rows[i].from == NEIGH_S_REACHABLE)
			hear(r, NA, SOLICITED, RIG_PEER6, RIG_ADDR6, RIG_PEER6, peer, NOW);
		assert_int_equal(find(r, RIG_PEER6)->state, rows[i].from);
		hear(r, NA, rows[i].flags, RIG_PEER6,
		     rows[i].flags & SOLICITED ? RIG_ADDR6 : "ff02::1", RIG_PEER6, rows[i].mac,
		     NOW);
		if (find(r, RIG_PEER6)->state != rows[i].state ||
		    memcmp(find(r, RIG_PEER6)->mac, rows[i].then, 6) != 0)
			fail_msg("row %zu: state %s", i,
				 neigh_state_name(find(r, RIG_PEER6)->state));
		rig_free(r);
	}
}

static void an_answer_without_an_ethernet_address_resolves_nothing(void **)
{
	struct rig *r = rig_new(NOW);

	rig_output6(r, RIG_PEER6, NOW);
	expect_question(r, RIG_ADDR6, RIG_PEER6, NULL);
	hear(r, NA, SOLICITED | OVERRIDE, RIG_PEER6, RIG_ADDR6, RIG_PEER6, NULL, NOW);
	expect_nothing(r);
	assert_int_equal(find(r, RIG_PEER6)->state, NEIGH_S_INCOMPLETE);
	rig_free(r);
}

/* ---- our own addresses ---- */

static void add_address(struct rig *r, uint64_t now_us)
{
	const struct ip_ifaddr addr[] = {
		{rig_addr(RIG_ADDR6), 64, 0},
		{rig_addr(RIG_LINK6), 64, 0},
		{rig_addr(NEW_ADDR), 64, 0},
	};

	ip_configure(&r->ip, addr, 3, NULL, 0, now_us);
}

/* MLD has its own test. */
static void drop_reports(struct rig *r, uint64_t now_us)
{
	uint8_t f[256];

	for (uint32_t i = 0; i < ETH_MAX_IFACES; i++)
		r->nd.report[i].left = 0;
	rig_tick(r, now_us);
	while (rig_sent(r, f, sizeof(f)) > 0 && f[54] != NS)
		continue;
}

static enum local_state state_of(struct rig *r)
{
	const struct ip_addr a = rig_addr(NEW_ADDR);

	return local_find(&r->neigh.local, &a, 0)->state;
}

static void a_new_address_is_tried_before_it_is_used_and_then_announced(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW + 100 * SECOND;
	uint8_t f[128];

	add_address(r, now);
	for (uint32_t i = 0; i < ETH_MAX_IFACES; i++)
		r->nd.report[i].left = 0;
	rig_tick(r, now);
	expect_question(r, "::", NEW_ADDR, NULL);
	expect_nothing(r);
	assert_int_equal(state_of(r), LOCAL_S_TENTATIVE);
	/* RFC 4862 5.4: nobody is answered, nothing taken, nothing sent by it. */
	hear(r, NS, 0, RIG_PEER6, NEW_GROUP, NEW_ADDR, peer, now);
	expect_nothing(r);
	assert_int_equal(rig_input(r, f, rig_tcp6(f, RIG_PEER6, NEW_ADDR), 0, now), RIG_GONE);
	assert_int_equal(r->counters[OUTCOME_IP_NOT_OURS], 1);
	now += SECOND;
	rig_tick(r, now);
	expect_answer(r, NEW_ADDR, "ff02::1", mac_all);
	assert_int_equal(state_of(r), LOCAL_S_VALID);
	now += 2 * SECOND;
	rig_tick(r, now);
	expect_answer(r, NEW_ADDR, "ff02::1", mac_all);
	expect_nothing(r);
	now += 10 * SECOND;
	rig_tick(r, now);
	expect_nothing(r);
	assert_int_equal(rig_input(r, f, rig_tcp6(f, RIG_PEER6, NEW_ADDR), 0, now), RIG_TCP);
	rig_free(r);
}

static void who_does_not_own_the_port_waits_too_and_says_nothing(void **)
{
	struct rig *r = rig_new(NOW);
	uint64_t now = NOW + 100 * SECOND;

	r->io.port[0].owner = 1;
	add_address(r, now);
	rig_tick(r, now);
	hear(r, NS, 0, RIG_PEER6, GROUP, RIG_ADDR6, peer, now);
	expect_nothing(r);
	assert_non_null(find(r, RIG_PEER6));
	rig_tick(r, now + SECOND);
	assert_int_equal(state_of(r), LOCAL_S_TENTATIVE);
	rig_tick(r, now + 2 * SECOND);
	assert_int_equal(state_of(r), LOCAL_S_VALID);
	expect_nothing(r);
	rig_free(r);
}

static void expect_unused(struct rig *r, uint64_t now)
{
	uint8_t f[128];

	assert_int_equal(state_of(r), LOCAL_S_DUPLICATE);
	assert_int_equal(r->counters[OUTCOME_ND_DUPLICATE], 1);
	rig_tick(r, now + 100 * SECOND);
	expect_nothing(r);
	hear(r, NS, 0, RIG_PEER6, NEW_GROUP, NEW_ADDR, peer, now);
	expect_nothing(r);
	assert_int_equal(rig_input(r, f, rig_tcp6(f, RIG_PEER6, NEW_ADDR), 0, now), RIG_GONE);
	/* The configuration stays; so does the verdict. */
	add_address(r, now);
	assert_int_equal(state_of(r), LOCAL_S_DUPLICATE);
}

static void an_address_that_another_host_has_is_not_used(void **)
{
	struct rig *r = rig_new(NOW);
	const uint64_t now = NOW + 100 * SECOND;

	add_address(r, now);
	drop_reports(r, now);
	hear(r, NA, OVERRIDE, NEW_ADDR, "ff02::1", NEW_ADDR, other, now);
	expect_unused(r, now);
	rig_free(r);
}

static void an_address_that_another_host_tries_as_well_is_not_used(void **)
{
	struct rig *r = rig_new(NOW);
	const uint64_t now = NOW + 100 * SECOND;
	uint8_t f[128];
	const size_t len = rig_nd(f, NS, 0, "::", NEW_GROUP, NEW_ADDR, NULL);

	add_address(r, now);
	drop_reports(r, now);
	(void)rig_input(r, f, len, 0, now);
	expect_unused(r, now);
	rig_free(r);
}

static void our_own_probe_that_comes_back_is_no_conflict(void **)
{
	struct rig *r = rig_new(NOW);
	const uint64_t now = NOW + 100 * SECOND;
	uint8_t f[128];

	add_address(r, now);
	for (uint32_t i = 0; i < ETH_MAX_IFACES; i++)
		r->nd.report[i].left = 0;
	rig_tick(r, now);

	const size_t len = rig_sent(r, f, sizeof(f));

	assert_int_equal(f[54], NS);
	(void)rig_input(r, f, len, 0, now);
	assert_int_equal(r->counters[OUTCOME_ETH_NOT_OURS], 1);
	assert_int_equal(state_of(r), LOCAL_S_TENTATIVE);
	rig_free(r);
}

static void a_conflict_is_counted_and_answered_once_in_a_while(void **)
{
	struct rig *r = rig_new(NOW);

	hear(r, NA, OVERRIDE, RIG_ADDR6, "ff02::1", RIG_ADDR6, other, NOW);
	expect_answer(r, RIG_ADDR6, "ff02::1", mac_all);
	hear(r, NA, OVERRIDE, RIG_ADDR6, "ff02::1", RIG_ADDR6, other, NOW + SECOND);
	expect_nothing(r);
	hear(r, NA, OVERRIDE, RIG_ADDR6, "ff02::1", RIG_ADDR6, other, NOW + 11 * SECOND);
	expect_answer(r, RIG_ADDR6, "ff02::1", mac_all);
	assert_int_equal(r->counters[OUTCOME_ND_CONFLICT], 3);
	/* Who asks from our address claims it too, and is no neighbour. */
	hear(r, NS, 0, RIG_ADDR6, GROUP, RIG_ADDR6, other, NOW + 12 * SECOND);
	expect_nothing(r);
	assert_int_equal(r->counters[OUTCOME_ND_CONFLICT], 4);
	assert_null(find(r, RIG_ADDR6));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_solicitation_is_answered_to_its_sender_alone),
		cmocka_unit_test(a_probe_by_unicast_without_an_option_is_answered),
		cmocka_unit_test(who_tries_an_address_of_ours_is_told_in_front_of_all),
		cmocka_unit_test(a_question_for_another_or_from_beyond_the_link_makes_no_neighbour),
		cmocka_unit_test(each_unsound_message_has_its_outcome),
		cmocka_unit_test(each_cut_of_a_message_is_refused),
		cmocka_unit_test(packets_wait_for_the_answer_in_order),
		cmocka_unit_test(a_link_local_gateway_is_asked_for_from_a_link_local_address),
		cmocka_unit_test(a_silent_neighbour_is_asked_three_times_and_tcp_is_told),
		cmocka_unit_test(a_neighbour_that_went_away_is_probed_then_given_up),
		cmocka_unit_test(advertisements_change_a_neighbour_by_the_rules),
		cmocka_unit_test(an_answer_without_an_ethernet_address_resolves_nothing),
		cmocka_unit_test(a_new_address_is_tried_before_it_is_used_and_then_announced),
		cmocka_unit_test(who_does_not_own_the_port_waits_too_and_says_nothing),
		cmocka_unit_test(an_address_that_another_host_has_is_not_used),
		cmocka_unit_test(an_address_that_another_host_tries_as_well_is_not_used),
		cmocka_unit_test(our_own_probe_that_comes_back_is_no_conflict),
		cmocka_unit_test(a_conflict_is_counted_and_answered_once_in_a_while),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
