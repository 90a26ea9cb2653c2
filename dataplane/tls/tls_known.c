/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Verified client certificates, by the SHA-256 of the certificate and of what it was verified
 * against. Only certificates that did verify get in, so a peer without one cannot push others
 * out; two that fall on one entry replace each other.
 */

#include "tls/tls_priv.h"

#include <string.h>

static struct tls_known_cert *entry_of(const struct tls_worker *w, const uint8_t *cert)
{
	uint64_t h;

	memcpy(&h, cert, sizeof(h));
	return &w->known[h & (w->nb_known - 1)];
}

const struct tls_known_cert *tls_known_find(const struct tls_worker *w,
					    const uint8_t cert[static TLS_HASH_LEN],
					    const uint8_t trust[static TLS_HASH_LEN])
{
	if (w->nb_known == 0)
		return NULL;
	const struct tls_known_cert *e = entry_of(w, cert);
	if (memcmp(e->cert, cert, TLS_HASH_LEN) != 0 || memcmp(e->trust, trust, TLS_HASH_LEN) != 0)
		return NULL;
	return w->now_s >= e->not_before_s && w->now_s <= e->not_after_s ? e : NULL;
}

void tls_known_put(struct tls_worker *w, const struct tls_known_cert *known)
{
	if (w->nb_known > 0)
		*entry_of(w, known->cert) = *known;
}
