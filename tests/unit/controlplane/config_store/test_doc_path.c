/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/doc_path.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config_errors errs;
static struct doc_path p;

static const char text[] = "{\"gateway\": {\"vdom\": \"root\"},"
			   " \"policies\": [{\"id\": 17, \"name\": \"staff\", \"tags\": \"A\"},"
			   "               {\"id\": 4, \"name\": \"17\"}],"
			   " \"interfaces\": [{\"name\": \"a.b\", \"addresses\": [\"x\", \"y\"]}],"
			   " \"routes\": [{\"prefix\": \"0.0.0.0/0\", \"via\": \"192.0.2.1\"}]}";

static json_t *doc;

static int set_up(void **)
{
	doc = json_loads(text, 0, NULL);
	errs = (struct config_errors){};
	return doc == NULL;
}

static int tear_down(void **)
{
	json_decref(doc);
	return 0;
}

static int parse(const char *s)
{
	errs = (struct config_errors){};
	return doc_path_parse(s, strlen(s), &p, &errs);
}

/* The value at <path> as text, to be compared and forgotten. */
static void is_at(const char *path, const char *wanted)
{
	assert_int_equal(parse(path), 0);
	json_t *v = doc_path_get(doc, &p, &errs);
	if (v == NULL)
		fail_msg("%s is not there: %s", path, errs.e[0].text);
	char *got = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_string_equal(got, wanted);
	free(got);
}

static int set(const char *path, const char *value)
{
	json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);

	assert_non_null(v);
	assert_int_equal(parse(path), 0);
	const int rc = doc_path_set(doc, &p, v, &errs);
	json_decref(v);
	return rc;
}

static int unset(const char *path)
{
	assert_int_equal(parse(path), 0);
	return doc_path_unset(doc, &p, &errs);
}

static void a_path_finds_what_it_names(void **)
{
	is_at("gateway.vdom", "\"root\"");
	is_at("policies[17].name", "\"staff\"");
	is_at("policies[staff].id", "17");
	is_at("policies[4].name", "\"17\"");
	is_at("policies[#1].id", "4");
	is_at("interfaces[a.b].addresses[#1]", "\"y\"");
	is_at("interfaces[\"a.b\"].name", "\"a.b\"");
	is_at("routes[0.0.0.0/0].via", "\"192.0.2.1\"");
	is_at("\"gateway\".\"vdom\"", "\"root\"");
}

static void what_is_no_path_is_told_with_its_place(void **)
{
	static const struct {
		const char *path, *words;
	} bad[] = {
		{".a", "character 1"},
		{"a.", "a name is missing"},
		{"a..b", "character 3"},
		{"a[", "stands an id"},
		{"a[]", "stands an id"},
		{"a[1", "] is missing"},
		{"a[#]", "from 0"},
		{"a[#1234567890]", "from 0"},
		{"a[#-1]", "from 0"},
		{"a]", "here . or ["},
		{"[1]", "a name is missing"},
		{"a[\"x]", "closing"},
		{"a[\"\\n\"]", "after \\"},
		{"a[\"x\"y]", "] is missing"},
		{"a b", "here . or ["},
		{"a[x]y", "here . or ["},
		{"a.\x01", "a name is missing"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].path), -EINVAL);
		if (strstr(errs.e[0].text, bad[i].words) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].path, errs.e[0].text,
				 bad[i].words);
	}
}

static void a_path_of_any_length_is_bounded(void **)
{
	char deep[2 * DOC_STEPS_MAX + 4], wide[DOC_PATH_MAX + 10];

	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 == 0 ? 'a' : '.';
	assert_int_equal(doc_path_parse(deep, 2 * DOC_STEPS_MAX - 1, &p, &errs), 0);
	assert_int_equal(p.nb, DOC_STEPS_MAX);
	assert_int_equal(doc_path_parse(deep, 2 * DOC_STEPS_MAX + 1, &p, &errs), -EINVAL);
	memset(wide, 'a', sizeof(wide));
	assert_int_equal(doc_path_parse(wide, DOC_PATH_MAX - 2, &p, &errs), 0);
	assert_int_equal(doc_path_parse(wide, DOC_PATH_MAX, &p, &errs), -EINVAL);
}

static void what_is_missing_is_told_with_what_is_there(void **)
{
	assert_int_equal(parse("policies[99].tags"), 0);
	assert_null(doc_path_get(doc, &p, &errs));
	assert_string_equal(errs.e[0].path.s, "policies[99]");
	assert_string_equal(errs.e[0].text, "is not there; there is: 17, 4");
	assert_int_equal(parse("gateway.name"), 0);
	assert_null(doc_path_get(doc, &p, &errs));
	assert_string_equal(errs.e[0].text, "is not there; there is: vdom");
	assert_int_equal(parse("gateway[1]"), 0);
	assert_null(doc_path_get(doc, &p, &errs));
}

static void set_makes_what_is_missing_on_the_way(void **)
{
	assert_int_equal(set("gateway.vdom", "\"two\""), 0);
	is_at("gateway.vdom", "\"two\"");
	assert_int_equal(set("log.traffic.path", "\"x\""), 0);
	is_at("log", "{\"traffic\":{\"path\":\"x\"}}");
	assert_int_equal(set("policies[20]", "{\"name\": \"new\"}"), 0);
	is_at("policies[20]", "{\"id\":20,\"name\":\"new\"}");
	assert_int_equal(set("policies[21].tags", "\"B\""), 0);
	is_at("policies[#3]", "{\"id\":21,\"tags\":\"B\"}");
	assert_int_equal(set("certificates[web].key", "\"k\""), 0);
	is_at("certificates", "[{\"name\":\"web\",\"key\":\"k\"}]");
	assert_int_equal(set("routes[10.0.0.0/8].via", "\"v\""), 0);
	is_at("routes[#1].prefix", "\"10.0.0.0/8\"");
	assert_int_equal(set("interfaces[a.b].addresses[#2]", "\"z\""), 0);
	is_at("interfaces[a.b].addresses", "[\"x\",\"y\",\"z\"]");
}

static void set_refuses_what_does_not_fit(void **)
{
	assert_int_equal(set("policies[20]", "{\"id\": 21}"), -EINVAL);
	assert_int_equal(set("policies[20]", "5"), -EINVAL);
	assert_int_equal(set("policies[#9]", "{}"), -EINVAL);
	assert_int_equal(set("policies.name", "1"), -EINVAL);
	assert_int_equal(set("gateway[x]", "1"), -EINVAL);
	assert_int_equal(set("gateway.vdom.x", "1"), -EINVAL);
	assert_int_equal(set("", "{}"), -EINVAL);
	/* A member that is there may get another id. */
	assert_int_equal(set("policies[17]", "{\"id\": 18}"), 0);
	is_at("policies[18]", "{\"id\":18}");
}

static void unset_removes_one_place(void **)
{
	assert_int_equal(unset("policies[17].tags"), 0);
	is_at("policies[17]", "{\"id\":17,\"name\":\"staff\"}");
	assert_int_equal(unset("policies[17]"), 0);
	is_at("policies", "[{\"id\":4,\"name\":\"17\"}]");
	assert_int_equal(unset("interfaces[#0].addresses[#0]"), 0);
	is_at("interfaces[#0].addresses", "[\"y\"]");
	assert_int_equal(unset("policies[17].tags"), -EINVAL);
	assert_int_equal(unset(""), -EINVAL);
}

static void an_index_becomes_a_name(void **)
{
	static const struct {
		const char *by_index, *by_name;
	} row[] = {
		{"policies[0].tags", "policies[17].tags"},
		{"policies[1]", "policies[4]"},
		{"interfaces[0].addresses[1]", "interfaces[a.b].addresses[#1]"},
		{"policies[9].tags", "policies[#9].tags"},
		{"gateway.nix", "gateway.nix"},
		{"", ""},
		{"not a path[", "not a path["},
	};
	char name[DOC_PATH_MAX];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		doc_path_by_name(doc, row[i].by_index, name);
		assert_string_equal(name, row[i].by_name);
	}
}

static void what_is_written_can_be_read(void **)
{
	static const char *const word[] = {"a", "a.b", "", "#1", "x]y", "q\"u\\o", "0"};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		char path[DOC_PATH_MAX] = "";
		doc_path_put_key(path, word[i]);
		doc_path_put_member(path, word[i]);
		assert_int_equal(parse(path), 0);
		assert_int_equal(p.nb, 2);
		assert_string_equal(p.step[0].text, word[i]);
		assert_string_equal(p.step[1].text, word[i]);
		assert_int_equal(p.step[1].kind, DOC_MEMBER);
	}
}

#define DOC_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOC_TEST(a_path_finds_what_it_names),
		DOC_TEST(what_is_no_path_is_told_with_its_place),
		DOC_TEST(a_path_of_any_length_is_bounded),
		DOC_TEST(what_is_missing_is_told_with_what_is_there),
		DOC_TEST(set_makes_what_is_missing_on_the_way),
		DOC_TEST(set_refuses_what_does_not_fit),
		DOC_TEST(unset_removes_one_place),
		DOC_TEST(an_index_becomes_a_name),
		DOC_TEST(what_is_written_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
