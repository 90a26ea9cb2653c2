/* SPDX-License-Identifier: BSD-3-Clause */

/* A listener at a WebSocket of the API (RFC 6455): it upgrades a GET, reads text, answers pings. */

#pragma once

#include "cli/http.h"

struct ws_client;

/*
 * Dial and upgrade. 0 with <ret>. 1: the server answered in HTTP, see <ret_refusal>, which is the
 * caller's to free. Negative as http_call().
 */
[[nodiscard]] int ws_client_open(const struct http_call *c, struct ws_client **ret,
				 struct http_answer *ret_refusal);
/* To be waited for: then there is something to read. */
int ws_client_fd(const struct ws_client *ws);
/* Does ws_client_read() have something without waiting for the descriptor? Only after opening. */
bool ws_client_has_more(const struct ws_client *ws);
/*
 * Take what came, at most once what fits a buffer, without waiting; text is cut anywhere. 0; -EPIPE
 * at the end; -EPROTO and -EMSGSIZE of ws_reader_feed(); what <on_text> returned.
 */
[[nodiscard]] int ws_client_read(struct ws_client *ws,
				 int (*on_text)(void *user, const char *p, size_t len), void *user);
void ws_client_close(struct ws_client *ws);
