/* SPDX-License-Identifier: BSD-3-Clause */

/* Configuration documents, as the commands about them share it. */

#pragma once

#include "cli/api.h"
#include "cli/cli.h"

#define DOCUMENT_MAX (16u << 20) /* what the server takes in a body */

/* All of file <path>, "-" is standard input; free() it. An enum cli_exit; failures are told. */
int document_read(const char *path, char **ret, size_t *ret_len);
/*
 * What a check came to, <rc> being the exit status of asking: errors, warnings, then <good> or why
 * not. Returns <rc>.
 */
int document_print(const struct cli *cli, int rc, const json_t *j, const char *good);
