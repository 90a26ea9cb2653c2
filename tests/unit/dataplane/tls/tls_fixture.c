/* SPDX-License-Identifier: BSD-3-Clause */

#include "tls_fixture.h"

#include "tls/tls_process.h"

#include <openssl/err.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_ROUNDS 100000

struct test_cert_spec pki_ca_spec(void)
{
	return (struct test_cert_spec){
		.cn = TEST_EMS_SN,
		.not_before_s = NOW_S - 100 * DAY_S,
		.not_after_s = NOW_S + 100 * DAY_S,
		.is_ca = true,
		.usage = "keyCertSign,cRLSign",
	};
}

struct test_cert_spec pki_device_spec(const struct test_cert *ca)
{
	return (struct test_cert_spec){
		.cn = TEST_UID,
		.issuer = ca,
		.not_before_s = NOW_S - DAY_S,
		.not_after_s = NOW_S + DAY_S,
		.usage = "digitalSignature",
		.eku = "clientAuth",
		.serial = 0x1234567890,
	};
}

static struct test_cert *server_cert(const char *cn)
{
	const struct test_cert_spec spec = {
		.cn = cn,
		.not_before_s = NOW_S - DAY_S,
		.not_after_s = NOW_S + DAY_S,
		.usage = "digitalSignature",
		.eku = "serverAuth",
	};

	return test_cert_new(&spec);
}

/* As the data plane starts, or with OpenSSL as it is. */
static void process_init(void)
{
	static bool is_done;
	const char *why = NULL;

	if (!is_done && getenv("TLS_STOCK") == NULL)
		tls_process_init(&why);
	is_done = true;
	if (why != NULL)
		fail_msg("%s", why);
}

void pki_init(struct pki *p)
{
	const struct test_cert_spec ca = pki_ca_spec();

	process_init();

	p->ca = test_cert_new(&ca);
	const struct test_cert_spec device = pki_device_spec(p->ca);
	p->device = test_cert_new(&device);
	p->server = server_cert("shop.example");
	p->other_server = server_cert("mail.example");
}

void pki_fini(struct pki *p)
{
	test_cert_free(p->ca);
	test_cert_free(p->device);
	test_cert_free(p->server);
	test_cert_free(p->other_server);
}

struct tls_service *service_make(struct tls_worker *w, const struct pki *p,
				 const struct service_opts *opts)
{
	const struct tls_cert certs[] = {
		{&p->server->der, 1, p->server->key_der},
		{&p->other_server->der, 1, p->other_server->key_der},
	};
	const struct slice issuer_cn =
		slice_str(opts->issuer_cn != NULL ? opts->issuer_cn : TEST_EMS_SN);
	struct tls_ca ca[2] = {{.ems = 2, .issuer_cn = issuer_cn},
			       {.der = (opts->ca != NULL ? opts->ca : p->ca)->der,
				.ems = 3,
				.issuer_cn = issuer_cn}};

	if (opts->sibling != NULL)
		ca[0].der = opts->sibling->der;
	const struct tls_service_params params = {
		.certs = certs,
		.nb_certs = 2,
		.pick_cert = opts->pick_cert,
		.user = opts->user,
		.client_cert = opts->client_cert,
		.cas = opts->sibling != NULL ? ca : ca + 1,
		.nb_cas = opts->sibling != NULL ? 2 : 1,
		.is_revoked = opts->is_revoked,
		.binding = slice_str(opts->binding != NULL ? opts->binding : "web/1"),
		.verify_depth = 2,
	};
	struct tls_service *s = NULL;
	const char *why = NULL;

	const int rc = tls_service_new(w, &params, &s, &why);
	if (rc < 0)
		fail_msg("service: %s", why);
	return s;
}

static void on_info(const SSL *ssl, int where, int ret)
{
	struct duo *d = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		d->alert = ret & 0xff;
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct duo *d = SSL_get_app_data(ssl);

	SSL_SESSION_free(d->ticket);
	d->ticket = session;
	return 1;
}

static void client_use_cert(struct duo *d, const struct client_opts *c)
{
	if (c->cert == NULL)
		return;
	assert_int_equal(SSL_CTX_use_certificate(d->ctx, c->cert->x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(d->ctx, c->cert->key), 1);
	for (size_t i = 0; c->chain != NULL && c->chain[i] != NULL; i++)
		assert_int_equal(SSL_CTX_add1_chain_cert(d->ctx, c->chain[i]->x509), 1);
}

static void client_init(struct duo *d, const struct client_opts *c)
{
	d->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(d->ctx);
	/* The client shows what a test gives it, however weak: the server is under test. */
	SSL_CTX_set_security_level(d->ctx, 0);
	SSL_CTX_set_session_cache_mode(d->ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(d->ctx, on_ticket);
	SSL_CTX_set_info_callback(d->ctx, on_info);
	if (c->version != 0) {
		SSL_CTX_set_min_proto_version(d->ctx, c->version);
		SSL_CTX_set_max_proto_version(d->ctx, c->version);
	}
	if (c->ciphers != NULL)
		assert_int_equal(SSL_CTX_set_cipher_list(d->ctx, c->ciphers), 1);
	if (c->groups != NULL)
		assert_int_equal(SSL_CTX_set1_groups_list(d->ctx, c->groups), 1);
	client_use_cert(d, c);
	d->client = SSL_new(d->ctx);
	assert_non_null(d->client);
	SSL_set_app_data(d->client, d);
	if (c->sni != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(d->client, c->sni), 1);
	if (c->alpn != NULL)
		assert_int_equal(SSL_set_alpn_protos(d->client, (const unsigned char *)c->alpn,
						     (unsigned)strlen(c->alpn)),
				 0);
	if (c->resume != NULL)
		assert_int_equal(SSL_set_session(d->client, c->resume), 1);
	d->net_in = BIO_new(BIO_s_mem());
	d->net_out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(d->net_in, -1);
	BIO_set_mem_eof_return(d->net_out, -1);
	SSL_set_bio(d->client, d->net_in, d->net_out);
	SSL_set_connect_state(d->client);
}

void duo_init(struct duo *d, struct tls_service *s, const struct client_opts *c,
	      const struct link_opts *l)
{
	static const struct link_opts plain;
	const struct link_opts *o = l != NULL ? l : &plain;
	const size_t max_run = o->max_run != 0 ? o->max_run : 1500;

	*d = (struct duo){.alert = -1, .outcome = OUTCOME__COUNT};
	mem_queue_init(&d->to_server, 65536, max_run);
	mem_queue_init(&d->to_client, o->send_queue != 0 ? o->send_queue : 65536, max_run);
	mem_stream_init(&d->stream, &d->to_server, &d->to_client);
	client_init(d, c);
	d->conn = tls_conn_new(s, &d->stream.stream, SLICE_EMPTY);
	assert_non_null(d->conn);
}

void duo_fini(struct duo *d)
{
	tls_conn_free(d->conn);
	SSL_SESSION_free(d->ticket);
	/* A session whose connection was not shut down is not resumed by libssl. */
	SSL_set_shutdown(d->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(d->client);
	SSL_CTX_free(d->ctx);
	mem_queue_fini(&d->to_server);
	mem_queue_fini(&d->to_client);
	ERR_clear_error();
}

bool duo_move(struct duo *d)
{
	uint8_t buf[4096];
	const size_t room = d->to_server.limit - d->to_server.len;
	const int n = BIO_read(d->net_out, buf, (int)(room < sizeof(buf) ? room : sizeof(buf)));

	if (n > 0)
		assert_int_equal(mem_queue_put(&d->to_server, buf, (size_t)n), n);
	const size_t m = mem_queue_get(&d->to_client, buf, sizeof(buf));
	if (m > 0)
		assert_int_equal(BIO_write(d->net_in, buf, (int)m), m);
	return n > 0 || m > 0;
}

static bool client_step(struct duo *d)
{
	ERR_clear_error();
	const int rc = SSL_do_handshake(d->client);
	d->is_client_done = rc == 1;
	ERR_clear_error();
	return rc == 1;
}

int duo_handshake(struct duo *d)
{
	d->server_rc = -EAGAIN;
	for (int i = 0; i < MAX_ROUNDS; i++) {
		if (!d->is_client_done)
			(void)client_step(d);
		bool has_moved = duo_move(d);
		if (d->server_rc == -EAGAIN)
			d->server_rc = tls_conn_handshake(d->conn, &d->outcome);
		has_moved |= duo_move(d);
		if (!has_moved && d->server_rc != -EAGAIN)
			break;
	}
	if (!d->is_client_done)
		(void)client_step(d);
	uint8_t none[1];
	(void)duo_client_read(d, none, 0);
	return d->server_rc;
}

size_t duo_client_read(struct duo *d, void *buf, size_t cap)
{
	uint8_t spare[1];
	const size_t want = cap == 0 ? 1 : cap;
	size_t n = 0;

	ERR_clear_error();
	if (SSL_read_ex(d->client, cap == 0 ? spare : buf, want, &n) != 1)
		n = 0;
	ERR_clear_error();
	return n;
}
