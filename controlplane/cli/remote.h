/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A control plane on another machine: TLS to its port, with a token or a client certificate. The
 * rest of the program goes on talking over a socket: its other end is a thread here that passes
 * bytes on, sealed.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Take the general option <name> of <len> bytes: server, cacert, token-file, cert, key. */
bool remote_take_option(const char *name, size_t len, const char *value);
/* Is there a server to go to? */
bool remote_is_on(void);
/* "Authorization: Bearer ...\r\n", or "": for the head of each request. */
const char *remote_authorization(void);
/* A connected socket, or -ECONNABORTED: remote_error() says why, and remote_url() where. */
[[nodiscard]] int remote_dial(void);
const char *remote_error(void);
const char *remote_url(void);
