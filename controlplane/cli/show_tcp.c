/* SPDX-License-Identifier: BSD-3-Clause */

/* What packets below TLS ended in, and how many connections there are. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <inttypes.h>
#include <stdio.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define WORKERS_SHOWN 8u /* more do not fit a line; --json has them all */

static const struct view_column gauge[] = {
	{"WORKER", "worker", VIEW_PLAIN, TABLE_RIGHT},
	{"CONNECTIONS", "connections", VIEW_PLAIN, TABLE_RIGHT},
	{"HALF-OPEN", "half_open", VIEW_PLAIN, TABLE_RIGHT},
	{"TIME-WAIT", "time_wait", VIEW_PLAIN, TABLE_RIGHT},
	{"BUFFERS QUEUED", "mbufs_queued", VIEW_PLAIN, TABLE_RIGHT},
	{"BUFFERS FREE", "mbufs_free", VIEW_PLAIN, TABLE_RIGHT},
};

struct columns {
	struct table_column head[TABLE_COLUMNS_MAX];
	char name[WORKERS_SHOWN][24];
	size_t nb, nb_workers; /* columns of workers: 0 when there is but one */
};

/* TOTAL, one column a worker when there are a few, COUNTER, CLASS, MEANING. */
static void make_columns(struct columns *c, size_t nb_workers)
{
	*c = (struct columns){
		.nb_workers = nb_workers > 1 && nb_workers <= WORKERS_SHOWN ? nb_workers : 0};
	c->head[c->nb++] = (struct table_column){"COUNT", TABLE_RIGHT};
	for (size_t w = 0; w < c->nb_workers; w++) {
		(void)snprintf(c->name[w], sizeof(c->name[w]), "W%zu", w);
		c->head[c->nb++] = (struct table_column){c->name[w], TABLE_RIGHT};
	}
	c->head[c->nb++] = (struct table_column){"COUNTER", 0};
	c->head[c->nb++] = (struct table_column){"CLASS", 0};
	c->head[c->nb++] = (struct table_column){"MEANING", TABLE_SHRINK};
}

static void set_number(struct table *t, size_t column, const json_t *n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIdMAX, (intmax_t)json_integer_value(n));
	table_set(t, column, text);
}

static void put_counter(struct table *t, const struct columns *c, const json_t *counter)
{
	size_t at = 0;

	table_row(t);
	set_number(t, at++, view_at(counter, "count"));
	for (size_t w = 0; w < c->nb_workers; w++)
		set_number(t, at++, json_array_get(view_at(counter, "workers"), w));
	table_set(t, at++, view_string(counter, "name", "-"));
	table_set(t, at++, view_string(counter, "class", "-"));
	table_set(t, at, view_string(counter, "text", ""));
}

static int print_group(const struct cli *cli, const json_t *group, size_t nb_workers)
{
	const json_t *list = view_at(group, "counters");
	struct columns c;
	json_t *counter;
	struct table t;
	size_t i;
	int rc;

	if (json_array_size(list) == 0)
		return CLI_OK;
	printf("\n%s\n", view_string(group, "name", "-"));
	make_columns(&c, nb_workers);
	table_init(&t, c.head, c.nb);
	json_array_foreach(list, i, counter) put_counter(&t, &c, counter);
	rc = view_table_print(cli, &t);
	table_fini(&t);
	return rc;
}

int show_tcp(struct cli *cli)
{
	const bool is_all = cli_option(cli, "all") != NULL;
	json_t *j, *group;
	size_t i;
	int rc = api_get(cli, is_all ? "/api/v1/tcp?all=1" : "/api/v1/tcp", &j);

	if (rc != CLI_OK)
		return rc;
	if (cli->is_json) {
		rc = view_json(j);
	} else {
		const json_t *workers = view_at(j, "workers");

		rc = view_table(cli, workers, gauge, NB(gauge));
		json_array_foreach(view_at(j, "groups"), i, group)
		{
			if (rc == CLI_OK)
				rc = print_group(cli, group, json_array_size(workers));
		}
	}
	json_decref(j);
	return rc;
}
