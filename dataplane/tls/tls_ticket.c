/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Session tickets (RFC 5077, RFC 8446 4.6.1) with keys that the control plane makes and rotates,
 * so that every worker opens what any other sealed. A ticket is only as good as what it is checked
 * against: service and trust by the session id context, the client's certificate here.
 */

#include "common/shm/secrets_layout.h"
#include "tls/tls_priv.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* The writer needs microseconds; when it died half way, tickets are off until it is back. */
#define MAX_TRIES 1000u

struct ticket_keys {
	struct secrets_ticket_key key[SECRETS_TICKET_KEYS];
};

/* Seqlock reader; pairs with the control plane's release stores of ticket_seq. */
static int read_keys(const struct tls_worker *w, struct ticket_keys *ret)
{
	const struct secrets *s = w->secrets;

	for (unsigned i = 0; s != NULL && i < MAX_TRIES; i++) {
		const uint64_t before = atomic_load_explicit(&s->ticket_seq, memory_order_acquire);
		if (before % 2 != 0)
			continue;
		memcpy(ret->key, s->ticket, sizeof(ret->key));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&s->ticket_seq, memory_order_relaxed) == before)
			return 0;
	}
	return -ENOKEY;
}

bool tls_ticket_has_key(const struct tls_worker *w)
{
	struct ticket_keys keys;
	const bool has = read_keys(w, &keys) == 0 && keys.key[0].not_before_ms != 0;

	OPENSSL_cleanse(&keys, sizeof(keys));
	return has;
}

static int init_mac(EVP_MAC_CTX *mac, struct secrets_ticket_key *k)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->hmac, sizeof(k->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

static int seal(const struct tls_worker *w, struct secrets_ticket_key *k, unsigned char *name,
		unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	if (k->not_before_ms == 0)
		return 0;
	memcpy(name, k->name, sizeof(k->name));
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(w->ticket_cipher)) != 1 ||
	    !EVP_EncryptInit_ex2(cipher, w->ticket_cipher, k->aes, iv, NULL) || !init_mac(mac, k))
		return -1;
	return 1;
}

/* 1: the current key; 2: an older one, so a new ticket is due; 0: none of ours. */
static int unseal(const struct tls_worker *w, struct ticket_keys *keys, const unsigned char *name,
		  const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (size_t i = 0; i < SECRETS_TICKET_KEYS; i++) {
		struct secrets_ticket_key *k = &keys->key[i];
		if (k->not_before_ms == 0 || memcmp(k->name, name, sizeof(k->name)) != 0)
			continue;
		if (!EVP_DecryptInit_ex2(cipher, w->ticket_cipher, k->aes, iv, NULL) ||
		    !init_mac(mac, k))
			return -1;
		return i == 0 ? 1 : 2;
	}
	return 0;
}

static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
			 EVP_MAC_CTX *mac, int is_sealing)
{
	const struct tls_worker *w = tls_conn_of(ssl)->s->w;
	struct ticket_keys keys;
	int rc = 0;

	if (read_keys(w, &keys) == 0)
		rc = is_sealing ? seal(w, &keys.key[0], name, iv, cipher, mac)
				: unseal(w, &keys, name, iv, cipher, mac);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return rc;
}

static int on_ticket_make(SSL *, void *)
{
	return 1;
}

/*
 * A ticket was opened: whose is it? One that would not get in today is ignored, which leads to a
 * full handshake, where the certificate is asked for and refused with the alert that fits.
 */
static SSL_TICKET_RETURN on_ticket_open(SSL *ssl, SSL_SESSION *session, const unsigned char *,
					size_t, SSL_TICKET_STATUS status, void *)
{
	const struct tls_service *s = tls_conn_of(ssl)->s;

	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	X509 *cert = SSL_SESSION_get0_peer(session);
	if (cert == NULL && s->client_cert == TLS_CLIENT_CERT_REQUIRED)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (cert != NULL && tls_verify_resumed(s, cert, NULL) < 0)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_ticket_install(SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
	SSL_CTX_set_session_ticket_cb(ctx, on_ticket_make, on_ticket_open, NULL);
}
