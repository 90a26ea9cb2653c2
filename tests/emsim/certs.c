/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/certs.h"

#include "emsim/buf.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DAY = 86400
};

/* What one certificate says. */
struct cert_req {
	const char *org_unit; /* NULL: a bare CN, as device certificates have */
	const char *cn;
	const char *san; /* NULL or an OpenSSL subjectAltName value */
	const char *eku; /* NULL: none */
	bool is_ca;
	long from_s, until_s;          /* relative to now */
	const struct key_cert *issuer; /* NULL: self-signed */
	uint8_t serial[SERIAL_LEN];    /* all zeros: make one */
};

static const char *const kind_names[DEV_CERT__COUNT] = {
	"good", "serial-mismatch", "all-zero", "no-eku", "expired", "wrong-issuer", "self-signed",
};

int dev_cert_kind_parse(const char *name)
{
	for (int i = 0; i < DEV_CERT__COUNT; i++)
		if (strcmp(kind_names[i], name) == 0)
			return i;
	return -1;
}

static void key_cert_free(struct key_cert *kc)
{
	X509_free(kc->cert);
	EVP_PKEY_free(kc->key);
	*kc = (struct key_cert){0};
}

/*
 * 20 random bytes as a positive number whose text has 40 digits: the top bit clear (RFC 5280
 * 4.1.2.2 limits the encoding to 20 octets), the next one set.
 */
static int make_serial(uint8_t out[static SERIAL_LEN])
{
	if (RAND_bytes(out, SERIAL_LEN) != 1)
		return -EIO;
	out[0] = (uint8_t)((out[0] & 0x7f) | 0x40);
	return 0;
}

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool is_ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	is_ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return is_ok;
}

static bool add_exts(X509 *cert, X509 *issuer, const struct cert_req *rq)
{
	return add_ext(cert, issuer, NID_basic_constraints,
		       rq->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
	       add_ext(cert, issuer, NID_key_usage,
		       rq->is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	       add_ext(cert, issuer, NID_subject_key_identifier, "hash") &&
	       (cert == issuer || add_ext(cert, issuer, NID_authority_key_identifier, "keyid")) &&
	       (rq->eku == NULL || add_ext(cert, issuer, NID_ext_key_usage, rq->eku)) &&
	       (rq->san == NULL || add_ext(cert, issuer, NID_subject_alt_name, rq->san));
}

static bool add_name(X509_NAME *n, const char *field, const char *value)
{
	return X509_NAME_add_entry_by_txt(n, field, MBSTRING_UTF8, (const uint8_t *)value, -1, -1,
					  0) == 1;
}

static bool set_subject(X509 *cert, const struct cert_req *rq)
{
	X509_NAME *n = X509_get_subject_name(cert);

	if (rq->org_unit != NULL && (!add_name(n, "C", "US") || !add_name(n, "O", "emsim") ||
				     !add_name(n, "OU", rq->org_unit)))
		return false;
	return add_name(n, "CN", rq->cn);
}

static bool set_serial(X509 *cert, const struct cert_req *rq)
{
	static const uint8_t zeros[SERIAL_LEN];
	uint8_t made[SERIAL_LEN];
	const uint8_t *serial = rq->serial;
	BIGNUM *bn;
	bool is_ok;

	if (memcmp(serial, zeros, SERIAL_LEN) == 0) {
		if (make_serial(made) < 0)
			return false;
		serial = made;
	}
	bn = BN_bin2bn(serial, SERIAL_LEN, NULL);
	is_ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
	BN_free(bn);
	return is_ok;
}

static int make_cert(const struct cert_req *rq, struct key_cert *ret_kc)
{
	struct key_cert kc = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
	X509 *issuer = rq->issuer != NULL ? rq->issuer->cert : kc.cert;
	EVP_PKEY *signer = rq->issuer != NULL ? rq->issuer->key : kc.key;

	if (kc.cert == NULL || kc.key == NULL || X509_set_version(kc.cert, X509_VERSION_3) != 1 ||
	    !set_serial(kc.cert, rq) || !set_subject(kc.cert, rq) ||
	    X509_set_issuer_name(kc.cert, X509_get_subject_name(issuer)) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(kc.cert), rq->from_s) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(kc.cert), rq->until_s) == NULL ||
	    X509_set_pubkey(kc.cert, kc.key) != 1 || !add_exts(kc.cert, issuer, rq) ||
	    X509_sign(kc.cert, signer, EVP_sha256()) == 0) {
		ERR_print_errors_fp(stderr);
		key_cert_free(&kc);
		return -EIO;
	}
	*ret_kc = kc;
	return 0;
}

/* Write a new file and put it in place whole, so that a reader never sees half of one. */
static int write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
	char tmp[600];
	FILE *fp;
	bool is_ok;
	int fd;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, cert != NULL ? 0644 : 0600);
	if (fd < 0)
		return -errno;
	fp = fdopen(fd, "w");
	if (fp == NULL) {
		close(fd);
		return -ENOMEM;
	}
	is_ok = cert != NULL ? PEM_write_X509(fp, cert) == 1
			     : PEM_write_PKCS8PrivateKey(fp, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (fclose(fp) != 0 || !is_ok)
		return -EIO;
	return rename(tmp, path) < 0 ? -errno : 0;
}

static int save(const char *dir, const char *name, const struct key_cert *kc)
{
	char path[560];
	int rc;

	snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	rc = write_pem(path, NULL, kc->key);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	return write_pem(path, kc->cert, NULL);
}

static int load(const char *dir, const char *name, struct key_cert *ret_kc)
{
	struct key_cert kc = {0};
	char path[560];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	fp = fopen(path, "re");
	if (fp == NULL)
		return -errno;
	kc.cert = PEM_read_X509(fp, NULL, NULL, NULL);
	fclose(fp);
	snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	fp = fopen(path, "re");
	if (fp != NULL) {
		kc.key = PEM_read_PrivateKey(fp, NULL, NULL, NULL);
		fclose(fp);
	}
	if (kc.cert == NULL || kc.key == NULL) {
		fprintf(stderr, "emsim: %s/%s.pem or .key is damaged\n", dir, name);
		key_cert_free(&kc);
		return -EIO;
	}
	*ret_kc = kc;
	return 0;
}

/* What <name> holds on disk, made as <rq> says when it is not there yet. */
static int load_or_make(const char *dir, const char *name, const struct cert_req *rq,
			struct key_cert *ret_kc)
{
	int rc = load(dir, name, ret_kc);

	if (rc != -ENOENT)
		return rc;
	rc = make_cert(rq, ret_kc);
	if (rc < 0)
		return rc;
	rc = save(dir, name, ret_kc);
	if (rc < 0) {
		fprintf(stderr, "emsim: cannot write %s/%s: %s\n", dir, name, strerror(-rc));
		key_cert_free(ret_kc);
	}
	return rc;
}

static int ca_and_leaf(const char *dir, const char *ca_name, const struct cert_req *ca,
		       const char *leaf_name, struct cert_req *leaf)
{
	struct key_cert ca_kc = {0}, leaf_kc = {0};
	int rc = load_or_make(dir, ca_name, ca, &ca_kc);

	if (rc == 0 && leaf_name != NULL) {
		leaf->issuer = &ca_kc;
		rc = load_or_make(dir, leaf_name, leaf, &leaf_kc);
	}
	key_cert_free(&leaf_kc);
	key_cert_free(&ca_kc);
	return rc;
}

static struct cert_req ca_req(const char *org_unit, const char *cn)
{
	return (struct cert_req){
		.org_unit = org_unit,
		.cn = cn,
		.is_ca = true,
		.from_s = -DAY,
		.until_s = 3650L * DAY,
	};
}

static struct cert_req leaf_req(const char *org_unit, const char *cn, const char *eku)
{
	return (struct cert_req){
		.org_unit = org_unit,
		.cn = cn,
		.eku = eku,
		.from_s = -DAY,
		.until_s = 825L * DAY,
	};
}

static int make_dirs(const char *dir)
{
	char path[560];

	snprintf(path, sizeof(path), "%s/devices", dir);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* A subjectAltName entry for a name or an address. */
static void san_entry(struct buf *out, const char *host)
{
	struct in6_addr a;
	bool is_ip = inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;

	buf_printf(out, "%s%s:%s", out->len > 0 ? "," : "", is_ip ? "IP" : "DNS", host);
}

int pki_init(const char *dir, const struct pki_names *names)
{
	struct cert_req ems_ca = ca_req("Certificate Authority", "EMS server CA");
	struct cert_req gw_ca = ca_req("Certificate Authority", "Gateway client CA");
	struct cert_req ztna_ca = ca_req(NULL, names->ems_serial);
	struct cert_req ems = leaf_req("EMS", names->ems_serial, "serverAuth");
	struct cert_req gw = leaf_req("Gateway", names->gateway_sn, "clientAuth");
	struct buf san = {0};
	int rc = make_dirs(dir);

	if (rc < 0) {
		fprintf(stderr, "emsim: cannot make %s: %s\n", dir, strerror(-rc));
		return rc;
	}
	san_entry(&san, "localhost");
	san_entry(&san, "127.0.0.1");
	if (names->server_name != NULL)
		san_entry(&san, names->server_name);
	ems.san = san.p;
	rc = ca_and_leaf(dir, "ems-ca", &ems_ca, "ems", &ems);
	if (rc == 0)
		rc = ca_and_leaf(dir, "gateway-ca", &gw_ca, "gateway", &gw);
	if (rc == 0)
		rc = ca_and_leaf(dir, "ztna-ca", &ztna_ca, NULL, NULL);
	buf_free(&san);
	return rc;
}

/* The two wrong server certificates that faults present. */
static int make_fault_certs(struct pki *pki, const char *ems_serial)
{
	struct cert_req rq = leaf_req("EMS", ems_serial, "serverAuth");
	int rc;

	rq.issuer = &pki->ems_ca;
	rq.san = "DNS:localhost,IP:127.0.0.1";
	rq.from_s = -30L * DAY;
	rq.until_s = -DAY;
	rc = make_cert(&rq, &pki->ems_expired);
	if (rc < 0)
		return rc;
	rq.until_s = 825L * DAY;
	rq.cn = "FCTEMS0000000000";
	return make_cert(&rq, &pki->ems_wrong_cn);
}

int pki_open(struct pki *pki, const char *dir, const char *ems_serial)
{
	struct key_cert gw_ca = {0};
	int rc;

	*pki = (struct pki){0};
	copy_str(pki->dir, sizeof(pki->dir), dir);
	rc = load(dir, "ems-ca", &pki->ems_ca);
	if (rc == 0)
		rc = load(dir, "ems", &pki->ems);
	if (rc == 0)
		rc = load(dir, "ztna-ca", &pki->ztna_ca);
	if (rc == 0)
		rc = load(dir, "gateway-ca", &gw_ca);
	if (rc == 0)
		rc = make_fault_certs(pki, ems_serial);
	EVP_PKEY_free(gw_ca.key);
	pki->gateway_ca = gw_ca.cert;
	if (rc < 0)
		pki_close(pki);
	return rc;
}

int pki_renew(struct pki *pki, const char *ems_serial)
{
	struct cert_req rq = leaf_req("EMS", ems_serial, "serverAuth");
	struct key_cert renewed;
	int rc;

	rq.issuer = &pki->ems_ca;
	rq.san = "DNS:localhost,IP:127.0.0.1";
	rc = make_cert(&rq, &renewed);
	if (rc < 0)
		return rc;
	rc = save(pki->dir, "ems", &renewed);
	if (rc < 0) {
		key_cert_free(&renewed);
		return rc;
	}
	key_cert_free(&pki->ems);
	pki->ems = renewed;
	return 0;
}

void pki_close(struct pki *pki)
{
	key_cert_free(&pki->ems_ca);
	key_cert_free(&pki->ems);
	key_cert_free(&pki->ztna_ca);
	key_cert_free(&pki->ems_expired);
	key_cert_free(&pki->ems_wrong_cn);
	X509_free(pki->gateway_ca);
	*pki = (struct pki){0};
}

/* A CA that has the ZTNA CA's name and another key. */
static int make_impostor(struct pki *pki, struct key_cert *ret_kc)
{
	char cn[64] = "";
	struct cert_req rq;

	X509_NAME_get_text_by_NID(X509_get_subject_name(pki->ztna_ca.cert), NID_commonName, cn,
				  sizeof(cn));
	rq = ca_req(NULL, cn);
	return make_cert(&rq, ret_kc);
}

int pki_make_device(struct pki *pki, const uint8_t uid[static UID_LEN], enum dev_cert_kind kind,
		    uint8_t ret_serial[static SERIAL_LEN])
{
	struct key_cert impostor = {0}, kc = {0};
	char name[48], cn[33];
	struct cert_req rq;
	int rc;

	uid_format(uid, cn);
	snprintf(name, sizeof(name), "devices/%s", cn);
	rq = leaf_req(NULL, cn, kind == DEV_CERT_NO_EKU ? NULL : "clientAuth");
	rq.issuer = kind == DEV_CERT_SELF_SIGNED ? NULL : &pki->ztna_ca;
	if (kind == DEV_CERT_EXPIRED) {
		rq.from_s = -30L * DAY;
		rq.until_s = -DAY;
	}
	if (kind == DEV_CERT_WRONG_ISSUER) {
		rc = make_impostor(pki, &impostor);
		if (rc < 0)
			return rc;
		rq.issuer = &impostor;
	}
	rc = make_serial(rq.serial);
	if (rc == 0)
		rc = make_cert(&rq, &kc);
	if (rc == 0)
		rc = save(pki->dir, name, &kc);
	if (rc == 0 && kind == DEV_CERT_ALL_ZERO)
		memset(ret_serial, 0, SERIAL_LEN);
	else if (rc == 0 && kind == DEV_CERT_SERIAL_MISMATCH)
		rc = make_serial(ret_serial);
	else if (rc == 0)
		memcpy(ret_serial, rq.serial, SERIAL_LEN);
	key_cert_free(&kc);
	key_cert_free(&impostor);
	return rc;
}

int pki_make_server(const char *dir, const char *name, const char *host)
{
	struct cert_req ca = ca_req("Certificate Authority", "Web CA");
	struct cert_req leaf = leaf_req("Web", host, "serverAuth");
	struct buf san = {0};
	int rc = make_dirs(dir);

	san_entry(&san, host);
	leaf.san = san.p;
	if (rc == 0)
		rc = ca_and_leaf(dir, "web-ca", &ca, name, &leaf);
	buf_free(&san);
	return rc;
}

void pki_pem(X509 *cert, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1) {
		n = BIO_get_mem_data(bio, &text);
		buf_add(out, text, (size_t)n);
	}
	BIO_free(bio);
}
