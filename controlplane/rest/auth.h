/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who comes over TLS, and what they may do: tokens by their SHA-256, client certificates by CN or
 * SHA-256. The tables are made of the document and never change; a reload makes new ones.
 */

#pragma once

#include "config/config.h"
#include "rest/rest_priv.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTH_HASH_LEN CONFIG_API_HASH_LEN

/* What somebody showed. The token itself is not kept. */
struct auth_cred {
	bool has_authorization; /* then it alone decides, and a bad one is not made good */
	bool has_token, has_cert;
	uint8_t token[AUTH_HASH_LEN];
	uint8_t cert[AUTH_HASH_LEN];
	char cn[64]; /* "": none that could be compared */
};

struct auth;

/* A copy of what <tls> says, or NULL when memory is short. */
struct auth *auth_new(const struct config_api_tls *tls);
void auth_free(struct auth *a);
/* May <peer> connect at all? */
bool auth_may_connect(const struct auth *a, const struct ip_addr *peer);
/* Take an Authorization field into <cred>; "" takes back what an earlier request showed. */
void auth_take_field(struct auth_cred *cred, const char *field);
/*
 * Look <cred> up at <now_s>: <ret->role>, name and how are set, role DEFAULT when it is unknown.
 * Takes as long for one token as for any other.
 */
void auth_find(const struct auth *a, const struct auth_cred *cred, uint64_t now_s,
	       struct rest_who *ret);
