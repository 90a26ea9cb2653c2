/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the schema cannot say: names that are unique and refer to something, addresses that
 * belong where they are used, and combinations that make no sense or open a hole.
 */

#include "common/snap/snap.h"
#include "config/config_check_priv.h"
#include "config/config_format.h"
#include "config/config_pool.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COND_NODES_MAX 4096u /* nodes of one tag expression */

void config_check_name(struct checker *c, struct config_names *n, const char *name, uint32_t idx,
		       struct config_path path)
{
	config_names_add(n, name, idx, &path, c->errs);
}

uint32_t config_check_resolve(struct checker *c, const struct config_names *n, const char *name,
			      struct config_path path)
{
	return config_names_resolve(n, name, &path, c->errs);
}

static void finish_names(struct checker *c, struct config_names *n)
{
	c->is_oom |= n->is_oom;
	config_names_fini(n);
}

/* ---- EMS ---- */

static void check_object_ids(struct checker *c, unsigned ems)
{
	const struct config_ems *e = &c->cfg->ems[ems];

	for (unsigned i = 0; i < e->nb_object_ids; i++)
		for (unsigned j = 0; j < i; j++)
			if (e->object_ids[i].id == e->object_ids[j].id)
				FAIL(c, CONFIG_AT("ems", ems, ".object_ids"),
				     "%s and %s have the same number", e->object_ids[j].object,
				     e->object_ids[i].object);
}

/* Two connectors to one EMS are two sites of it, and each has to say which. */
static void check_same_serial(struct checker *c, unsigned i, unsigned j)
{
	const struct config_ems *a = &c->cfg->ems[i], *b = &c->cfg->ems[j];

	if (a->serial_number[0] == '\0' || strcmp(a->serial_number, b->serial_number) != 0)
		return;
	if (a->tenant_id[0] == '\0' || b->tenant_id[0] == '\0')
		FAIL(c, CONFIG_AT("ems", i, ".serial_number"),
		     "ems[%u] has the same serial number: then both need a tenant_id", j);
	else if (strcasecmp(a->tenant_id, b->tenant_id) == 0)
		FAIL(c, CONFIG_AT("ems", i, ".tenant_id"),
		     "ems[%u] has the same serial number and tenant_id", j);
}

static void check_ems(struct checker *c)
{
	const struct config *cfg = c->cfg;

	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		const struct config_ems *e = &cfg->ems[i];
		for (unsigned j = 0; j < i; j++) {
			if (cfg->ems[j].id == e->id)
				FAIL(c, CONFIG_AT("ems", i, ".id"), "ems[%u] has the same id", j);
			if (strcmp(cfg->ems[j].name, e->name) == 0)
				FAIL(c, CONFIG_AT("ems", i, ".name"), "ems[%u] has the same name",
				     j);
			check_same_serial(c, i, j);
		}
		check_object_ids(c, i);
	}
}

/* ---- access proxies ---- */

static struct config_path below_proxy(unsigned proxy, const char *list, unsigned idx,
				      const char *below)
{
	return config_path("access_proxies[%u].%s[%u]%s", proxy, list, idx, below);
}

static void check_vhosts(struct checker *c, unsigned i, struct config_names *names)
{
	struct config_access_proxy *p = &c->cfg->proxies[i];

	for (unsigned j = 0; j < p->nb_vhosts; j++) {
		struct config_vhost *h = &p->vhosts[j];
		config_check_name(c, names, h->name, j,
				  below_proxy(i, "virtual_hosts", j, ".name"));
		if (h->certificate_name != NULL)
			h->certificate = config_check_resolve(
				c, &c->certificates, h->certificate_name,
				below_proxy(i, "virtual_hosts", j, ".certificate"));
		if (h->host_type != SNAP_HOST_WILDCARD && strpbrk(h->host, "*?") != NULL)
			FAIL(c, below_proxy(i, "virtual_hosts", j, ".host"),
			     "has * or ?, which host_type wildcard alone understands");
		for (unsigned k = 0; k < j; k++)
			if (p->vhosts[k].host_type == h->host_type &&
			    strcmp(p->vhosts[k].host, h->host) == 0)
				FAIL(c, below_proxy(i, "virtual_hosts", j, ".host"),
				     "virtual_hosts[%u] has the same host", k);
	}
}

/*
 * The data plane must never be made to speak to this appliance (security.md, CWE-288): its own
 * management listens there.
 */
static void check_servers(struct checker *c, unsigned i, const struct config_gateway *g)
{
	char addr[IP_ADDR_STRLEN];

	for (unsigned k = 0; k < g->nb_servers; k++) {
		const struct config_real_server *s = &g->servers[k];
		struct config_path at =
			config_path("access_proxies[%u].api_gateways[%u].real_servers[%u].address",
				    i, g->doc_idx, k);
		const char *why = config_check_unusable(&s->address);
		ip_addr_emit(&s->address, addr);
		if (why != NULL)
			config_error(c->errs, &at, "%s cannot be a real server: it is %s", addr,
				     why);
		else if (config_check_owner(c->cfg, &s->address) != SNAP_NONE)
			config_error(c->errs, &at,
				     "%s cannot be a real server: it is an address of this "
				     "appliance",
				     addr);
		else if (!config_check_reachable(c->cfg, &s->address))
			config_warn(c->errs, &at, "%s is on no link and no route leads to it",
				    addr);
		for (unsigned l = 0; l < k; l++)
			if (g->servers[l].id == s->id)
				FAIL(c,
				     config_path("access_proxies[%u].api_gateways[%u]."
						 "real_servers[%u].id",
						 i, g->doc_idx, k),
				     "real_servers[%u] has the same id", l);
	}
}

static void check_gateway(struct checker *c, unsigned i, struct config_gateway *g,
			  const struct config_names *vhosts)
{
	static const char list[] = "api_gateways";
	unsigned j = g->doc_idx;

	if (g->vhost_name != NULL)
		g->vhost = config_check_resolve(c, vhosts, g->vhost_name,
						below_proxy(i, list, j, ".virtual_host"));
	if (g->service == SNAP_GW_TCP_FORWARDING)
		FAIL(c, below_proxy(i, list, j, ".service"),
		     "tcp-forwarding is not supported yet; supported: http, https");
	if (g->ldb_method == SNAP_LDB_STATIC && strcmp(g->ldb_name, "static") != 0)
		FAIL(c, below_proxy(i, list, j, ".ldb_method"),
		     "%s is not supported yet; supported: static, round-robin, weighted, "
		     "first-alive",
		     g->ldb_name);
	if (g->service == SNAP_GW_HTTPS && g->is_verify_cert && g->server_ca.path == NULL)
		FAIL(c, below_proxy(i, list, j, ".server_ca"),
		     "missing: verify_cert needs the CAs of the real servers");
	if (g->service == SNAP_GW_HTTP && g->server_ca.path != NULL)
		WARN(c, below_proxy(i, list, j, ".server_ca"), "service http does not use it");
	check_servers(c, i, g);
}

/* Sorted by id, so that equal ids are neighbours; an equal map behind another is never reached. */
static void check_gateway_order(struct checker *c, unsigned i)
{
	const struct config_access_proxy *p = &c->cfg->proxies[i];

	for (unsigned j = 1; j < p->nb_gateways; j++) {
		const struct config_gateway *g = &p->gateways[j];
		if (g[-1].id == g->id)
			FAIL(c, below_proxy(i, "api_gateways", g->doc_idx, ".id"),
			     "api_gateways[%u] has the same id", g[-1].doc_idx);
		for (unsigned k = 0; k < j; k++) {
			const struct config_gateway *before = &p->gateways[k];
			if (before->url_map_type != g->url_map_type ||
			    strcmp(before->url_map, g->url_map) != 0 ||
			    (before->vhost != SNAP_NONE && before->vhost != g->vhost))
				continue;
			WARN(c, below_proxy(i, "api_gateways", g->doc_idx, ".url_map"),
			     "never matches: api_gateways[%u] takes the same requests before",
			     before->doc_idx);
			break;
		}
	}
}

static void check_listener(struct checker *c, unsigned i)
{
	const struct config *cfg = c->cfg;
	struct config_access_proxy *p = &cfg->proxies[i];
	uint32_t owner = config_check_owner(cfg, &p->address);
	const char *why = config_check_unusable(&p->address);
	char addr[IP_ADDR_STRLEN];

	config_check_name(c, &c->proxies, p->name, i, CONFIG_AT("access_proxies", i, ".name"));
	p->certificate = config_check_resolve(c, &c->certificates, p->certificate_name,
					      CONFIG_AT("access_proxies", i, ".certificate"));
	p->interface = config_check_resolve(c, &c->interfaces, p->interface_name,
					    CONFIG_AT("access_proxies", i, ".interface"));
	ip_addr_emit(&p->address, addr);
	if (why != NULL)
		FAIL(c, CONFIG_AT("access_proxies", i, ".address"),
		     "%s cannot be listened on: it is %s", addr, why);
	else if (p->interface != SNAP_NONE && owner != p->interface)
		FAIL(c, CONFIG_AT("access_proxies", i, ".address"),
		     "%s is not an address of interface \"%s\"", addr, p->interface_name);
	for (unsigned j = 0; j < i; j++)
		if (cfg->proxies[j].port == p->port &&
		    ip_addr_is_equal(&cfg->proxies[j].address, &p->address))
			FAIL(c, CONFIG_AT("access_proxies", i, ".port"),
			     "access_proxies[%u] listens on the same address and port", j);
	if (p->nb_gateways == 0)
		WARN(c, CONFIG_AT("access_proxies", i, ".api_gateways"),
		     "empty: no request will find a real server");
	if (!p->is_client_cert && p->empty_cert_action == SNAP_EMPTY_BLOCK)
		WARN(c, CONFIG_AT("access_proxies", i, ".empty_cert_action"),
		     "block has no effect where client_cert is false");
}

static void check_proxies(struct checker *c)
{
	struct config *cfg = c->cfg;
	struct config_names vhosts;
	unsigned nb_servers = 0;

	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		struct config_access_proxy *p = &cfg->proxies[i];
		config_names_init(&vhosts, "virtual host");
		check_listener(c, i);
		check_vhosts(c, i, &vhosts);
		for (unsigned j = 0; j < p->nb_gateways; j++) {
			check_gateway(c, i, &p->gateways[j], &vhosts);
			nb_servers += p->gateways[j].nb_servers;
		}
		check_gateway_order(c, i);
		finish_names(c, &vhosts);
	}
	if (nb_servers > CONFIG_SERVERS_MAX)
		FAIL(c, config_path("access_proxies"), "have %u real servers, more than %u",
		     nb_servers, CONFIG_SERVERS_MAX);
}

/* ---- policies ---- */

/* Nodes of the tree; 0 when it is too deep. */
static unsigned count_cond(const struct config_cond *cond, unsigned depth)
{
	unsigned nb = 1;

	if (depth > SNAP_EXPR_DEPTH)
		return 0;
	for (unsigned i = 0; i < cond->nb_children; i++) {
		unsigned below = count_cond(&cond->children[i], depth + 1);
		if (below == 0)
			return 0;
		nb += below;
	}
	return nb;
}

/* Can no service of the policy know a device? Then its tags never match. */
static bool is_without_devices(const struct config *cfg, const struct config_policy *p)
{
	for (unsigned i = 0; i < p->nb_proxies; i++)
		if (p->proxies[i] == SNAP_NONE || cfg->proxies[p->proxies[i]].is_client_cert)
			return false;
	return p->nb_proxies > 0;
}

/* Does any of the policy's access proxies listen on an address of this family? */
static bool has_family(const struct config *cfg, const struct config_policy *p, bool is_v4)
{
	const unsigned nb = p->nb_proxies == 0 ? cfg->nb_proxies : p->nb_proxies;

	for (unsigned i = 0; i < nb; i++) {
		const uint32_t idx = p->nb_proxies == 0 ? i : p->proxies[i];
		if (idx == SNAP_NONE || ip_addr_is_v4(&cfg->proxies[idx].address) == is_v4)
			return true;
	}
	return nb == 0;
}

static void check_sources(struct checker *c, unsigned i)
{
	const struct config_policy *p = &c->cfg->policies[i];

	for (unsigned j = 0; j < p->nb_sources; j++) {
		const bool is_v4 = snap_prefix_is_v4(&p->sources[j]);
		if (!config_prefix_is_clean(&p->sources[j]))
			FAIL(c, config_path("policies[%u].source[%u]", i, j),
			     "has bits set beyond its length");
		else if (!has_family(c->cfg, p, is_v4))
			WARN(c, config_path("policies[%u].source[%u]", i, j),
			     "never matches: none of its access proxies has an IPv%u address",
			     is_v4 ? 4 : 6);
	}
}

static void check_tags(struct checker *c, unsigned i)
{
	const struct config_policy *p = &c->cfg->policies[i];

	if (p->tags == NULL)
		return;
	unsigned nb = count_cond(p->tags, 1);
	if (nb == 0)
		FAIL(c, CONFIG_AT("policies", i, ".tags"), "conditions are nested deeper than %u",
		     SNAP_EXPR_DEPTH);
	else if (nb > COND_NODES_MAX)
		FAIL(c, CONFIG_AT("policies", i, ".tags"), "has %u conditions, more than %u", nb,
		     COND_NODES_MAX);
	if (is_without_devices(c->cfg, p))
		WARN(c, CONFIG_AT("policies", i, ".tags"),
		     "never match: client_cert is false at all of its access proxies");
}

/*
 * RFC 9562 5.5: the same policy of the same appliance has the same UUID after each reload, also
 * when it was renamed or moved.
 */
static void derive_uuid(struct checker *c, struct config_policy *p)
{
	static const uint8_t space[16] = {0x5b, 0x1c, 0x8e, 0x02, 0x0d, 0x6f, 0x4c, 0x3a,
					  0x9a, 0x57, 0x2e, 0x61, 0x74, 0x67, 0x77, 0x64};
	static const char hex[] = "0123456789abcdef";
	uint8_t in[160], hash[EVP_MAX_MD_SIZE];

	memcpy(in, space, sizeof(space));
	int n = snprintf((char *)in + sizeof(space), sizeof(in) - sizeof(space), "%s/%s/policy/%u",
			 c->cfg->gateway_serial, c->cfg->vdom, (unsigned)p->id);
	if (n < 0 || (size_t)n >= sizeof(in) - sizeof(space) ||
	    EVP_Digest(in, sizeof(space) + (size_t)n, hash, NULL, EVP_sha1(), NULL) != 1) {
		c->is_oom = true;
		return;
	}
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x50);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	char *out = p->uuid;
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[hash[i] >> 4];
		*out++ = hex[hash[i] & 15];
	}
	*out = '\0';
}

static uint32_t *resolve_list(struct checker *c, const struct config_names *n, const char **names,
			      unsigned nb, unsigned policy, const char *list)
{
	uint32_t *idx = config_pool_alloc(c->cfg, nb, sizeof(*idx));

	if (idx == NULL) {
		c->is_oom = true;
		return NULL;
	}
	for (unsigned i = 0; i < nb; i++)
		idx[i] = config_check_resolve(c, n, names[i],
					      config_path("policies[%u].%s[%u]", policy, list, i));
	return idx;
}

static void check_policy(struct checker *c, unsigned i)
{
	struct config_policy *p = &c->cfg->policies[i];

	p->proxies =
		resolve_list(c, &c->proxies, p->proxy_names, p->nb_proxies, i, "access_proxies");
	p->interfaces = resolve_list(c, &c->interfaces, p->interface_names, p->nb_interfaces, i,
				     "interfaces");
	if (p->proxies == NULL || p->interfaces == NULL)
		return;
	check_sources(c, i);
	check_tags(c, i);
	if (p->uuid[0] == '\0')
		derive_uuid(c, p);
}

static void check_policies(struct checker *c)
{
	struct config_names names, ids;
	char id[16];

	config_names_init(&names, "policy");
	config_names_init(&ids, "policy id");
	for (unsigned i = 0; i < c->cfg->nb_policies; i++) {
		const struct config_policy *p = &c->cfg->policies[i];
		(void)snprintf(id, sizeof(id), "%u", (unsigned)p->id);
		config_check_name(c, &ids, id, i, CONFIG_AT("policies", i, ".id"));
		config_check_name(c, &names, p->name, i, CONFIG_AT("policies", i, ".name"));
		check_policy(c, i);
	}
	finish_names(c, &names);
	finish_names(c, &ids);
}

static void check_certificates(struct checker *c)
{
	for (unsigned i = 0; i < c->cfg->nb_certificates; i++)
		config_check_name(c, &c->certificates, c->cfg->certificates[i].name, i,
				  CONFIG_AT("certificates", i, ".name"));
}

int config_check(struct config *cfg, struct config_errors *errs)
{
	struct checker c = {.cfg = cfg, .errs = errs};

	config_names_init(&c.interfaces, "interface");
	config_names_init(&c.certificates, "certificate");
	config_names_init(&c.proxies, "access proxy");
	config_check_interfaces(&c);
	config_check_routes(&c);
	check_ems(&c);
	check_certificates(&c);
	check_proxies(&c);
	check_policies(&c);
	config_check_api(&c);
	finish_names(&c, &c.interfaces);
	finish_names(&c, &c.certificates);
	finish_names(&c, &c.proxies);
	return c.is_oom ? -ENOMEM : 0;
}
