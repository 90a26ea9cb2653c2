/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The query of a request as handlers ask it: text, numbers, presence. What is decoded fits, has no
 * NUL inside, and can be shown as JSON.
 */

#include "rest/rest_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(const struct rest_req *req, const char *key)
{
	char text[64];
	json_t *j;

	memset(text, 'x', sizeof(text));
	if (rest_query(req, key, text, sizeof(text))) {
		if (memchr(text, '\0', sizeof(text)) == NULL || !rest_has_query(req, key))
			abort();
		j = rest_cstr(text);
		if (!json_is_string(j))
			abort();
		json_decref(j);
	}
	if (rest_query_uint(req, key, 7, 1000) > 1000)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *query = malloc(len + 1);

	if (query == NULL)
		return 0;
	if (len > 0)
		memcpy(query, data, len);
	query[len] = '\0';

	const struct rest_req req = {.query = query, .path = "/", .arg = ""};

	ask(&req, "limit");
	ask(&req, "uid");
	ask(&req, "cursor");

	/* Bytes of EMS's, not only of the query's. */
	json_t *j = rest_string(data, len);

	if (!json_is_string(j))
		abort();
	json_decref(j);
	free(query);
	return 0;
}
