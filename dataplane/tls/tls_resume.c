/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stateful resumption: between libssl's session callbacks and the tables of tls_sessions.h.
 *
 * Who the client is goes with the session object, as its application data, from verification to
 * the table and from the table to the resumed connection; libssl copies it where it copies a
 * session. So an identity cannot get to a session that it does not belong to. The certificate is
 * not kept.
 *
 * A session of TLS 1.3 is taken out by whoever asks for it and good once (RFC 8446 C.4); the
 * resumed connection is given a new one that ends when the first would have. One of TLS 1.2 stays.
 */

#include "tls/tls_priv.h"
#include "tls/tls_sessions.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <errno.h>
#include <string.h>
#include <time.h>

/*
 * Empty sessions as i2d_SSL_SESSION() writes them, with verify_result X509_V_OK, which a session
 * from SSL_SESSION_new() does not have, and for TLS 1.2 with the flag that says extended master
 * secret, for which there is no setter.
 */
static const uint8_t empty_12[] = {
	0x30, 0x14, 0x02, 0x01, 0x01, /* version of the encoding */
	0x02, 0x02, 0x03, 0x03,       /* TLS 1.2 */
	0x04, 0x02, 0xc0, 0x2b,       /* ECDHE-ECDSA-AES128-GCM-SHA256 */
	0x04, 0x00, 0x04, 0x00,       /* session id, secret */
	0xad, 0x03, 0x02, 0x01, 0x01, /* [13] flags: extended master secret */
};
static const uint8_t empty_13[] = {
	0x30, 0x0f, 0x02, 0x01, 0x01, 0x02, 0x02, 0x03, 0x04, /* TLS 1.3 */
	0x04, 0x02, 0x13, 0x01,                               /* TLS_AES_128_GCM_SHA256 */
	0x04, 0x00, 0x04, 0x00,
};

int tls_resume_init(struct tls_worker *w)
{
	const unsigned char *p = empty_12;

	w->empty_12 = d2i_SSL_SESSION(NULL, &p, sizeof(empty_12));
	p = empty_13;
	w->empty_13 = d2i_SSL_SESSION(NULL, &p, sizeof(empty_13));
	return w->empty_12 != NULL && w->empty_13 != NULL ? 0 : -ENOMEM;
}

void tls_resume_fini(struct tls_worker *w)
{
	SSL_SESSION_free(w->empty_12);
	SSL_SESSION_free(w->empty_13);
}

void tls_worker_use_sessions(struct tls_worker *w, struct tls_sessions *t, uint32_t index)
{
	w->sessions = t;
	w->index = (uint8_t)index;
}

int tls_resume_note(SSL *ssl, const struct tls_ident *ident)
{
	SSL_SESSION *session = SSL_get_session(ssl);

	return session != NULL && SSL_SESSION_set1_ticket_appdata(session, ident, sizeof(*ident))
		       ? 0
		       : -ENOMEM;
}

static int read_ident(SSL_SESSION *session, struct tls_ident *ret)
{
	void *data;
	size_t len;

	if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || data == NULL ||
	    len != sizeof(*ret))
		return -ENOENT;
	memcpy(ret, data, sizeof(*ret));
	return 0;
}

/* May the client of a session come in today? The chain was verified against the same CAs. */
static int check_ident(const struct tls_service *s, const struct tls_ident *id)
{
	const int64_t now_s = s->w->now_s;

	if (memcmp(id->trust, s->trust, TLS_HASH_LEN) != 0 || now_s < id->full_s ||
	    now_s >= id->full_s + TLS_SESSION_LIFE_S)
		return -EACCES;
	if (!id->has_cert)
		return s->client_cert == TLS_CLIENT_CERT_REQUIRED ? -EACCES : 0;
	if (now_s < id->not_before_s || now_s > id->not_after_s)
		return -EACCES;
	if (s->is_revoked != NULL && s->is_revoked(s->user, id->ems, &id->serial))
		return -EACCES;
	return 0;
}

int tls_resume_bind(struct tls_conn *c)
{
	struct tls_ident id;

	if (read_ident(SSL_get_session(c->ssl), &id) < 0 || check_ident(c->s, &id) < 0)
		return -EACCES;
	c->peer = (struct tls_peer){
		.has_cert = id.has_cert, .ems = id.ems, .uid = id.uid, .serial = id.serial};
	return 0;
}

/* The first byte leads to the table, the others are nobody's to guess. */
static int on_make_id(SSL *ssl, unsigned char *id, unsigned *len)
{
	const struct tls_worker *w = tls_conn_of(ssl)->s->w;

	if (*len != TLS_SESSION_ID_LEN || RAND_bytes(id + 1, TLS_SESSION_ID_LEN - 1) != 1)
		return 0;
	id[0] = w->index;
	return 1;
}

static int fill(const struct tls_conn *c, SSL_SESSION *session, struct tls_stored *ret)
{
	unsigned len;
	const unsigned char *id = SSL_SESSION_get_id(session, &len);
	const SSL_CIPHER *cipher = SSL_SESSION_get0_cipher(session);

	if (len != TLS_SESSION_ID_LEN || cipher == NULL)
		return -EINVAL;
	memcpy(ret->id, id, len);
	memcpy(ret->binding, c->s->binding, TLS_HASH_LEN);
	ret->version = (uint16_t)SSL_SESSION_get_protocol_version(session);
	ret->cipher = SSL_CIPHER_get_protocol_id(cipher);
	ret->is_reusable = ret->version == TLS1_2_VERSION;
	if (SSL_SESSION_get_master_key(session, NULL, 0) > sizeof(ret->secret))
		return -EINVAL;
	ret->secret_len =
		(uint8_t)SSL_SESSION_get_master_key(session, ret->secret, sizeof(ret->secret));
	return ret->secret_len > 0 ? 0 : -EINVAL;
}

/*
 * Is all that libssl would compare in a resumption something that we keep? Not the
 * fragment length (RFC 6066 4), nor that there was no extended master secret (RFC 7627).
 */
static bool can_keep(const struct tls_conn *c, const SSL_SESSION *session)
{
	return SSL_SESSION_get_max_fragment_length(session) ==
		       TLSEXT_max_fragment_length_DISABLED &&
	       (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION ||
		c->has_extended_secret);
}

/* 0: libssl keeps its reference to <session>, we have none. */
static int on_new(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_conn *c = tls_conn_of(ssl);
	const struct tls_service *s = c->s;
	struct tls_stored st = {};

	if (!can_keep(c, session))
		return 0;
	if (read_ident(session, &st.ident) < 0) {
		/* Only one who showed no certificate has none. */
		if (c->peer.has_cert || SSL_session_reused(ssl) ||
		    SSL_get0_peer_certificate(ssl) != NULL)
			return 0;
		st.ident.full_s = s->w->now_s;
		memcpy(st.ident.trust, s->trust, TLS_HASH_LEN);
		if (tls_resume_note(ssl, &st.ident) < 0)
			return 0;
	}
	if (fill(c, session, &st) == 0)
		tls_sessions_put(s->w->sessions, &st);
	OPENSSL_cleanse(&st, sizeof(st));
	return 0;
}

/* NULL: out of memory, or a cipher that is not ours. */
static SSL_SESSION *make_session(SSL *ssl, const struct tls_worker *w, const struct tls_stored *st)
{
	const uint8_t cipher_id[2] = {(uint8_t)(st->cipher >> 8), (uint8_t)st->cipher};
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, cipher_id);
	SSL_SESSION *session =
		SSL_SESSION_dup(st->version == TLS1_3_VERSION ? w->empty_13 : w->empty_12);

	if (cipher == NULL || session == NULL || !SSL_SESSION_set_cipher(session, cipher) ||
	    !SSL_SESSION_set1_master_key(session, st->secret, st->secret_len) ||
	    !SSL_SESSION_set1_id(session, st->id, sizeof(st->id)) ||
	    !SSL_SESSION_set1_id_context(session, st->binding, sizeof(st->binding)) ||
	    !SSL_SESSION_set1_ticket_appdata(session, &st->ident, sizeof(st->ident))) {
		SSL_SESSION_free(session);
		return NULL;
	}
	/* libssl goes by its own clock: what is left counts from now. It has looked at ours. */
	(void)SSL_SESSION_set_time(session, time(NULL));
	(void)SSL_SESSION_set_timeout(session,
				      (long)(st->ident.full_s + TLS_SESSION_LIFE_S - w->now_s));
	return session;
}

/*
 * Whose session is it? One that would not get in today is not found, which leads to a full
 * handshake, where the certificate is asked for and refused with the alert that fits.
 */
static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int len, int *ret_copy)
{
	const struct tls_service *s = tls_conn_of(ssl)->s;
	SSL_SESSION *session = NULL;
	struct tls_stored st;

	*ret_copy = 0;
	if (len != (int)TLS_SESSION_ID_LEN || !tls_sessions_take(s->w->sessions, id, &st))
		return NULL;
	if (st.version == SSL_version(ssl) && memcmp(st.binding, s->binding, TLS_HASH_LEN) == 0 &&
	    check_ident(s, &st.ident) == 0)
		session = make_session(ssl, s->w, &st);
	OPENSSL_cleanse(&st, sizeof(st));
	return session;
}

/* A connection that ended with a fatal alert: nobody comes back to its session. */
static void on_remove(SSL_CTX *ctx, SSL_SESSION *session)
{
	const struct tls_worker *w = SSL_CTX_get_app_data(ctx);
	unsigned len;
	const unsigned char *id = SSL_SESSION_get_id(session, &len);

	if (w != NULL && len == TLS_SESSION_ID_LEN)
		tls_sessions_remove(w->sessions, id);
}

int tls_resume_install(const struct tls_service *s, SSL_CTX *ctx)
{
	if (!SSL_CTX_set_app_data(ctx, s->w) || !SSL_CTX_set_generate_session_id(ctx, on_make_id))
		return -ENOMEM;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
						    SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_new_cb(ctx, on_new);
	SSL_CTX_sess_set_get_cb(ctx, on_get);
	SSL_CTX_sess_set_remove_cb(ctx, on_remove);
	return 0;
}
