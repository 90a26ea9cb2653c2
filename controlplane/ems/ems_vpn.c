/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VPN users: what a VPN daemon told goes to every EMS, and what EMS then knows of the device
 * (its new address in tags, its route in sysinfo) is fetched.
 *
 *	daemon ---> state_vpn ---> queue of each connector ---> POST gateway_details/vpn
 *	                 ^                                            |
 *	                 +---- taken or rejected ---------------------+
 *	                                                              v
 *	                 notification within a while, or else a pull by UID
 */

#include "common/log/log.h"
#include "ems/ems_answers.h"
#include "ems/ems_priv.h"
#include "ems/ems_trace.h"
#include "state/state_vpn.h"

#include <errno.h>
#include <stdlib.h>

LOG_TYPE("ems");

#define LOCKED_MAX 500u /* sessions under one hold of the lock */
/*
 * How long EMS may take to notify of what a VPN change led to; in the field's trace it is two
 * seconds. Without a WebSocket nothing will come: only EMS's own time is waited for.
 */
#define NOTIFY_MS 3000u
#define SETTLE_MS 500u

#define BIT(obj) (1u << (obj))
#define WANTED_OBJS (BIT(STATE_OBJ_UID_TAGS) | BIT(STATE_OBJ_TAGS) | BIT(STATE_OBJ_SYSINFO))

/* ---- from the daemon; holder of the lock ---- */

static void queue_one(struct ems_conn *c, const struct ems_vpn *vpn)
{
	ems_trace_vpn(c, vpn);
	pthread_mutex_lock(&c->mutex);
	if (c->nb_vpn < EMS_VPN_MAX)
		c->vpn[c->nb_vpn++] = *vpn;
	else
		c->is_vpn_lost = true;
	pthread_mutex_unlock(&c->mutex);
	ems_wake(c);
}

static void queue_all(struct cp *cp, const struct ems_vpn *vpn)
{
	struct ems_conn *c;

	for (unsigned i = 0; (c = ems_conn_at(cp, i)) != NULL; i++)
		queue_one(c, vpn);
}

static int connect_one(struct cp *cp, const struct ems_vpn *vpn)
{
	struct state_vpn now = {.uid = vpn->uid, .ip = vpn->ip, .since_ms = loop_real_ms()}, old;
	bool was_held;
	int rc;

	memcpy(now.interface, vpn->interface, sizeof(now.interface));
	rc = state_vpn_connect(cp->state, &now, &old, &was_held);
	if (rc < 0)
		return rc;
	if (was_held) {
		/* Its end was not told: EMS must not keep the address for both. */
		struct ems_vpn gone = {.uid = old.uid, .ip = old.ip, .is_delete = true};

		memcpy(gone.interface, old.interface, sizeof(gone.interface));
		queue_all(cp, &gone);
	}
	queue_all(cp, vpn);
	return 0;
}

int ems_vpn_post(struct cp *cp, const struct ems_vpn *vpn)
{
	if (ems_conn_at(cp, 0) == NULL)
		return -ENOENT;
	if (!vpn->is_delete)
		return connect_one(cp, vpn);
	/* Unknown here is no reason to keep it from EMS, which may remember more than we do. */
	(void)state_vpn_disconnect(cp->state, &vpn->uid, &vpn->ip);
	queue_all(cp, vpn);
	return 0;
}

/* ---- to EMS; connector's thread ---- */

/* Every session but those that this EMS rejected; changes that wait are in it. */
static int list_all(struct ems_conn *c, struct ems_vpn **ret, unsigned *ret_nb)
{
	struct state_vpn vpn;
	struct ems_vpn *list;
	unsigned nb = 0;

	cp_lock(c->cp);
	list = calloc(state_nb_vpn(c->cp->state) + 1, sizeof(*list));
	for (uint32_t pos = 0; list != NULL && state_vpn_next(c->cp->state, &pos, &vpn);) {
		if ((vpn.rejected & BIT(c->id)) != 0)
			continue;
		list[nb] = (struct ems_vpn){.uid = vpn.uid, .ip = vpn.ip};
		memcpy(list[nb++].interface, vpn.interface, sizeof(vpn.interface));
	}
	pthread_mutex_lock(&c->mutex);
	c->nb_vpn = 0;
	c->is_vpn_lost = false;
	pthread_mutex_unlock(&c->mutex);
	cp_unlock(c->cp);
	*ret = list;
	*ret_nb = nb;
	return list == NULL ? -ENOMEM : 0;
}

/* EMS will change what it has of this device. */
static void await(struct ems_conn *c, const struct device_uid *uid)
{
	for (unsigned i = 0; i < c->nb_vpn_wait; i++)
		if (device_uid_is_equal(&c->vpn_wait[i], uid))
			return;
	if (c->nb_vpn_wait == EMS_PULLS_MAX)
		return; /* the regular poll brings it */
	if (c->nb_vpn_wait == 0)
		c->vpn_wait_ms = loop_now_ms() +
				 (c->status.ws == STATE_WS_CONNECTED ? NOTIFY_MS : SETTLE_MS);
	c->vpn_wait[c->nb_vpn_wait++] = *uid;
	c->vpn_wait_objs = WANTED_OBJS;
}

static void take_answer(struct ems_conn *c, const struct ems_vpn *list, unsigned nb,
			const struct ems_rejected *rejected)
{
	for (unsigned i = 0; i < nb; i += LOCKED_MAX) {
		cp_lock(c->cp);
		for (unsigned k = i; k < nb && k < i + LOCKED_MAX; k++) {
			const bool is_rejected = ems_rejected_has(rejected, &list[k].uid);
			bool is_news = list[k].is_delete;

			if (!list[k].is_delete)
				is_news = state_vpn_answer(c->cp->state, c->id, &list[k].uid,
							   &list[k].ip, is_rejected);
			if (is_news && !is_rejected)
				await(c, &list[k].uid);
		}
		cp_unlock(c->cp);
	}
}

int ems_vpn_send(struct ems_conn *c, const struct ems_vpn *list, unsigned nb, bool is_snapshot)
{
	char *body = ems_vpn_body(c->gateway_sn, c->vdom, list, nb, is_snapshot);
	struct ems_rejected rejected;
	struct ems_reply r;
	ems_why why;
	int rc;

	if (body == NULL)
		return -ENOMEM;
	rc = ems_call_reply(c, STATE_OBJ_VPN, "", body, &r);
	free(body);
	if (rc < 0)
		return rc;
	rc = ems_rejected_parse(r.data, &rejected, &why);
	ems_reply_free(&r);
	if (rc < 0) {
		ems_call_failed(c, STATE_OBJ_VPN, why);
		return rc;
	}
	if (rejected.nb + rejected.nb_bad > 0)
		LOG(WARN, "EMS rejected VPN users ems=%s count=%zu unreadable=%zu", c->name,
		    rejected.nb, rejected.nb_bad);
	c->status.call[STATE_OBJ_VPN].records += nb;
	take_answer(c, list, nb, &rejected);
	ems_rejected_free(&rejected);
	return 0;
}

int ems_vpn_send_all(struct ems_conn *c)
{
	struct ems_vpn *list;
	unsigned nb;
	int rc = list_all(c, &list, &nb);

	if (rc < 0)
		return rc;
	rc = ems_vpn_send(c, list, nb, true);
	free(list);
	return rc;
}

/* ---- what came of it; connector's thread ---- */

void ems_vpn_notified(struct ems_conn *c, unsigned objs)
{
	c->vpn_wait_objs &= ~objs;
	if (c->vpn_wait_objs == 0)
		c->nb_vpn_wait = 0;
}

int ems_vpn_pull(struct ems_conn *c)
{
	struct device_uid uid[EMS_PULLS_PER_CALL];
	const unsigned nb =
		c->nb_vpn_wait < EMS_PULLS_PER_CALL ? c->nb_vpn_wait : EMS_PULLS_PER_CALL;

	if (nb == 0 || loop_now_ms() < c->vpn_wait_ms)
		return 0;
	memcpy(uid, c->vpn_wait, nb * sizeof(*uid));
	c->nb_vpn_wait -= nb;
	memmove(c->vpn_wait, c->vpn_wait + nb, c->nb_vpn_wait * sizeof(*uid));
	ems_make_due(c, STATE_OBJ_TAGS, 0);

	const int rc = ems_pull_devices(c, uid, nb);

	/* A failure: the poll brings them, and no later than a third of what makes them stale. */
	if (rc < 0)
		LOG(INFO, "VPN users not pulled ems=%s count=%u", c->name, nb);
	return rc < 0 ? rc : 1;
}
