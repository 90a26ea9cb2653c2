/* SPDX-License-Identifier: BSD-3-Clause */

/* Grace periods between two processes that map the file at different addresses, without EAL. */

#include "common/shm/rcu.h"
#include "common/shm/shm.h"
#include "tests/unit/common/shm/shm_dir.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static struct shm cp;

static int setup(void **state)
{
	bool is_resumed;

	if (shm_dir_setup(state) < 0)
		return -1;
	return shm_create(&cp, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed);
}

static int teardown(void **state)
{
	shm_close(&cp);
	return shm_dir_teardown(state);
}

static void sleep_ms(long ms)
{
	struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

static bool is_done_within(uint64_t token, int ms)
{
	for (; ms > 0; ms--) {
		if (rcu_is_done(cp.rdv, token))
			return true;
		sleep_ms(1);
	}
	return rcu_is_done(cp.rdv, token);
}

static void with_no_reader_a_grace_period_is_over_at_once(void **state)
{
	(void)state;
	assert_true(rcu_is_done(cp.rdv, rcu_start(cp.rdv)));
	assert_int_equal(rcu_worker_register(cp.rdv, SNAP_MAX_WORKERS), -EINVAL);
}

static void a_grace_period_waits_for_each_worker_online(void **state)
{
	(void)state;
	assert_int_equal(rcu_worker_register(cp.rdv, 0), 0);
	assert_int_equal(rcu_worker_register(cp.rdv, 63), 0);
	uint64_t t = rcu_start(cp.rdv);
	assert_false(rcu_is_done(cp.rdv, t));
	rcu_worker_quiescent(cp.rdv, 0);
	assert_false(rcu_is_done(cp.rdv, t));
	rcu_worker_quiescent(cp.rdv, 63);
	assert_true(rcu_is_done(cp.rdv, t));
	/* quiescence before the start does not count */
	t = rcu_start(cp.rdv);
	assert_false(rcu_is_done(cp.rdv, t));
	rcu_worker_offline(cp.rdv, 0);
	rcu_worker_unregister(cp.rdv, 63);
	assert_true(rcu_is_done(cp.rdv, t));
	rcu_worker_online(cp.rdv, 0);
	t = rcu_start(cp.rdv);
	assert_false(rcu_is_done(cp.rdv, t));
	rcu_worker_unregister(cp.rdv, 0);
	assert_true(rcu_is_done(cp.rdv, t));
}

static void a_token_taken_before_a_grace_period_began_does_not_end_it(void **state)
{
	(void)state;
	assert_int_equal(rcu_worker_register(cp.rdv, 0), 0);

	const uint64_t before = rcu_worker_token(cp.rdv);
	const uint64_t t = rcu_start(cp.rdv);

	rcu_worker_report(cp.rdv, 0, before);
	assert_false(rcu_is_done(cp.rdv, t));
	rcu_worker_report(cp.rdv, 0, rcu_worker_token(cp.rdv));
	assert_true(rcu_is_done(cp.rdv, t));
	rcu_worker_unregister(cp.rdv, 0);
}

/* Worker 5 of another process: online, quiescent when dp_workers says so, in this order. */
static void reader(void)
{
	struct shm dp;
	void *hole = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* An address of its own: the mapping inherited by fork stays where it is. */
	if (hole == MAP_FAILED || shm_attach(&dp, shm_dir, NULL) < 0 || dp.rdv == cp.rdv)
		_exit(1);
	if (rcu_worker_register(dp.rdv, 5) < 0)
		_exit(2);
	atomic_store(&dp.rdv->dp_pid, 1);
	while (atomic_load(&dp.rdv->dp_workers) == 0)
		sleep_ms(1);
	rcu_worker_quiescent(dp.rdv, 5);
	for (;;)
		sleep_ms(1000);
}

static pid_t start_reader(void)
{
	pid_t pid = fork();

	if (pid == 0)
		reader();
	assert_true(pid > 0);
	for (int i = 0; i < 2000 && atomic_load(&cp.rdv->dp_pid) == 0; i++)
		sleep_ms(1);
	assert_int_equal(atomic_load(&cp.rdv->dp_pid), 1);
	return pid;
}

static void stop_reader(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_grace_period_waits_for_the_other_process(void **state)
{
	(void)state;
	pid_t pid = start_reader();
	uint64_t t = rcu_start(cp.rdv);

	assert_false(is_done_within(t, 20));
	atomic_store(&cp.rdv->dp_workers, 1);
	assert_true(is_done_within(t, 2000));
	stop_reader(pid);
}

static void a_dead_process_is_forgotten(void **state)
{
	(void)state;
	pid_t pid = start_reader();
	uint64_t t = rcu_start(cp.rdv);

	stop_reader(pid);
	assert_false(is_done_within(t, 20));
	rcu_forget_workers(cp.rdv);
	assert_true(rcu_is_done(cp.rdv, t));
	/* its successor is waited for again */
	assert_int_equal(rcu_worker_register(cp.rdv, 5), 0);
	t = rcu_start(cp.rdv);
	assert_false(rcu_is_done(cp.rdv, t));
	rcu_worker_quiescent(cp.rdv, 5);
	assert_true(rcu_is_done(cp.rdv, t));
}

static void a_worker_that_registers_over_its_dead_self_counts_from_now(void **state)
{
	(void)state;
	pid_t pid = start_reader();

	stop_reader(pid);
	uint64_t old = rcu_start(cp.rdv);
	assert_false(rcu_is_done(cp.rdv, old));
	assert_int_equal(rcu_worker_register(cp.rdv, 5), 0);
	/* It came after <old> started, so it cannot hold what <old> retired. */
	assert_true(rcu_is_done(cp.rdv, old));
	rcu_forget_workers(cp.rdv);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(with_no_reader_a_grace_period_is_over_at_once),
		T(a_grace_period_waits_for_each_worker_online),
		T(a_token_taken_before_a_grace_period_began_does_not_end_it),
		T(a_grace_period_waits_for_the_other_process),
		T(a_dead_process_is_forgotten),
		T(a_worker_that_registers_over_its_dead_self_counts_from_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
