/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One TLS connection over one stream.
 *
 *	[HELLO] --handshake() 0--> [OPEN] --shutdown()--> [CLOSED]
 *	   |                         |                        |
 *	   +---- fatal error --------+------------------------+--> [DEAD]
 *
 * Invariants:
 *  (1) Plaintext passes in OPEN and CLOSED only (CLOSED: inwards).
 *  (2) In DEAD no call reaches libssl but SSL_free().
 *  (3) With <unsent> set, the next call into libssl finishes that record first.
 */

#include "tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * libssl wants the queue of errors empty before a call, or it takes an old one for its own. It is
 * empty nearly always, and looking costs a tenth of clearing it.
 */
static void clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* SNI, and the name or address that the server's certificate must have. */
static int set_server_name(struct tls_conn *c, struct slice name)
{
	char z[TLS_MAX_SNI + 1];
	X509_VERIFY_PARAM *param = SSL_get0_param(c->ssl);

	if (name.len > TLS_MAX_SNI || memchr(name.ptr, '\0', name.len) != NULL)
		return -EINVAL;
	memcpy(z, name.ptr, name.len);
	z[name.len] = '\0';
	/* An address is no host_name (RFC 6066 3). */
	if (X509_VERIFY_PARAM_set1_ip_asc(param, z))
		return 0;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!X509_VERIFY_PARAM_set1_host(param, z, name.len) ||
	    !SSL_set_tlsext_host_name(c->ssl, z))
		return -ENOMEM;
	return 0;
}

static int set_side(struct tls_conn *c, struct slice server_name)
{
	if (!c->s->is_client) {
		/* Without a key libssl would make tickets that it keeps itself, or empty ones. */
		if (c->s->w->sessions == NULL && !tls_ticket_has_key(c->s->w)) {
			SSL_set_options(c->ssl, SSL_OP_NO_TICKET);
			SSL_set_num_tickets(c->ssl, 0);
		}
		SSL_set_accept_state(c->ssl);
		return 0;
	}
	SSL_set_connect_state(c->ssl);
	if (server_name.len > 0)
		return set_server_name(c, server_name);
	/* A certificate for any name would do: then it need not be looked at. */
	return c->s->verifies_server ? -EINVAL : 0;
}

struct tls_conn *tls_conn_new(struct tls_service *s, struct stream *stream,
			      struct slice server_name)
{
	struct tls_conn *c = calloc(1, sizeof(*c));
	BIO *bio;

	if (c == NULL)
		return NULL;
	c->s = s;
	c->stream = stream;
	c->verify_outcome = OUTCOME__COUNT;
	clear_errors();
	c->ssl = SSL_new(s->ctx[0]);
	if (c->ssl == NULL)
		goto free_conn;
	if (!SSL_set_app_data(c->ssl, c) || set_side(c, server_name) < 0)
		goto free_ssl;
	bio = BIO_new(s->w->bio);
	if (bio == NULL)
		goto free_ssl;
	BIO_set_data(bio, stream);
	SSL_set_bio(c->ssl, bio, bio);
	s->refs++;
	return c;

free_ssl:
	SSL_free(c->ssl);
free_conn:
	free(c);
	clear_errors();
	return NULL;
}

void tls_conn_free(struct tls_conn *c)
{
	if (c == NULL)
		return;
	/*
	 * That a connection ended without close_notify is no reason to forget its session (RFC 5246
	 * 7.2.1); a fatal alert is, and libssl did so when it came or went.
	 */
	if (c->is_open)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	tls_service_free(c->s);
	free(c);
}

static enum outcome failure_of(const struct tls_conn *c)
{
	if (c->s->is_client)
		return OUTCOME_UPSTREAM_TLS_FAILED;
	if (c->verify_outcome != OUTCOME__COUNT)
		return c->verify_outcome;
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return OUTCOME_TLS_CERT_REQUIRED;
	return OUTCOME_TLS_FAILED;
}

static int fail(struct tls_conn *c)
{
	c->is_dead = true;
	clear_errors();
	return -EPROTO;
}

static void note_shown(struct tls_conn *c)
{
	if (!c->peer.has_cert)
		return;
	c->has_shown = true;
	c->shown_uid = c->peer.uid;
	c->shown_serial = c->peer.serial;
}

/*
 * The identity of a full handshake was stored by tls_verify_client(); that of a resumed one is in
 * the session. Nothing but a verified certificate counts, whatever the mode.
 */
static int bind_identity(struct tls_conn *c)
{
	const struct tls_service *s = c->s;
	X509 *cert = SSL_get0_peer_certificate(c->ssl);

	if (s->is_client)
		return 0;
	if (s->w->sessions != NULL && SSL_session_reused(c->ssl)) {
		/* Such a session carries who it is, and no certificate. */
		if (cert != NULL || tls_resume_bind(c) < 0)
			return -EACCES;
		note_shown(c);
		return 0;
	}
	if (cert != NULL && SSL_get_verify_result(c->ssl) != X509_V_OK)
		return -EACCES;
	if (cert != NULL && SSL_session_reused(c->ssl) && tls_verify_resumed(s, cert, &c->peer) < 0)
		return -EACCES;
	if (c->peer.has_cert != (cert != NULL))
		return -EACCES;
	if (!c->peer.has_cert && s->client_cert == TLS_CLIENT_CERT_REQUIRED)
		return -EACCES;
	note_shown(c);
	return 0;
}

/* RFC 6066 4: 512 to 4096 when the client asked for less. */
static size_t max_fragment(const struct tls_conn *c)
{
	const SSL_SESSION *session = SSL_get_session(c->ssl);
	const unsigned code = session == NULL ? 0 : SSL_SESSION_get_max_fragment_length(session);

	return code >= 1 && code <= 4 ? (size_t)256 << code : TLS_RECORD_MAX;
}

int tls_conn_handshake(struct tls_conn *c, enum outcome *ret_outcome)
{
	if (c->is_open)
		return 0;
	if (c->is_dead) {
		*ret_outcome = OUTCOME_TLS_FAILED;
		return -EPROTO;
	}
	clear_errors();
	const int rc = SSL_do_handshake(c->ssl);
	if (rc != 1) {
		const int err = SSL_get_error(c->ssl, rc);
		if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
			return -EAGAIN;
		*ret_outcome = failure_of(c);
		return fail(c);
	}
	if (bind_identity(c) < 0) {
		(void)SSL_shutdown(c->ssl);
		*ret_outcome = OUTCOME_TLS_CERT_INVALID;
		return fail(c);
	}
	c->peer.is_resumed = SSL_session_reused(c->ssl);
	c->peer.is_tls13 = SSL_version(c->ssl) == TLS1_3_VERSION;
	c->max_fragment = max_fragment(c);
	c->is_open = true;
	return 0;
}

void tls_conn_peer(const struct tls_conn *c, struct tls_peer *ret)
{
	*ret = c->peer;
}

bool tls_conn_shown_cert(const struct tls_conn *c, struct device_uid *ret_uid,
			 struct cert_serial *ret_serial)
{
	if (!c->has_shown)
		return false;
	*ret_uid = c->shown_uid;
	*ret_serial = c->shown_serial;
	return true;
}

struct slice tls_conn_sni(const struct tls_conn *c)
{
	return slice_of(c->sni, c->sni_len);
}

/* Turn libssl's answer <rc> into ours. */
static int io_error(struct tls_conn *c, int rc)
{
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	case SSL_ERROR_SYSCALL:
		(void)fail(c);
		return stream_is_eof(c->stream) ? -ECONNRESET : -EPROTO;
	default:
		return fail(c);
	}
}

/*
 * Push on the record that did not fit. libssl holds it encrypted and wants to be called with the
 * length it had; the bytes are not read again (one call writes one record, see max_fragment()).
 */
int tls_conn_flush(struct tls_conn *c)
{
	static const uint8_t unread[TLS_RECORD_MAX];
	size_t n;

	if (c->is_dead)
		return -EPROTO;
	if (c->unsent == 0)
		return 0;
	clear_errors();
	const int rc = SSL_write_ex(c->ssl, unread, c->unsent, &n);
	if (rc != 1)
		return io_error(c, rc);
	c->unsent = 0;
	return 0;
}

int tls_conn_read(struct tls_conn *c, void *buf, size_t cap, size_t *ret_n)
{
	size_t n;

	if (c->is_dead || !c->is_open)
		return -EPROTO;
	if (tls_conn_flush(c) == -EPROTO)
		return -EPROTO;
	/* Most events tell of acknowledgements: that nothing came needs no record buffer to see. */
	if (stream_peek(c->stream).len == 0 && !SSL_has_pending(c->ssl) &&
	    !stream_is_eof(c->stream))
		return -EAGAIN;
	/*
	 * libssl stops after a record that is no payload (a ticket, a key update). Payload may
	 * stand behind it, and no event will tell of that; libssl bounds how many it takes.
	 */
	do {
		clear_errors();
		const int rc = SSL_read_ex(c->ssl, buf, cap, &n);
		if (rc == 1) {
			*ret_n = n;
			return 0;
		}
		const int err = io_error(c, rc);
		if (err != -EAGAIN)
			return err;
	} while (SSL_want_read(c->ssl) && stream_peek(c->stream).len > 0);
	return -EAGAIN;
}

static int write_record(struct tls_conn *c, const uint8_t *buf, size_t len)
{
	size_t n;

	if (stream_reserve(c->stream).cap == 0)
		return -EAGAIN;
	clear_errors();
	const int rc = SSL_write_ex(c->ssl, buf, len, &n);
	if (rc == 1)
		return 0;
	const int err = io_error(c, rc);
	if (err != -EAGAIN)
		return err;
	/* Encrypted, numbered and partly queued: it cannot be taken back, so it is taken. */
	c->unsent = len;
	return 0;
}

int tls_conn_write(struct tls_conn *c, const void *buf, size_t len, size_t *ret_n)
{
	const uint8_t *p = buf;
	size_t done = 0;

	if (c->is_dead || !c->is_open || c->is_closed)
		return -EPROTO;
	if (len > TLS_RECORD_MAX)
		len = TLS_RECORD_MAX;
	int rc = tls_conn_flush(c);
	const size_t max = c->max_fragment;
	while (rc == 0 && done < len) {
		const size_t n = len - done < max ? len - done : max;
		/* Only the last record may be left half way. */
		rc = c->unsent > 0 ? -EAGAIN : write_record(c, p + done, n);
		if (rc == 0)
			done += n;
	}
	/*
	 * A client with small fragments, and no room for them all: the caller was told to make sure
	 * of it, or buffers ran out. What was taken cannot be given back.
	 */
	if (rc == -EAGAIN && done > 0)
		rc = fail(c);
	if (rc < 0)
		return rc;
	*ret_n = done;
	return 0;
}

bool tls_conn_has_pending(const struct tls_conn *c)
{
	return !c->is_dead && SSL_pending(c->ssl) > 0;
}

void tls_conn_shutdown(struct tls_conn *c)
{
	if (c->is_dead || !c->is_open || c->is_closed || tls_conn_flush(c) < 0)
		return;
	clear_errors();
	(void)SSL_shutdown(c->ssl);
	clear_errors();
	c->is_closed = true;
}
