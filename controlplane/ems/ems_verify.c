/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Is this server the EMS that was configured? Decided in the handshake, before a byte of ours
 * goes out: chain to the configured CA, subject CN equal to the EMS serial number, and the
 * SHA-512 fingerprint as configured or as first seen. A renewed certificate passes when CA and
 * CN are the same and trust_ca_cn is on. The host name is not compared: EMS's certificates carry
 * the serial number, not a name.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <openssl/x509.h>

#include <stdio.h>

LOG_TYPE("ems");

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

static void note_cert(struct ems_conn *c, X509 *cert, uint8_t digest[64])
{
	unsigned len = 0;
	char *p = c->status.fingerprint;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	memset(digest, 0, 64);
	if (X509_digest(cert, EVP_sha512(), digest, &len) != 1)
		len = 0;
	for (unsigned i = 0; i < len && i < 64; i++)
		p += snprintf(p, 4, "%02X%s", digest[i], i == 63 ? "" : ":");
	c->peer_serial[0] = '\0';
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->peer_serial,
					sizeof(c->peer_serial));
	if (bio == NULL)
		return;
	/* As the field prints it: issuer in one line, the subject's CN right behind it. */
	X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, XN_FLAG_ONELINE);
	n = BIO_get_mem_data(bio, &text);
	(void)snprintf(c->status.ca_cn, sizeof(c->status.ca_cn), "%.*s%s", n > 400 ? 400 : (int)n,
		       text, c->peer_serial);
	BIO_free(bio);
}

static const char *refuse_reason(struct ems_conn *c, const uint8_t digest[64])
{
	struct state_ems_pin pin;
	bool has_pin;

	if (strcmp(c->peer_serial, c->serial_number) != 0)
		return "certificate's CN is not the configured serial number";
	if (c->has_fingerprint)
		return memcmp(digest, c->fingerprint, 64) == 0
			       ? NULL
			       : "certificate's fingerprint is not the configured one";
	cp_lock(c->cp);
	has_pin = state_ems_pin(c->cp->state, c->id, &pin);
	cp_unlock(c->cp);
	if (has_pin && !c->is_trust_ca_cn && strcmp(pin.fingerprint, c->status.fingerprint) != 0)
		return "certificate changed and trust_ca_cn is off";
	return NULL;
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct ems_conn *c = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), conn_index());
	uint8_t digest[64];
	const char *why;

	if (X509_STORE_CTX_get_error_depth(store) != 0)
		return ok;
	note_cert(c, X509_STORE_CTX_get_current_cert(store), digest);
	if (!ok) {
		(void)snprintf(c->status.last_error, sizeof(c->status.last_error),
			       "EMS server certificate: %s",
			       X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
		return 0;
	}
	why = refuse_reason(c, digest);
	if (why == NULL)
		return 1;
	(void)snprintf(c->status.last_error, sizeof(c->status.last_error),
		       "EMS server certificate: %s", why);
	LOG(WARN, "server certificate refused ems=%s reason=\"%s\" cn=%s", c->name, why,
	    c->peer_serial);
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

void ems_verify_install(SSL_CTX *ctx, struct ems_conn *c)
{
	SSL_CTX_set_ex_data(ctx, conn_index(), c);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
}
