/* SPDX-License-Identifier: BSD-3-Clause */

/* What packets, connections and requests ended in. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

static const struct view_column columns[] = {
	{"COUNT", "count", VIEW_PLAIN, TABLE_RIGHT},
	{"COUNTER", "name", VIEW_PLAIN, 0},
	{"MEANING", "text", VIEW_PLAIN, TABLE_SHRINK},
};

/* The server's order within a class; classes in the order in which they first come. */
static void print_class(const struct cli *cli, const json_t *list, const char *class)
{
	struct table_column heads[NB(columns)];
	struct table t;
	json_t *c;
	size_t i;

	view_table_init(&t, heads, columns, NB(columns));
	json_array_foreach(list, i, c) if (strcmp(view_string(c, "class", ""), class) == 0)
		view_table_row(&t, c, columns, NB(columns));
	printf("%s\n", class);
	(void)view_table_print(cli, &t);
	table_fini(&t);
}

static bool is_first_of_class(const json_t *list, size_t at)
{
	const char *class = view_string(json_array_get(list, at), "class", "");

	for (size_t i = 0; i < at; i++)
		if (strcmp(view_string(json_array_get(list, i), "class", ""), class) == 0)
			return false;
	return true;
}

int show_counters(struct cli *cli)
{
	const bool is_all = cli_option(cli, "all") != NULL;
	json_t *j, *list, *c;
	bool is_begun = false;
	size_t i;
	int rc;

	rc = api_get(cli, is_all ? "/api/v1/counters?all=1" : "/api/v1/counters", &j);
	if (rc != CLI_OK)
		return rc;
	list = view_at(j, "counters");
	if (cli->is_json) {
		rc = view_json(j);
	} else {
		json_array_foreach(list, i, c)
		{
			if (!is_first_of_class(list, i))
				continue;
			printf("%s", is_begun ? "\n" : "");
			is_begun = true;
			print_class(cli, list, view_string(c, "class", "-"));
		}
		if (!is_begun)
			printf("Nothing was counted yet; --all shows the zeros.\n");
	}
	json_decref(j);
	return rc;
}

int show_histogram(struct cli *cli)
{
	static const struct view_column histogram[] = {
		{"HISTOGRAM", "name", VIEW_PLAIN, 0},
		{"COUNT", "count", VIEW_PLAIN, TABLE_RIGHT},
		{"MEAN", "mean_us", VIEW_US, TABLE_RIGHT},
		{"P50", "p50_us", VIEW_US, TABLE_RIGHT},
		{"P99", "p99_us", VIEW_US, TABLE_RIGHT},
		{"P99.9", "p999_us", VIEW_US, TABLE_RIGHT},
		{"MAX", "max_us", VIEW_US, TABLE_RIGHT},
	};
	json_t *j, *both, *cut, *request;
	int rc = api_get(cli, "/api/v1/counters", &j);

	if (rc != CLI_OK)
		return rc;
	cut = view_at(j, "change_to_cut");
	request = view_at(j, "request");
	if (cli->is_json) {
		both = json_pack("{s:O?,s:O?}", "change_to_cut", cut, "request", request);
		rc = view_json(both);
	} else {
		both = json_pack("[O?,O?]", cut, request);
		json_object_set_new(cut, "name", json_string("change to cut"));
		json_object_set_new(request, "name", json_string("request"));
		rc = view_table(cli, both, histogram, NB(histogram));
		printf("\nchange to cut: from the arrival of EMS's notification to the cut of a "
		       "session.\n");
	}
	json_decref(both);
	json_decref(j);
	return rc;
}

/* Counters that are zero unless something is wrong with us. */
static bool is_bug(const json_t *c)
{
	static const char *const name[] = {"bug", "snapshot_refused"};

	for (size_t i = 0; i < NB(name); i++)
		if (strcmp(view_string(c, "name", ""), name[i]) == 0)
			return true;
	return false;
}

static json_t *collect_bugs(const json_t *counters, const json_t *status)
{
	json_t *list = json_array(), *c;
	size_t i;

	json_array_foreach(view_at(counters, "counters"), i, c) if (is_bug(c))
		json_array_append(list, c);
	json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "name", "publish_failures", "count",
					      (json_int_t)view_uint(status, "snapshot.failures"),
					      "text", "snapshots that could not be published"));
	json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "name", "records_lost", "count",
					      (json_int_t)view_uint(status, "records.lost"), "text",
					      "record rings that made no sense and were skipped"));
	return list;
}

int show_bugs(struct cli *cli)
{
	json_t *counters, *status, *bugs;
	int rc = api_get(cli, "/api/v1/counters?all=1", &counters);

	if (rc != CLI_OK)
		return rc;
	rc = api_get(cli, "/api/v1/status", &status);
	if (rc == CLI_OK) {
		bugs = json_pack("{s:o}", "bugs", collect_bugs(counters, status));
		rc = cli->is_json ? view_json(bugs)
				  : view_table(cli, view_at(bugs, "bugs"), columns, NB(columns));
		if (rc == CLI_OK && !cli->is_json)
			printf("\nAll of these are 0 on a sound system; report what is not.\n");
		json_decref(bugs);
		json_decref(status);
	}
	json_decref(counters);
	return rc;
}
