/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_payload.h"

#include "ems/ems_arena.h"
#include "ems/ems_mend.h"

#include <zlib.h>

#include <errno.h>
#include <stdlib.h>

/*
 * Sizes before the parser is let in: its own limit is 2048 levels, each a stack frame, and it has
 * none for memory. NULL, or why not. Broken JSON may be miscounted: the parser refuses it.
 */
static ems_why check_size(struct slice s)
{
	unsigned depth = 0, nb_containers = 0, nb_commas = 0;
	bool in_string = false;

	for (size_t i = 0; i < s.len; i++) {
		const uint8_t c = s.ptr[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == ',') {
			nb_commas++;
		} else if (c == '{' || c == '[') {
			nb_containers++;
			if (++depth > EMS_JSON_DEPTH)
				return "JSON nested too deep";
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	if (nb_containers > EMS_JSON_CONTAINERS || nb_commas > EMS_JSON_VALUES)
		return "too many JSON values";
	return NULL;
}

static json_t *parse_json(struct slice s, ems_why *ret_why)
{
	json_error_t err;
	const ems_why why = check_size(s);
	json_t *j;

	if (why != NULL) {
		*ret_why = why;
		return NULL;
	}
	j = json_loadb((const char *)s.ptr, s.len, JSON_REJECT_DUPLICATES, &err);
	if (j == NULL)
		*ret_why = "not JSON";
	return j;
}

static void copy_text(const char *from, char *to, size_t cap)
{
	const size_t n = from == NULL ? 0 : strnlen(from, cap - 1);

	if (n > 0)
		memcpy(to, from, n);
	to[n] = '\0';
}

int ems_reply_parse(struct slice body, struct ems_reply *ret, ems_why *ret_why)
{
	struct ems_reply r = {0};

	r.root = parse_json(body, ret_why);
	if (r.root == NULL)
		return -EBADMSG;

	const json_t *result = json_object_get(r.root, "result");
	const json_t *retval = json_object_get(result, "retval");

	if (!json_is_integer(retval)) {
		*ret_why = "no result.retval";
		json_decref(r.root);
		return -EBADMSG;
	}
	/* Not to be cut to 32 bits: 2^32 + 1 is no success. */
	if (json_integer_value(retval) < INT32_MIN || json_integer_value(retval) > INT32_MAX) {
		*ret_why = "result.retval out of range";
		json_decref(r.root);
		return -EBADMSG;
	}
	r.retval = (int)json_integer_value(retval);
	copy_text(json_string_value(json_object_get(result, "message")), r.message,
		  sizeof(r.message));
	r.data = json_object_get(r.root, "data");
	*ret = r;
	return 0;
}

void ems_reply_free(struct ems_reply *r)
{
	json_decref(r->root);
	*r = (struct ems_reply){0};
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int ems_base64_decode(struct slice in, uint8_t **ret, size_t *ret_len)
{
	size_t len = in.len;
	size_t n = 0;
	uint8_t *out;

	if (len % 4 != 0)
		return -EBADMSG;
	for (unsigned pad = 0; pad < 2 && len > 0 && in.ptr[len - 1] == '='; pad++)
		len--;
	out = malloc(len * 3 / 4 + 1);
	if (out == NULL)
		return -ENOMEM;

	uint32_t acc = 0;

	for (size_t i = 0; i < len; i++) {
		const int v = base64_value(in.ptr[i]);

		if (v < 0) {
			free(out);
			return -EBADMSG;
		}
		acc = acc << 6 | (uint32_t)v;
		if (i % 4 != 0)
			out[n++] = (uint8_t)(acc >> (6 - 2 * (i % 4)));
	}
	*ret = out;
	*ret_len = n;
	return 0;
}

/*
 * Inflate to exactly <want> bytes: the one place where a small answer could grow. The stream
 * must end there, so neither more nor less gets through.
 */
static int unzip(struct slice in, size_t want, uint8_t **ret)
{
	uint8_t *out = malloc(want + 1);
	z_stream z = {.next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len};
	int rc;

	if (out == NULL)
		return -ENOMEM;
	if (inflateInit(&z) != Z_OK) {
		free(out);
		return -ENOMEM;
	}
	z.next_out = out;
	z.avail_out = (uInt)want + 1;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (rc != Z_STREAM_END || z.total_out != want || z.avail_in > 0) {
		free(out);
		return -EBADMSG;
	}
	*ret = out;
	return 0;
}

static int decode_zipped(const json_t *text, const json_t *size, struct ems_page *p,
			 ems_why *ret_why)
{
	uint8_t *zipped = NULL, *plain = NULL;
	size_t len;
	int rc = -EBADMSG;

	*ret_why = "data or unzipped_size missing";
	if (!json_is_string(text) || !json_is_integer(size))
		return rc;

	const json_int_t want = json_integer_value(size);

	*ret_why = "unzipped_size out of range";
	if (want < 0 || want > (json_int_t)EMS_UNZIPPED_MAX)
		return rc;
	*ret_why = "bad base64";
	rc = ems_base64_decode(slice_of(json_string_value(text), json_string_length(text)), &zipped,
			       &len);
	if (rc < 0)
		return rc;
	*ret_why = "does not inflate to unzipped_size";
	rc = unzip(slice_of(zipped, len), (size_t)want, &plain);
	free(zipped);
	if (rc < 0)
		return rc;
	p->is_in_arena = ems_arena_begin();
	p->content = parse_json(slice_of(plain, (size_t)want), ret_why);
	if (p->content == NULL && ems_mend(plain, (size_t)want) > 0)
		p->content = parse_json(slice_of(plain, (size_t)want), ret_why);
	if (p->is_in_arena)
		ems_arena_end();
	free(plain);
	return p->content == NULL ? -EBADMSG : 0;
}

static bool is_nothing(const json_t *j)
{
	return j == NULL || json_is_null(j);
}

static bool take_cursor(const json_t *data, const char *offset_key, struct state_cursor *ret)
{
	const json_t *after_json = json_object_get(data, "updated_after");
	const json_t *offset_json = json_object_get(data, offset_key);
	const char *after = json_string_value(after_json);
	const char *offset = json_string_value(offset_json);

	/* Null or absent, both, is how EMS says that there is nothing yet. */
	if (is_nothing(after_json) && is_nothing(offset_json))
		return true;
	if (after == NULL || offset == NULL)
		return false;
	if (strlen(after) >= sizeof(ret->updated_after) || strlen(offset) >= sizeof(ret->offset))
		return false;
	copy_text(after, ret->updated_after, sizeof(ret->updated_after));
	copy_text(offset, ret->offset, sizeof(ret->offset));
	return true;
}

int ems_page_decode(const json_t *data, const char *offset_key, struct ems_page *ret,
		    ems_why *ret_why)
{
	const json_t *content = json_object_get(data, "data");
	const json_t *final = json_object_get(data, "is_final");
	const json_t *zipped = json_object_get(data, "is_zipped");
	struct ems_page p = {0};
	int rc = 0;

	*ret_why = "is_final is no boolean";
	if (!json_is_boolean(final))
		return -EBADMSG;
	p.is_final = json_is_true(final);
	*ret_why = "bad cursor";
	if (!take_cursor(data, offset_key, &p.cursor))
		return -EBADMSG;
	*ret_why = "is_zipped is no boolean";
	if (!json_is_boolean(zipped))
		return -EBADMSG;
	if (json_is_true(zipped))
		rc = decode_zipped(content, json_object_get(data, "unzipped_size"), &p, ret_why);
	else
		p.content = json_incref((json_t *)content);
	if (rc == 0 && !json_is_object(p.content)) {
		*ret_why = "payload is no object";
		rc = -EBADMSG;
	}
	if (rc < 0) {
		ems_page_free(&p);
		return rc;
	}
	*ret = p;
	return 0;
}

void ems_page_free(struct ems_page *p)
{
	if (p->is_in_arena)
		ems_arena_reset();
	else
		json_decref(p->content);
	*p = (struct ems_page){0};
}
