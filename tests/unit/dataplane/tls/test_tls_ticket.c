/* SPDX-License-Identifier: BSD-3-Clause */

/* Resumption: between workers, and not where it must not be. */

#include "common/shm/secrets_layout.h"
#include "tls_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NB_WORKERS 2

struct world {
	struct pki pki;
	struct secrets *secrets;
	struct tls_worker *w[NB_WORKERS];
};

static struct world world;

static void set_key(unsigned i, uint8_t seed)
{
	struct secrets_ticket_key *k = &world.secrets->ticket[i];

	memset(k->name, seed, sizeof(k->name));
	memset(k->aes, seed + 1, sizeof(k->aes));
	memset(k->hmac, seed + 2, sizeof(k->hmac));
	k->not_before_ms = 1;
}

static int make_world(void **)
{
	pki_init(&world.pki);
	world.secrets = calloc(1, sizeof(*world.secrets));
	assert_non_null(world.secrets);
	return 0;
}

static int drop_world(void **)
{
	free(world.secrets);
	pki_fini(&world.pki);
	return 0;
}

static int make_workers(void **)
{
	memset(world.secrets, 0, sizeof(*world.secrets));
	set_key(0, 10);
	for (unsigned i = 0; i < NB_WORKERS; i++) {
		world.w[i] = tls_worker_new(world.secrets, 64);
		assert_non_null(world.w[i]);
		tls_worker_set_time(world.w[i], NOW_S);
	}
	return 0;
}

static int drop_workers(void **)
{
	for (unsigned i = 0; i < NB_WORKERS; i++)
		tls_worker_free(world.w[i]);
	return 0;
}

static const struct service_opts required = {.client_cert = TLS_CLIENT_CERT_REQUIRED};

/* A full handshake on worker <w>; the ticket, or NULL. */
static SSL_SESSION *get_ticket(unsigned w, const struct service_opts *o, int version)
{
	struct tls_service *s = service_make(world.w[w], &world.pki, o);
	const struct client_opts c = {.cert = world.pki.device, .version = version};
	struct tls_peer peer;
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), 0);
	tls_conn_peer(d.conn, &peer);
	assert_false(peer.is_resumed);
	SSL_SESSION *ticket = d.ticket;
	d.ticket = NULL;
	duo_fini(&d);
	tls_service_free(s);
	return ticket;
}

enum {
	FULL,
	RESUMED,
	REFUSED
};

/* Comes back with <ticket> to worker <w>. */
static int come_back(unsigned w, const struct service_opts *o, SSL_SESSION *ticket,
		     enum outcome *ret_outcome)
{
	struct tls_service *s = service_make(world.w[w], &world.pki, o);
	/* A copy: libssl would use a ticket but once, a thief would not. */
	SSL_SESSION *copy = SSL_SESSION_dup(ticket);
	const struct client_opts c = {.cert = world.pki.device,
				      .version = SSL_SESSION_get_protocol_version(ticket),
				      .resume = copy};
	struct device_uid uid;
	struct tls_peer peer;
	struct duo d;
	int what = REFUSED;

	duo_init(&d, s, &c, NULL);
	if (duo_handshake(&d) == 0) {
		tls_conn_peer(d.conn, &peer);
		assert_true(peer.has_cert);
		assert_int_equal(peer.ems, 3);
		assert_int_equal(device_uid_parse(TEST_UID, DEVICE_UID_STRLEN, &uid), 0);
		assert_true(device_uid_is_equal(&peer.uid, &uid));
		what = peer.is_resumed ? RESUMED : FULL;
		assert_int_equal(SSL_session_reused(d.client), peer.is_resumed);
	}
	*ret_outcome = d.outcome;
	duo_fini(&d);
	SSL_SESSION_free(copy);
	tls_service_free(s);
	return what;
}

static void check_both(const struct service_opts *first, const struct service_opts *then, int want,
		       enum outcome want_outcome)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		enum outcome o;
		SSL_SESSION *ticket = get_ticket(0, first, v);
		assert_non_null(ticket);
		assert_int_equal(come_back(0, then, ticket, &o), want);
		assert_int_equal(o, want_outcome);
		SSL_SESSION_free(ticket);
	}
}

static void every_pair_of_workers_resumes(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		for (unsigned from = 0; from < NB_WORKERS; from++) {
			for (unsigned to = 0; to < NB_WORKERS; to++) {
				enum outcome o;
				SSL_SESSION *ticket = get_ticket(from, &required, v);
				assert_non_null(ticket);
				assert_int_equal(come_back(to, &required, ticket, &o), RESUMED);
				SSL_SESSION_free(ticket);
			}
		}
	}
}

static void another_service_does_not_resume(void **)
{
	const struct service_opts other = {.client_cert = TLS_CLIENT_CERT_REQUIRED,
					   .binding = "web/2"};

	check_both(&required, &other, FULL, OUTCOME__COUNT);
}

static bool is_withdrawn(void *user, uint8_t, const struct cert_serial *)
{
	return *(bool *)user;
}

static void a_ticket_does_not_outlive_revocation(void **)
{
	bool no = false, yes = true;
	const struct service_opts before = {
		.client_cert = TLS_CLIENT_CERT_REQUIRED, .is_revoked = is_withdrawn, .user = &no};
	const struct service_opts after = {
		.client_cert = TLS_CLIENT_CERT_REQUIRED, .is_revoked = is_withdrawn, .user = &yes};

	check_both(&before, &before, RESUMED, OUTCOME__COUNT);
	check_both(&before, &after, REFUSED, OUTCOME_TLS_CERT_REVOKED);
}

static void a_ticket_does_not_outlive_the_certificate(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		enum outcome o;
		SSL_SESSION *ticket = get_ticket(0, &required, v);
		tls_worker_set_time(world.w[0], NOW_S + DAY_S + 1);
		assert_int_equal(come_back(0, &required, ticket, &o), REFUSED);
		assert_int_equal(o, OUTCOME_TLS_CERT_INVALID);
		tls_worker_set_time(world.w[0], NOW_S);
		SSL_SESSION_free(ticket);
	}
}

static void a_ticket_does_not_outlive_its_ems(void **)
{
	const struct service_opts other = {.client_cert = TLS_CLIENT_CERT_REQUIRED,
					   .issuer_cn = "FCTEMS0000000000"};

	check_both(&required, &other, REFUSED, OUTCOME_TLS_CERT_INVALID);
}

/* Both sites' CAs are named alike; come_back() asks for the one that signed. */
static void a_ticket_is_of_the_site_whose_ca_signed(void **)
{
	const struct test_cert_spec spec = pki_ca_spec();
	struct test_cert *sibling = test_cert_new(&spec);
	const struct service_opts sites = {.client_cert = TLS_CLIENT_CERT_REQUIRED,
					   .sibling = sibling};

	check_both(&sites, &sites, RESUMED, OUTCOME__COUNT);
	test_cert_free(sibling);
}

/* Made where no certificate was asked for, brought where one is required, under one binding. */
static void a_ticket_without_certificate_opens_nothing_that_needs_one(void **)
{
	const struct service_opts open = {.client_cert = TLS_CLIENT_CERT_NONE};

	check_both(&open, &required, FULL, OUTCOME__COUNT);
}

static void rotation_keeps_old_tickets_and_renews_them(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		enum outcome o;
		set_key(0, 10);
		SSL_SESSION *ticket = get_ticket(0, &required, v);
		world.secrets->ticket[1] = world.secrets->ticket[0];
		set_key(0, 50);
		assert_int_equal(come_back(1, &required, ticket, &o), RESUMED);
		world.secrets->ticket[2] = world.secrets->ticket[1];
		set_key(1, 50);
		set_key(0, 90);
		assert_int_equal(come_back(1, &required, ticket, &o), RESUMED);
		set_key(2, 50); /* the first key is gone */
		assert_int_equal(come_back(1, &required, ticket, &o), FULL);
		SSL_SESSION_free(ticket);
	}
}

static void a_forged_ticket_leads_to_a_full_handshake(void **)
{
	enum outcome o;
	SSL_SESSION *ticket = get_ticket(0, &required, TLS1_3_VERSION);

	memset(world.secrets->ticket[0].hmac, 99, 32); /* same name, other key */
	assert_int_equal(come_back(0, &required, ticket, &o), FULL);
	SSL_SESSION_free(ticket);
}

static void without_keys_there_are_no_tickets(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct tls_service *s = service_make(world.w[0], &world.pki, &required);
		const struct client_opts c = {.cert = world.pki.device, .version = v};
		struct duo d;
		world.secrets->ticket[0].not_before_ms = 0;
		duo_init(&d, s, &c, NULL);
		assert_int_equal(duo_handshake(&d), 0);
		assert_null(d.ticket);
		duo_fini(&d);
		world.secrets->ticket[0].not_before_ms = 1;
		/* A writer that died half way. */
		atomic_store(&world.secrets->ticket_seq, 1);
		duo_init(&d, s, &c, NULL);
		assert_int_equal(duo_handshake(&d), 0);
		assert_null(d.ticket);
		duo_fini(&d);
		atomic_store(&world.secrets->ticket_seq, 2);
		tls_service_free(s);
	}
}

static void a_connection_gives_one_ticket(void **)
{
	struct tls_service *s = service_make(world.w[0], &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device, .version = TLS1_3_VERSION};
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), 0);
	assert_non_null(d.ticket);
	SSL_SESSION_free(d.ticket);
	d.ticket = NULL;
	uint8_t buf[1];
	assert_int_equal(duo_client_read(&d, buf, sizeof(buf)), 0);
	assert_null(d.ticket);
	assert_int_equal(SSL_get_early_data_status(d.client), SSL_EARLY_DATA_NOT_SENT);
	duo_fini(&d);
	tls_service_free(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_workers, drop_workers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_pair_of_workers_resumes),
		TEST(another_service_does_not_resume),
		TEST(a_ticket_does_not_outlive_revocation),
		TEST(a_ticket_does_not_outlive_the_certificate),
		TEST(a_ticket_does_not_outlive_its_ems),
		TEST(a_ticket_is_of_the_site_whose_ca_signed),
		TEST(a_ticket_without_certificate_opens_nothing_that_needs_one),
		TEST(rotation_keeps_old_tickets_and_renews_them),
		TEST(a_forged_ticket_leads_to_a_full_handshake),
		TEST(without_keys_there_are_no_tickets),
		TEST(a_connection_gives_one_ticket),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
