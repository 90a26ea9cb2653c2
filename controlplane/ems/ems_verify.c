/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Is this server the EMS that was configured? Decided in the handshake, before a byte of ours
 * goes out: chain to the configured CA, subject CN equal to the EMS serial number, and the
 * SHA-512 fingerprint as configured or as first seen. A renewed certificate passes when CA and
 * CN are the same and trust_ca_cn is on. The host name is not compared: EMS's certificates carry
 * the serial number, not a name.
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

/* 64 bytes, upper case, colons. */
static void emit_fingerprint(const uint8_t digest[64], char ret[static 192])
{
	static const char digit[] = "0123456789ABCDEF";

	for (unsigned i = 0; i < 64; i++) {
		ret[3 * i] = digit[digest[i] >> 4];
		ret[3 * i + 1] = digit[digest[i] & 15];
		ret[3 * i + 2] = i == 63 ? '\0' : ':';
	}
}

/* The one CN is <want>, byte for byte: one that ends early or comes twice is not. */
static bool is_cn(X509 *cert, const char *want)
{
	X509_NAME *name = X509_get_subject_name(cert);
	const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *cn;

	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return false;
	cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	return (size_t)ASN1_STRING_length(cn) == strlen(want) &&
	       memcmp(ASN1_STRING_get0_data(cn), want, strlen(want)) == 0;
}

/* As the field prints it: issuer in one line, the subject's CN right behind it. */
static void note_ca_cn(struct ems_conn *c, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (bio == NULL)
		return;
	X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, XN_FLAG_ONELINE);
	n = BIO_get_mem_data(bio, &text);
	(void)snprintf(c->status.ca_cn, sizeof(c->status.ca_cn), "%.*s%s", n > 400 ? 400 : (int)n,
		       text, c->serial_number);
	BIO_free(bio);
}

/* Why the server's certificate <cert> will not do; NULL: it will, and is noted. */
static const char *refuse_reason(struct ems_conn *c, X509 *cert)
{
	uint8_t digest[64];
	char fingerprint[192];
	struct state_ems_pin pin;
	unsigned len = 0;
	bool has_pin;

	if (X509_digest(cert, EVP_sha512(), digest, &len) != 1 || len != sizeof(digest))
		return "no fingerprint can be made";
	emit_fingerprint(digest, fingerprint);
	if (!is_cn(cert, c->serial_number))
		return "CN is not the configured serial number";
	if (c->has_fingerprint && memcmp(digest, c->fingerprint, sizeof(digest)) != 0)
		return "fingerprint is not the configured one";
	cp_lock(c->cp);
	has_pin = state_ems_pin(c->cp->state, c->id, &pin);
	cp_unlock(c->cp);
	if (!c->has_fingerprint && !c->is_trust_ca_cn && has_pin &&
	    strcmp(pin.fingerprint, fingerprint) != 0)
		return "it changed and trust_ca_cn is off";
	memcpy(c->status.fingerprint, fingerprint, sizeof(fingerprint));
	note_ca_cn(c, cert);
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

static void refuse(struct ems_conn *c, X509_STORE_CTX *store, const char *why)
{
	(void)snprintf(c->tls_why, sizeof(c->tls_why), "EMS server certificate: %s", why);
	if (X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
}

int ems_verify_cert(struct ems_conn *c, int ok, X509_STORE_CTX *store)
{
	const int err = X509_STORE_CTX_get_error(store);
	const char *why;

	if (!ok && c->has_fingerprint && c->ca_len == 0 && is_unknown_ca(err)) {
		/* The fingerprint alone decides, at depth 0. */
		X509_STORE_CTX_set_error(store, X509_V_OK);
	} else if (!ok) {
		refuse(c, store,
		       is_unknown_ca(err) ? "not signed by any known CA"
					  : X509_verify_cert_error_string(err));
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(store) != 0)
		return 1;
	why = refuse_reason(c, X509_STORE_CTX_get_current_cert(store));
	if (why == NULL)
		return 1;
	refuse(c, store, why);
	return 0;
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
