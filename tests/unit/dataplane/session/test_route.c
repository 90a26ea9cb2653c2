/* SPDX-License-Identifier: BSD-3-Clause */

/* Which virtual host takes a name, and which real server takes the next request. */

#include "session/session_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NB 3

/* As much of a configuration object as the choice reads. */
struct object {
	struct snap_config config;
	struct snap_real_server server[NB];
};

struct rig {
	struct object object;
	struct snap_gateway gateway;
	struct session_worker sw;
	uint32_t turns[NB];
	uint64_t counters[OUTCOME__COUNT];
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	for (uint32_t i = 0; i < NB; i++)
		r->object.server[i] = (struct snap_real_server){
			.id = i + 1,
			.port = (uint16_t)(8080 + i),
			.weight = 1,
			.status = SNAP_SERVER_ACTIVE,
			.health = i,
		};
	r->gateway = (struct snap_gateway){
		.ldb_method = SNAP_LDB_ROUND_ROBIN,
		.servers = {.off = offsetof(struct object, server), .count = NB},
	};
	r->sw.view.config = &r->object.config;
	r->sw.round_robin = r->turns;
	r->sw.now_us = 1000;

	const struct upstream_params up = {
		.max_conns = 1, .max_servers = 8, .counters = r->counters};

	r->sw.upstream = upstream_new(&up);
	assert_non_null(r->sw.upstream);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	upstream_free(r->sw.upstream);
	free(r);
	return 0;
}

/* Id of the server that is picked, 0 for none; <ret> to hold it down by. */
static uint32_t pick_at(struct rig *r, uint32_t attempt, struct upstream_server **ret)
{
	const struct snap_real_server *rs =
		route_pick_server(&r->sw, &r->gateway, NULL, attempt, ret);

	return rs == NULL ? 0 : rs->id;
}

static uint32_t pick(struct rig *r)
{
	struct upstream_server *us;

	return pick_at(r, 0, &us);
}

/* Hold down server <id>, wherever the turns stand. */
static void take_down(struct rig *r, uint32_t id)
{
	struct upstream_server *us;

	for (unsigned i = 0; i < 2 * NB; i++) {
		if (pick_at(r, 0, &us) == id) {
			(void)upstream_server_set_down(us, r->sw.now_us);
			return;
		}
	}
	fail();
}

static bool host_matches(uint8_t type, const char *host, const char *name)
{
	return route_host_matches(type, slice_str(host), slice_str(name));
}

static void an_exact_host_is_that_name_alone(void **)
{
	assert_true(host_matches(SNAP_HOST_EXACT, "a.example", "a.example"));
	assert_false(host_matches(SNAP_HOST_EXACT, "a.example", "b.a.example"));
	assert_false(host_matches(SNAP_HOST_EXACT, "a.example", "a.example.org"));
	assert_false(host_matches(SNAP_HOST_EXACT, "a.example", ""));
}

static void a_wildcard_takes_labels_before_the_dot_but_not_none(void **)
{
	assert_true(host_matches(SNAP_HOST_WILDCARD, "*.shop.example", "a.shop.example"));
	assert_true(host_matches(SNAP_HOST_WILDCARD, "*.shop.example", "a.b.shop.example"));
	assert_false(host_matches(SNAP_HOST_WILDCARD, "*.shop.example", "shop.example"));
	assert_false(host_matches(SNAP_HOST_WILDCARD, "*.shop.example", ".shop.example"));
	assert_false(host_matches(SNAP_HOST_WILDCARD, "*.shop.example", "evilshop.example"));
	assert_false(host_matches(SNAP_HOST_WILDCARD, "*.shop.example", "a.shop.example.org"));
	assert_true(host_matches(SNAP_HOST_WILDCARD, "shop.example", "shop.example"));
	assert_false(host_matches(SNAP_HOST_WILDCARD, "shop.example", "a.shop.example"));
}

static void a_sub_string_is_found_anywhere_but_in_no_name(void **)
{
	assert_true(host_matches(SNAP_HOST_SUB_STRING, "shop", "a.shop.example"));
	assert_false(host_matches(SNAP_HOST_SUB_STRING, "shop", "a.sho.p.example"));
	assert_false(host_matches(SNAP_HOST_SUB_STRING, "shop", ""));
}

static void an_unknown_kind_of_host_matches_nothing(void **)
{
	assert_false(host_matches(77, "a.example", "a.example"));
}

static void round_robin_takes_turns(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		for (uint32_t id = 1; id <= NB; id++)
			assert_int_equal(pick(*state), id);
}

static void weights_share_smoothly(void **state)
{
	struct rig *r = *state;
	static const uint32_t want[] = {1, 1, 2, 1, 3, 1, 1};

	r->gateway.ldb_method = SNAP_LDB_WEIGHTED;
	r->object.server[0].weight = 5;
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(pick(r), want[i]);
}

static void static_keeps_to_the_first_and_moves_on_when_it_is_down(void **state)
{
	struct rig *r = *state;

	r->gateway.ldb_method = SNAP_LDB_STATIC;
	assert_int_equal(pick(r), 1);
	assert_int_equal(pick(r), 1);
	take_down(r, 1);
	assert_int_equal(pick(r), 2);
}

static void a_server_that_is_down_is_skipped_until_its_hold_down_is_over(void **state)
{
	struct rig *r = *state;

	take_down(r, 2);
	for (unsigned i = 0; i < 6; i++)
		assert_int_not_equal(pick(r), 2);
	r->sw.now_us += UPSTREAM_HOLDDOWN_US;

	bool is_back = false;

	for (unsigned i = 0; i < NB; i++)
		is_back |= pick(r) == 2;
	assert_true(is_back);
}

static void a_standby_serves_only_without_active_ones(void **state)
{
	struct rig *r = *state;

	r->object.server[0].status = SNAP_SERVER_STANDBY;
	for (unsigned i = 0; i < 4; i++)
		assert_int_not_equal(pick(r), 1);
	take_down(r, 2);
	take_down(r, 3);
	assert_int_equal(pick(r), 1);
}

static void when_all_are_down_one_is_tried_once(void **state)
{
	struct rig *r = *state;
	struct upstream_server *us;

	for (uint32_t id = 1; id <= NB; id++)
		take_down(r, id);
	assert_int_not_equal(pick(r), 0);
	assert_int_equal(pick_at(r, 1, &us), 0);
}

static void there_are_no_more_attempts_than_servers(void **state)
{
	struct upstream_server *us;

	assert_int_not_equal(pick_at(*state, NB - 1, &us), 0);
	assert_int_equal(pick_at(*state, NB, &us), 0);
}

static void a_disabled_server_is_never_picked(void **state)
{
	struct rig *r = *state;

	for (uint32_t i = 0; i < NB; i++)
		r->object.server[i].status = SNAP_SERVER_DISABLED;
	assert_int_equal(pick(r), 0);
	r->object.server[2].status = SNAP_SERVER_ACTIVE;
	assert_int_equal(pick(r), 3);
	assert_int_equal(pick(r), 3);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_host_is_that_name_alone),
		cmocka_unit_test(a_wildcard_takes_labels_before_the_dot_but_not_none),
		cmocka_unit_test(a_sub_string_is_found_anywhere_but_in_no_name),
		cmocka_unit_test(an_unknown_kind_of_host_matches_nothing),
		WITH_RIG(round_robin_takes_turns),
		WITH_RIG(weights_share_smoothly),
		WITH_RIG(static_keeps_to_the_first_and_moves_on_when_it_is_down),
		WITH_RIG(a_server_that_is_down_is_skipped_until_its_hold_down_is_over),
		WITH_RIG(a_standby_serves_only_without_active_ones),
		WITH_RIG(when_all_are_down_one_is_tried_once),
		WITH_RIG(there_are_no_more_attempts_than_servers),
		WITH_RIG(a_disabled_server_is_never_picked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
