/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line's reader of HTTP answers. The first byte says in pieces of what size the rest
 * comes: however it is cut, the answer is the same.
 */

#include "cli/http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int read_all(const uint8_t *data, size_t len, size_t piece, struct http_answer *ret)
{
	struct http_reader r;
	int rc = 0;

	http_reader_init(&r, BODY_MAX);
	for (size_t at = 0; at < len && rc == 0; at += piece)
		rc = http_reader_feed(&r, (const char *)data + at,
				      len - at < piece ? len - at : piece);
	if (rc == 0)
		rc = http_reader_eof(&r);
	if (rc == 1) {
		http_reader_take(&r, ret);
		if (ret->body == NULL || ret->len > BODY_MAX || ret->body[ret->len] != '\0' ||
		    ret->status < 100 || ret->status > 999)
			abort();
	}
	http_reader_fini(&r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_answer whole = {0}, cut = {0};

	if (len < 2)
		return 0;

	const int rc = read_all(data + 1, len - 1, len, &whole);

	if (read_all(data + 1, len - 1, 1u + data[0], &cut) != rc)
		abort();
	if (rc == 1 && (whole.status != cut.status || whole.len != cut.len ||
			memcmp(whole.body, cut.body, whole.len) != 0 ||
			strcmp(whole.content_type, cut.content_type) != 0))
		abort();
	http_answer_fini(&whole);
	http_answer_fini(&cut);
	return 0;
}
