/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The main thread's poll loop: file descriptors, timers, and closures posted by other threads.
 *
 * Only loop_post() and loop_stop() may be called from another thread. Everything that the loop
 * calls runs on the main thread with the lock that loop_new() was given held; the loop holds it
 * while it works and never while it waits.
 */

#pragma once

#include "base/lock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct loop;

typedef void (*loop_fn)(void *user);
typedef void (*loop_fd_fn)(void *user, int fd, short revents);

/* Owned by the caller, zeroed before its first loop_timer_set(); alive while it is armed. */
struct loop_timer {
	TAILQ_ENTRY(loop_timer) link;
	uint64_t due_ms;
	loop_fn fn;
	void *user;
	bool is_armed;
};

/* <lock> may be NULL (tests). NULL: out of memory or file descriptors. */
struct loop *loop_new(struct lock *lock);
void loop_free(struct loop *l);

/* Watch <fd> for poll(2) <events>. -EEXIST, -ENOMEM. */
[[nodiscard]] int loop_fd_add(struct loop *l, int fd, short events, loop_fd_fn fn, void *user);
void loop_fd_del(struct loop *l, int fd);

/* Arm or re-arm: <fn> is called once, <in_ms> from now. It may arm the timer again. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t in_ms, loop_fn fn, void *user);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

/*
 * Any thread: run <fn>(<user>) on the main thread, in order of posting. <on_drop> (may be NULL)
 * is called instead, on the main thread as loop_run() returns, when it never ran. -ENOMEM, or
 * -ESHUTDOWN after loop_stop(): <user> is still the caller's then.
 */
[[nodiscard]] int loop_post(struct loop *l, loop_fn fn, loop_fn on_drop, void *user);

/* Run until loop_stop(). 0 or -errno of poll. */
[[nodiscard]] int loop_run(struct loop *l);
/* One turn: wait at most <wait_ms> (-1: until something happens), then dispatch. */
[[nodiscard]] int loop_turn(struct loop *l, int wait_ms);
/* Any thread, and async-signal-safe. */
void loop_stop(struct loop *l);
bool loop_is_stopped(const struct loop *l);

/* CLOCK_MONOTONIC and CLOCK_REALTIME. */
uint64_t loop_now_us(void);
uint64_t loop_now_ms(void);
uint64_t loop_real_ms(void);
