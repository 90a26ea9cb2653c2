/* SPDX-License-Identifier: BSD-3-Clause */

/* The head of a version's file. What was taken is written again and taken again, the same. */

#include "config_store/version_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A sum no fuzzer guesses: the second line is fitted with one. */
static char *with_sum(const char *line, size_t len, size_t *ret_len)
{
	char sum[CONFIG_SHA256_LEN + 1];
	char *text = malloc(len + 128);

	if (text == NULL)
		abort();
	config_sha256(slice_of(line, len), sum);
	const int n = snprintf(text, 128, "tagwarden-config 1 %s\n", sum);
	if (n < 0 || n >= 128)
		abort();
	memcpy(text + n, line, len);
	text[(size_t)n + len] = '\n';
	*ret_len = (size_t)n + len + 1;
	return text;
}

static void parse(const char *text, size_t len)
{
	struct config_version v, again;
	size_t head_len, emitted_len;

	if (version_head_parse(text, len, &v, &head_len) < 0)
		return;
	if (head_len > len || head_len > VERSION_HEAD_MAX)
		abort();
	char *head = version_head_emit(&v, &emitted_len);
	if (head == NULL || emitted_len > VERSION_HEAD_MAX ||
	    version_head_parse(head, emitted_len, &again, &head_len) < 0 || head_len != emitted_len)
		abort();
	char *second = version_head_emit(&again, &emitted_len);
	if (second == NULL || strcmp(head, second) != 0)
		abort();
	free(second);
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t fitted_len;

	parse((const char *)data, len);
	char *fitted = with_sum((const char *)data, len, &fitted_len);
	parse(fitted, fitted_len);
	free(fitted);
	return 0;
}
