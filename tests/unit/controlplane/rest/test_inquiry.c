/* SPDX-License-Identifier: BSD-3-Clause */

/* Questions about connections, with a thread in the place of the worker that answers them. */

#include "base/lock.h"
#include "common/base/slice.h"
#include "rest/inquiry.h"
#include "rest/rest_priv.h"
#include "tests/unit/common/shm/shm_dir.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NB_SLOTS 300u /* all in use, at worker 1; worker 0 has none */

static struct cp cp = {.shm = {.dirfd = -1, .snapshot_fd = -1}};
static _Atomic(bool) is_stopping, is_mute, is_evil;

static void answer(uint32_t worker, const struct rdv_inquiry *q)
{
	struct conn_answer *a = &shm_feedback_worker(&cp.shm, worker)->conns;
	uint32_t slot = q->slot;

	a->nb_rows = 0;
	a->nb_ranges = 0;
	for (; worker == 1 && slot < NB_SLOTS && a->nb_rows < CONN_ROWS; slot++) {
		struct conn_row *r = &a->row[a->nb_rows++];

		*r = (struct conn_row){.slot = slot, .generation = 7, .state = CONN_S_ESTABLISHED};
		r->local_port = (uint16_t)slot;
		if (q->op == RDV_INQUIRY_ONE)
			break;
	}
	a->next = slot < NB_SLOTS && worker == 1 ? slot : CONN_LAST;
	if (q->op == RDV_INQUIRY_ONE && (q->generation != 7 || a->row[0].slot != q->slot))
		a->nb_rows = 0;
	if (!is_evil)
		return;
	a->nb_rows = UINT32_MAX;
	a->nb_ranges = UINT32_MAX;
	a->next = q->slot;
	memset(a->range, 0xff, sizeof(a->range));
	memset(a->row, 0xff, sizeof(a->row));
}

static void *worker_run(void *)
{
	const struct timespec pause = {.tv_nsec = 50000};
	struct rdv *rdv = cp.shm.rdv;

	while (!is_stopping) {
		for (uint32_t w = 0; w < 2 && !is_mute; w++) {
			struct conn_answer *a = &shm_feedback_worker(&cp.shm, w)->conns;
			const uint64_t seq = atomic_load(&rdv->mailbox[w].inquiry_seq);

			if (seq == atomic_load(&a->answered))
				continue;
			answer(w, &rdv->inquiry[w]);
			atomic_store(&a->answered, seq);
		}
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static json_t *get(const char *path, const char *query, int want)
{
	static const struct rest_who admin = {.role = REST_ROLE_ADMIN};
	struct rest_req req = {
		.cp = &cp, .who = &admin, .method = REST_GET, .path = path, .query = query};
	struct rest_res res;

	rest_dispatch(&req, &res);
	assert_int_equal(res.status, want);
	return res.json;
}

static void pages_of_any_size_hold_each_connection_once(void **)
{
	static const unsigned limit[] = {1, 7, 100, 1000};

	for (size_t i = 0; i < sizeof(limit) / sizeof(limit[0]); i++) {
		json_int_t cursor = 0;
		unsigned nb = 0;

		while (cursor >= 0) {
			char query[64];
			json_t *j, *c, *next;
			size_t k;

			(void)snprintf(query, sizeof(query), "limit=%u&cursor=%lld", limit[i],
				       (long long)cursor);
			j = get("/api/v1/connections", query, 200);
			json_array_foreach(json_object_get(j, "connections"), k, c)
			{
				char id[32];

				(void)snprintf(id, sizeof(id), "1.%u.7", nb++);
				assert_string_equal(json_string_value(json_object_get(c, "id")),
						    id);
			}
			next = json_object_get(j, "next_cursor");
			assert_true(json_is_null(next) || json_integer_value(next) > cursor);
			cursor = json_is_null(next) ? -1 : json_integer_value(next);
			json_decref(j);
		}
		assert_int_equal(nb, NB_SLOTS);
	}
}

static void one_is_found_by_its_id_and_no_other(void **)
{
	json_t *j = get("/api/v1/connections/1.5.7", "", 200);

	assert_string_equal(json_string_value(json_object_get(j, "state")), "established");
	json_decref(j);
	json_decref(get("/api/v1/connections/1.5.8", "", 404));
	json_decref(get("/api/v1/connections/0.5.7", "", 404));
	json_decref(get("/api/v1/connections/2.5.7", "", 404));
	json_decref(get("/api/v1/connections/99999.5.7", "", 404));
}

static void bad_ids_and_filters_are_400(void **)
{
	static const char *const id[] = {"1",      "1.2",    "1.2.3.4",         "1..3",
					 "1.2.3x", "-1.2.3", "99999999999.2.3", "a.b.c"};
	static const char *const query[] = {"address=x", "address=", "port=0",       "port=x",
					    "port=",     "state=up", "state=listen-"};

	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/api/v1/connections/%s", id[i]);
		json_decref(get(path, "", 400));
	}
	for (size_t i = 0; i < sizeof(query) / sizeof(query[0]); i++)
		json_decref(get("/api/v1/connections", query[i], 400));
}

static void the_filter_reaches_the_worker(void **)
{
	const struct rdv_inquiry *q = &cp.shm.rdv->inquiry[1];

	json_decref(get("/api/v1/connections", "address=192.0.2.1&port=443&state=time-wait", 200));
	assert_int_equal(q->filter, RDV_FILTER_ADDR | RDV_FILTER_PORT | RDV_FILTER_STATE);
	assert_int_equal(q->port, 443);
	assert_int_equal(q->state, CONN_S_TIME_WAIT);
	assert_int_equal(q->addr.b[12], 192);
}

static void a_worker_that_lies_is_not_believed(void **)
{
	struct inquiry_answer a;
	const struct rdv_inquiry q = {.op = RDV_INQUIRY_LIST, .slot = 3};
	json_t *j;

	is_evil = true;
	assert_int_equal(inquiry_ask(&cp, 1, &q, 1000, &a), 0);
	assert_int_equal(a.nb_rows, CONN_ROWS);
	assert_int_equal(a.nb_ranges, 2 * CONN_RANGES);
	j = get("/api/v1/connections/1.3.4294967295", "", 200);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "unknown");
	json_decref(j);
	/* A cursor that stands still does not keep us asking. */
	j = get("/api/v1/connections", "limit=1000", 200);
	assert_true(json_is_null(json_object_get(j, "next_cursor")));
	json_decref(j);
	is_evil = false;
}

static void a_worker_that_does_not_answer_is_told_of(void **)
{
	struct inquiry_answer a;
	const struct rdv_inquiry q = {.op = RDV_INQUIRY_LIST};

	is_mute = true;
	assert_int_equal(inquiry_ask(&cp, 0, &q, 20, &a), -ETIMEDOUT);
	is_mute = false;
	assert_int_equal(inquiry_ask(&cp, 0, &q, 1000, &a), 0);
	assert_int_equal(inquiry_ask(&cp, 2, &q, 1000, &a), -ESRCH);
}

static pthread_t thread;

static int set_up(void **state)
{
	bool is_resumed;

	lock_init(&cp.lock);
	if (shm_dir_setup(state) != 0 ||
	    shm_create(&cp.shm, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed) < 0 ||
	    shm_feedback_create(&cp.shm, 2, 8, 4, (uid_t)-1, (gid_t)-1) < 0)
		return -1;
	atomic_store(&cp.shm.rdv->dp_workers, 2);
	return pthread_create(&thread, NULL, worker_run, NULL);
}

static int tear_down(void **state)
{
	is_stopping = true;
	pthread_join(thread, NULL);
	shm_close(&cp.shm);
	return shm_dir_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_any_size_hold_each_connection_once),
		cmocka_unit_test(one_is_found_by_its_id_and_no_other),
		cmocka_unit_test(bad_ids_and_filters_are_400),
		cmocka_unit_test(the_filter_reaches_the_worker),
		cmocka_unit_test(a_worker_that_lies_is_not_believed),
		cmocka_unit_test(a_worker_that_does_not_answer_is_told_of),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
