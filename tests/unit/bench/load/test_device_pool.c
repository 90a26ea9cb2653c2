/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/device_pool.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static char why[256];

static const char *path_to(const char *file)
{
	static char path[PATH_MAX];

	assert_true(snprintf(path, sizeof(path), "%s/%s", dir, file) < (int)sizeof(path));
	return path;
}

static int make_dir(void **)
{
	memcpy(dir, "/tmp/test_device_pool.XXXXXX", sizeof("/tmp/test_device_pool.XXXXXX"));
	why[0] = '\0';
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **)
{
	static const char *const files[] = {"a.pem", "a.key", "b.pem", "b.key", "ca.pem", "x.txt"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlink(path_to(files[i]));
	return rmdir(dir);
}

static void write_text(const char *file, const char *text)
{
	FILE *f = fopen(path_to(file), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A self-signed certificate for <name>; <key_of> NULL: no key file. */
static void write_pair(const char *cert_file, const char *key_file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *f;

	assert_true(X509_set_version(cert, X509_VERSION_3));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(cert), 7));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_true(X509_set_pubkey(cert, key));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	f = fopen(path_to(cert_file), "w");
	assert_true(PEM_write_X509(f, cert));
	assert_int_equal(fclose(f), 0);
	if (key_file != NULL) {
		f = fopen(path_to(key_file), "w");
		assert_true(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
		assert_int_equal(fclose(f), 0);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void pairs_are_read_in_order_and_what_has_no_key_is_left_out(void **)
{
	struct load_pool pool;

	write_pair("b.pem", "b.key");
	write_pair("a.pem", "a.key");
	write_pair("ca.pem", NULL);
	write_text("x.txt", "not a certificate");
	assert_int_equal(load_pool_open(&pool, dir, why, sizeof(why)), 0);
	assert_int_equal(pool.nb, 2);
	assert_string_equal(pool.device[0].name, "a");
	assert_string_equal(pool.device[1].name, "b");
	assert_int_equal(X509_check_private_key(pool.device[1].cert, pool.device[1].key), 1);
	load_pool_close(&pool);
}

static void what_follows_the_certificate_is_its_chain(void **)
{
	struct load_pool pool;
	char text[8192];
	size_t len;
	FILE *f;

	write_pair("a.pem", "a.key");
	write_pair("ca.pem", NULL);
	f = fopen(path_to("ca.pem"), "r");
	len = fread(text, 1, sizeof(text), f);
	assert_int_equal(fclose(f), 0);
	f = fopen(path_to("a.pem"), "a");
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(load_pool_open(&pool, dir, why, sizeof(why)), 0);
	assert_int_equal(pool.nb, 1);
	assert_int_equal(sk_X509_num(pool.device[0].chain), 1);
	load_pool_close(&pool);
}

static void no_folder_and_no_pair_say_so(void **)
{
	struct load_pool pool;

	assert_int_equal(load_pool_open(&pool, "/no/such/folder", why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/no/such/folder"));
	assert_int_equal(load_pool_open(&pool, dir, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "no pair"));
}

static void a_key_of_another_certificate_is_refused_by_name(void **)
{
	struct load_pool pool;

	write_pair("a.pem", "b.key");
	write_pair("b.pem", "a.key");
	assert_int_equal(load_pool_open(&pool, dir, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "a.key does not belong"));
	assert_int_equal(pool.nb, 0);
}

static void files_that_do_not_parse_are_refused_by_name(void **)
{
	struct load_pool pool;

	write_pair("a.pem", "a.key");
	write_text("a.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	assert_int_equal(load_pool_open(&pool, dir, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "a.key is no private key"));
	write_text("a.pem", "");
	assert_int_equal(load_pool_open(&pool, dir, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "a.pem is no certificate"));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(pairs_are_read_in_order_and_what_has_no_key_is_left_out),
		TEST(what_follows_the_certificate_is_its_chain),
		TEST(no_folder_and_no_pair_say_so),
		TEST(a_key_of_another_certificate_is_refused_by_name),
		TEST(files_that_do_not_parse_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
