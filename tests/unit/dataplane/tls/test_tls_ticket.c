/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Resumption: between workers, and not where it must not be; by stateless tickets and out of the
 * tables of tls_sessions.h.
 */

#include "common/shm/secrets_layout.h"
#include "tls/tls_priv.h"
#include "tls/tls_sessions.h"
#include "tls_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NB_WORKERS 3
#define NB_SESSIONS 4 /* a worker */

struct world {
	struct pki pki;
	struct secrets *secrets;
	struct tls_sessions *sessions; /* NULL: stateless tickets */
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
		if (world.sessions != NULL)
			tls_worker_use_sessions(world.w[i], world.sessions, i);
		tls_worker_set_time(world.w[i], NOW_S);
	}
	return 0;
}

static int make_stateful(void **state)
{
	world.sessions = tls_sessions_new(NB_WORKERS, NB_SESSIONS);
	assert_non_null(world.sessions);
	return make_workers(state);
}

static int drop_workers(void **)
{
	for (unsigned i = 0; i < NB_WORKERS; i++)
		tls_worker_free(world.w[i]);
	tls_sessions_free(world.sessions);
	world.sessions = NULL;
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

/* Comes back with <ticket> to worker <w>, and may be given the next one. */
static int come_back_for(unsigned w, const struct service_opts *o, SSL_SESSION *ticket,
			 enum outcome *ret_outcome, SSL_SESSION **ret_next)
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
	if (ret_next != NULL) {
		*ret_next = d.ticket;
		d.ticket = NULL;
	}
	duo_fini(&d);
	SSL_SESSION_free(copy);
	tls_service_free(s);
	return what;
}

static int come_back(unsigned w, const struct service_opts *o, SSL_SESSION *ticket,
		     enum outcome *ret_outcome)
{
	return come_back_for(w, o, ticket, ret_outcome, NULL);
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

static void a_session_of_tls13_is_good_once_and_its_successor_too(void **)
{
	SSL_SESSION *first = get_ticket(0, &required, TLS1_3_VERSION), *second = NULL;
	enum outcome o;

	assert_int_equal(come_back_for(1, &required, first, &o, &second), RESUMED);
	assert_non_null(second);
	assert_int_equal(come_back(1, &required, first, &o), FULL);
	assert_int_equal(come_back(2, &required, second, &o), RESUMED);
	assert_int_equal(come_back(0, &required, second, &o), FULL);
	SSL_SESSION_free(first);
	SSL_SESSION_free(second);
}

/* As clients of TLS 1.2 do, several of their connections at a time. */
static void a_session_of_tls12_is_good_more_than_once(void **)
{
	SSL_SESSION *ticket = get_ticket(0, &required, TLS1_2_VERSION);
	enum outcome o;

	for (unsigned i = 0; i < 2 * NB_WORKERS; i++)
		assert_int_equal(come_back(i % NB_WORKERS, &required, ticket, &o), RESUMED);
	SSL_SESSION_free(ticket);
}

static void a_full_table_drops_its_oldest(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		SSL_SESSION *ticket[NB_SESSIONS + 1];
		enum outcome o;

		for (unsigned i = 0; i <= NB_SESSIONS; i++)
			ticket[i] = get_ticket(0, &required, v);
		assert_int_equal(come_back(1, &required, ticket[0], &o), FULL);
		for (unsigned i = 1; i <= NB_SESSIONS; i++)
			assert_int_equal(come_back(1, &required, ticket[i], &o), RESUMED);
		for (unsigned i = 0; i <= NB_SESSIONS; i++)
			SSL_SESSION_free(ticket[i]);
	}
}

/* Two hours after the certificate was shown it must be shown again, resumed in between or not. */
static void a_session_ends_when_the_first_one_would_have(void **)
{
	SSL_SESSION *ticket = get_ticket(0, &required, TLS1_3_VERSION), *next = NULL;
	SSL_SESSION *old12 = get_ticket(0, &required, TLS1_2_VERSION);
	enum outcome o;

	tls_worker_set_time(world.w[0], NOW_S + 7199);
	assert_int_equal(come_back_for(0, &required, ticket, &o, &next), RESUMED);
	assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(next), 1);
	assert_int_equal(come_back(0, &required, old12, &o), RESUMED);
	tls_worker_set_time(world.w[0], NOW_S + 7200);
	assert_int_equal(come_back(0, &required, next, &o), FULL);
	assert_int_equal(come_back(0, &required, old12, &o), FULL);
	SSL_SESSION_free(ticket);
	SSL_SESSION_free(next);
	SSL_SESSION_free(old12);
}

static void what_no_table_has_leads_to_a_full_handshake(void **)
{
	SSL_SESSION *ticket = get_ticket(0, &required, TLS1_2_VERSION);
	unsigned char id[32];
	unsigned len;
	enum outcome o;

	memcpy(id, SSL_SESSION_get_id(ticket, &len), sizeof(id));
	assert_int_equal(len, sizeof(id));
	assert_int_equal(id[0], 0);
	/* No such worker; another worker; a shorter one. */
	for (unsigned i = 0; i < 3; i++) {
		id[0] = i == 0 ? 255 : 1;
		SSL_SESSION *guess = SSL_SESSION_dup(ticket);
		assert_int_equal(SSL_SESSION_set1_id(guess, id, i == 2 ? 31 : 32), 1);
		assert_int_equal(come_back(0, &required, guess, &o), FULL);
		SSL_SESSION_free(guess);
	}
	assert_int_equal(come_back(0, &required, ticket, &o), RESUMED);
	SSL_SESSION_free(ticket);
}

/* Other CAs under the same binding: the chain that was verified then says nothing now. */
static void a_session_does_not_outlive_its_ca(void **)
{
	const struct test_cert_spec spec = pki_ca_spec();
	struct test_cert *other = test_cert_new(&spec);
	const struct service_opts after = {.client_cert = TLS_CLIENT_CERT_REQUIRED, .ca = other};

	check_both(&required, &after, REFUSED, OUTCOME_TLS_CERT_INVALID);
	test_cert_free(other);
}

static void without_certificate_sessions_are_kept_too(void **)
{
	const struct service_opts open = {.client_cert = TLS_CLIENT_CERT_NONE};

	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct tls_service *s = service_make(world.w[1], &world.pki, &open);
		SSL_SESSION *ticket = get_ticket(0, &open, v);
		const struct client_opts c = {.version = v, .resume = ticket};
		struct tls_peer peer;
		struct duo d;

		duo_init(&d, s, &c, NULL);
		assert_int_equal(duo_handshake(&d), 0);
		tls_conn_peer(d.conn, &peer);
		assert_true(peer.is_resumed);
		assert_false(peer.has_cert);
		duo_fini(&d);
		SSL_SESSION_free(ticket);
		tls_service_free(s);
	}
}

/* The client asked for fragments of 512 bytes: not kept, or its next hello would be refused. */
static void a_session_with_small_fragments_is_not_kept(void **)
{
	struct tls_service *s = service_make(world.w[0], &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device, .version = TLS1_2_VERSION};
	enum outcome o;
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(
		SSL_set_tlsext_max_fragment_length(d.client, TLSEXT_max_fragment_length_512), 1);
	assert_int_equal(duo_handshake(&d), 0);
	SSL_SESSION *ticket = d.ticket;
	d.ticket = NULL;
	duo_fini(&d);
	assert_int_equal(come_back(0, &required, ticket, &o), FULL);
	SSL_SESSION_free(ticket);
	tls_service_free(s);
}

struct runner {
	pthread_t thread;
	struct tls_sessions *t;
	unsigned index, nb_taken;
};

#define RACES 2000u

static void make_stored(struct tls_stored *st, unsigned worker, unsigned n)
{
	*st = (struct tls_stored){.version = TLS1_3_VERSION, .secret_len = 32};
	st->id[0] = (uint8_t)worker;
	memcpy(st->id + 1, &n, sizeof(n));
	memset(st->secret, (int)(n & 0xff), sizeof(st->secret));
}

/* Puts into its own table; takes from all, also what others are after. */
static void *run(void *arg)
{
	struct runner *r = arg;
	struct tls_stored st;

	for (unsigned i = 0; i < RACES; i++) {
		make_stored(&st, r->index, i);
		tls_sessions_put(r->t, &st);
		for (unsigned w = 0; w < NB_WORKERS; w++) {
			make_stored(&st, w, i);
			if (!tls_sessions_take(r->t, st.id, &st))
				continue;
			r->nb_taken++;
			if (st.secret[47] != (i & 0xff) || st.id[0] != w)
				r->nb_taken += 1000000;
		}
	}
	return NULL;
}

static void workers_take_from_each_other_at_once(void **)
{
	struct tls_sessions *t = tls_sessions_new(NB_WORKERS, RACES);
	struct runner r[NB_WORKERS];
	struct tls_stored st;
	unsigned nb = 0;

	for (unsigned i = 0; i < NB_WORKERS; i++) {
		r[i] = (struct runner){.t = t, .index = i};
		assert_int_equal(pthread_create(&r[i].thread, NULL, run, &r[i]), 0);
	}
	for (unsigned i = 0; i < NB_WORKERS; i++) {
		pthread_join(r[i].thread, NULL);
		nb += r[i].nb_taken;
	}
	/* What nobody has taken is still there: each was there for one, no more, no less. */
	for (unsigned w = 0; w < NB_WORKERS; w++)
		for (unsigned i = 0; i < RACES; i++) {
			make_stored(&st, w, i);
			nb += tls_sessions_take(t, st.id, &st);
		}
	assert_int_equal(nb, NB_WORKERS * RACES);
	tls_sessions_free(t);
}

static void impossible_tables_are_refused(void **)
{
	assert_null(tls_sessions_new(0, 1));
	assert_null(tls_sessions_new(1, 0));
	assert_null(tls_sessions_new(TLS_SESSIONS_MAX_WORKERS + 1, 1));
	tls_sessions_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_workers, drop_workers)

#define STATEFUL(f)                                                                                \
	{                                                                                          \
		.name = #f " (stateful)", .test_func = f, .setup_func = make_stateful,             \
		.teardown_func = drop_workers                                                      \
	}

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
		STATEFUL(every_pair_of_workers_resumes),
		STATEFUL(another_service_does_not_resume),
		STATEFUL(a_ticket_does_not_outlive_revocation),
		STATEFUL(a_ticket_does_not_outlive_the_certificate),
		STATEFUL(a_ticket_does_not_outlive_its_ems),
		STATEFUL(a_ticket_is_of_the_site_whose_ca_signed),
		STATEFUL(a_ticket_without_certificate_opens_nothing_that_needs_one),
		STATEFUL(a_connection_gives_one_ticket),
		STATEFUL(a_session_of_tls13_is_good_once_and_its_successor_too),
		STATEFUL(a_session_of_tls12_is_good_more_than_once),
		STATEFUL(a_full_table_drops_its_oldest),
		STATEFUL(a_session_ends_when_the_first_one_would_have),
		STATEFUL(what_no_table_has_leads_to_a_full_handshake),
		STATEFUL(a_session_does_not_outlive_its_ca),
		STATEFUL(without_certificate_sessions_are_kept_too),
		STATEFUL(a_session_with_small_fragments_is_not_kept),
		cmocka_unit_test(workers_take_from_each_other_at_once),
		cmocka_unit_test(impossible_tables_are_refused),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
