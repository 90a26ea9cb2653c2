/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/micro/path/plane.h"

#include "common/record/record.h"
#include "common/shm/rcu.h"
#include "common/snap/snap_build.h"
#include "config/config.h"
#include "tests/lib/certs.h"

#include <openssl/pem.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EMS_SERIAL "FCTEMS8823005021"
#define DIR_NAME "/dev/shm/tagwarden-path-XXXXXX"
#define MAX_KEYS 64 /* certificates that differ; devices beyond share theirs */
#define DOCUMENT_MAX (4u << 20)
#define NB_FILES 3

struct plane {
	struct plane_params p;
	char dir[sizeof(DIR_NAME)];
	struct shm shm;
	struct snap_build *build;
	struct test_cert *ca, *web;
	struct test_cert *device[MAX_KEYS];
	uint32_t nb_keys;
	char *doc;
	size_t doc_len;
	char file[NB_FILES][4096];
	char tag[256][32];
	uint32_t nb_tags;
	uint32_t nb_slots;
};

static void must(bool is_ok, const char *what)
{
	if (is_ok)
		return;
	fprintf(stderr, "path: %s\n", what);
	exit(1);
}

/* ---- certificates ---- */

static struct device_uid uid_of(uint32_t n)
{
	struct device_uid uid = {.b = {0xde, 0xc1}};

	memcpy(uid.b + 12, &n, sizeof(n));
	return uid;
}

static void make_certs(struct plane *p)
{
	const int64_t now = time(NULL);
	struct test_cert_spec s = {
		.cn = EMS_SERIAL,
		.not_before_s = now - 3600,
		.not_after_s = now + 86400,
		.is_ca = true,
	};

	p->ca = test_cert_new(&s);
	s.cn = "shop.example";
	s.is_ca = false;
	s.eku = "serverAuth";
	s.san = "DNS:shop.example";
	p->web = test_cert_new(&s);
	s.san = NULL;
	s.eku = "clientAuth";
	s.issuer = p->ca;
	p->nb_keys = p->p.nb_devices < MAX_KEYS ? p->p.nb_devices : MAX_KEYS;
	for (uint32_t i = 0; i < p->nb_keys; i++) {
		const struct device_uid uid = uid_of(i);
		char cn[DEVICE_UID_STRLEN + 1];

		device_uid_emit(&uid, cn);
		s.cn = cn;
		s.serial = 1000 + i;
		p->device[i] = test_cert_new(&s);
	}
}

void plane_use_device(const struct plane *p, SSL *ssl, uint32_t n)
{
	const struct test_cert *c = p->device[n % p->nb_keys];

	must(SSL_use_certificate(ssl, c->x509) == 1 && SSL_use_PrivateKey(ssl, c->key) == 1,
	     "a device's certificate");
}

static void pem(char ret[static 4096], X509 *x, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	must(bio != NULL && (x == NULL || PEM_write_bio_X509(bio, x) == 1) &&
		     (key == NULL ||
		      PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1),
	     "PEM");
	const long len = BIO_get_mem_data(bio, &text);

	must(len > 0 && len < 4096, "PEM is too long");
	memcpy(ret, text, (size_t)len);
	ret[len] = '\0';
	BIO_free(bio);
}

/* ---- the document ---- */

__attribute__((format(printf, 2, 3))) static void put(struct plane *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	const int n = vsnprintf(p->doc + p->doc_len, DOCUMENT_MAX - p->doc_len, format, ap);
	va_end(ap);
	must(n >= 0 && (size_t)n < DOCUMENT_MAX - p->doc_len, "the document is too long");
	/* JSON with ' for ", which reads better in C. */
	for (char *s = p->doc + p->doc_len; *s != '\0'; s++)
		if (*s == '\'')
			*s = '"';
	p->doc_len += (size_t)n;
}

/* Policies that the devices' tags do not meet, and a last one that they do. */
static void put_policies(struct plane *p)
{
	put(p, "'policies':[");
	for (uint32_t i = 1; i <= p->p.nb_policies; i++)
		put(p,
		    "%s{'id':%u,'name':'p%u','access_proxies':['shop'],"
		    "'source':['192.0.2.0/24'],'tags':{'any':['%s%u']},'action':'accept',"
		    "'log':'all'}",
		    i > 1 ? "," : "", i, i, i == p->p.nb_policies ? "In" : "Out", i % 100);
	put(p, "],");
}

static void make_document(struct plane *p)
{
	p->doc = malloc(DOCUMENT_MAX);
	must(p->doc != NULL, "out of memory");
	put(p,
	    "{'dataplane':{'workers':[%s],'idle':'poll','hugepages':'off',"
	    "'max_connections':%u,'memory_mib':%u},",
	    p->p.nb_workers > 1 ? "1,2" : "1", p->p.max_connections, p->p.memory_mib);
	put(p, "'interfaces':[{'name':'wan','device':'%s','addresses':['192.0.2.10/24']},",
	    p->p.wan);
	put(p, "{'name':'lan','device':'%s','addresses':['198.51.100.1/24']}],", p->p.lan);
	put(p, "'ems':[{'id':1,'name':'ems','server':'127.0.0.1','serial_number':'" EMS_SERIAL
	       "','certificate':'1.pem','key':'2.pem','ztna_ca':'0.pem'}],");
	put(p, "'gateway':{'serial_number':'FPXVULTM24000083','vdom':'root'},");
	put(p, "'certificates':[{'name':'web','certificate':'1.pem','key':'2.pem'}],");
	put(p, "'access_proxies':[{'name':'shop','interface':'wan','address':'192.0.2.10',"
	       "'port':9043,'certificate':'web','client_cert':true,"
	       "'virtual_hosts':[{'name':'shop','host':'shop.example','host_type':'exact'}],"
	       "'api_gateways':[{'id':1,'url_map':'/','url_map_type':'sub-string',"
	       "'virtual_host':'shop','service':'http','ldb_method':'round-robin',"
	       "'real_servers':[{'id':1,'address':'198.51.100.20','port':8080}]}]}],");
	put_policies(p);
	put(p, "'log':{'traffic':{'path':'traffic.log','format':'keyvalue'}},"
	       "'api':{'unix':'/nowhere.sock'}}");
	pem(p->file[0], p->ca->x509, NULL);
	pem(p->file[1], p->web->x509, NULL);
	pem(p->file[2], NULL, p->web->key);
}

/* "/path/N.pem" is file N. */
static int read_file(void *user, const char *path, size_t max, uint8_t **ret, size_t *ret_len,
		     mode_t *ret_mode)
{
	const struct plane *p = user;
	const char *name = strrchr(path, '/');
	const unsigned n = name == NULL ? NB_FILES : (unsigned)(name[1] - '0');

	if (n >= NB_FILES || strlen(p->file[n]) > max)
		return -ENOENT;
	*ret_len = strlen(p->file[n]);
	*ret = (uint8_t *)strdup(p->file[n]);
	*ret_mode = 0600;
	return *ret == NULL ? -ENOMEM : 0;
}

/* ---- the snapshot ---- */

static int tag_id(void *user, const char *name, uint32_t *ret_id)
{
	struct plane *p = user;
	uint32_t i = 0;

	while (i < p->nb_tags && strcmp(p->tag[i], name) != 0)
		i++;
	if (i == p->nb_tags) {
		must(i < 256 && strlen(name) < sizeof(p->tag[0]), "a tag too many");
		memcpy(p->tag[p->nb_tags++], name, strlen(name) + 1);
	}
	*ret_id = i;
	return 0;
}

static int key_slot(void *user, struct slice der, uint32_t *ret_slot)
{
	struct plane *p = user;
	struct secrets_key *k = &p->shm.secrets->key[p->nb_slots];

	must(p->nb_slots < SECRETS_SLOTS && der.len <= sizeof(k->der), "a key too many");
	k->len = (uint32_t)der.len;
	memcpy(k->der, der.ptr, der.len);
	*ret_slot = p->nb_slots++;
	return 0;
}

static void put_config(struct plane *p)
{
	const struct config_files files = {.read = read_file, .user = p};
	const struct config_env env = {.tag_id = tag_id, .key_slot = key_slot, .user = p};
	struct config_errors *errs = calloc(1, sizeof(*errs));
	void *obj = NULL;
	size_t len = 0;

	must(errs != NULL, "out of memory");
	struct config *cfg = config_parse(p->doc, p->doc_len, "/path/doc.json", &files, errs);

	if (cfg == NULL)
		for (unsigned i = 0; i < errs->nb; i++)
			fprintf(stderr, "path: %s: %s\n", errs->e[i].path.s, errs->e[i].text);
	must(cfg != NULL, "the document has errors");
	must(config_compile(cfg, &env, &obj, &len) == 0, "the document does not compile");
	must(snap_build_config(p->build, obj, len) == 0, "the configuration was refused");
	free(obj);
	config_free(cfg);
	free(errs);
}

static void put_devices(struct plane *p)
{
	uint64_t bits[4] = {0};
	uint32_t posture, tag;
	char name[8];

	(void)snprintf(name, sizeof(name), "In%u", p->p.nb_policies % 100);
	(void)tag_id(p, name, &tag);
	bits[tag / 64] |= 1ull << (tag % 64);
	must(snap_build_posture(p->build, bits, 4, &posture) == 0, "a posture");
	for (uint32_t i = 0; i < p->p.nb_devices; i++) {
		struct snap_device d = {
			.uid = uid_of(i),
			.posture = posture,
			.sysinfo_ms = 1700000000000u,
			.tags_ms = 1700000000000u,
			.flags = SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO |
				 SNAP_DEV_HAS_TAGS,
		};
		const uint64_t serial = 1000 + i;

		for (unsigned k = 0; k < 8; k++)
			d.serial.b[sizeof(d.serial.b) - 1 - k] = (uint8_t)(serial >> (8 * k));
		must(snap_build_device_put(p->build, &d, 0) == 0, "a device");
	}
}

static int on_grow(void *user, uint64_t len)
{
	return shm_snapshot_grow(&((struct plane *)user)->shm, len);
}

static uint64_t on_publish(void *user, uint64_t root_off, uint64_t generation)
{
	const struct plane *p = user;

	atomic_store_explicit(&p->shm.rdv->root_off, root_off, memory_order_release);
	atomic_store_explicit(&p->shm.rdv->generation, generation, memory_order_release);
	return rcu_start(p->shm.rdv);
}

static bool on_is_done(void *user, uint64_t token)
{
	return rcu_is_done(((struct plane *)user)->shm.rdv, token);
}

/* One key for tickets, as after a start. */
static void put_ticket_key(struct plane *p)
{
	struct secrets_ticket_key *k = &p->shm.secrets->ticket[0];

	memset(k->name, 0x11, sizeof(k->name));
	memset(k->aes, 0x22, sizeof(k->aes));
	memset(k->hmac, 0x33, sizeof(k->hmac));
	k->not_before_ms = (uint64_t)time(NULL) * 1000;
}

/* Also when the rig ends early: one rig in a process, see rig_new(). */
static char dir_to_remove[sizeof(DIR_NAME)];

static void remove_dir(void)
{
	static const char *const name[] = {"snapshot", "rendezvous", "secrets", "feedback"};
	char path[sizeof(DIR_NAME) + 16];

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir_to_remove, name[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir_to_remove);
}

struct plane *plane_new(const struct plane_params *params)
{
	struct plane *p = calloc(1, sizeof(*p));
	bool is_resumed;

	must(p != NULL, "out of memory");
	p->p = *params;
	memcpy(p->dir, DIR_NAME, sizeof(DIR_NAME));
	/* A name that is free; shm_create() makes the directory. */
	must(mkdtemp(p->dir) != NULL && rmdir(p->dir) == 0, "no room in /dev/shm");
	memcpy(dir_to_remove, p->dir, sizeof(p->dir));
	(void)atexit(remove_dir);
	must(shm_create(&p->shm, p->dir, (uid_t)-1, (gid_t)-1, &is_resumed) == 0, "shm_create");
	const struct snap_build_ops ops = {on_grow, on_publish, on_is_done, p};
	const struct snap_hdr *hdr = (const struct snap_hdr *)p->shm.snapshot;

	p->build = snap_build_new(p->shm.snapshot, p->shm.snapshot_cap, params->nb_devices,
				  hdr->hash_seed, p->shm.rdv->instance, &ops);
	must(p->build != NULL, "snap_build_new");
	make_certs(p);
	make_document(p);
	put_ticket_key(p);
	put_config(p);
	put_devices(p);
	must(snap_build_publish(p->build, 1) == 0, "snap_build_publish");
	return p;
}

const char *plane_dir(const struct plane *p)
{
	return p->dir;
}

uint64_t plane_tick(struct plane *p, uint64_t now_ms)
{
	struct record r[32];
	uint64_t lost, nb = 0;
	uint32_t n;

	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++)
		atomic_store_explicit(&p->shm.rdv->ems_contact_ms[i], now_ms, memory_order_relaxed);
	if (p->shm.feedback == NULL)
		must(shm_feedback_attach(&p->shm) >= 0, "no feedback file");
	for (uint32_t i = 0; i < p->p.nb_workers; i++)
		while ((n = record_ring_read(&p->shm, i, r, 32, &lost)) > 0)
			nb += n;
	return nb;
}

void plane_free(struct plane *p)
{
	snap_build_free(p->build);
	shm_close(&p->shm);
	remove_dir();
	for (uint32_t i = 0; i < p->nb_keys; i++)
		test_cert_free(p->device[i]);
	test_cert_free(p->web);
	test_cert_free(p->ca);
	free(p->doc);
	free(p);
}
