/* SPDX-License-Identifier: BSD-3-Clause */

/* The certificate that an EMS shows, in words that an operator can compare and confirm. */

#include "ems/ems_priv.h"

#include <openssl/bn.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* 64 bytes, upper case, colons. */
void ems_cert_emit_fingerprint(const uint8_t digest[static 64], char ret[static 192])
{
	static const char digit[] = "0123456789ABCDEF";

	for (unsigned i = 0; i < 64; i++) {
		ret[3 * i] = digit[digest[i] >> 4];
		ret[3 * i + 1] = digit[digest[i] & 15];
		ret[3 * i + 2] = i == 63 ? '\0' : ':';
	}
}

/* On one line as OpenSSL has it: "C = US, O = ..., CN = ...". */
static void emit_name(const X509_NAME *name, char *ret, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	ret[0] = '\0';
	if (bio == NULL)
		return;
	X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE);
	n = BIO_get_mem_data(bio, &text);
	(void)snprintf(ret, cap, "%.*s", n > 511 ? 511 : (int)n, text);
	BIO_free(bio);
}

/* The one CN; "" for none, several, or one that is no serial number. */
static void emit_cn(const X509_NAME *name, char ret[static 33])
{
	const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *cn;
	const unsigned char *p;
	int n;

	ret[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return;
	cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	p = ASN1_STRING_get0_data(cn);
	n = ASN1_STRING_length(cn);
	for (int i = 0; i < n; i++)
		if (n > 32 || !((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z') ||
				(p[i] >= 'a' && p[i] <= 'z')))
			return;
	memcpy(ret, p, (size_t)n);
	ret[n] = '\0';
}

static void emit_serial(X509 *cert, char ret[static 41])
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = bn == NULL ? NULL : BN_bn2hex(bn);

	(void)snprintf(ret, 41, "%s", hex == NULL ? "" : hex);
	OPENSSL_free(hex);
	BN_free(bn);
}

static int64_t to_seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

bool ems_cert_read(X509 *cert, struct state_ems_cert *ret)
{
	uint8_t digest[64];
	unsigned len = 0;

	*ret = (struct state_ems_cert){.seen_ms = loop_real_ms()};
	if (X509_digest(cert, EVP_sha512(), digest, &len) != 1 || len != sizeof(digest))
		return false;
	ems_cert_emit_fingerprint(digest, ret->fingerprint);
	emit_name(X509_get_subject_name(cert), ret->subject, sizeof(ret->subject));
	emit_name(X509_get_issuer_name(cert), ret->issuer, sizeof(ret->issuer));
	emit_cn(X509_get_subject_name(cert), ret->cn);
	emit_serial(cert, ret->serial);
	ret->not_before_s = to_seconds(X509_get0_notBefore(cert));
	ret->not_after_s = to_seconds(X509_get0_notAfter(cert));
	return true;
}

/* As the field prints it: issuer in one line, the subject's CN right behind it. */
void ems_cert_ca_cn(const struct state_ems_cert *cert, char ret[static 512])
{
	(void)snprintf(ret, 512, "%s%s", cert->issuer, cert->cn);
}
