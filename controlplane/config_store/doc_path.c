/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/doc_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 9u

/* ---- reading a path ---- */

struct reader {
	const char *s;
	size_t len, at;
	struct doc_path *p;
	size_t text_len;
	const char *why; /* NULL: good so far */
};

static bool is_end(const struct reader *r)
{
	return r->at >= r->len;
}

static char peek(const struct reader *r)
{
	return is_end(r) ? '\0' : r->s[r->at];
}

static bool is_key_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

static bool is_which_char(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f && strchr("\"\\[]", c) == NULL;
}

static void put_char(struct reader *r, char c)
{
	if (r->text_len + 1 >= sizeof(r->p->text)) {
		r->why = "the path is too long";
		return;
	}
	r->p->text[r->text_len++] = c;
}

static void take_quoted(struct reader *r)
{
	r->at++;
	while (r->why == NULL && !is_end(r) && peek(r) != '"') {
		char c = r->s[r->at++];
		if (c == '\\') {
			c = peek(r);
			r->at++;
			if (c != '"' && c != '\\')
				r->why = "after \\ only \" or \\ may stand";
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			r->why = "a control character";
		put_char(r, c);
	}
	if (r->why == NULL && is_end(r))
		r->why = "the closing \" is missing";
	r->at++;
}

static void take_while(struct reader *r, bool (*fits)(char c), const char *why)
{
	const size_t from = r->at;

	while (r->why == NULL && !is_end(r) && fits(peek(r)))
		put_char(r, r->s[r->at++]);
	if (r->why == NULL && r->at == from)
		r->why = why;
}

static void take_index(struct reader *r, struct doc_step *step)
{
	size_t nb = 0;

	step->kind = DOC_INDEX;
	for (r->at++; peek(r) >= '0' && peek(r) <= '9' && nb <= DIGITS_MAX; nb++)
		step->idx = step->idx * 10 + (size_t)(r->s[r->at++] - '0');
	if (nb == 0 || nb > DIGITS_MAX)
		r->why = "after # stands the place in the list, from 0";
}

static void take_member(struct reader *r, struct doc_step *step)
{
	step->kind = DOC_MEMBER;
	r->at++;
	if (peek(r) == '#')
		take_index(r, step);
	else if (peek(r) == '"')
		take_quoted(r);
	else
		take_while(r, is_which_char, "between [ and ] stands an id, a name or #INDEX");
	if (r->why == NULL && peek(r) != ']')
		r->why = "] is missing";
	r->at++;
}

static void take_key(struct reader *r, struct doc_step *step)
{
	step->kind = DOC_KEY;
	if (peek(r) == '"')
		take_quoted(r);
	else
		take_while(r, is_key_char, "a name is missing");
}

static void take_step(struct reader *r)
{
	struct doc_path *p = r->p;

	if (p->nb == DOC_STEPS_MAX) {
		r->why = "the path is too long";
		return;
	}
	struct doc_step *step = &p->step[p->nb];
	*step = (struct doc_step){.text = p->text + r->text_len};
	if (peek(r) == '[' && p->nb > 0) {
		take_member(r, step);
	} else {
		if (p->nb > 0 && peek(r) != '.') {
			r->why = "here . or [ can stand";
			return;
		}
		r->at += p->nb > 0;
		take_key(r, step);
	}
	if (r->why == NULL)
		put_char(r, '\0');
	p->nb++;
}

int doc_path_parse(const char *s, size_t len, struct doc_path *ret, struct config_errors *errs)
{
	struct reader r = {.s = s, .len = len, .p = ret};

	*ret = (struct doc_path){};
	while (r.why == NULL && !is_end(&r))
		take_step(&r);
	if (r.why == NULL)
		return 0;
	const struct config_path at = config_path("%.*s", (int)(len < 150 ? len : 150), s);
	config_error(errs, &at, "not a path, at its character %zu: %s; for example %s",
		     (r.at < len ? r.at : len) + 1, r.why, "policies[17].tags");
	return -EINVAL;
}

/* ---- writing a path ---- */

static void put(char path[static DOC_PATH_MAX], const char *s, size_t len)
{
	const size_t at = strlen(path);
	const size_t n = len < DOC_PATH_MAX - 1 - at ? len : DOC_PATH_MAX - 1 - at;

	memcpy(path + at, s, n);
	path[at + n] = '\0';
}

static void put_word(char path[static DOC_PATH_MAX], const char *s, bool (*fits)(char c))
{
	bool is_plain = s[0] != '\0' && s[0] != '#';

	for (const char *c = s; *c != '\0' && is_plain; c++)
		is_plain = fits(*c);
	if (is_plain) {
		put(path, s, strlen(s));
		return;
	}
	put(path, "\"", 1);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			put(path, "\\", 1);
		put(path, s, 1);
	}
	put(path, "\"", 1);
}

void doc_path_put_key(char path[static DOC_PATH_MAX], const char *key)
{
	if (path[0] != '\0')
		put(path, ".", 1);
	put_word(path, key, is_key_char);
}

void doc_path_put_member(char path[static DOC_PATH_MAX], const char *which)
{
	put(path, "[", 1);
	put_word(path, which, is_which_char);
	put(path, "]", 1);
}

void doc_path_put_index(char path[static DOC_PATH_MAX], size_t idx)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "[#%zu]", idx);
	put(path, text, strlen(text));
}

static void put_step(char path[static DOC_PATH_MAX], const struct doc_step *step)
{
	if (step->kind == DOC_KEY)
		doc_path_put_key(path, step->text);
	else if (step->kind == DOC_MEMBER)
		doc_path_put_member(path, step->text);
	else
		doc_path_put_index(path, step->idx);
}

/* The first <nb> steps. */
static struct config_path place(const struct doc_path *p, size_t nb)
{
	char path[DOC_PATH_MAX] = "";

	for (size_t i = 0; i < nb; i++)
		put_step(path, &p->step[i]);
	return config_path("%s", path);
}

/* ---- members of lists ---- */

static const char *const identity_keys[] = {"id", "name", "prefix"};
#define NB_IDENTITY_KEYS (sizeof(identity_keys) / sizeof(identity_keys[0]))

const char *doc_member_name(const json_t *member, const char *key, char buf[static 24])
{
	const json_t *v = json_object_get(member, key);

	if (json_is_string(v))
		return json_string_value(v);
	if (!json_is_integer(v))
		return NULL;
	(void)snprintf(buf, 24, "%lld", (long long)json_integer_value(v));
	return buf;
}

static bool is_key_of(const json_t *list, const char *key)
{
	json_t *seen = json_object();
	bool is_good = seen != NULL && json_array_size(list) > 0;
	const json_t *member;
	char buf[24];
	size_t i;

	json_array_foreach(list, i, member)
	{
		const char *name = is_good ? doc_member_name(member, key, buf) : NULL;
		if (name == NULL || json_object_get(seen, name) != NULL ||
		    json_object_set_new(seen, name, json_true()) < 0) {
			is_good = false;
			break;
		}
	}
	json_decref(seen);
	return is_good;
}

const char *doc_list_key(const json_t *list)
{
	for (size_t i = 0; i < NB_IDENTITY_KEYS; i++) {
		if (is_key_of(list, identity_keys[i]))
			return identity_keys[i];
	}
	return NULL;
}

/* Index of the member that is <which>, by the first key that fits one; the list's size: none. */
static size_t find_member(const json_t *list, const char *which)
{
	char buf[24];

	for (size_t k = 0; k < NB_IDENTITY_KEYS; k++) {
		for (size_t i = 0; i < json_array_size(list); i++) {
			const char *name =
				doc_member_name(json_array_get(list, i), identity_keys[k], buf);
			if (name != NULL && strcmp(name, which) == 0)
				return i;
		}
	}
	return json_array_size(list);
}

/* ---- following a path ---- */

static json_t *child(json_t *v, const struct doc_step *step)
{
	if (step->kind == DOC_KEY)
		return json_object_get(v, step->text);
	if (!json_is_array(v))
		return NULL;
	return json_array_get(v, step->kind == DOC_INDEX ? step->idx : find_member(v, step->text));
}

/* Names of <v>'s members, for the message that one is missing. */
static void list_names(const json_t *v, char *ret, size_t cap)
{
	const char *list_key = json_is_array(v) ? doc_list_key(v) : NULL, *key;
	char text[DOC_PATH_MAX] = "", buf[24];
	json_t *m;
	size_t i;

	json_object_foreach((json_t *)v, key, m)
	{
		put(text, ", ", text[0] != '\0' ? 2 : 0);
		put(text, key, strlen(key));
	}
	if (list_key != NULL) {
		json_array_foreach(v, i, m)
		{
			const char *name = doc_member_name(m, list_key, buf);
			put(text, ", ", i > 0 ? 2 : 0);
			put(text, name, strlen(name));
		}
	}
	(void)snprintf(ret, cap, "%.200s%s", text[0] != '\0' ? text : "nothing",
		       strlen(text) > 200 ? "..." : "");
}

static void say_missing(const json_t *parent, const struct doc_path *p, size_t i,
			struct config_errors *errs)
{
	const struct config_path at = place(p, i + 1);
	char names[220];

	if (p->step[i].kind == DOC_KEY && !json_is_object(parent)) {
		config_error(errs, &at, "is not there: what it should be in is no object");
	} else if (p->step[i].kind != DOC_KEY && !json_is_array(parent)) {
		config_error(errs, &at, "is not there: what it should be in is no list");
	} else {
		list_names(parent, names, sizeof(names));
		config_error(errs, &at, "is not there; there is: %s", names);
	}
}

json_t *doc_path_get(json_t *doc, const struct doc_path *p, struct config_errors *errs)
{
	json_t *v = doc;

	for (size_t i = 0; i < p->nb; i++) {
		json_t *next = child(v, &p->step[i]);
		if (next == NULL) {
			say_missing(v, p, i, errs);
			return NULL;
		}
		v = next;
	}
	return v;
}

/* ---- changing ---- */

static bool is_number(const char *s)
{
	const size_t len = strspn(s, "0123456789");

	return len > 0 && len <= DIGITS_MAX && s[len] == '\0' && (s[0] != '0' || len == 1);
}

/* What kind of identity a new member of <list> has: as its sisters, else by what it looks like. */
static const char *key_for_new(const json_t *list, const char *which)
{
	const char *key = doc_list_key(list);

	if (key != NULL)
		return key;
	return is_number(which) ? "id" : strchr(which, '/') != NULL ? "prefix" : "name";
}

static json_t *identity_of(const char *key, const char *which)
{
	json_int_t n = 0;

	if (strcmp(key, "id") != 0 || !is_number(which))
		return json_string(which);
	for (; *which != '\0'; which++)
		n = n * 10 + (*which - '0');
	return json_integer(n);
}

/* <value> with the identity that the path says; NULL: it has another, or no memory. */
static json_t *with_identity(const json_t *list, const char *which, json_t *value, bool is_new)
{
	const char *key = key_for_new(list, which);
	char buf[24];

	json_t *copy = json_copy(value);
	const char *name = doc_member_name(copy, key, buf);
	if (name == NULL && json_object_get(copy, key) == NULL) {
		/* In front, where people look for it. */
		json_t *o = json_object();
		if (json_object_set_new(o, key, identity_of(key, which)) < 0 ||
		    json_object_update(o, copy) < 0) {
			json_decref(o);
			o = NULL;
		}
		json_decref(copy);
		return o;
	}
	if (!is_new || (name != NULL && strcmp(name, which) == 0))
		return copy;
	json_decref(copy);
	return NULL;
}

static int set_member(json_t *list, const struct doc_path *p, size_t i, json_t *value,
		      struct config_errors *errs)
{
	const struct doc_step *step = &p->step[i];
	const struct config_path at = place(p, i + 1);
	const size_t nb = json_array_size(list);
	const size_t idx = step->kind == DOC_INDEX ? step->idx : find_member(list, step->text);

	if (idx > nb) {
		config_error(errs, &at, "the list has %zu members; a new one is [#%zu]", nb, nb);
		return -EINVAL;
	}
	if (step->kind == DOC_INDEX)
		json_incref(value);
	else if (json_is_object(value))
		value = with_identity(list, step->text, value, idx == nb);
	else
		value = NULL;
	if (value == NULL) {
		config_error(errs, &at,
			     "must be an object, and its id or name the one of the path");
		return -EINVAL;
	}
	const int rc = idx == nb ? json_array_append_new(list, value)
				 : json_array_set_new(list, idx, value);
	return rc < 0 ? -ENOMEM : 0;
}

/* The container for step <i + 1>, made when it is missing. */
static json_t *make_child(json_t *v, const struct doc_path *p, size_t i, struct config_errors *errs)
{
	json_t *next = child(v, &p->step[i]);

	if (next != NULL)
		return next;
	const bool can_be = p->step[i].kind == DOC_KEY
				    ? json_is_object(v)
				    : p->step[i].kind == DOC_MEMBER && json_is_array(v);
	if (!can_be) {
		say_missing(v, p, i, errs);
		return NULL;
	}
	json_t *new = p->step[i + 1].kind == DOC_KEY ? json_object() : json_array();
	int rc;
	if (p->step[i].kind == DOC_KEY)
		rc = json_object_set(v, p->step[i].text, new);
	else
		rc = set_member(v, p, i, new, errs);
	json_decref(new);
	return rc < 0 ? NULL : child(v, &p->step[i]);
}

int doc_path_set(json_t *doc, const struct doc_path *p, json_t *value, struct config_errors *errs)
{
	json_t *v = doc;

	if (p->nb == 0) {
		const struct config_path whole = {};
		config_error(errs, &whole, "the path is empty: load the whole document instead");
		return -EINVAL;
	}
	for (size_t i = 0; i + 1 < p->nb; i++) {
		v = make_child(v, p, i, errs);
		if (v == NULL)
			return -EINVAL;
	}
	const struct doc_step *last = &p->step[p->nb - 1];
	if (last->kind != DOC_KEY && json_is_array(v))
		return set_member(v, p, p->nb - 1, value, errs);
	if (last->kind == DOC_KEY && json_is_object(v))
		return json_object_set(v, last->text, value) < 0 ? -ENOMEM : 0;
	say_missing(v, p, p->nb - 1, errs);
	return -EINVAL;
}

int doc_path_unset(json_t *doc, const struct doc_path *p, struct config_errors *errs)
{
	struct doc_path up = *p;

	if (p->nb == 0 || doc_path_get(doc, p, errs) == NULL)
		return -EINVAL;
	up.nb--;
	json_t *v = doc_path_get(doc, &up, errs);
	const struct doc_step *last = &p->step[p->nb - 1];
	if (last->kind == DOC_KEY)
		return json_object_del(v, last->text) < 0 ? -EINVAL : 0;
	const size_t idx = last->kind == DOC_INDEX ? last->idx : find_member(v, last->text);
	return json_array_remove(v, idx) < 0 ? -EINVAL : 0;
}

/* ---- from index to name ---- */

void doc_path_by_name(const json_t *doc, const char *by_index, char ret[static DOC_PATH_MAX])
{
	json_t *v = (json_t *)doc;
	struct doc_path p;
	char buf[24];

	ret[0] = '\0';
	struct reader r = {.s = by_index, .len = strlen(by_index), .p = &p};
	p = (struct doc_path){};
	while (r.why == NULL && !is_end(&r))
		take_step(&r);
	if (r.why != NULL) {
		put(ret, by_index, strlen(by_index));
		return;
	}
	for (size_t i = 0; i < p.nb; i++) {
		struct doc_step *step = &p.step[i];
		if (step->kind == DOC_MEMBER && is_number(step->text)) {
			step->kind = DOC_INDEX;
			for (const char *c = step->text; *c != '\0'; c++)
				step->idx = step->idx * 10 + (size_t)(*c - '0');
		}
		json_t *next = child(v, step);
		const char *key = step->kind == DOC_INDEX ? doc_list_key(v) : NULL;
		if (key != NULL && next != NULL)
			doc_path_put_member(ret, doc_member_name(next, key, buf));
		else
			put_step(ret, step);
		v = next;
	}
}
