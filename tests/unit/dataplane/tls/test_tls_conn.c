/* SPDX-License-Identifier: BSD-3-Clause */

/* Plaintext through an open connection, its ends, and the side towards a real server. */

#include "tls_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (1024u * 1024u)

struct world {
	struct pki pki;
	struct tls_worker *w;
	struct tls_service *s;
	uint8_t *sent, *got;
};

static struct world world;

static int make_world(void **)
{
	const struct service_opts required = {.client_cert = TLS_CLIENT_CERT_REQUIRED};

	pki_init(&world.pki);
	world.w = tls_worker_new(NULL, 0);
	assert_non_null(world.w);
	tls_worker_set_time(world.w, NOW_S);
	world.s = service_make(world.w, &world.pki, &required);
	world.sent = malloc(MIB);
	world.got = malloc(MIB);
	assert_non_null(world.sent);
	assert_non_null(world.got);
	for (uint32_t i = 0, x = 1; i < MIB; i++) {
		x = x * 1664525 + 1013904223;
		world.sent[i] = (uint8_t)(x >> 24);
	}
	return 0;
}

static int drop_world(void **)
{
	free(world.sent);
	free(world.got);
	tls_service_free(world.s);
	tls_worker_free(world.w);
	pki_fini(&world.pki);
	return 0;
}

static void open_duo(struct duo *d, int version, const struct link_opts *l)
{
	const struct client_opts c = {.cert = world.pki.device, .version = version};

	duo_init(d, world.s, &c, l);
	assert_int_equal(duo_handshake(d), 0);
}

/* Write all of <len> bytes from the server through whatever room there is; read at the client. */
static void send_down(struct duo *d, size_t len, size_t piece)
{
	size_t sent = 0, got = 0;

	for (unsigned i = 0; got < len; i++) {
		assert_true(i < 10 * MIB);
		const size_t n = len - sent < piece ? len - sent : piece;
		size_t taken = 0;
		if (n > 0) {
			const int rc = tls_conn_write(d->conn, world.sent + sent, n, &taken);
			assert_true(rc == 0 || rc == -EAGAIN);
			if (rc == 0) {
				assert_true(taken > 0 && taken <= n);
				sent += taken;
			}
		} else {
			const int rc = tls_conn_flush(d->conn);
			assert_true(rc == 0 || rc == -EAGAIN);
		}
		duo_move(d);
		size_t m = duo_client_read(d, world.got + got, len - got);
		while (m > 0) {
			got += m;
			m = got < len ? duo_client_read(d, world.got + got, len - got) : 0;
		}
	}
	assert_memory_equal(world.sent, world.got, len);
}

static void send_up(struct duo *d, size_t len)
{
	size_t sent = 0, got = 0;

	for (unsigned i = 0; got < len; i++) {
		assert_true(i < 10 * MIB);
		size_t n = 0;
		if (sent < len && SSL_write_ex(d->client, world.sent + sent,
					       len - sent < 30000 ? len - sent : 30000, &n) == 1)
			sent += n;
		duo_move(d);
		int rc;
		while ((rc = tls_conn_read(d->conn, world.got + got, len - got, &n)) == 0) {
			got += n;
			if (got == len)
				break;
		}
		assert_true(rc == 0 || rc == -EAGAIN);
	}
	assert_memory_equal(world.sent, world.got, len);
}

static void a_mebibyte_passes_both_ways_through_tiny_queues(void **)
{
	static const struct link_opts links[] = {
		{.send_queue = 1000, .max_run = 536},
		{.send_queue = 16384, .max_run = 1460},
		{.send_queue = 65536, .max_run = 65536},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
			struct duo d;
			open_duo(&d, v, &links[i]);
			send_down(&d, MIB, TLS_RECORD_MAX);
			send_up(&d, MIB);
			send_down(&d, MIB / 8, 1000);
			duo_fini(&d);
		}
	}
}

static void a_send_queue_of_one_byte_is_enough(void **)
{
	const struct link_opts l = {.send_queue = 1, .max_run = 1};
	struct duo d;

	open_duo(&d, TLS1_3_VERSION, &l);
	send_down(&d, 5000, TLS_RECORD_MAX);
	duo_fini(&d);
}

static void open_small(struct duo *d)
{
	const struct link_opts l = {.send_queue = TLS_WRITE_ROOM, .max_run = 100};
	const struct client_opts c = {.cert = world.pki.device, .version = TLS1_2_VERSION};

	duo_init(d, world.s, &c, &l);
	assert_int_equal(
		SSL_set_tlsext_max_fragment_length(d->client, TLSEXT_max_fragment_length_512), 1);
	assert_int_equal(duo_handshake(d), 0);
	while (duo_move(d)) {
	}
}

static void small_fragments_fit_into_the_room_that_is_asked_for(void **)
{
	struct duo d;
	size_t n = 0;

	open_small(&d);
	assert_int_equal(tls_conn_write(d.conn, world.sent, TLS_RECORD_MAX, &n), 0);
	assert_int_equal(n, TLS_RECORD_MAX);
	assert_int_equal(tls_conn_flush(d.conn), 0);
	for (size_t got = 0, m; got < TLS_RECORD_MAX; got += m) {
		duo_move(&d);
		m = duo_client_read(&d, world.got + got, TLS_RECORD_MAX - got);
		assert_true(m <= 512);
	}
	assert_memory_equal(world.sent, world.got, TLS_RECORD_MAX);
	duo_fini(&d);
}

/* Rather than lose the rest in silence. */
static void small_fragments_without_room_end_the_connection(void **)
{
	struct duo d;
	size_t n = 77;

	open_small(&d);
	d.to_client.limit = 2000;
	assert_int_equal(tls_conn_write(d.conn, world.sent, TLS_RECORD_MAX, &n), -EPROTO);
	assert_int_equal(n, 77);
	assert_int_equal(tls_conn_write(d.conn, world.sent, 1, &n), -EPROTO);
	duo_fini(&d);
}

static void a_write_takes_a_record_at_most(void **)
{
	struct duo d;
	size_t n = 0;

	open_duo(&d, TLS1_3_VERSION, NULL);
	assert_int_equal(tls_conn_write(d.conn, world.sent, 20000, &n), 0);
	assert_int_equal(n, TLS_RECORD_MAX);
	duo_fini(&d);
}

static void with_room_all_is_taken_and_without_nothing(void **)
{
	const struct link_opts l = {.send_queue = TLS_WRITE_ROOM, .max_run = 1500};
	struct duo d;
	size_t n = 12345;

	open_duo(&d, TLS1_3_VERSION, &l);
	assert_int_equal(d.to_client.len, 0);
	assert_int_equal(tls_conn_write(d.conn, world.sent, TLS_RECORD_MAX, &n), 0);
	assert_int_equal(n, TLS_RECORD_MAX);
	d.to_client.limit = d.to_client.len;
	n = 12345;
	assert_int_equal(tls_conn_write(d.conn, world.sent, 1, &n), -EAGAIN);
	assert_int_equal(n, 12345);
	d.to_client.limit = TLS_WRITE_ROOM;
	/* The room also held the close_notify. */
	tls_conn_shutdown(d.conn);
	while (duo_move(&d)) {
	}
	for (size_t got = 0; got < TLS_RECORD_MAX; got += n)
		n = duo_client_read(&d, world.got, TLS_RECORD_MAX);
	assert_int_equal(duo_client_read(&d, world.got, 1), 0);
	assert_int_equal(SSL_get_shutdown(d.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	duo_fini(&d);
}

static void pending_tells_of_bytes_inside(void **)
{
	struct duo d;
	size_t n;

	open_duo(&d, TLS1_3_VERSION, NULL);
	assert_false(tls_conn_has_pending(d.conn));
	assert_int_equal(SSL_write(d.client, "hello", 5), 5);
	duo_move(&d);
	assert_int_equal(tls_conn_read(d.conn, world.got, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_true(tls_conn_has_pending(d.conn));
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), 0);
	assert_int_equal(n, 3);
	assert_false(tls_conn_has_pending(d.conn));
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -EAGAIN);
	duo_fini(&d);
}

static void close_notify_is_a_clean_end(void **)
{
	struct duo d;
	size_t n;

	open_duo(&d, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_write(d.client, "bye", 3), 3);
	SSL_shutdown(d.client);
	duo_move(&d);
	d.to_server.is_closed = true;
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -EPIPE);
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -EPIPE);
	/* The other direction is open still. */
	assert_int_equal(tls_conn_write(d.conn, "ok", 2, &n), 0);
	tls_conn_shutdown(d.conn);
	assert_int_equal(tls_conn_write(d.conn, "no", 2, &n), -EPROTO);
	duo_fini(&d);
}

static void a_fin_without_close_notify_is_truncation(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct duo d;
		size_t n;
		open_duo(&d, v, NULL);
		assert_int_equal(SSL_write(d.client, "half", 4), 4);
		duo_move(&d);
		d.to_server.is_closed = true;
		assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), 0);
		assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -ECONNRESET);
		duo_fini(&d);
	}
}

static void a_changed_record_is_refused(void **)
{
	struct duo d;
	size_t n;

	open_duo(&d, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_write(d.client, "hello", 5), 5);
	duo_move(&d);
	d.to_server.buf[(d.to_server.head + 8) % d.to_server.cap] ^= 1;
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -EPROTO);
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -EPROTO);
	duo_fini(&d);
}

static void renegotiation_is_refused(void **)
{
	struct duo d;
	size_t n;

	open_duo(&d, TLS1_2_VERSION, NULL);
	assert_int_equal(SSL_renegotiate(d.client), 1);
	(void)SSL_do_handshake(d.client);
	duo_move(&d);
	assert_int_equal(tls_conn_read(d.conn, world.got, 10, &n), -EAGAIN);
	duo_move(&d);
	(void)SSL_do_handshake(d.client);
	assert_int_equal(d.alert, SSL_AD_NO_RENEGOTIATION);
	duo_fini(&d);
}

static void a_key_update_is_followed(void **)
{
	struct duo d;

	open_duo(&d, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_key_update(d.client, SSL_KEY_UPDATE_REQUESTED), 1);
	send_up(&d, 1000);
	send_down(&d, 1000, 1000);
	duo_fini(&d);
}

/* Towards a real server: our client against our own server. */

struct back {
	struct mem_queue up, down;
	struct mem_stream near, far;
	struct tls_service *service, *client;
	struct tls_conn *server, *conn;
};

static int back_handshake(struct back *b, struct test_cert *server, struct test_cert *ca,
			  const char *name)
{
	const struct tls_cert cert = {&server->der, 1, server->key_der};
	const struct tls_service_params p = {
		.certs = &cert, .nb_certs = 1, .binding = SLICE_LIT("x")};
	const char *why;
	enum outcome o = OUTCOME__COUNT, ignored;
	int rc = -EAGAIN;

	mem_queue_init(&b->up, 65536, 1500);
	mem_queue_init(&b->down, 65536, 1500);
	mem_stream_init(&b->near, &b->down, &b->up);
	mem_stream_init(&b->far, &b->up, &b->down);
	assert_int_equal(tls_service_new(world.w, &p, &b->service, &why), 0);
	assert_int_equal(tls_client_service_new(world.w, ca != NULL ? &ca->der : NULL,
						ca != NULL ? 1 : 0, &b->client),
			 0);
	b->server = tls_conn_new(b->service, &b->far.stream, SLICE_EMPTY);
	b->conn = tls_conn_new(b->client, &b->near.stream, slice_str(name));
	assert_non_null(b->server);
	assert_non_null(b->conn);
	for (int i = 0; i < 10 && rc == -EAGAIN; i++) {
		rc = tls_conn_handshake(b->conn, &o);
		(void)!tls_conn_handshake(b->server, &ignored);
	}
	if (rc == -EPROTO)
		assert_int_equal(o, OUTCOME_UPSTREAM_TLS_FAILED);
	return rc;
}

static void back_fini(struct back *b)
{
	tls_conn_free(b->conn);
	tls_conn_free(b->server);
	tls_service_free(b->client);
	tls_service_free(b->service);
	mem_queue_fini(&b->up);
	mem_queue_fini(&b->down);
}

static void a_real_server_is_verified_by_ca_and_name(void **)
{
	const struct test_cert_spec spec = {
		.cn = "ignored",
		.issuer = world.pki.ca,
		.not_before_s = NOW_S - DAY_S,
		.not_after_s = NOW_S + DAY_S,
		.usage = "digitalSignature",
		.eku = "serverAuth",
		.san = "DNS:real.example,IP:198.51.100.20",
	};
	struct test_cert *server = test_cert_new(&spec);
	const struct {
		struct test_cert *ca;
		const char *name;
		int64_t now_s;
		int rc;
	} cases[] = {
		{world.pki.ca, "real.example", NOW_S, 0},
		{world.pki.ca, "198.51.100.20", NOW_S, 0},
		{world.pki.ca, "other.example", NOW_S, -EPROTO},
		{world.pki.ca, "198.51.100.21", NOW_S, -EPROTO},
		{world.pki.ca, "real.example", NOW_S + 2 * DAY_S, -EPROTO},
		{world.pki.server, "real.example", NOW_S, -EPROTO},
		{NULL, "other.example", NOW_S, 0},
		{NULL, "", NOW_S, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct back b;
		tls_worker_set_time(world.w, cases[i].now_s);
		const int rc = back_handshake(&b, server, cases[i].ca, cases[i].name);
		if (rc != cases[i].rc)
			fail_msg("row %zu: %d", i, rc);
		if (rc == 0) {
			size_t n;
			assert_int_equal(tls_conn_write(b.conn, "ping", 4, &n), 0);
			assert_int_equal(tls_conn_handshake(b.server, &(enum outcome){0}), 0);
			assert_int_equal(tls_conn_read(b.server, world.got, 10, &n), 0);
			assert_int_equal(n, 4);
		}
		back_fini(&b);
	}
	tls_worker_set_time(world.w, NOW_S);
	test_cert_free(server);
}

static void without_a_name_nothing_can_be_verified(void **)
{
	struct mem_queue q;
	struct mem_stream s;
	struct tls_service *service;

	mem_queue_init(&q, 1024, 1024);
	mem_stream_init(&s, &q, &q);
	assert_int_equal(tls_client_service_new(world.w, &world.pki.ca->der, 1, &service), 0);
	assert_null(tls_conn_new(service, &s.stream, SLICE_EMPTY));
	tls_service_free(service);
	mem_queue_fini(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mebibyte_passes_both_ways_through_tiny_queues),
		cmocka_unit_test(a_send_queue_of_one_byte_is_enough),
		cmocka_unit_test(small_fragments_fit_into_the_room_that_is_asked_for),
		cmocka_unit_test(small_fragments_without_room_end_the_connection),
		cmocka_unit_test(a_write_takes_a_record_at_most),
		cmocka_unit_test(with_room_all_is_taken_and_without_nothing),
		cmocka_unit_test(pending_tells_of_bytes_inside),
		cmocka_unit_test(close_notify_is_a_clean_end),
		cmocka_unit_test(a_fin_without_close_notify_is_truncation),
		cmocka_unit_test(a_changed_record_is_refused),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(a_key_update_is_followed),
		cmocka_unit_test(a_real_server_is_verified_by_ca_and_name),
		cmocka_unit_test(without_a_name_nothing_can_be_verified),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
