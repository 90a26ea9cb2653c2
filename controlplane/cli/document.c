/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration document: have the server read it anew, or check another one. */

#include "cli/document.h"

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_list(const json_t *list, const char *what)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
	{
		const char *path = view_string(e, "path", "");

		printf("%s: %s%s%s\n", what, path, path[0] != '\0' ? ": " : "",
		       view_string(e, "text", "-"));
	}
}

int document_print(const struct cli *cli, int rc, const json_t *j, const char *good)
{
	if (rc != CLI_OK && rc != CLI_REFUSED)
		return rc;
	if (j == NULL)
		return rc;
	if (cli->is_json) {
		(void)view_json(j);
		return rc;
	}
	print_list(view_at(j, "errors"), "error");
	print_list(view_at(j, "warnings"), "warning");
	if (view_uint(j, "not_shown") > 0)
		printf("and %llu more\n", (unsigned long long)view_uint(j, "not_shown"));
	if (rc == CLI_OK)
		printf("%s\n", good);
	else
		cli_complain("%s", view_string(j, "detail", "refused"));
	return rc;
}

int document_reload(struct cli *cli)
{
	json_t *j;
	int rc = api_check(cli, "/api/v1/reload", "", 0, &j);

	rc = document_print(cli, rc, j, "The document is in force.");
	json_decref(j);
	return rc;
}

int document_read(const char *path, char **ret, size_t *ret_len)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *buf = malloc(DOCUMENT_MAX + 1);
	int rc = CLI_OK;

	if (f == NULL || buf == NULL) {
		cli_complain("%s: %s", path, strerror(f == NULL ? errno : ENOMEM));
		if (f != NULL && f != stdin)
			(void)fclose(f);
		free(buf);
		return CLI_USAGE;
	}
	*ret_len = fread(buf, 1, DOCUMENT_MAX + 1, f);
	if (ferror(f)) {
		cli_complain("%s cannot be read", path);
		rc = CLI_USAGE;
	} else if (*ret_len > DOCUMENT_MAX) {
		cli_complain("%s is larger than a document may be (%u MiB)", path,
			     DOCUMENT_MAX >> 20);
		rc = CLI_USAGE;
	}
	if (f != stdin)
		(void)fclose(f);
	if (rc == CLI_OK)
		*ret = buf;
	else
		free(buf);
	return rc;
}

int document_check(struct cli *cli)
{
	json_t *j = NULL;
	size_t len;
	char *buf;

	int rc = document_read(cli->arg[0], &buf, &len);
	if (rc != CLI_OK)
		return rc;
	rc = api_check(cli, "/api/v1/validate", buf, len, &j);
	rc = document_print(cli, rc, j, "The document is in order.");
	free(buf);
	json_decref(j);
	return rc;
}
