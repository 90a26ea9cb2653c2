/* SPDX-License-Identifier: BSD-3-Clause */

/* Names that stand for arguments: what the server knows, and files. */

#pragma once

#include "cli/complete.h"

/*
 * Values of argument <arg> ("UID", "TAG", ...) that begin with <prefix>. Nothing when the server
 * does not answer within a second; nobody is told. <cli> NULL: nothing.
 */
void values_add(const struct cli *cli, const char *arg, const char *prefix, struct candidates *ret);
