/* SPDX-License-Identifier: BSD-3-Clause */

#include "tls/tls_process_priv.h"
#include "tls/tls_slab.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stddef.h>

void tls_process_init(const char **ret_why)
{
	*ret_why = NULL;
	/* Refused once libcrypto has allocated anything. */
	if (!slab_init() || !CRYPTO_set_mem_functions(slab_alloc, slab_realloc, slab_free))
		*ret_why = "libcrypto keeps to malloc()";
	/*
	 * The names by which the default provider knows its digests; libcrypto's own tables have
	 * others, and each signature would search all names of all algorithms for the one.
	 */
	(void)EVP_add_digest_alias("SHA256", "SHA2-256");
	(void)EVP_add_digest_alias("SHA384", "SHA2-384");
	(void)EVP_add_digest_alias("SHA512", "SHA2-512");
	if (!tls_engine_install())
		*ret_why = "this OpenSSL does not take the short way to decode certificates";
}
