/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * execute log filter and execute log display: the traffic log as on the appliances. What the
 * filter is belongs to the login there; here it is the shell's, and between two calls outside of
 * one it is kept in a file of the user's.
 */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/history.h"
#include "cli/line.h"
#include "cli/shell.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_NAME "log-filter"
#define FIELDS_MAX 16u
#define VIEW_DEFAULT 10u
#define VIEW_MAX 1000u
#define FOUND_MAX 10000u /* as many are counted */

struct log_view {
	unsigned start_line, view_lines;
	size_t nb;
	struct {
		char key[32], value[128];
	} field[FIELDS_MAX];
};

static void reset(struct log_view *v)
{
	*v = (struct log_view){.start_line = 1, .view_lines = VIEW_DEFAULT};
}

/* ---- where it is kept ---- */

static bool set_number(const char *text, unsigned max, unsigned *ret)
{
	uint64_t n;

	if (!cli_parse_uint(text, max, &n) || n == 0)
		return false;
	*ret = (unsigned)n;
	return true;
}

static bool is_field_name(const char *s)
{
	const size_t len = strlen(s);

	return len > 0 && len < 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static void drop_field(struct log_view *v, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < v->nb; i++)
		if (strcmp(v->field[i].key, key) != 0)
			v->field[n++] = v->field[i];
	v->nb = n;
}

static bool add_field(struct log_view *v, const char *key, const char *value)
{
	if (v->nb == FIELDS_MAX || !is_field_name(key) ||
	    strlen(value) >= sizeof(v->field[0].value))
		return false;
	(void)snprintf(v->field[v->nb].key, sizeof(v->field[0].key), "%s", key);
	(void)snprintf(v->field[v->nb].value, sizeof(v->field[0].value), "%s", value);
	v->nb++;
	return true;
}

/* What cannot be read is passed over: the file is only a convenience. */
static void load(struct log_view *v)
{
	FILE *f = user_file_open(FILE_NAME, "r");
	static struct line l;
	char text[512];

	while (f != NULL && fgets(text, sizeof(text), f) != NULL) {
		if (line_split(&l, text, strcspn(text, "\n")) < 0 || l.nb < 2)
			continue;
		if (strcmp(l.word[0], "start-line") == 0)
			(void)set_number(l.word[1], UINT32_MAX, &v->start_line);
		else if (strcmp(l.word[0], "view-lines") == 0)
			(void)set_number(l.word[1], VIEW_MAX, &v->view_lines);
		else if (strcmp(l.word[0], "field") == 0 && l.nb == 3)
			(void)add_field(v, l.word[1], l.word[2]);
	}
	if (f != NULL)
		(void)fclose(f);
}

static void save(const struct log_view *v)
{
	FILE *f = user_file_open(FILE_NAME, "w");
	char value[300];

	if (f == NULL) {
		cli_complain("the filter cannot be kept for the next call; there is a shell for "
			     "that: tagwardenctl without a command");
		return;
	}
	(void)fprintf(f, "start-line %u\nview-lines %u\n", v->start_line, v->view_lines);
	for (size_t i = 0; i < v->nb; i++)
		if (line_quote(v->field[i].value, value, sizeof(value)))
			(void)fprintf(f, "field %s %s\n", v->field[i].key, value);
	(void)fclose(f);
}

/* The shell's, or <own> filled from the file. NULL: no memory. */
static struct log_view *view_of(struct cli *cli, struct log_view *own)
{
	if (cli->shell == NULL) {
		reset(own);
		load(own);
		return own;
	}
	if (cli->shell->log_view == NULL) {
		cli->shell->log_view = malloc(sizeof(*cli->shell->log_view));
		if (cli->shell->log_view == NULL)
			cli_complain("no memory");
		else
			reset(cli->shell->log_view);
	}
	return cli->shell->log_view;
}

static void keep(const struct cli *cli, const struct log_view *v)
{
	if (cli->shell == NULL)
		save(v);
}

/* ---- execute log filter ---- */

int log_filter_category(struct cli *cli)
{
	if (strcmp(cli->arg[0], "0") == 0 || strcmp(cli->arg[0], "traffic") == 0)
		return CLI_OK;
	cli_complain("only category 0, traffic, is kept here");
	return CLI_NOT_FOUND;
}

int log_filter_field(struct cli *cli)
{
	struct log_view own, *v = view_of(cli, &own);

	if (v == NULL)
		return CLI_BAD_ANSWER;
	if (!is_field_name(cli->arg[0])) {
		cli_complain("a field's name is made of small letters and digits, such as "
			     "subtype, action or policyid");
		return CLI_USAGE;
	}
	drop_field(v, cli->arg[0]);
	for (size_t i = 1; i < cli->nb_args; i++)
		if (!add_field(v, cli->arg[0], cli->arg[i])) {
			cli_complain("at most %u values, of at most 127 bytes", FIELDS_MAX);
			return CLI_USAGE;
		}
	keep(cli, v);
	return CLI_OK;
}

static int set_lines(struct cli *cli, bool is_start)
{
	struct log_view own, *v = view_of(cli, &own);
	const unsigned max = is_start ? FOUND_MAX : VIEW_MAX;

	if (v == NULL)
		return CLI_BAD_ANSWER;
	if (!set_number(cli->arg[0], max, is_start ? &v->start_line : &v->view_lines)) {
		cli_complain("a number from 1 to %u is wanted, not \"%s\"", max, cli->arg[0]);
		return CLI_USAGE;
	}
	keep(cli, v);
	return CLI_OK;
}

int log_filter_start_line(struct cli *cli)
{
	return set_lines(cli, true);
}

int log_filter_view_lines(struct cli *cli)
{
	return set_lines(cli, false);
}

int log_filter_reset(struct cli *cli)
{
	struct log_view own, *v = view_of(cli, &own);

	if (v == NULL)
		return CLI_BAD_ANSWER;
	if (cli->nb_args == 0 || strcmp(cli->arg[0], "all") == 0)
		reset(v);
	else
		drop_field(v, cli->arg[0]);
	keep(cli, v);
	return CLI_OK;
}

static json_t *view_as_json(const struct log_view *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->nb; i++)
		json_array_append_new(list, json_pack("{s:s,s:s}", "field", v->field[i].key,
						      "value", v->field[i].value));
	return json_pack("{s:s,s:i,s:i,s:o}", "category", "traffic", "start_line",
			 (int)v->start_line, "view_lines", (int)v->view_lines, "fields", list);
}

int log_filter_dump(struct cli *cli)
{
	struct log_view own, *v = view_of(cli, &own);

	if (v == NULL)
		return CLI_BAD_ANSWER;
	if (cli->is_json) {
		json_t *j = view_as_json(v);
		const int rc = view_json(j);

		json_decref(j);
		return rc;
	}
	printf("category: traffic\ndevice: disk\nstart-line: %u\nview-lines: %u\nFilter:",
	       v->start_line, v->view_lines);
	for (size_t i = 0; i < v->nb; i++)
		printf(" (%s \"%s\")", v->field[i].key, v->field[i].value);
	printf("\n");
	return CLI_OK;
}

/* ---- execute log display ---- */

struct found {
	const struct log_view *v;
	json_t *shown; /* those that are displayed */
	size_t nb;
};

static void take_page(struct found *f, const json_t *page)
{
	json_t *one;
	size_t i;

	json_array_foreach(view_at(page, "logs"), i, one)
	{
		f->nb++;
		if (f->nb >= f->v->start_line && f->nb - f->v->start_line < f->v->view_lines)
			json_array_append(f->shown, one);
	}
}

static int get_page(const struct cli *cli, const struct log_view *v, const char *cursor,
		    json_t **ret)
{
	struct api_target t;

	api_target_init(&t, "/api/v1/logs");
	for (size_t i = 0; i < v->nb; i++)
		api_target_query(&t, v->field[i].key, v->field[i].value);
	api_target_query(&t, "cursor", cursor);
	api_target_query(&t, "fields", cli->is_json ? "1" : NULL);
	api_target_query(&t, "limit", "1000");
	if (t.is_full) {
		cli_complain("the filter is too long; execute log filter reset");
		return CLI_USAGE;
	}
	return api_get(cli, t.s, ret);
}

/* The server looks at so much of the log at a time, and gives a cursor to go on with. */
static int find(const struct cli *cli, struct found *f)
{
	char cursor[64] = "";
	int rc = CLI_OK;

	do {
		json_t *page;

		rc = get_page(cli, f->v, cursor[0] != '\0' ? cursor : NULL, &page);
		if (rc != CLI_OK)
			return rc;
		take_page(f, page);
		(void)snprintf(cursor, sizeof(cursor), "%s", view_string(page, "next_cursor", ""));
		json_decref(page);
	} while (cursor[0] != '\0' && f->nb < FOUND_MAX);
	return CLI_OK;
}

static int print_found(const struct cli *cli, const struct found *f)
{
	json_t *one;
	size_t i;

	if (cli->is_json) {
		json_t *j = json_pack("{s:I,s:O}", "found", (json_int_t)f->nb, "logs", f->shown);
		const int rc = view_json(j);

		json_decref(j);
		return rc;
	}
	printf("%zu logs found.\n%zu logs returned.\n\n", f->nb, json_array_size(f->shown));
	json_array_foreach(f->shown, i, one)
	{
		printf("%zu: %s\n", f->v->start_line + i, view_string(one, "line", ""));
	}
	return CLI_OK;
}

int log_display(struct cli *cli)
{
	struct log_view own;
	struct found f = {.v = view_of(cli, &own)};
	int rc;

	if (f.v == NULL)
		return CLI_BAD_ANSWER;
	f.shown = json_array();
	rc = find(cli, &f);
	if (rc == CLI_OK)
		rc = print_found(cli, &f);
	/* A filter of another day surprises. */
	if (rc == CLI_OK && cli->shell == NULL && f.v->nb > 0 && isatty(STDERR_FILENO))
		cli_tell("(as filtered; see execute log filter dump)");
	json_decref(f.shown);
	return rc;
}
