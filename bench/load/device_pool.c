/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/device_pool.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int path_of(const char *dir, const char *name, const char *suffix, char ret[static PATH_MAX])
{
	const int n = snprintf(ret, PATH_MAX, "%s/%s%s", dir, name, suffix);

	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* True: <file> is NAME.pem, and NAME fits. */
static bool is_cert_name(const char *file, char ret_name[static LOAD_DEVICE_NAME])
{
	const size_t len = strlen(file);

	if (len < 5 || len - 4 >= LOAD_DEVICE_NAME || strcmp(file + len - 4, ".pem") != 0)
		return false;
	memcpy(ret_name, file, len - 4);
	ret_name[len - 4] = '\0';
	return true;
}

static int add_name(struct load_pool *pool, uint32_t *cap, const char *name)
{
	if (pool->nb == *cap) {
		const uint32_t more = *cap == 0 ? 64 : *cap * 2;
		struct load_device *grown = realloc(pool->device, more * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		pool->device = grown;
		*cap = more;
	}

	struct load_device *d = &pool->device[pool->nb++];

	*d = (struct load_device){0};
	memcpy(d->name, name, strlen(name) + 1);
	return 0;
}

/* The names of all pairs. */
static int list_pairs(struct load_pool *pool, const char *dir, DIR *d)
{
	const struct dirent *e;
	char name[LOAD_DEVICE_NAME], path[PATH_MAX];
	uint32_t cap = 0;
	int rc;

	while ((e = readdir(d)) != NULL) {
		if (!is_cert_name(e->d_name, name))
			continue;
		rc = path_of(dir, name, ".key", path);
		if (rc < 0)
			return rc;
		if (access(path, F_OK) < 0)
			continue;
		rc = add_name(pool, &cap, name);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct load_device *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* NULL passphrase callback data would ask on the terminal; a benchmark must not wait for that. */
static int no_passphrase(char *, int, int, void *)
{
	return -1;
}

static int read_cert(struct load_device *d, const char *path)
{
	BIO *bio = BIO_new_file(path, "r");

	if (bio == NULL)
		return -EACCES;
	d->cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	for (X509 *issuer; d->cert != NULL; (void)sk_X509_push(d->chain, issuer)) {
		issuer = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
		if (issuer == NULL)
			break;
		if (d->chain == NULL)
			d->chain = sk_X509_new_null();
	}
	BIO_free(bio);
	return d->cert == NULL ? -EINVAL : 0;
}

static int read_key(struct load_device *d, const char *path)
{
	BIO *bio = BIO_new_file(path, "r");

	if (bio == NULL)
		return -EACCES;
	d->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return d->key == NULL ? -EINVAL : 0;
}

static int load_one(struct load_device *d, const char *dir, char *why, size_t why_cap)
{
	char path[PATH_MAX];
	int rc = path_of(dir, d->name, ".pem", path);

	if (rc == 0)
		rc = read_cert(d, path);
	if (rc < 0) {
		(void)snprintf(why, why_cap, "%s/%s.pem is no certificate that can be read", dir,
			       d->name);
		return rc;
	}
	rc = path_of(dir, d->name, ".key", path);
	if (rc == 0)
		rc = read_key(d, path);
	if (rc < 0) {
		(void)snprintf(why, why_cap,
			       "%s/%s.key is no private key that can be read (PEM, no passphrase)",
			       dir, d->name);
		return rc;
	}
	if (X509_check_private_key(d->cert, d->key) != 1) {
		(void)snprintf(why, why_cap, "%s/%s.key does not belong to %s.pem", dir, d->name,
			       d->name);
		return -EINVAL;
	}
	/* Decodes the extensions now, not within the first handshake. */
	(void)X509_check_purpose(d->cert, -1, 0);
	return 0;
}

int load_pool_open(struct load_pool *pool, const char *dir, char *why, size_t why_cap)
{
	DIR *d = opendir(dir);
	int rc;

	*pool = (struct load_pool){0};
	if (d == NULL) {
		rc = -errno;
		(void)snprintf(why, why_cap, "%s: %s", dir, strerror(-rc));
		return rc;
	}
	rc = list_pairs(pool, dir, d);
	(void)closedir(d);
	if (rc < 0) {
		(void)snprintf(why, why_cap, "%s: %s", dir, strerror(-rc));
	} else if (pool->nb == 0) {
		(void)snprintf(why, why_cap, "there is no pair NAME.pem and NAME.key in %s", dir);
		rc = -ENOENT;
	} else {
		qsort(pool->device, pool->nb, sizeof(*pool->device), by_name);
		for (uint32_t i = 0; rc == 0 && i < pool->nb; i++)
			rc = load_one(&pool->device[i], dir, why, why_cap);
	}
	ERR_clear_error();
	if (rc < 0)
		load_pool_close(pool);
	return rc;
}

void load_pool_close(struct load_pool *pool)
{
	for (uint32_t i = 0; i < pool->nb; i++) {
		X509_free(pool->device[i].cert);
		EVP_PKEY_free(pool->device[i].key);
		sk_X509_pop_free(pool->device[i].chain, X509_free);
	}
	free(pool->device);
	*pool = (struct load_pool){0};
}
