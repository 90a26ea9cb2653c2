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

/* Who came, and what that was verified against: the part of a session that is not libssl's. */
struct tls_ident {
	uint8_t trust[TLS_HASH_LEN];       /* tls_service.trust */
	int64_t full_s;                    /* when the client proved it, or came without any */
	int64_t not_before_s, not_after_s; /* of the whole chain */
	struct device_uid uid;
	struct cert_serial serial;
	uint8_t ems;
	bool has_cert;
};

#define TLS_SESSION_ID_LEN 32u
#define TLS_SECRET_MAX 48u
/* From the full handshake on, however often it was resumed since. */
#define TLS_SESSION_LIFE_S 7200

/* A session in a table. Flat: it is copied between workers. */
struct tls_stored {
	uint8_t id[TLS_SESSION_ID_LEN];
	uint8_t binding[TLS_HASH_LEN]; /* tls_service.binding */
	uint8_t secret[TLS_SECRET_MAX];
	uint8_t secret_len;
	bool is_reusable; /* not taken out when it is looked up */
	uint16_t version, cipher;
	struct tls_ident ident;
};

struct tls_worker {
	const struct secrets *secrets;
	struct tls_sessions *sessions; /* NULL: stateless tickets, or none */
	SSL_SESSION *empty_12, *empty_13;
	uint8_t index; /* among the tables */
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
	uint8_t binding[TLS_HASH_LEN]; /* hash of what the owner binds sessions to */
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
	size_t max_fragment; /* of plaintext in a record; set when the handshake is done */
	bool is_open;        /* the handshake is done */
	bool is_dead;        /* libssl reported a fatal error: it may only be freed */
	bool is_closed;      /* close_notify was queued */
	bool has_shown;
	bool has_extended_secret; /* the client offers it (RFC 7627) */
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

/*
 * tls_resume.c: sessions in the tables of tls_sessions.h. Note binds an identity to the session of
 * a full handshake; bind takes it from that of a resumed one, -EACCES: it may not come in today.
 */
[[nodiscard]] int tls_resume_init(struct tls_worker *w);
void tls_resume_fini(struct tls_worker *w);
[[nodiscard]] int tls_resume_install(const struct tls_service *s, SSL_CTX *ctx);
[[nodiscard]] int tls_resume_note(SSL *ssl, const struct tls_ident *ident);
[[nodiscard]] int tls_resume_bind(struct tls_conn *c);

/* tls_sessions.c: any worker, any table. Take copies, and leaves it only when it is reusable. */
void tls_sessions_put(struct tls_sessions *t, const struct tls_stored *in);
bool tls_sessions_take(struct tls_sessions *t, const uint8_t id[static TLS_SESSION_ID_LEN],
		       struct tls_stored *ret);
void tls_sessions_remove(struct tls_sessions *t, const uint8_t id[static TLS_SESSION_ID_LEN]);

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
