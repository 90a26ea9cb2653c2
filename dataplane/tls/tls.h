/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TLS 1.2 and 1.3 over a stream (base/stream.h), by libssl through a BIO_METHOD of our own: a
 * record is read out of the stream's receive queue and encrypted into its send queue.
 *
 * No DPDK, no sockets, no clock: time is an argument. One worker owns a struct tls_worker and
 * everything made from it; nothing is shared between workers, not even an SSL_CTX (one shared by
 * two cores costs 30 %).
 */

#pragma once

#include "base/stream.h"
#include "common/base/ids.h"
#include "common/base/slice.h"
#include "common/stats/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secrets;
struct tls_worker;
struct tls_service;
struct tls_conn;

#define TLS_RECORD_MAX 16384u
/*
 * Room in the send queue that is enough for TLS_RECORD_MAX bytes and a close_notify, also when the
 * client asked for fragments of 512 bytes (RFC 6066 4): 32 records of 29 bytes more each.
 */
#define TLS_WRITE_ROOM (TLS_RECORD_MAX + 1024u)

/* One certificate of a service. DER slices are copied. */
struct tls_cert {
	const struct slice *chain; /* leaf first */
	uint32_t nb_chain;
	struct slice key; /* PKCS#8 DER */
};

/* A CA that signs client certificates, and the EMS it belongs to. */
struct tls_ca {
	struct slice der;
	uint8_t ems; /* index in the configuration */
	struct slice
		issuer_cn; /* must equal the client certificate's issuer CN: EMS serial number */
};

enum tls_client_cert {
	TLS_CLIENT_CERT_NONE,
	TLS_CLIENT_CERT_OPTIONAL,
	TLS_CLIENT_CERT_REQUIRED
};

struct tls_service_params {
	const struct tls_cert *certs; /* [0] is the default */
	uint32_t nb_certs;
	/*
	 * Which certificate for this SNI (lower case; empty when the client sent none)? Returns an
	 * index, or -ENOENT: unrecognized_name alert.
	 */
	int (*pick_cert)(void *user, struct slice sni);
	void *user;
	enum tls_client_cert client_cert;
	const struct tls_ca *cas;
	uint32_t nb_cas;
	/*
	 * Is this (otherwise verified) certificate withdrawn? Called in the handshake and at each
	 * resumption. May be NULL.
	 */
	bool (*is_revoked)(void *user, uint8_t ems, const struct cert_serial *serial);
	/*
	 * What a resumed session is bound to: the service's name and the generation of what it
	 * trusts. A ticket from another binding leads to a full handshake.
	 */
	struct slice binding;
	uint32_t verify_depth; /* certificates between leaf and CA, at most 5 */
};

/* Who the client is, after the handshake. */
struct tls_peer {
	bool has_cert; /* a verified certificate was shown (or is in the resumed session) */
	uint8_t ems;
	struct device_uid uid; /* subject CN */
	struct cert_serial serial;
	bool is_resumed;
	bool is_tls13;
};

/*
 * <secrets> holds the ticket keys (common/shm/secrets_layout.h), read at each use; NULL: tickets
 * off. Verified certificates are remembered by SHA-256 in a cache of <cert_cache> entries.
 * NULL: out of memory.
 */
struct tls_worker *tls_worker_new(const struct secrets *secrets, uint32_t cert_cache);
void tls_worker_free(struct tls_worker *w);
/* Wall-clock seconds, for certificate dates and tickets; call at least once a second. */
void tls_worker_set_time(struct tls_worker *w, int64_t now_s);

/*
 * -EINVAL: a certificate, key or CA does not parse or match; <ret_why> says which (static).
 * A service is reference-counted by its connections: free it at once when it is replaced.
 */
[[nodiscard]] int tls_service_new(struct tls_worker *w, const struct tls_service_params *params,
				  struct tls_service **ret, const char **ret_why);
void tls_service_free(struct tls_service *s);

/* Client side, towards a real server; <ca> empty: the certificate is not verified. */
[[nodiscard]] int tls_client_service_new(struct tls_worker *w, const struct slice *ca_der,
					 uint32_t nb_ca, struct tls_service **ret);

/*
 * A server-side (tls_service_new) or client-side connection over <stream>, which must outlive
 * it. <server_name>: client side only, SNI and the name to verify; without a name nothing can be
 * verified, so a service with CAs refuses. NULL: that, or out of memory.
 */
struct tls_conn *tls_conn_new(struct tls_service *s, struct stream *stream,
			      struct slice server_name);
void tls_conn_free(struct tls_conn *c);

/*
 * Go on with the handshake. 0: done; -EAGAIN: needs more bytes, or room; -EPROTO: failed,
 * the alert is in the stream, <ret_outcome> says why (OUTCOME_TLS_*).
 */
[[nodiscard]] int tls_conn_handshake(struct tls_conn *c, enum outcome *ret_outcome);
void tls_conn_peer(const struct tls_conn *c, struct tls_peer *ret);
/*
 * What the client's certificate said even when it was refused; for records. False: none seen. All
 * zero: it said no UID, or no serial number, that can be read.
 */
bool tls_conn_shown_cert(const struct tls_conn *c, struct device_uid *ret_uid,
			 struct cert_serial *ret_serial);
/* SNI, lower case; empty when there was none. Valid while <c> lives. */
struct slice tls_conn_sni(const struct tls_conn *c);

/*
 * Plaintext. Read: 0 and <ret_n> > 0; -EAGAIN; -EPIPE at close_notify (clean end); -ECONNRESET at
 * a FIN without close_notify; -EPROTO. Write: 0 and <ret_n> = <len> (TLS_RECORD_MAX when that is
 * less) when the stream has TLS_WRITE_ROOM; -EAGAIN when it has none (nothing is taken). When
 * there is less room than that, all is taken as well, and what does not fit into the stream waits
 * inside until the next call of write, read, shutdown or flush. Flush: 0, -EAGAIN, -EPROTO.
 */
[[nodiscard]] int tls_conn_read(struct tls_conn *c, void *buf, size_t cap, size_t *ret_n);
[[nodiscard]] int tls_conn_write(struct tls_conn *c, const void *buf, size_t len, size_t *ret_n);
[[nodiscard]] int tls_conn_flush(struct tls_conn *c);
/* Bytes already decrypted wait inside. */
bool tls_conn_has_pending(const struct tls_conn *c);
/* Queue close_notify, once; best effort. */
void tls_conn_shutdown(struct tls_conn *c);
