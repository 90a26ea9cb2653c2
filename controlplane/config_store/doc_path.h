/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A place in the configuration document, as people write it:
 *
 *	policies[17].tags                       the member whose id (or name) is 17
 *	access_proxies[intranet].api_gateways[1].real_servers[2].port
 *	interfaces["a.b"].addresses[#0]         quoted; by index
 *
 *	path = key *( "." key / "[" which "]" )
 *	key = 1*( letter / digit / "_" / "-" ) / quoted
 *	which = "#" digits / quoted / 1*( any but control, quote, backslash and brackets )
 *	quoted = '"' *( any but control; \" and \\ ) '"'
 *
 * Names, not indices: what stands at place 17 changes with every insertion before it.
 */

#pragma once

#include "config/config_errors.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

#define DOC_PATH_MAX 1024u
#define DOC_STEPS_MAX 64u

enum doc_step_kind {
	DOC_KEY,    /* of an object */
	DOC_MEMBER, /* of a list, by id or name */
	DOC_INDEX,  /* of a list */
};

struct doc_step {
	enum doc_step_kind kind;
	const char *text; /* KEY and MEMBER: terminated, in the path's <text> */
	size_t idx;       /* INDEX */
};

struct doc_path {
	size_t nb; /* 0: the whole document */
	struct doc_step step[DOC_STEPS_MAX];
	char text[DOC_PATH_MAX];
};

/* -EINVAL: told in <errs> with the place in <s>. "" is the whole document. */
[[nodiscard]] int doc_path_parse(const char *s, size_t len, struct doc_path *ret,
				 struct config_errors *errs);

/* The value there, borrowed from <doc>; NULL: told in <errs>, with what is there instead. */
json_t *doc_path_get(json_t *doc, const struct doc_path *p, struct config_errors *errs);
/*
 * Put <value> (one more reference is taken) there. Objects and lists that are missing on the way
 * are made; a new member gets the id or the name that the path says. -EINVAL: told in <errs>.
 */
[[nodiscard]] int doc_path_set(json_t *doc, const struct doc_path *p, json_t *value,
			       struct config_errors *errs);
[[nodiscard]] int doc_path_unset(json_t *doc, const struct doc_path *p, struct config_errors *errs);

/*
 * What members of <list> are known by: "id", "name" or "prefix"; NULL when one has none, or
 * two have the same.
 */
const char *doc_list_key(const json_t *list);
/* The identity of <member> by <key> as text, in <buf> when it is a number. NULL: it has none. */
const char *doc_member_name(const json_t *member, const char *key, char buf[static 24]);

/* ---- writing paths ---- */

/* Append ".key", "[which]", "[#idx]" to <path>, quoted where needed; what does not fit is cut. */
void doc_path_put_key(char path[static DOC_PATH_MAX], const char *key);
void doc_path_put_member(char path[static DOC_PATH_MAX], const char *which);
void doc_path_put_index(char path[static DOC_PATH_MAX], size_t idx);
/*
 * "policies[3].tags", where 3 is an index as the checks of controlplane/config write it, to
 * "policies[17].tags" where 17 is that member's id. What cannot be followed stays as it is.
 */
void doc_path_by_name(const json_t *doc, const char *by_index, char ret[static DOC_PATH_MAX]);
