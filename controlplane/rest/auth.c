/* SPDX-License-Identifier: BSD-3-Clause */

/* The tables, and looking somebody up in them. */

#include "rest/auth.h"

#include "common/log/log.h"
#include "common/snap/snap.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static_assert((int)CONFIG_ROLE_READ == (int)REST_ROLE_READ);
static_assert((int)CONFIG_ROLE_OPERATE == (int)REST_ROLE_OPERATE);
static_assert((int)CONFIG_ROLE_ADMIN == (int)REST_ROLE_ADMIN);

struct token {
	uint8_t hash[AUTH_HASH_LEN];
	enum rest_role role;
	uint64_t expires_s; /* 0: never */
	char name[64];
};

struct client {
	bool is_by_cn;
	uint8_t hash[AUTH_HASH_LEN];
	enum rest_role role;
	char cn[64];
};

struct auth {
	struct token *tokens;
	struct client *clients;
	struct snap_prefix *allow;
	unsigned nb_tokens, nb_clients, nb_allow;
};

static void copy_tokens(struct auth *a, const struct config_api_tls *tls)
{
	for (unsigned i = 0; i < tls->nb_tokens; i++) {
		const struct config_api_token *from = &tls->tokens[i];
		struct token *t = &a->tokens[i];

		memcpy(t->hash, from->sha256, sizeof(t->hash));
		t->role = (enum rest_role)from->role;
		t->expires_s = from->expires_s;
		(void)snprintf(t->name, sizeof(t->name), "%s", from->name);
	}
	a->nb_tokens = tls->nb_tokens;
}

static void copy_clients(struct auth *a, const struct config_api_tls *tls)
{
	for (unsigned i = 0; i < tls->nb_clients; i++) {
		const struct config_api_client *from = &tls->clients[i];
		struct client *c = &a->clients[i];

		c->is_by_cn = from->cn != NULL;
		c->role = (enum rest_role)from->role;
		if (c->is_by_cn)
			(void)snprintf(c->cn, sizeof(c->cn), "%s", from->cn);
		else
			memcpy(c->hash, from->fingerprint, sizeof(c->hash));
	}
	a->nb_clients = tls->nb_clients;
}

struct auth *auth_new(const struct config_api_tls *tls)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->tokens = calloc(tls->nb_tokens + 1, sizeof(*a->tokens));
	a->clients = calloc(tls->nb_clients + 1, sizeof(*a->clients));
	a->allow = calloc(tls->nb_allow + 1, sizeof(*a->allow));
	if (a->tokens == NULL || a->clients == NULL || a->allow == NULL) {
		auth_free(a);
		return NULL;
	}
	copy_tokens(a, tls);
	copy_clients(a, tls);
	if (tls->nb_allow > 0)
		memcpy(a->allow, tls->allow, tls->nb_allow * sizeof(*a->allow));
	a->nb_allow = tls->nb_allow;
	return a;
}

void auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	free(a->tokens);
	free(a->clients);
	free(a->allow);
	free(a);
}

bool auth_may_connect(const struct auth *a, const struct ip_addr *peer)
{
	for (unsigned i = 0; i < a->nb_allow; i++)
		if (snap_prefix_has(&a->allow[i], peer))
			return true;
	return a->nb_allow == 0;
}

/* RFC 6750 2.1 */
void auth_take_field(struct auth_cred *cred, const char *field)
{
	static const char scheme[] = "Bearer ";
	const size_t n = sizeof(scheme) - 1;

	cred->has_authorization = field[0] != '\0';
	cred->has_token = false;
	if (strncasecmp(field, scheme, n) != 0)
		return;
	field += n;
	cred->has_token =
		EVP_Digest(field, strlen(field), cred->token, NULL, EVP_sha256(), NULL) == 1;
}

/* All entries are looked at, equal or not: the time says nothing about where one differs. */
static void find_token(const struct auth *a, const uint8_t *hash, uint64_t now_s,
		       struct rest_who *ret)
{
	const struct token *found = NULL;

	for (unsigned i = 0; i < a->nb_tokens; i++)
		if (CRYPTO_memcmp(hash, a->tokens[i].hash, AUTH_HASH_LEN) == 0)
			found = &a->tokens[i];
	if (found == NULL || (found->expires_s != 0 && now_s >= found->expires_s))
		return;
	ret->role = found->role;
	(void)log_escape(found->name, strlen(found->name), ret->name, sizeof(ret->name));
	(void)snprintf(ret->how, sizeof(ret->how), "token:%s", ret->name);
}

static void find_client(const struct auth *a, const struct auth_cred *cred, struct rest_who *ret)
{
	for (unsigned i = 0; i < a->nb_clients; i++) {
		const struct client *c = &a->clients[i];
		const bool is_it = c->is_by_cn ? cred->cn[0] != '\0' && strcmp(c->cn, cred->cn) == 0
					       : memcmp(c->hash, cred->cert, AUTH_HASH_LEN) == 0;

		if (is_it && c->role > ret->role)
			ret->role = c->role;
	}
	if (ret->role == REST_ROLE_DEFAULT)
		return;
	(void)log_escape(cred->cn, strlen(cred->cn), ret->name, sizeof(ret->name));
	(void)snprintf(ret->how, sizeof(ret->how), "cert:%s", ret->name);
}

void auth_find(const struct auth *a, const struct auth_cred *cred, uint64_t now_s,
	       struct rest_who *ret)
{
	ret->role = REST_ROLE_DEFAULT;
	(void)snprintf(ret->name, sizeof(ret->name), "-");
	(void)snprintf(ret->how, sizeof(ret->how), "-");
	if (cred->has_token)
		find_token(a, cred->token, now_s, ret);
	else if (cred->has_cert && !cred->has_authorization)
		find_client(a, cred, ret);
}
