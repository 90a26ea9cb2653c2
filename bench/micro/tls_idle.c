/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an idle TLS session of the server's side holds of libssl's and libcrypto's memory: clients
 * with a certificate shake hands, exchange a request and a response, and are freed; what is then
 * still allocated is the server's. By size as malloc() rounds it up.
 *
 *	tls_idle [--quick] [--core N] [--only TEXT]    rows of JSON, see row.h
 *	tls_idle --sites                               and where it was allocated, for each case
 */

#include "bench/micro/row.h"
#include "common/base/slice.h"
#include "tests/unit/dataplane/tls/tls_fixture.h"
#include "tls/tls.h"
#include "tls/tls_process_priv.h"

#include <openssl/crypto.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NB 200u
#define MAX_SITES 4096u
#define MALLOC_HEAD 8u /* what glibc's malloc() adds to a block */
#define MARK 32u       /* what stands before a block here */

struct site {
	const char *file;
	int line;
	int64_t bytes, blocks;
};

struct mark {
	size_t size;
	uint32_t site;
};

static struct site sites[MAX_SITES];
static uint32_t nb_sites;
static int64_t live;

static void fail(const char *what)
{
	fprintf(stderr, "tls_idle: %s\n", what);
	exit(1);
}

static uint32_t find_site(const char *file, int line)
{
	for (uint32_t i = 0; i < nb_sites; i++)
		if (sites[i].line == line && strcmp(sites[i].file, file) == 0)
			return i;
	if (nb_sites == MAX_SITES)
		return 0;
	sites[nb_sites] = (struct site){.file = file, .line = line};
	return nb_sites++;
}

/* As glibc rounds: blocks are multiples of 16, 32 at least. */
static size_t rounded(size_t n)
{
	const size_t whole = (n + MALLOC_HEAD + 15) / 16 * 16;

	return whole < 32 ? 32 : whole;
}

static void account(const struct mark *m, int sign)
{
	live += sign * (int64_t)m->size;
	sites[m->site].bytes += sign * (int64_t)m->size;
	sites[m->site].blocks += sign;
}

static void *on_malloc(size_t n, const char *file, int line)
{
	struct mark *m = malloc(n + MARK);

	if (m == NULL)
		return NULL;
	*m = (struct mark){rounded(n), find_site(file == NULL ? "" : file, line)};
	account(m, 1);
	return (uint8_t *)m + MARK;
}

static void on_free(void *p, const char *, int)
{
	struct mark *m = (void *)((uint8_t *)p - MARK);

	if (p == NULL)
		return;
	account(m, -1);
	free(m);
}

static void *on_realloc(void *p, size_t n, const char *file, int line)
{
	struct mark *m = p == NULL ? NULL : (void *)((uint8_t *)p - MARK);

	if (p == NULL)
		return on_malloc(n, file, line);
	account(m, -1);
	struct mark *grown = realloc(m, n + MARK);

	if (grown == NULL) {
		account(m, 1);
		return NULL;
	}
	grown->size = rounded(n);
	account(grown, 1);
	return (uint8_t *)grown + MARK;
}

struct idle_case {
	const char *name;
	int version;
	bool has_cert;
};

static const struct idle_case cases[] = {
	{"tls1.3/client-certificate", TLS1_3_VERSION, true},
	{"tls1.3/no-certificate", TLS1_3_VERSION, false},
	{"tls1.2/client-certificate", TLS1_2_VERSION, true},
};

/* One request of 200 bytes and one answer of 1000. */
static void talk(struct duo *d)
{
	static uint8_t buf[16384];
	size_t n;

	SSL_write_ex(d->client, buf, 200, &n);
	while (duo_move(d))
		;
	if (tls_conn_read(d->conn, buf, sizeof(buf), &n) < 0 ||
	    tls_conn_write(d->conn, buf, 1000, &n) < 0)
		fail("no handshake, or no talk");
	while (duo_move(d))
		;
	(void)duo_client_read(d, buf, sizeof(buf));
}

static void drop_client(struct duo *d)
{
	SSL_SESSION_free(d->ticket);
	d->ticket = NULL;
	SSL_free(d->client);
	SSL_CTX_free(d->ctx);
}

static void one(struct duo *d, struct tls_service *s, const struct client_opts *c)
{
	duo_init(d, s, c, NULL);
	if (duo_handshake(d) < 0)
		fail("no handshake, or no talk");
	talk(d);
	drop_client(d);
}

static int by_bytes(const void *a, const void *b)
{
	const int64_t x = ((const struct site *)a)->bytes, y = ((const struct site *)b)->bytes;

	return (x < y) - (x > y);
}

static void print_sites(const struct site *before)
{
	static struct site s[MAX_SITES];

	memcpy(s, sites, sizeof(s));
	for (uint32_t i = 0; i < nb_sites; i++) {
		s[i].bytes -= before[i].bytes;
		s[i].blocks -= before[i].blocks;
	}
	qsort(s, nb_sites, sizeof(s[0]), by_bytes);
	for (uint32_t i = 0; i < 40 && s[i].bytes > NB * 16; i++)
		fprintf(stderr, "%8.0f bytes in %5.1f blocks  %s:%d\n", (double)s[i].bytes / NB,
			(double)s[i].blocks / NB, s[i].file, s[i].line);
}

static void measure(const struct idle_case *k, const struct pki *p, struct tls_worker *w,
		    bool has_sites)
{
	static struct site before[MAX_SITES];
	static struct duo duos[NB + 1];
	const struct service_opts so = {.client_cert = k->has_cert ? TLS_CLIENT_CERT_REQUIRED
								   : TLS_CLIENT_CERT_NONE};
	const struct client_opts co = {.version = k->version,
				       .sni = "shop.example",
				       .cert = k->has_cert ? p->device : NULL};
	struct tls_service *s = service_make(w, p, &so);
	struct row r;

	one(&duos[NB], s, &co); /* what is made once */
	memcpy(before, sites, sizeof(before));
	const int64_t start = live;

	for (unsigned i = 0; i < NB; i++)
		one(&duos[i], s, &co);
	row_begin(&r, "bytes/session", "tls/idle/%s", k->name);
	row_sample(&r, (double)(live - start) / NB);
	row_note(&r, "libssl and libcrypto alone");
	(void)row_end(&r);
	if (has_sites)
		print_sites(before);
	for (unsigned i = 0; i <= NB; i++) {
		tls_conn_free(duos[i].conn);
		mem_queue_fini(&duos[i].to_server);
		mem_queue_fini(&duos[i].to_client);
	}
	tls_service_free(s);
}

int main(int argc, char **argv)
{
	const bool has_sites = argc > 1 && strcmp(argv[1], "--sites") == 0;
	struct row_options opt;
	struct pki p;

	if (CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free) != 1)
		return 1;
	/* All of tls_process_init() but the slab, whose functions would take the place of these. */
	if (!tls_engine_install() || setenv("TLS_STOCK", "1", 1) != 0)
		return 1;
	row_options_parse(&opt, argc - has_sites, argv + has_sites);
	pki_init(&p);
	struct tls_worker *w = tls_worker_new(NULL, 16);

	tls_worker_set_time(w, NOW_S);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (row_is_wanted(&opt, cases[i].name))
			measure(&cases[i], &p, w, has_sites);
	tls_worker_free(w);
	pki_fini(&p);
	return 0;
}
