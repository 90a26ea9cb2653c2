/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/base/ids.h"
#include "rest/auth.h"
#include "rest/limit.h"
#include "rest/websocket.h"

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config_api_token tokens[] = {
	{.name = "reader", .role = CONFIG_ROLE_READ},
	{.name = "boss", .role = CONFIG_ROLE_ADMIN, .expires_s = 1000},
};
static struct config_api_client clients[] = {
	{.cn = "alice", .role = CONFIG_ROLE_OPERATE},
	{.has_fingerprint = true, .fingerprint = {7}, .role = CONFIG_ROLE_ADMIN},
};
static struct auth *auth;

static enum rest_role role_of(const char *field, const char *cn, uint8_t cert, uint64_t now_s)
{
	struct auth_cred cred = {.has_cert = cn != NULL, .cert = {cert}};
	struct rest_who who = {0};

	if (cn != NULL)
		(void)snprintf(cred.cn, sizeof(cred.cn), "%s", cn);
	auth_take_field(&cred, field);
	auth_find(auth, &cred, now_s, &who);
	return who.role;
}

static void a_token_is_what_its_hash_says(void **)
{
	assert_int_equal(role_of("Bearer one", NULL, 0, 0), REST_ROLE_READ);
	assert_int_equal(role_of("bearer two", NULL, 0, 999), REST_ROLE_ADMIN);
	assert_int_equal(role_of("Bearer two", NULL, 0, 1000), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("Bearer One", NULL, 0, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("Bearer ", NULL, 0, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("Bearer  one", NULL, 0, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("Basic one", NULL, 0, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("", NULL, 0, 0), REST_ROLE_DEFAULT);
}

static void a_certificate_is_known_by_name_or_by_itself(void **)
{
	assert_int_equal(role_of("", "alice", 0, 0), REST_ROLE_OPERATE);
	assert_int_equal(role_of("", "Alice", 0, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("", "", 0, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("", "alice", 7, 0), REST_ROLE_ADMIN);
}

static void a_bad_token_is_not_made_good_by_a_certificate(void **)
{
	assert_int_equal(role_of("Bearer nix", "alice", 7, 0), REST_ROLE_DEFAULT);
	assert_int_equal(role_of("Basic one", "alice", 7, 0), REST_ROLE_DEFAULT);
}

static void what_an_earlier_request_showed_is_forgotten(void **)
{
	struct auth_cred cred = {0};
	struct rest_who who = {0};

	auth_take_field(&cred, "Bearer one");
	auth_take_field(&cred, "");
	auth_find(auth, &cred, 0, &who);
	assert_int_equal(who.role, REST_ROLE_DEFAULT);
}

static struct ip_addr v6(uint8_t net, uint8_t host)
{
	return (struct ip_addr){.b = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, net, [15] = host}};
}

static void a_peer_that_takes_all_waits_and_others_do_not(void **)
{
	struct limit l = {.burst = 3, .refill_ms = 100};
	const struct ip_addr a = v6(1, 1), same_net = v6(1, 2), b = v6(2, 1);

	for (unsigned i = 0; i < 3; i++)
		assert_true(limit_take(&l, &a, 1000));
	assert_true(limit_is_spent(&l, &a, 1000));
	assert_true(limit_is_spent(&l, &same_net, 1000));
	assert_false(limit_take(&l, &same_net, 1099));
	assert_false(limit_is_spent(&l, &b, 1000));
	assert_true(limit_take(&l, &a, 1100));
	assert_false(limit_take(&l, &a, 1100));
}

static void the_latest_peers_are_remembered(void **)
{
	struct limit l = {.burst = 1, .refill_ms = 1000000};

	for (unsigned i = 0; i < LIMIT_PEERS; i++) {
		const struct ip_addr a = v6((uint8_t)i, 0);

		assert_true(limit_take(&l, &a, 10 + i));
	}
	const struct ip_addr fresh = {.b = {0xfd}}, first = v6(0, 0), second = v6(1, 0);

	assert_true(limit_take(&l, &fresh, 1000));
	assert_false(limit_is_spent(&l, &first, 1000));
	assert_true(limit_is_spent(&l, &second, 1000));
}

static void the_websocket_handshake_is_that_of_the_rfc(void **)
{
	char text[WEBSOCKET_ACCEPT_LEN + 1];

	websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", text); /* RFC 6455 1.3 */
	assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_client_s_frame_is_unmasked_and_bounded(void **)
{
	unsigned char hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
				 0x7f, 0x9f, 0x4d, 0x51, 0x58}; /* RFC 6455 5.7 */
	static const unsigned char bad[][4] = {
		{0x81, 0x05}, /* not masked */
		{0x01, 0x80}, /* a fragment */
		{0xc1, 0x80}, /* an extension's bit */
		{0x89, 0xfe}, /* a ping that is too long */
		{0x81, 0xff}, /* 64 bits of length */
		{0x81, 0xfe, 0x10, 0x01},
	};
	struct slice payload;
	unsigned opcode;

	for (size_t n = 0; n < sizeof(hello); n++)
		assert_int_equal(websocket_parse(hello, n, &opcode, &payload), 0);
	assert_int_equal(websocket_parse(hello, sizeof(hello), &opcode, &payload), sizeof(hello));
	assert_int_equal(opcode, WEBSOCKET_TEXT);
	assert_int_equal(payload.len, 5);
	assert_memory_equal(payload.ptr, "Hello", 5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned char buf[4];

		memcpy(buf, bad[i], sizeof(buf));
		assert_int_equal(websocket_parse(buf, sizeof(buf), &opcode, &payload), -1);
	}
}

static int set_up(void **)
{
	const struct config_api_tls tls = {
		.tokens = tokens, .nb_tokens = 2, .clients = clients, .nb_clients = 2};

	EVP_Digest("one", 3, tokens[0].sha256, NULL, EVP_sha256(), NULL);
	EVP_Digest("two", 3, tokens[1].sha256, NULL, EVP_sha256(), NULL);
	auth = auth_new(&tls);
	return auth == NULL;
}

static int tear_down(void **)
{
	auth_free(auth);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_what_its_hash_says),
		cmocka_unit_test(a_certificate_is_known_by_name_or_by_itself),
		cmocka_unit_test(a_bad_token_is_not_made_good_by_a_certificate),
		cmocka_unit_test(what_an_earlier_request_showed_is_forgotten),
		cmocka_unit_test(a_peer_that_takes_all_waits_and_others_do_not),
		cmocka_unit_test(the_latest_peers_are_remembered),
		cmocka_unit_test(the_websocket_handshake_is_that_of_the_rfc),
		cmocka_unit_test(a_client_s_frame_is_unmasked_and_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
