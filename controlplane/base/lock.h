/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A fair mutex: whoever asked first is next. The main loop takes the lock again at once after it
 * let go, and an ordinary mutex would let it starve the REST thread.
 */

#pragma once

#include <pthread.h>
#include <stdint.h>

struct lock {
	pthread_mutex_t mutex;
	pthread_cond_t turn;
	uint64_t next;    /* ticket to give out; under <mutex> */
	uint64_t serving; /* ticket that holds the lock; under <mutex> */
};

void lock_init(struct lock *l);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_release(struct lock *l);
