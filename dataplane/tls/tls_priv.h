/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of this folder share; the only place where libssl's types are seen by a header. */

#pragma once

#include "tls/tls.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_HASH_LEN 32u

/* A client certificate that was verified against a set of CAs; all of it is checked again but that.
 */
struct tls_known_cert {
	uint8_t cert[TLS_HASH_LEN];        /* SHA-256 of the DER */
	uint8_t trust[TLS_HASH_LEN];       /* tls_service.trust */
	int64_t not_before_s, not_after_s; /* of the whole chain; not_after_s 0: entry is free */
	uint8_t ems;
};

struct tls_worker {
	const struct secrets *secrets;
	int64_t now_s;
	BIO_METHOD *bio;
	/* Fetched once: each EVP_sha256() and the like takes locks in its provider. */
	EVP_MD *sha256;
	EVP_CIPHER *ticket_cipher;
	struct tls_known_cert *known; /* direct mapped, a power of two; NULL: no cache */
	size_t nb_known;
};

struct tls_trust_ca {
	X509 *x509;
	uint8_t ems;
	struct slice issuer_cn; /* own copy */
};

struct tls_service {
	struct tls_worker *w;
	unsigned refs; /* the owner's and one per connection */
	bool is_client;
	bool verifies_server; /* client side */
	enum tls_client_cert client_cert;
	uint32_t verify_depth;
	SSL_CTX **ctx; /* one per certificate */
	uint32_t nb_ctx;
	struct tls_trust_ca *cas;
	uint32_t nb_cas;
	uint8_t trust[TLS_HASH_LEN]; /* of the CAs and the depth: what a verification depends on */
	int (*pick_cert)(void *user, struct slice sni);
	bool (*is_revoked)(void *user, uint8_t ems, const struct cert_serial *serial);
	void *user;
};

#define TLS_MAX_SNI 255u

struct tls_conn {
	struct tls_service *s;
	struct stream *stream;
	SSL *ssl;
	/* Bytes of plaintext whose record is not all in the stream yet; 0: none. */
	size_t unsent;
	bool is_open;   /* the handshake is done */
	bool is_dead;   /* libssl reported a fatal error: it may only be freed */
	bool is_closed; /* close_notify was queued */
	bool has_shown;
	struct device_uid shown_uid;
	struct cert_serial shown_serial;
	enum outcome verify_outcome; /* OUTCOME__COUNT: verification has not failed */
	struct tls_peer peer;
	uint8_t sni_len;
	uint8_t sni[TLS_MAX_SNI];
};

/* tls_bio.c: the stream as libssl sees it. NULL: out of memory. */
BIO_METHOD *tls_bio_method_new(void);

/* tls_ticket.c */
bool tls_ticket_has_key(const struct tls_worker *w);
void tls_ticket_install(SSL_CTX *ctx);

/* tls_verify.c */
int tls_verify_client(X509_STORE_CTX *x, void *arg);
int tls_verify_server(X509_STORE_CTX *x, void *arg);
/*
 * May the client of this resumed session still come in? Looks at dates, revocation and today's
 * CAs; the chain was verified when the ticket was made, under the same binding.
 * 0: <ret> (may be NULL) is filled.
 */
[[nodiscard]] int tls_verify_resumed(const struct tls_service *s, X509 *cert, struct tls_peer *ret);

/* tls_known.c: the cache of verified certificates. */
const struct tls_known_cert *tls_known_find(const struct tls_worker *w,
					    const uint8_t cert[static TLS_HASH_LEN],
					    const uint8_t trust[static TLS_HASH_LEN]);
void tls_known_put(struct tls_worker *w, const struct tls_known_cert *known);

static inline struct tls_conn *tls_conn_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}
