/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The head of a request to the API. What is read is bounded, and the same whatever comes behind
 * it; less of it is never more; and nothing decoded can be taken for two things.
 */

#include "rest/http_head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Ends, and has no control but the tab that a field may have (RFC 9110 5.5). */
static void check_text(const char *s, size_t cap)
{
	const size_t n = strnlen(s, cap);

	if (n == cap)
		abort();
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			abort();
}

static void check_head(const struct http_head *h)
{
	if (h->method[0] == '\0' || h->minor > 1)
		abort();
	if (h->path[0] != '/' && strcmp(h->path, "*") != 0)
		abort();
	check_text(h->method, sizeof(h->method));
	check_text(h->path, sizeof(h->path));
	check_text(h->query, sizeof(h->query));
	check_text(h->authorization, sizeof(h->authorization));
	check_text(h->if_match, sizeof(h->if_match));
	check_text(h->if_none_match, sizeof(h->if_none_match));
	check_text(h->websocket_key, sizeof(h->websocket_key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct http_head whole, alone;
	const int rc = http_head_parse((const char *)data, len, &whole);

	if (rc > 0 && ((size_t)rc > len || (size_t)rc > HTTP_HEAD_MAX))
		abort();
	if (rc < 0 && (rc > -400 || rc <= -600))
		abort();
	/* A server that waits for more must have room for it. */
	if (rc == 0 && len >= HTTP_HEAD_MAX)
		abort();
	if (rc <= 0)
		return 0;
	check_head(&whole);

	/* Of exactly its size: what lies behind it is not looked at. */
	char *copy = malloc((size_t)rc);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, (size_t)rc);
	if (http_head_parse(copy, (size_t)rc, &alone) != rc || alone.length != whole.length ||
	    strcmp(alone.path, whole.path) != 0 || strcmp(alone.query, whole.query) != 0 ||
	    alone.is_close != whole.is_close || alone.is_upgrade != whole.is_upgrade)
		abort();
	if (http_head_parse(copy, (size_t)rc - 1, &alone) > 0)
		abort();
	free(copy);
	return 0;
}
