/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_payload.h"
#include "seed_trace.h"

#include <zlib.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ems_reply parse(const char *text)
{
	struct ems_reply r;
	ems_why why;

	assert_int_equal(ems_reply_parse(slice_str(text), &r, &why), 0);
	return r;
}

static void refuse(const char *text, size_t len, const char *want)
{
	struct ems_reply r;
	ems_why why = "";

	assert_int_equal(ems_reply_parse(slice_of(text, len), &r, &why), -EBADMSG);
	assert_string_equal(why, want);
}

static void an_envelope_is_read(void **)
{
	struct ems_reply r = parse(seed_vpn);

	assert_int_equal(r.retval, 1);
	assert_string_equal(r.message, "FortiGate VPN connection details updated successfully");
	assert_true(json_is_object(r.data));
	ems_reply_free(&r);
	r = parse("{\"result\":{\"retval\":-4,\"message\":null}}");
	assert_int_equal(r.retval, -4);
	assert_string_equal(r.message, "");
	assert_null(r.data);
	ems_reply_free(&r);
}

static void a_long_message_is_cut(void **)
{
	char text[400];
	char words[300];

	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	(void)snprintf(text, sizeof(text), "{\"result\":{\"retval\":1,\"message\":\"%s\"}}", words);

	struct ems_reply r = parse(text);

	assert_int_equal(strlen(r.message), sizeof(r.message) - 1);
	ems_reply_free(&r);
}

static void a_broken_envelope_is_refused(void **)
{
	static const char *const no_result[] = {
		"{}",
		"[]",
		"{\"result\":1}",
		"{\"result\":{}}",
		"{\"result\":{\"retval\":\"1\"}}",
		"{\"result\":{\"retval\":true}}",
	};

	for (size_t i = 0; i < sizeof(no_result) / sizeof(no_result[0]); i++)
		refuse(no_result[i], strlen(no_result[i]), "no result.retval");
	refuse("", 0, "not JSON");
	refuse("{\"result\":{\"retval\":1}", 22, "not JSON");
	refuse("{\"result\":{\"retval\":1,\"retval\":1}}", 34, "not JSON");
	refuse("{\"a\":\"\\u0000\",\"result\":{\"retval\":1}}", 36, "not JSON");
	/* 2^32 + 1 would be a success in 32 bits. */
	refuse("{\"result\":{\"retval\":4294967297}}", 32, "result.retval out of range");
}

static void deep_json_is_refused_before_it_is_parsed(void **)
{
	const size_t n = 100000;
	char *text = malloc(2 * n);

	memset(text, '[', n);
	memset(text + n, ']', n);
	refuse(text, 2 * n, "JSON nested too deep");
	/* Brackets within strings are no depth. */
	memset(text, '[', n);
	memcpy(text, "{\"result\":{\"retval\":1},\"a\\\"\":\"", 30);
	memcpy(text + n - 2, "\"}", 2);
	struct ems_reply r;
	ems_why why;

	assert_int_equal(ems_reply_parse(slice_of(text, n), &r, &why), 0);
	ems_reply_free(&r);
	free(text);
}

static void json_of_too_many_values_is_refused(void **)
{
	const size_t n = 3 * (EMS_JSON_CONTAINERS + 1);
	char *text = malloc(n + 2);

	text[0] = '[';
	for (size_t i = 1; i < n; i += 3)
		memcpy(text + i, "[],", 3);
	text[n] = ']';
	refuse(text, n + 1, "too many JSON values");
	free(text);
}

static struct ems_page decode(const char *text, const char *key)
{
	struct ems_reply r = parse(text);
	struct ems_page p;
	ems_why why;

	assert_int_equal(ems_page_decode(r.data, key, &p, &why), 0);
	ems_reply_free(&r);
	return p;
}

static void the_seed_s_pages_are_read(void **)
{
	struct ems_page p = decode(seed_sysinfo, "uid_offset");

	assert_true(p.is_final);
	assert_string_equal(p.cursor.updated_after, "2024-07-11 17:57:52.3553944");
	assert_string_equal(p.cursor.offset, "70A5C5FABBE64A9B98B6DDA3FE8AC794");
	assert_int_equal(json_object_size(p.content), 1);
	ems_page_free(&p);
	p = decode(seed_uid_tags, "uid_offset");
	assert_int_equal(json_object_size(json_object_get(p.content, "uid_tag_lists")), 0);
	ems_page_free(&p);
	/* Go's stream, with a sync flush before the end. */
	p = decode(seed_tags, "tag_uid_offset");
	assert_string_equal(p.cursor.offset, "9C8AF06C-8585-4572-ACDC-597E6AA1B6CD");
	assert_string_equal(json_string_value(json_object_get(p.content, "device_type")),
			    "fortiems");
	ems_page_free(&p);
}

static char *base64(const uint8_t *in, size_t len)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = malloc((len + 2) / 3 * 4 + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		const uint32_t v = (uint32_t)in[i] << 16 |
				   (i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0) |
				   (i + 2 < len ? in[i + 2] : 0);

		out[n++] = digit[v >> 18];
		out[n++] = digit[v >> 12 & 63];
		out[n++] = i + 1 < len ? digit[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digit[v & 63] : '=';
	}
	out[n] = '\0';
	return out;
}

/* The data of a reply: <text> compressed, <size> as unzipped_size, <extra> bytes after it. */
static json_t *page_of(const char *text, size_t len, json_int_t size, size_t extra)
{
	uLongf zlen = compressBound(len);
	uint8_t *z = calloc(1, zlen + extra);

	assert_int_equal(compress(z, &zlen, (const uint8_t *)text, len), Z_OK);

	char *b64 = base64(z, zlen + extra);
	json_t *j = json_pack("{s:s,s:s,s:b,s:s,s:b,s:I}", "updated_after",
			      "2024-07-11 17:57:41.4774466", "uid_offset", "A", "is_final", 1,
			      "data", b64, "is_zipped", 1, "unzipped_size", size);

	free(b64);
	free(z);
	return j;
}

static void refuse_page(json_t *data, const char *want)
{
	struct ems_page p;
	ems_why why = "";

	assert_int_equal(ems_page_decode(data, "uid_offset", &p, &why), -EBADMSG);
	assert_string_equal(why, want);
	json_decref(data);
}

static void sizes_must_be_exact(void **)
{
	static const char text[] = "{\"a\":1}";
	json_t *good = page_of(text, 7, 7, 0);
	struct ems_page p;
	ems_why why;

	assert_int_equal(ems_page_decode(good, "uid_offset", &p, &why), 0);
	ems_page_free(&p);
	json_decref(good);
	refuse_page(page_of(text, 7, 6, 0), "does not inflate to unzipped_size");
	refuse_page(page_of(text, 7, 8, 0), "does not inflate to unzipped_size");
	refuse_page(page_of(text, 7, 0, 0), "does not inflate to unzipped_size");
	refuse_page(page_of(text, 7, -1, 0), "unzipped_size out of range");
	refuse_page(page_of(text, 7, 7, 1), "does not inflate to unzipped_size");
}

static void zip_bombs_do_not_go_off(void **)
{
	const size_t len = 80u << 20;
	char *blank = malloc(len);

	memset(blank, ' ', len);
	/* Told small: inflating stops at what was told. Told truly: too much to begin with. */
	refuse_page(page_of(blank, len, 100, 0), "does not inflate to unzipped_size");
	refuse_page(page_of(blank, len, (json_int_t)len, 0), "unzipped_size out of range");
	refuse_page(page_of(blank, 8, INT64_MAX, 0), "unzipped_size out of range");
	free(blank);
}

static void broken_encodings_are_refused(void **)
{
	static const char *const bad[] = {"eJyrVirN",
					  "AAAA",
					  "",
					  "eJw=",
					  "====",
					  "A===",
					  "eJyrVirNTIkvSUyPz8ksLilWsqqurQUAUUEH2g"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *j = page_of("{}", 2, 20, 0);
		struct ems_page p;
		ems_why why;

		json_object_set_new(j, "data", json_string(bad[i]));
		assert_int_equal(ems_page_decode(j, "uid_offset", &p, &why), -EBADMSG);
		json_decref(j);
	}

	json_t *j = page_of("{}", 2, 2, 0);

	json_object_set_new(j, "data", json_string("eJyr rgUA"));
	refuse_page(j, "bad base64");
}

static void wrong_types_are_refused(void **)
{
	static const struct {
		const char *key, *value, *why;
	} cases[] = {
		{"is_final", "1", "is_final is no boolean"},
		{"is_final", "null", "is_final is no boolean"},
		{"is_zipped", "\"true\"", "is_zipped is no boolean"},
		{"is_zipped", "null", "is_zipped is no boolean"},
		{"unzipped_size", "\"2\"", "data or unzipped_size missing"},
		{"data", "12", "data or unzipped_size missing"},
		{"updated_after", "12345", "bad cursor"},
		{"updated_after", "null", "bad cursor"},
		{"uid_offset", "[]", "bad cursor"},
		{"uid_offset", "\"0123456789012345678901234567890123456789\"", "bad cursor"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = page_of("{}", 2, 2, 0);

		json_object_set_new(j, cases[i].key,
				    json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		refuse_page(j, cases[i].why);
	}
	refuse_page(NULL, "is_final is no boolean");
	refuse_page(json_integer(7), "is_final is no boolean");
	refuse_page(page_of("[]", 2, 2, 0), "payload is no object");
	refuse_page(page_of("12", 2, 2, 0), "not JSON");
	refuse_page(page_of("{\"a\":", 5, 5, 0), "not JSON");
}

static void no_cursor_at_all_is_nothing_yet(void **)
{
	json_t *j = page_of("{}", 2, 2, 0);
	struct ems_page p;
	ems_why why;

	json_object_del(j, "updated_after");
	json_object_set_new(j, "uid_offset", json_null());
	assert_int_equal(ems_page_decode(j, "uid_offset", &p, &why), 0);
	assert_string_equal(p.cursor.updated_after, "");
	ems_page_free(&p);
	json_decref(j);
}

static void a_page_may_come_unzipped(void **)
{
	json_t *j = page_of("{}", 2, 2, 0);
	struct ems_page p;
	ems_why why;

	json_object_set_new(j, "is_zipped", json_false());
	json_object_set_new(j, "data", json_pack("{s:i}", "a", 1));
	assert_int_equal(ems_page_decode(j, "uid_offset", &p, &why), 0);
	assert_int_equal(json_object_size(p.content), 1);
	ems_page_free(&p);
	json_object_set_new(j, "data", json_string("{}"));
	refuse_page(j, "payload is no object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_envelope_is_read),
		cmocka_unit_test(a_long_message_is_cut),
		cmocka_unit_test(a_broken_envelope_is_refused),
		cmocka_unit_test(deep_json_is_refused_before_it_is_parsed),
		cmocka_unit_test(json_of_too_many_values_is_refused),
		cmocka_unit_test(the_seed_s_pages_are_read),
		cmocka_unit_test(sizes_must_be_exact),
		cmocka_unit_test(zip_bombs_do_not_go_off),
		cmocka_unit_test(broken_encodings_are_refused),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(no_cursor_at_all_is_nothing_yet),
		cmocka_unit_test(a_page_may_come_unzipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
