/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/loop.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define NB_POSTERS 4
#define NB_POSTS 5000

struct count {
	struct loop *loop;
	int nb, dropped;
	unsigned last[NB_POSTERS];
	bool is_in_order;
};

struct item {
	struct count *count;
	unsigned poster, seq;
};

static struct item items[NB_POSTERS][NB_POSTS];

static void on_item(void *user)
{
	struct item *it = user;
	struct count *c = it->count;

	if (it->seq != c->last[it->poster] + 1)
		c->is_in_order = false;
	c->last[it->poster] = it->seq;
	if (++c->nb == NB_POSTERS * NB_POSTS)
		loop_stop(c->loop);
}

static void *post_many(void *user)
{
	struct item *it = user;

	for (unsigned i = 0; i < NB_POSTS; i++)
		assert_int_equal(loop_post(it[i].count->loop, on_item, NULL, &it[i]), 0);
	return NULL;
}

static void closures_of_several_threads_run_once_and_in_each_threads_order(void **)
{
	struct lock lock;
	lock_init(&lock);
	struct count c = {.loop = loop_new(&lock), .is_in_order = true};
	pthread_t t[NB_POSTERS];

	for (unsigned p = 0; p < NB_POSTERS; p++) {
		for (unsigned i = 0; i < NB_POSTS; i++)
			items[p][i] = (struct item){&c, p, i + 1};
		assert_int_equal(pthread_create(&t[p], NULL, post_many, items[p]), 0);
	}
	assert_int_equal(loop_run(c.loop), 0);
	for (unsigned p = 0; p < NB_POSTERS; p++)
		pthread_join(t[p], NULL);
	assert_int_equal(c.nb, NB_POSTERS * NB_POSTS);
	assert_true(c.is_in_order);
	loop_free(c.loop);
	lock_fini(&lock);
}

static void stop_now(void *user)
{
	struct count *c = user;

	c->nb++;
	loop_stop(c->loop);
}

static void count_drop(void *user)
{
	struct count *c = user;

	c->dropped++;
}

static void count_one(void *user)
{
	struct count *c = user;

	c->nb++;
}

static void a_post_after_the_stop_is_refused_and_an_earlier_one_is_dropped_or_run(void **)
{
	struct count c = {.loop = loop_new(NULL)};

	assert_int_equal(loop_post(c.loop, stop_now, NULL, &c), 0);
	assert_int_equal(loop_post(c.loop, count_one, count_drop, &c), 0);
	assert_int_equal(loop_run(c.loop), 0);
	assert_int_equal(c.nb + c.dropped, 2);
	assert_int_equal(loop_post(c.loop, count_one, count_drop, &c), -ESHUTDOWN);
	assert_int_equal(c.nb + c.dropped, 2);
	loop_free(c.loop);
}

struct order {
	struct loop *loop;
	struct loop_timer a, b, c, never;
	char seen[8];
	unsigned nb;
};

static void on_a(void *user)
{
	struct order *o = user;

	o->seen[o->nb++] = 'a';
}

static void on_b(void *user)
{
	struct order *o = user;

	o->seen[o->nb++] = 'b';
	loop_timer_cancel(o->loop, &o->never);
}

static void on_c(void *user)
{
	struct order *o = user;

	o->seen[o->nb++] = 'c';
	loop_stop(o->loop);
}

static void on_never(void *user)
{
	struct order *o = user;

	o->seen[o->nb++] = 'X';
}

static void timers_fire_in_order_and_a_cancelled_one_does_not(void **)
{
	struct order o = {.loop = loop_new(NULL)};

	loop_timer_set(o.loop, &o.c, 30, on_c, &o);
	loop_timer_set(o.loop, &o.never, 20, on_never, &o);
	loop_timer_set(o.loop, &o.b, 10, on_b, &o);
	loop_timer_set(o.loop, &o.a, 50, on_a, &o);
	loop_timer_set(o.loop, &o.a, 1, on_a, &o);
	assert_int_equal(loop_run(o.loop), 0);
	assert_string_equal(o.seen, "abc");
	loop_free(o.loop);
}

static void on_pipe(void *user, int fd, short)
{
	struct count *c = user;
	char byte;

	assert_int_equal(read(fd, &byte, 1), 1);
	c->nb++;
	loop_fd_del(c->loop, fd);
}

static void a_deleted_descriptor_is_not_called_again(void **)
{
	struct count c = {.loop = loop_new(NULL)};
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(loop_fd_add(c.loop, p[0], POLLIN, on_pipe, &c), 0);
	assert_int_equal(loop_fd_add(c.loop, p[0], POLLIN, on_pipe, &c), -EEXIST);
	assert_int_equal(write(p[1], "ab", 2), 2);
	assert_int_equal(loop_turn(c.loop, 0), 0);
	assert_int_equal(loop_turn(c.loop, 0), 0);
	assert_int_equal(c.nb, 1);
	close(p[0]);
	close(p[1]);
	loop_free(c.loop);
}

struct greedy {
	struct lock lock;
	atomic_bool is_done;
};

static void *take_again_and_again(void *user)
{
	struct greedy *g = user;

	while (!atomic_load(&g->is_done)) {
		lock_take(&g->lock);
		lock_release(&g->lock);
	}
	return NULL;
}

static void a_greedy_thread_cannot_starve_another_of_the_lock(void **)
{
	struct greedy g = {};
	pthread_t t;

	lock_init(&g.lock);
	assert_int_equal(pthread_create(&t, NULL, take_again_and_again, &g), 0);
	for (int i = 0; i < 100; i++) {
		lock_take(&g.lock);
		lock_release(&g.lock);
	}
	atomic_store(&g.is_done, true);
	pthread_join(t, NULL);
	lock_fini(&g.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closures_of_several_threads_run_once_and_in_each_threads_order),
		cmocka_unit_test(
			a_post_after_the_stop_is_refused_and_an_earlier_one_is_dropped_or_run),
		cmocka_unit_test(timers_fire_in_order_and_a_cancelled_one_does_not),
		cmocka_unit_test(a_deleted_descriptor_is_not_called_again),
		cmocka_unit_test(a_greedy_thread_cannot_starve_another_of_the_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
