/* SPDX-License-Identifier: BSD-3-Clause */

/* Services: an SSL_CTX per certificate, made when a configuration is adopted, never per connection.
 */

#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS_12                                                                                 \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/* P-384 last: nobody is made to use it, but its certificates need it in TLS 1.2. */
#define GROUPS "X25519:P-256:P-384"

#define MAX_DEPTH 5u
/*
 * Six certificates with RSA-4096 keys. libssl decodes all of them before it asks us: 0.1 ms each.
 */
#define MAX_CHAIN_BYTES (16 * 1024)

static X509 *parse_cert(struct slice der)
{
	const unsigned char *p = der.ptr;
	X509 *x = der.len == 0 || der.len > INT32_MAX ? NULL : d2i_X509(NULL, &p, (long)der.len);

	if (x != NULL && p != der.ptr + der.len) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static EVP_PKEY *parse_key(struct slice der)
{
	const unsigned char *p = der.ptr;

	if (der.len == 0 || der.len > INT32_MAX)
		return NULL;
	return d2i_AutoPrivateKey(NULL, &p, (long)der.len);
}

/* RFC 7301 3.2: what we do not speak is refused, not passed over in silence. */
static int on_alpn(SSL *, const unsigned char **ret, unsigned char *ret_len,
		   const unsigned char *offered, unsigned offered_len, void *)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *picked;

	if (SSL_select_next_proto(&picked, ret_len, ours, sizeof(ours) - 1, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = picked;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * The host_name of a server_name extension (RFC 6066 3), lower case, into <c>. One name, no empty
 * one, nothing behind it.
 */
static int read_sni(struct tls_conn *c, const unsigned char *ext, size_t len)
{
	if (len < 5 || (size_t)(ext[0] << 8 | ext[1]) != len - 2 || ext[2] != 0 ||
	    (size_t)(ext[3] << 8 | ext[4]) != len - 5 || len - 5 > TLS_MAX_SNI || len == 5)
		return -EBADMSG;
	for (size_t i = 5; i < len; i++) {
		unsigned char b = ext[i];
		if (b <= ' ' || b > '~')
			return -EBADMSG;
		c->sni[i - 5] = b >= 'A' && b <= 'Z' ? b | 0x20 : b;
	}
	c->sni_len = (uint8_t)(len - 5);
	return 0;
}

/*
 * Before anything else of the hello is acted on: which certificate? A ticket is looked at later,
 * so that a resumed connection's SNI is the one it sent, too.
 */
static int on_hello(SSL *ssl, int *ret_alert, void *)
{
	struct tls_conn *c = tls_conn_of(ssl);
	const struct tls_service *s = c->s;
	const unsigned char *ext;
	size_t len;

	c->sni_len = 0;
	c->has_extended_secret =
		SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &ext, &len);
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len) &&
	    read_sni(c, ext, len) < 0) {
		*ret_alert = SSL_AD_DECODE_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	const int i = s->pick_cert == NULL ? 0 : s->pick_cert(s->user, tls_conn_sni(c));
	if (i < 0 || (uint32_t)i >= s->nb_ctx) {
		*ret_alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (s->ctx[i] != SSL_get_SSL_CTX(ssl) && SSL_set_SSL_CTX(ssl, s->ctx[i]) == NULL) {
		*ret_alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* What both sides have in common. NULL: out of memory. */
static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TLSv1 |
					 SSL_OP_NO_TLSv1_1);
	SSL_CTX_clear_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_recv_max_early_data(ctx, 0);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, CIPHERS_13) ||
	    !SSL_CTX_set_cipher_list(ctx, CIPHERS_12) || !SSL_CTX_set1_groups_list(ctx, GROUPS)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int use_cert(SSL_CTX *ctx, const struct tls_cert *cert, const char **ret_why)
{
	EVP_PKEY *key = parse_key(cert->key);
	int rc = -EINVAL;

	*ret_why = "private key does not parse";
	if (key == NULL)
		return rc;
	for (uint32_t i = 0; i < cert->nb_chain; i++) {
		X509 *x = parse_cert(cert->chain[i]);
		*ret_why = "certificate does not parse";
		if (x == NULL)
			goto free_key;
		*ret_why = "certificate is too weak (security level 2)";
		const bool is_used = i == 0 ? SSL_CTX_use_certificate(ctx, x) == 1
					    : SSL_CTX_add1_chain_cert(ctx, x) == 1;
		X509_free(x);
		if (!is_used)
			goto free_key;
	}
	*ret_why = "private key does not match the certificate";
	if (cert->nb_chain > 0 && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1)
		rc = 0;

free_key:
	EVP_PKEY_free(key);
	return rc;
}

/* OpenSSL asks for the CA that issued <cert>. Of one key the certificate that lasts longest. */
static int find_issuer(X509 **ret, X509_STORE_CTX *x, X509 *cert)
{
	STACK_OF(X509) *cas = X509_STORE_get1_all_certs(X509_STORE_CTX_get0_store(x));
	X509 *found = NULL;

	for (int i = 0; i < sk_X509_num(cas); i++) {
		X509 *ca = sk_X509_value(cas, i);

		if (X509_check_issued(ca, cert) != X509_V_OK ||
		    X509_verify(cert, X509_get0_pubkey(ca)) != 1)
			continue;
		if (found == NULL ||
		    ASN1_TIME_compare(X509_get0_notAfter(ca), X509_get0_notAfter(found)) > 0)
			found = ca;
	}
	if (found != NULL)
		X509_up_ref(found);
	sk_X509_pop_free(cas, X509_free);
	*ret = found;
	return found != NULL;
}

/* Are there CAs of several sites of one EMS? */
static bool has_sites(const struct tls_service *s)
{
	for (uint32_t i = 1; i < s->nb_cas; i++)
		for (uint32_t j = 0; j < i; j++)
			if (s->cas[i].ems != s->cas[j].ems &&
			    slice_is_equal(s->cas[i].issuer_cn, s->cas[j].issuer_cn))
				return true;
	return false;
}

static int add_cas(const struct tls_service *s, SSL_CTX *ctx)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);

	/*
	 * Their CAs have one name, and OpenSSL takes the first one of the issuer's name where a
	 * certificate has no key identifier: the one that signed is meant.
	 */
	if (has_sites(s))
		X509_STORE_set_get_issuer(store, find_issuer);

	for (uint32_t i = 0; i < s->nb_cas; i++) {
		if (!X509_STORE_add_cert(store, s->cas[i].x509) ||
		    !SSL_CTX_add_client_CA(ctx, s->cas[i].x509))
			return -ENOMEM;
	}
	return 0;
}

static int verify_mode(enum tls_client_cert c)
{
	switch (c) {
	case TLS_CLIENT_CERT_REQUIRED:
		return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	case TLS_CLIENT_CERT_OPTIONAL:
		return SSL_VERIFY_PEER;
	case TLS_CLIENT_CERT_NONE:
		break;
	}
	return SSL_VERIFY_NONE;
}

static int hash(const struct tls_worker *w, struct slice in, uint8_t ret[static TLS_HASH_LEN])
{
	return EVP_Digest(in.ptr, in.len, ret, NULL, w->sha256, NULL) == 1 ? 0 : -ENOMEM;
}

static int server_ctx_new(struct tls_service *s, const struct tls_service_params *p, uint32_t i,
			  const char **ret_why)
{
	SSL_CTX *ctx = ctx_new(TLS_server_method());

	*ret_why = "out of memory";
	if (ctx == NULL)
		return -ENOMEM;
	s->ctx[i] = ctx;
	s->nb_ctx = i + 1;
	if (hash(s->w, p->binding, s->binding) < 0 ||
	    !SSL_CTX_set_session_id_context(ctx, s->binding, sizeof(s->binding)) ||
	    add_cas(s, ctx) < 0)
		return -ENOMEM;
	SSL_CTX_set_verify(ctx, verify_mode(s->client_cert), NULL);
	SSL_CTX_set_cert_verify_callback(ctx, tls_verify_client, NULL);
	SSL_CTX_set_max_cert_list(ctx, MAX_CHAIN_BYTES);
	SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_timeout(ctx, TLS_SESSION_LIFE_S);
	SSL_CTX_set_num_tickets(ctx, 1);
	if (s->w->sessions == NULL)
		tls_ticket_install(ctx);
	else if (tls_resume_install(s, ctx) < 0)
		return -ENOMEM;
	return use_cert(ctx, &p->certs[i], ret_why);
}

static int copy_slice(struct slice in, struct slice *ret)
{
	uint8_t *p = malloc(in.len > 0 ? in.len : 1);

	if (p == NULL)
		return -ENOMEM;
	if (in.len > 0)
		memcpy(p, in.ptr, in.len);
	*ret = slice_of(p, in.len);
	return 0;
}

static int copy_cas(struct tls_service *s, const struct tls_service_params *p, const char **ret_why)
{
	*ret_why = "out of memory";
	s->cas = calloc(p->nb_cas > 0 ? p->nb_cas : 1, sizeof(*s->cas));
	if (s->cas == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->nb_cas; i++) {
		struct tls_trust_ca *ca = &s->cas[i];
		ca->x509 = parse_cert(p->cas[i].der);
		*ret_why = "CA does not parse";
		if (ca->x509 == NULL)
			return -EINVAL;
		s->nb_cas = i + 1;
		*ret_why = "CA certificate is not one of a CA";
		if (X509_check_ca(ca->x509) != 1)
			return -EINVAL;
		ca->ems = p->cas[i].ems;
		*ret_why = "out of memory";
		if (copy_slice(p->cas[i].issuer_cn, &ca->issuer_cn) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool hash_cas(EVP_MD_CTX *md, const struct tls_service_params *p)
{
	for (uint32_t i = 0; i < p->nb_cas; i++) {
		const struct tls_ca *ca = &p->cas[i];
		const uint64_t lens[3] = {ca->der.len, ca->issuer_cn.len, ca->ems};
		if (!EVP_DigestUpdate(md, lens, sizeof(lens)) ||
		    !EVP_DigestUpdate(md, ca->der.ptr, ca->der.len) ||
		    !EVP_DigestUpdate(md, ca->issuer_cn.ptr, ca->issuer_cn.len))
			return false;
	}
	return true;
}

/* Everything that a cached verification depends on, so that it outlives other configuration. */
static int hash_trust(struct tls_service *s, const struct tls_service_params *p)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int rc = -ENOMEM;

	if (md == NULL)
		return rc;
	if (EVP_DigestInit_ex2(md, s->w->sha256, NULL) && hash_cas(md, p) &&
	    EVP_DigestUpdate(md, &s->verify_depth, sizeof(s->verify_depth)) &&
	    EVP_DigestFinal_ex(md, s->trust, NULL))
		rc = 0;
	EVP_MD_CTX_free(md);
	return rc;
}

static int server_init(struct tls_service *s, const struct tls_service_params *p,
		       const char **ret_why)
{
	int rc = copy_cas(s, p, ret_why);

	if (rc < 0)
		return rc;
	*ret_why = "no certificate";
	if (p->nb_certs == 0)
		return -EINVAL;
	*ret_why = "out of memory";
	s->ctx = calloc(p->nb_certs, sizeof(*s->ctx));
	if (s->ctx == NULL || hash_trust(s, p) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < p->nb_certs; i++)
		rc = server_ctx_new(s, p, i, ret_why);
	return rc;
}

int tls_service_new(struct tls_worker *w, const struct tls_service_params *params,
		    struct tls_service **ret, const char **ret_why)
{
	struct tls_service *s = calloc(1, sizeof(*s));
	const char *why = "out of memory";

	*ret_why = why;
	if (s == NULL)
		return -ENOMEM;
	s->w = w;
	s->refs = 1;
	s->client_cert = params->client_cert;
	s->verify_depth = params->verify_depth < MAX_DEPTH ? params->verify_depth : MAX_DEPTH;
	s->pick_cert = params->pick_cert;
	s->is_revoked = params->is_revoked;
	s->user = params->user;

	ERR_clear_error();
	int rc = server_init(s, params, &why);
	ERR_clear_error();
	if (rc < 0) {
		*ret_why = why;
		tls_service_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

static int client_init(struct tls_service *s, const struct slice *ca_der, uint32_t nb_ca)
{
	s->ctx = calloc(1, sizeof(*s->ctx));
	if (s->ctx == NULL)
		return -ENOMEM;
	s->ctx[0] = ctx_new(TLS_client_method());
	if (s->ctx[0] == NULL)
		return -ENOMEM;
	s->nb_ctx = 1;
	X509_STORE *store = SSL_CTX_get_cert_store(s->ctx[0]);
	for (uint32_t i = 0; i < nb_ca; i++) {
		X509 *x = parse_cert(ca_der[i]);
		if (x == NULL)
			return -EINVAL;
		const int is_added = X509_STORE_add_cert(store, x);
		X509_free(x);
		if (!is_added)
			return -ENOMEM;
	}
	SSL_CTX_set_verify(s->ctx[0], SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(s->ctx[0], tls_verify_server, NULL);
	SSL_CTX_set_options(s->ctx[0], SSL_OP_NO_TICKET);
	/* Returns 0 on success, unlike its neighbours. */
	return SSL_CTX_set_alpn_protos(s->ctx[0], (const unsigned char *)"\x08http/1.1", 9) == 0
		       ? 0
		       : -ENOMEM;
}

int tls_client_service_new(struct tls_worker *w, const struct slice *ca_der, uint32_t nb_ca,
			   struct tls_service **ret)
{
	struct tls_service *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->w = w;
	s->refs = 1;
	s->is_client = true;
	s->verifies_server = nb_ca > 0;
	ERR_clear_error();
	int rc = client_init(s, ca_der, nb_ca);
	ERR_clear_error();
	if (rc < 0) {
		tls_service_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void tls_service_free(struct tls_service *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	for (uint32_t i = 0; i < s->nb_ctx; i++)
		SSL_CTX_free(s->ctx[i]);
	for (uint32_t i = 0; i < s->nb_cas; i++) {
		X509_free(s->cas[i].x509);
		free((void *)s->cas[i].issuer_cn.ptr);
	}
	free(s->cas);
	free(s->ctx);
	free(s);
}
