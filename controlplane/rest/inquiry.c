/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/inquiry.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define PAUSE_US 100u /* an idle worker looks every 50 us to 1 ms */

static int post(struct cp *cp, uint32_t worker, const struct rdv_inquiry *q, uint64_t *ret_seq,
		uint64_t *ret_epoch)
{
	struct rdv *rdv = cp->shm.rdv;

	if (shm_feedback_worker(&cp->shm, worker) == NULL ||
	    worker >= atomic_load(&rdv->dp_workers))
		return -ESRCH;

	struct rdv_mailbox *box = &rdv->mailbox[worker];
	const uint64_t seq = atomic_load(&box->inquiry_seq) + 1;

	rdv->inquiry[worker] = *q;
	/* Pairs with the worker's acquire: the inquiry is complete before it is numbered. */
	atomic_store_explicit(&box->inquiry_seq, seq, memory_order_release);
	*ret_seq = seq;
	*ret_epoch = cp->shm.feedback_epoch;
	return 0;
}

/* -EAGAIN: not yet. */
static int take(struct cp *cp, uint32_t worker, uint64_t seq, uint64_t epoch,
		struct inquiry_answer *ret)
{
	const struct feedback_worker *fw = shm_feedback_worker(&cp->shm, worker);

	if (fw == NULL || cp->shm.feedback_epoch != epoch)
		return -ECANCELED;

	const struct conn_answer *a = &fw->conns;

	/* Pairs with the worker's release: the rows before the number. */
	if (atomic_load_explicit(&a->answered, memory_order_acquire) != seq)
		return -EAGAIN;
	ret->next = a->next;
	ret->nb_rows = a->nb_rows < CONN_ROWS ? a->nb_rows : CONN_ROWS;
	ret->nb_ranges = a->nb_ranges < 2 * CONN_RANGES ? a->nb_ranges : 2 * CONN_RANGES;
	memcpy(ret->range, a->range, sizeof(ret->range));
	memcpy(ret->row, a->row, ret->nb_rows * sizeof(ret->row[0]));
	return 0;
}

int inquiry_ask(struct cp *cp, uint32_t worker, const struct rdv_inquiry *q, uint32_t wait_ms,
		struct inquiry_answer *ret)
{
	const uint64_t until_us = loop_now_us() + (uint64_t)wait_ms * 1000;
	const struct timespec pause = {.tv_nsec = PAUSE_US * 1000};
	uint64_t seq, epoch;
	int rc;

	cp_lock(cp);
	rc = post(cp, worker, q, &seq, &epoch);
	cp_unlock(cp);
	if (rc < 0)
		return rc;
	do {
		(void)nanosleep(&pause, NULL);
		cp_lock(cp);
		rc = take(cp, worker, seq, epoch, ret);
		cp_unlock(cp);
	} while (rc == -EAGAIN && loop_now_us() < until_us);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}
