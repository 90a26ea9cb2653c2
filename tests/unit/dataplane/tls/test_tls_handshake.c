/* SPDX-License-Identifier: BSD-3-Clause */

/* Handshakes: versions, names, protocols, and which certificates get in. */

#include "tls_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct world {
	struct pki pki;
	struct tls_worker *w;
};

static struct world world;

static int make_world(void **)
{
	pki_init(&world.pki);
	world.w = tls_worker_new(NULL, 64);
	assert_non_null(world.w);
	tls_worker_set_time(world.w, NOW_S);
	return 0;
}

static int drop_world(void **)
{
	tls_worker_free(world.w);
	pki_fini(&world.pki);
	return 0;
}

static const struct service_opts required = {.client_cert = TLS_CLIENT_CERT_REQUIRED};

static void check_device(const struct tls_conn *c)
{
	struct device_uid uid;
	struct cert_serial serial;
	struct tls_peer peer;

	assert_int_equal(device_uid_parse(TEST_UID, DEVICE_UID_STRLEN, &uid), 0);
	assert_int_equal(cert_serial_parse("1234567890", 10, &serial), 0);
	tls_conn_peer(c, &peer);
	assert_true(peer.has_cert);
	assert_false(peer.is_resumed);
	assert_int_equal(peer.ems, 3);
	assert_true(device_uid_is_equal(&peer.uid, &uid));
	assert_true(cert_serial_is_equal(&peer.serial, &serial));
}

static void full_handshake(int version)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device, .version = version};
	struct tls_peer peer;
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), 0);
	assert_true(d.is_client_done);
	check_device(d.conn);
	tls_conn_peer(d.conn, &peer);
	assert_int_equal(peer.is_tls13, version == TLS1_3_VERSION);
	assert_int_equal(SSL_version(d.client), version);
	assert_int_equal(tls_conn_sni(d.conn).len, 0);
	assert_null(d.ticket); /* no keys, no tickets */
	duo_fini(&d);
	tls_service_free(s);
}

static void tls_1_3_binds_the_device(void **)
{
	full_handshake(TLS1_3_VERSION);
}

static void tls_1_2_binds_the_device(void **)
{
	full_handshake(TLS1_2_VERSION);
}

static void one_byte_at_a_time_is_enough(void **)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device};
	const struct link_opts l = {.max_run = 1, .send_queue = 7};
	struct duo d;

	duo_init(&d, s, &c, &l);
	assert_int_equal(duo_handshake(&d), 0);
	check_device(d.conn);
	duo_fini(&d);
	tls_service_free(s);
}

static void tls_1_1_is_refused(void **)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {
		.cert = world.pki.device, .version = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"};
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), -EPROTO);
	assert_int_equal(d.outcome, OUTCOME_TLS_FAILED);
	assert_int_equal(d.alert, SSL_AD_PROTOCOL_VERSION);
	duo_fini(&d);
	tls_service_free(s);
}

static void cbc_and_static_rsa_are_refused(void **)
{
	static const char *const ciphers[] = {"ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"};
	struct tls_service *s = service_make(world.w, &world.pki, &required);

	for (size_t i = 0; i < 2; i++) {
		const struct client_opts c = {
			.cert = world.pki.device, .version = TLS1_2_VERSION, .ciphers = ciphers[i]};
		struct duo d;
		duo_init(&d, s, &c, NULL);
		assert_int_equal(duo_handshake(&d), -EPROTO);
		assert_int_equal(d.alert, SSL_AD_HANDSHAKE_FAILURE);
		duo_fini(&d);
	}
	tls_service_free(s);
}

static void a_hello_retry_keeps_the_name(void **)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device,
				      .version = TLS1_3_VERSION,
				      .sni = "Shop.EXAMPLE",
				      .groups = "P-521:P-256"};
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), 0);
	assert_true(slice_is_equal(tls_conn_sni(d.conn), SLICE_LIT("shop.example")));
	duo_fini(&d);
	tls_service_free(s);
}

static void garbage_is_refused(void **)
{
	static const char garbage[] = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {};
	struct duo d;

	duo_init(&d, s, &c, NULL);
	mem_queue_put(&d.to_server, garbage, sizeof(garbage) - 1);
	assert_int_equal(tls_conn_handshake(d.conn, &d.outcome), -EPROTO);
	assert_int_equal(d.outcome, OUTCOME_TLS_FAILED);
	/* Asked again it stays dead. */
	assert_int_equal(tls_conn_handshake(d.conn, &d.outcome), -EPROTO);
	uint8_t buf[16];
	size_t n;
	assert_int_equal(tls_conn_read(d.conn, buf, sizeof(buf), &n), -EPROTO);
	assert_int_equal(tls_conn_write(d.conn, buf, 1, &n), -EPROTO);
	tls_conn_shutdown(d.conn);
	duo_fini(&d);
	tls_service_free(s);
}

static void a_fin_in_the_handshake_ends_it(void **)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {};
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(tls_conn_handshake(d.conn, &d.outcome), -EAGAIN);
	d.to_server.is_closed = true;
	assert_int_equal(tls_conn_handshake(d.conn, &d.outcome), -EPROTO);
	duo_fini(&d);
	tls_service_free(s);
}

/* SNI */

static int pick_by_name(void *user, struct slice sni)
{
	unsigned *calls = user;

	(*calls)++;
	if (sni.len == 0 || slice_is_equal(sni, SLICE_LIT("shop.example")))
		return 0;
	return slice_is_equal(sni, SLICE_LIT("mail.example")) ? 1 : -ENOENT;
}

static void check_sni(const char *sni, const char *cn, int version)
{
	unsigned calls = 0;
	const struct service_opts o = {
		.client_cert = TLS_CLIENT_CERT_REQUIRED, .pick_cert = pick_by_name, .user = &calls};
	struct tls_service *s = service_make(world.w, &world.pki, &o);
	const struct client_opts c = {.cert = world.pki.device, .sni = sni, .version = version};
	char got[64] = "";
	struct duo d;

	duo_init(&d, s, &c, NULL);
	const int rc = duo_handshake(&d);
	assert_true(calls > 0);
	if (cn == NULL) {
		assert_int_equal(rc, -EPROTO);
		assert_int_equal(d.alert, SSL_AD_UNRECOGNIZED_NAME);
	} else {
		assert_int_equal(rc, 0);
		X509_NAME_get_text_by_NID(
			X509_get_subject_name(SSL_get0_peer_certificate(d.client)), NID_commonName,
			got, sizeof(got));
		assert_string_equal(got, cn);
		check_device(d.conn);
	}
	duo_fini(&d);
	tls_service_free(s);
}

static void sni_picks_the_certificate(void **)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		check_sni(NULL, "shop.example", v);
		check_sni("shop.example", "shop.example", v);
		check_sni("MAIL.example", "mail.example", v);
		check_sni("evil.example", NULL, v);
	}
}

/* ALPN */

static void check_alpn(const char *offer, const char *want, int alert)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device, .alpn = offer};
	const unsigned char *got;
	unsigned len;
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), alert < 0 ? 0 : -EPROTO);
	assert_int_equal(d.alert, alert);
	SSL_get0_alpn_selected(d.client, &got, &len);
	assert_true(slice_is_equal(slice_of(got, len), slice_str(want)));
	duo_fini(&d);
	tls_service_free(s);
}

static void alpn_selects_http_1_1_or_nothing(void **)
{
	check_alpn(NULL, "", -1);
	check_alpn("\x08http/1.1", "http/1.1", -1);
	check_alpn("\x02h2\x08http/1.1", "http/1.1", -1);
	check_alpn("\x02h2", "", SSL_AD_NO_APPLICATION_PROTOCOL);
}

/* Client certificates */

enum {
	NO_ALERT = -1
};

struct cert_case {
	const char *name;
	enum outcome outcome; /* OUTCOME__COUNT: gets in */
	int alert;
};

static void check_cert(const struct client_opts *base, const struct service_opts *o,
		       const struct cert_case *want)
{
	struct tls_service *s = service_make(world.w, &world.pki, o);

	/* Twice each: the second time a cache may have the answer, which must be the same. */
	for (int i = 0; i < 4; i++) {
		struct client_opts c = *base;
		struct duo d;
		c.version = i < 2 ? TLS1_3_VERSION : TLS1_2_VERSION;
		duo_init(&d, s, &c, NULL);
		const int rc = duo_handshake(&d);
		if (rc != (want->outcome == OUTCOME__COUNT ? 0 : -EPROTO) ||
		    d.outcome != want->outcome)
			fail_msg("%s: rc %d outcome %d", want->name, rc, d.outcome);
		const bool is_12_none = i >= 2 && want->outcome == OUTCOME_TLS_CERT_REQUIRED;
		const int alert = is_12_none ? SSL_AD_HANDSHAKE_FAILURE : want->alert;
		if (d.alert != alert)
			fail_msg("%s: alert %d, not %d", want->name, d.alert, alert);
		duo_fini(&d);
	}
	tls_service_free(s);
}

static void no_certificate_where_one_is_required(void **)
{
	const struct client_opts c = {};
	const struct cert_case want = {"none", OUTCOME_TLS_CERT_REQUIRED,
				       SSL_AD_CERTIFICATE_REQUIRED};

	check_cert(&c, &required, &want);
}

static void no_certificate_where_one_is_optional_or_not_asked_for(void **)
{
	static const enum tls_client_cert modes[] = {TLS_CLIENT_CERT_OPTIONAL,
						     TLS_CLIENT_CERT_NONE};
	for (size_t i = 0; i < 2; i++) {
		const struct service_opts o = {.client_cert = modes[i]};
		struct tls_service *s = service_make(world.w, &world.pki, &o);
		const struct client_opts c = {};
		struct tls_peer peer;
		struct device_uid uid;
		struct cert_serial serial;
		struct duo d;
		duo_init(&d, s, &c, NULL);
		assert_int_equal(duo_handshake(&d), 0);
		tls_conn_peer(d.conn, &peer);
		assert_false(peer.has_cert);
		assert_false(tls_conn_shown_cert(d.conn, &uid, &serial));
		duo_fini(&d);
		tls_service_free(s);
	}
}

static void a_bad_certificate_is_worse_than_none(void **)
{
	const struct service_opts o = {.client_cert = TLS_CLIENT_CERT_OPTIONAL};
	struct test_cert_spec spec = pki_device_spec(NULL);
	struct test_cert *self = test_cert_new(&spec);
	const struct client_opts c = {.cert = self};
	const struct cert_case want = {"self-signed", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNKNOWN_CA};

	check_cert(&c, &o, &want);
	test_cert_free(self);
}

/* One departure from a good certificate per row. */
static void change(struct test_cert_spec *s, size_t row)
{
	switch (row) {
	case 0:
		break;
	case 1:
		s->issuer = NULL;
		break;
	case 2:
		s->eku = NULL;
		break;
	case 3:
		s->eku = "serverAuth";
		break;
	case 4:
		s->not_after_s = NOW_S - 1;
		break;
	case 5:
		s->not_before_s = NOW_S + 1;
		break;
	case 6:
		s->key = TEST_KEY_RSA1024;
		break;
	case 7:
		s->digest = "SHA1";
		break;
	case 8:
		s->cn = "laptop-of-alice";
		break;
	case 9:
		s->cn = NULL;
		break;
	case 10:
		s->second_cn = TEST_UID;
		break;
	case 11:
		s->is_ca = true;
		break;
	case 12:
		s->serial_octets = 21;
		break;
	case 13:
		s->is_serial_negative = true;
		break;
	case 14:
		s->usage = "keyEncipherment";
		break;
	case 15:
		s->cn = TEST_UID "0";
		break;
	case 16:
		s->eku = "anyExtendedKeyUsage";
		break;
	case 17:
		s->serial_octets = 20;
		break;
	case 18:
		s->key = TEST_KEY_P384;
		break;
	case 19:
		s->key = TEST_KEY_RSA2048;
		break;
	case 20:
		s->eku = "clientAuth,serverAuth";
		break;
	}
}

static void each_fault_is_refused_with_its_alert(void **)
{
	static const struct cert_case cases[] = {
		{"valid", OUTCOME__COUNT, NO_ALERT},
		{"self-signed", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNKNOWN_CA},
		{"no EKU", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNSUPPORTED_CERTIFICATE},
		{"wrong EKU", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNSUPPORTED_CERTIFICATE},
		{"expired", OUTCOME_TLS_CERT_INVALID, SSL_AD_CERTIFICATE_EXPIRED},
		{"not yet valid", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"RSA-1024", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"SHA-1", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"CN no UID", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"no CN", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"two CNs", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"a CA", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNSUPPORTED_CERTIFICATE},
		{"serial of 21 octets", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"negative serial", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"key usage", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNSUPPORTED_CERTIFICATE},
		{"CN of 33 digits", OUTCOME_TLS_CERT_INVALID, SSL_AD_BAD_CERTIFICATE},
		{"any EKU", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNSUPPORTED_CERTIFICATE},
		{"serial of 20 octets", OUTCOME__COUNT, NO_ALERT},
		{"P-384", OUTCOME__COUNT, NO_ALERT},
		{"RSA-2048", OUTCOME__COUNT, NO_ALERT},
		{"two EKUs", OUTCOME__COUNT, NO_ALERT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_cert_spec spec = pki_device_spec(world.pki.ca);
		change(&spec, i);
		struct test_cert *cert = test_cert_new(&spec);
		const struct client_opts c = {.cert = cert};
		check_cert(&c, &required, &cases[i]);
		test_cert_free(cert);
	}
}

/* libssl finds an issuer by its name, so those of a chain must differ. */
static struct test_cert *make_ca(const char *cn, const struct test_cert *issuer)
{
	struct test_cert_spec spec = pki_ca_spec();

	spec.cn = cn;
	spec.issuer = issuer;
	return test_cert_new(&spec);
}

static void check_issued(const struct test_cert *root, const struct test_cert *issuer,
			 const struct test_cert *const *chain, const struct cert_case *want)
{
	const struct service_opts o = {.client_cert = TLS_CLIENT_CERT_REQUIRED, .ca = root};
	const struct test_cert_spec spec = pki_device_spec(issuer);
	struct test_cert *cert = test_cert_new(&spec);
	const struct client_opts c = {.cert = cert, .chain = chain};

	check_cert(&c, &o, want);
	test_cert_free(cert);
}

static void an_intermediate_is_followed(void **)
{
	const struct cert_case good = {"via intermediate", OUTCOME__COUNT, NO_ALERT};
	const struct cert_case alone = {"without it", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNKNOWN_CA};
	struct test_cert *root = make_ca("root", NULL);
	struct test_cert *middle = make_ca(TEST_EMS_SN, root);
	const struct test_cert *const chain[] = {middle, NULL};

	check_issued(root, middle, NULL, &alone);
	check_issued(root, middle, chain, &good);
	test_cert_free(middle);
	test_cert_free(root);
}

static void the_same_name_with_another_key_is_refused(void **)
{
	/* libssl finds the CA by name; the signature does not fit it. */
	const struct cert_case want = {"other key", OUTCOME_TLS_CERT_INVALID, SSL_AD_DECRYPT_ERROR};
	struct test_cert *twin = make_ca(TEST_EMS_SN, NULL);

	check_issued(world.pki.ca, twin, NULL, &want);
	test_cert_free(twin);
}

static void a_leaf_signs_nothing(void **)
{
	const struct test_cert *const chain[] = {world.pki.device, NULL};
	const struct test_cert_spec spec = {
		.cn = TEST_UID,
		.issuer = world.pki.device,
		.issuer_cn = TEST_UID,
		.not_before_s = NOW_S - DAY_S,
		.not_after_s = NOW_S + DAY_S,
		.usage = "digitalSignature",
		.eku = "clientAuth",
	};
	struct test_cert *cert = test_cert_new(&spec);
	const struct client_opts c = {.cert = cert, .chain = chain};
	const struct cert_case want = {"issued by a leaf", OUTCOME_TLS_CERT_INVALID,
				       SSL_AD_UNKNOWN_CA};

	check_cert(&c, &required, &want);
	test_cert_free(cert);
}

static void a_long_chain_is_cut_short(void **)
{
	const struct cert_case deep = {"depth 3 of 2", OUTCOME_TLS_CERT_INVALID, SSL_AD_UNKNOWN_CA};
	const struct cert_case huge = {"100 certificates", OUTCOME_TLS_FAILED,
				       SSL_AD_ILLEGAL_PARAMETER};
	static const char *const names[] = {"one", "two", TEST_EMS_SN};
	struct test_cert *root = make_ca("root", NULL);
	const struct test_cert *chain[101] = {};
	struct test_cert *made[3] = {};

	/* The service allows two between leaf and CA. */
	for (size_t i = 0; i < 3; i++) {
		made[i] = make_ca(names[i], i == 0 ? root : made[i - 1]);
		chain[2 - i] = made[i];
	}
	check_issued(root, made[2], chain, &deep);
	for (size_t i = 0; i < 100; i++)
		chain[i] = made[i % 3];
	check_issued(root, made[2], chain, &huge);
	for (size_t i = 0; i < 3; i++)
		test_cert_free(made[i]);
	test_cert_free(root);
}

static void the_issuer_must_be_named_as_its_ems(void **)
{
	const struct service_opts other = {.client_cert = TLS_CLIENT_CERT_REQUIRED,
					   .issuer_cn = "FCTEMS0000000000"};
	const struct service_opts empty = {.client_cert = TLS_CLIENT_CERT_REQUIRED,
					   .issuer_cn = ""};
	const struct client_opts c = {.cert = world.pki.device};
	const struct cert_case want = {"issuer CN", OUTCOME_TLS_CERT_INVALID,
				       SSL_AD_BAD_CERTIFICATE};

	check_cert(&c, &other, &want);
	check_cert(&c, &empty, &want);
}

static bool revoke_one(void *user, uint8_t ems, const struct cert_serial *serial)
{
	struct cert_serial bad;

	assert_int_equal(ems, 3);
	assert_int_equal(cert_serial_parse("1234567890", 10, &bad), 0);
	return *(bool *)user && cert_serial_is_equal(serial, &bad);
}

static void a_revoked_certificate_is_refused_also_when_it_is_remembered(void **)
{
	bool is_revoked = false;
	const struct service_opts o = {.client_cert = TLS_CLIENT_CERT_REQUIRED,
				       .is_revoked = revoke_one,
				       .user = &is_revoked};
	const struct client_opts c = {.cert = world.pki.device};
	const struct cert_case good = {"not revoked", OUTCOME__COUNT, NO_ALERT};
	const struct cert_case bad = {"revoked", OUTCOME_TLS_CERT_REVOKED,
				      SSL_AD_CERTIFICATE_REVOKED};

	check_cert(&c, &o, &good);
	is_revoked = true;
	check_cert(&c, &o, &bad);
}

static void a_remembered_certificate_expires(void **)
{
	const struct client_opts c = {.cert = world.pki.device};
	const struct cert_case good = {"in time", OUTCOME__COUNT, NO_ALERT};
	const struct cert_case late = {"a second late", OUTCOME_TLS_CERT_INVALID,
				       SSL_AD_CERTIFICATE_EXPIRED};

	tls_worker_set_time(world.w, NOW_S + DAY_S);
	check_cert(&c, &required, &good);
	tls_worker_set_time(world.w, NOW_S + DAY_S + 1);
	check_cert(&c, &required, &late);
	tls_worker_set_time(world.w, NOW_S);
}

static void what_one_service_trusts_is_nothing_to_another(void **)
{
	struct test_cert *twin = make_ca(TEST_EMS_SN, NULL);
	const struct service_opts other = {.client_cert = TLS_CLIENT_CERT_REQUIRED, .ca = twin};
	const struct client_opts c = {.cert = world.pki.device};
	const struct cert_case good = {"own CA", OUTCOME__COUNT, NO_ALERT};
	const struct cert_case bad = {"other CA", OUTCOME_TLS_CERT_INVALID, SSL_AD_DECRYPT_ERROR};

	check_cert(&c, &required, &good);
	check_cert(&c, &other, &bad);
	test_cert_free(twin);
}

static void a_refused_certificate_is_told_to_the_record(void **)
{
	struct test_cert_spec spec = pki_device_spec(world.pki.ca);
	spec.not_after_s = NOW_S - 1;
	struct test_cert *cert = test_cert_new(&spec);
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {.cert = cert};
	struct device_uid uid, want;
	struct cert_serial serial;
	struct tls_peer peer;
	struct duo d;

	duo_init(&d, s, &c, NULL);
	assert_int_equal(duo_handshake(&d), -EPROTO);
	assert_true(tls_conn_shown_cert(d.conn, &uid, &serial));
	assert_int_equal(device_uid_parse(TEST_UID, DEVICE_UID_STRLEN, &want), 0);
	assert_true(device_uid_is_equal(&uid, &want));
	tls_conn_peer(d.conn, &peer);
	assert_false(peer.has_cert);
	duo_fini(&d);
	tls_service_free(s);
	test_cert_free(cert);
}

static void a_service_says_what_is_wrong_with_it(void **)
{
	const struct pki *p = &world.pki;
	const struct slice junk = SLICE_LIT("junk");
	const struct tls_cert good = {&p->server->der, 1, p->server->key_der};
	const struct tls_cert mismatch = {&p->server->der, 1, p->other_server->key_der};
	const struct tls_cert no_cert = {&junk, 1, p->server->key_der};
	const struct tls_cert no_key = {&p->server->der, 1, junk};
	const struct tls_ca no_ca = {.der = p->device->der, .issuer_cn = SLICE_LIT("x")};
	const struct tls_ca junk_ca = {.der = junk, .issuer_cn = SLICE_LIT("x")};
	const struct tls_service_params cases[] = {
		{.certs = &mismatch, .nb_certs = 1},
		{.certs = &no_cert, .nb_certs = 1},
		{.certs = &no_key, .nb_certs = 1},
		{.nb_certs = 0},
		{.certs = &good, .nb_certs = 1, .cas = &no_ca, .nb_cas = 1},
		{.certs = &good, .nb_certs = 1, .cas = &junk_ca, .nb_cas = 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_service *s = NULL;
		const char *why = NULL;
		assert_int_equal(tls_service_new(world.w, &cases[i], &s, &why), -EINVAL);
		assert_null(s);
		assert_non_null(why);
	}
}

static void a_replaced_service_lives_as_long_as_its_connections(void **)
{
	struct tls_service *s = service_make(world.w, &world.pki, &required);
	const struct client_opts c = {.cert = world.pki.device};
	struct duo d;

	duo_init(&d, s, &c, NULL);
	tls_service_free(s);
	assert_int_equal(duo_handshake(&d), 0);
	duo_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_1_3_binds_the_device),
		cmocka_unit_test(tls_1_2_binds_the_device),
		cmocka_unit_test(one_byte_at_a_time_is_enough),
		cmocka_unit_test(tls_1_1_is_refused),
		cmocka_unit_test(cbc_and_static_rsa_are_refused),
		cmocka_unit_test(a_hello_retry_keeps_the_name),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(a_fin_in_the_handshake_ends_it),
		cmocka_unit_test(sni_picks_the_certificate),
		cmocka_unit_test(alpn_selects_http_1_1_or_nothing),
		cmocka_unit_test(no_certificate_where_one_is_required),
		cmocka_unit_test(no_certificate_where_one_is_optional_or_not_asked_for),
		cmocka_unit_test(a_bad_certificate_is_worse_than_none),
		cmocka_unit_test(each_fault_is_refused_with_its_alert),
		cmocka_unit_test(an_intermediate_is_followed),
		cmocka_unit_test(the_same_name_with_another_key_is_refused),
		cmocka_unit_test(a_leaf_signs_nothing),
		cmocka_unit_test(a_long_chain_is_cut_short),
		cmocka_unit_test(the_issuer_must_be_named_as_its_ems),
		cmocka_unit_test(a_revoked_certificate_is_refused_also_when_it_is_remembered),
		cmocka_unit_test(a_remembered_certificate_expires),
		cmocka_unit_test(what_one_service_trusts_is_nothing_to_another),
		cmocka_unit_test(a_refused_certificate_is_told_to_the_record),
		cmocka_unit_test(a_service_says_what_is_wrong_with_it),
		cmocka_unit_test(a_replaced_service_lives_as_long_as_its_connections),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
