/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The REST server: what operators and tagwardenctl talk to, on a unix socket. One thread
 * (libwebsockets) that takes cp_lock for each request. docs/api/rest.md lists the resources.
 */

#pragma once

#include "base/cp.h"

/* Plugs into main.c's table. */
extern const struct module rest_module;
