/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/view.h"

#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX TABLE_COLUMNS_MAX

json_t *view_at(const json_t *j, const char *key)
{
	char one[64];

	while (j != NULL) {
		const size_t n = strcspn(key, ".");

		if (n >= sizeof(one))
			return NULL;
		memcpy(one, key, n);
		one[n] = '\0';
		j = json_object_get(j, one);
		if (key[n] == '\0')
			break;
		key += n + 1;
	}
	return (json_t *)j;
}

const char *view_string(const json_t *j, const char *key, const char *fallback)
{
	const char *s = json_string_value(view_at(j, key));

	return s != NULL ? s : fallback;
}

uint64_t view_uint(const json_t *j, const char *key)
{
	const json_int_t v = json_integer_value(view_at(j, key));

	return v < 0 ? 0 : (uint64_t)v;
}

bool view_bool(const json_t *j, const char *key)
{
	return json_is_true(view_at(j, key));
}

/* A bounded text that is built in pieces. */
struct text {
	char *s;
	size_t len;
};

static void add(struct text *t, const char *s)
{
	const size_t room = VIEW_TEXT_MAX - 1 - t->len;
	const size_t n = strlen(s) < room ? strlen(s) : room;

	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = '\0';
}

const char *view_us(uint64_t us, char ret[static VIEW_TEXT_MAX])
{
	if (us < 1000)
		(void)snprintf(ret, VIEW_TEXT_MAX, "%llu us", (unsigned long long)us);
	else if (us < 1000000)
		(void)snprintf(ret, VIEW_TEXT_MAX, "%.1f ms", (double)us / 1e3);
	else if (us < 120000000)
		(void)snprintf(ret, VIEW_TEXT_MAX, "%.1f s", (double)us / 1e6);
	else
		(void)snprintf(ret, VIEW_TEXT_MAX, "%llu min", (unsigned long long)(us / 60000000));
	return ret;
}

static void add_bytes(struct text *t, uint64_t n)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)n;
	char text[48];
	size_t u = 0;

	for (; v >= 1024 && u + 1 < sizeof(unit) / sizeof(unit[0]); u++)
		v /= 1024;
	(void)snprintf(text, sizeof(text), u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
	add(t, text);
}

/* The depth is the document's; the configuration's check bounds it. */
static void add_condition(struct text *t, const json_t *j)
{
	const char *key = "";
	json_t *v = NULL;
	size_t i;

	if (json_is_string(j))
		add(t, json_string_value(j));
	json_object_foreach((json_t *)j, key, v)
	{
		add(t, key);
		add(t, "(");
		add_condition(t, v);
		add(t, ")");
	}
	json_array_foreach(j, i, v)
	{
		add(t, i > 0 ? ", " : "");
		add_condition(t, v);
	}
}

static void add_list(struct text *t, const json_t *j)
{
	json_t *v;
	size_t i;

	json_array_foreach(j, i, v)
	{
		add(t, i > 0 ? ", " : "");
		add(t, json_is_string(v) ? json_string_value(v) : "?");
	}
}

static void add_plain(struct text *t, const json_t *j)
{
	char number[32];

	if (json_is_string(j)) {
		add(t, json_string_value(j));
	} else if (json_is_boolean(j)) {
		add(t, json_is_true(j) ? "yes" : "no");
	} else if (json_is_integer(j)) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(j));
		add(t, number);
	}
}

const char *view_text(const json_t *j, const char *key, enum view_how how,
		      char ret[static VIEW_TEXT_MAX])
{
	const json_t *v = view_at(j, key);
	struct text t = {.s = ret};
	char us[VIEW_TEXT_MAX];

	ret[0] = '\0';
	if (json_is_integer(v) && how == VIEW_BYTES)
		add_bytes(&t, view_uint(j, key));
	else if (json_is_integer(v) && (how == VIEW_US || how == VIEW_MS))
		add(&t, view_us(view_uint(j, key) * (how == VIEW_MS ? 1000 : 1), us));
	else if (how == VIEW_LIST)
		add_list(&t, v);
	else if (how == VIEW_COND)
		add_condition(&t, v);
	else
		add_plain(&t, v);
	if (t.len == 0)
		add(&t, "-");
	return ret;
}

int view_json(const json_t *j)
{
	char *text = text_json(j);

	if (text == NULL) {
		cli_complain("out of memory");
		return CLI_BAD_ANSWER;
	}
	puts(text);
	free(text);
	return CLI_OK;
}

void view_line_text(const char *label, const char *text)
{
	printf("%-22s %s\n", label, text);
}

void view_line(const char *label, const json_t *j, const char *key, enum view_how how)
{
	char text[VIEW_TEXT_MAX];

	view_line_text(label, view_text(j, key, how, text));
}

void view_table_init(struct table *t, struct table_column *heads, const struct view_column *column,
		     size_t nb)
{
	for (size_t c = 0; c < nb; c++)
		heads[c] = (struct table_column){column[c].head, column[c].flags};
	table_init(t, heads, nb);
}

void view_table_row(struct table *t, const json_t *item, const struct view_column *column,
		    size_t nb)
{
	char text[VIEW_TEXT_MAX];

	table_row(t);
	for (size_t c = 0; c < nb; c++)
		if (column[c].key != NULL)
			table_set(t, c, view_text(item, column[c].key, column[c].how, text));
}

int view_table_print(const struct cli *cli, struct table *t)
{
	if (table_print(t, stdout, cli->terminal, cli->is_bold) == 0)
		return CLI_OK;
	cli_complain("out of memory: rows are missing");
	return CLI_BAD_ANSWER;
}

int view_table(const struct cli *cli, const json_t *list, const struct view_column *column,
	       size_t nb)
{
	struct table_column heads[COLUMNS_MAX];
	struct table t;
	json_t *item;
	size_t i;
	int rc;

	if (json_array_size(list) == 0) {
		printf("none\n");
		return CLI_OK;
	}
	view_table_init(&t, heads, column, nb);
	json_array_foreach(list, i, item) view_table_row(&t, item, column, nb);
	rc = view_table_print(cli, &t);
	table_fini(&t);
	return rc;
}

int view_resource(const struct cli *cli, const char *target, const char *list_key,
		  const struct view_column *column, size_t nb)
{
	json_t *j;
	int rc = api_get(cli, target, &j);

	if (rc != CLI_OK)
		return rc;
	rc = cli->is_json ? view_json(j)
			  : view_table(cli, json_object_get(j, list_key), column, nb);
	json_decref(j);
	return rc;
}

struct list {
	const struct cli *cli;
	const char *key;
	const struct view_column *column;
	size_t nb_columns;
	void (*finish_row)(struct table *t, const json_t *item);
	struct table t;
	uint64_t nb;
};

static void on_item(void *user, json_t *item)
{
	struct list *l = user;
	char *text;

	if (!l->cli->is_json) {
		view_table_row(&l->t, item, l->column, l->nb_columns);
		if (l->finish_row != NULL)
			l->finish_row(&l->t, item);
		return;
	}
	text = json_dumps(item, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	for (char *p = text; p != NULL && *p != '\0'; p++)
		if (*p == 0x7f)
			*p = '?';
	if (text != NULL && l->nb == 0)
		printf("{\"%s\": [\n%s", l->key, text);
	else if (text != NULL)
		printf(",\n%s", text);
	l->nb++;
	free(text);
}

static void on_page(void *user)
{
	struct list *l = user;

	if (!l->cli->is_json && l->t.nb_rows > 0)
		(void)view_table_print(l->cli, &l->t);
}

static void end_list(const struct list *l, const struct api_pages *p, int rc)
{
	if (l->cli->is_json && l->nb > 0)
		printf("]}\n");
	else if (l->cli->is_json && rc == CLI_OK)
		printf("{\"%s\": []}\n", l->key);
	else if (rc == CLI_OK && p->nb == 0)
		printf("none\n");
	if (rc == CLI_OK && p->has_more)
		(void)fprintf(stderr, "There are more; --limit 0 shows all.\n");
}

#define LIMIT_DEFAULT 1000u

int view_pages(const struct cli *cli, const struct api_target *t, const char *list_key,
	       const struct view_column *column, size_t nb,
	       void (*finish_row)(struct table *t, const json_t *item))
{
	struct table_column heads[COLUMNS_MAX];
	struct list l = {
		.cli = cli,
		.key = list_key,
		.column = column,
		.nb_columns = nb,
		.finish_row = finish_row,
	};
	struct api_pages p = {
		.list_key = list_key, .on_item = on_item, .on_page = on_page, .user = &l};
	int rc;

	if (!cli_option_uint(cli, "limit", LIMIT_DEFAULT, UINT32_MAX, &p.limit))
		return CLI_USAGE;
	view_table_init(&l.t, heads, column, nb);
	rc = api_get_pages(cli, t, &p);
	end_list(&l, &p, rc);
	table_fini(&l.t);
	return rc;
}
