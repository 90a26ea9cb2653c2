/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a TLS handshake costs the server: cycles of the TSC in the server's calls only, from making
 * the connection to freeing it, in memory. The client is libssl's own and is not counted.
 *
 *	tls_handshake [--quick] [--core N] [--only TEXT]
 *
 * Subjects take turns sample by sample, each in a process of its own, since the process-wide set-up
 * of tls_process_init() is part of what is measured; "libssl" is stock: one SSL_CTX with
 * what any server would set, memory BIOs, one ticket. TLS_HANDSHAKE_SUBJECT=tagwarden or =libssl
 * takes one alone, for a profile.
 */

#include "bench/micro/row.h"
#include "common/shm/secrets_layout.h"
#include "tests/lib/certs.h"
#include "tests/lib/mem_stream.h"
#include "tls/tls.h"
#include "tls/tls_process.h"
#include "tls/tls_sessions.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_S INT64_C(1800000000)
#define DAY_S INT64_C(86400)
#define NB_DEVICES 64u
#define LOOPS 100u
#define EMS_SN "FCTEMS8823005021"
#define QUEUE_BYTES 65536u

/* One kind of handshake. */
struct kind {
	const char *name;
	bool has_client_cert;
	bool is_resumed;
	bool is_tls12;
	bool is_cold; /* the certificate was not seen before */
};

static const struct kind kinds[] = {
	{.name = "full-mtls", .has_client_cert = true},
	{.name = "full-mtls-new-device", .has_client_cert = true, .is_cold = true},
	{.name = "resumed-mtls", .has_client_cert = true, .is_resumed = true},
	{.name = "full"},
	{.name = "resumed", .is_resumed = true},
	{.name = "full-mtls-tls12", .has_client_cert = true, .is_tls12 = true},
	{.name = "resumed-mtls-tls12",
	 .has_client_cert = true,
	 .is_resumed = true,
	 .is_tls12 = true},
};

#define NB_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct device {
	struct test_cert *cert;
	SSL_SESSION *session;
};

static struct {
	const struct kind *kind;
	bool is_stock;
	struct test_cert *ca, *server;
	struct device device[NB_DEVICES];
	SSL_CTX *client;
	SSL_CTX *stock; /* subject libssl */
	struct secrets *secrets;
	struct tls_worker *worker;
	struct tls_sessions *sessions;
	struct tls_service *service;
	uint32_t turn;
	struct device *now;
} b;

/* A connection from both sides. */
struct duo {
	struct mem_queue to_server, to_client;
	struct mem_stream stream;
	struct tls_conn *conn;
	SSL *server; /* subject libssl */
	BIO *server_in, *server_out;
	SSL *client;
	BIO *client_in, *client_out;
	uint64_t cycles;
};

_Noreturn static void die(const char *what)
{
	(void)fprintf(stderr, "tls_handshake: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void make_certs(void)
{
	const struct test_cert_spec ca = {.cn = EMS_SN,
					  .not_before_s = NOW_S - DAY_S,
					  .not_after_s = NOW_S + DAY_S,
					  .is_ca = true,
					  .usage = "keyCertSign,cRLSign"};
	const struct test_cert_spec server = {.cn = "shop.example",
					      .not_before_s = NOW_S - DAY_S,
					      .not_after_s = NOW_S + DAY_S,
					      .usage = "digitalSignature",
					      .eku = "serverAuth"};

	b.ca = test_cert_new(&ca);
	b.server = test_cert_new(&server);
	for (uint32_t i = 0; i < NB_DEVICES; i++) {
		char uid[33];

		(void)snprintf(uid, sizeof(uid), "%032X", i + 1);
		const struct test_cert_spec device = {.cn = uid,
						      .issuer = b.ca,
						      .not_before_s = NOW_S - DAY_S,
						      .not_after_s = NOW_S + DAY_S,
						      .usage = "digitalSignature",
						      .eku = "clientAuth",
						      .serial = i + 1};
		b.device[i].cert = test_cert_new(&device);
	}
}

static int on_session(SSL *, SSL_SESSION *session)
{
	SSL_SESSION_free(b.now->session);
	b.now->session = session;
	return 1;
}

static void make_client(void)
{
	const int version = b.kind->is_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;

	b.client = SSL_CTX_new(TLS_client_method());
	if (b.client == NULL || !SSL_CTX_set_min_proto_version(b.client, version) ||
	    !SSL_CTX_set_max_proto_version(b.client, version) ||
	    !SSL_CTX_set1_groups_list(b.client, "X25519:P-256"))
		die("client");
	SSL_CTX_set_session_cache_mode(b.client,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(b.client, on_session);
	(void)SSL_CTX_set_ciphersuites(b.client, "TLS_AES_128_GCM_SHA256");
	(void)SSL_CTX_set_cipher_list(b.client, "ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void make_stock(void)
{
	static const unsigned char binding[] = "web/1";

	b.stock = SSL_CTX_new(TLS_server_method());
	if (b.stock == NULL || SSL_CTX_use_certificate(b.stock, b.server->x509) != 1 ||
	    SSL_CTX_use_PrivateKey(b.stock, b.server->key) != 1 ||
	    X509_STORE_add_cert(SSL_CTX_get_cert_store(b.stock), b.ca->x509) != 1 ||
	    SSL_CTX_add_client_CA(b.stock, b.ca->x509) != 1 ||
	    SSL_CTX_set_session_id_context(b.stock, binding, sizeof(binding)) != 1)
		die("stock server");
	SSL_CTX_set_num_tickets(b.stock, 1);
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(b.stock), NOW_S);
	if (b.kind->has_client_cert)
		SSL_CTX_set_verify(b.stock, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
}

static void make_secrets(void)
{
	struct secrets_ticket_key *k;

	b.secrets = calloc(1, sizeof(*b.secrets));
	if (b.secrets == NULL)
		die("memory");
	k = &b.secrets->ticket[0];
	memset(k->name, 1, sizeof(k->name));
	memset(k->aes, 2, sizeof(k->aes));
	memset(k->hmac, 3, sizeof(k->hmac));
	k->not_before_ms = 1;
}

static void make_ours(void)
{
	const struct tls_cert cert = {&b.server->der, 1, b.server->key_der};
	const struct tls_ca ca = {.der = b.ca->der, .ems = 1, .issuer_cn = slice_str(EMS_SN)};
	const struct tls_service_params p = {
		.certs = &cert,
		.nb_certs = 1,
		.client_cert =
			b.kind->has_client_cert ? TLS_CLIENT_CERT_REQUIRED : TLS_CLIENT_CERT_NONE,
		.cas = &ca,
		.nb_cas = 1,
		.binding = slice_str("web/1"),
		.verify_depth = 5,
	};
	const char *why = "no worker";

	make_secrets();
	b.worker = tls_worker_new(b.secrets, b.kind->is_cold ? 0 : 16384);
	b.sessions = tls_sessions_new(1, 1024);
	if (b.worker == NULL || b.sessions == NULL)
		die("memory");
	/* TLS_HANDSHAKE_STATELESS: by tickets instead, to compare. */
	if (getenv("TLS_HANDSHAKE_STATELESS") == NULL)
		tls_worker_use_sessions(b.worker, b.sessions, 0);
	if (tls_service_new(b.worker, &p, &b.service, &why) < 0)
		die(why);
	tls_worker_set_time(b.worker, NOW_S);
}

static void client_start(struct duo *d)
{
	d->client = SSL_new(b.client);
	d->client_in = BIO_new(BIO_s_mem());
	d->client_out = BIO_new(BIO_s_mem());
	if (d->client == NULL || d->client_in == NULL || d->client_out == NULL)
		die("client");
	BIO_set_mem_eof_return(d->client_in, -1);
	BIO_set_mem_eof_return(d->client_out, -1);
	SSL_set_bio(d->client, d->client_in, d->client_out);
	SSL_set_connect_state(d->client);
	(void)SSL_set_tlsext_host_name(d->client, "shop.example");
	if (b.kind->has_client_cert && (SSL_use_certificate(d->client, b.now->cert->x509) != 1 ||
					SSL_use_PrivateKey(d->client, b.now->cert->key) != 1))
		die("client certificate");
	if (b.kind->is_resumed && b.now->session != NULL) {
		/* A copy, which libssl does not declare used up when no new one is given. */
		SSL_SESSION *copy = SSL_SESSION_dup(b.now->session);

		(void)SSL_set_session(d->client, copy);
		SSL_SESSION_free(copy);
	}
}

static void server_start(struct duo *d)
{
	const uint64_t t0 = row_clock_begin();

	if (!b.is_stock) {
		d->conn = tls_conn_new(b.service, &d->stream.stream, SLICE_EMPTY);
	} else {
		d->server = SSL_new(b.stock);
		d->server_in = BIO_new(BIO_s_mem());
		d->server_out = BIO_new(BIO_s_mem());
		BIO_set_mem_eof_return(d->server_in, -1);
		BIO_set_mem_eof_return(d->server_out, -1);
		SSL_set_bio(d->server, d->server_in, d->server_out);
		SSL_set_accept_state(d->server);
	}
	d->cycles += row_clock_end() - t0;
	if (d->conn == NULL && d->server == NULL)
		die("server connection");
}

/* 1: done, 0: wants more */
static int server_step(struct duo *d)
{
	enum outcome outcome = OUTCOME__COUNT;
	int rc;
	const uint64_t t0 = row_clock_begin();

	if (!b.is_stock) {
		rc = tls_conn_handshake(d->conn, &outcome);
		d->cycles += row_clock_end() - t0;
		if (rc < 0 && rc != -EAGAIN)
			die("our handshake failed");
		return rc == 0;
	}
	rc = SSL_do_handshake(d->server);
	d->cycles += row_clock_end() - t0;
	if (rc != 1 && SSL_get_error(d->server, rc) != SSL_ERROR_WANT_READ)
		die("stock handshake failed");
	return rc == 1;
}

static bool server_was_resumed(const struct duo *d)
{
	struct tls_peer peer;

	if (b.is_stock)
		return SSL_session_reused(d->server);
	tls_conn_peer(d->conn, &peer);
	return peer.is_resumed;
}

static void server_stop(struct duo *d)
{
	const uint64_t t0 = row_clock_begin();

	if (!b.is_stock) {
		tls_conn_shutdown(d->conn);
		tls_conn_free(d->conn);
	} else {
		(void)SSL_shutdown(d->server);
		SSL_free(d->server);
	}
	d->cycles += row_clock_end() - t0;
}

static void move(struct duo *d)
{
	uint8_t buf[16384];
	int n;

	while ((n = BIO_read(d->client_out, buf, sizeof(buf))) > 0) {
		if (b.is_stock)
			(void)BIO_write(d->server_in, buf, n);
		else
			(void)mem_queue_put(&d->to_server, buf, (size_t)n);
	}
	do {
		n = b.is_stock ? BIO_read(d->server_out, buf, sizeof(buf))
			       : (int)mem_queue_get(&d->to_client, buf, sizeof(buf));
		if (n > 0)
			(void)BIO_write(d->client_in, buf, n);
	} while (n > 0);
}

/* One connection from start to end; cycles of the server. */
static uint64_t handshake(struct duo *d, bool wants_resumed)
{
	int is_client_done = 0, is_server_done = 0;
	uint8_t byte;

	b.now = &b.device[b.turn++ % NB_DEVICES];
	d->cycles = 0;
	d->conn = NULL;
	d->server = NULL;
	client_start(d);
	server_start(d);
	for (unsigned i = 0; i < 20 && !(is_client_done && is_server_done); i++) {
		if (!is_client_done)
			is_client_done = SSL_do_handshake(d->client) == 1;
		move(d);
		if (!is_server_done)
			is_server_done = server_step(d);
		move(d);
	}
	if (!is_client_done || !is_server_done)
		die("handshake did not come to an end");
	if (server_was_resumed(d) != wants_resumed)
		die(wants_resumed ? "was not resumed" : "was resumed");
	/* Tickets come behind the handshake. */
	(void)SSL_read(d->client, &byte, 1);
	server_stop(d);
	while (mem_queue_get(&d->to_client, &byte, 1) > 0)
		; /* close_notify, which nobody waits for */
	SSL_set_shutdown(d->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(d->client);
	ERR_clear_error();
	return d->cycles;
}

static int by_value(const void *a, const void *c)
{
	const double x = *(const double *)a, y = *(const double *)c;

	return (x > y) - (x < y);
}

static void set_up(struct duo *d)
{
	mem_queue_init(&d->to_server, QUEUE_BYTES, 1500);
	mem_queue_init(&d->to_client, QUEUE_BYTES, 1500);
	mem_stream_init(&d->stream, &d->to_server, &d->to_client);
	make_certs();
	make_client();
	if (b.is_stock)
		make_stock();
	else
		make_ours();
	/* Everybody was here once: known certificates, and sessions to resume. */
	for (uint32_t i = 0; i < 2 * NB_DEVICES; i++)
		(void)handshake(d, b.kind->is_resumed && i >= NB_DEVICES);
}

/* In the child: a sample for each byte that comes in, until the parent is gone. */
static void serve(int in, int out)
{
	struct duo d = {0};
	double all[LOOPS];
	uint8_t byte;

	if (!b.is_stock) {
		const char *why;

		tls_process_init(&why);
		if (why != NULL)
			(void)fprintf(stderr, "tls_handshake: %s\n", why);
	}
	set_up(&d);
	while (read(in, &byte, 1) == 1) {
		for (uint32_t i = 0; i < LOOPS; i++)
			all[i] = (double)handshake(&d, b.kind->is_resumed);
		qsort(all, LOOPS, sizeof(*all), by_value);
		/* The lower quartile: interrupts and neighbours only ever add. */
		if (write(out, &all[LOOPS / 4], sizeof(*all)) != sizeof(*all))
			exit(1);
	}
	exit(0);
}

struct subject {
	const char *name;
	bool is_stock;
	pid_t pid;
	int to, from;
	struct row row;
};

static void subject_start(struct subject *s)
{
	int to[2], from[2];

	row_begin(&s->row, "cycles/handshake", "tls/%s", b.kind->name);
	s->row.subject = s->name;
	if (pipe(to) < 0 || pipe(from) < 0)
		die("pipe");
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (s->pid == 0) {
		(void)close(to[1]);
		(void)close(from[0]);
		b.is_stock = s->is_stock;
		serve(to[0], from[1]);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	s->to = to[1];
	s->from = from[0];
}

static void subject_sample(struct subject *s)
{
	double v;

	if (write(s->to, "x", 1) == 1 && read(s->from, &v, sizeof(v)) == sizeof(v))
		row_sample(&s->row, v);
	else
		s->row.nb_errors++;
}

static void subject_close(struct subject *s)
{
	(void)close(s->to);
	(void)close(s->from);
}

static bool subject_end(struct subject *s)
{
	int status = 0;

	if (waitpid(s->pid, &status, 0) < 0 || status != 0)
		s->row.nb_errors++;
	return row_end(&s->row);
}

static bool run_kind(const struct kind *k, struct subject *subject, unsigned nb, unsigned rounds)
{
	bool is_good = true;

	b.kind = k;
	for (unsigned i = 0; i < nb; i++)
		subject_start(&subject[i]);
	for (unsigned n = 0; n < rounds; n++)
		for (unsigned i = 0; i < nb; i++)
			subject_sample(&subject[i]);
	/* All pipes first: the second child holds copies of the first one's. */
	for (unsigned i = 0; i < nb; i++)
		subject_close(&subject[i]);
	for (unsigned i = 0; i < nb; i++)
		is_good &= subject_end(&subject[i]);
	return is_good;
}

int main(int argc, char **argv)
{
	struct subject subject[2] = {{.name = "tagwarden"}, {.name = "libssl", .is_stock = true}};
	const char *alone = getenv("TLS_HANDSHAKE_SUBJECT");
	struct row_options opt;
	unsigned nb = 2;
	bool is_good = true;

	row_options_parse(&opt, argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	if (alone != NULL) {
		subject[0] = subject[strcmp(alone, "libssl") == 0];
		nb = 1;
	}
	for (unsigned i = 0; i < NB_KINDS; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "tls/%s", kinds[i].name);
		if (row_is_wanted(&opt, name))
			is_good &= run_kind(&kinds[i], subject, nb, row_rounds(&opt, 15));
	}
	return is_good ? 0 : 1;
}
