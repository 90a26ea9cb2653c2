/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/lock.h"

void lock_init(struct lock *l)
{
	*l = (struct lock){};
	pthread_mutex_init(&l->mutex, NULL);
	pthread_cond_init(&l->turn, NULL);
}

void lock_fini(struct lock *l)
{
	pthread_cond_destroy(&l->turn);
	pthread_mutex_destroy(&l->mutex);
}

void lock_take(struct lock *l)
{
	pthread_mutex_lock(&l->mutex);
	const uint64_t ticket = l->next++;
	while (l->serving != ticket)
		pthread_cond_wait(&l->turn, &l->mutex);
	pthread_mutex_unlock(&l->mutex);
}

void lock_release(struct lock *l)
{
	pthread_mutex_lock(&l->mutex);
	l->serving++;
	/* Few threads ever wait, so waking them all costs less than a queue of conditions. */
	if (l->serving != l->next)
		pthread_cond_broadcast(&l->turn);
	pthread_mutex_unlock(&l->mutex);
}
