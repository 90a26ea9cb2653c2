/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/lock.h"
#include "common/base/slice.h"
#include "rest/rest_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cp cp;

static int dispatch(enum rest_method method, const char *path, const char *query, json_t **ret)
{
	static const struct rest_who admin = {.role = REST_ROLE_ADMIN};
	struct rest_req req = {
		.cp = &cp, .who = &admin, .method = method, .path = path, .query = query};
	struct rest_res res;

	rest_dispatch(&req, &res);
	free(res.text);
	if (ret != NULL)
		*ret = res.json;
	else
		json_decref(res.json);
	return res.status;
}

static void what_is_not_there_is_404_with_a_problem_document(void **)
{
	static const char *const path[] = {
		"",
		"/",
		"/api",
		"/api/v1/",
		"/api/v2/status",
		"/api/v1/nix",
		"/api/v1/devices/",
		"/api/v1/devices/a/b",
		"//api/v1/status",
		"/api/v1/status/..",
	};

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		json_t *j;

		assert_int_equal(dispatch(REST_GET, path[i], "", &j), 404);
		assert_int_equal(json_integer_value(json_object_get(j, "status")), 404);
		assert_true(json_is_string(json_object_get(j, "detail")));
		json_decref(j);
	}
}

static void a_wrong_method_is_405(void **)
{
	assert_int_equal(dispatch(REST_POST, "/api/v1/status", "", NULL), 405);
	assert_int_equal(dispatch(REST_DELETE, "/api/v1/devices", "", NULL), 405);
	assert_int_equal(dispatch(REST_GET, "/api/v1/reload", "", NULL), 405);
	assert_int_equal(dispatch(REST_GET, "/api/v1/sessions/5", "", NULL), 405);
}

static void who_is_nobody_gets_401_and_a_low_role_403(void **)
{
	static const enum rest_role roles[] = {REST_ROLE_DEFAULT, REST_ROLE_READ, REST_ROLE_OPERATE,
					       REST_ROLE_ADMIN};
	struct rest_res res;

	for (const struct rest_route *const *t = rest_tables; *t != NULL; t++) {
		for (const struct rest_route *r = *t; r->path != NULL; r++) {
			for (size_t i = 0; i < 4 && roles[i] < rest_route_role(r); i++) {
				const struct rest_who who = {.role = roles[i]};
				struct rest_req req = {.cp = &cp,
						       .who = i == 0 ? NULL : &who,
						       .method = r->method,
						       .path = r->path,
						       .query = ""};

				rest_dispatch(&req, &res);
				assert_int_equal(res.status,
						 roles[i] == REST_ROLE_DEFAULT ? 401 : 403);
				json_decref(res.json);
			}
		}
	}
}

static void an_etag_is_compared_as_the_rfc_says(void **)
{
	static const struct {
		const char *sent;
		bool is_match;
	} row[] = {
		{"\"0-7\"", true},   {"W/\"0-7\"", true},
		{"*", true},         {"\"x\", \"0-7\" ,\"y\"", true},
		{"\"0-8\"", false},  {"", false},
		{"\"0-70\"", false}, {"0-7", false},
		{"\"0-7", false},    {"\"x\",,W/\"0-7\"", true},
		{"\"0-7\"x", false},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct rest_req req = {.cp = &cp, .if_none_match = row[i].sent};
		struct rest_res res = {0};

		if (rest_etag(&req, &res, "%d", 7) != row[i].is_match)
			fail_msg("%s", row[i].sent);
		assert_string_equal(res.etag, "\"0-7\"");
		assert_int_equal(res.status, row[i].is_match ? 304 : 0);
	}
}

static void a_change_of_another_version_is_412(void **)
{
	struct rest_req req = {.cp = &cp};
	struct rest_res res = {0};

	assert_true(rest_if_match(&req, &res, "%d", 7));
	req.if_match = "\"0-7\"";
	assert_true(rest_if_match(&req, &res, "%d", 7));
	assert_false(rest_if_match(&req, &res, "%d", 8));
	assert_int_equal(res.status, 412);
	json_decref(res.json);
	/* RFC 9110 13.1.1: a weak one never matches here. */
	req.if_match = "W/\"0-7\"";
	assert_false(rest_if_match(&req, &res, "%d", 7));
	json_decref(res.json);
}

static void bad_uids_are_400(void **)
{
	static const char *const uid[] = {
		"xx",
		"4197282468E54B0080CA170C8536A59",
		"4197282468E54B0080CA170C8536A5966",
		"4197282468E54B0080CA170C8536A59G",
		"' OR 1=1",
	};

	for (size_t i = 0; i < sizeof(uid) / sizeof(uid[0]); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "/api/v1/devices/%s", uid[i]);
		assert_int_equal(dispatch(REST_GET, path, "", NULL), 400);
	}
	assert_int_equal(dispatch(REST_GET, "/api/v1/sessions", "uid=xx", NULL), 400);
	assert_int_equal(dispatch(REST_GET, "/api/v1/denials", "uid=xx", NULL), 400);
	assert_int_equal(dispatch(REST_GET, "/api/v1/denials", "uid=", NULL), 400);
	assert_int_equal(dispatch(REST_GET, "/api/v1/denials", "request=12", NULL), 400);
	assert_int_equal(dispatch(REST_DELETE, "/api/v1/sessions/12x", "", NULL), 400);
	assert_int_equal(dispatch(REST_DELETE, "/api/v1/sessions/-1", "", NULL), 400);
}

static void denials_are_none_before_the_logs_run(void **)
{
	json_t *j;

	assert_int_equal(dispatch(REST_GET, "/api/v1/denials", "", &j), 200);
	assert_int_equal(json_array_size(json_object_get(j, "denials")), 0);
	json_decref(j);
}

static void queries_are_decoded_once(void **)
{
	const struct rest_req req = {
		.query =
			"a=1&tag=Low%2DRisk+x%26y&tag=second&empty=&bad=%4&nul=a%00b&nib=%zz&xa=9"};
	char text[16];

	assert_true(rest_query(&req, "tag", text, sizeof(text)));
	assert_string_equal(text, "Low-Risk x&y");
	assert_true(rest_query(&req, "a", text, sizeof(text)));
	assert_string_equal(text, "1");
	assert_true(rest_query(&req, "xa", text, sizeof(text)));
	assert_string_equal(text, "9");
	assert_false(rest_query(&req, "ta", text, sizeof(text)));
	assert_false(rest_query(&req, "bad", text, sizeof(text)));
	assert_false(rest_query(&req, "nul", text, sizeof(text)));
	assert_false(rest_query(&req, "nib", text, sizeof(text)));
	assert_false(rest_query(&req, "tag", text, 12));
	assert_true(rest_query(&req, "tag", text, 13));
	assert_true(rest_has_query(&req, "bad"));
	assert_false(rest_has_query(&req, "b"));
}

static void numbers_of_a_query_are_bounded(void **)
{
	const struct rest_req req = {.query = "n=12&big=99999999999999999999&x=1a&neg=-1"};

	assert_int_equal(rest_query_uint(&req, "n", 5, 100), 12);
	assert_int_equal(rest_query_uint(&req, "n", 5, 10), 10);
	assert_int_equal(rest_query_uint(&req, "none", 5, 10), 5);
	assert_int_equal(rest_query_uint(&req, "x", 5, 10), 5);
	assert_int_equal(rest_query_uint(&req, "neg", 5, 10), 5);
	assert_int_equal(rest_query_uint(&req, "big", 5, 10), 5);
}

static void strings_that_are_not_utf8_are_still_json(void **)
{
	json_t *j = rest_string("a\xff\xc3", 3);

	assert_string_equal(json_string_value(j), "a??");
	json_decref(j);
	j = rest_string(NULL, 0);
	assert_string_equal(json_string_value(j), "");
	json_decref(j);
}

static void times_are_utc(void **)
{
	json_t *j = rest_time_ms(1742937461544);

	assert_string_equal(json_string_value(j), "2025-03-25T21:17:41Z");
	json_decref(j);
	assert_true(json_is_null(rest_time_ms(0)));
}

/* The document writes {uid} or {id} where the table has a star. */
static const json_t *find_documented(const json_t *paths, const char *path)
{
	const char *star = strchr(path, '*'), *key;
	json_t *v;

	if (star == NULL)
		return json_object_get(paths, path);

	const size_t n = (size_t)(star - path);

	json_object_foreach((json_t *)paths, key, v)
	{
		const char *end =
			strncmp(key, path, n) == 0 && key[n] == '{' ? strchr(key + n, '}') : NULL;

		if (end != NULL && strcmp(end + 1, star + 1) == 0)
			return v;
	}
	return NULL;
}

/* The operation <method> of <path>, in the document's lower case. */
static const json_t *find_operation(const json_t *paths, const char *path, const char *method)
{
	char key[8] = "";

	for (size_t i = 0; method[i] != '\0' && i < sizeof(key) - 1; i++)
		key[i] = (char)(method[i] | 0x20);
	return json_object_get(find_documented(paths, path), key);
}

static void the_api_document_has_every_route_with_its_role_and_no_other(void **)
{
	json_t *doc = json_load_file(API_DOCS "/openapi.json", JSON_REJECT_DUPLICATES, NULL);
	const json_t *paths = json_object_get(doc, "paths");
	size_t i, nb_documented = 0;
	const char *unused;
	json_t *j, *r, *v;

	assert_non_null(paths);
	assert_int_equal(dispatch(REST_GET, "/api/v1", "", &j), 200);
	json_array_foreach(json_object_get(j, "routes"), i, r)
	{
		const char *path = json_string_value(json_object_get(r, "path"));
		const char *method = json_string_value(json_object_get(r, "method"));
		const char *role = json_string_value(json_object_get(r, "role"));
		const json_t *op = find_operation(paths, path, method);
		const json_t *x_role = json_object_get(op, "x-role");

		if (op == NULL)
			fail_msg("%s %s is not in openapi.json", method, path);
		if (x_role == NULL || strcmp(json_string_value(x_role), role) != 0)
			fail_msg("%s %s needs \"x-role\": \"%s\" in openapi.json", method, path,
				 role);
	}
	json_object_foreach((json_t *)paths, unused, v) nb_documented += json_object_size(v);
	assert_int_equal(nb_documented, json_array_size(json_object_get(j, "routes")));
	json_decref(j);
	json_decref(doc);
}

static int set_up(void **)
{
	lock_init(&cp.lock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_there_is_404_with_a_problem_document),
		cmocka_unit_test(a_wrong_method_is_405),
		cmocka_unit_test(who_is_nobody_gets_401_and_a_low_role_403),
		cmocka_unit_test(an_etag_is_compared_as_the_rfc_says),
		cmocka_unit_test(a_change_of_another_version_is_412),
		cmocka_unit_test(bad_uids_are_400),
		cmocka_unit_test(denials_are_none_before_the_logs_run),
		cmocka_unit_test(queries_are_decoded_once),
		cmocka_unit_test(numbers_of_a_query_are_bounded),
		cmocka_unit_test(strings_that_are_not_utf8_are_still_json),
		cmocka_unit_test(times_are_utc),
		cmocka_unit_test(the_api_document_has_every_route_with_its_role_and_no_other),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
