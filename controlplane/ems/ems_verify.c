/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Is this server the EMS that was configured? Decided in the handshake, before a byte of ours
 * goes out, the client's certificate included: chain to the configured CA, subject CN equal to the
 * EMS serial number, and the SHA-512 fingerprint as configured, as confirmed or as first seen. A
 * renewed certificate passes when CA and CN are the same and trust_ca_cn is on. The host name is
 * not compared: EMS's certificates carry the serial number, not a name.
 */

#include "ems/ems_priv.h"

#include <openssl/x509.h>

#include <stdio.h>

static int ex_idx = -1;

static void make_ex_idx(void)
{
	ex_idx = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* Where a TLS context keeps its connector. */
static int conn_index(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_ex_idx);
	return ex_idx;
}

/* May a certificate be one of this EMS's by its name? NULL: yes. */
static const char *check_cn(const struct ems_conn *c, const struct state_ems_cert *cert)
{
	if (cert->cn[0] == '\0')
		return "CN is no serial number";
	if (c->cfg_serial[0] != '\0' && strcmp(cert->cn, c->cfg_serial) != 0)
		return "CN is not the configured serial number";
	return NULL;
}

/*
 * Without a fingerprint in the document: is it the pinned certificate, or one that may stand for
 * it? *<ret_verify> says what an operator can do about a refusal.
 */
static const char *check_pin(struct ems_conn *c, const struct state_ems_cert *cert,
			     enum state_verify *ret_verify)
{
	struct state_ems_pin pin;
	char ca_cn[512];
	bool has_pin;

	cp_lock(c->cp);
	has_pin = state_ems_pin(c->cp->state, c->id, &pin);
	cp_unlock(c->cp);
	*ret_verify = STATE_VERIFY_TO_CONFIRM;
	if (!has_pin)
		return c->is_confirm ? "unverified: to be confirmed" : NULL;
	if (strcmp(pin.fingerprint, cert->fingerprint) == 0)
		return NULL;
	*ret_verify = STATE_VERIFY_CHANGED;
	if (!c->is_trust_ca_cn)
		return "it changed and trust_ca_cn is off";
	if (c->ca_len == 0)
		return "it changed and there is no verifying_ca";
	ems_cert_ca_cn(cert, ca_cn);
	/*
	 * Where the document itself confirms, any issuer under verifying_ca will do: it names the
	 * CAs that the operator trusts.
	 */
	if (c->is_confirm && pin.ca_cn[0] != '\0' && strcmp(pin.ca_cn, ca_cn) != 0)
		return "it changed, and not in its dates and key alone";
	return NULL;
}

static const char *refuse(struct ems_conn *c, X509_STORE_CTX *store, enum ems_code code,
			  const char *why)
{
	(void)snprintf(c->tls_why, sizeof(c->tls_why), "EMS server certificate: %s", why);
	c->tls_reason = why;
	c->tls_code = code;
	if (X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return why;
}

/* Why the server's certificate will not do; NULL: it will, and is noted. */
static const char *refuse_reason(struct ems_conn *c, X509_STORE_CTX *store)
{
	const struct state_ems_cert *cert = &c->status.cert;
	enum state_verify verify = STATE_VERIFY_FAILED;
	const char *why = check_cn(c, cert);

	if (why != NULL)
		return refuse(c, store, EMS_CODE_CERTIFICATE, why);
	if (c->has_fingerprint && strcmp(c->fingerprint_text, cert->fingerprint) != 0)
		return refuse(c, store, EMS_CODE_CERTIFICATE,
			      "fingerprint is not the configured one");
	if (!c->has_fingerprint)
		why = check_pin(c, cert, &verify);
	if (why != NULL) {
		c->status.verify = (uint8_t)verify;
		return refuse(c, store, EMS_CODE_UNCONFIRMED, why);
	}
	memcpy(c->status.fingerprint, cert->fingerprint, sizeof(c->status.fingerprint));
	memcpy(c->shown, cert->fingerprint, sizeof(c->shown));
	ems_cert_ca_cn(cert, c->status.ca_cn);
	memcpy(c->serial_number, cert->cn, sizeof(c->serial_number));
	if (c->status.is_verified)
		c->status.verify = STATE_VERIFY_OK;
	return NULL;
}

/* What a chain without a configured CA looks like; dates and signatures are another matter. */
static bool is_unknown_ca(int err)
{
	return err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       err == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	       err == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
	       err == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

/* What the server shows, for an operator to see, whatever becomes of it. */
static void note_cert(struct ems_conn *c, X509_STORE_CTX *store, const char *chain_error)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	struct state_ems_cert *cert = &c->status.cert;

	if (leaf == NULL || !ems_cert_read(leaf, cert))
		*cert = (struct state_ems_cert){0};
	cert->is_chained = chain_error == NULL;
	(void)snprintf(cert->chain_error, sizeof(cert->chain_error), "%s",
		       chain_error == NULL ? "" : chain_error);
}

int ems_verify_cert(struct ems_conn *c, int ok, X509_STORE_CTX *store)
{
	const int err = X509_STORE_CTX_get_error(store);

	if (!ok && c->ca_len == 0 && is_unknown_ca(err)) {
		/* The fingerprint alone decides, at depth 0. */
		X509_STORE_CTX_set_error(store, X509_V_OK);
	} else if (!ok) {
		const char *why = is_unknown_ca(err) ? "not signed by any known CA"
						     : X509_verify_cert_error_string(err);

		note_cert(c, store, why);
		refuse(c, store, is_unknown_ca(err) ? EMS_CODE_UNKNOWN_CA : EMS_CODE_CERTIFICATE,
		       why);
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(store) != 0)
		return 1;
	note_cert(c, store, c->ca_len == 0 ? "there is no verifying_ca" : NULL);
	return refuse_reason(c, store) == NULL;
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	return ems_verify_cert(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), conn_index()), ok, store);
}

/*
 * An address is no host_name (RFC 6066 3). libcurl knows that; libwebsockets sends what stands
 * before the first colon of the host, of an IPv6 address "[2001".
 */
static void before_handshake(const SSL *ssl, int where, int)
{
	const struct ems_conn *c = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), conn_index());
	struct ip_addr a;

	if ((where & SSL_CB_HANDSHAKE_START) == 0 ||
	    ip_addr_parse(c->server, strlen(c->server), &a) < 0)
		return;
	/* The handshake that starts is this one's, so it may be changed. */
	(void)SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, NULL);
}

void ems_verify_install(SSL_CTX *ctx, struct ems_conn *c)
{
	SSL_CTX_set_ex_data(ctx, conn_index(), c);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_info_callback(ctx, before_handshake);
}
