/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who may come in with which certificate. A client certificate must chain to a CA of the service
 * within its dates and with keys and signatures of security level 2; be an end-entity certificate
 * with clientAuth among its extended key usages; name its EMS as issuer and a device UID as
 * subject; and not be withdrawn.
 *
 * Verification of the chain is remembered per certificate; the rest is looked at each time.
 */

#include "tls/tls_priv.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <string.h>
#include <time.h>

/* Leaf and five between it and the CA, and the CA, which some clients send too. */
#define MAX_CHAIN 7

/* The one CN of <name>; empty when there is none, or more than one. Points into <name>. */
static struct slice common_name(const X509_NAME *name)
{
	const int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	if (i < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, i) >= 0)
		return SLICE_EMPTY;
	const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
	const int len = ASN1_STRING_length(s);
	return slice_of(ASN1_STRING_get0_data(s), len < 0 ? 0 : (size_t)len);
}

/* RFC 5280 4.1.2.2: positive, at most 20 octets. */
static int read_serial(const X509 *cert, struct cert_serial *ret)
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(cert);
	const int len = ASN1_STRING_length(n);
	struct cert_serial sn = {};

	if (ASN1_STRING_type(n) != V_ASN1_INTEGER || len <= 0 || (size_t)len > sizeof(sn.b))
		return -EBADMSG;
	memcpy(sn.b + sizeof(sn.b) - (size_t)len, ASN1_STRING_get0_data(n), (size_t)len);
	if (cert_serial_is_zero(&sn))
		return -EBADMSG;
	*ret = sn;
	return 0;
}

static int read_uid(const X509 *cert, struct device_uid *ret)
{
	const struct slice cn = common_name(X509_get_subject_name(cert));

	if (cn.len != DEVICE_UID_STRLEN)
		return -EBADMSG;
	return device_uid_parse((const char *)cn.ptr, cn.len, ret);
}

static int read_identity(const X509 *cert, struct tls_peer *ret)
{
	int rc = read_uid(cert, &ret->uid);
	if (rc == 0)
		rc = read_serial(cert, &ret->serial);
	return rc;
}

/* For records: also of a certificate that is refused later. */
static void note_shown(struct tls_conn *c, const X509 *cert)
{
	c->has_shown = true;
	(void)read_uid(cert, &c->shown_uid);
	(void)read_serial(cert, &c->shown_serial);
}

/*
 * End entity, and clientAuth said in so many words: no EKU means any use, which is not enough.
 * X509_check_ca() lets CA:TRUE pass when the key usage does not fit it; we do not.
 */
static bool is_client_leaf(X509 *cert)
{
	const uint32_t flags = X509_get_extension_flags(cert);

	return X509_check_ca(cert) == 0 && (flags & EXFLAG_CA) == 0 &&
	       (flags & EXFLAG_XKUSAGE) != 0 &&
	       (X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT) != 0;
}

static int64_t to_seconds(const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return -1;
	return (int64_t)timegm(&tm);
}

static bool has_valid_dates(const X509 *cert, int64_t now_s)
{
	const int64_t from_s = to_seconds(X509_get0_notBefore(cert));
	const int64_t to_s = to_seconds(X509_get0_notAfter(cert));

	return from_s >= 0 && to_s >= 0 && from_s <= now_s && now_s <= to_s;
}

/*
 * The sites of one EMS are named alike as issuers, each with a CA of its own: <a> and <b> are such
 * CAs. True when <b> signed <cert>. One signature is verified, where there are sites only.
 */
static bool is_other_site(const X509 *cert, const struct tls_trust_ca *a,
			  const struct tls_trust_ca *b)
{
	return a->ems != b->ems &&
	       X509_verify((X509 *)(uintptr_t)cert, X509_get0_pubkey(b->x509)) == 1;
}

/*
 * The CA of today's service that <cert> names as its issuer, or NULL. <anchor> NULL: any; of
 * several that of the site that signed it.
 */
static const struct tls_trust_ca *find_ca(const struct tls_service *s, const X509 *cert,
					  const X509 *anchor)
{
	const struct slice issuer = common_name(X509_get_issuer_name(cert));
	const struct tls_trust_ca *found = NULL;

	for (uint32_t i = 0; i < s->nb_cas && issuer.len > 0; i++) {
		const struct tls_trust_ca *ca = &s->cas[i];
		if (!slice_is_equal(ca->issuer_cn, issuer) ||
		    (anchor != NULL && X509_cmp(ca->x509, anchor) != 0))
			continue;
		if (anchor != NULL)
			return ca;
		if (found == NULL || is_other_site(cert, found, ca))
			found = ca;
	}
	return found;
}

static bool is_revoked(const struct tls_service *s, const struct tls_peer *peer)
{
	return s->is_revoked != NULL && s->is_revoked(s->user, peer->ems, &peer->serial);
}

/* A chain is good for as long as each of its certificates. */
static void narrow_dates(struct tls_known_cert *k, const STACK_OF(X509) * chain)
{
	k->not_before_s = 0;
	k->not_after_s = INT64_MAX;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		const X509 *cert = sk_X509_value(chain, i);
		const int64_t from_s = to_seconds(X509_get0_notBefore(cert));
		const int64_t to_s = to_seconds(X509_get0_notAfter(cert));
		if (from_s > k->not_before_s)
			k->not_before_s = from_s;
		if (to_s < k->not_after_s)
			k->not_after_s = to_s;
	}
}

static int verify_chain(const struct tls_service *s, X509_STORE_CTX *x)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(x);

	X509_VERIFY_PARAM_set_time(param, (time_t)s->w->now_s);
	X509_VERIFY_PARAM_set_depth(param, (int)s->verify_depth);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	/* A CA of the configuration is an anchor, also when it is not self-signed. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (X509_verify_cert(x) == 1 && X509_STORE_CTX_get_error(x) == X509_V_OK)
		return X509_V_OK;
	const int err = X509_STORE_CTX_get_error(x);
	return err == X509_V_OK ? X509_V_ERR_UNSPECIFIED : err;
}

/* The slow way: build and verify the chain, find the EMS, remember. <k> has the hash. */
static int verify_unknown(const struct tls_service *s, X509_STORE_CTX *x, X509 *cert,
			  struct tls_known_cert *k)
{
	if (sk_X509_num(X509_STORE_CTX_get0_untrusted(x)) > MAX_CHAIN)
		return X509_V_ERR_CERT_CHAIN_TOO_LONG;
	const int err = verify_chain(s, x);
	if (err != X509_V_OK)
		return err;
	if (!is_client_leaf(cert))
		return X509_V_ERR_INVALID_PURPOSE;

	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(x);
	const int n = sk_X509_num(chain);
	const struct tls_trust_ca *ca =
		n < 2 ? NULL : find_ca(s, cert, sk_X509_value(chain, n - 1));
	if (ca == NULL)
		return X509_V_ERR_CERT_REJECTED;
	k->ems = ca->ems;
	memcpy(k->trust, s->trust, TLS_HASH_LEN);
	narrow_dates(k, chain);
	tls_known_put(s->w, k);
	return X509_V_OK;
}

static int verify_leaf(const struct tls_service *s, X509_STORE_CTX *x, X509 *cert,
		       struct tls_known_cert *k, struct tls_peer *peer)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = sizeof(hash);
	int err = X509_V_OK;

	if (!X509_digest(cert, s->w->sha256, hash, &len) || len != TLS_HASH_LEN)
		return X509_V_ERR_UNSPECIFIED;
	memcpy(k->cert, hash, TLS_HASH_LEN);
	const struct tls_known_cert *known = tls_known_find(s->w, hash, s->trust);
	if (known != NULL)
		*k = *known;
	else
		err = verify_unknown(s, x, cert, k);
	if (err != X509_V_OK)
		return err;
	peer->ems = k->ems;
	if (read_identity(cert, peer) < 0)
		return X509_V_ERR_CERT_REJECTED;
	return is_revoked(s, peer) ? X509_V_ERR_CERT_REVOKED : X509_V_OK;
}

/* What a session of this client is to carry. */
static int note_ident(SSL *ssl, const struct tls_service *s, const struct tls_known_cert *k,
		      const struct tls_peer *peer)
{
	struct tls_ident id = {.full_s = s->w->now_s,
			       .not_before_s = k->not_before_s,
			       .not_after_s = k->not_after_s,
			       .uid = peer->uid,
			       .serial = peer->serial,
			       .ems = peer->ems,
			       .has_cert = true};

	if (s->w->sessions == NULL)
		return 0;
	memcpy(id.trust, s->trust, TLS_HASH_LEN);
	return tls_resume_note(ssl, &id);
}

/*
 * Instead of X509_verify_cert(), of a client's certificate. 1: it may come in; 0: libssl sends the
 * alert that belongs to the error.
 */
int tls_verify_client(X509_STORE_CTX *x, void *)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_conn *c = tls_conn_of(ssl);
	X509 *cert = X509_STORE_CTX_get0_cert(x);
	struct tls_peer peer = {.has_cert = true};
	struct tls_known_cert k = {};

	if (cert == NULL)
		return 0;
	note_shown(c, cert);
	int err = verify_leaf(c->s, x, cert, &k, &peer);
	if (err == X509_V_OK && note_ident(ssl, c->s, &k, &peer) < 0)
		err = X509_V_ERR_OUT_OF_MEM;
	X509_STORE_CTX_set_error(x, err);
	if (err != X509_V_OK) {
		c->verify_outcome = err == X509_V_ERR_CERT_REVOKED ? OUTCOME_TLS_CERT_REVOKED
								   : OUTCOME_TLS_CERT_INVALID;
		return 0;
	}
	c->peer = peer;
	return 1;
}

/* The same of a real server's; name and CAs are in <x> already. */
int tls_verify_server(X509_STORE_CTX *x, void *)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls_conn *c = tls_conn_of(ssl);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(x);

	if (!c->s->verifies_server) {
		X509_STORE_CTX_set_error(x, X509_V_OK);
		return 1;
	}
	X509_VERIFY_PARAM_set_time(param, (time_t)c->s->w->now_s);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	return X509_verify_cert(x) == 1;
}

int tls_verify_resumed(const struct tls_service *s, X509 *cert, struct tls_peer *ret)
{
	struct tls_peer peer = {.has_cert = true};
	const struct tls_trust_ca *ca = find_ca(s, cert, NULL);

	if (ca == NULL || !has_valid_dates(cert, s->w->now_s) || !is_client_leaf(cert) ||
	    read_identity(cert, &peer) < 0)
		return -EACCES;
	peer.ems = ca->ems;
	if (is_revoked(s, &peer))
		return -EACCES;
	if (ret != NULL)
		*ret = peer;
	return 0;
}
