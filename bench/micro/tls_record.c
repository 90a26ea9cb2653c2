/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a record costs on an established connection, by the bytes in it: written and read by the
 * server's side, through tls_conn and its BIO, over queues in memory that stay warm. TLS 1.3,
 * AES-128-GCM.
 *
 *	tls_record [--quick] [--core N] [--only TEXT]    rows of JSON, see row.h
 */

#include "bench/micro/row.h"
#include "tests/unit/dataplane/tls/tls_fixture.h"
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 64u

static const uint32_t sizes[] = {64, 256, 1024, 4096, 16384};

/*
 * Half a page from where libssl's record buffers begin: "rep movsb", by which the C library copies
 * what is long, takes five times as long on some processors when source and destination are at
 * nearly the same place of their pages.
 */
#define PAGE 4096u
static _Alignas(PAGE) uint8_t text_pages[PAGE / 2 + TLS_RECORD_MAX];
static uint8_t *const text = text_pages + PAGE / 2;
static uint8_t got[TLS_RECORD_MAX];

static void fail(const char *what)
{
	fprintf(stderr, "tls_record: %s\n", what);
	exit(1);
}

static void move_all(struct duo *d)
{
	while (duo_move(d))
		;
}

static double write_one(struct duo *d, uint32_t size)
{
	size_t n;
	const uint64_t t = row_clock_begin();
	const int rc = tls_conn_write(d->conn, text, size, &n);
	const uint64_t cycles = row_clock_end() - t;

	if (rc < 0)
		fail("no room");
	move_all(d);
	while (duo_client_read(d, got, sizeof(got)) > 0)
		;
	return (double)cycles;
}

static double read_one(struct duo *d, uint32_t size)
{
	size_t n;

	if (SSL_write_ex(d->client, text, size, &n) != 1)
		fail("the client cannot write");
	move_all(d);

	const uint64_t t = row_clock_begin();
	const int rc = tls_conn_read(d->conn, got, sizeof(got), &n);
	const uint64_t cycles = row_clock_end() - t;

	if (rc < 0 || n != size)
		fail("not what was written");
	return (double)cycles;
}

static void measure(const struct row_options *opt, struct duo *d, uint32_t size, bool is_write)
{
	struct row r;
	char name[ROW_NAME];

	(void)snprintf(name, sizeof(name), "tls/record/%s/%u", is_write ? "write" : "read", size);
	if (!row_is_wanted(opt, name))
		return;
	row_begin(&r, "cycles/record", "%s", name);
	for (unsigned i = 0; i < row_rounds(opt, 31); i++) {
		double least = 0;

		for (unsigned k = 0; k < BATCH; k++) {
			const double c = is_write ? write_one(d, size) : read_one(d, size);

			least = k == 0 || c < least ? c : least;
		}
		row_sample(&r, least);
	}
	row_note(&r, "each sample the least of %u records", BATCH);
	(void)row_end(&r);
}

int main(int argc, char **argv)
{
	const struct service_opts so = {.client_cert = TLS_CLIENT_CERT_REQUIRED};
	const struct link_opts link = {.max_run = 1448};
	struct row_options opt;
	struct pki p;
	struct duo d;

	row_options_parse(&opt, argc, argv);
	pki_init(&p);
	struct tls_worker *w = tls_worker_new(NULL, 16);

	tls_worker_set_time(w, NOW_S);
	struct tls_service *s = service_make(w, &p, &so);
	const struct client_opts co = {
		.version = TLS1_3_VERSION, .sni = "shop.example", .cert = p.device};

	duo_init(&d, s, &co, &link);
	if (duo_handshake(&d) < 0)
		fail("no handshake");
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(&opt, &d, sizes[i / 2], i % 2 == 0);
	duo_fini(&d);
	tls_service_free(s);
	tls_worker_free(w);
	pki_fini(&p);
	return 0;
}
