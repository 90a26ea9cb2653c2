/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * JSON Schema (draft 2020-12), the keywords that config/schema/tagwarden.schema.json uses and no
 * more; embed-schema refuses others at build time. Stricter than the standard in two points:
 * lengths are bytes, and 80.0 is no integer.
 */

#include "config/config_format.h"
#include "config/config_json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where in the document we are: a chain on the stack, made into text only for a message. */
struct place {
	const struct place *up;
	const char *key; /* NULL: an array's element */
	size_t idx;
};

struct check {
	const json_t *defs;
	struct config_errors *errs;
	bool is_oom;
};

static void check_value(struct check *c, const json_t *schema, json_t *value,
			const struct place *at);

static size_t append(char *buf, size_t cap, size_t len, const char *s)
{
	size_t n = strnlen(s, cap - 1 - len);

	memcpy(buf + len, s, n);
	buf[len + n] = '\0';
	return len + n;
}

static size_t put_place(char *buf, size_t cap, const struct place *at)
{
	char idx[32];

	if (at == NULL || (at->up == NULL && at->key == NULL))
		return 0;
	size_t len = put_place(buf, cap, at->up);
	if (at->key == NULL) {
		(void)snprintf(idx, sizeof(idx), "[%zu]", at->idx);
		return append(buf, cap, len, idx);
	}
	if (len > 0)
		len = append(buf, cap, len, ".");
	return append(buf, cap, len, at->key);
}

static struct config_path path_of(const struct place *at)
{
	struct config_path p = {};

	put_place(p.s, sizeof(p.s), at);
	return p;
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "integer";
	case JSON_REAL:
		return "number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static const char *article(const char *type)
{
	if (strcmp(type, "null") == 0)
		return "";
	return strchr("aeio", type[0]) != NULL ? "an " : "a ";
}

/* <schema>, or what its $ref names. The schema is ours: a dangling one would fail every test. */
static const json_t *resolve(const struct check *c, const json_t *schema)
{
	static const char prefix[] = "#/$defs/";
	const char *ref = json_string_value(json_object_get(schema, "$ref"));

	if (ref == NULL || strncmp(ref, prefix, sizeof(prefix) - 1) != 0)
		return schema;
	const json_t *def = json_object_get(c->defs, ref + sizeof(prefix) - 1);
	return def != NULL ? def : schema;
}

static const char *schema_type(const json_t *schema)
{
	return json_string_value(json_object_get(schema, "type"));
}

static json_int_t bound(const json_t *schema, const char *key, json_int_t otherwise)
{
	const json_t *v = json_object_get(schema, key);

	return v == NULL ? otherwise : json_integer_value(v);
}

/* "a", "b", "c" */
static void join_strings(const json_t *list, char *buf, size_t cap)
{
	size_t i, len = 0;
	const json_t *v;

	buf[0] = '\0';
	json_array_foreach(list, i, v)
	{
		len = append(buf, cap, len, i > 0 ? ", \"" : "\"");
		len = append(buf, cap, len, json_string_value(v));
		len = append(buf, cap, len, "\"");
	}
}

static void join_keys(const json_t *properties, char *buf, size_t cap)
{
	size_t len = 0;
	const char *key;
	const json_t *v;

	buf[0] = '\0';
	json_object_foreach((json_t *)properties, key, v)
	{
		if (key[0] == '$')
			continue;
		if (len > 0)
			len = append(buf, cap, len, ", ");
		len = append(buf, cap, len, key);
	}
}

static bool has_string(const json_t *list, const char *s)
{
	size_t i;
	const json_t *v;

	json_array_foreach(list, i, v) if (strcmp(json_string_value(v), s) == 0) return true;
	return false;
}

static void check_string(struct check *c, const json_t *schema, const json_t *value,
			 const struct place *at)
{
	const char *s = json_string_value(value);
	const char *format = json_string_value(json_object_get(schema, "format"));
	const json_t *words = json_object_get(schema, "enum");
	json_int_t len = (json_int_t)json_string_length(value);
	json_int_t min = bound(schema, "minLength", 0), max = bound(schema, "maxLength", 4095);
	struct config_path path = path_of(at);

	if (words != NULL && !has_string(words, s)) {
		char list[200];
		join_strings(words, list, sizeof(list));
		config_error(c->errs, &path, "must be one of %s, not \"%.40s\"", list, s);
	} else if (len < min && len == 0) {
		config_error(c->errs, &path, "must not be empty");
	} else if (len < min || len > max) {
		config_error(c->errs, &path,
			     "must be %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
			     " bytes long, not %" JSON_INTEGER_FORMAT,
			     min, max, len);
	} else if (format != NULL) {
		const char *what = config_format_check(format, s);
		if (what == NULL)
			return;
		/* Someone pasted a key where its file's name belongs: do not repeat it. */
		if (strstr(s, "-----BEGIN") != NULL)
			config_error(c->errs, &path, "must be %s, not PEM text", what);
		else
			config_error(c->errs, &path, "must be %s, not \"%.60s\"", what, s);
	}
}

static void check_integer(struct check *c, const json_t *schema, const json_t *value,
			  const struct place *at)
{
	json_int_t n = json_integer_value(value);
	json_int_t min = bound(schema, "minimum", 0), max = bound(schema, "maximum", UINT32_MAX);

	if (n >= min && n <= max)
		return;
	struct config_path path = path_of(at);
	config_error(c->errs, &path,
		     "must be %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
		     ", not %" JSON_INTEGER_FORMAT,
		     min, max, n);
}

/* Quadratic: such lists are short (maxItems). */
static void check_unique(struct check *c, const json_t *list, const struct place *at)
{
	for (size_t i = 1; i < json_array_size(list); i++) {
		for (size_t j = 0; j < i; j++) {
			if (!json_equal(json_array_get(list, i), json_array_get(list, j)))
				continue;
			const struct place here = {.up = at, .idx = i};
			struct config_path path = path_of(&here);
			config_error(c->errs, &path, "is in the list already, as [%zu]", j);
			break;
		}
	}
}

static void check_array(struct check *c, const json_t *schema, json_t *value,
			const struct place *at)
{
	json_int_t len = (json_int_t)json_array_size(value);
	json_int_t min = bound(schema, "minItems", 0), max = bound(schema, "maxItems", 65535);
	const json_t *items = json_object_get(schema, "items");

	if (len < min || len > max) {
		struct config_path path = path_of(at);
		config_error(c->errs, &path,
			     "must have %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
			     " elements, not %" JSON_INTEGER_FORMAT,
			     min, max, len);
		return;
	}
	for (size_t i = 0; i < (size_t)len; i++) {
		const struct place here = {.up = at, .idx = i};
		check_value(c, items, json_array_get(value, i), &here);
	}
	if (json_is_true(json_object_get(schema, "uniqueItems")))
		check_unique(c, value, at);
}

static void check_known_names(struct check *c, const json_t *properties, const json_t *value,
			      const struct place *at)
{
	const char *key;
	const json_t *v;

	json_object_foreach((json_t *)value, key, v)
	{
		if (json_object_get(properties, key) != NULL)
			continue;
		const struct place here = {.up = at, .key = key};
		struct config_path path = path_of(&here);
		char names[280];
		join_keys(properties, names, sizeof(names));
		config_error(c->errs, &path, "unknown name; here can be: %s", names);
	}
}

static void check_required(struct check *c, const json_t *schema, const json_t *value,
			   const struct place *at)
{
	const json_t *properties = json_object_get(schema, "properties");
	size_t i;
	const json_t *name;

	json_array_foreach(json_object_get(schema, "required"), i, name)
	{
		const char *key = json_string_value(name);
		if (json_object_get(value, key) != NULL)
			continue;
		const struct place here = {.up = at, .key = key};
		struct config_path path = path_of(&here);
		const char *what = json_string_value(
			json_object_get(json_object_get(properties, key), "description"));
		config_error(c->errs, &path, "missing: %s", what == NULL ? "required" : what);
	}
}

static void check_object(struct check *c, const json_t *schema, json_t *value,
			 const struct place *at)
{
	const json_t *properties = json_object_get(schema, "properties");
	size_t nb = json_object_size(value);
	const char *key;
	json_t *sub;

	check_known_names(c, properties, value, at);
	check_required(c, schema, value, at);
	if ((json_int_t)nb < bound(schema, "minProperties", 0) ||
	    (json_int_t)nb > bound(schema, "maxProperties", 65535)) {
		struct config_path path = path_of(at);
		char names[160];
		join_keys(properties, names, sizeof(names));
		config_error(c->errs, &path, "must have exactly one of: %s", names);
	}
	json_object_foreach((json_t *)properties, key, sub)
	{
		const struct place here = {.up = at, .key = key};
		json_t *v = json_object_get(value, key);
		json_t *otherwise = json_object_get(sub, "default");
		if (v == NULL && otherwise != NULL) {
			v = json_deep_copy(otherwise);
			if (v == NULL || json_object_set_new(value, key, v) < 0) {
				c->is_oom = true;
				return;
			}
		}
		if (v != NULL)
			check_value(c, sub, v, &here);
	}
}

/* The alternative of anyOf that has the value's type; ours differ in type. */
static const json_t *choose(const json_t *alternatives, const json_t *value)
{
	size_t i;
	const json_t *v;

	json_array_foreach(alternatives, i,
			   v) if (strcmp(schema_type(v), type_name(value)) == 0) return v;
	return NULL;
}

static void say_wrong_type(struct check *c, const json_t *schema, const json_t *value,
			   const struct place *at)
{
	const json_t *alternatives = json_object_get(schema, "anyOf");
	struct config_path path = path_of(at);
	char types[80];
	size_t i, len = 0;
	const json_t *v;

	types[0] = '\0';
	json_array_foreach(alternatives, i, v)
	{
		len = append(types, sizeof(types), len, i > 0 ? " or " : "");
		len = append(types, sizeof(types), len, article(schema_type(v)));
		len = append(types, sizeof(types), len, schema_type(v));
	}
	if (alternatives == NULL) {
		len = append(types, sizeof(types), len, article(schema_type(schema)));
		append(types, sizeof(types), len, schema_type(schema));
	}
	config_error(c->errs, &path, "must be %s, not %s%s", types, article(type_name(value)),
		     type_name(value));
}

static void check_value(struct check *c, const json_t *schema, json_t *value,
			const struct place *at)
{
	schema = resolve(c, schema);
	const json_t *alternatives = json_object_get(schema, "anyOf");
	if (alternatives != NULL) {
		const json_t *chosen = choose(alternatives, value);
		if (chosen == NULL)
			say_wrong_type(c, schema, value, at);
		else
			check_value(c, chosen, value, at);
		return;
	}
	if (strcmp(schema_type(schema), type_name(value)) != 0)
		say_wrong_type(c, schema, value, at);
	else if (json_is_object(value))
		check_object(c, schema, value, at);
	else if (json_is_array(value))
		check_array(c, schema, value, at);
	else if (json_is_string(value))
		check_string(c, schema, value, at);
	else if (json_is_integer(value))
		check_integer(c, schema, value, at);
}

int config_schema_check(json_t *doc, struct config_errors *errs)
{
	static const struct place root;
	unsigned before = errs->nb_errors;

	json_t *schema = json_loadb(config_schema_text, config_schema_len, 0, NULL);
	if (schema == NULL)
		return -ENOMEM;
	struct check c = {.defs = json_object_get(schema, "$defs"), .errs = errs};
	check_value(&c, schema, doc, &root);
	json_decref(schema);
	if (c.is_oom)
		return -ENOMEM;
	return errs->nb_errors == before ? 0 : -EBADMSG;
}
