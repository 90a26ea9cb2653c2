/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/lib/certs.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "test certificate: %s\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static EVP_PKEY *make_key(enum test_key kind)
{
	switch (kind) {
	case TEST_KEY_P256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "prime256v1");
	case TEST_KEY_P384:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp384r1");
	case TEST_KEY_RSA1024:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	case TEST_KEY_RSA2048:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	}
	return NULL;
}

static void add_cn(X509_NAME *name, const char *cn)
{
	if (cn != NULL)
		must(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
						(const unsigned char *)cn, -1, -1, 0),
		     "CN");
}

static void set_names(X509 *x, const struct test_cert_spec *s)
{
	X509_NAME *subject = X509_get_subject_name(x);

	add_cn(subject, s->cn);
	add_cn(subject, s->second_cn);
	if (s->issuer_cn != NULL) {
		X509_NAME *issuer = X509_NAME_new();
		add_cn(issuer, s->issuer_cn);
		must(X509_set_issuer_name(x, issuer), "issuer");
		X509_NAME_free(issuer);
		return;
	}
	const X509 *from = s->issuer != NULL ? s->issuer->x509 : x;
	must(X509_set_issuer_name(x, X509_get_subject_name(from)), "issuer");
}

static void set_serial(X509 *x, const struct test_cert_spec *s)
{
	ASN1_INTEGER *n = X509_get_serialNumber(x);
	uint8_t bytes[64];

	if (s->serial_octets > 0) {
		must(s->serial_octets <= sizeof(bytes), "serial");
		memset(bytes, 0x5a, sizeof(bytes));
		BIGNUM *bn = BN_bin2bn(bytes, (int)s->serial_octets, NULL);
		must(bn != NULL && BN_to_ASN1_INTEGER(bn, n) != NULL, "serial");
		BN_free(bn);
	} else if (s->is_serial_negative) {
		must(ASN1_INTEGER_set_int64(n, -(int64_t)s->serial), "serial");
	} else {
		must(ASN1_INTEGER_set_uint64(n, s->serial == 0 ? 1 : s->serial), "serial");
	}
}

static void add_ext(X509 *x, int nid, const char *value)
{
	if (value == NULL)
		return;
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	must(e != NULL && X509_add_ext(x, e, -1), "extension");
	X509_EXTENSION_free(e);
}

static struct slice to_der(int len, unsigned char *der)
{
	must(len > 0, "DER");
	return slice_of(der, (size_t)len);
}

static void encode(struct test_cert *c)
{
	unsigned char *der = NULL, *key_der = NULL;
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(c->key);

	must(p8 != NULL, "PKCS#8");
	c->der = to_der(i2d_X509(c->x509, &der), der);
	c->key_der = to_der(i2d_PKCS8_PRIV_KEY_INFO(p8, &key_der), key_der);
	c->der.ptr = der;
	c->key_der.ptr = key_der;
	PKCS8_PRIV_KEY_INFO_free(p8);
}

struct test_cert *test_cert_new(const struct test_cert_spec *s)
{
	struct test_cert *c = calloc(1, sizeof(*c));

	must(c != NULL, "memory");
	c->key = make_key(s->key);
	c->x509 = X509_new();
	must(c->key != NULL && c->x509 != NULL, "key");
	must(X509_set_version(c->x509, X509_VERSION_3) && X509_set_pubkey(c->x509, c->key), "key");
	set_serial(c->x509, s);
	must(ASN1_TIME_set(X509_getm_notBefore(c->x509), (time_t)s->not_before_s) &&
		     ASN1_TIME_set(X509_getm_notAfter(c->x509), (time_t)s->not_after_s),
	     "dates");
	set_names(c->x509, s);
	add_ext(c->x509, NID_basic_constraints, s->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	add_ext(c->x509, NID_key_usage, s->usage);
	add_ext(c->x509, NID_ext_key_usage, s->eku);
	add_ext(c->x509, NID_subject_alt_name, s->san);
	const EVP_MD *md = EVP_get_digestbyname(s->digest == NULL ? "SHA256" : s->digest);
	must(md != NULL && X509_sign(c->x509, s->issuer != NULL ? s->issuer->key : c->key, md) > 0,
	     "signature");
	encode(c);
	return c;
}

void test_cert_free(struct test_cert *c)
{
	if (c == NULL)
		return;
	OPENSSL_free((void *)c->der.ptr);
	OPENSSL_free((void *)c->key_der.ptr);
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	free(c);
}
