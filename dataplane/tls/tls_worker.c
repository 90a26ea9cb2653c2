/* SPDX-License-Identifier: BSD-3-Clause */

#include "tls/tls_priv.h"

#include <openssl/evp.h>

#include <stdlib.h>

static size_t round_up_pow2(size_t n)
{
	size_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

struct tls_worker *tls_worker_new(const struct secrets *secrets, uint32_t cert_cache)
{
	struct tls_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->secrets = secrets;
	w->bio = tls_bio_method_new();
	w->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	w->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (cert_cache > 0) {
		w->nb_known = round_up_pow2(cert_cache);
		w->known = calloc(w->nb_known, sizeof(*w->known));
	}
	if (tls_resume_init(w) < 0 || w->bio == NULL || w->sha256 == NULL ||
	    w->ticket_cipher == NULL || (cert_cache > 0 && w->known == NULL)) {
		tls_worker_free(w);
		return NULL;
	}
	return w;
}

void tls_worker_free(struct tls_worker *w)
{
	if (w == NULL)
		return;
	tls_resume_fini(w);
	BIO_meth_free(w->bio);
	EVP_MD_free(w->sha256);
	EVP_CIPHER_free(w->ticket_cipher);
	free(w->known);
	free(w);
}

void tls_worker_set_time(struct tls_worker *w, int64_t now_s)
{
	w->now_s = now_s;
}
