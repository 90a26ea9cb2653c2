/* SPDX-License-Identifier: BSD-3-Clause */

/* The connectors as a module: threads, schedule, status. */

#include "ems/ems.h"

#include "common/log/log.h"
#include "ems/ems_arena.h"
#include "ems/ems_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_TYPE("ems");

struct ems {
	struct ems_conn *conn[STATE_MAX_EMS];
	unsigned nb;
	/*
	 * Stopped by a reload. Joining there could deadlock with a thread that waits for the lock,
	 * so each goes when its thread has said its last word and its batches are through.
	 */
	struct ems_conn *retired;
};

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
	free(c->host);
	free(c->cfg_serial);
	free(c->tenant_id);
	free(c->gateway_sn);
	free(c->vdom);
	free(c->gateways);
	pthread_mutex_destroy(&c->mutex);
	pthread_cond_destroy(&c->applied);
	free(c);
}

/* A retired connector whose thread and batches are gone. */
static void reap(struct ems *ems, struct ems_conn *c)
{
	struct ems_conn **at = &ems->retired;

	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (*at == NULL || !c->is_joined || !ems_is_applied(c))
		return;
	*at = c->next;
	conn_free(c);
}

void ems_on_applied(void *conn, bool)
{
	struct ems_conn *c = conn;

	pthread_mutex_lock(&c->mutex);
	c->nb_in_flight--;
	pthread_cond_signal(&c->applied);
	pthread_mutex_unlock(&c->mutex);
	if (c->is_joined)
		reap(c->cp->ems, c);
	else
		ems_wake(c); /* SYNC waits for the last page to be in force */
}

static void on_finished(void *user)
{
	struct ems_conn *c = user;
	struct ems_conn *r = c->cp->ems->retired;

	while (r != NULL && r != c)
		r = r->next;
	if (r == NULL) /* the module ends: join_all() */
		return;
	pthread_join(c->thread, NULL);
	c->is_joined = true;
	reap(c->cp->ems, c);
}

void ems_finished(struct ems_conn *c)
{
	/* Fails when the loop has ended: join_all() comes then. */
	(void)cp_post(c->cp, on_finished, NULL, c);
}

static void conn_stop(struct ems_conn *c)
{
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

/* <server> as URLs and Host have it: an IPv6 address in brackets (RFC 3986 3.2.2). */
static char *url_host(const char *server)
{
	char text[IP_PORT_STRLEN];
	struct ip_addr a;

	if (ip_addr_parse(server, strlen(server), &a) < 0)
		return strdup(server);
	ip_port_emit(&a, 0, text);
	return strdup(text);
}

static bool copy_config(struct ems_conn *c, const struct config *cfg, const struct config_ems *e)
{
	c->id = e->id;
	c->port = e->https_port;
	c->has_fingerprint = e->has_fingerprint;
	memcpy(c->fingerprint, e->fingerprint, sizeof(c->fingerprint));
	ems_cert_emit_fingerprint(c->fingerprint, c->fingerprint_text);
	c->is_trust_ca_cn = e->is_trust_ca_cn;
	c->is_confirm = e->is_confirm;
	c->is_websocket = e->is_websocket;
	c->has_ztna_ca = e->ztna_ca.nb_der > 0;
	c->is_pull_sysinfo = e->is_pull_sysinfo;
	c->is_pull_tags = e->is_pull_tags;
	c->call_timeout_s = e->call_timeout_s;
	c->out_of_sync_s = e->out_of_sync_s;
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		c->obj_id[i] = ems_obj_id(e, (enum state_obj)i);
	c->name = strdup(e->name);
	c->server = strdup(e->server);
	c->host = url_host(e->server);
	c->cfg_serial = strdup(e->serial_number);
	c->tenant_id = strdup(e->tenant_id);
	c->gateway_sn = strdup(cfg->gateway_serial);
	c->vdom = strdup(cfg->vdom);
	c->ca_pem = copy_pem(e->verifying_ca.pem, &c->ca_len);
	c->cert_pem = copy_pem(e->client.certificate_pem, &c->cert_len);
	c->key_pem = copy_pem(e->client.key_pem, &c->key_len);
	return c->name != NULL && c->server != NULL && c->host != NULL && c->cfg_serial != NULL &&
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
	return c;
}

/* Take up where the state is, and run. */
static int conn_start(struct ems_conn *c)
{
	struct state *st = c->cp->state;

	ems_pin_load(c);
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		c->cursor[i] = state_cursor(st, c->id, (enum state_obj)i);
	/* Tags' addresses are not on disk: changes alone would be of no use. */
	c->cursor[STATE_OBJ_TAGS] = (struct state_cursor){0};
	state_ems_status_set(st, &c->status);
	if (pthread_create(&c->thread, NULL, ems_run, c) != 0)
		return -EAGAIN;
	c->is_started = true;
	return 0;
}

static struct ems_conn *find(const struct ems *ems, unsigned id)
{
	for (unsigned i = 0; i < ems->nb; i++)
		if (ems->conn[i]->id == id)
			return ems->conn[i];
	return NULL;
}

static void pull_device(struct ems_conn *c, const struct device_uid *uid)
{
	bool is_known = false;

	pthread_mutex_lock(&c->mutex);
	for (unsigned i = 0; i < c->nb_pull && !is_known; i++)
		is_known = device_uid_is_equal(&c->pull[i], uid);
	if (!is_known && c->nb_pull < EMS_PULLS_MAX)
		c->pull[c->nb_pull++] = *uid;
	pthread_mutex_unlock(&c->mutex);
	ems_wake(c);
}

/*
 * The issuer of a device's certificate names an EMS, not a site of it: all sites are asked, and
 * the one that has the device registered answers.
 */
static void on_device_pull(struct cp *cp, uint32_t ems_id, const struct device_uid *uid)
{
	const struct ems *ems = cp->ems;
	const struct ems_conn *asked = find(ems, ems_id);

	for (unsigned i = 0; asked != NULL && i < ems->nb; i++)
		if (ems->conn[i] == asked ||
		    (asked->cfg_serial[0] != '\0' &&
		     strcmp(ems->conn[i]->cfg_serial, asked->cfg_serial) == 0))
			pull_device(ems->conn[i], uid);
}

int ems_confirm(struct cp *cp, unsigned id, const char *fingerprint)
{
	struct ems_conn *c = cp->ems == NULL ? NULL : find(cp->ems, id);

	if (c == NULL)
		return -ENOENT;
	pthread_mutex_lock(&c->mutex);
	(void)snprintf(c->confirmed, sizeof(c->confirmed), "%s", fingerprint);
	pthread_mutex_unlock(&c->mutex);
	ems_wake(c);
	return 0;
}

int ems_test(struct cp *cp, unsigned id, uint32_t *ret_nb)
{
	struct ems_conn *c = cp->ems == NULL ? NULL : find(cp->ems, id);

	if (c == NULL)
		return -ENOENT;
	pthread_mutex_lock(&c->mutex);
	*ret_nb = ++c->nb_tests_wanted;
	pthread_mutex_unlock(&c->mutex);
	ems_wake(c);
	return 0;
}

struct ems_conn *ems_conn_at(const struct cp *cp, unsigned i)
{
	return cp->ems != NULL && i < cp->ems->nb ? cp->ems->conn[i] : NULL;
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
		if (conn_start(c) < 0) {
			/*
			 * A batch of its own keeps it alive: then it is left to the process's end.
			 */
			if (ems_is_applied(c))
				conn_free(c);
			return -EAGAIN;
		}
		cp->ems->conn[cp->ems->nb++] = c;
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

static bool is_same_ids(const struct ems_conn *c, const struct config_ems *e)
{
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++)
		if (c->obj_id[i] != ems_obj_id(e, (enum state_obj)i))
			return false;
	return true;
}

/* Would a connector made from <e> do just what <c> does? */
static bool is_same(const struct ems_conn *c, const struct config *cfg, const struct config_ems *e)
{
	return e->is_enabled && c->port == e->https_port &&
	       c->has_fingerprint == e->has_fingerprint &&
	       memcmp(c->fingerprint, e->fingerprint, sizeof(c->fingerprint)) == 0 &&
	       c->is_trust_ca_cn == e->is_trust_ca_cn && c->is_confirm == e->is_confirm &&
	       c->is_websocket == e->is_websocket && c->has_ztna_ca == (e->ztna_ca.nb_der > 0) &&
	       c->call_timeout_s == e->call_timeout_s && c->out_of_sync_s == e->out_of_sync_s &&
	       c->is_pull_sysinfo == e->is_pull_sysinfo && c->is_pull_tags == e->is_pull_tags &&
	       is_same_ids(c, e) && is_same_text(c->name, e->name) &&
	       is_same_text(c->server, e->server) &&
	       is_same_text(c->cfg_serial, e->serial_number) &&
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

static void reload(struct cp *cp, const struct config *old)
{
	struct ems *ems = cp->ems;
	const bool is_other_gateway = strcmp(old->gateway_serial, cp->config->gateway_serial) != 0;

	for (unsigned i = 0; i < ems->nb;) {
		struct ems_conn *c = ems->conn[i];

		if (is_wanted(c, cp->config)) {
			i++;
			continue;
		}
		conn_stop(c);
		c->next = ems->retired;
		ems->retired = c;
		ems->conn[i] = ems->conn[--ems->nb];
		/* EMS shares by gateway: what another one was told is no base to go on from. */
		if (is_other_gateway)
			state_cursors_drop(cp->state, c->id);
	}
	if (start_all(cp) < 0)
		LOG(ERR, "a connector could not be started");
}

static void join(struct ems_conn *c)
{
	if (c->is_started && !c->is_joined)
		pthread_join(c->thread, NULL);
	conn_free(c);
}

static void join_all(struct ems *ems)
{
	for (unsigned i = 0; i < ems->nb; i++)
		conn_stop(ems->conn[i]);
	for (unsigned i = 0; i < ems->nb; i++)
		join(ems->conn[i]);
	ems->nb = 0;
	while (ems->retired != NULL) {
		struct ems_conn *c = ems->retired;

		ems->retired = c->next;
		join(c);
	}
}

static void fini(struct cp *cp)
{
	if (cp->ems == NULL)
		return;
	cp->on_device_pull = NULL;
	join_all(cp->ems);
	free(cp->ems);
	cp->ems = NULL;
	curl_global_cleanup();
}

static int init(struct cp *cp)
{
	lws_set_log_level(0, NULL);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	ems_arena_install();
	cp->ems = calloc(1, sizeof(*cp->ems));
	if (cp->ems == NULL)
		return -ENOMEM;
	cp->on_device_pull = on_device_pull;

	const int rc = start_all(cp);

	if (rc < 0) {
		/* Threads that run already may wait for the lock. */
		cp_unlock(cp);
		fini(cp);
		cp_lock(cp);
	}
	return rc;
}

const struct module ems_module = {
	.name = "ems",
	.init = init,
	.reload = reload,
	.fini = fini,
};
