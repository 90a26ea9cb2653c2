/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/unit/controlplane/config/document.h"

#include <hs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY(id, type, map)                                                                     \
	"{'id': " id ", 'url_map_type': '" type "', 'url_map': '" map "', 'service': 'http',"      \
	" 'real_servers': [{'id': 1, 'address': '198.51.100.20'}]}"

/* A document with one gateway of that type and map. */
static struct config *parse_one(const char *type, const char *map, struct config_errors *errs)
{
	char json[1600];
	const struct edit edit = {"access_proxies/0/api_gateways/0", json};

	int n = snprintf(json, sizeof(json),
			 "{'id': 1, 'url_map_type': '%s', 'url_map': '%s', 'service': 'http',"
			 " 'real_servers': [{'id': 1, 'address': '198.51.100.20'}]}",
			 type, map);
	assert_true(n > 0 && (size_t)n < sizeof(json));
	return document_parse(&edit, 1, errs);
}

static int keep_smallest(unsigned id, unsigned long long, unsigned long long, unsigned, void *user)
{
	int *smallest = user;

	if (*smallest < 0 || (int)id < *smallest)
		*smallest = (int)id;
	return 0;
}

/* As the data plane does: the smallest pattern that matches <path>, or -1. */
static int match(const struct config *cfg, const char *path)
{
	const struct slice bytes = cfg->proxies[0].patterns;
	hs_database_t *db = NULL;
	hs_scratch_t *scratch = NULL;
	int smallest = -1;

	assert_int_equal(hs_deserialize_database((const char *)bytes.ptr, bytes.len, &db),
			 HS_SUCCESS);
	assert_int_equal(hs_alloc_scratch(db, &scratch), HS_SUCCESS);
	assert_int_equal(
		hs_scan(db, path, (unsigned)strlen(path), 0, scratch, keep_smallest, &smallest),
		HS_SUCCESS);
	hs_free_scratch(scratch);
	hs_free_database(db);
	return smallest;
}

static const struct {
	const char *type, *map, *path;
	bool is_match;
} cases[] = {
	{"sub-string", "/", "/", true},
	{"sub-string", "/", "/any/thing", true},
	{"sub-string", "/app", "/app", true},
	{"sub-string", "/app", "/app/x", true},
	{"sub-string", "/app", "/my/app/x", true},
	{"sub-string", "/app", "/ap/p", false},
	{"sub-string", "/app", "/APP", false},
	/* literal, whatever a regular expression would make of it */
	{"sub-string", "/a.c", "/a.c", true},
	{"sub-string", "/a.c", "/abc", false},
	{"sub-string", "(a|b)*$", "/(a|b)*$x", true},
	{"sub-string", "(a|b)*$", "/ab", false},
	{"sub-string", "a+b", "/a+b", true},
	{"sub-string", "a+b", "/aab", false},
	{"sub-string", "%41", "/%41", true},
	{"wildcard", "/cart/*", "/cart/", true},
	{"wildcard", "/cart/*", "/cart/a/b", true},
	{"wildcard", "/cart/*", "/cart", false},
	{"wildcard", "/cart/*", "/x/cart/a", false},
	{"wildcard", "/v?/x", "/v1/x", true},
	{"wildcard", "/v?/x", "/v12/x", false},
	{"wildcard", "/v?/x", "/v1/x/", false},
	{"wildcard", "/v?/x", "/v1/x\n", false},
	{"wildcard", "*.php", "/a/b.php", true},
	{"wildcard", "*.php", "/a/b.phps", false},
	{"wildcard", "*.php", "/a/bxphp", false},
	{"wildcard", "*", "/", true},
	{"wildcard", "*", "", true},
	{"regex", "^/api/v[0-9]+/", "/api/v2/x", true},
	{"regex", "^/api/v[0-9]+/", "/api/vx/x", false},
	{"regex", "^/api/v[0-9]+/", "/x/api/v2/x", false},
	{"regex", "[.](jpg|png)$", "/a.png", true},
	{"regex", "[.](jpg|png)$", "/a.png.exe", false},
	{"regex", "(?i)^/app$", "/APP", true},
	{"regex", ".*", "", true},
};

static void url_maps_match_what_their_type_says(void **)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_errors errs = {};
		struct config *cfg = parse_one(cases[i].type, cases[i].map, &errs);
		assert_non_null(cfg);
		if ((match(cfg, cases[i].path) == 0) != cases[i].is_match)
			fail_msg("%s %s on %s: expected %s", cases[i].type, cases[i].map,
				 cases[i].path, cases[i].is_match ? "a match" : "none");
		config_free(cfg);
	}
}

static void every_printable_byte_of_a_literal_stands_for_itself(void **)
{
	char map[100] = "", path[104] = "/x", json[208];
	size_t n = 0;

	for (char b = 0x21; b < 0x7f; b++)
		if (b != '\'' && b != '"' && b != '\\')
			map[n++] = b;
	memcpy(path + 2, map, n);
	(void)snprintf(json, sizeof(json), "%s", map);
	struct config_errors errs = {};
	struct config *cfg = parse_one("sub-string", json, &errs);
	assert_non_null(cfg);
	assert_int_equal(match(cfg, path), 0);
	path[40] = path[40] == 'z' ? 'y' : 'z';
	assert_int_equal(match(cfg, path), -1);
	config_free(cfg);
}

static void the_smallest_pattern_is_the_gateway_with_the_smallest_id(void **)
{
	static const struct edit edit = {
		"access_proxies/0/api_gateways",
		"[" GATEWAY("9", "sub-string", "/") ", " GATEWAY(
			"3", "wildcard", "/a/*") ", " GATEWAY("5", "regex", "^/(a|b)/") "]"};
	struct config_errors errs = {};

	struct config *cfg = document_parse(&edit, 1, &errs);
	assert_non_null(cfg);
	assert_int_equal(cfg->proxies[0].gateways[0].id, 3);
	assert_int_equal(cfg->proxies[0].gateways[1].id, 5);
	assert_int_equal(cfg->proxies[0].gateways[2].id, 9);
	assert_int_equal(match(cfg, "/a/x"), 0);
	assert_int_equal(match(cfg, "/b/x"), 1);
	assert_int_equal(match(cfg, "/c/x"), 2);
	config_free(cfg);
}

static void each_pattern_that_does_not_compile_is_named_with_the_reason(void **)
{
	static const struct edit edit = {
		"access_proxies/0/api_gateways",
		"[" GATEWAY("2", "regex", "/a(") ", " GATEWAY(
			"1", "regex", "(a)\\\\1") ", " GATEWAY("3", "sub-string", "/a(") "]"};
	struct config_errors errs = {};

	assert_null(document_parse(&edit, 1, &errs));
	assert_int_equal(errs.nb_errors, 2);
	const struct config_error *e =
		find_error(&errs, "access_proxies[0].api_gateways[0].url_map");
	assert_non_null(e);
	assert_string_equal(e->text, "\"/a(\" does not compile: Missing close parenthesis for "
				     "group started at index 2.");
	e = find_error(&errs, "access_proxies[0].api_gateways[1].url_map");
	assert_non_null(e);
	assert_non_null(strstr(e->text, "\"(a)\\1\" does not compile: "));
}

static void the_database_runs_on_any_processor(void **)
{
	struct config_errors errs = {};
	struct config *cfg = parse_one("regex", "^/api/v[0-9]+/", &errs);
	char *text = NULL;

	assert_non_null(cfg);
	const struct slice bytes = cfg->proxies[0].patterns;
	assert_int_equal(hs_serialized_database_info((const char *)bytes.ptr, bytes.len, &text),
			 HS_SUCCESS);
	assert_non_null(strstr(text, "Mode: BLOCK"));
	/* The features it asks for: none beyond the base. */
	assert_non_null(strstr(text, "Features:  "));
	free(text);
	config_free(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_maps_match_what_their_type_says),
		cmocka_unit_test(every_printable_byte_of_a_literal_stands_for_itself),
		cmocka_unit_test(the_smallest_pattern_is_the_gateway_with_the_smallest_id),
		cmocka_unit_test(each_pattern_that_does_not_compile_is_named_with_the_reason),
		cmocka_unit_test(the_database_runs_on_any_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
