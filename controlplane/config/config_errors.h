/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is wrong with a document, for the one who wrote it: where, and what is allowed there.
 * Bounded: more than CONFIG_ERRORS_MAX are counted but not kept. Zeroed memory is an empty list.
 */

#pragma once

#include <stdbool.h>

#define CONFIG_ERRORS_MAX 50u
#define CONFIG_PATH_MAX 192u
#define CONFIG_TEXT_MAX 320u

/* A place in the document: access_proxies[0].api_gateways[0].url_map. Empty: the whole. */
struct config_path {
	char s[CONFIG_PATH_MAX];
};

struct config_error {
	bool is_warning;
	struct config_path path;
	char text[CONFIG_TEXT_MAX];
};

struct config_errors {
	unsigned nb;         /* used entries of <e>: errors and warnings in order of discovery */
	unsigned nb_errors;  /* all errors, also those not kept */
	unsigned nb_dropped; /* errors and warnings not kept */
	struct config_error e[CONFIG_ERRORS_MAX];
};

/* Too long a path is cut. */
[[gnu::format(printf, 1, 2)]] struct config_path config_path(const char *fmt, ...);

/* Control bytes in the text are replaced: a terminal may show it. */
[[gnu::format(printf, 3, 4)]] void
config_error(struct config_errors *errs, const struct config_path *path, const char *fmt, ...);
[[gnu::format(printf, 3, 4)]] void
config_warn(struct config_errors *errs, const struct config_path *path, const char *fmt, ...);
