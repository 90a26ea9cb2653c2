/* SPDX-License-Identifier: BSD-3-Clause */

/* What answers about the configuration have in common. */

#pragma once

#include "config_store/config_store.h"

#include <jansson.h>

struct config_errors;
struct cp;
struct rest_who;

/* <who> as the history has it: "root (uid=0)", "token:NAME". */
void config_answer_who(const struct rest_who *who, char ret[static CONFIG_WHO_MAX]);
/* Add "errors", "warnings" and "not_shown" to <j>. */
void config_answer_lists(json_t *j, const struct config_errors *errs);
/*
 * The version that runs, the candidate, and what waits to be confirmed. With or without the lock.
 */
json_t *config_answer_state(struct cp *cp);
