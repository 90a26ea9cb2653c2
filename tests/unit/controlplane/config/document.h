/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A good document (the one of the design, all names as tests elsewhere use them), edits to it, and
 * the files that it names, all in memory. Certificates are made once per process.
 */

#pragma once

#include "config/config.h"

#include <jansson.h>

/* Replace what is at <at> ("access_proxies/0/port", "-" appends) by <json>; NULL removes it. */
struct edit {
	const char *at;
	const char *json;
};

/* A new reference to the good document. */
json_t *document_new(void);
void document_edit(json_t *doc, const struct edit *e);

/* Parse the good document after <nb> edits. */
struct config *document_parse(const struct edit *edits, unsigned nb, struct config_errors *errs);
struct config *document_parse_text(const char *text, struct config_errors *errs);

/*
 * Known are ems-ca.pem, ztna-ca.pem, servers-ca.pem, gateway.pem/.key, web.pem/.key,
 * shop.pem/.key; and what is wrong: empty.pem, garbage.pem, other.key, rsa1024.pem/.key,
 * p521.pem/.key, locked.key, open.key (mode 0644), broken.pem (a good one, then half of one).
 */
extern const struct config_files document_files;

/* The one error, which is at <path> and says <text>. */
void assert_one_error(const struct config_errors *errs, const char *path, const char *text);
/* Among all. */
const struct config_error *find_error(const struct config_errors *errs, const char *path);
