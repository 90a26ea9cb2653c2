/* SPDX-License-Identifier: BSD-3-Clause */

/* The part of the document that says where the API listens and whom it lets do what. */

#include "config/config_check_priv.h"

#include <string.h>
#include <sys/un.h>

#define AT(list, i, below) config_path("api.tls.%s[%u]%s", list, i, below)

static bool is_equal(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, CONFIG_API_HASH_LEN) == 0;
}

static void check_tokens(struct checker *c)
{
	/* SHA-256 of nothing: somebody hashed a file that was not there. */
	static const uint8_t empty[CONFIG_API_HASH_LEN] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
		0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
		0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	};
	const struct config_api_tls *tls = &c->cfg->api.tls;
	struct config_names names;

	config_names_init(&names, "token");
	for (unsigned i = 0; i < tls->nb_tokens; i++) {
		const struct config_api_token *t = &tls->tokens[i];

		config_check_name(c, &names, t->name, i, AT("tokens", i, ".name"));
		if (is_equal(t->sha256, empty))
			FAIL(c, AT("tokens", i, ".sha256"), "is the hash of an empty token");
		for (unsigned j = 0; j < i; j++)
			if (is_equal(t->sha256, tls->tokens[j].sha256))
				FAIL(c, AT("tokens", i, ".sha256"), "tokens[%u] is the same token",
				     j);
	}
	c->is_oom |= names.is_oom;
	config_names_fini(&names);
}

static bool is_same_client(const struct config_api_client *a, const struct config_api_client *b)
{
	if (a->cn != NULL && b->cn != NULL)
		return strcmp(a->cn, b->cn) == 0;
	return a->has_fingerprint && b->has_fingerprint && is_equal(a->fingerprint, b->fingerprint);
}

static void check_clients(struct checker *c)
{
	const struct config_api_tls *tls = &c->cfg->api.tls;

	for (unsigned i = 0; i < tls->nb_clients; i++) {
		const struct config_api_client *cl = &tls->clients[i];

		if ((cl->cn != NULL) == cl->has_fingerprint)
			FAIL(c, AT("clients", i, ""), "needs a cn or a fingerprint, and not both");
		for (unsigned j = 0; j < i; j++)
			if (is_same_client(cl, &tls->clients[j]))
				FAIL(c, AT("clients", i, ""), "clients[%u] is the same one", j);
	}
	if (tls->nb_clients > 0 && tls->client_ca.path == NULL)
		FAIL(c, config_path("api.tls.clients"), "cannot come without a client_ca");
	if (tls->nb_clients + tls->nb_tokens == 0)
		WARN(c, config_path("api.tls"), "lets nobody in: no tokens, no clients");
}

/* Who comes through a proxy would be at the door of its management (CWE-288). */
static void check_servers(struct checker *c)
{
	const struct config_api_tls *tls = &c->cfg->api.tls;

	for (unsigned i = 0; i < c->cfg->nb_proxies; i++) {
		const struct config_access_proxy *p = &c->cfg->proxies[i];

		for (unsigned j = 0; j < p->nb_gateways; j++) {
			const struct config_gateway *g = &p->gateways[j];

			for (unsigned k = 0; k < g->nb_servers; k++)
				if (g->servers[k].port == tls->port &&
				    ip_addr_is_equal(&g->servers[k].address, &tls->address))
					FAIL(c,
					     config_path("access_proxies[%u].api_gateways[%u]."
							 "real_servers[%u].address",
							 i, g->doc_idx, k),
					     "and port are those of the API, see api.tls");
		}
	}
}

void config_check_api(struct checker *c)
{
	struct config_api *api = &c->cfg->api;

	if (strlen(api->unix_path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		FAIL(c, config_path("api.unix"), "is longer than a socket's name can be, %zu bytes",
		     sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	if (!api->tls.is_on)
		return;
	api->tls.certificate = config_check_resolve(c, &c->certificates, api->tls.certificate_name,
						    config_path("api.tls.certificate"));
	check_tokens(c);
	check_clients(c);
	check_servers(c);
}
