/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/lock.h"
#include "common/base/slice.h"
#include "rest/rest_priv.h"
#include "tests/unit/common/shm/shm_dir.h"

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cp cp = {.shm = {.dirfd = -1, .snapshot_fd = -1}};

static json_t *get(const char *query, int want)
{
	static const struct rest_who admin = {.role = REST_ROLE_ADMIN};
	struct rest_req req = {.cp = &cp,
			       .who = &admin,
			       .method = REST_GET,
			       .path = "/api/v1/tcp",
			       .query = query};
	struct rest_res res;

	rest_dispatch(&req, &res);
	assert_int_equal(res.status, want);
	return res.json;
}

/* The counter called <name> of group <group>; NULL: it is not shown. */
static json_t *find(const json_t *answer, const char *group, const char *name)
{
	json_t *g, *c;
	size_t i, k;

	json_array_foreach(json_object_get(answer, "groups"), i, g)
	{
		if (strcmp(json_string_value(json_object_get(g, "name")), group) != 0)
			continue;
		json_array_foreach(json_object_get(g, "counters"), k,
				   c) if (strcmp(json_string_value(json_object_get(c, "name")),
						 name) == 0) return c;
	}
	return NULL;
}

static void without_a_data_plane_it_is_503(void **)
{
	json_decref(get("", 503));
}

static void counters_come_per_worker_and_in_total_and_zeros_only_when_asked_for(void **)
{
	json_t *j, *c;

	shm_feedback_worker(&cp.shm, 0)->counter[OUTCOME_TCP_RETRANSMITS] = 3;
	shm_feedback_worker(&cp.shm, 1)->counter[OUTCOME_TCP_RETRANSMITS] = 4;
	shm_feedback_worker(&cp.shm, 1)->counter[OUTCOME_ARP_REPLIED] = 1;
	j = get("", 200);
	c = find(j, "tcp", "tcp_retransmits");
	assert_int_equal(json_integer_value(json_object_get(c, "count")), 7);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(c, "workers"), 0)), 3);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(c, "workers"), 1)), 4);
	assert_non_null(find(j, "arp", "arp_replied"));
	assert_null(find(j, "tcp", "tcp_rto"));
	json_decref(j);
	j = get("all=1", 200);
	assert_non_null(find(j, "tcp", "tcp_rto"));
	assert_non_null(find(j, "icmp", "icmp_malformed"));
	assert_non_null(find(j, "ip", "ip_malformed"));
	assert_non_null(find(j, "icmp", "mld_reported"));
	assert_null(find(j, "tcp", "tls_failed"));
	json_decref(j);
}

static void gauges_are_those_of_each_worker_and_garbage_stays_a_number(void **)
{
	json_t *j, *w;

	shm_feedback_worker(&cp.shm, 1)->half_open = 9;
	shm_feedback_worker(&cp.shm, 1)->mbufs_free = UINT64_MAX;
	j = get("", 200);
	w = json_array_get(json_object_get(j, "workers"), 1);
	assert_int_equal(json_integer_value(json_object_get(w, "half_open")), 9);
	assert_true(json_integer_value(json_object_get(w, "mbufs_free")) == INT64_MAX);
	assert_int_equal(json_array_size(json_object_get(j, "workers")), 2);
	json_decref(j);
}

static int set_up(void **state)
{
	bool is_resumed;

	lock_init(&cp.lock);
	return shm_dir_setup(state) != 0 ||
	       shm_create(&cp.shm, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed) < 0 ||
	       shm_feedback_create(&cp.shm, 2, 8, 4, (uid_t)-1, (gid_t)-1) < 0;
}

static int tear_down(void **state)
{
	shm_close(&cp.shm);
	return shm_dir_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			counters_come_per_worker_and_in_total_and_zeros_only_when_asked_for),
		cmocka_unit_test(gauges_are_those_of_each_worker_and_garbage_stays_a_number),
	};
	const struct CMUnitTest none[] = {cmocka_unit_test(without_a_data_plane_it_is_503)};

	lock_init(&cp.lock);
	return cmocka_run_group_tests(none, NULL, NULL) +
	       cmocka_run_group_tests(tests, set_up, tear_down);
}
