/* SPDX-License-Identifier: BSD-3-Clause */

/* Why was, or would, something be denied. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define COLUMN_MATCH 5

static const struct view_column denial_columns[] = {
	{"TIME", "time", VIEW_PLAIN, 0},
	{"CODE", NULL, VIEW_PLAIN, 0},
	{"UID", "uid", VIEW_PLAIN, 0},
	{"CERTIFICATE SERIAL", "certificate_serial", VIEW_PLAIN, 0},
	{"EMS SERIAL", "ems_serial", VIEW_PLAIN, 0},
	{"SAME", "serials_match", VIEW_PLAIN, 0},
	{"SERVICE", "service", VIEW_PLAIN, TABLE_SHRINK},
	{"POLICY", "policy_id", VIEW_PLAIN, TABLE_RIGHT},
	{"CLIENT", "client", VIEW_PLAIN, 0},
	{"REASON", "reason", VIEW_PLAIN, TABLE_SHRINK},
	{"REQUEST", "request_id", VIEW_PLAIN, 0},
};

static const char *code_text(const json_t *j, char ret[static 16])
{
	(void)snprintf(ret, 16, "%03llu", (unsigned long long)(view_uint(j, "code") % 1000));
	return ret;
}

static int print_denials(const struct cli *cli, const json_t *list)
{
	struct table_column heads[NB(denial_columns)];
	struct table t;
	json_t *d;
	size_t i;
	int rc;

	if (json_array_size(list) == 0) {
		printf("none\n");
		return CLI_OK;
	}
	view_table_init(&t, heads, denial_columns, NB(denial_columns));
	json_array_foreach(list, i, d)
	{
		char code[16];

		view_table_row(&t, d, denial_columns, NB(denial_columns));
		table_set(&t, 1, code_text(d, code));
		if (json_is_false(view_at(d, "serials_match")))
			table_set(&t, COLUMN_MATCH, "NO");
	}
	rc = view_table_print(cli, &t);
	table_fini(&t);
	return rc;
}

int show_denials(struct cli *cli)
{
	struct api_target t;
	uint64_t limit;
	char text[24];
	json_t *j;
	int rc;

	if (!cli_option_uint(cli, "limit", 100, 1000, &limit))
		return CLI_USAGE;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)limit);
	api_target_init(&t, "/api/v1/denials");
	api_target_query(&t, "uid", cli_option(cli, "uid"));
	api_target_query(&t, "mismatch", cli_option(cli, "mismatch") != NULL ? "1" : NULL);
	api_target_query(&t, "limit", text);
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	rc = cli->is_json ? view_json(j) : print_denials(cli, view_at(j, "denials"));
	json_decref(j);
	return rc;
}

/* The two serial numbers, one under the other's eyes. */
static void print_serials(const char *shown, const char *known)
{
	const bool is_same = known != NULL && strcmp(shown, known) == 0;

	printf("\n  %-42s%s\n", "certificate serial", "EMS serial");
	printf("  %-42s%-42s%s\n", shown, known != NULL ? known : "(EMS has no such device)",
	       is_same ? "same" : "DIFFERENT");
}

static void print_device(const json_t *d)
{
	if (!json_is_object(d)) {
		view_line_text("Device", "none: no client certificate");
		return;
	}
	if (!view_bool(d, "known")) {
		view_line_text("Device", "EMS has not told of it");
	} else {
		view_line("Registered", d, "registered", VIEW_PLAIN);
		view_line("Online", d, "online", VIEW_PLAIN);
		view_line("Quarantined", d, "quarantined", VIEW_PLAIN);
		if (view_bool(d, "tags_known"))
			view_line("Tags", d, "tags", VIEW_LIST);
		else
			view_line_text("Tags", "unknown");
		view_line("  updated", d, "tags_updated", VIEW_PLAIN);
	}
	print_serials(view_string(d, "certificate_serial", "-"),
		      view_string(d, "ems_serial", NULL));
}

/* Steps of one policy stand below its name. */
static void print_steps(const json_t *list)
{
	const json_int_t none = -1;
	json_int_t policy = none;
	json_t *s;
	size_t i;

	printf("\nSteps:\n");
	json_array_foreach(list, i, s)
	{
		const json_t *id = view_at(s, "policy_id");
		const json_int_t now = id == NULL ? none : json_integer_value(id);

		if (now != policy && now != none)
			printf("  policy %lld \"%s\"\n", (long long)now,
			       view_string(s, "policy_name", ""));
		policy = now;
		printf("  %s%-42s %s\n", now == none ? "" : "  ", view_string(s, "step", "-"),
		       view_string(s, "result", "-"));
	}
}

static int print_explanation(const json_t *j)
{
	char text[VIEW_TEXT_MAX], code[16];

	view_line("Service", j, "service", VIEW_PLAIN);
	(void)snprintf(text, sizeof(text), "%s, policy %llu, code %s",
		       view_string(j, "action", "-"), (unsigned long long)view_uint(j, "policy_id"),
		       code_text(j, code));
	view_line_text("Decision", text);
	view_line("Reason", j, "reason", VIEW_PLAIN);
	view_line("EMS in contact", j, "ems_online", VIEW_PLAIN);
	print_device(view_at(j, "device"));
	print_steps(view_at(j, "steps"));
	if (view_bool(j, "steps_cut"))
		printf("  (there are more)\n");
	return CLI_OK;
}

static int get_explanation(const struct cli *cli, const char *uid, const char *service,
			   const char *source, const char *serial, json_t **ret)
{
	struct api_target t;

	api_target_init(&t, "/api/v1/explain");
	api_target_query(&t, "service", service);
	api_target_query(&t, "uid", uid);
	api_target_query(&t, "source", source);
	api_target_query(&t, "serial", serial);
	return api_get(cli, t.s, ret);
}

static int explain_question(const struct cli *cli)
{
	json_t *j;
	int rc;

	if (cli_option(cli, "service") == NULL) {
		cli_complain("--service is missing: the name of an access proxy\n"
			     "tagwardenctl show services lists them.");
		return CLI_USAGE;
	}
	rc = get_explanation(cli, cli_option(cli, "uid"), cli_option(cli, "service"),
			     cli_option(cli, "source"), cli_option(cli, "serial"), &j);
	if (rc != CLI_OK)
		return rc;
	rc = cli->is_json ? view_json(j) : print_explanation(j);
	json_decref(j);
	return rc;
}

/* "192.0.2.1:4000" and "[2001:db8::1]:4000" without port and brackets. */
static void cut_port(const char *client, char ret[static 64])
{
	const bool is_v6 = client[0] == '[';
	const char *end = is_v6 ? strchr(client, ']') : strrchr(client, ':');

	client += is_v6;
	(void)snprintf(ret, 64, "%.*s", end != NULL ? (int)(end - client) : 0, client);
}

static void print_denial(const json_t *d)
{
	char text[VIEW_TEXT_MAX], code[16];

	view_line("Request", d, "request_id", VIEW_PLAIN);
	view_line("Time", d, "time", VIEW_PLAIN);
	view_line("Client", d, "client", VIEW_PLAIN);
	view_line("Service", d, "service", VIEW_PLAIN);
	(void)snprintf(text, sizeof(text), "%s, policy %llu, code %s, HTTP %llu",
		       view_bool(d, "cut") ? "cut" : "denied",
		       (unsigned long long)view_uint(d, "policy_id"), code_text(d, code),
		       (unsigned long long)view_uint(d, "http_status"));
	view_line_text("Decision", text);
	view_line("Reason", d, "reason", VIEW_PLAIN);
	view_line("UID", d, "uid", VIEW_PLAIN);
	if (view_string(d, "certificate_serial", NULL) != NULL)
		print_serials(view_string(d, "certificate_serial", "-"),
			      view_string(d, "ems_serial", NULL));
}

/* What happened then, and what would be decided now for the same client. */
static int explain_denial(const struct cli *cli, json_t *d)
{
	const char *service = view_string(d, "service", NULL);
	char source[64];
	json_t *now = NULL;
	int rc = CLI_OK;

	cut_port(view_string(d, "client", ""), source);
	if (service != NULL)
		rc = get_explanation(cli, view_string(d, "uid", NULL), service, source,
				     view_string(d, "certificate_serial", NULL), &now);
	if (rc == CLI_OK && cli->is_json) {
		json_t *both = json_pack("{s:O,s:O?}", "denial", d, "now", now);

		rc = view_json(both);
		json_decref(both);
	} else if (!cli->is_json) {
		print_denial(d);
		if (now != NULL) {
			printf("\nThe same request now:\n\n");
			rc = print_explanation(now);
		}
	}
	json_decref(now);
	return rc;
}

static int explain_request(const struct cli *cli)
{
	struct api_target t;
	json_t *j, *d;
	int rc;

	api_target_init(&t, "/api/v1/denials");
	api_target_query(&t, "request", cli->arg[0]);
	api_target_query(&t, "limit", "1");
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	d = json_array_get(view_at(j, "denials"), 0);
	if (d != NULL) {
		rc = explain_denial(cli, d);
	} else {
		cli_complain("no denial with request id %s is kept\n"
			     "The latest 1024 are; older ones are in the traffic log.",
			     cli->arg[0]);
		rc = CLI_NOT_FOUND;
	}
	json_decref(j);
	return rc;
}

int explain(struct cli *cli)
{
	return cli->nb_args == 1 ? explain_request(cli) : explain_question(cli);
}
