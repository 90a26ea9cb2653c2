/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who EMS says it is and whom it trusts: serial number, capabilities, ZTNA CAs and revoked
 * certificates. Each answer is checked whole before any of it is taken.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_TYPE("ems");

#define TENANT_STRLEN 32u

static int check_serial_number(struct ems_conn *c)
{
	struct ems_reply r;
	const char *sn;
	int rc = ems_call_reply(c, STATE_OBJ_SERIAL_NUMBER, "", NULL, &r);

	if (rc < 0)
		return rc;
	sn = json_string_value(r.data);
	if (sn == NULL || strcmp(sn, c->serial_number) != 0) {
		ems_call_failed(c, STATE_OBJ_SERIAL_NUMBER,
				"serial number is not the configured one");
		ems_fail(c, EMS_CODE_IDENTITY, "Serial number is not that of the certificate");
		rc = -EACCES;
	} else {
		(void)snprintf(c->status.serial_number, sizeof(c->status.serial_number), "%s", sn);
	}
	ems_reply_free(&r);
	return rc;
}

/* The list as words; one that finds no room is left out. False: it is no list of strings. */
static bool copy_capabilities(const json_t *list, char *ret, size_t cap)
{
	size_t len = 0;

	if (!json_is_array(list))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *word = json_array_get(list, i);
		const size_t n = json_string_length(word);

		if (!json_is_string(word))
			return false;
		if (len + n + 2 > cap)
			break;
		if (len > 0)
			ret[len++] = ' ';
		memcpy(ret + len, json_string_value(word), n);
		len += n;
	}
	ret[len] = '\0';
	return true;
}

/* An absent tenant is the default site's. */
static bool copy_tenant(const json_t *tenant, char ret[static TENANT_STRLEN + 1])
{
	const char *s = tenant == NULL || json_is_null(tenant) ? "00000000000000000000000000000000"
							       : json_string_value(tenant);

	if (s == NULL || strlen(s) != TENANT_STRLEN ||
	    strspn(s, "0123456789abcdefABCDEF") != TENANT_STRLEN)
		return false;
	memcpy(ret, s, TENANT_STRLEN + 1);
	return true;
}

bool ems_has_cap(const struct ems_conn *c, enum ems_cap cap)
{
	return (c->caps & 1u << cap) != 0;
}

/* What it no longer offers is no longer used. */
static int set_capabilities(struct ems_conn *c, const char *words)
{
	const bool is_new = strcmp(c->status.capabilities, words) != 0;

	(void)snprintf(c->status.capabilities, sizeof(c->status.capabilities), "%s", words);
	c->caps = 0;
	for (unsigned i = 0; i < EMS_CAP__COUNT; i++)
		if (ems_cap_is_in(words, (enum ems_cap)i))
			c->caps |= 1u << i;
	for (unsigned i = 0; is_new && i < EMS_CAP__COUNT; i++)
		if (!ems_has_cap(c, (enum ems_cap)i) && ems_cap_texts[i].without[0] != '\0')
			LOG(NOTICE, "EMS does not offer a capability ems=%s name=%s so=\"%s\"",
			    c->name, ems_cap_texts[i].name, ems_cap_texts[i].without);
	return c->is_pull_tags && !ems_pulls_tags(c) ? ems_tags_forget(c) : 0;
}

static int take_capabilities(struct ems_conn *c)
{
	char words[sizeof(c->status.capabilities)];
	char tenant[TENANT_STRLEN + 1];
	struct ems_reply r;
	int rc = ems_call_reply(c, STATE_OBJ_CAPABILITIES, "", NULL, &r);

	if (rc < 0)
		return rc;
	if (!copy_capabilities(json_object_get(r.data, "capabilities"), words, sizeof(words)) ||
	    !copy_tenant(json_object_get(r.data, "tenant_id"), tenant)) {
		ems_call_failed(c, STATE_OBJ_CAPABILITIES, "capabilities or tenant id malformed");
		rc = -EBADMSG;
	} else if (c->tenant_id[0] != '\0' && strcasecmp(c->tenant_id, tenant) != 0) {
		ems_call_failed(c, STATE_OBJ_CAPABILITIES, "tenant id is not the configured one");
		ems_fail(c, EMS_CODE_IDENTITY, "Tenant id is not the configured one");
		rc = -EACCES;
	} else {
		memcpy(c->status.tenant_id, tenant, sizeof(tenant));
		rc = set_capabilities(c, words);
	}
	ems_reply_free(&r);
	return rc;
}

/* A PEM CA certificate as DER. False: it is none. */
static bool pem_to_der(const char *pem, struct slice *ret)
{
	BIO *bio = pem == NULL ? NULL : BIO_new_mem_buf(pem, -1);
	X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned char *der = NULL;
	/* One that may not sign would only ever be trusted as what it is: a device. */
	const int n = cert == NULL || X509_check_ca(cert) < 1 ? -1 : i2d_X509(cert, &der);

	X509_free(cert);
	BIO_free(bio);
	if (n <= 0)
		return false;
	*ret = slice_of(der, (size_t)n);
	return true;
}

static void free_ders(struct slice *der, uint32_t nb)
{
	for (uint32_t i = 0; i < nb; i++)
		OPENSSL_free((void *)der[i].ptr);
}

/* All of the list or nothing; an absent one is empty. */
static int parse_cas(const json_t *list, struct slice der[static STATE_MAX_CAS], uint32_t *ret_nb)
{
	uint32_t nb = 0;

	if ((list != NULL && !json_is_array(list)) || json_array_size(list) > STATE_MAX_CAS)
		return -EBADMSG;
	for (; nb < json_array_size(list); nb++) {
		if (!pem_to_der(json_string_value(json_array_get(list, nb)), &der[nb])) {
			free_ders(der, nb);
			return -EBADMSG;
		}
	}
	*ret_nb = nb;
	return 0;
}

/*
 * NULL with 0 for an absent list (an EMS that publishes none): what was known stays. One entry
 * that cannot be read: the list as a whole cannot be trusted to be complete.
 */
static int parse_revoked(const json_t *list, struct cert_serial **ret, uint32_t *ret_nb)
{
	const size_t n = json_array_size(list);
	struct cert_serial *sn;

	*ret = NULL;
	*ret_nb = 0;
	if (list == NULL)
		return 0;
	if (!json_is_array(list) || n > STATE_MAX_REVOKED)
		return -EBADMSG;
	sn = calloc(n + 1, sizeof(*sn));
	if (sn == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(list, i);

		if (!json_is_string(s) ||
		    cert_serial_parse(json_string_value(s), json_string_length(s), &sn[i]) < 0) {
			free(sn);
			return -EBADMSG;
		}
	}
	*ret = sn;
	*ret_nb = (uint32_t)n;
	return 0;
}

static int set_trust(struct ems_conn *c, const struct slice *der, uint32_t nb_der,
		     const struct cert_serial *revoked, uint32_t nb_revoked)
{
	int rc = 0;

	cp_lock(c->cp);
	/* The operator's own CA file goes before what EMS says. */
	if (!c->has_ztna_ca && nb_der > 0)
		rc = state_ca_set(c->cp->state, c->id, der, nb_der);
	if (rc == 0 && revoked != NULL)
		rc = state_revoked_set(c->cp->state, c->id, revoked, nb_revoked);
	cp_unlock(c->cp);
	return rc;
}

static int pull_ztna_ca(struct ems_conn *c)
{
	struct slice der[STATE_MAX_CAS];
	struct cert_serial *revoked = NULL;
	uint32_t nb_der = 0, nb_revoked = 0;
	struct ems_reply r;
	int rc = ems_call_reply(c, STATE_OBJ_ZTNA_CA, "", NULL, &r);

	if (rc < 0)
		return rc;
	rc = json_is_object(r.data) ? 0 : -EBADMSG;
	if (rc == 0)
		rc = parse_revoked(json_object_get(r.data, "revoked"), &revoked, &nb_revoked);
	if (rc == 0)
		rc = parse_cas(json_object_get(r.data, "certificates"), der, &nb_der);
	if (rc == 0)
		rc = set_trust(c, der, nb_der, revoked, nb_revoked);
	if (rc < 0)
		ems_call_failed(c, STATE_OBJ_ZTNA_CA, "certificates or revoked list malformed");
	free_ders(der, nb_der);
	free(revoked);
	ems_reply_free(&r);
	return rc < 0 ? rc : ems_publish(c);
}

int ems_hello_identity(struct ems_conn *c)
{
	const int rc = check_serial_number(c);

	return rc < 0 ? rc : take_capabilities(c);
}

int ems_hello(struct ems_conn *c)
{
	int rc = ems_hello_identity(c);

	if (rc < 0)
		return rc;
	ems_pin_check(c);
	rc = pull_ztna_ca(c);
	if (rc < 0)
		return rc;
	ems_pin_keep(c);
	if (c->status.verify != STATE_VERIFY_OK) {
		LOG(NOTICE, "verified ems=%s serial=%s", c->name, c->serial_number);
		ems_event(c, EMS_EVENT_VERIFIED, "FCEMS entry has been verified");
	}
	c->is_refusal_told = false;
	c->status.is_verified = true;
	c->status.verify = STATE_VERIFY_OK;
	return 0;
}

int ems_hello_pull(struct ems_conn *c, enum state_obj obj)
{
	switch (obj) {
	case STATE_OBJ_SERIAL_NUMBER:
		return check_serial_number(c);
	case STATE_OBJ_CAPABILITIES:
		return take_capabilities(c);
	case STATE_OBJ_ZTNA_CA:
		return pull_ztna_ca(c);
	default:
		return -EINVAL;
	}
}
