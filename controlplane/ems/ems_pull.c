/* SPDX-License-Identifier: BSD-3-Clause */

/* EMS's objects: what is asked, how the cursor goes on, where the answer goes. */

#include "common/log/log.h"
#include "ems/ems_priv.h"
#include "ems/ems_trace.h"

#include <errno.h>
#include <stdlib.h>

LOG_TYPE("ems");

/* Back-pressure: a million devices must not pile up in memory faster than they are applied. */
static void wait_for_room(struct ems_conn *c)
{
	pthread_mutex_lock(&c->mutex);
	while (c->nb_in_flight >= EMS_BATCHES_MAX && !atomic_load(&c->is_stopping))
		pthread_cond_wait(&c->applied, &c->mutex);
	c->nb_in_flight++;
	pthread_mutex_unlock(&c->mutex);
}

bool ems_is_applied(struct ems_conn *c)
{
	pthread_mutex_lock(&c->mutex);
	const bool is_applied = c->nb_in_flight == 0;
	pthread_mutex_unlock(&c->mutex);
	return is_applied;
}

/* <b> is gone afterwards, whatever comes of it. */
static int post(struct ems_conn *c, struct state_batch *b)
{
	int rc;

	wait_for_room(c);
	b->on_done = ems_on_applied;
	b->user = c;
	b->is_void = &c->is_stopping;
	rc = cp_post_batch(c->cp, b);
	if (rc == 0)
		return 0;
	pthread_mutex_lock(&c->mutex);
	c->nb_in_flight--;
	pthread_mutex_unlock(&c->mutex);
	state_batch_free(b);
	return rc;
}

int ems_publish(struct ems_conn *c)
{
	struct state_batch *b = state_batch_new(c->id);

	return b == NULL ? -ENOMEM : post(c, b);
}

static int fill(enum state_obj obj, const json_t *content, struct state_batch *b,
		struct ems_bad *bad, ems_why *why)
{
	switch (obj) {
	case STATE_OBJ_SYSINFO:
		return ems_sysinfo_to_batch(content, b, bad, why);
	case STATE_OBJ_UID_TAGS:
		return ems_uid_tags_to_batch(content, b, bad, why);
	case STATE_OBJ_TAGS:
		return ems_tags_to_batch(content, b, bad, why);
	default:
		*why = "no such object";
		return -EINVAL;
	}
}

/* The cursor is past them: they are asked for again by UID, see run_bad(). */
static void remember_bad(struct ems_conn *c, enum state_obj obj, const struct ems_bad *bad)
{
	if (bad->nb == 0)
		return;
	LOG(WARN, "unreadable records ems=%s obj-id=%u count=%u", c->name, c->obj_id[obj], bad->nb);
	if (c->nb_bad == 0)
		c->bad_at_ms = loop_now_ms() + ems_backoff_ms(c->nb_bad_rounds, 0);
	for (unsigned i = 0; i < bad->nb_uid; i++) {
		bool is_there = false;

		for (unsigned k = 0; k < c->nb_bad && !is_there; k++)
			is_there = device_uid_is_equal(&c->bad[k], &bad->uid[i]);
		if (is_there)
			continue;
		if (c->nb_bad == EMS_PULLS_MAX)
			c->is_bad_lost = true;
		else
			c->bad[c->nb_bad++] = bad->uid[i];
	}
	if (bad->nb > bad->nb_uid && bad->nb_uid == EMS_BAD_MAX)
		c->is_bad_lost = true;
}

/* <content> into <b>. The reason of a failure is told. */
static int take_content(struct ems_conn *c, enum state_obj obj, const json_t *content,
			struct state_batch *b)
{
	struct ems_bad bad = {0};
	ems_why why;
	const uint32_t nb_sysinfo = b->nb_sysinfo, nb_tags = b->nb_tags;
	const int rc = fill(obj, content, b, &bad, &why);

	if (rc < 0)
		ems_call_failed(c, obj, why);
	else
		remember_bad(c, obj, &bad);
	ems_trace_records(c, b, nb_sysinfo, nb_tags);
	return rc;
}

static int get_page(struct ems_conn *c, enum state_obj obj, const char *query, struct ems_page *ret)
{
	struct ems_reply r;
	ems_why why;
	int rc = ems_call_reply(c, obj, query, NULL, &r);

	if (rc < 0)
		return rc;
	rc = ems_page_decode(r.data, ems_objs[obj].offset_key, ret, &why);
	if (rc < 0)
		ems_call_failed(c, obj, why);
	else
		ems_trace_unzipped(r.data, ret->content);
	ems_reply_free(&r);
	return rc;
}

/* The page as a batch, posted. Its cursor is kept only when all before it is. */
static int post_page(struct ems_conn *c, enum state_obj obj, const struct ems_page *p,
		     bool is_first)
{
	struct state_batch *b = state_batch_new(c->id);
	int rc = b == NULL ? -ENOMEM : take_content(c, obj, p->content, b);

	if (rc < 0) {
		state_batch_free(b);
		return rc;
	}
	c->status.call[obj].records += state_batch_nb(b);
	b->is_full = c->is_full[obj];
	ems_avatars_changed(c, b);
	b->is_first = is_first;
	b->is_last = p->is_final;
	b->notified_us = c->notified_us[obj];
	b->cursor_obj = (uint8_t)obj;
	/*
	 * A full pull that was cut short by a restart begins anew: only a whole one tells which
	 * devices EMS no longer has.
	 */
	b->has_cursor = p->cursor.updated_after[0] != '\0' && (!b->is_full || b->is_last);
	b->cursor = p->cursor;
	return post(c, b);
}

void ems_pull_restart(struct ems_conn *c, enum state_obj obj)
{
	c->cursor[obj] = (struct state_cursor){0};
	c->is_paging[obj] = false;
	c->is_due[obj] = true;
}

static int check_advance(struct ems_conn *c, enum state_obj obj, const struct ems_page *p)
{
	if (p->is_final || ems_cursor_is_advanced(&c->cursor[obj], &p->cursor))
		return 0;
	ems_call_failed(c, obj, "cursor does not advance and page is not final");
	return -EPROTO;
}

/* One page of <obj>. */
static int pull_page(struct ems_conn *c, enum state_obj obj)
{
	const bool is_first = !c->is_paging[obj];
	char query[EMS_QUERY_MAX];
	struct ems_page p;
	int rc;

	if (is_first) {
		c->is_full[obj] = c->cursor[obj].updated_after[0] == '\0';
		if (c->is_full[obj])
			c->status.call[obj].full_pulls++;
		c->notified_us[obj] = c->due_us[obj];
		c->due_us[obj] = 0;
	}
	rc = ems_query(c->gateway_sn, &c->cursor[obj], ems_objs[obj].offset_key,
		       obj == STATE_OBJ_TAGS, query, sizeof(query));
	if (rc == 0)
		rc = get_page(c, obj, query, &p);
	if (rc < 0)
		return rc;
	rc = check_advance(c, obj, &p);
	if (rc == 0)
		rc = post_page(c, obj, &p, is_first);
	if (rc == 0) {
		if (p.cursor.updated_after[0] != '\0')
			c->cursor[obj] = p.cursor;
		c->is_paging[obj] = !p.is_final;
		rc = !p.is_final;
	}
	ems_page_free(&p);
	return rc;
}

int ems_pull_ahead(struct ems_conn *c, enum state_obj obj)
{
	char query[EMS_QUERY_MAX];
	int rc;

	if (c->cursor[obj].updated_after[0] == '\0')
		return -ENOENT;
	rc = ems_query(c->gateway_sn, &c->cursor[obj], ems_objs[obj].offset_key,
		       obj == STATE_OBJ_TAGS, query, sizeof(query));
	return rc < 0 ? rc : ems_call_ahead(c, obj, query);
}

int ems_pull(struct ems_conn *c, enum state_obj obj)
{
	int rc;

	if (ems_objs[obj].offset_key == NULL)
		return ems_hello_pull(c, obj);
	rc = pull_page(c, obj);
	if (rc == -ESTALE)
		ems_pull_restart(c, obj);
	return rc;
}

bool ems_pulls_tags(const struct ems_conn *c)
{
	return c->is_pull_tags && ems_has_cap(c, EMS_CAP_COMMON_TAGS_API);
}

int ems_tags_forget(struct ems_conn *c)
{
	struct state_batch *b;

	if (c->cursor[STATE_OBJ_UID_TAGS].updated_after[0] == '\0')
		return 0;
	/* A full list that names nobody. */
	b = state_batch_new(c->id);
	if (b == NULL)
		return -ENOMEM;
	b->is_full = b->is_first = b->is_last = true;
	b->cursor_obj = STATE_OBJ_UID_TAGS;
	b->has_cursor = true;
	b->notified_us = loop_now_us();
	c->cursor[STATE_OBJ_UID_TAGS] = (struct state_cursor){0};
	return post(c, b);
}

/* Ask <obj> for these devices only; what comes is added to <b>. */
static int pull_some(struct ems_conn *c, enum state_obj obj, const struct device_uid *uid,
		     unsigned nb, struct state_batch *b)
{
	char query[EMS_QUERY_MAX];
	struct ems_page p;
	int rc = ems_query_devices(c->gateway_sn, uid, nb, query, sizeof(query));

	if (rc == 0)
		rc = get_page(c, obj, query, &p);
	if (rc < 0)
		return rc;
	rc = take_content(c, obj, p.content, b);
	ems_page_free(&p);
	return rc;
}

/* Tags of a device that EMS does not have would make a device of it that has nothing else. */
static void drop_orphans(struct state_batch *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->nb_tags; i++) {
		bool is_there = false;

		for (uint32_t k = 0; k < b->nb_sysinfo && !is_there; k++)
			is_there = !b->sysinfo[k].is_deleted &&
				   device_uid_is_equal(&b->sysinfo[k].uid, &b->tags[i].uid);
		if (is_there)
			b->tags[kept++] = b->tags[i];
	}
	b->nb_tags = kept;
}

int ems_pull_devices(struct ems_conn *c, const struct device_uid *uid, unsigned nb)
{
	struct state_batch *b = state_batch_new(c->id);
	int rc;

	if (b == NULL)
		return -ENOMEM;
	b->notified_us = loop_now_us();
	/*
	 * One batch: a device that became known before its tags would be denied for want of them.
	 */
	rc = ems_pulls_tags(c) ? pull_some(c, STATE_OBJ_UID_TAGS, uid, nb, b) : 0;
	if (rc == 0 && c->is_pull_sysinfo)
		rc = pull_some(c, STATE_OBJ_SYSINFO, uid, nb, b);
	if (rc == 0 && c->is_pull_sysinfo)
		drop_orphans(b);
	for (unsigned i = 0; rc == 0 && i < nb; i++)
		state_batch_pulled(b, &uid[i]);
	if (rc < 0 || state_batch_is_failed(b)) {
		state_batch_free(b);
		return rc < 0 ? rc : -ENOMEM;
	}
	return post(c, b);
}
