/* SPDX-License-Identifier: BSD-3-Clause */

/* The connector's thread: what is due when, and what a failure delays. */

#include "common/log/log.h"
#include "ems/ems_arena.h"
#include "ems/ems_priv.h"
#include "ems/ems_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

LOG_TYPE("ems");

#define STATUS_MS 1000u
#define NOTIFY_TOLD_MS 1000u
#define BAD_LOST_MS 30000u /* too many unreadable records: pull everything again, this often */

static uint32_t random_u32(void)
{
	uint32_t r;

	return getentropy(&r, sizeof(r)) < 0 ? 0 : r;
}

/* ---- status ---- */

static bool is_wanted(const struct ems_conn *c, enum state_obj obj)
{
	if (obj == STATE_OBJ_AVATAR)
		return false; /* asked for one by one */
	if (obj == STATE_OBJ_SYSINFO)
		return c->is_pull_sysinfo;
	if (obj == STATE_OBJ_TAGS || obj == STATE_OBJ_UID_TAGS)
		return ems_pulls_tags(c);
	return true;
}

/* Can what decisions rest on be fetched? */
static bool is_posture_good(const struct ems_conn *c)
{
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		if (ems_objs[i].is_posture && c->obj_failures[i] > 0)
			return false;
	return c->phase != EMS_VERIFY;
}

/*
 * EMS gave a sign of life. That counts as contact, by which workers judge whether tags are fresh,
 * only while what is known here is what EMS knows: an EMS that answers pings and no pulls is lost.
 */
void ems_contact(struct ems_conn *c)
{
	if (!c->has_base || !is_posture_good(c))
		return;
	c->status.contact_ms = loop_now_ms();
	c->status.contact_real_ms = loop_real_ms();
}

/* A time to come on the wall's clock; one that has passed is none. */
static uint64_t real_time(uint64_t at_ms)
{
	const uint64_t now = loop_now_ms();

	return at_ms <= now ? 0 : loop_real_ms() + (at_ms - now);
}

void ems_status_post(struct ems_conn *c, bool is_now)
{
	const uint64_t now = loop_now_ms();

	/* A connector that was replaced does not speak for its successor. */
	if ((!is_now && now < c->posted_ms + STATUS_MS) || atomic_load(&c->is_stopping))
		return;
	c->posted_ms = now;
	c->status.is_connected = is_posture_good(c);
	c->status.retry_ms = real_time(c->phase == EMS_VERIFY ? c->retry_at_ms : 0);
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		c->status.call[i].is_scheduled = c->is_due[i] || c->is_paging[i];
		c->status.call[i].retry_ms = real_time(c->obj_retry_at_ms[i]);
		c->status.call[i].next_ms = real_time(c->poll_at_ms[i]);
	}
	if (cp_post_ems_status(c->cp, &c->status) < 0)
		LOG(DEBUG, "status not posted ems=%s", c->name);
}

/* ---- what is due ---- */

void ems_make_due(struct ems_conn *c, enum state_obj obj, uint64_t notified_us)
{
	if (!is_wanted(c, obj))
		return;
	c->is_due[obj] = true;
	/* Coalesced with the one that waits: its time counts. */
	if (c->due_us[obj] == 0)
		c->due_us[obj] = notified_us;
}

void ems_on_notification(struct ems_conn *c, const char *text, size_t len)
{
	const uint64_t now_us = loop_now_us();
	unsigned objs;

	c->status.nb_notifications++;
	c->status.notified_real_ms = loop_real_ms();
	/* An EMS may notify as often as it likes; the log takes one a second. */
	if (loop_now_ms() >= c->notify_told_ms + NOTIFY_TOLD_MS) {
		c->notify_told_ms = loop_now_ms();
		ems_event(c, EMS_EVENT_WS_NOTIFICATION, "%.*s", len > 200 ? 200 : (int)len, text);
	}
	if (!ems_notification_parse(text, len, &objs))
		LOG(WARN, "notification is malformed, all is pulled ems=%s len=%zu", c->name, len);
	ems_vpn_notified(c, objs);
	if (objs == 0) /* a topic without an object: avatar */
		ems_avatars_notified(c);
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		if ((objs & 1u << i) != 0) {
			ems_trace_update(c, (enum state_obj)i);
			ems_make_due(c, (enum state_obj)i, now_us);
		}
}

/* Without notifications, posture must not get older than a third of what makes it stale. */
static uint64_t poll_ms(const struct ems_conn *c, const struct ems_obj *o)
{
	const uint64_t third_ms = (uint64_t)c->out_of_sync_s * 1000 / 3;
	const uint64_t ms = o->poll_s * 1000ull;

	if (c->status.ws == STATE_WS_CONNECTED)
		return o->poll_ws_s * 1000ull;
	return ms < third_ms ? ms : third_ms;
}

static void poll_due(struct ems_conn *c)
{
	const uint64_t now = loop_now_ms();

	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		const uint64_t ms = poll_ms(c, &ems_objs[i]);

		if (ms == 0)
			continue;
		/* The interval shrinks when the WebSocket is lost. */
		if (c->poll_at_ms[i] == 0 || c->poll_at_ms[i] > now + ms) {
			c->poll_at_ms[i] = now + ms;
		} else if (now >= c->poll_at_ms[i]) {
			ems_make_due(c, (enum state_obj)i, 0);
			c->poll_at_ms[i] = now + ms;
		}
	}
}

/* ---- failures ---- */

/* EMS cannot be reached, refuses us, or is not who it was: everything waits. */
static bool is_fatal(int rc)
{
	return rc == -ECONNREFUSED || rc == -EACCES;
}

/* EMS, or one that plays it, was reached and will not do. */
static void verify_failed(struct ems_conn *c)
{
	c->status.is_verified = false;
	if (c->status.verify == STATE_VERIFY_UNKNOWN || c->status.verify == STATE_VERIFY_OK)
		c->status.verify = STATE_VERIFY_FAILED;
	if (!c->is_refusal_told)
		ems_event(c, EMS_EVENT_VERIFY_FAILED,
			  "FCEMS entry has failed to be verified . EMS certificate can't be "
			  "verified: issue in getting capabilities. %s",
			  c->fail.text);
	c->is_refusal_told = true;
}

static void conn_failed(struct ems_conn *c, int rc)
{
	if (rc == -EACCES)
		verify_failed(c);
	c->retry_at_ms = loop_now_ms() + ems_backoff_ms(c->nb_failures, random_u32());
	c->nb_failures++;
	c->phase = EMS_VERIFY;
	(void)ems_call_ahead_cancel(c);
	ems_status_post(c, true);
}

static void obj_failed(struct ems_conn *c, enum state_obj obj)
{
	c->obj_retry_at_ms[obj] =
		loop_now_ms() + ems_backoff_ms(c->obj_failures[obj], random_u32());
	c->obj_failures[obj]++;
	ems_status_post(c, true);
}

static void obj_ok(struct ems_conn *c, enum state_obj obj)
{
	c->obj_failures[obj] = 0;
	c->obj_retry_at_ms[obj] = 0;
	ems_contact(c);
}

/* ---- steps: 1: did something; 0: nothing to do; negative: fatal ---- */

static int pull_one(struct ems_conn *c, enum state_obj obj)
{
	if (obj == STATE_OBJ_VPN)
		return ems_vpn_send_all(c);
	return obj == STATE_OBJ_GATEWAYS ? ems_gateways_send(c) : ems_pull(c, obj);
}

static bool is_ready(const struct ems_conn *c, enum state_obj obj)
{
	return c->is_due[obj] && !c->is_paging[obj] && loop_now_ms() >= c->obj_retry_at_ms[obj];
}

/*
 * Tags wait for what decisions rest on, but EMS takes its time over them: they are asked for
 * before the others, in the field's order, and taken after them.
 */
static void ask_ahead(struct ems_conn *c)
{
	if (c->phase != EMS_LIVE || c->ahead.is_open || !is_ready(c, STATE_OBJ_TAGS) ||
	    (!is_ready(c, STATE_OBJ_UID_TAGS) && !is_ready(c, STATE_OBJ_SYSINFO)))
		return;
	/* What is notified from here on is not in the answer. */
	if (ems_pull_ahead(c, STATE_OBJ_TAGS) == 0)
		c->is_due[STATE_OBJ_TAGS] = false;
}

/* One page of one due object, in an order that lets decisions see the change first. */
static int run_due(struct ems_conn *c)
{
	static const enum state_obj order[] = {STATE_OBJ_UID_TAGS,     STATE_OBJ_SYSINFO,
					       STATE_OBJ_ZTNA_CA,      STATE_OBJ_VPN,
					       STATE_OBJ_TAGS,         STATE_OBJ_GATEWAYS,
					       STATE_OBJ_CAPABILITIES, STATE_OBJ_SERIAL_NUMBER};
	const uint64_t now = loop_now_ms();

	ask_ahead(c);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const enum state_obj obj = order[i];
		const bool is_ahead = c->ahead.is_open && c->ahead.obj == obj;

		if ((!c->is_due[obj] && !c->is_paging[obj] && !is_ahead) ||
		    now < c->obj_retry_at_ms[obj])
			continue;
		/* What is notified while pages come in is for the next pull. */
		if (!c->is_paging[obj] && !is_ahead)
			c->is_due[obj] = false;

		const int rc = pull_one(c, obj);

		if (rc < 0) {
			c->is_due[obj] = true; /* nothing notified is forgotten */
			obj_failed(c, obj);
			return is_fatal(rc) || rc == -ECANCELED ? rc : 1;
		}
		if (rc == 0)
			c->is_complete[obj] = true;
		obj_ok(c, obj);
		return 1;
	}
	return 0;
}

static unsigned take_pulls(struct ems_conn *c, struct device_uid ret[static EMS_PULLS_PER_CALL])
{
	bool is_all;
	unsigned nb;

	pthread_mutex_lock(&c->mutex);
	nb = c->nb_pull < EMS_PULLS_PER_CALL ? c->nb_pull : EMS_PULLS_PER_CALL;
	memcpy(ret, c->pull, nb * sizeof(*ret));
	c->nb_pull -= nb;
	memmove(c->pull, c->pull + nb, c->nb_pull * sizeof(*ret));
	is_all = c->is_pull_all;
	c->is_pull_all = false;
	pthread_mutex_unlock(&c->mutex);
	for (unsigned i = 0; is_all && i < STATE_OBJ__COUNT; i++)
		ems_make_due(c, (enum state_obj)i, 0);
	return nb;
}

/* Devices that workers met and nobody knows. One that gets no answer here is met again. */
static int run_pulls(struct ems_conn *c)
{
	struct device_uid pull[EMS_PULLS_PER_CALL];
	const unsigned nb = take_pulls(c, pull);

	if (nb == 0)
		return 0;

	const int rc = ems_pull_devices(c, pull, nb);

	return is_fatal(rc) || rc == -ECANCELED ? rc : 1;
}

/* Devices whose records could not be read, a few at a time, less and less often. */
static int run_bad(struct ems_conn *c)
{
	const unsigned nb = c->nb_bad < EMS_PULLS_PER_CALL ? c->nb_bad : EMS_PULLS_PER_CALL;
	struct device_uid again[EMS_PULLS_PER_CALL];

	if (c->is_bad_lost && c->nb_bad == 0 && loop_now_ms() >= c->bad_at_ms) {
		c->is_bad_lost = false;
		c->bad_at_ms = loop_now_ms() + BAD_LOST_MS;
		ems_pull_restart(c, STATE_OBJ_SYSINFO);
		ems_pull_restart(c, STATE_OBJ_UID_TAGS);
		return 1;
	}
	if (nb == 0 || loop_now_ms() < c->bad_at_ms)
		return 0;
	memcpy(again, c->bad, nb * sizeof(*again));
	c->nb_bad -= nb;
	memmove(c->bad, c->bad + nb, c->nb_bad * sizeof(*again));

	const unsigned before = c->nb_bad;
	const int rc = ems_pull_devices(c, again, nb);

	if (rc < 0 || c->nb_bad > before) {
		/* The call failed, or some are as unreadable as before. */
		for (unsigned i = 0; rc < 0 && i < nb && c->nb_bad < EMS_PULLS_MAX; i++)
			c->bad[c->nb_bad++] = again[i];
		c->bad_at_ms = loop_now_ms() + ems_backoff_ms(c->nb_bad_rounds, random_u32());
		c->nb_bad_rounds++;
	} else if (c->nb_bad == 0) {
		c->nb_bad_rounds = 0;
	}
	return is_fatal(rc) || rc == -ECANCELED ? rc : 1;
}

/* Of a VPN user nothing was notified: a failure is the regular pull's to make good. */
static int run_vpn_pull(struct ems_conn *c)
{
	const int rc = ems_vpn_pull(c);

	return rc >= 0 || is_fatal(rc) || rc == -ECANCELED ? rc : 1;
}

/* VPN users that came and went. What EMS did not take it is told with all others. */
static int run_vpn(struct ems_conn *c)
{
	struct ems_vpn vpn[EMS_PULLS_PER_CALL];
	unsigned nb;

	pthread_mutex_lock(&c->mutex);
	if (c->is_vpn_lost)
		c->is_due[STATE_OBJ_VPN] = true;
	nb = c->is_due[STATE_OBJ_VPN]         ? 0
	     : c->nb_vpn < EMS_PULLS_PER_CALL ? c->nb_vpn
					      : EMS_PULLS_PER_CALL;
	memcpy(vpn, c->vpn, nb * sizeof(*vpn));
	c->nb_vpn -= nb;
	memmove(c->vpn, c->vpn + nb, c->nb_vpn * sizeof(*vpn));
	pthread_mutex_unlock(&c->mutex);
	if (nb == 0)
		return 0;

	const int rc = ems_vpn_send(c, vpn, nb, false);

	if (rc < 0) {
		c->is_due[STATE_OBJ_VPN] = true;
		obj_failed(c, STATE_OBJ_VPN);
	}
	return is_fatal(rc) || rc == -ECANCELED ? rc : 1;
}

static int verify_step(struct ems_conn *c)
{
	const int rc = ems_hello(c);

	if (rc < 0)
		return rc;
	c->phase = EMS_SYNC;
	c->obj_failures[STATE_OBJ_ZTNA_CA] = 0;
	/*
	 * What was missed meanwhile, and what EMS may have forgotten: its list of VPN users is
	 * set to ours.
	 */
	ems_make_due(c, STATE_OBJ_SYSINFO, 0);
	ems_make_due(c, STATE_OBJ_UID_TAGS, 0);
	ems_make_due(c, STATE_OBJ_TAGS, 0);
	ems_make_due(c, STATE_OBJ_VPN, 0);
	ems_make_due(c, STATE_OBJ_GATEWAYS, 0);
	ems_avatars_notified(c);
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		c->obj_retry_at_ms[i] = 0;
		c->is_complete[i] = !is_wanted(c, (enum state_obj)i);
	}
	ems_status_post(c, true);
	return 1;
}

/* In sync is when the last page is in force, not when it was read. */
static void check_sync(struct ems_conn *c)
{
	if (!c->is_complete[STATE_OBJ_SYSINFO] || !c->is_complete[STATE_OBJ_UID_TAGS] ||
	    !ems_is_applied(c))
		return;
	if (!c->status.is_synced)
		LOG(NOTICE, "in sync ems=%s", c->name);
	c->phase = EMS_LIVE;
	c->nb_failures = 0;
	c->has_base = true;
	c->status.is_synced = true;
	ems_contact(c);
	ems_status_post(c, true);
}

/* A picture that does not come is nobody's loss. */
static int run_avatars(struct ems_conn *c)
{
	const int rc = ems_avatar_step(c);

	return rc >= 0 || is_fatal(rc) || rc == -ECANCELED ? rc : 1;
}

static bool has_websocket(const struct ems_conn *c)
{
	return c->is_websocket && ems_has_cap(c, EMS_CAP_WEBSOCKET);
}

static int work_step(struct ems_conn *c)
{
	int rc;

	if (c->wsi == NULL && loop_now_ms() >= c->ws_retry_at_ms && has_websocket(c))
		ems_ws_connect(c);
	poll_due(c);
	ems_gateways_check(c);
	rc = run_pulls(c);
	if (rc == 0)
		rc = run_vpn(c);
	if (rc == 0)
		rc = run_due(c);
	if (rc == 0)
		rc = run_vpn_pull(c);
	if (rc == 0)
		rc = run_bad(c);
	if (rc == 0)
		rc = run_avatars(c);
	if (rc >= 0 && c->phase == EMS_SYNC)
		check_sync(c);
	return rc;
}

/* One call's worth of work. 1: did something; 0: nothing to do; negative: fatal. */
static int turn(struct ems_conn *c)
{
	int rc;

	if (ems_pin_confirmed(c)) {
		c->phase = EMS_VERIFY;
		c->nb_failures = 0;
		c->retry_at_ms = 0;
	}
	rc = ems_probe(c);
	if (rc != 0)
		return rc < 0 && !is_fatal(rc) ? 1 : rc;
	if (loop_now_ms() < c->retry_at_ms)
		return 0;
	return c->phase == EMS_VERIFY ? verify_step(c) : work_step(c);
}

void *ems_run(void *conn)
{
	struct ems_conn *c = conn;

	while (!atomic_load(&c->is_stopping)) {
		int rc = turn(c);

		ems_trace_complete(c);
		if (rc < 0 && rc != -ECANCELED)
			conn_failed(c, rc);
		ems_status_post(c, false);
		/*
		 * Frames are read between any two calls, so that notifications are stamped early.
		 */
		if (rc > 0)
			ems_wake(c);
		ems_ws_service(c);
	}
	ems_ws_close(c);
	ems_call_hang_up(c);
	ems_arena_thread_fini();
	ems_finished(c);
	return NULL;
}
