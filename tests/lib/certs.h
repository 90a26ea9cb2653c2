/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Certificates for tests, made on the spot: any shape, also ones that no CA would sign. Nothing
 * here returns an error; a test that cannot make its certificates aborts.
 */

#pragma once

#include "common/base/slice.h"

#include <openssl/x509.h>

#include <stdbool.h>
#include <stdint.h>

enum test_key {
	TEST_KEY_P256,
	TEST_KEY_P384,
	TEST_KEY_RSA1024,
	TEST_KEY_RSA2048
};

struct test_cert;

struct test_cert_spec {
	const char *cn;                 /* NULL: no CN */
	const char *second_cn;          /* another CN after it */
	const struct test_cert *issuer; /* NULL: self-signed */
	const char *issuer_cn;          /* written instead of the issuer's CN */
	int64_t not_before_s, not_after_s;
	bool is_ca;
	const char *eku;   /* as in openssl.cnf: "clientAuth,serverAuth"; NULL: no extension */
	const char *usage; /* keyUsage; NULL: no extension */
	const char *san;   /* "DNS:shop.example"; NULL: none */
	enum test_key key;
	const char *digest; /* NULL: SHA256 */
	uint64_t serial;    /* 0: 1 */
	bool is_serial_negative;
	unsigned serial_octets; /* that long a serial number, of 0x5a; 0: <serial> */
};

struct test_cert {
	X509 *x509;
	EVP_PKEY *key;
	struct slice der;
	struct slice key_der; /* PKCS#8 */
};

struct test_cert *test_cert_new(const struct test_cert_spec *spec);
void test_cert_free(struct test_cert *c);
