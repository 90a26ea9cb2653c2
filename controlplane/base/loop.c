/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOOP_MAX_FDS 64u
/* Closures run per turn: beyond that timers and descriptors have their turn first. */
#define LOOP_POSTS_PER_TURN 256u

struct watch {
	loop_fd_fn fn;
	void *user;
};

struct post {
	STAILQ_ENTRY(post) link;
	loop_fn fn;
	loop_fn on_drop;
	void *user;
};
STAILQ_HEAD(post_list, post);

struct loop {
	/* main thread */
	struct lock *lock;
	struct pollfd pfd[LOOP_MAX_FDS]; /* [0] is <wake_fd> */
	struct watch watch[LOOP_MAX_FDS];
	unsigned nb_fds;
	TAILQ_HEAD(, loop_timer) timers; /* earliest first */

	/* any thread */
	int wake_fd;
	atomic_bool is_stopped; /* release by loop_stop(), acquire by the loop */
	pthread_mutex_t post_mutex;
	struct post_list posts; /* under <post_mutex> */
	bool is_closed;         /* under <post_mutex>: no more posts are taken */
};

static uint64_t now_of(clockid_t clock, uint64_t per_s)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * per_s + (uint64_t)ts.tv_nsec / (1000000000u / per_s);
}

uint64_t loop_now_us(void)
{
	return now_of(CLOCK_MONOTONIC, 1000000);
}

uint64_t loop_now_ms(void)
{
	return now_of(CLOCK_MONOTONIC, 1000);
}

uint64_t loop_real_ms(void)
{
	return now_of(CLOCK_REALTIME, 1000);
}

struct loop *loop_new(struct lock *lock)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd < 0) {
		free(l);
		return NULL;
	}
	l->lock = lock;
	l->pfd[0] = (struct pollfd){.fd = l->wake_fd, .events = POLLIN};
	l->nb_fds = 1;
	TAILQ_INIT(&l->timers);
	STAILQ_INIT(&l->posts);
	pthread_mutex_init(&l->post_mutex, NULL);
	return l;
}

static void drop_posts(struct post_list *list)
{
	struct post *p;

	while ((p = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		if (p->on_drop != NULL)
			p->on_drop(p->user);
		free(p);
	}
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	drop_posts(&l->posts);
	pthread_mutex_destroy(&l->post_mutex);
	close(l->wake_fd);
	free(l);
}

int loop_fd_add(struct loop *l, int fd, short events, loop_fd_fn fn, void *user)
{
	for (unsigned i = 0; i < l->nb_fds; i++) {
		if (l->pfd[i].fd == fd)
			return -EEXIST;
	}
	if (l->nb_fds == LOOP_MAX_FDS)
		return -ENOMEM;
	l->pfd[l->nb_fds] = (struct pollfd){.fd = fd, .events = events};
	l->watch[l->nb_fds] = (struct watch){fn, user};
	l->nb_fds++;
	return 0;
}

void loop_fd_del(struct loop *l, int fd)
{
	for (unsigned i = 1; i < l->nb_fds; i++) {
		if (l->pfd[i].fd != fd)
			continue;
		l->nb_fds--;
		l->pfd[i] = l->pfd[l->nb_fds];
		l->watch[i] = l->watch[l->nb_fds];
		return;
	}
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
	if (!t->is_armed)
		return;
	TAILQ_REMOVE(&l->timers, t, link);
	t->is_armed = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t in_ms, loop_fn fn, void *user)
{
	struct loop_timer *other;

	loop_timer_cancel(l, t);
	t->due_ms = loop_now_ms() + in_ms;
	t->fn = fn;
	t->user = user;
	t->is_armed = true;
	TAILQ_FOREACH (other, &l->timers, link) {
		if (other->due_ms > t->due_ms) {
			TAILQ_INSERT_BEFORE(other, t, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&l->timers, t, link);
}

static void wake(struct loop *l)
{
	const uint64_t one = 1;

	/* A full counter (EAGAIN) wakes as well. */
	if (write(l->wake_fd, &one, sizeof(one)) < 0)
		return;
}

int loop_post(struct loop *l, loop_fn fn, loop_fn on_drop, void *user)
{
	struct post *p = malloc(sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	*p = (struct post){.fn = fn, .on_drop = on_drop, .user = user};
	pthread_mutex_lock(&l->post_mutex);
	const bool is_closed = l->is_closed || atomic_load(&l->is_stopped);
	const bool was_empty = STAILQ_EMPTY(&l->posts);
	if (!is_closed)
		STAILQ_INSERT_TAIL(&l->posts, p, link);
	pthread_mutex_unlock(&l->post_mutex);
	if (is_closed) {
		free(p);
		return -ESHUTDOWN;
	}
	if (was_empty)
		wake(l);
	return 0;
}

void loop_stop(struct loop *l)
{
	atomic_store_explicit(&l->is_stopped, true, memory_order_release);
	wake(l);
}

bool loop_is_stopped(const struct loop *l)
{
	return atomic_load_explicit(&l->is_stopped, memory_order_acquire);
}

static void run_posts(struct loop *l)
{
	for (unsigned n = 0; n < LOOP_POSTS_PER_TURN; n++) {
		pthread_mutex_lock(&l->post_mutex);
		struct post *p = STAILQ_FIRST(&l->posts);
		if (p != NULL)
			STAILQ_REMOVE_HEAD(&l->posts, link);
		pthread_mutex_unlock(&l->post_mutex);
		if (p == NULL)
			return;
		p->fn(p->user);
		free(p);
	}
	wake(l);
}

static void run_timers(struct loop *l)
{
	const uint64_t now_ms = loop_now_ms();
	struct loop_timer *t;

	/* A timer that arms itself for "now" is due in the next turn, so this ends. */
	while ((t = TAILQ_FIRST(&l->timers)) != NULL && t->due_ms <= now_ms) {
		loop_timer_cancel(l, t);
		t->fn(t->user);
		if (t->is_armed && t->due_ms <= now_ms)
			break;
	}
}

static int wait_of(const struct loop *l, int wait_ms)
{
	const struct loop_timer *t = TAILQ_FIRST(&l->timers);
	const uint64_t now_ms = loop_now_ms();

	if (t == NULL)
		return wait_ms;
	const uint64_t left = t->due_ms > now_ms ? t->due_ms - now_ms : 0;
	if (wait_ms >= 0 && (uint64_t)wait_ms < left)
		return wait_ms;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static void run_fds(struct loop *l)
{
	uint64_t count;

	if (l->pfd[0].revents != 0 && read(l->wake_fd, &count, sizeof(count)) > 0)
		l->pfd[0].revents = 0;
	/* A callback may delete any descriptor: the last one takes its place, already handled. */
	for (unsigned i = l->nb_fds; i-- > 1;) {
		if (i >= l->nb_fds || l->pfd[i].revents == 0)
			continue;
		const short revents = l->pfd[i].revents;
		l->pfd[i].revents = 0;
		l->watch[i].fn(l->watch[i].user, l->pfd[i].fd, revents);
	}
}

int loop_turn(struct loop *l, int wait_ms)
{
	const int n = poll(l->pfd, l->nb_fds, wait_of(l, wait_ms));

	if (n < 0 && errno != EINTR)
		return -errno;
	if (l->lock != NULL)
		lock_take(l->lock);
	if (n > 0)
		run_fds(l);
	run_posts(l);
	run_timers(l);
	if (l->lock != NULL)
		lock_release(l->lock);
	return 0;
}

int loop_run(struct loop *l)
{
	int rc = 0;

	while (rc == 0 && !loop_is_stopped(l))
		rc = loop_turn(l, -1);
	pthread_mutex_lock(&l->post_mutex);
	l->is_closed = true;
	pthread_mutex_unlock(&l->post_mutex);
	/* Now, while those who posted are still alive. */
	if (l->lock != NULL)
		lock_take(l->lock);
	drop_posts(&l->posts);
	if (l->lock != NULL)
		lock_release(l->lock);
	return rc;
}
