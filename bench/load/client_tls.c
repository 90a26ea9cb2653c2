/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The TLS side of a client, by libssl. The server's certificate is not verified: what is measured
 * is the server, and who it is was decided by whoever plugged it in.
 */

#include "bench/load/client_priv.h"
#include "tls/tls_priv.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdio.h>

#define GROUPS_13 "X25519"
/* Here they say also which curves a certificate may have (RFC 8422 5.1). */
#define GROUPS_12 "X25519:P-256"
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_12 "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"

static int accept_any(X509_STORE_CTX *, void *)
{
	return 1;
}

static struct client_conn *conn_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/* The latest one counts: a TLS 1.3 server sends two, and each is to be used once. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct client_conn *c = conn_of(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

static int set_words(struct client *cl)
{
	const struct load_options *o = cl->opt;
	const bool is_13 = o->tls == LOAD_TLS_13;
	const int version = is_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	const char *groups = o->groups != NULL ? o->groups : is_13 ? GROUPS_13 : GROUPS_12;
	const char *ciphers = o->ciphers != NULL ? o->ciphers : is_13 ? SUITES_13 : SUITES_12;

	return SSL_CTX_set_min_proto_version(cl->ctx, version) &&
	       SSL_CTX_set_max_proto_version(cl->ctx, version) &&
	       SSL_CTX_set1_groups_list(cl->ctx, groups) &&
	       (is_13 ? SSL_CTX_set_ciphersuites(cl->ctx, ciphers)
		      : SSL_CTX_set_cipher_list(cl->ctx, ciphers));
}

static int make_ctx(struct client *cl)
{
	cl->ctx = SSL_CTX_new(TLS_client_method());
	cl->bio = tls_bio_method_new();
	if (cl->ctx == NULL || cl->bio == NULL)
		return -ENOMEM;
	if (!set_words(cl))
		return -EINVAL;
	SSL_CTX_set_mode(cl->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(cl->ctx, 1);
	SSL_CTX_set_cert_verify_callback(cl->ctx, accept_any, NULL);
	if (cl->opt->handshake == LOAD_HANDSHAKE_RESUMED) {
		SSL_CTX_set_session_cache_mode(cl->ctx,
					       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(cl->ctx, on_session);
	} else {
		SSL_CTX_set_session_cache_mode(cl->ctx, SSL_SESS_CACHE_OFF);
	}
	return 0;
}

int client_tls_init(struct client *cl, char *why, size_t why_cap)
{
	int rc;

	if (cl->opt->is_plain)
		return 0;
	rc = make_ctx(cl);
	if (rc < 0) {
		(void)snprintf(why, why_cap, "libssl refuses the ciphers or groups");
		return rc;
	}
	if (cl->opt->certs == NULL)
		return 0;
	return load_pool_open(&cl->pool, cl->opt->certs, why, why_cap);
}

void client_tls_fini(struct client *cl)
{
	load_pool_close(&cl->pool);
	SSL_CTX_free(cl->ctx);
	BIO_meth_free(cl->bio);
}

/*
 * A copy: libssl wants a ticket of TLS 1.3 to be used once and spoils the session that it used.
 * Ours is offered until the server sends a new one, which not every server does at a resumption.
 */
static bool offer_session(struct client_conn *c)
{
	SSL_SESSION *copy = SSL_SESSION_dup(c->session);
	const bool is_set = copy != NULL && SSL_set_session(c->ssl, copy);

	SSL_SESSION_free(copy);
	return is_set;
}

static bool set_up(struct client *cl, struct client_conn *c)
{
	BIO *bio = BIO_new(cl->bio);

	if (bio == NULL)
		return false;
	BIO_set_data(bio, tcp_conn_stream(c->tcp));
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_app_data(c->ssl, c);
	SSL_set_connect_state(c->ssl);
	if (cl->opt->sni != NULL && !SSL_set_tlsext_host_name(c->ssl, cl->opt->sni))
		return false;
	if (c->session != NULL && !offer_session(c))
		return false;
	if (cl->pool.nb == 0)
		return true;

	const struct load_device *d = &cl->pool.device[c->device];

	return SSL_use_cert_and_key(c->ssl, d->cert, d->key, NULL, 1) == 1;
}

bool client_tls_begin(struct client *cl, struct client_conn *c)
{
	c->state = CLIENT_S_HANDSHAKE;
	c->ssl = SSL_new(cl->ctx);
	if (c->ssl == NULL || !set_up(cl, c)) {
		client_conn_fail(cl, c, LOAD_E_TLS);
		return false;
	}
	return true;
}

/* Does libssl only want bytes, or room? Otherwise the connection is over. */
static void fail_unless_waiting(struct client *cl, struct client_conn *c, int rc)
{
	const int e = SSL_get_error(c->ssl, rc);
	const bool is_end = e == SSL_ERROR_ZERO_RETURN || stream_is_eof(tcp_conn_stream(c->tcp));

	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return;
	ERR_clear_error();
	client_conn_fail(cl, c, is_end ? LOAD_E_RESET : LOAD_E_TLS);
}

bool client_tls_handshake(struct client *cl, struct client_conn *c)
{
	const int rc = SSL_do_handshake(c->ssl);

	if (rc != 1) {
		fail_unless_waiting(cl, c, rc);
		return false;
	}

	struct load_stats *st = cl->w->stats;

	load_add(SSL_session_reused(c->ssl) ? &st->handshakes_resumed : &st->handshakes_full, 1);
	return true;
}

size_t client_tls_read(struct client *cl, struct client_conn *c)
{
	size_t n = 0;
	const int rc = SSL_read_ex(c->ssl, cl->buf, CLIENT_BUF, &n);

	if (rc != 1)
		fail_unless_waiting(cl, c, rc);
	return rc == 1 ? n : 0;
}

size_t client_tls_write(struct client *cl, struct client_conn *c, const uint8_t *p, size_t len)
{
	size_t n = 0;
	const int rc = SSL_write_ex(c->ssl, p, len, &n);

	if (rc != 1)
		fail_unless_waiting(cl, c, rc);
	return rc == 1 ? n : 0;
}

void client_tls_shutdown(struct client_conn *c)
{
	if (c->ssl != NULL && SSL_is_init_finished(c->ssl) && SSL_shutdown(c->ssl) < 0)
		ERR_clear_error();
}

void client_tls_drop(struct client_conn *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
}
