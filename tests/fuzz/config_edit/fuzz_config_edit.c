/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Edits of a document: a line with a path, a line with a value, then the document. What was set is
 * there; the difference between before and after names places that can be found again.
 */

#include "config/config_json.h"
#include "config_store/doc_diff.h"
#include "config_store/doc_merge.h"
#include "config_store/doc_path.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

/* Does <path> lead to <wanted> in <doc>? */
static bool leads_to(json_t *doc, const char *path, const json_t *wanted)
{
	static struct doc_path p;
	struct config_errors errs = {};

	demand(doc_path_parse(path, strlen(path), &p, &errs) == 0, "a path of a difference parses");
	const json_t *v = doc_path_get(doc, &p, &errs);
	return v != NULL && json_equal(v, wanted);
}

static void check_diff(json_t *a, json_t *b)
{
	json_t *diff = doc_diff(a, b), *c;
	char summary[100];
	size_t i;

	demand(diff != NULL, "there is memory");
	demand(doc_diff_is_empty(diff) == (json_equal(a, b) != 0), "equal is no difference");
	free(doc_diff_text(diff));
	doc_diff_summary(diff, summary, sizeof(summary));
	json_array_foreach(json_object_get(diff, "changes"), i, c)
	{
		const char *path = json_string_value(json_object_get(c, "path"));
		const char *op = json_string_value(json_object_get(c, "op"));
		json_t *from = json_object_get(c, "from"), *to = json_object_get(c, "to");
		/* Cut paths, control characters and empty names cannot be written as a path. */
		if (strlen(path) > 200 || path[0] == '\0' || strcmp(op, "order") == 0)
			continue;
		for (const char *s = path; *s != '\0'; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				path = NULL, s = "\0";
		if (path == NULL)
			continue;
		demand(from == NULL || leads_to(a, path, from), "what was is at its path");
		demand(to == NULL || leads_to(b, path, to), "what is is at its path");
	}
	json_decref(diff);
}

static void edit(json_t *doc, const struct doc_path *p, json_t *value)
{
	struct config_errors errs = {};
	json_t *set = json_deep_copy(doc), *merged = json_deep_copy(doc);
	json_t *patch = json_deep_copy(value);

	if (doc_path_set(set, p, value, &errs) == 0 && !json_is_object(value))
		demand(json_equal(doc_path_get(set, p, &errs), value), "what was set is there");
	check_diff(doc, set);
	(void)!doc_path_unset(set, p, &errs);
	check_diff(doc, set);
	merged = doc_merge(merged, patch);
	if (json_is_object(merged))
		check_diff(doc, merged);
	json_decref(merged);
	json_decref(patch);
	json_decref(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct config_errors errs;
	static struct doc_path p;
	char name[DOC_PATH_MAX];

	const char *s = (const char *)data, *end = s + len;
	const char *value = len == 0 ? NULL : memchr(s, '\n', len);
	const char *doc = value == NULL ? NULL : memchr(value + 1, '\n', (size_t)(end - value - 1));
	if (doc == NULL)
		return 0;
	errs = (struct config_errors){};
	json_t *v = json_loadb(value + 1, (size_t)(doc - value - 1),
			       JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	json_t *d = config_json_parse(doc + 1, (size_t)(end - doc - 1), &errs);
	if (doc_path_parse(s, (size_t)(value - s), &p, &errs) == 0 && v != NULL && d != NULL)
		edit(d, &p, v);
	if (d != NULL && value - s < 200) {
		char path[200];
		memcpy(path, s, (size_t)(value - s));
		path[value - s] = '\0';
		doc_path_by_name(d, path, name);
	}
	json_decref(d);
	json_decref(v);
	return 0;
}
