/* SPDX-License-Identifier: BSD-3-Clause */

/* EMS's objects: what is asked, how the cursor goes on, where the answer goes. */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_TYPE("ems");

#define QUERY_MAX 3072u

/* Numbers and descriptions as in the seed; those it does not show are free choices. */
const struct ems_obj ems_objs[STATE_OBJ__COUNT] = {
	[STATE_OBJ_SERIAL_NUMBER] = {0, "REST API to get EMS Serial Number.",
				     "api/v1/system/serial_number", NULL, 60},
	[STATE_OBJ_CAPABILITIES] = {1, "REST API to get EMS capabilities.",
				    "api/v1/system/capabilities", NULL, 0},
	[STATE_OBJ_ZTNA_CA] = {2, "REST API to get ZTNA certificate authorities.", "api/v1/ztna/ca",
			       NULL, 300},
	[STATE_OBJ_VPN] = {7, "REST API to send updated regarding VPN updates.",
			   "api/v1/fgt/gateway_details/vpn", NULL, 0},
	[STATE_OBJ_SYSINFO] = {8, "REST API to get updates about system info.",
			       "api/v1/report/fct/sysinfo", "uid_offset", 30},
	[STATE_OBJ_TAGS] = {12, "REST API to get updates of tag endpoints.",
			    "api/v1/report/fct/tags", "tag_uid_offset", 30},
	[STATE_OBJ_UID_TAGS] = {13, "REST API to get updates of tags associated with FCT UID.",
				"api/v1/report/fct/uid_tags", "uid_offset", 30},
};

/* A call whose envelope is in order and says success. */
static int call(struct ems_conn *c, enum state_obj obj, const char *query, const char *json,
		struct ems_reply *ret)
{
	struct ems_answer a;
	ems_why why;
	int rc = ems_call(c, obj, query, json, &a);

	if (rc < 0)
		return rc;
	rc = ems_reply_parse(slice_of(a.body, a.len), ret, &why);
	ems_answer_free(&a);
	if (rc < 0) {
		ems_call_failed(c, obj, why);
		return rc;
	}
	if (ret->retval != 1) {
		ems_call_failed(c, obj, ret->message[0] != '\0' ? ret->message : "retval is not 1");
		rc = ret->retval;
		ems_reply_free(ret);
		/* EMS no longer knows the cursor: everything must be pulled anew. */
		return rc == -410 || rc == 410 ? -ESTALE : -EPROTO;
	}
	c->status.call[obj].ok++;
	c->status.call[obj].last_ok_ms = loop_real_ms();
	ems_contact(c);
	return 0;
}

static int check_serial_number(struct ems_conn *c)
{
	struct ems_reply r;
	const char *sn;
	int rc = call(c, STATE_OBJ_SERIAL_NUMBER, "", NULL, &r);

	if (rc < 0)
		return rc;
	sn = json_string_value(r.data);
	if (sn == NULL || strcmp(sn, c->serial_number) != 0) {
		ems_call_failed(c, STATE_OBJ_SERIAL_NUMBER,
				"serial number is not the configured one");
		rc = -EACCES;
	} else {
		(void)snprintf(c->status.serial_number, sizeof(c->status.serial_number), "%s", sn);
	}
	ems_reply_free(&r);
	return rc;
}

static int take_capabilities(struct ems_conn *c)
{
	struct ems_reply r;
	int rc = call(c, STATE_OBJ_CAPABILITIES, "", NULL, &r);

	if (rc < 0)
		return rc;

	const json_t *list = json_object_get(r.data, "capabilities");
	const char *tenant = json_string_value(json_object_get(r.data, "tenant_id"));
	size_t len = 0;

	c->status.capabilities[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *cap = json_string_value(json_array_get(list, i));
		const size_t left = sizeof(c->status.capabilities) - len;
		const int n = cap == NULL ? -1
					  : snprintf(c->status.capabilities + len, left, "%s%s",
						     len == 0 ? "" : " ", cap);

		if (n < 0 || (size_t)n >= left) {
			c->status.capabilities[len] = '\0';
			break;
		}
		len += (size_t)n;
	}
	(void)snprintf(c->status.tenant_id, sizeof(c->status.tenant_id), "%s",
		       tenant != NULL && strlen(tenant) == 32 ? tenant
							      : "00000000000000000000000000000000");
	if (c->tenant_id[0] != '\0' && strcmp(c->tenant_id, c->status.tenant_id) != 0) {
		ems_call_failed(c, STATE_OBJ_CAPABILITIES, "tenant id is not the configured one");
		rc = -EACCES;
	}
	ems_reply_free(&r);
	return rc;
}

/* A PEM certificate as DER. False: it is none. */
static bool pem_to_der(const char *pem, struct slice *ret)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned char *der = NULL;
	const int n = cert == NULL ? -1 : i2d_X509(cert, &der);

	X509_free(cert);
	BIO_free(bio);
	if (n <= 0)
		return false;
	*ret = slice_of(der, (size_t)n);
	return true;
}

static int set_cas(struct ems_conn *c, const json_t *list)
{
	struct slice der[STATE_MAX_CAS];
	uint32_t nb = 0;
	int rc;

	for (size_t i = 0; i < json_array_size(list) && nb < STATE_MAX_CAS; i++) {
		const char *pem = json_string_value(json_array_get(list, i));

		if (pem != NULL && pem_to_der(pem, &der[nb]))
			nb++;
	}
	cp_lock(c->cp);
	/* The operator's own CA file goes before what EMS says. */
	rc = c->has_ztna_ca || nb == 0 ? 0 : state_ca_set(c->cp->state, c->id, der, nb);
	cp_unlock(c->cp);
	for (uint32_t i = 0; i < nb; i++)
		OPENSSL_free((void *)der[i].ptr);
	return rc;
}

static int set_revoked(struct ems_conn *c, const json_t *list)
{
	const size_t n = json_array_size(list);
	struct cert_serial *sn;
	uint32_t nb = 0;
	int rc;

	if (list != NULL && !json_is_array(list))
		return -EBADMSG;
	if (n > STATE_MAX_REVOKED)
		return -E2BIG;
	sn = calloc(n + 1, sizeof(*sn));
	if (sn == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(list, i);

		/* One that cannot be read: the list as a whole cannot be trusted to be complete. */
		if (!json_is_string(s) ||
		    cert_serial_parse(json_string_value(s), json_string_length(s), &sn[nb]) < 0) {
			free(sn);
			return -EBADMSG;
		}
		nb++;
	}
	cp_lock(c->cp);
	rc = state_revoked_set(c->cp->state, c->id, sn, nb);
	cp_unlock(c->cp);
	free(sn);
	return rc;
}

static int pull_ztna_ca(struct ems_conn *c)
{
	struct ems_reply r;
	int rc = call(c, STATE_OBJ_ZTNA_CA, "", NULL, &r);

	if (rc < 0)
		return rc;
	rc = set_cas(c, json_object_get(r.data, "certificates"));
	if (rc == 0)
		rc = set_revoked(c, json_object_get(r.data, "revoked"));
	if (rc < 0)
		ems_call_failed(c, STATE_OBJ_ZTNA_CA, "certificates or revoked list malformed");
	ems_reply_free(&r);
	ems_status_post(c, true); /* wakes the main thread, which publishes what changed */
	return rc;
}

static void pin(struct ems_conn *c)
{
	struct state_ems_pin now = {0}, old;

	memcpy(now.serial_number, c->status.serial_number, sizeof(now.serial_number));
	memcpy(now.tenant_id, c->status.tenant_id, sizeof(now.tenant_id));
	memcpy(now.fingerprint, c->status.fingerprint, sizeof(now.fingerprint));
	cp_lock(c->cp);
	if (!state_ems_pin(c->cp->state, c->id, &old) || memcmp(&old, &now, sizeof(now)) != 0)
		if (state_ems_pin_set(c->cp->state, c->id, &now) < 0)
			LOG(WARN, "pin not kept ems=%s", c->name);
	cp_unlock(c->cp);
}

int ems_verify(struct ems_conn *c)
{
	int rc = check_serial_number(c);

	if (rc == 0)
		rc = take_capabilities(c);
	if (rc == 0)
		rc = pull_ztna_ca(c);
	if (rc < 0)
		return rc;
	pin(c);
	if (!c->status.is_verified)
		LOG(NOTICE, "verified ems=%s serial=%s", c->name, c->serial_number);
	c->status.is_verified = true;
	return 0;
}

/* sn_list[]=SN&updated_after=..&uid_offset=..[&send_mac=true], in this order. */
static int make_query(const struct ems_conn *c, enum state_obj obj, char *ret, size_t cap)
{
	const struct state_cursor *cur = &c->cursor[obj];
	char after[3 * STATE_TIME_STRLEN + 8], offset[128];
	int n;

	ems_encode(cur->updated_after, after, sizeof(after));
	ems_encode(cur->offset, offset, sizeof(offset));
	if (cur->updated_after[0] == '\0')
		n = snprintf(ret, cap, "sn_list[]=%s%s", c->gateway_sn,
			     obj == STATE_OBJ_TAGS ? "&send_mac=true" : "");
	else
		n = snprintf(ret, cap, "sn_list[]=%s&updated_after=%s&%s=%s%s", c->gateway_sn,
			     after, ems_objs[obj].offset_key, offset,
			     obj == STATE_OBJ_TAGS ? "&send_mac=true" : "");
	return n < 0 || (size_t)n >= cap ? -EINVAL : 0;
}

/* Main thread: one batch less to wait for. */
static void on_applied(void *user, bool)
{
	struct ems_conn *c = user;

	pthread_mutex_lock(&c->mutex);
	c->nb_in_flight--;
	pthread_cond_signal(&c->applied);
	pthread_mutex_unlock(&c->mutex);
}

/* Back-pressure: a million devices must not pile up in memory faster than they are applied. */
static void wait_for_room(struct ems_conn *c, unsigned max)
{
	pthread_mutex_lock(&c->mutex);
	while (c->nb_in_flight >= max && !atomic_load(&c->is_stopping))
		pthread_cond_wait(&c->applied, &c->mutex);
	pthread_mutex_unlock(&c->mutex);
}

static int post(struct ems_conn *c, struct state_batch *b)
{
	int rc;

	wait_for_room(c, EMS_BATCHES_MAX);
	b->on_done = on_applied;
	b->user = c;
	pthread_mutex_lock(&c->mutex);
	c->nb_in_flight++;
	pthread_mutex_unlock(&c->mutex);
	rc = cp_post_batch(c->cp, b);
	if (rc == 0)
		return 0;
	on_applied(c, false);
	state_batch_free(b);
	return rc;
}

static int fill(enum state_obj obj, const json_t *content, struct state_batch *b, unsigned *bad,
		ems_why *why)
{
	switch (obj) {
	case STATE_OBJ_SYSINFO:
		return ems_sysinfo_to_batch(content, b, bad, why);
	case STATE_OBJ_UID_TAGS:
		return ems_uid_tags_to_batch(content, b, bad, why);
	case STATE_OBJ_TAGS:
		return ems_tags_to_batch(content, b, bad, why);
	default:
		return -EINVAL;
	}
}

/* A decoded page becomes a batch with its cursor, and is posted. */
static int take_page(struct ems_conn *c, enum state_obj obj, const struct ems_page *p,
		     struct state_batch *b)
{
	unsigned bad = 0;
	ems_why why;
	int rc = fill(obj, p->content, b, &bad, &why);

	if (rc < 0) {
		ems_call_failed(c, obj, why);
		state_batch_free(b);
		return rc;
	}
	if (bad > 0)
		LOG(WARN, "unreadable records ems=%s obj-id=%u count=%u", c->name, ems_objs[obj].id,
		    bad);
	c->status.call[obj].records += state_batch_nb(b);
	return post(c, b);
}

static struct state_batch *new_batch(struct ems_conn *c, enum state_obj obj)
{
	struct state_batch *b = state_batch_new(c->id);

	if (b == NULL)
		return NULL;
	b->is_full = c->phase == EMS_SYNC;
	b->notified_us = c->notified_us[obj];
	return b;
}

static int get_page(struct ems_conn *c, enum state_obj obj, const char *query, struct ems_page *ret)
{
	struct ems_reply r;
	ems_why why;
	int rc = call(c, obj, query, NULL, &r);

	if (rc < 0)
		return rc;
	rc = ems_page_decode(r.data, ems_objs[obj].offset_key, ret, &why);
	if (rc < 0)
		ems_call_failed(c, obj, why);
	ems_reply_free(&r);
	return rc;
}

/*
 * The cursor must move from page to page: an EMS that repeats itself and never says final would
 * keep the connector busy for ever.
 */
static int check_progress(struct ems_conn *c, enum state_obj obj, const struct ems_page *p)
{
	if (p->is_final || memcmp(&p->cursor, &c->cursor[obj], sizeof(p->cursor)) != 0)
		return 0;
	ems_call_failed(c, obj, "cursor does not advance and page is not final");
	return -EPROTO;
}

static int pull_pages(struct ems_conn *c, enum state_obj obj)
{
	for (;;) {
		char query[QUERY_MAX];
		struct ems_page p;
		int rc = make_query(c, obj, query, sizeof(query));

		if (rc == 0)
			rc = get_page(c, obj, query, &p);
		if (rc < 0)
			return rc;

		struct state_batch *b = new_batch(c, obj);

		rc = b == NULL ? -ENOMEM : check_progress(c, obj, &p);
		if (rc < 0) {
			state_batch_free(b);
		} else {
			b->has_cursor = p.cursor.updated_after[0] != '\0';
			b->cursor_obj = (uint8_t)obj;
			b->cursor = p.cursor;
			rc = take_page(c, obj, &p, b);
		}
		if (rc == 0 && p.cursor.updated_after[0] != '\0')
			c->cursor[obj] = p.cursor;

		const bool is_final = p.is_final;

		ems_page_free(&p);
		if (rc < 0 || is_final || atomic_load(&c->is_stopping))
			return rc;
		ems_status_post(c, false);
	}
}

int ems_pull(struct ems_conn *c, enum state_obj obj)
{
	int rc;

	if (obj == STATE_OBJ_SERIAL_NUMBER)
		return check_serial_number(c);
	if (obj == STATE_OBJ_ZTNA_CA)
		return pull_ztna_ca(c);
	if (ems_objs[obj].offset_key == NULL)
		return 0;
	rc = pull_pages(c, obj);
	c->notified_us[obj] = 0;
	if (rc == -ESTALE) {
		c->cursor[obj] = (struct state_cursor){0};
		c->phase = EMS_SYNC;
	}
	/* Synchronisation is complete when the last page is in force, not when it was read. */
	if (c->phase == EMS_SYNC)
		wait_for_room(c, 1);
	return rc;
}

/* Ask <obj> for these devices only; what comes is added to <b>. */
static int pull_some(struct ems_conn *c, enum state_obj obj, const struct device_uid *uid,
		     unsigned nb, struct state_batch *b)
{
	char query[QUERY_MAX];
	struct ems_page p;
	unsigned bad;
	ems_why why;
	int len = snprintf(query, sizeof(query), "sn_list[]=%s", c->gateway_sn);

	for (unsigned i = 0; i < nb; i++) {
		char text[DEVICE_UID_STRLEN + 1];
		const size_t left = sizeof(query) - (size_t)len;

		device_uid_emit(&uid[i], text);
		const int n = snprintf(query + len, left, "&uid_list[]=%s", text);

		if (n < 0 || (size_t)n >= left)
			return -EINVAL;
		len += n;
	}

	int rc = get_page(c, obj, query, &p);

	if (rc < 0)
		return rc;
	rc = fill(obj, p.content, b, &bad, &why);
	if (rc < 0)
		ems_call_failed(c, obj, why);
	ems_page_free(&p);
	return rc;
}

int ems_pull_devices(struct ems_conn *c, const struct device_uid *uid, unsigned nb)
{
	struct state_batch *b = state_batch_new(c->id);
	int rc;

	if (b == NULL)
		return -ENOMEM;
	/*
	 * One batch: a device that became known before its tags would be denied for want of them.
	 */
	rc = pull_some(c, STATE_OBJ_UID_TAGS, uid, nb, b);
	if (rc == 0)
		rc = pull_some(c, STATE_OBJ_SYSINFO, uid, nb, b);
	if (rc < 0) {
		state_batch_free(b);
		return rc;
	}
	for (unsigned i = 0; i < nb; i++)
		state_batch_pulled(b, &uid[i]);
	b->notified_us = loop_now_us();
	return post(c, b);
}

/* Keys in the seed's order, compact. */
static char *vpn_body(const struct ems_conn *c, const struct ems_vpn *list, unsigned nb,
		      bool is_snapshot)
{
	json_t *uids = json_array();
	json_t *body;
	char *text;

	for (unsigned i = 0; i < nb; i++) {
		char uid[DEVICE_UID_STRLEN + 1], ip[IP_ADDR_STRLEN];

		device_uid_emit(&list[i].uid, uid);
		ip_addr_emit(&list[i].ip, ip);
		json_array_append_new(uids, json_pack("{s:s,s:s,s:b,s:s,s:s,s:s}", "uid", uid, "ip",
						      ip, "is_delete", list[i].is_delete, "vdom",
						      c->vdom, "interface", list[i].interface, "sn",
						      c->gateway_sn));
	}
	body = json_pack("{s:[s],s:o,s:b}", "sn_list", c->gateway_sn, "uid_list", uids,
			 "is_snapshot", is_snapshot);
	text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(body);
	return text;
}

int ems_vpn_send(struct ems_conn *c, const struct ems_vpn *list, unsigned nb, bool is_snapshot)
{
	char *body = vpn_body(c, list, nb, is_snapshot);
	struct ems_reply r;
	int rc;

	if (body == NULL)
		return -ENOMEM;
	rc = call(c, STATE_OBJ_VPN, "", body, &r);
	free(body);
	if (rc < 0)
		return rc;

	const json_t *rejected = json_object_get(r.data, "rejected_uid_list");

	if (json_array_size(rejected) > 0)
		LOG(WARN, "EMS rejected VPN users ems=%s count=%zu", c->name,
		    json_array_size(rejected));
	ems_reply_free(&r);
	return 0;
}
