/* SPDX-License-Identifier: BSD-3-Clause */

/* The connectors as a module: threads, schedule, status. */

#include "ems/ems.h"

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_TYPE("ems");

#define BACKOFF_MIN_MS 500u
#define BACKOFF_MAX_MS 30000u
#define STATUS_MS 1000u

#define RETIRED_MAX 64u

struct ems {
	struct ems_conn *conn[STATE_MAX_EMS];
	unsigned nb;
	/* stopped by a reload; joined at the end, since joining under the lock could deadlock */
	struct ems_conn *retired[RETIRED_MAX];
	unsigned nb_retired;
};

void ems_contact(struct ems_conn *c)
{
	c->status.contact_ms = loop_now_ms();
	c->status.contact_real_ms = loop_real_ms();
	c->status.is_connected = true;
	ems_status_post(c, false);
}

void ems_status_post(struct ems_conn *c, bool is_now)
{
	const uint64_t now = loop_now_ms();

	if (!is_now && now < c->posted_ms + STATUS_MS)
		return;
	c->posted_ms = now;
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		c->status.call[i].is_scheduled = c->is_due[i];
	if (cp_post_ems_status(c->cp, &c->status) < 0)
		LOG(DEBUG, "status not posted ems=%s", c->name);
}

static void make_due(struct ems_conn *c, enum state_obj obj, uint64_t now_us)
{
	if (c->is_due[obj]) /* coalesced with the one that waits */
		return;
	c->is_due[obj] = true;
	c->notified_us[obj] = now_us;
}

void ems_on_notification(struct ems_conn *c, const char *text, size_t len)
{
	const uint64_t now_us = loop_now_us();
	json_error_t err;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
	const json_t *notify = json_object_get(json_object_get(j, "message_body"), "notify");

	c->status.nb_notifications++;
	c->status.notified_real_ms = loop_real_ms();
	if (!json_is_object(notify))
		LOG(WARN, "notification is malformed ems=%s len=%zu", c->name, len);
	if (json_object_get(notify, "tags") != NULL) {
		make_due(c, STATE_OBJ_UID_TAGS, now_us);
		make_due(c, STATE_OBJ_TAGS, now_us);
	}
	if (json_object_get(notify, "sysinfo") != NULL)
		make_due(c, STATE_OBJ_SYSINFO, now_us);
	if (json_object_get(notify, "ztna_ca") != NULL)
		make_due(c, STATE_OBJ_ZTNA_CA, now_us);
	json_decref(j);
}

/* Doubling with up to a quarter of jitter, so that many gateways do not return as one. */
static uint64_t backoff_ms(struct ems_conn *c)
{
	const unsigned shift = c->nb_failures < 7 ? c->nb_failures : 7;
	uint64_t ms = (uint64_t)BACKOFF_MIN_MS << shift;
	uint32_t r;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	if (getentropy(&r, sizeof(r)) < 0)
		r = 0;
	return ms + r % (ms / 4);
}

static void failed(struct ems_conn *c)
{
	c->retry_at_ms = loop_now_ms() + backoff_ms(c);
	c->nb_failures++;
	c->status.is_connected = false;
	/* A refused cursor leaves SYNC in place; anything else is verified anew. */
	if (c->phase == EMS_LIVE)
		c->phase = EMS_VERIFY;
	ems_status_post(c, true);
}

/* One due object, in an order that lets decisions see the change first. */
static int run_one_due(struct ems_conn *c)
{
	static const enum state_obj order[] = {STATE_OBJ_UID_TAGS, STATE_OBJ_SYSINFO,
					       STATE_OBJ_ZTNA_CA, STATE_OBJ_TAGS,
					       STATE_OBJ_SERIAL_NUMBER};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const enum state_obj obj = order[i];

		if (!c->is_due[obj])
			continue;
		c->is_due[obj] = false;
		c->poll_at_ms[obj] = loop_now_ms() + ems_objs[obj].poll_s * 1000ull;

		const int rc = ems_pull(c, obj);

		if (rc < 0) {
			c->is_due[obj] = true; /* nothing notified is forgotten */
			return rc;
		}
		return 1;
	}
	return 0;
}

static void take_requests(struct ems_conn *c, struct device_uid *pull, unsigned *nb_pull,
			  struct ems_vpn *vpn, unsigned *nb_vpn)
{
	bool is_all;

	pthread_mutex_lock(&c->mutex);
	*nb_pull = c->nb_pull < EMS_PULLS_PER_CALL ? c->nb_pull : EMS_PULLS_PER_CALL;
	memcpy(pull, c->pull, *nb_pull * sizeof(*pull));
	c->nb_pull -= *nb_pull;
	memmove(c->pull, c->pull + *nb_pull, c->nb_pull * sizeof(*pull));
	*nb_vpn = c->nb_vpn < EMS_PULLS_PER_CALL ? c->nb_vpn : EMS_PULLS_PER_CALL;
	memcpy(vpn, c->vpn, *nb_vpn * sizeof(*vpn));
	c->nb_vpn -= *nb_vpn;
	memmove(c->vpn, c->vpn + *nb_vpn, c->nb_vpn * sizeof(*vpn));
	is_all = c->is_pull_all;
	c->is_pull_all = false;
	pthread_mutex_unlock(&c->mutex);
	for (unsigned i = 0; is_all && i < STATE_OBJ__COUNT; i++)
		c->is_due[i] = true;
}

/* VPN users of devices that EMS may not know yet: it is told, then asked for what follows. */
static int run_requests(struct ems_conn *c)
{
	struct device_uid pull[EMS_PULLS_PER_CALL];
	struct ems_vpn vpn[EMS_PULLS_PER_CALL];
	unsigned nb_pull, nb_vpn;
	int rc = 0;

	take_requests(c, pull, &nb_pull, vpn, &nb_vpn);
	if (nb_vpn > 0)
		rc = ems_vpn_send(c, vpn, nb_vpn, false);
	if (rc == 0 && nb_pull > 0)
		rc = ems_pull_devices(c, pull, nb_pull);
	return rc < 0 ? rc : nb_pull + nb_vpn > 0;
}

/* Without notifications everything is polled; with them, only now and then for certainty. */
static void poll_due(struct ems_conn *c)
{
	const uint64_t now = loop_now_ms();
	const unsigned slow = c->status.ws == STATE_WS_CONNECTED ? 10 : 1;

	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		if (ems_objs[i].poll_s == 0 || now < c->poll_at_ms[i])
			continue;
		if (c->poll_at_ms[i] != 0)
			c->is_due[i] = true;
		c->poll_at_ms[i] = now + (uint64_t)ems_objs[i].poll_s * 1000 * slow;
	}
}

static int enter_sync(struct ems_conn *c)
{
	int rc = ems_verify(c);

	if (rc < 0)
		return rc;
	/* A snapshot of no VPN users tells EMS that whatever it remembers of us is gone. */
	rc = ems_vpn_send(c, NULL, 0, true);
	if (rc < 0)
		return rc;
	c->is_due[STATE_OBJ_SYSINFO] = true;
	c->is_due[STATE_OBJ_UID_TAGS] = true;
	c->is_due[STATE_OBJ_TAGS] = true;
	c->phase = EMS_SYNC;
	return 1;
}

static int sync_step(struct ems_conn *c)
{
	const int rc = run_one_due(c);

	if (rc != 0)
		return rc;
	c->phase = EMS_LIVE;
	c->nb_failures = 0;
	if (!c->status.is_synced)
		LOG(NOTICE, "in sync ems=%s", c->name);
	c->status.is_synced = true;
	ems_status_post(c, true);
	return 1;
}

static int live_step(struct ems_conn *c)
{
	int rc;

	if (c->is_websocket && c->wsi == NULL && loop_now_ms() >= c->ws_retry_at_ms)
		ems_ws_connect(c);
	poll_due(c);
	rc = run_requests(c);
	return rc != 0 ? rc : run_one_due(c);
}

/* 1: more to do at once; 0: wait; negative: failed, back off. */
static int step(struct ems_conn *c)
{
	switch (c->phase) {
	case EMS_VERIFY:
		return enter_sync(c);
	case EMS_SYNC:
		return sync_step(c);
	case EMS_LIVE:
		return live_step(c);
	}
	return 0;
}

static void *run(void *user)
{
	struct ems_conn *c = user;

	while (!atomic_load_explicit(&c->is_stopping, memory_order_relaxed)) {
		int rc = 0;

		if (loop_now_ms() >= c->retry_at_ms) {
			rc = step(c);
			if (rc < 0 && rc != -ECANCELED)
				failed(c);
		}
		/*
		 * Frames are read between any two calls, so that notifications are stamped early.
		 */
		if (rc > 0)
			ems_wake(c);
		ems_ws_service(c);
	}
	if (c->curl != NULL)
		curl_easy_cleanup(c->curl);
	return NULL;
}

static void conn_free(struct ems_conn *c)
{
	if (c == NULL)
		return;
	ems_ws_fini(c);
	if (c->key_pem != NULL)
		OPENSSL_cleanse(c->key_pem, c->key_len);
	free(c->key_pem);
	free(c->cert_pem);
	free(c->ca_pem);
	free(c->name);
	free(c->server);
	free(c->serial_number);
	free(c->tenant_id);
	free(c->gateway_sn);
	free(c->vdom);
	pthread_mutex_destroy(&c->mutex);
	pthread_cond_destroy(&c->applied);
	free(c);
}

static void conn_stop(struct ems_conn *c)
{
	if (c == NULL)
		return;
	atomic_store(&c->is_stopping, true);
	pthread_mutex_lock(&c->mutex);
	pthread_cond_broadcast(&c->applied);
	pthread_mutex_unlock(&c->mutex);
	ems_wake(c);
}

static char *copy_pem(struct slice pem, size_t *ret_len)
{
	char *s = malloc(pem.len + 1);

	if (s == NULL)
		return NULL;
	if (pem.len > 0)
		memcpy(s, pem.ptr, pem.len);
	s[pem.len] = '\0';
	*ret_len = pem.len;
	return s;
}

static bool copy_config(struct ems_conn *c, const struct config *cfg, const struct config_ems *e)
{
	c->id = e->id;
	c->port = e->https_port;
	c->has_fingerprint = e->has_fingerprint;
	memcpy(c->fingerprint, e->fingerprint, sizeof(c->fingerprint));
	c->is_trust_ca_cn = e->is_trust_ca_cn;
	c->is_websocket = e->is_websocket;
	c->has_ztna_ca = e->ztna_ca.nb_der > 0;
	c->call_timeout_s = e->call_timeout_s;
	c->name = strdup(e->name);
	c->server = strdup(e->server);
	c->serial_number = strdup(e->serial_number);
	c->tenant_id = strdup(e->tenant_id);
	c->gateway_sn = strdup(cfg->gateway_serial);
	c->vdom = strdup(cfg->vdom);
	c->ca_pem = copy_pem(e->verifying_ca.pem, &c->ca_len);
	c->cert_pem = copy_pem(e->client.certificate_pem, &c->cert_len);
	c->key_pem = copy_pem(e->client.key_pem, &c->key_len);
	return c->name != NULL && c->server != NULL && c->serial_number != NULL &&
	       c->tenant_id != NULL && c->gateway_sn != NULL && c->vdom != NULL &&
	       c->ca_pem != NULL && c->cert_pem != NULL && c->key_pem != NULL;
}

static struct ems_conn *conn_new(struct cp *cp, const struct config *cfg,
				 const struct config_ems *e)
{
	struct ems_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->applied, NULL);
	c->cp = cp;
	c->status.id = (uint8_t)e->id;
	if (!copy_config(c, cfg, e) || ems_ws_init(c) < 0) {
		conn_free(c);
		return NULL;
	}
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		c->cursor[i] = state_cursor(cp->state, e->id, (enum state_obj)i);
	return c;
}

static struct ems_conn *find(const struct ems *ems, unsigned id)
{
	for (unsigned i = 0; i < ems->nb; i++)
		if (ems->conn[i]->id == id)
			return ems->conn[i];
	return NULL;
}

static void on_device_pull(struct cp *cp, uint32_t ems_id, const struct device_uid *uid)
{
	struct ems_conn *c = find(cp->ems, ems_id);
	bool is_known = false;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->mutex);
	for (unsigned i = 0; i < c->nb_pull && !is_known; i++)
		is_known = device_uid_is_equal(&c->pull[i], uid);
	if (!is_known && c->nb_pull < EMS_PULLS_MAX)
		c->pull[c->nb_pull++] = *uid;
	pthread_mutex_unlock(&c->mutex);
	ems_wake(c);
}

int ems_vpn_post(struct cp *cp, const struct ems_vpn *vpn)
{
	int rc = cp->ems == NULL || cp->ems->nb == 0 ? -ENOENT : 0;

	for (unsigned i = 0; rc != -ENOENT && i < cp->ems->nb; i++) {
		struct ems_conn *c = cp->ems->conn[i];

		pthread_mutex_lock(&c->mutex);
		if (c->nb_vpn < EMS_VPN_MAX)
			c->vpn[c->nb_vpn++] = *vpn;
		else
			rc = -ENOSPC;
		pthread_mutex_unlock(&c->mutex);
		ems_wake(c);
	}
	return rc;
}

void ems_pull_all(struct cp *cp)
{
	for (unsigned i = 0; cp->ems != NULL && i < cp->ems->nb; i++) {
		struct ems_conn *c = cp->ems->conn[i];

		pthread_mutex_lock(&c->mutex);
		c->is_pull_all = true;
		pthread_mutex_unlock(&c->mutex);
		ems_wake(c);
	}
}

static int start_all(struct cp *cp)
{
	const struct config *cfg = cp->config;

	for (unsigned i = 0; i < cfg->nb_ems && cp->ems->nb < STATE_MAX_EMS; i++) {
		struct ems_conn *c;

		if (!cfg->ems[i].is_enabled || find(cp->ems, cfg->ems[i].id) != NULL)
			continue;
		c = conn_new(cp, cfg, &cfg->ems[i]);
		if (c == NULL)
			return -ENOMEM;
		cp->ems->conn[cp->ems->nb++] = c;
		if (pthread_create(&c->thread, NULL, run, c) != 0)
			return -EAGAIN;
		c->is_started = true;
	}
	return 0;
}

static bool is_same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool is_same_bytes(const char *a, size_t len, struct slice b)
{
	return len == b.len && (len == 0 || memcmp(a, b.ptr, len) == 0);
}

/* Would a connector made from <e> do just what <c> does? */
static bool is_same(const struct ems_conn *c, const struct config *cfg, const struct config_ems *e)
{
	return e->is_enabled && c->port == e->https_port &&
	       c->has_fingerprint == e->has_fingerprint &&
	       memcmp(c->fingerprint, e->fingerprint, sizeof(c->fingerprint)) == 0 &&
	       c->is_trust_ca_cn == e->is_trust_ca_cn && c->is_websocket == e->is_websocket &&
	       c->has_ztna_ca == (e->ztna_ca.nb_der > 0) &&
	       c->call_timeout_s == e->call_timeout_s && is_same_text(c->name, e->name) &&
	       is_same_text(c->server, e->server) &&
	       is_same_text(c->serial_number, e->serial_number) &&
	       is_same_text(c->tenant_id, e->tenant_id) &&
	       is_same_text(c->gateway_sn, cfg->gateway_serial) &&
	       is_same_text(c->vdom, cfg->vdom) &&
	       is_same_bytes(c->ca_pem, c->ca_len, e->verifying_ca.pem) &&
	       is_same_bytes(c->cert_pem, c->cert_len, e->client.certificate_pem) &&
	       is_same_bytes(c->key_pem, c->key_len, e->client.key_pem);
}

static bool is_wanted(const struct ems_conn *c, const struct config *cfg)
{
	for (unsigned i = 0; i < cfg->nb_ems; i++)
		if (cfg->ems[i].id == c->id)
			return is_same(c, cfg, &cfg->ems[i]);
	return false;
}

static void reload(struct cp *cp, const struct config *)
{
	struct ems *ems = cp->ems;

	for (unsigned i = 0; i < ems->nb;) {
		struct ems_conn *c = ems->conn[i];

		if (is_wanted(c, cp->config) || ems->nb_retired == RETIRED_MAX) {
			i++;
			continue;
		}
		conn_stop(c);
		ems->retired[ems->nb_retired++] = c;
		ems->conn[i] = ems->conn[--ems->nb];
	}
	if (start_all(cp) < 0)
		LOG(ERR, "a connector could not be started");
}

static void join_list(struct ems_conn **list, unsigned nb)
{
	for (unsigned i = 0; i < nb; i++)
		conn_stop(list[i]);
	for (unsigned i = 0; i < nb; i++) {
		if (list[i]->is_started)
			pthread_join(list[i]->thread, NULL);
		conn_free(list[i]);
	}
}

static void join_all(struct ems *ems)
{
	join_list(ems->conn, ems->nb);
	join_list(ems->retired, ems->nb_retired);
	ems->nb = 0;
	ems->nb_retired = 0;
}

static int init(struct cp *cp)
{
	lws_set_log_level(0, NULL);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	cp->ems = calloc(1, sizeof(*cp->ems));
	if (cp->ems == NULL)
		return -ENOMEM;
	cp->on_device_pull = on_device_pull;
	return start_all(cp);
}

static void fini(struct cp *cp)
{
	if (cp->ems == NULL)
		return;
	join_all(cp->ems);
	free(cp->ems);
	cp->ems = NULL;
	curl_global_cleanup();
}

const struct module ems_module = {
	.name = "ems",
	.init = init,
	.reload = reload,
	.fini = fini,
};
