/* SPDX-License-Identifier: BSD-3-Clause */

/* config: the candidate, what differs, commit, confirm, roll back, history. */

#include "cli/api.h"
#include "cli/document.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define BASE "/api/v1/config"
#define CANDIDATE BASE "/candidate"

/* ---- documents ---- */

int config_show(struct cli *cli)
{
	const char *which = cli->nb_args > 0 ? cli->arg[0] : "running";
	const char *target = BASE;
	struct api_target t;
	json_t *j;

	if (strcmp(which, "candidate") == 0) {
		target = CANDIDATE;
	} else if (strcmp(which, "running") != 0) {
		api_target_init(&t, BASE "/history");
		api_target_segment(&t, which);
		target = t.s;
	}
	const int rc = api_get(cli, target, &j);
	if (rc != CLI_OK)
		return rc;
	/* A version comes with its story; the document is what was asked for. */
	const json_t *doc = target == t.s && !cli->is_json ? json_object_get(j, "document") : j;
	const int status = view_json(doc);
	json_decref(j);
	return status;
}

static void print_lines(const json_t *lines)
{
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		if (json_is_string(line))
			printf("%s\n", json_string_value(line));
	}
}

int config_diff(struct cli *cli)
{
	struct api_target t;
	json_t *j;

	api_target_init(&t, BASE "/diff");
	api_target_query(&t, "from", cli->nb_args > 0 ? cli->arg[0] : NULL);
	api_target_query(&t, "to", cli->nb_args > 1 ? cli->arg[1] : NULL);
	const int rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		(void)view_json(j);
	else if (view_uint(j, "count") == 0)
		printf("No difference.\n");
	else
		print_lines(json_object_get(j, "lines"));
	json_decref(j);
	return CLI_OK;
}

/* ---- the candidate ---- */

/* Tell of the candidate after a change. */
static int print_candidate(const struct cli *cli, int rc, const json_t *j)
{
	if (rc == CLI_REFUSED && j != NULL && json_object_get(j, "errors") != NULL)
		return document_print(cli, rc, j, "");
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json)
		return view_json(j);
	if (json_is_null(json_object_get(j, "candidate"))) {
		printf("There is no candidate any more.\n");
		return CLI_OK;
	}
	printf("The candidate is changed; version %llu still runs.\n"
	       "See it: config diff. Bring it into force: config commit.\n",
	       (unsigned long long)view_uint(j, "version"));
	if (view_bool(j, "candidate.stale"))
		printf("It was made from version %llu: another runs by now.\n",
		       (unsigned long long)view_uint(j, "candidate.base"));
	return CLI_OK;
}

static int change(struct cli *cli, const char *method, const char *path, const char *body,
		  size_t len)
{
	struct api_target t;
	json_t *j;

	api_target_init(&t, CANDIDATE);
	api_target_query(&t, "path", path);
	api_target_query(&t, "force", cli_option(cli, "force") != NULL ? "1" : NULL);
	if (t.is_full) {
		cli_complain("the path is too long");
		return CLI_USAGE;
	}
	int rc = api_send(cli, method, t.s, body, len, &j);
	rc = print_candidate(cli, rc, j);
	json_decref(j);
	return rc;
}

static int change_by_file(struct cli *cli, const char *method)
{
	char *text;
	size_t len;

	int rc = document_read(cli->arg[0], &text, &len);
	if (rc != CLI_OK)
		return rc;
	rc = change(cli, method, NULL, text, len);
	free(text);
	return rc;
}

int config_load(struct cli *cli)
{
	return change_by_file(cli, "PUT");
}

int config_merge(struct cli *cli)
{
	return change_by_file(cli, "PATCH");
}

/* A word that cannot be JSON is meant as a string: nobody likes quotes within quotes. */
static bool is_bare_word(const char *s)
{
	static const char *const literal[] = {"true", "false", "null"};

	for (size_t i = 0; i < NB(literal); i++)
		if (strcmp(s, literal[i]) == 0)
			return false;
	return (s[0] | 0x20) >= 'a' && (s[0] | 0x20) <= 'z';
}

int config_set(struct cli *cli)
{
	const char *value = cli->arg[1];
	char *quoted = NULL;

	if (is_bare_word(value)) {
		json_t *j = json_string(value);
		quoted = j == NULL ? NULL : json_dumps(j, JSON_ENCODE_ANY);
		json_decref(j);
		if (quoted == NULL) {
			cli_complain("the value is not UTF-8");
			return CLI_USAGE;
		}
		value = quoted;
	}
	const int rc = change(cli, "PUT", cli->arg[0], value, strlen(value));
	free(quoted);
	return rc;
}

int config_unset(struct cli *cli)
{
	return change(cli, "DELETE", cli->arg[0], NULL, 0);
}

int config_discard(struct cli *cli)
{
	return change(cli, "DELETE", NULL, NULL, 0);
}

int config_validate(struct cli *cli)
{
	json_t *j;
	int rc = api_check(cli, CANDIDATE "/validate", "", 0, &j);

	rc = document_print(cli, rc, j, "The candidate is in order.");
	json_decref(j);
	return rc;
}

/* ---- into force ---- */

/* "5" and "5m" are minutes, "30s" seconds, "2h" hours. */
static bool parse_span(const char *s, uint64_t *ret_s)
{
	const size_t len = strspn(s, "0123456789");
	uint64_t unit = 60, n;
	char digits[12];

	if (len == 0 || len >= sizeof(digits) || (s[len] != '\0' && s[len + 1] != '\0'))
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (s[len] == 's')
		unit = 1;
	else if (s[len] == 'h')
		unit = 3600;
	else if (s[len] != '\0' && s[len] != 'm')
		return false;
	if (!cli_parse_uint(digits, 604800, &n) || n == 0 || n * unit > 604800)
		return false;
	*ret_s = n * unit;
	return true;
}

/* How long is left, for people. */
static void span_text(uint64_t s, char *ret, size_t cap)
{
	if (s < 120)
		(void)snprintf(ret, cap, "%llu s", (unsigned long long)s);
	else
		(void)snprintf(ret, cap, "%llu min %llu s", (unsigned long long)s / 60,
			       (unsigned long long)s % 60);
}

static void print_done(const json_t *j, uint64_t confirm_s)
{
	const char *by = view_string(j, "confirm_by", "");
	char span[48];

	printf("Version %llu is in force: %s.\n", (unsigned long long)view_uint(j, "version"),
	       view_string(j, "summary", ""));
	if (by[0] == '\0')
		return;
	span_text(confirm_s, span, sizeof(span));
	printf("It goes back by itself at %s, in %s.\n"
	       "Keep it: config confirm. Go back now: config rollback.\n",
	       by, span);
}

/* The options of commit, confirm and rollback as a body. NULL: told. */
static json_t *order_of(struct cli *cli, uint64_t version, uint64_t *ret_confirm_s)
{
	const char *comment = cli_option(cli, "comment"), *span = cli_option(cli, "confirmed");

	*ret_confirm_s = 0;
	if (span != NULL && !parse_span(span, ret_confirm_s)) {
		cli_complain("--confirmed takes minutes, as 5, or 30s, or 2h: at most a week");
		return NULL;
	}
	json_t *j =
		json_pack("{s:s,s:I,s:I,s:b}", "comment", comment != NULL ? comment : "",
			  "confirm_s", (json_int_t)*ret_confirm_s, "version", (json_int_t)version,
			  "force", (int)(cli_option(cli, "force") != NULL));
	if (j == NULL)
		cli_complain("the comment is not UTF-8");
	return j;
}

static int order(struct cli *cli, const char *target, uint64_t version)
{
	uint64_t confirm_s;
	json_t *j = NULL;

	json_t *body = order_of(cli, version, &confirm_s);
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (text == NULL)
		return CLI_USAGE;
	int rc = api_check(cli, target, text, strlen(text), &j);
	free(text);
	if (rc == CLI_REFUSED && j != NULL)
		rc = document_print(cli, rc, j, "");
	else if (rc == CLI_OK && cli->is_json)
		rc = view_json(j);
	else if (rc == CLI_OK)
		print_done(j, confirm_s);
	json_decref(j);
	return rc;
}

int config_commit(struct cli *cli)
{
	return order(cli, BASE "/commit", 0);
}

int config_confirm(struct cli *cli)
{
	return order(cli, BASE "/confirm", 0);
}

int config_rollback(struct cli *cli)
{
	uint64_t version = 0;

	if (cli->nb_args > 0 && (!cli_parse_uint(cli->arg[0], UINT32_MAX, &version) || !version)) {
		cli_complain("%s is no version\nconfig history lists them.", cli->arg[0]);
		return CLI_USAGE;
	}
	return order(cli, BASE "/rollback", version);
}

/* ---- history ---- */

int config_history(struct cli *cli)
{
	static const struct view_column columns[] = {
		{"VERSION", "version", VIEW_PLAIN, TABLE_RIGHT},
		{"TIME", "time", VIEW_PLAIN, 0},
		{"KIND", "kind", VIEW_PLAIN, 0},
		{"WHO", "who", VIEW_PLAIN, 0},
		{"COMMENT", "comment", VIEW_PLAIN, TABLE_SHRINK},
	};

	return view_resource(cli, BASE "/history", "versions", columns, NB(columns));
}

void config_print_state(const json_t *state)
{
	const char *by = view_string(state, "confirm_by", "");
	char text[160];

	(void)snprintf(text, sizeof(text), "version %llu, %.16s by %.96s",
		       (unsigned long long)view_uint(state, "version"),
		       view_string(state, "kind", "-"), view_string(state, "who", "-"));
	view_line_text("Configuration", text);
	if (by[0] != '\0') {
		(void)snprintf(text, sizeof(text),
			       "not confirmed: goes back at %.24s; config confirm keeps it", by);
		view_line_text("", text);
	}
	if (json_is_object(json_object_get(state, "candidate"))) {
		(void)snprintf(text, sizeof(text), "of %.96s; config diff shows it",
			       view_string(state, "candidate.who", "-"));
		view_line_text("  candidate", text);
	}
}
