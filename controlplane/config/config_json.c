/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config_json.h"

#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

static const struct config_path whole;

/*
 * jansson recurses once per level, up to 2048: look before it does. What is not JSON is left to
 * its better messages.
 */
static bool is_too_deep(const uint8_t *p, size_t len, size_t *ret_line, size_t *ret_column)
{
	unsigned depth = 0;
	bool is_string = false;
	size_t line = 1, line_start = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n') {
			line++;
			line_start = i + 1;
		}
		if (is_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				is_string = false;
			continue;
		}
		if (p[i] == '"')
			is_string = true;
		else if ((p[i] == '}' || p[i] == ']') && depth > 0)
			depth--;
		else if ((p[i] == '{' || p[i] == '[') && ++depth > CONFIG_DEPTH_MAX) {
			*ret_line = line;
			*ret_column = i - line_start + 1;
			return true;
		}
	}
	return false;
}

json_t *config_json_parse(const void *ptr, size_t len, struct config_errors *errs)
{
	json_error_t je;
	size_t line, column;

	if (len > CONFIG_DOCUMENT_MAX) {
		config_error(errs, &whole, "the document is larger than %u MiB",
			     CONFIG_DOCUMENT_MAX >> 20);
		return NULL;
	}
	if (is_too_deep(ptr, len, &line, &column)) {
		config_error(errs, &whole, "line %zu, column %zu: nested deeper than %u", line,
			     column, CONFIG_DEPTH_MAX);
		return NULL;
	}
	json_t *doc = json_loadb(ptr, len, JSON_REJECT_DUPLICATES, &je);
	if (doc == NULL)
		config_error(errs, &whole, "line %d, column %d: not JSON: %s", je.line, je.column,
			     je.text);
	return doc;
}
