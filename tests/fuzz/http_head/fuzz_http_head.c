/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads of requests and responses. Beyond not crashing:
 *  - a prefix is answered with -EAGAIN or with what the whole is answered with;
 *  - what is written from a parsed message parses again, to the same message;
 *  - a normalized path or host is its own normal form.
 */
#include "http/block_page.h"
#include "http/h1.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct answer {
	int rc;
	enum outcome why;
};

static struct answer parse(struct slice in, bool is_request, struct h1_head *head)
{
	struct answer a = {.why = OUTCOME__COUNT};

	a.rc = is_request ? h1_parse_request(in, head, &a.why)
			  : h1_parse_response(in, H1_GET, head, &a.why);
	return a;
}

static void check_prefixes(struct slice in, bool is_request, struct answer whole)
{
	static struct h1_head head;
	/* Every cut of short inputs, some of long ones. */
	const size_t step = in.len < 1024 ? 1 : in.len / 512;

	for (size_t n = 0; n < in.len; n += step) {
		const struct answer a = parse(slice_of(in.ptr, n), is_request, &head);
		must(a.rc == -EAGAIN || (a.rc == whole.rc && a.why == whole.why));
	}
}

static void check_same_fields(const struct h1_head *a, const struct h1_head *b)
{
	uint32_t j = 0;

	/* <b> was written from <a>: its fields are some of a's, in order, and then the proxy's. */
	for (uint32_t i = 0; i < a->nb_headers && j < b->nb_headers; i++) {
		if (slice_is_equal(a->header[i].name, b->header[j].name) &&
		    slice_is_equal(a->header[i].value, b->header[j].value))
			j++;
	}
	for (; j < b->nb_headers; j++) {
		const struct slice name = b->header[j].name;
		must(slice_is_equal(name, SLICE_LIT("X-Forwarded-For")) ||
		     slice_is_equal(name, SLICE_LIT("Content-Length")) ||
		     slice_is_equal(name, SLICE_LIT("Transfer-Encoding")) ||
		     slice_is_equal(name, SLICE_LIT("Connection")) ||
		     slice_is_equal(name, SLICE_LIT("Upgrade")));
	}
}

static void check_request(const struct h1_head *head)
{
	static const struct h1_identity id = {.client_ip = {(const uint8_t *)"192.0.2.1", 9}};
	static struct h1_head again;
	static char out[3 * H1_MAX_HEAD];
	char path[3 * H1_MAX_PATH], host[256];
	size_t path_len, host_len, n;
	struct h1_writer w = {.buf = out, .cap = sizeof(out)};

	must(h1_normalize_host(head->host, host, sizeof(host), &host_len) == 0);
	(void)block_page_wants_json(head);
	if (h1_normalize_path(head->path, path, sizeof(path), &path_len) < 0)
		return;
	must(h1_normalize_path(slice_of(path, path_len), path, sizeof(path), &n) == 0);
	must(n == path_len);
	/* Ours adds a line to what may be a full house. */
	if (head->nb_headers + 4 > H1_MAX_HEADERS)
		return;
	h1_write_request(&w, head, slice_of(path, path_len), head->host, &id);
	must(!w.is_full);
	if (w.len > H1_MAX_HEAD || path_len > H1_MAX_PATH)
		return;
	must(parse(slice_of(out, w.len), true, &again).rc == 0);
	must(again.len == w.len && again.minor == 1);
	must(slice_is_equal(again.method_name, head->method_name));
	must(slice_is_equal(again.path, slice_of(path, path_len)));
	must(slice_is_equal(again.query, head->query));
	must(again.framing == head->framing && again.content_length == head->content_length);
	must(again.has_upgrade == head->has_upgrade && !again.has_expect_continue);
	must(!again.has_connection_names);
	/* Host is written first. */
	again.header[0] = (struct h1_header){SLICE_LIT("X-Forwarded-For"), SLICE_EMPTY};
	must(again.nb_headers > 0);
	for (uint32_t i = 1; i < again.nb_headers; i++)
		again.header[i - 1] = again.header[i];
	again.nb_headers--;
	check_same_fields(head, &again);
}

static void check_response(const struct h1_head *head)
{
	static struct h1_head again;
	static char out[2 * H1_MAX_HEAD];
	struct h1_writer w = {.buf = out, .cap = sizeof(out)};

	if (head->nb_headers + 2 > H1_MAX_HEADERS)
		return;
	h1_write_response(&w, head, head->framing, head->is_keep_alive);
	must(!w.is_full);
	if (w.len > H1_MAX_HEAD)
		return;
	must(parse(slice_of(out, w.len), false, &again).rc == 0);
	must(again.len == w.len && again.status == head->status);
	must(again.framing == head->framing);
	must(again.has_upgrade == head->has_upgrade);
	check_same_fields(head, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct h1_head head;
	const struct slice in = slice_of(data, len);

	for (int is_request = 0; is_request < 2; is_request++) {
		const struct answer a = parse(in, is_request, &head);
		must(a.rc == 0 || a.rc == -EAGAIN || a.rc == -EBADMSG);
		must((a.rc == -EBADMSG) == (a.why != OUTCOME__COUNT));
		if (a.rc == 0) {
			must(head.len <= len && head.len <= H1_MAX_HEAD);
			is_request ? check_request(&head) : check_response(&head);
		}
		check_prefixes(in, is_request, a);
	}
	return 0;
}
