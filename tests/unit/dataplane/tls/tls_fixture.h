/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A server-side tls_conn and a libssl client that talk through two bounded queues in memory. The
 * client is OpenSSL's own, configured by each test, so that what is tested is not also the tester.
 */

#pragma once

#include "tests/lib/certs.h"
#include "tests/lib/mem_stream.h"
#include "tls/tls.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>

#define NOW_S INT64_C(1800000000)
#define DAY_S INT64_C(86400)
#define TEST_UID "0A1B2C3D4E5F60718293A4B5C6D7E8F9"
#define TEST_EMS_SN "FCTEMS8823005021"

/* A CA named as its EMS, a device certificate from it and a server certificate. */
struct pki {
	struct test_cert *ca, *device, *server, *other_server;
};

/* What most device certificates have in common; <ca> signs. */
struct test_cert_spec pki_device_spec(const struct test_cert *ca);
struct test_cert_spec pki_ca_spec(void);
void pki_init(struct pki *p);
void pki_fini(struct pki *p);

/* How the server is set up; zero is a service that requires a certificate of the CA. */
struct service_opts {
	enum tls_client_cert client_cert;
	const char *binding;        /* NULL: "web/1" */
	const char *issuer_cn;      /* NULL: TEST_EMS_SN */
	const struct test_cert *ca; /* NULL: pki's */
	/* CA of another site of the same EMS, which is EMS 2 here; NULL: none */
	const struct test_cert *sibling;
	bool (*is_revoked)(void *user, uint8_t ems, const struct cert_serial *serial);
	int (*pick_cert)(void *user, struct slice sni);
	void *user;
};

struct tls_service *service_make(struct tls_worker *w, const struct pki *p,
				 const struct service_opts *opts);

struct link_opts {
	size_t send_queue; /* bytes towards the client, 0: 64 KiB */
	size_t max_run;    /* longest run that the stream gives, 0: 1500 */
};

struct client_opts {
	const struct test_cert *cert;         /* NULL: none */
	const struct test_cert *const *chain; /* sent after it, up to a NULL */
	int version;                          /* 0: whatever */
	const char *sni;
	const char *alpn; /* wire form */
	SSL_SESSION *resume;
	const char *ciphers, *groups;
};

struct duo {
	struct mem_queue to_server, to_client;
	struct mem_stream stream;
	struct tls_conn *conn;
	SSL_CTX *ctx;
	SSL *client;
	BIO *net_in, *net_out; /* of the client; owned by it */
	int server_rc;         /* of the handshake */
	enum outcome outcome;
	bool is_client_done;
	int alert;           /* that the client was sent, -1: none */
	SSL_SESSION *ticket; /* last one the client was given */
};

void duo_init(struct duo *d, struct tls_service *s, const struct client_opts *c,
	      const struct link_opts *l);
void duo_fini(struct duo *d);
/* Move bytes both ways once; true when any moved. */
bool duo_move(struct duo *d);
/* Handshake until both are done or one has failed; returns the server's answer. */
int duo_handshake(struct duo *d);
/* Let the client read what is there, tickets and alerts included; plaintext is put into <buf>. */
size_t duo_client_read(struct duo *d, void *buf, size_t cap);
