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

/* The two serial numbers, one beside the other. */
static void print_serials(const json_t *d)
{
	const char *known = view_string(d, "ems_serial", NULL);
	const char *same = view_string(d, "serials", "-");
	const bool is_zero = strcmp(same, "EMS has issued no ZTNA certificate") == 0;

	printf("\n  %-42s%s\n", "certificate serial", "EMS serial");
	printf("  %-42s%-42s%s\n", view_string(d, "certificate_serial", "-"),
	       known != NULL ? known : "(EMS has no such device)",
	       known == NULL ? "DIFFERENT"
	       : is_zero     ? "DIFFERENT: EMS has issued no ZTNA certificate"
			     : same);
}

/* "35 s before", or "now" for a question about now. */
static const char *age_text(const json_t *j, const char *key, char ret[static 64])
{
	const json_t *age = view_at(j, key);

	if (!json_is_integer(age))
		return "at an unknown time";
	(void)snprintf(ret, 64, "%lld s before", (long long)json_integer_value(age));
	return ret;
}

static void print_device(const json_t *d)
{
	char text[VIEW_TEXT_MAX], age[64];

	if (!json_is_object(d)) {
		view_line_text("Device", "none: no client certificate");
		return;
	}
	view_line("UID", d, "uid", VIEW_PLAIN);
	if (!view_bool(d, "known")) {
		view_line_text("Device", "EMS has not told of it");
		print_serials(d);
		return;
	}
	(void)snprintf(text, sizeof(text), "%sregistered, %s%s",
		       view_bool(d, "registered") ? "" : "NOT ",
		       view_bool(d, "online") ? "online" : "OFFLINE",
		       view_bool(d, "quarantined") ? ", QUARANTINED" : "");
	view_line_text("Device", text);
	if (view_bool(d, "tags_known"))
		view_line("Tags", d, "tags", VIEW_LIST);
	else
		view_line_text("Tags", "unknown: EMS has not told them");
	view_line_text("  updated", age_text(d, "tags_age_s", age));
	print_serials(d);
}

static void print_ems(const json_t *e)
{
	char text[VIEW_TEXT_MAX], age[64];

	if (!json_is_object(e))
		return;
	(void)snprintf(text, sizeof(text), "%s (%s), last contact %s, good for %llu s%s",
		       view_string(e, "name", "-"), view_string(e, "serial_number", "-"),
		       json_is_integer(view_at(e, "contact_age_s"))
			       ? age_text(e, "contact_age_s", age)
			       : "never",
		       (unsigned long long)view_uint(e, "threshold_s"),
		       view_bool(e, "in_contact") ? "" : ": TOO OLD");
	view_line_text("EMS", text);
}

/* ---- the rule tree ---- */

static void print_leaf(const json_t *n, unsigned depth)
{
	char age[64];

	printf("%*s%-*s %-8s", (int)(4 + 2 * depth), "", (int)(38 - 2 * depth),
	       view_string(n, "tag", "-"), view_string(n, "result", "-"));
	if (view_string(n, "ems", NULL) != NULL && json_is_integer(view_at(n, "age_s")))
		printf(" told %s by %s", age_text(n, "age_s", age), view_string(n, "ems", "-"));
	printf("\n");
}

/* The server bounds the depth: 16 levels. */
static void print_tree(const json_t *n, unsigned depth)
{
	const json_t *of = view_at(n, "of");
	json_t *child;
	size_t i;

	if (!json_is_array(of) || depth > 16) {
		print_leaf(n, depth);
		return;
	}
	printf("%*s%-*s %s\n", (int)(4 + 2 * depth), "", (int)(38 - 2 * depth),
	       view_string(n, "op", "-"), view_string(n, "result", "-"));
	json_array_foreach(of, i, child) print_tree(child, depth + 1);
}

static const char *bool_text(const json_t *j)
{
	return json_is_true(j) ? "true" : json_is_false(j) ? "false" : "not asked";
}

static void print_policy(const json_t *p)
{
	printf("  policy %llu \"%s\" (%s): %s\n", (unsigned long long)view_uint(p, "policy_id"),
	       view_string(p, "policy_name", ""), view_string(p, "action", "-"),
	       view_string(p, "result", "-"));
	printf("    %-38s %s\n", "access proxy", bool_text(view_at(p, "access_proxy")));
	printf("    %-38s %s\n", "source address and interface", bool_text(view_at(p, "source")));
	if (view_string(p, "tags_unknown", NULL) != NULL)
		printf("    tags are unknown: %s\n", view_string(p, "tags_unknown", "-"));
	if (json_is_object(view_at(p, "tags")))
		print_tree(view_at(p, "tags"), 0);
}

static void print_policies(const json_t *j)
{
	const json_t *list = view_at(j, "policies");
	const uint64_t others = view_uint(j, "policies_for_others");
	json_t *p;
	size_t i;

	printf("\nPolicies, in the order in which they were asked:\n");
	json_array_foreach(list, i, p) print_policy(p);
	if (json_array_size(list) == 0)
		printf("  none%s\n", others == 0 ? ": it was decided before them, or there are none"
						 : " for this access proxy");
	if (others > 0)
		printf("  (%llu for other access proxies)\n", (unsigned long long)others);
}

/* Steps before the policies: certificate, device, posture. */
static void print_checks(const json_t *list)
{
	json_t *s;
	size_t i;

	printf("\nChecks:\n");
	json_array_foreach(list, i, s) if (view_at(s, "policy_id") == NULL) printf(
		"    %-42s %s\n", view_string(s, "step", "-"), view_string(s, "result", "-"));
}

static void print_advice(const json_t *j)
{
	const json_t *list = view_at(j, "would_allow");
	json_t *a;
	size_t i;

	if (strcmp(view_string(j, "action", "-"), "accept") == 0)
		return;
	printf("\nThe smallest change that would allow it:\n");
	json_array_foreach(list, i, a)
	{
		printf("  %s%s\n", i == 0 ? "" : "or: ", view_string(a, "text", "-"));
		if (!view_bool(a, "smallest"))
			printf("      (the best found; there may be a smaller one)\n");
	}
	if (json_array_size(list) == 0)
		printf("  none: %s\n", view_string(j, "no_change", "-"));
}

static void print_decision(const json_t *j)
{
	char text[VIEW_TEXT_MAX], code[16];

	(void)snprintf(text, sizeof(text), "%s, policy %llu, code %s",
		       view_string(j, "action", "-"), (unsigned long long)view_uint(j, "policy_id"),
		       code_text(j, code));
	view_line_text("Decision", text);
	view_line("Reason", j, "reason", VIEW_PLAIN);
}

static void print_body(const json_t *j)
{
	print_ems(view_at(j, "ems"));
	print_device(view_at(j, "device"));
	print_checks(view_at(j, "steps"));
	print_policies(j);
	print_advice(j);
}

/* Of an earlier time: what about it is not certain. */
static void print_notes(const json_t *list)
{
	json_t *note;
	size_t i;

	json_array_foreach(list, i, note)
		view_line_text(i == 0 ? "Mind" : "", json_string_value(note));
}

static int print_explanation(const json_t *j)
{
	view_line("Service", j, "service", VIEW_PLAIN);
	view_line("As of", j, "at", VIEW_PLAIN);
	print_notes(view_at(j, "known"));
	print_decision(j);
	print_body(j);
	return CLI_OK;
}

static int explain_question(const struct cli *cli)
{
	struct api_target t;
	json_t *j;
	int rc;

	if (cli_option(cli, "service") == NULL) {
		cli_complain("--service is missing: the name of an access proxy\n"
			     "%sshow services lists them.",
			     cli_program());
		return CLI_USAGE;
	}
	api_target_init(&t, "/api/v1/explain");
	api_target_query(&t, "service", cli_option(cli, "service"));
	api_target_query(&t, "uid", cli_option(cli, "uid"));
	api_target_query(&t, "source", cli_option(cli, "source"));
	api_target_query(&t, "serial", cli_option(cli, "serial"));
	api_target_query(&t, "at", cli_option(cli, "at"));
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	rc = cli->is_json ? view_json(j) : print_explanation(j);
	json_decref(j);
	return rc;
}

/* ---- a denial ---- */

static const char *action_text(const char *action)
{
	if (strcmp(action, "accept") == 0)
		return "accepted";
	return strcmp(action, "refuse") == 0 ? "refused" : "denied";
}

static void print_head(const json_t *d)
{
	char text[VIEW_TEXT_MAX], code[16];

	view_line("Request", d, "id", VIEW_PLAIN);
	view_line("Time", d, "time", VIEW_PLAIN);
	view_line("Client", d, "client", VIEW_PLAIN);
	view_line("Service", d, "service", VIEW_PLAIN);
	(void)snprintf(text, sizeof(text), "%s, policy %llu, code %s, HTTP %llu",
		       view_bool(d, "cut") ? "cut" : action_text(view_string(d, "action", "-")),
		       (unsigned long long)view_uint(d, "policy_id"), code_text(d, code),
		       (unsigned long long)view_uint(d, "http_status"));
	view_line_text("Decision", text);
	view_line("Reason", d, "reason", VIEW_PLAIN);
}

/* Today's answer in a line, with what would turn it. */
static void print_now(const json_t *now)
{
	char code[16];

	printf("\nNow: ");
	if (!json_is_object(now)) {
		printf("that access proxy is not configured any more\n");
		return;
	}
	printf("%s, policy %llu, code %s", view_string(now, "action", "-"),
	       (unsigned long long)view_uint(now, "policy_id"), code_text(now, code));
	const json_t *best = json_array_get(view_at(now, "would_allow"), 0);
	if (best != NULL)
		printf("; %s", view_string(best, "text", "-"));
	printf("\n");
}

static void print_then(const json_t *d)
{
	const json_t *then = view_at(d, "then");

	if (view_string(d, "remedy", NULL) != NULL) {
		if (json_is_object(then)) {
			print_ems(view_at(then, "ems"));
			print_device(view_at(then, "device"));
		}
		printf("\nNo policy was asked. What would help:\n  %s\n",
		       view_string(d, "remedy", "-"));
	} else if (json_is_object(then)) {
		print_body(then);
		if (!view_bool(then, "is_exact"))
			printf("\nSomething of this changed in the moment of the decision: it was "
			       "not\nexactly what decided.\n");
	} else {
		printf("\nThe configuration of that time is not kept any more.\n");
	}
}

static int explain_request(const struct cli *cli)
{
	struct api_target t;
	json_t *j;
	int rc;

	api_target_init(&t, "/api/v1/decisions");
	api_target_segment(&t, cli->arg[0]);
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		rc = view_json(j);
	} else {
		print_head(j);
		print_then(j);
		print_now(view_at(j, "now"));
	}
	json_decref(j);
	return rc;
}

int explain(struct cli *cli)
{
	return cli->nb_args == 1 ? explain_request(cli) : explain_question(cli);
}
