/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading rings that a data plane has written which may have been taken over. */

#include "base/lock.h"
#include "tests/unit/common/shm/shm_dir.h"

/* The reader's parts are its own. */
#include "controlplane/rest/res_capture.c"

#include <cmocka.h>

static struct cp cp = {.shm = {.dirfd = -1, .snapshot_fd = -1}};
static struct capture *c;

/* A record of <caplen> bytes at <at>, as a worker writes it; returns where the next one goes. */
static uint64_t put_record(uint64_t at, uint32_t caplen)
{
	uint8_t *ring = shm_feedback_ring(&cp.shm, 0);
	const uint32_t len = (uint32_t)(sizeof(struct capture_rec) + caplen + 7) & ~7u;
	struct capture_rec r = {.len = len, .caplen = caplen, .wire_len = caplen};

	memcpy(ring + at % CAPTURE_RING, &r, sizeof(r));
	return at + len;
}

static void set_head(uint64_t head)
{
	shm_feedback_worker(&cp.shm, 0)->capture.head = head;
}

static int begin_reading(void **)
{
	c = calloc(1, sizeof(*c));
	c->cp = &cp;
	c->phase = PHASE_PACKETS;
	c->epoch = cp.shm.feedback_epoch;
	c->nb_workers = 1;
	c->nb_interfaces = 1;
	memset(shm_feedback_ring(&cp.shm, 0), 0, CAPTURE_RING);
	return 0;
}

static int end_reading(void **)
{
	free(c);
	return 0;
}

static void records_become_packets_and_their_room_is_given_back(void **)
{
	set_head(put_record(put_record(0, 60), 1500));
	drain(c);
	assert_int_equal(c->nb, 2);
	assert_int_equal(c->tail[0], shm_feedback_worker(&cp.shm, 0)->capture.head);
	assert_int_equal(cp.shm.rdv->capture_tail[0].tail, c->tail[0]);
	assert_int_equal(c->nb_torn, 0);
	assert_true(c->out_len > 1560);
}

static void packets_of_an_earlier_capture_are_not_shown(void **)
{
	c->seq = 9;
	set_head(put_record(0, 60));
	drain(c);
	assert_int_equal(c->nb, 0);
	assert_int_equal(c->out_len, 0);
	assert_int_equal(c->nb_torn, 0);
}

static void a_small_buffer_takes_the_rest_later(void **)
{
	uint64_t head = 0;

	for (unsigned i = 0; i < 12; i++)
		head = put_record(head, 60000);
	set_head(head);
	drain(c);
	assert_true(c->nb > 0 && c->nb < 12);
	while (c->out_len > 0) {
		c->out_len = 0;
		drain(c);
	}
	assert_int_equal(c->nb, 12);
	assert_int_equal(c->tail[0], head);
}

static void lies_are_skipped_and_counted(void **)
{
	static const struct capture_rec lie[] = {
		{.len = 0},
		{.len = 4},
		{.len = 33},
		{.len = 8},
		{.len = 40, .caplen = 9},
		{.len = 64, .caplen = UINT32_MAX},
		{.len = UINT32_MAX & ~7u},
		{.len = CAPTURE_PAD | 0x7ffffff8},
		{.len = 40, .port = 200},
	};
	uint64_t at = 0;

	for (size_t i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
		memcpy(shm_feedback_ring(&cp.shm, 0) + at % CAPTURE_RING, &lie[i], sizeof(lie[i]));
		at += 128;
		set_head(at);
		drain(c);
		assert_int_equal(c->tail[0], at);
		assert_int_equal(c->nb_torn, i + 1);
	}
	set_head(at + 2 * (uint64_t)CAPTURE_RING);
	drain(c);
	assert_int_equal(c->nb_torn, sizeof(lie) / sizeof(lie[0]) + 1);
	assert_int_equal(c->nb, 0);
}

/* The same numbers each time. */
static uint32_t dice(void)
{
	static uint32_t state = 1;

	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

static void garbage_does_no_harm(void **)
{
	uint8_t *ring = shm_feedback_ring(&cp.shm, 0);

	for (unsigned i = 0; i < 3000; i++) {
		uint64_t head = c->tail[0];

		/* Some sense, some nonsense. */
		for (unsigned k = 0; k < 10; k++) {
			const uint64_t next = head + 2000;

			if (next % CAPTURE_RING < head % CAPTURE_RING)
				break;
			(void)put_record(head, (uint32_t)dice() % 100);
			ring[(head + (uint64_t)dice() % 32) % CAPTURE_RING] ^= (uint8_t)dice();
			head += (uint64_t)(dice() % 2000) & ~UINT64_C(7);
		}
		set_head(head + ((uint64_t)dice() % 4 == 0 ? (uint64_t)dice() << 10 : 0));
		c->out_len = 0;
		drain(c);
		assert_true(c->out_len <= OUT_CAP);
	}
	assert_true(c->nb_torn > 0);
}

static int set_up(void **state)
{
	bool is_resumed;

	lock_init(&cp.lock);
	return shm_dir_setup(state) != 0 ||
	       shm_create(&cp.shm, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed) < 0 ||
	       shm_feedback_create(&cp.shm, 1, 8, 4, (uid_t)-1, (gid_t)-1) < 0;
}

static int tear_down(void **state)
{
	shm_close(&cp.shm);
	return shm_dir_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin_reading, end_reading)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_become_packets_and_their_room_is_given_back),
		T(packets_of_an_earlier_capture_are_not_shown),
		T(a_small_buffer_takes_the_rest_later),
		T(lies_are_skipped_and_counted),
		T(garbage_does_no_harm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
