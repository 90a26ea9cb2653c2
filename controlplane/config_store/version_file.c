/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/version_file.h"

#include <jansson.h>
#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "tagwarden-config 1 "
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define FIRST_LINE_LEN (MAGIC_LEN + CONFIG_SHA256_LEN + 1)

static const char *const kind_names[CONFIG_KIND__COUNT] = {
	[CONFIG_KIND_START] = "start",         [CONFIG_KIND_RELOAD] = "reload",
	[CONFIG_KIND_COMMIT] = "commit",       [CONFIG_KIND_TRIAL] = "trial",
	[CONFIG_KIND_CONFIRMED] = "confirmed", [CONFIG_KIND_TIMED_OUT] = "timed-out",
	[CONFIG_KIND_ROLLBACK] = "rollback",
};

const char *config_kind_name(enum config_kind kind)
{
	return kind < CONFIG_KIND__COUNT ? kind_names[kind] : "unknown";
}

void config_sha256(struct slice s, char ret[static CONFIG_SHA256_LEN + 1])
{
	static const char digit[] = "0123456789abcdef";
	uint8_t sum[CONFIG_SHA256_LEN / 2] = {};

	/* It fails only without memory; the zeros then fit no document. */
	(void)EVP_Digest(s.ptr, s.len, sum, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < sizeof(sum); i++) {
		ret[2 * i] = digit[sum[i] >> 4];
		ret[2 * i + 1] = digit[sum[i] & 15];
	}
	ret[CONFIG_SHA256_LEN] = '\0';
}

char *version_head_emit(const struct config_version *v, size_t *ret_len)
{
	char sum[CONFIG_SHA256_LEN + 1];
	char *head = NULL;

	json_t *j = json_pack("{s:I,s:I,s:s,s:s,s:s,s:I,s:s}", "version", (json_int_t)v->number,
			      "time_ms", (json_int_t)v->time_ms, "kind", config_kind_name(v->kind),
			      "who", v->who, "comment", v->comment, "length", (json_int_t)v->len,
			      "sha256", v->sha256);
	/* ASCII alone: no line end but our own can be in it. */
	char *line = j == NULL ? NULL : json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(j);
	if (line == NULL)
		return NULL;
	config_sha256(slice_of(line, strlen(line)), sum);
	const int n = asprintf(&head, MAGIC "%s\n%s\n", sum, line);
	free(line);
	if (n < 0)
		return NULL;
	*ret_len = (size_t)n;
	return head;
}

static int take_uint(const json_t *j, const char *key, uint64_t *ret)
{
	const json_t *v = json_object_get(j, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -EBADMSG;
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int take_string(const json_t *j, const char *key, char *ret, size_t cap)
{
	const json_t *v = json_object_get(j, key);

	if (!json_is_string(v) || json_string_length(v) >= cap)
		return -EBADMSG;
	memcpy(ret, json_string_value(v), json_string_length(v) + 1);
	return 0;
}

static int take_kind(const json_t *j, enum config_kind *ret)
{
	const char *name = json_string_value(json_object_get(j, "kind"));

	for (unsigned i = 0; name != NULL && i < CONFIG_KIND__COUNT; i++) {
		if (strcmp(kind_names[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EBADMSG;
}

int version_head_parse(const char *ptr, size_t len, struct config_version *ret, size_t *ret_len)
{
	char sum[CONFIG_SHA256_LEN + 1];
	struct config_version v = {};

	if (len <= FIRST_LINE_LEN || memcmp(ptr, MAGIC, MAGIC_LEN) != 0 ||
	    ptr[FIRST_LINE_LEN - 1] != '\n')
		return -EBADMSG;
	const char *line = ptr + FIRST_LINE_LEN;
	const char *end = memchr(line, '\n', len - FIRST_LINE_LEN);
	if (end == NULL || (size_t)(end - ptr) >= VERSION_HEAD_MAX)
		return -EBADMSG;
	config_sha256(slice_of(line, (size_t)(end - line)), sum);
	if (memcmp(sum, ptr + MAGIC_LEN, CONFIG_SHA256_LEN) != 0)
		return -EBADMSG;
	json_t *j = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
	const bool is_good = take_uint(j, "version", &v.number) == 0 &&
			     take_uint(j, "time_ms", &v.time_ms) == 0 &&
			     take_uint(j, "length", &v.len) == 0 && take_kind(j, &v.kind) == 0 &&
			     take_string(j, "who", v.who, sizeof(v.who)) == 0 &&
			     take_string(j, "comment", v.comment, sizeof(v.comment)) == 0 &&
			     take_string(j, "sha256", v.sha256, sizeof(v.sha256)) == 0 &&
			     strlen(v.sha256) == CONFIG_SHA256_LEN;
	json_decref(j);
	if (!is_good)
		return -EBADMSG;
	*ret = v;
	*ret_len = (size_t)(end - ptr) + 1;
	return 0;
}
