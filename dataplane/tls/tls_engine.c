/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Public keys of certificates the short way.
 *
 * OpenSSL 3.0 decodes the key of each certificate through OSSL_DECODER, which asks every decoder of
 * every provider for each step: dearer than verifying two signatures. Before that it looks whether
 * an ENGINE has taken the algorithm on, so that it may use its own code, and then takes the direct
 * path that 1.1.1 had. This engine has nothing of its own: it answers with libcrypto's built-in
 * methods for EC and RSA. The parser of the key and the arithmetic are the same functions that the
 * default provider calls; what is left out is the search.
 *
 * ENGINEs are deprecated since 3.0 and gone from OpenSSL 4: then there is no such call and the
 * stock way is taken. tls_engine_install() tries out what it has set up, both ways: a known good
 * signature must verify, a bad one must not.
 */

/* ENGINE and EVP_PKEY_METHOD. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tls/tls_process_priv.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdint.h>
#include <string.h>

#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>

static const int nids[] = {EVP_PKEY_EC, EVP_PKEY_RSA};
#define NB_NIDS 2

/* The two questions of ENGINE_PKEY_METHS_PTR: which (<ret> NULL), and the method of one. */
static int on_methods(ENGINE *, EVP_PKEY_METHOD **ret, const int **ret_nids, int nid)
{
	if (ret == NULL) {
		*ret_nids = nids;
		return NB_NIDS;
	}
	/* Not written to, nor freed: it is none that EVP_PKEY_meth_new() made. */
	*ret = (EVP_PKEY_METHOD *)(uintptr_t)EVP_PKEY_meth_find(nid);
	return *ret != NULL;
}

static ENGINE *engine_new(void)
{
	ENGINE *e = ENGINE_new();

	if (e == NULL)
		return NULL;
	if (!ENGINE_set_id(e, "tagwarden") || !ENGINE_set_name(e, "built-in EC and RSA methods") ||
	    !ENGINE_set_pkey_meths(e, on_methods) || !ENGINE_register_pkey_meths(e)) {
		ENGINE_unregister_pkey_meths(e);
		ENGINE_free(e);
		return NULL;
	}
	return e;
}

/* P-256, a throw-away key; its signature (ECDSA with SHA-256) of the text below. */
static const uint8_t spki[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
	0x04, 0xa3, 0x9a, 0x9c, 0x7a, 0x50, 0xbe, 0x59, 0x3c, 0xe3, 0x51, 0x82, 0x0a,
	0xeb, 0x20, 0xc7, 0x16, 0x3b, 0x96, 0x21, 0xb3, 0x4c, 0xa2, 0x8c, 0x58, 0x33,
	0x38, 0xfd, 0x0d, 0xea, 0xe3, 0x12, 0xca, 0x83, 0xe6, 0x51, 0xdc, 0x60, 0xd2,
	0xf8, 0x6e, 0x09, 0x80, 0x7f, 0x5a, 0x65, 0x4a, 0x04, 0xfa, 0x3c, 0xbd, 0x16,
	0x6e, 0x43, 0x04, 0x51, 0x4f, 0xa1, 0x86, 0xa7, 0x19, 0x11, 0x0c, 0xa4, 0x4e,
};
static const uint8_t signature[] = {
	0x30, 0x46, 0x02, 0x21, 0x00, 0xc7, 0x95, 0xe7, 0xa7, 0xa2, 0x4e, 0x12, 0xa5, 0xf4, 0x18,
	0x98, 0xc3, 0xc0, 0x61, 0xa2, 0x3d, 0x34, 0xeb, 0x95, 0x3e, 0xcf, 0xd0, 0x40, 0xe8, 0x05,
	0x40, 0xca, 0x7b, 0xa6, 0x86, 0x19, 0x2f, 0x02, 0x21, 0x00, 0xc0, 0x41, 0xa7, 0xe9, 0x85,
	0x9a, 0xa3, 0xb5, 0x45, 0x11, 0x43, 0xad, 0x90, 0x6d, 0xe7, 0x22, 0xca, 0xd2, 0x86, 0xf2,
	0xf3, 0xd9, 0xa3, 0x42, 0xc6, 0x8d, 0xbd, 0x89, 0xc0, 0x8e, 0x20, 0x95,
};
static const char text[] = "tagwarden";

static bool verifies(EVP_PKEY *key, const uint8_t *sig, size_t len)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	const bool is_good =
		md != NULL && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestVerify(md, sig, len, (const uint8_t *)text, sizeof(text) - 1) == 1;

	EVP_MD_CTX_free(md);
	return is_good;
}

/* Is the key now one without provider, and does it tell right from wrong? */
static bool works(void)
{
	const unsigned char *p = spki;
	uint8_t bad[sizeof(signature)];
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, sizeof(spki));

	memcpy(bad, signature, sizeof(bad));
	bad[sizeof(bad) - 1] ^= 1;
	const bool ok = key != NULL && EVP_PKEY_get0_provider(key) == NULL &&
			EVP_PKEY_get_id(key) == EVP_PKEY_EC &&
			verifies(key, signature, sizeof(signature)) &&
			!verifies(key, bad, sizeof(bad));
	EVP_PKEY_free(key);
	return ok;
}

bool tls_engine_install(void)
{
	ENGINE *e = engine_new();
	const bool ok = e != NULL && works();

	if (e != NULL && !ok)
		ENGINE_unregister_pkey_meths(e);
	/* The table of methods holds what it needs; otherwise this was the last reference. */
	ENGINE_free(e);
	ERR_clear_error();
	return ok;
}
#else
bool tls_engine_install(void)
{
	return false;
}
#endif
