/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The main thread's work: batches of the connectors, in slices, each published at once; records
 * of the data plane; the clock.
 *
 * Batches of one EMS stay in order. Between EMSs, one that is part of a full pull waits for those
 * that are not: a changed tag must not wait behind a million devices of another EMS.
 */

#include "cp_work.h"

#include "common/log/log.h"
#include "common/record/record.h"
#include "snap/publish.h"
#include "state/state.h"
#include "state/state_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("cp");

#define SLICE 512u
#define COARSE_MS 200u /* a full pull is published this often */
#define TICK_MS 250u
#define SPREAD_MS 1u       /* how exactly it is known when every worker has a version */
#define SPREAD_MAX_MS 100u /* then the tick looks */
#define LOG_TICK_MS 20u
#define RECORDS_MIN_MS 2u
#define RECORDS_MAX_MS 50u
#define RECORDS_PER_TURN 1024u
#define RECORDS_BUF 64u
#define PULL_SLOTS 1024u
#define PULL_AGAIN_MS 1000u /* the same device is asked for at most this often */

struct queue {
	struct state_batch *head, **tail;
};

/* When a device was asked for; a collision forgets the older. */
struct pull {
	struct device_uid uid;
	uint64_t at_ms;
};

struct cp_work {
	struct queue queue[STATE_MAX_EMS + 1];
	uint32_t turn; /* EMS whose queue was served last */
	uint64_t published_ms;
	struct loop_timer work_timer, tick_timer, log_timer, record_timer, spread_timer;
	uint64_t record_ms;
	struct pull pull[PULL_SLOTS];
};

/* ---- batches ---- */

static struct state_batch *queue_pop(struct queue *q)
{
	struct state_batch *b = q->head;

	q->head = b->link;
	if (q->head == NULL)
		q->tail = &q->head;
	return b;
}

/* The queue to serve: the next in turn whose head is urgent, else the next with any. */
static struct queue *queue_pick(struct cp_work *w)
{
	struct queue *coarse = NULL;

	for (uint32_t i = 1; i <= STATE_MAX_EMS; i++) {
		const uint32_t id = (w->turn + i - 1) % STATE_MAX_EMS + 1;
		struct queue *q = &w->queue[id];
		if (q->head == NULL)
			continue;
		if (!q->head->is_full) {
			w->turn = id;
			return q;
		}
		if (coarse == NULL)
			coarse = q;
	}
	if (coarse != NULL)
		w->turn = (uint32_t)(coarse - w->queue);
	return coarse;
}

static void on_spread(void *user)
{
	struct cp *cp = user;

	if (publish_is_spreading(cp->publish) &&
	    loop_now_ms() - cp->work->published_ms < SPREAD_MAX_MS)
		loop_timer_set(cp->loop, &cp->work->spread_timer, SPREAD_MS, on_spread, cp);
}

static void publish_slice(struct cp *cp, bool is_coarse)
{
	struct cp_work *w = cp->work;

	while (publish_changes(cp->publish, SLICE) > 0)
		;
	if (is_coarse && loop_now_ms() - w->published_ms < COARSE_MS)
		return;
	(void)publish_now(cp->publish); /* told in the log; tried again by the tick */
	w->published_ms = loop_now_ms();
	loop_timer_set(cp->loop, &w->spread_timer, SPREAD_MS, on_spread, cp);
}

static void on_work(void *user)
{
	struct cp *cp = user;
	struct cp_work *w = cp->work;
	struct queue *q = queue_pick(w);

	if (q == NULL)
		return;
	struct state_batch *b = q->head;
	const bool is_void = b->is_void != NULL && atomic_load(b->is_void);
	const bool is_more = !is_void && state_batch_apply(cp->state, b, SLICE) > 0;
	if (!is_more)
		(void)queue_pop(q);
	const bool is_last = queue_pick(w) == NULL;
	publish_slice(cp, b->is_full && !b->is_last && !is_last);
	/* After the publish: a session that has to end does not wait for the disk's share. */
	state_log_commit(cp->state_log);
	if (!is_more) {
		if (b->on_done != NULL)
			b->on_done(b->user, !is_void);
		state_batch_free(b);
	}
	if (!is_last)
		loop_timer_set(cp->loop, &w->work_timer, 0, on_work, cp);
}

struct batch_post {
	struct cp *cp;
	struct state_batch *b;
};

static void on_batch(void *user)
{
	const struct batch_post post = *(struct batch_post *)user;
	struct queue *q = &post.cp->work->queue[post.b->ems_id];

	free(user);
	post.b->link = NULL;
	*q->tail = post.b;
	q->tail = &post.b->link;
	/* At once when nothing is under way: the first slice of an urgent change. */
	if (!post.cp->work->work_timer.is_armed)
		on_work(post.cp);
}

static void drop_batch(struct state_batch *b)
{
	if (b->on_done != NULL)
		b->on_done(b->user, false);
	state_batch_free(b);
}

static void on_batch_drop(void *user)
{
	struct batch_post *post = user;

	drop_batch(post->b);
	free(post);
}

int cp_post_batch(struct cp *cp, struct state_batch *b)
{
	if (b->ems_id < 1 || b->ems_id > STATE_MAX_EMS || b->is_failed)
		return -EINVAL;
	struct batch_post *post = malloc(sizeof(*post));
	if (post == NULL)
		return -ENOMEM;
	*post = (struct batch_post){cp, b};
	const int rc = loop_post(cp->loop, on_batch, on_batch_drop, post);
	if (rc < 0)
		free(post);
	return rc;
}

/* ---- EMS status ---- */

struct status_post {
	struct cp *cp;
	struct state_ems_status status;
};

static void on_status(void *user)
{
	struct status_post *post = user;

	state_ems_status_set(post->cp->state, &post->status);
	free(post);
}

int cp_post_ems_status(struct cp *cp, const struct state_ems_status *st)
{
	struct status_post *post = malloc(sizeof(*post));

	if (post == NULL)
		return -ENOMEM;
	*post = (struct status_post){cp, *st};
	const int rc = loop_post(cp->loop, on_status, free, post);
	if (rc < 0) {
		free(post);
		return rc;
	}
	/* Not posted: workers must not hear of a lost contact because the main thread is busy. */
	if (st->contact_ms != 0)
		publish_ems_contact(cp->publish, st->id, st->contact_ms);
	return 0;
}

/* ---- records ---- */

static bool is_pull_new(struct cp_work *w, const struct device_uid *uid)
{
	uint32_t h;

	memcpy(&h, uid->b, sizeof(h));
	struct pull *p = &w->pull[h % PULL_SLOTS];
	const uint64_t now_ms = loop_now_ms();
	if (device_uid_is_equal(&p->uid, uid) && p->at_ms != 0 && now_ms - p->at_ms < PULL_AGAIN_MS)
		return false;
	*p = (struct pull){*uid, now_ms};
	return true;
}

static void on_pull(struct cp *cp, const struct record *r)
{
	const uint32_t ems_id = publish_ems_id(cp->publish, r->ems);

	if (ems_id == 0 || cp->on_device_pull == NULL || !is_pull_new(cp->work, &r->uid))
		return;
	cp->records.pulls++;
	cp->on_device_pull(cp, ems_id, &r->uid);
}

/* Read what worker <i> left, at most RECORDS_PER_TURN; returns how many. */
static uint32_t read_worker(struct cp *cp, uint32_t i)
{
	struct record buf[RECORDS_BUF];
	uint32_t total = 0, n;

	do {
		uint64_t lost = 0;
		n = record_ring_read(&cp->shm, i, buf, RECORDS_BUF, &lost);
		cp->records.lost += lost;
		cp->records.read += n;
		total += n;
		for (uint32_t j = 0; j < n; j++) {
			if (buf[j].kind == RECORD_DEVICE_PULL)
				on_pull(cp, &buf[j]);
			else if (buf[j].kind > RECORD_NONE && buf[j].kind < RECORD__COUNT &&
				 cp->on_record != NULL)
				cp->on_record(cp, &buf[j]);
		}
	} while (n == RECORDS_BUF && total < RECORDS_PER_TURN);
	return total;
}

static void on_records(void *user)
{
	struct cp *cp = user;
	struct cp_work *w = cp->work;
	uint32_t n = 0;

	for (uint32_t i = 0; i < cp->shm.fb_workers && cp->shm.feedback != NULL; i++)
		n += read_worker(cp, i);
	w->record_ms = n > 0 ? RECORDS_MIN_MS : w->record_ms * 2;
	if (w->record_ms > RECORDS_MAX_MS)
		w->record_ms = RECORDS_MAX_MS;
	loop_timer_set(cp->loop, &w->record_timer, w->record_ms, on_records, cp);
}

static void attach_feedback(struct cp *cp)
{
	const uint64_t before = cp->shm.feedback_epoch;

	/* What the dead data plane left is read before its file is let go. */
	if (cp->shm.feedback != NULL &&
	    atomic_load(&cp->shm.rdv->dp_epoch) != cp->shm.feedback_epoch) {
		for (uint32_t i = 0; i < cp->shm.fb_workers; i++)
			(void)read_worker(cp, i);
	}
	const int rc = shm_feedback_attach(&cp->shm);
	if (rc == 1)
		LOG(NOTICE, "attached to the data plane: workers=%u", cp->shm.fb_workers);
	else if (rc == -EPROTO && before != atomic_load(&cp->shm.rdv->dp_epoch))
		LOG(WARN, "the data plane's feedback file is refused");
}

/* ---- the clock ---- */

static void on_tick(void *user)
{
	struct cp *cp = user;

	publish_tick(cp->publish);
	attach_feedback(cp);
	loop_timer_set(cp->loop, &cp->work->tick_timer, TICK_MS, on_tick, cp);
}

static void on_log_tick(void *user)
{
	struct cp *cp = user;

	state_log_tick(cp->state_log);
	loop_timer_set(cp->loop, &cp->work->log_timer, LOG_TICK_MS, on_log_tick, cp);
}

/* ---- sessions ---- */

int cp_kill_session(struct cp *cp, uint32_t worker, uint64_t session_id)
{
	struct rdv *rdv = cp->shm.rdv;

	if (worker >= SNAP_MAX_WORKERS || worker >= atomic_load(&rdv->dp_workers))
		return -ESRCH;
	struct rdv_mailbox *m = &rdv->mailbox[worker];
	const uint64_t seq = atomic_load(&m->seq);
	if (atomic_load(&m->done) != seq)
		return -EAGAIN;
	m->op = RDV_OP_KILL_SESSION;
	m->arg = session_id;
	/* Pairs with the worker's acquire: the request is complete before it is numbered. */
	atomic_store_explicit(&m->seq, seq + 1, memory_order_release);
	return 0;
}

/* ---- life ---- */

int cp_work_open(struct cp *cp)
{
	cp->work = calloc(1, sizeof(*cp->work));
	if (cp->work == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i <= STATE_MAX_EMS; i++)
		cp->work->queue[i].tail = &cp->work->queue[i].head;
	cp->work->record_ms = RECORDS_MIN_MS;
	on_tick(cp);
	on_log_tick(cp);
	on_records(cp);
	return 0;
}

void cp_work_drop(struct cp *cp)
{
	for (uint32_t i = 0; cp->work != NULL && i <= STATE_MAX_EMS; i++) {
		while (cp->work->queue[i].head != NULL)
			drop_batch(queue_pop(&cp->work->queue[i]));
	}
}

void cp_work_close(struct cp *cp)
{
	if (cp->work == NULL)
		return;
	cp_work_drop(cp);
	loop_timer_cancel(cp->loop, &cp->work->work_timer);
	loop_timer_cancel(cp->loop, &cp->work->spread_timer);
	loop_timer_cancel(cp->loop, &cp->work->tick_timer);
	loop_timer_cancel(cp->loop, &cp->work->log_timer);
	loop_timer_cancel(cp->loop, &cp->work->record_timer);
	free(cp->work);
	cp->work = NULL;
}
