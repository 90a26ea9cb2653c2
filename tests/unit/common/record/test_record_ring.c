/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/record/record.h"
#include "tests/unit/common/shm/shm_dir.h"

#define RING 8u

static struct shm cp, dp;
static struct record_ring ring;

static int setup(void **state)
{
	bool is_resumed;

	if (shm_dir_setup(state) < 0 ||
	    shm_create(&cp, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed) < 0 ||
	    shm_attach(&dp, shm_dir, NULL) < 0 ||
	    shm_feedback_create(&dp, 2, RING, 0, (uid_t)-1, (gid_t)-1) < 0)
		return -1;
	record_ring_init(&ring, &dp, 1);
	return shm_feedback_attach(&cp) == 1 ? 0 : -1;
}

static int teardown(void **state)
{
	shm_close(&dp);
	shm_close(&cp);
	return shm_dir_teardown(state);
}

static bool put(uint64_t id)
{
	struct record *r = record_ring_reserve(&ring);

	if (r == NULL)
		return false;
	*r = (struct record){.kind = RECORD_TRAFFIC, .session_id = id};
	record_ring_commit(&ring);
	return true;
}

static void records_arrive_in_order_and_once(void **state)
{
	(void)state;
	struct record out[3];
	uint64_t lost, next_in = 0, next_out = 0;

	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < round % 5; i++)
			assert_true(put(next_in++));
		uint32_t n;
		while ((n = record_ring_read(&cp, 1, out, 3, &lost)) > 0)
			for (uint32_t i = 0; i < n; i++)
				assert_int_equal(out[i].session_id, next_out++);
		assert_int_equal(lost, 0);
	}
	assert_int_equal(next_in, next_out);
	assert_int_equal(record_ring_read(&cp, 0, out, 3, &lost), 0);
}

static void a_full_ring_refuses_until_it_is_read(void **state)
{
	(void)state;
	struct record out[RING];
	uint64_t lost;

	for (uint64_t i = 0; i < RING; i++)
		assert_true(put(i));
	assert_false(put(99));
	assert_int_equal(record_ring_read(&cp, 1, out, 1, &lost), 1);
	assert_int_equal(out[0].session_id, 0);
	assert_true(put(RING));
	assert_false(put(99));
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), RING);
	assert_int_equal(out[0].session_id, 1);
	assert_int_equal(out[RING - 1].session_id, RING);
}

static void a_reserved_record_is_not_seen_before_it_is_committed(void **state)
{
	(void)state;
	struct record out[1];
	uint64_t lost;

	assert_non_null(record_ring_reserve(&ring));
	assert_int_equal(record_ring_read(&cp, 1, out, 1, &lost), 0);
	record_ring_commit(&ring);
	assert_int_equal(record_ring_read(&cp, 1, out, 1, &lost), 1);
}

static void a_head_that_makes_no_sense_is_skipped_to(void **state)
{
	(void)state;
	struct record out[RING];
	uint64_t lost;

	atomic_store(&ring.fw->head, 1000000);
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 0);
	assert_int_equal(lost, 1000000);
	assert_true(put(5));
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 1);
	assert_int_equal(lost, 0);
	assert_int_equal(out[0].session_id, 5);
	/* backwards */
	atomic_store(&ring.fw->head, 3);
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 0);
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 0);
	assert_true(put(6));
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 1);
	assert_int_equal(out[0].session_id, 6);
}

static void a_tail_that_makes_no_sense_reads_as_full(void **state)
{
	(void)state;
	atomic_store(&cp.rdv->consumer[1].tail, 50);
	assert_false(put(1));
}

static void a_restarted_data_plane_does_not_take_the_old_tail_for_its_own(void **state)
{
	(void)state;
	struct record out[RING];
	uint64_t lost;

	for (uint64_t i = 0; i < 5; i++)
		assert_true(put(i));
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 5);
	assert_int_equal(shm_feedback_create(&dp, 2, RING, 0, (uid_t)-1, (gid_t)-1), 0);
	record_ring_init(&ring, &dp, 1);
	/* before the control plane has noticed: a whole ring fits, and no more */
	for (uint64_t i = 0; i < RING; i++)
		assert_true(put(100 + i));
	assert_false(put(99));
	/* still the old file */
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 0);
	assert_int_equal(shm_feedback_attach(&cp), 1);
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), RING);
	assert_int_equal(lost, 0);
	assert_int_equal(out[0].session_id, 100);
	assert_int_equal(out[RING - 1].session_id, 100 + RING - 1);
}

static void a_restarted_control_plane_goes_on_where_it_was(void **state)
{
	(void)state;
	struct record out[RING];
	uint64_t lost;
	bool is_resumed;

	for (uint64_t i = 0; i < 5; i++)
		assert_true(put(i));
	assert_int_equal(record_ring_read(&cp, 1, out, 3, &lost), 3);
	shm_close(&cp);
	assert_int_equal(shm_create(&cp, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed), 0);
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 0);
	assert_int_equal(shm_feedback_attach(&cp), 1);
	assert_int_equal(record_ring_read(&cp, 1, out, RING, &lost), 2);
	assert_int_equal(out[0].session_id, 3);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_arrive_in_order_and_once),
		T(a_full_ring_refuses_until_it_is_read),
		T(a_reserved_record_is_not_seen_before_it_is_committed),
		T(a_head_that_makes_no_sense_is_skipped_to),
		T(a_tail_that_makes_no_sense_reads_as_full),
		T(a_restarted_data_plane_does_not_take_the_old_tail_for_its_own),
		T(a_restarted_control_plane_goes_on_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
