/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Parsing a request head and normalizing its path and host: the least that is a request, one as a
 * browser sends it, and the largest that is let through (100 fields, 16 KiB), whole and with the
 * longest path.
 */

#include "bench/micro/row.h"
#include "http/h1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEAT 200u

static const char small[] = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
static const char browser[] =
	"GET /static/app/main.3f2a1b.js?v=20260101&lang=en HTTP/1.1\r\n"
	"Host: www.shop.example:9043\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Referer: https://www.shop.example:9043/catalogue/items?page=2\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Priority: u=0, i\r\n"
	"\r\n";

/* As many fields as are let through, and as many bytes. */
static size_t make_fields(char *buf, size_t cap)
{
	const size_t each = (cap - 64) / H1_MAX_HEADERS;
	size_t len = 0;
	int n = snprintf(buf, cap, "GET / HTTP/1.1\r\nHost: shop.example\r\n");

	for (unsigned i = 1; n > 0 && i < H1_MAX_HEADERS; i++) {
		len += (size_t)n;
		n = snprintf(buf + len, cap - len, "X-Field-%03u: %0*u\r\n", i, (int)each - 16, i);
	}
	len += (size_t)n;
	memcpy(buf + len, "\r\n", 2);
	return len + 2;
}

/* The longest path, all of it to be decoded. */
static size_t make_path(char *buf, size_t cap)
{
	int n = snprintf(buf, cap, "GET /");
	size_t len = (size_t)n;

	while (len < H1_MAX_PATH - 8) {
		memcpy(buf + len, "%61/../%7E", 10);
		len += 10;
	}
	n = snprintf(buf + len, cap - len, " HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	return len + (size_t)n;
}

static bool parse(struct slice in)
{
	static char path[3 * H1_MAX_HEAD], host[512];
	struct h1_head head;
	enum outcome outcome;
	size_t len;

	if (h1_parse_request(in, &head, &outcome) < 0)
		return false;
	const bool is_ok = h1_normalize_path(head.path, path, sizeof(path), &len) == 0 &&
			   h1_normalize_host(head.host, host, sizeof(host), &len) == 0;
	row_keep(len);
	return is_ok;
}

static bool measure(const struct row_options *opt, const char *name, const char *text, size_t len)
{
	const struct slice in = slice_of(text, len);
	const uint32_t repeat = len > 2000 ? REPEAT / 10 : REPEAT;
	struct row r;

	row_begin(&r, "cycles/op", "http/head/%s", name);
	if (!row_is_wanted(opt, r.name))
		return true;
	for (unsigned i = 0; i < 2 + row_rounds(opt, 31); i++) {
		double least = 1e18;

		/* The least of some batches: an interrupt falls on one of them only. */
		for (unsigned k = 0; k < 20; k++) {
			const uint64_t t = row_clock_begin();

			for (uint32_t n = 0; n < repeat; n++)
				r.nb_errors += !parse(in);
			const double took = (double)(row_clock_end() - t) / repeat;

			least = took < least ? took : least;
		}
		if (i >= 2)
			row_sample(&r, least);
	}
	row_note(&r, "%zu bytes, with path and host normalized", len);
	return row_end(&r);
}

int main(int argc, char **argv)
{
	static char fields[H1_MAX_HEAD], path[H1_MAX_HEAD];
	struct row_options opt;

	row_options_parse(&opt, argc, argv);
	bool is_ok = measure(&opt, "small", small, strlen(small));
	is_ok &= measure(&opt, "browser", browser, strlen(browser));
	is_ok &= measure(&opt, "most-fields", fields, make_fields(fields, sizeof(fields)));
	is_ok &= measure(&opt, "longest-path", path, make_path(path, sizeof(path)));
	return is_ok ? 0 : 1;
}
