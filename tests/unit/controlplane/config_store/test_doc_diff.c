/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/doc_diff.h"
#include "config_store/doc_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *load(const char *s)
{
	json_t *j = json_loads(s, JSON_DECODE_ANY, NULL);

	if (j == NULL)
		fail_msg("not JSON: %s", s);
	return j;
}

static void differs(const char *a, const char *b, const char *text, const char *summary)
{
	json_t *ja = load(a), *jb = load(b), *diff = doc_diff(ja, jb);
	char *got = doc_diff_text(diff), line[120];

	assert_string_equal(got, text);
	doc_diff_summary(diff, line, sizeof(line));
	assert_string_equal(line, summary);
	assert_int_equal(doc_diff_is_empty(diff), text[0] == '\0');
	free(got);
	json_decref(diff);
	json_decref(ja);
	json_decref(jb);
}

static void equal_documents_have_no_difference(void **)
{
	differs("{}", "{}", "", "0 changes");
	differs("{\"a\": 1, \"b\": [1, {\"x\": null}]}", "{\"b\": [1, {\"x\": null}], \"a\": 1}",
		"", "0 changes");
}

static void values_are_named_by_their_place(void **)
{
	differs("{\"a\": {\"b\": 1, \"c\": 2}}", "{\"a\": {\"b\": 3, \"d\": \"x\"}}",
		"  a.b: 1 -> 3\n- a.c: 2\n+ a.d: \"x\"\n", "3 changes: a.b, - a.c, + a.d");
	differs("{\"a\": 1}", "{\"a\": \"1\"}", "  a: 1 -> \"1\"\n", "1 change: a");
	differs("{\"a\": [1, 2]}", "{\"a\": [1]}", "  a: [1, 2] -> [1]\n", "1 change: a");
}

static void members_are_compared_with_their_like(void **)
{
	differs("{\"p\": [{\"id\": 1, \"x\": 1}, {\"id\": 2}]}",
		"{\"p\": [{\"id\": 7}, {\"id\": 1, \"x\": 2}, {\"id\": 2}]}",
		"  p[1].x: 1 -> 2\n+ p[7]: {\"id\": 7}\n", "2 changes: p[1].x, + p[7]");
	differs("{\"p\": [{\"name\": \"a b\"}]}", "{\"p\": []}", "- p[a b]: {\"name\": \"a b\"}\n",
		"1 change: - p[a b]");
	differs("{}", "{\"p\": [{\"id\": 1}, {\"id\": 2}]}",
		"+ p[1]: {\"id\": 1}\n+ p[2]: {\"id\": 2}\n", "2 changes: + p[1], + p[2]");
	differs("{\"r\": [{\"prefix\": \"::/0\", \"via\": \"a\"}]}",
		"{\"r\": [{\"prefix\": \"::/0\", \"via\": \"b\"}]}",
		"  r[::/0].via: \"a\" -> \"b\"\n", "1 change: r[::/0].via");
}

static void another_order_is_a_difference(void **)
{
	differs("{\"p\": [{\"id\": 1}, {\"id\": 2}, {\"id\": 3}]}",
		"{\"p\": [{\"id\": 3}, {\"id\": 1}, {\"id\": 4}]}",
		"  p: order [1, 3] -> [3, 1]\n- p[2]: {\"id\": 2}\n+ p[4]: {\"id\": 4}\n",
		"3 changes: p, - p[2], + p[4]");
}

static void members_without_names_go_by_place(void **)
{
	differs("{\"l\": [{\"x\": 1}, {\"x\": 2}]}", "{\"l\": [{\"x\": 1}, {\"x\": 3}]}",
		"  l[#1].x: 2 -> 3\n", "1 change: l[#1].x");
	/* Two with one id have none. */
	differs("{\"l\": [{\"id\": 1}, {\"id\": 1}]}", "{\"l\": [{\"id\": 1}]}",
		"  l: [{\"id\": 1}, {\"id\": 1}] -> [{\"id\": 1}]\n", "1 change: l");
}

static void long_values_and_summaries_are_cut(void **)
{
	char a[2000] = "{\"a\": \"", b[4000] = "{", line[60], *text;

	memset(a + strlen(a), 'x', 500);
	memcpy(a + strlen(a), "\"}", 3);
	for (int i = 0; i < 50; i++)
		(void)snprintf(b + strlen(b), sizeof(b) - strlen(b), "%s\"key%d\": 1",
			       i > 0 ? "," : "", i);
	memcpy(b + strlen(b), "}", 2);
	json_t *ja = load(a), *jb = load(b), *none = json_object();
	json_t *diff = doc_diff(none, ja);
	text = doc_diff_text(diff);
	assert_true(strlen(text) < 200);
	assert_non_null(strstr(text, "x...\n"));
	free(text);
	json_decref(diff);
	diff = doc_diff(none, jb);
	doc_diff_summary(diff, line, sizeof(line));
	assert_int_equal(strncmp(line, "50 changes: + key0, + key1", 26), 0);
	assert_string_equal(line + strlen(line) - 5, ", ...");
	json_decref(diff);
	json_decref(none);
	json_decref(jb);
	json_decref(ja);
}

static void many_changes_are_counted_and_the_first_kept(void **)
{
	json_t *a = json_object(), *b = json_object();
	char key[16];

	for (unsigned i = 0; i < DOC_DIFF_MAX + 7; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		json_object_set_new(b, key, json_true());
	}
	json_t *diff = doc_diff(a, b);
	assert_int_equal(json_integer_value(json_object_get(diff, "count")), DOC_DIFF_MAX + 7);
	assert_int_equal(json_array_size(json_object_get(diff, "changes")), DOC_DIFF_MAX);
	assert_true(json_is_true(json_object_get(diff, "truncated")));
	json_decref(diff);
	json_decref(b);
	json_decref(a);
}

/* RFC 7396, appendix A. */
static void a_merge_patch_does_what_the_rfc_says(void **)
{
	static const struct {
		const char *target, *patch, *result;
	} row[] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
		 "{\"a\":{\"b\":\"d\"}}"},
		{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
		{"{\"a\":\"foo\"}", "null", "null"},
		{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		json_t *patch = load(row[i].patch), *wanted = load(row[i].result);
		json_t *got = doc_merge(load(row[i].target), patch);
		if (!json_equal(got, wanted))
			fail_msg("row %zu", i);
		json_decref(got);
		json_decref(wanted);
		json_decref(patch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_documents_have_no_difference),
		cmocka_unit_test(values_are_named_by_their_place),
		cmocka_unit_test(members_are_compared_with_their_like),
		cmocka_unit_test(another_order_is_a_difference),
		cmocka_unit_test(members_without_names_go_by_place),
		cmocka_unit_test(long_values_and_summaries_are_cut),
		cmocka_unit_test(many_changes_are_counted_and_the_first_kept),
		cmocka_unit_test(a_merge_patch_does_what_the_rfc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
