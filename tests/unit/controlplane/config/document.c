/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/unit/controlplane/config/document.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char good[] =
	"{"
	"'dataplane': {'workers': [1], 'idle': 'adaptive', 'hugepages': 'auto',"
	"  'max_connections': 100000},"
	"'interfaces': ["
	"  {'name': 'wan', 'device': 'net_tap0,iface=tw-wan', 'addresses': ['192.0.2.10/24']},"
	"  {'name': 'lan', 'device': 'net_tap1,iface=tw-lan', 'addresses': ['198.51.100.1/24']}],"
	"'routes': [{'prefix': '0.0.0.0/0', 'via': '192.0.2.1'}],"
	"'ems': [{'id': 1, 'name': 'emstest', 'server': '127.0.0.1', 'https_port': 8443,"
	"  'verifying_ca': 'ems-ca.pem', 'certificate': 'gateway.pem', 'key': 'gateway.key',"
	"  'serial_number': 'FCTEMS8823005021', 'ztna_ca': 'ztna-ca.pem',"
	"  'out_of_sync_threshold': 180, 'call_timeout': 30}],"
	"'gateway': {'serial_number': 'FPXVULTM24000083', 'vdom': 'root'},"
	"'certificates': [{'name': 'web', 'certificate': 'web.pem', 'key': 'web.key'}],"
	"'access_proxies': [{'name': 'ZTNA-webserver', 'interface': 'wan',"
	"  'address': '192.0.2.10', 'port': 9043, 'certificate': 'web', 'client_cert': true,"
	"  'empty_cert_action': 'block',"
	"  'virtual_hosts': [{'name': 'shop', 'host': '*.Shop.example',"
	"    'host_type': 'wildcard'}],"
	"  'api_gateways': [{'id': 1, 'url_map': '/', 'url_map_type': 'sub-string',"
	"    'service': 'http', 'ldb_method': 'round-robin',"
	"    'real_servers': [{'id': 1, 'address': '198.51.100.20', 'port': 8080,"
	"      'weight': 1}]}]}],"
	"'policies': [{'id': 17, 'name': 'ZTNA-webserver-allow',"
	"  'access_proxies': ['ZTNA-webserver'], 'source': ['0.0.0.0/0'],"
	"  'tags': {'any': ['FortiAD', 'Low-Risk']}, 'action': 'accept', 'log': 'all'}],"
	"'log': {'traffic': {'path': 'traffic.log', 'format': 'keyvalue'}},"
	"'api': {'unix': '/run/tagwarden/api.sock'}"
	"}";

/* JSON with ' for ", which reads better in C. */
static json_t *json_of(const char *text)
{
	char *copy = strdup(text);
	json_error_t e;

	assert_non_null(copy);
	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	json_t *v = json_loads(copy, JSON_DECODE_ANY, &e);
	if (v == NULL)
		fail_msg("%s: %s", text, e.text);
	free(copy);
	return v;
}

json_t *document_new(void)
{
	return json_of(good);
}

static unsigned digits(const char *s)
{
	unsigned n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return n;
}

static void put(json_t *in, const char *key, json_t *v)
{
	if (json_is_array(in) && strcmp(key, "-") == 0)
		assert_int_equal(json_array_append_new(in, v), 0);
	else if (json_is_array(in))
		assert_int_equal(json_array_set_new(in, digits(key), v), 0);
	else if (v != NULL)
		assert_int_equal(json_object_set_new(in, key, v), 0);
	else
		assert_int_equal(json_object_del(in, key), 0);
}

void document_edit(json_t *doc, const struct edit *e)
{
	char key[64];
	json_t *in = doc;
	const char *s = e->at;

	for (;;) {
		size_t len = strcspn(s, "/");
		assert_true(len < sizeof(key));
		memcpy(key, s, len);
		key[len] = '\0';
		if (s[len] == '\0')
			break;
		in = json_is_array(in) ? json_array_get(in, digits(key)) : json_object_get(in, key);
		if (in == NULL)
			fail_msg("nothing at %s", e->at);
		s += len + 1;
	}
	put(in, key, e->json == NULL ? NULL : json_of(e->json));
}

struct config *document_parse(const struct edit *edits, unsigned nb, struct config_errors *errs)
{
	json_t *doc = document_new();

	for (unsigned i = 0; i < nb; i++)
		if (edits[i].at != NULL)
			document_edit(doc, &edits[i]);
	char *text = json_dumps(doc, 0);
	json_decref(doc);
	assert_non_null(text);
	struct config *cfg = document_parse_text(text, errs);
	free(text);
	return cfg;
}

struct config *document_parse_text(const char *text, struct config_errors *errs)
{
	return config_parse(text, strlen(text), "/etc/tagwarden/tagwarden.json", &document_files,
			    errs);
}

/* ---- files ---- */

struct file {
	const char *name;
	mode_t mode;
	char *text;
	size_t len;
};

static struct file file[40];
static unsigned nb_files;

static void add_file(const char *name, mode_t mode, const char *text, size_t len)
{
	assert_true(nb_files < sizeof(file) / sizeof(file[0]));
	struct file *f = &file[nb_files++];
	*f = (struct file){.name = name, .mode = mode, .text = malloc(len + 1), .len = len};
	assert_non_null(f->text);
	memcpy(f->text, text, len);
}

static void add_bio(const char *name, mode_t mode, BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	add_file(name, mode, text, (size_t)len);
	BIO_free(bio);
}

static void add_key(const char *name, mode_t mode, EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
				 bio, key, passphrase == NULL ? NULL : EVP_aes_128_cbc(),
				 passphrase, passphrase == NULL ? 0 : (int)strlen(passphrase), NULL,
				 NULL),
			 1);
	add_bio(name, mode, bio);
}

static X509 *make_cert(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	X509V3_CTX ctx;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer == NULL ? x : issuer));
	X509V3_set_ctx(&ctx, issuer == NULL ? x : issuer, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
						  issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static void add_cert(const char *name, X509 *x, X509 *next)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	if (next != NULL)
		assert_int_equal(PEM_write_bio_X509(bio, next), 1);
	add_bio(name, 0644, bio);
}

static void add_pair(const char *cert_name, const char *key_name, EVP_PKEY *key, X509 *ca,
		     EVP_PKEY *ca_key)
{
	X509 *x = make_cert(cert_name, key, ca, ca_key);

	add_cert(cert_name, x, ca);
	add_key(key_name, 0600, key, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void make_files(void)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key;
	X509 *ca = make_cert("ca", ca_key, NULL, ca_key);

	add_cert("ems-ca.pem", ca, NULL);
	add_cert("ztna-ca.pem", ca, NULL);
	add_cert("servers-ca.pem", ca, NULL);
	add_cert("operators-ca.pem", ca, NULL);
	add_pair("gateway.pem", "gateway.key", EVP_EC_gen("P-384"), ca, ca_key);
	add_pair("web.pem", "web.key", EVP_EC_gen("P-256"), ca, ca_key);
	add_pair("shop.pem", "shop.key", EVP_RSA_gen(2048), ca, ca_key);
	add_pair("rsa1024.pem", "rsa1024.key", EVP_RSA_gen(1024), ca, ca_key);
	add_pair("p521.pem", "p521.key", EVP_EC_gen("P-521"), ca, ca_key);
	key = EVP_EC_gen("P-256");
	add_key("other.key", 0600, key, NULL);
	EVP_PKEY_free(key);
	key = EVP_EC_gen("P-256");
	X509 *x = make_cert("odd", key, ca, ca_key);
	add_cert("odd.pem", x, NULL);
	add_key("locked.key", 0600, key, "secret");
	add_key("open.key", 0644, key, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
	add_file("empty.pem", 0644, "", 0);
	add_file("garbage.pem", 0644, "not a certificate\n", 18);
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, ca);
	BIO_puts(bio, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	add_bio("broken.pem", 0644, bio);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
}

static int read_file(void *, const char *path, size_t max, uint8_t **ret, size_t *ret_len,
		     mode_t *ret_mode)
{
	static const char dir[] = "/etc/tagwarden/";

	if (nb_files == 0)
		make_files();
	if (strncmp(path, dir, sizeof(dir) - 1) != 0)
		return -EACCES;
	for (unsigned i = 0; i < nb_files; i++) {
		if (strcmp(file[i].name, path + sizeof(dir) - 1) != 0)
			continue;
		if (file[i].len > max)
			return -EFBIG;
		*ret = malloc(file[i].len + 1);
		if (*ret == NULL)
			return -ENOMEM;
		memcpy(*ret, file[i].text, file[i].len);
		*ret_len = file[i].len;
		*ret_mode = file[i].mode;
		return 0;
	}
	return -ENOENT;
}

const struct config_files document_files = {.read = read_file};

/* ---- assertions ---- */

static void show(const struct config_errors *errs)
{
	for (unsigned i = 0; i < errs->nb; i++)
		print_message("%s%s: %s\n", errs->e[i].is_warning ? "warning: " : "",
			      errs->e[i].path.s, errs->e[i].text);
}

void assert_one_error(const struct config_errors *errs, const char *path, const char *text)
{
	const struct config_error *e = NULL;

	for (unsigned i = 0; i < errs->nb && e == NULL; i++)
		if (!errs->e[i].is_warning)
			e = &errs->e[i];
	if (errs->nb_errors != 1 || e == NULL || strcmp(e->path.s, path) != 0 ||
	    strcmp(e->text, text) != 0) {
		show(errs);
		fail_msg("expected one error, at %s: %s", path, text);
	}
}

const struct config_error *find_error(const struct config_errors *errs, const char *path)
{
	for (unsigned i = 0; i < errs->nb; i++)
		if (strcmp(errs->e[i].path.s, path) == 0)
			return &errs->e[i];
	return NULL;
}
