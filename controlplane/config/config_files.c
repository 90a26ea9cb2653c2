/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The certificates, keys and CA files that the document names: read, parsed, checked against
 * each other, kept as PEM (for curl and libwebsockets) and DER (for the snapshot). No message
 * holds a byte of a file.
 */

#include "common/shm/secrets_layout.h"
#include "config/config_pool.h"
#include "config/config_read.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct loader {
	struct config *cfg;
	const struct config_files *files;
	struct config_errors *errs;
	bool is_oom;
};

/* ---- the real file system ---- */

static int read_all(int fd, uint8_t *buf, size_t len, size_t *ret_len)
{
	size_t n = 0;

	while (n < len) {
		ssize_t got = read(fd, buf + n, len - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret_len = n;
	return 0;
}

static int os_read(void *, const char *path, size_t max, uint8_t **ret, size_t *ret_len,
		   mode_t *ret_mode)
{
	struct stat st;
	size_t len = 0;
	int rc;

	/* O_NONBLOCK: opening a named pipe must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	uint8_t *buf = NULL;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		rc = -EFBIG;
	else if ((buf = malloc((size_t)st.st_size + 1)) == NULL)
		rc = -ENOMEM;
	else
		rc = read_all(fd, buf, (size_t)st.st_size, &len);
	close(fd);
	if (rc < 0) {
		free(buf);
		return rc;
	}
	*ret = buf;
	*ret_len = len;
	*ret_mode = st.st_mode & 07777;
	return 0;
}

const struct config_files config_files_os = {.read = os_read};

/* ---- PEM ---- */

/* Never ask a terminal for a passphrase. */
static int no_passphrase(char *, int, int, void *)
{
	return -1;
}

/* Contents of <path> in the pool, or empty with an error at <at>. */
static struct slice load(struct loader *l, const char *path, const struct config_path *at,
			 mode_t *ret_mode)
{
	uint8_t *buf;
	size_t len;

	int rc = l->files->read(l->files->user, path, CONFIG_FILE_MAX, &buf, &len, ret_mode);
	if (rc < 0) {
		config_error(l->errs, at, "cannot read %s: %s", path, strerror(-rc));
		return SLICE_EMPTY;
	}
	struct slice s = config_pool_bytes(l->cfg, buf, len);
	OPENSSL_cleanse(buf, len);
	free(buf);
	if (s.ptr == NULL)
		l->is_oom = true;
	return s;
}

static struct slice cert_der(struct loader *l, const X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);

	if (len <= 0) {
		l->is_oom = true;
		return SLICE_EMPTY;
	}
	struct slice s = config_pool_bytes(l->cfg, der, (size_t)len);
	OPENSSL_free(der);
	if (s.ptr == NULL)
		l->is_oom = true;
	return s;
}

/*
 * All certificates of <pem> as DER, at most <max>; a negative count tells how it went wrong.
 * Text around them is skipped, as everyone does.
 */
static int load_certs(struct loader *l, struct slice pem, unsigned max, struct slice **ret,
		      const struct config_path *at)
{
	struct slice *der = config_pool_alloc(l->cfg, max, sizeof(*der));
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	unsigned nb = 0;
	X509 *x;

	if (der == NULL || bio == NULL) {
		l->is_oom = true;
		BIO_free(bio);
		return -ENOMEM;
	}
	ERR_clear_error();
	while ((x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
		if (nb < max)
			der[nb] = cert_der(l, x);
		nb++;
		X509_free(x);
	}
	BIO_free(bio);
	bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (nb == 0)
		config_error(l->errs, at, "holds no certificate in PEM form");
	else if (!is_end)
		config_error(l->errs, at, "certificate %u in the file cannot be parsed", nb + 1);
	else if (nb > max)
		config_error(l->errs, at, "holds %u certificates, more than %u", nb, max);
	if (nb == 0 || !is_end || nb > max)
		return -EBADMSG;
	*ret = der;
	return (int)nb;
}

static X509 *cert_of(struct slice der)
{
	const uint8_t *p = der.ptr;

	return der.len > LONG_MAX ? NULL : d2i_X509(NULL, &p, (long)der.len);
}

/* Dates are warned of, not refused: the clock may be wrong, and peers will say no by themselves. */
static void check_dates(struct loader *l, const X509 *x, const struct config_path *at)
{
	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		config_warn(l->errs, at, "the certificate has expired");
	else if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		config_warn(l->errs, at, "the certificate is not valid yet");
}

/* ---- keys ---- */

static const char *key_fault(const EVP_PKEY *key)
{
	char curve[32];
	size_t len;
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA"))
		return bits < 2048   ? "is an RSA key of less than 2048 bits"
		       : bits > 4096 ? "is an RSA key of more than 4096 bits"
				     : NULL;
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) != 1)
		return "is neither an EC nor an RSA key";
	if (strcmp(curve, "prime256v1") != 0 && strcmp(curve, "secp384r1") != 0)
		return "is an EC key, but not on P-256 or P-384";
	return NULL;
}

static EVP_PKEY *parse_key(struct slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);

	if (bio == NULL)
		return NULL;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static struct slice key_pkcs8(struct loader *l, EVP_PKEY *key)
{
	struct slice s = SLICE_EMPTY;
	uint8_t *der = NULL;
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	int len = p8 == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(p8, &der);

	PKCS8_PRIV_KEY_INFO_free(p8);
	if (len > 0) {
		s = config_pool_bytes(l->cfg, der, (size_t)len);
		OPENSSL_clear_free(der, (size_t)len);
	}
	if (s.ptr == NULL)
		l->is_oom = true;
	return s;
}

/* Load the key and see that it belongs to the chain's first certificate. */
static void load_key(struct loader *l, struct config_keypair *pair, const struct config_path *at)
{
	mode_t mode = 0;

	pair->key_pem = load(l, pair->key_path, at, &mode);
	if (pair->key_pem.ptr == NULL)
		return;
	if ((mode & 077) != 0)
		config_warn(l->errs, at, "%s can be read by others (mode %04o); chmod 600 it",
			    pair->key_path, (unsigned)mode);
	EVP_PKEY *key = parse_key(pair->key_pem);
	if (key == NULL) {
		config_error(l->errs, at,
			     "holds no private key in PEM form, or one with a passphrase");
		return;
	}
	const char *fault = key_fault(key);
	X509 *leaf = pair->nb_chain > 0 ? cert_of(pair->chain[0]) : NULL;
	if (fault != NULL)
		config_error(l->errs, at, "%s", fault);
	else if (leaf != NULL && X509_check_private_key(leaf, key) != 1)
		config_error(l->errs, at, "is not the key of the certificate");
	else
		pair->key_der = key_pkcs8(l, key);
	if (pair->key_der.len > SECRETS_DER_MAX)
		config_error(l->errs, at, "is longer than %u bytes", SECRETS_DER_MAX);
	ERR_clear_error();
	X509_free(leaf);
	EVP_PKEY_free(key);
}

/* <list>[<idx>].certificate and .key */
static void load_pair(struct loader *l, struct config_keypair *pair, const char *list, unsigned idx)
{
	struct config_path at = CONFIG_AT(list, idx, ".certificate");
	struct config_path key_at = CONFIG_AT(list, idx, ".key");
	mode_t mode;

	pair->certificate_pem = load(l, pair->certificate_path, &at, &mode);
	if (pair->certificate_pem.ptr != NULL) {
		int nb = load_certs(l, pair->certificate_pem, CONFIG_CHAIN_MAX, &pair->chain, &at);
		pair->nb_chain = nb < 0 ? 0 : (unsigned)nb;
	}
	X509 *leaf = pair->nb_chain > 0 ? cert_of(pair->chain[0]) : NULL;
	if (leaf != NULL)
		check_dates(l, leaf, &at);
	X509_free(leaf);
	load_key(l, pair, &key_at);
}

/* ---- CAs ---- */

/* With <is_ztna> each certificate must say that it is a CA (RFC 5280 4.2.1.9). */
static void load_ca(struct loader *l, struct config_ca *ca, bool is_ztna, struct config_path at)
{
	mode_t mode;

	if (ca->path == NULL)
		return;
	ca->pem = load(l, ca->path, &at, &mode);
	if (ca->pem.ptr == NULL)
		return;
	int nb =
		load_certs(l, ca->pem, is_ztna ? CONFIG_ZTNA_CA_MAX : CONFIG_CA_MAX, &ca->der, &at);
	ca->nb_der = nb < 0 ? 0 : (unsigned)nb;
	for (unsigned i = 0; i < ca->nb_der; i++) {
		X509 *x = cert_of(ca->der[i]);
		if (x != NULL && is_ztna && X509_check_ca(x) != 1)
			config_error(l->errs, &at, "certificate %u in the file is not a CA's",
				     i + 1);
		if (x != NULL)
			check_dates(l, x, &at);
		X509_free(x);
	}
	ERR_clear_error();
}

int config_load_files(struct config *cfg, const struct config_files *files,
		      struct config_errors *errs)
{
	struct loader l = {.cfg = cfg, .files = files, .errs = errs};

	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		struct config_ems *e = &cfg->ems[i];
		load_ca(&l, &e->verifying_ca, false, CONFIG_AT("ems", i, ".verifying_ca"));
		load_pair(&l, &e->client, "ems", i);
		load_ca(&l, &e->ztna_ca, true, CONFIG_AT("ems", i, ".ztna_ca"));
	}
	for (unsigned i = 0; i < cfg->nb_certificates; i++)
		load_pair(&l, &cfg->certificates[i].pair, "certificates", i);
	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		struct config_access_proxy *p = &cfg->proxies[i];
		for (unsigned j = 0; j < p->nb_gateways; j++)
			load_ca(&l, &p->gateways[j].server_ca, false,
				config_path("access_proxies[%u].api_gateways[%u].server_ca", i,
					    p->gateways[j].doc_idx));
	}
	load_ca(&l, &cfg->api.tls.client_ca, true, config_path("api.tls.client_ca"));
	return l.is_oom ? -ENOMEM : 0;
}
