/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The index decides as the walk over the policies does, in every field of the verdict: random
 * configurations, devices, requests and times, each decided with the steps asked for (which walks)
 * and without (which does not).
 */

#include "common/policy/policy.h"
#include "tests/lib/snap_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NB_TAGS 12u
#define NB_DEVICES 40u
#define NOW 100000000u

static uint64_t rng;

static uint32_t rnd(uint32_t below)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((rng >> 33) % below);
}

/* Few different addresses, so that prefixes hold each other and addresses are in them. */
static struct ip_addr random_addr(void)
{
	static const uint8_t first[] = {0, 10, 192, 255};
	struct ip_addr a = {};

	if (rnd(4) == 0) {
		a.b[0] = (uint8_t)(rnd(3) * 0x20);
		a.b[15] = (uint8_t)rnd(3);
		/* right before and behind the IPv4-mapped addresses */
		if (rnd(4) == 0)
			memset(a.b + 10, rnd(2) == 0 ? 0xff : 0xfe, 2);
		return a;
	}
	a.b[10] = a.b[11] = 0xff;
	a.b[12] = first[rnd(4)];
	a.b[13] = (uint8_t)rnd(2);
	a.b[15] = (uint8_t)(rnd(4) * 85);
	return a;
}

static struct snap_prefix random_prefix(void)
{
	static const uint8_t v4[] = {96, 104, 112, 120, 127, 128};
	static const uint8_t any[] = {0, 1, 3, 64, 80, 95, 96, 127, 128};
	struct snap_prefix p = {.addr = random_addr()};

	p.len = ip_addr_is_v4(&p.addr) && rnd(8) != 0 ? v4[rnd(6)] : any[rnd(9)];
	return p;
}

static struct snap_arr random_indices(struct snap_arena *a, uint32_t below, uint32_t chance)
{
	uint32_t idx[3];
	const uint32_t nb = rnd(chance) == 0 ? 1 + rnd(3) : 0;

	for (uint32_t i = 0; i < nb; i++)
		idx[i] = rnd(below);
	return snap_arena_arr(a, idx, nb, sizeof(idx[0]));
}

static struct snap_node random_node(struct snap_arena *a, unsigned depth)
{
	struct snap_node child[3];
	const uint32_t nb = 1 + rnd(3);

	if (depth == 0 || rnd(3) == 0)
		return (struct snap_node){.op = SNAP_NODE_TAG, .tag = rnd(NB_TAGS)};
	for (uint32_t i = 0; i < nb; i++)
		child[i] = random_node(a, depth - 1);
	return (struct snap_node){.op = (uint8_t)(SNAP_NODE_ANY + rnd(3)),
				  .children = snap_arena_arr(a, child, nb, sizeof(child[0]))};
}

/* <rare>: one in so many accepts all, so that a walk often goes far. */
static struct snap_policy random_policy(struct snap_arena *a, uint32_t i, uint32_t nb_exprs,
					uint32_t rare)
{
	struct snap_prefix source[3];
	const uint32_t nb = rnd(3) == 0 ? 0 : 1 + rnd(3);
	const bool asks = rnd(rare) != 0 && nb_exprs > 0;
	struct snap_policy p = {
		.id = i + 1000,
		.name = snap_arena_cstr(a, "policy"),
		.expr = asks ? rnd(nb_exprs) : SNAP_NONE,
		.stale_s = rnd(3) * 100,
		.action = rnd(5) == 0 ? SNAP_DENY : SNAP_ACCEPT,
		.log = (uint8_t)rnd(3),
		.stale = (uint8_t)rnd(3),
	};

	for (uint32_t k = 0; k < nb; k++)
		source[k] = random_prefix();
	p.proxies = random_indices(a, 2, 2);
	p.interfaces = random_indices(a, 2, 3);
	p.sources = snap_arena_arr(a, source, nb, sizeof(source[0]));
	return p;
}

static void random_config(struct snap_fixture *f, uint32_t nb, uint32_t rare)
{
	struct snap_arena a;
	struct snap_tag tag[NB_TAGS] = {};
	const uint32_t nb_exprs = nb / 2;
	struct snap_policy *p = calloc(nb + 1, sizeof(*p));
	struct snap_expr *e = calloc(nb_exprs + 1, sizeof(*e));
	const void *ptr;
	size_t len;

	assert_true(p != NULL && e != NULL);
	f->empty_cert_action = (uint8_t)rnd(3);
	fixture_config(f, &a, NULL, 0);
	for (uint32_t i = 0; i < nb_exprs; i++)
		e[i].root = random_node(&a, 3);
	for (uint32_t i = 0; i < nb; i++)
		p[i] = random_policy(&a, i, nb_exprs, rare);
	const struct snap_arr policies = snap_arena_arr(&a, p, nb, sizeof(*p));
	const struct snap_arr exprs = snap_arena_arr(&a, e, nb_exprs, sizeof(*e));
	const struct snap_arr tags = snap_arena_arr(&a, tag, NB_TAGS, sizeof(tag[0]));
	assert_int_equal(snap_arena_finish(&a, &ptr, &len), 0);
	snap_arena_config(&a)->policies = policies;
	snap_arena_config(&a)->exprs = exprs;
	snap_arena_config(&a)->tags = tags;
	assert_int_equal(snap_build_config(f->build, ptr, len), 0);
	snap_arena_fini(&a);
	free(p);
	free(e);
}

static void random_devices(struct snap_fixture *f)
{
	for (uint64_t n = 0; n < NB_DEVICES; n++) {
		struct snap_device d = fixture_device_of(f, n, NULL);
		const uint64_t bits = rnd(1u << NB_TAGS);

		d.ems = (uint8_t)rnd(2);
		if (rnd(8) != 0) {
			d.flags |= SNAP_DEV_HAS_TAGS;
			assert_int_equal(snap_build_posture(f->build, &bits, 1, &d.posture), 0);
		}
		if (rnd(8) == 0)
			d.flags ^= (uint8_t)(1u << rnd(6));
		assert_int_equal(snap_build_device_put(f->build, &d, 1), 0);
	}
}

static struct policy_facts random_facts(void)
{
	const uint64_t n = rnd(NB_DEVICES + 2);

	return (struct policy_facts){
		.source = random_addr(),
		.interface = rnd(8) == 0 ? 7 : rnd(2),
		.proxy = rnd(16) == 0 ? 2 : rnd(2),
		.cert = rnd(8) == 0 ? POLICY_CERT_NONE : POLICY_CERT_VERIFIED,
		.ems = (uint8_t)rnd(2),
		.is_existing = rnd(2) == 0,
		.is_pulled = rnd(2) == 0,
		.uid = fixture_uid(n),
		.serial = fixture_serial(rnd(16) == 0 ? n + 1 : n),
	};
}

/* EMS in contact just now, long ago or never, and at the ends of the graces. */
static struct policy_now random_now(void)
{
	static const uint64_t ago_s[] = {0, 1, 179, 180, 181, 279, 280, 281, 379, 380, 381, 9999};
	struct policy_now now = {.now_ms = NOW};

	for (unsigned i = 0; i < 2; i++)
		now.ems_contact_ms[i] =
			rnd(8) == 0 ? 0 : NOW - ago_s[rnd(2) == 0 ? 0 : rnd(12)] * 1000;
	return now;
}

static void expect_equal(const struct policy_verdict *a, const struct policy_verdict *b)
{
	assert_int_equal(a->is_accept, b->is_accept);
	assert_int_equal(a->is_pending, b->is_pending);
	assert_int_equal(a->is_log, b->is_log);
	assert_int_equal(a->is_ems_online, b->is_ems_online);
	assert_int_equal(a->outcome, b->outcome);
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->policy, b->policy);
	assert_int_equal(a->policy_id, b->policy_id);
	assert_int_equal(a->posture, b->posture);
	assert_ptr_equal(a->device, b->device);
	assert_true(a->valid_until_ms == b->valid_until_ms);
}

static void compare(const struct snap_view *v, uint32_t nb, uint32_t *seen)
{
	for (uint32_t i = 0; i < nb; i++) {
		const struct policy_facts f = random_facts();
		const struct policy_now now = random_now();
		struct policy_verdict walked, indexed;
		struct policy_trace t = {};

		memset(&indexed, 0xee, sizeof(indexed));
		policy_decide(v, &f, &now, &walked, &t);
		policy_decide(v, &f, &now, &indexed, NULL);
		expect_equal(&indexed, &walked);
		seen[walked.outcome]++;
	}
}

static void a_random_configuration_decides_alike_by_index_and_by_walking(void **)
{
	static const uint32_t nb[] = {0, 1, 2, 7, 63, 64, 65, 130, 300, 4095, 4097, 4200};
	static uint32_t seen[OUTCOME__COUNT];

	for (uint32_t round = 0; round < 60; round++) {
		struct snap_fixture f;

		rng = round + 1;
		fixture_init(&f);
		f.nb_ems = 2;
		random_config(&f, nb[round % 12], round % 2 == 0 ? 4 : 4000);
		random_devices(&f);
		const struct snap_view v = fixture_publish(&f);
		assert_non_null(v.index);
		compare(&v, nb[round % 12] > 1000 ? 60 : 600, seen);
		fixture_fini(&f);
	}
	/* All ends were met, so the test means something. */
	static const enum outcome must[] = {
		OUTCOME_POLICY_ACCEPT,   OUTCOME_POLICY_DENY,     OUTCOME_POLICY_DENY_TAGS,
		OUTCOME_POLICY_NO_MATCH, OUTCOME_POLICY_NO_TAGS,  OUTCOME_ZTNA_POSTURE_STALE,
		OUTCOME_ZTNA_NO_DEVICE,  OUTCOME_ZTNA_CERT_EMPTY,
	};
	for (unsigned i = 0; i < sizeof(must) / sizeof(must[0]); i++)
		assert_true(seen[must[i]] > 0);
}

/* Too many classes of sources: whoever finds a policy has to look at its sources. */
static void without_classes_of_sources_it_decides_alike(void **)
{
	static uint32_t seen[OUTCOME__COUNT];

	for (uint32_t round = 0; round < 10; round++) {
		struct snap_fixture f;

		rng = 1000 + round;
		fixture_init(&f);
		f.nb_ems = 2;
		random_config(&f, 200, 50);
		random_devices(&f);
		const struct snap_view v = fixture_publish(&f);
		struct snap_index *x = (struct snap_index *)(uintptr_t)v.index;
		assert_true((x->flags & SNAP_INDEX_SOURCES) != 0);
		x->flags ^= SNAP_INDEX_SOURCES | SNAP_INDEX_CHECK_SOURCES;
		compare(&v, 600, seen);
		fixture_fini(&f);
	}
	assert_true(seen[OUTCOME_POLICY_ACCEPT] > 0);
}

static void an_interval_is_a_class_once(void **)
{
	struct snap_fixture f;
	const struct fixture_policy p[] = {
		{.id = 1, .action = SNAP_ACCEPT, .source = "192.0.2.0/24"},
		{.id = 2, .action = SNAP_ACCEPT, .source = "192.0.2.0/25"},
		{.id = 3, .action = SNAP_ACCEPT, .source = "198.51.100.0/25"},
		{.id = 4, .action = SNAP_ACCEPT, .source = "192.0.2.128/25"},
	};

	fixture_init(&f);
	fixture_policies(&f, p, 4);
	const struct snap_view v = fixture_publish(&f);
	/* {}, {1, 2}, {1, 4}, {3}; from 0, 192.0.2.0, .128, 192.0.3.0, 198.51.100.0, .128 */
	assert_int_equal(v.index->nb_classes, 4);
	assert_int_equal(v.index->nb_bounds, 6);
	const struct ip_addr in = ip_addr_from_v4(0x810200c0u), out = {.b = {0x20}};
	assert_int_equal(snap_index_class(v.index, &in), 2);
	assert_int_equal(snap_index_class(v.index, &out), 0);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_configuration_decides_alike_by_index_and_by_walking),
		cmocka_unit_test(without_classes_of_sources_it_decides_alike),
		cmocka_unit_test(an_interval_is_a_class_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
