/* SPDX-License-Identifier: BSD-3-Clause */

/* Contexts, and what a client's certificate says. */

#include "rest/tls.h"

#include "common/log/log.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string.h>

LOG_TYPE("rest");

static X509 *cert_of(struct slice der)
{
	const unsigned char *p = der.ptr;

	return d2i_X509(NULL, &p, (long)der.len);
}

static bool use_pair(SSL_CTX *ctx, const struct config_keypair *pair)
{
	const unsigned char *p = pair->key_der.ptr;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)pair->key_der.len);
	bool is_ok = key != NULL && pair->nb_chain > 0;

	for (unsigned i = 0; i < pair->nb_chain && is_ok; i++) {
		X509 *x = cert_of(pair->chain[i]);

		is_ok = x != NULL && (i == 0 ? SSL_CTX_use_certificate(ctx, x)
					     : SSL_CTX_add1_chain_cert(ctx, x)) == 1;
		X509_free(x);
	}
	is_ok = is_ok && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	return is_ok;
}

/* A certificate is asked for, not insisted on: who has a token needs none. */
static bool use_ca(SSL_CTX *ctx, const struct config_ca *ca)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool is_ok = true;

	if (ca->path == NULL)
		return true;
	for (unsigned i = 0; i < ca->nb_der && is_ok; i++) {
		X509 *x = cert_of(ca->der[i]);

		is_ok = x != NULL && X509_STORE_add_cert(store, x) == 1 &&
			SSL_CTX_add_client_CA(ctx, x) == 1;
		X509_free(x);
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(ctx, 6);
	return is_ok;
}

/* RFC 7301: HTTP/1.1 is all there is; who offers only other things is not served. */
static int on_alpn(SSL *, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
		   unsigned inlen, void *)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *found;

	if (SSL_select_next_proto(&found, outlen, ours, sizeof(ours) - 1, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_up(SSL_CTX *ctx, const struct config *cfg)
{
	const struct config_api_tls *tls = &cfg->api.tls;

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	/* Nothing is resumed: each connection's certificate is checked with today's CAs. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_max_cert_list(ctx, 65536);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
	       SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"api", 3) == 1 &&
	       use_pair(ctx, &cfg->certificates[tls->certificate].pair) &&
	       use_ca(ctx, &tls->client_ca);
}

SSL_CTX *tls_ctx_new(const struct config *cfg)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx != NULL && set_up(ctx, cfg))
		return ctx;
	LOG(ERR, "TLS cannot be set up certificate=%s error=\"%s\"", cfg->api.tls.certificate_name,
	    ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

static bool is_clients(X509 *x)
{
	const uint32_t flags = X509_get_extension_flags(x);

	return !(flags & (EXFLAG_CA | EXFLAG_INVALID)) && (flags & EXFLAG_XKUSAGE) &&
	       (X509_get_extended_key_usage(x) & XKU_SSL_CLIENT);
}

/* One CN, of plain bytes: what could be read in two ways is not compared at all. */
static void take_cn(X509 *x, char *ret, size_t cap)
{
	X509_NAME *name = X509_get_subject_name(x);
	const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;
	int len;

	ret[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len > 0 && (size_t)len < cap && memchr(text, '\0', (size_t)len) == NULL) {
		memcpy(ret, text, (size_t)len);
		ret[len] = '\0';
	}
	OPENSSL_free(text);
}

void tls_take_peer(SSL *ssl, struct auth_cred *cred)
{
	X509 *x = SSL_get0_peer_certificate(ssl);

	if (x == NULL || SSL_get_verify_result(ssl) != X509_V_OK || !is_clients(x))
		return;
	cred->has_cert = X509_digest(x, EVP_sha256(), cred->cert, NULL) == 1;
	take_cn(x, cred->cn, sizeof(cred->cn));
}
