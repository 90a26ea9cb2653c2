/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/doc_diff.h"

#include "config_store/doc_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 160u /* bytes of a value in a line */

struct diff {
	json_t *changes;
	size_t count;
	bool is_oom;
	char path[DOC_PATH_MAX]; /* where we are */
};

static void compare(struct diff *d, json_t *a, json_t *b);

/* ---- collecting ---- */

static void add(struct diff *d, const char *op, json_t *from, json_t *to)
{
	d->count++;
	if (json_array_size(d->changes) >= DOC_DIFF_MAX)
		return;
	json_t *c = json_pack("{s:s,s:s}", "op", op, "path", d->path);
	/* A path that was cut inside a character is no string for jansson. */
	if (c == NULL)
		c = json_pack("{s:s,s:s}", "op", op, "path", "?");
	if (c == NULL || (from != NULL && json_object_set(c, "from", from) < 0) ||
	    (to != NULL && json_object_set(c, "to", to) < 0) ||
	    json_array_append(d->changes, c) < 0)
		d->is_oom = true;
	json_decref(c);
}

/* A list that is missing on one side: its members are new, or gone, each for itself. */
static void compare_with_none(struct diff *d, json_t *list, bool is_new)
{
	json_t *none = json_array();

	if (none == NULL)
		d->is_oom = true;
	else if (is_new)
		compare(d, none, list);
	else
		compare(d, list, none);
	json_decref(none);
}

static void compare_members(struct diff *d, json_t *a, json_t *b)
{
	if (a == NULL && json_is_array(b) && doc_list_key(b) != NULL)
		compare_with_none(d, b, true);
	else if (b == NULL && json_is_array(a) && doc_list_key(a) != NULL)
		compare_with_none(d, a, false);
	else if (a == NULL)
		add(d, "add", NULL, b);
	else if (b == NULL)
		add(d, "remove", a, NULL);
	else
		compare(d, a, b);
}

static void compare_objects(struct diff *d, json_t *a, json_t *b)
{
	const size_t len = strlen(d->path);
	const char *key;
	json_t *v;

	json_object_foreach(a, key, v)
	{
		doc_path_put_key(d->path, key);
		compare_members(d, v, json_object_get(b, key));
		d->path[len] = '\0';
	}
	json_object_foreach(b, key, v)
	{
		if (json_object_get(a, key) != NULL)
			continue;
		doc_path_put_key(d->path, key);
		compare_members(d, NULL, v);
		d->path[len] = '\0';
	}
}

/* ---- lists ---- */

/* Members of <list> by name. */
static json_t *index_of(const json_t *list, const char *key)
{
	json_t *index = json_object();
	char buf[24];
	json_t *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		const char *name = doc_member_name(m, key, buf);
		if (index == NULL || name == NULL || json_object_set(index, name, m) < 0) {
			json_decref(index);
			return NULL;
		}
	}
	return index;
}

/* Names of <list>'s members that <other> has too, in order. */
static json_t *common_names(const json_t *list, const char *key, const json_t *other)
{
	json_t *names = json_array();
	char buf[24];
	json_t *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		const char *name = doc_member_name(m, key, buf);
		if (json_object_get(other, name) != NULL)
			(void)json_array_append(names, json_object_get(m, key));
	}
	return names;
}

static void compare_named(struct diff *d, json_t *a, json_t *b, const char *key)
{
	const size_t len = strlen(d->path);
	json_t *in_a = index_of(a, key), *in_b = index_of(b, key);
	const char *name;
	json_t *v;

	if (in_a == NULL || in_b == NULL) {
		d->is_oom = true;
		goto out;
	}
	json_t *order_a = common_names(a, key, in_b), *order_b = common_names(b, key, in_a);
	if (!json_equal(order_a, order_b))
		add(d, "order", order_a, order_b);
	json_decref(order_a);
	json_decref(order_b);
	json_object_foreach(in_a, name, v)
	{
		doc_path_put_member(d->path, name);
		compare_members(d, v, json_object_get(in_b, name));
		d->path[len] = '\0';
	}
	json_object_foreach(in_b, name, v)
	{
		if (json_object_get(in_a, name) != NULL)
			continue;
		doc_path_put_member(d->path, name);
		compare_members(d, NULL, v);
		d->path[len] = '\0';
	}
out:
	json_decref(in_a);
	json_decref(in_b);
}

static bool has_scalars_alone(const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		if (json_is_object(v) || json_is_array(v))
			return false;
	}
	return true;
}

/* The key by which members of both are known; an empty list has them all. */
static const char *common_key(const json_t *a, const json_t *b)
{
	const char *of_a = doc_list_key(a), *of_b = doc_list_key(b);

	if (of_a == NULL && json_array_size(a) == 0)
		return of_b;
	if (of_b == NULL && json_array_size(b) == 0)
		return of_a;
	return of_a != NULL && of_b != NULL && strcmp(of_a, of_b) == 0 ? of_a : NULL;
}

static void compare_lists(struct diff *d, json_t *a, json_t *b)
{
	const char *key = common_key(a, b);
	const size_t len = strlen(d->path);

	if (key != NULL) {
		compare_named(d, a, b, key);
		return;
	}
	if (json_array_size(a) != json_array_size(b) || has_scalars_alone(a) ||
	    has_scalars_alone(b)) {
		add(d, "replace", a, b);
		return;
	}
	for (size_t i = 0; i < json_array_size(a); i++) {
		doc_path_put_index(d->path, i);
		compare(d, json_array_get(a, i), json_array_get(b, i));
		d->path[len] = '\0';
	}
}

static void compare(struct diff *d, json_t *a, json_t *b)
{
	if (json_is_object(a) && json_is_object(b)) {
		compare_objects(d, a, b);
	} else if (json_equal(a, b)) {
		return;
	} else if (json_is_array(a) && json_is_array(b)) {
		compare_lists(d, a, b);
	} else {
		add(d, "replace", a, b);
	}
}

json_t *doc_diff(json_t *a, json_t *b)
{
	struct diff *d = calloc(1, sizeof(*d));
	json_t *result = NULL;

	if (d == NULL)
		return NULL;
	d->changes = json_array();
	if (d->changes != NULL) {
		compare(d, a, b);
		if (!d->is_oom)
			result = json_pack("{s:I,s:b,s:O}", "count", (json_int_t)d->count,
					   "truncated", (int)(d->count > DOC_DIFF_MAX), "changes",
					   d->changes);
	}
	json_decref(d->changes);
	free(d);
	return result;
}

bool doc_diff_is_empty(const json_t *diff)
{
	return json_integer_value(json_object_get(diff, "count")) == 0;
}

/* ---- as text ---- */

/* <v> in at most VALUE_MAX bytes, all ASCII. */
static void put_value(FILE *f, const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	const size_t len = text == NULL ? 0 : strlen(text);

	(void)fwrite(text, 1, len < VALUE_MAX ? len : VALUE_MAX, f);
	if (len > VALUE_MAX)
		(void)fputs("...", f);
	free(text);
}

static void put_line(FILE *f, const json_t *c)
{
	const char *op = json_string_value(json_object_get(c, "op"));
	const json_t *from = json_object_get(c, "from"), *to = json_object_get(c, "to");
	const bool is_order = strcmp(op, "order") == 0;

	(void)fputs(from == NULL ? "+ " : to == NULL ? "- " : "  ", f);
	(void)fputs(json_string_value(json_object_get(c, "path")), f);
	(void)fputs(is_order ? ": order " : ": ", f);
	if (from != NULL)
		put_value(f, from);
	if (from != NULL && to != NULL)
		(void)fputs(" -> ", f);
	if (to != NULL)
		put_value(f, to);
	(void)fputc('\n', f);
}

char *doc_diff_text(const json_t *diff)
{
	const json_t *changes = json_object_get(diff, "changes");
	char *text = NULL;
	size_t len = 0;
	const json_t *c;
	size_t i;

	FILE *f = open_memstream(&text, &len);
	if (f == NULL)
		return NULL;
	json_array_foreach(changes, i, c) put_line(f, c);
	if (json_is_true(json_object_get(diff, "truncated")))
		(void)fputs("and more\n", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static const char *sign_of(const json_t *c)
{
	if (json_object_get(c, "from") == NULL)
		return "+ ";
	return json_object_get(c, "to") == NULL ? "- " : "";
}

void doc_diff_summary(const json_t *diff, char *ret, size_t cap)
{
	const json_int_t count = json_integer_value(json_object_get(diff, "count"));
	const json_t *changes = json_object_get(diff, "changes"), *c;
	size_t i;

	(void)snprintf(ret, cap, "%lld change%s", (long long)count, count == 1 ? "" : "s");
	json_array_foreach(changes, i, c)
	{
		const char *path = json_string_value(json_object_get(c, "path"));
		const size_t len = strlen(ret), need = strlen(path) + 4;
		if (len + need + sizeof(", ...") > cap) {
			if (len + sizeof(", ...") <= cap)
				(void)snprintf(ret + len, cap - len, ", ...");
			return;
		}
		(void)snprintf(ret + len, cap - len, "%s%s%s", i == 0 ? ": " : ", ", sign_of(c),
			       path);
	}
}
