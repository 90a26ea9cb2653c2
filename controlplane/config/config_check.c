/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the schema cannot say: names that are unique and refer to something, addresses that
 * belong where they are used, and combinations that make no sense or open a hole.
 */

#include "common/snap/snap.h"
#include "config/config_format.h"
#include "config/config_names.h"
#include "config/config_pool.h"
#include "config/config_read.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define IP6_MTU_MIN 1280u    /* RFC 8200 5 */
#define COND_NODES_MAX 4096u /* nodes of one tag expression */

struct checker {
	struct config *cfg;
	struct config_errors *errs;
	struct config_names interfaces, certificates, proxies;
	bool is_oom;
};

#define FAIL(c, path, ...)                                                                         \
	do {                                                                                       \
		struct config_path p_ = (path);                                                    \
		config_error((c)->errs, &p_, __VA_ARGS__);                                         \
	} while (0)

#define WARN(c, path, ...)                                                                         \
	do {                                                                                       \
		struct config_path p_ = (path);                                                    \
		config_warn((c)->errs, &p_, __VA_ARGS__);                                          \
	} while (0)

static void add_name(struct checker *c, struct config_names *n, const char *name, uint32_t idx,
		     struct config_path path)
{
	config_names_add(n, name, idx, &path, c->errs);
}

static uint32_t resolve(struct checker *c, const struct config_names *n, const char *name,
			struct config_path path)
{
	return config_names_resolve(n, name, &path, c->errs);
}

static void finish_names(struct checker *c, struct config_names *n)
{
	c->is_oom |= n->is_oom;
	config_names_fini(n);
}

static bool is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static const char *unusable6(const struct ip_addr *a)
{
	static const struct ip_addr unspecified, loopback = {.b = {[15] = 1}};

	if (memcmp(a, &unspecified, sizeof(*a)) == 0)
		return "unspecified (::)";
	if (memcmp(a, &loopback, sizeof(*a)) == 0)
		return "a loopback address";
	/* RFC 4291 2.5.5.1: what was meant is IPv4. */
	if (memcmp(a, &unspecified, 12) == 0)
		return "IPv4-compatible, which is deprecated";
	if (a->b[0] == 0xff)
		return "a multicast address";
	if (is_link_local(a))
		return "link-local, which means nothing beyond one link";
	return NULL;
}

/* Why no host can have the address <a>; NULL when one can. */
static const char *unusable(const struct ip_addr *a)
{
	if (!ip_addr_is_v4(a))
		return unusable6(a);
	if (a->b[12] == 0)
		return "unspecified (0.0.0.0/8)";
	if (a->b[12] == 127)
		return "a loopback address";
	if (a->b[12] >= 224 && a->b[12] < 240)
		return "a multicast address";
	if (a->b[12] >= 240)
		return "reserved or broadcast";
	return NULL;
}

/* The interface that has <a> as its own address, or SNAP_NONE. */
static uint32_t owner_of(const struct config *cfg, const struct ip_addr *a)
{
	for (unsigned i = 0; i < cfg->nb_interfaces; i++)
		for (unsigned j = 0; j < cfg->interfaces[i].nb_addresses; j++)
			if (memcmp(&cfg->interfaces[i].addresses[j].addr, a, sizeof(*a)) == 0)
				return i;
	return SNAP_NONE;
}

/* The first interface from <from> to <end> with <a> on its link, or SNAP_NONE. */
static uint32_t link_of(const struct config *cfg, const struct ip_addr *a, unsigned from,
			unsigned end)
{
	for (unsigned i = from; i < end; i++)
		for (unsigned j = 0; j < cfg->interfaces[i].nb_addresses; j++)
			if (snap_prefix_has(&cfg->interfaces[i].addresses[j], a))
				return i;
	return SNAP_NONE;
}

static bool is_reachable(const struct config *cfg, const struct ip_addr *a)
{
	if (link_of(cfg, a, 0, cfg->nb_interfaces) != SNAP_NONE)
		return true;
	for (unsigned i = 0; i < cfg->nb_routes; i++)
		if (snap_prefix_has(&cfg->routes[i].prefix, a))
			return true;
	return false;
}

/* ---- interfaces and routes ---- */

static bool is_overlap(const struct snap_prefix *a, const struct snap_prefix *b)
{
	if (snap_prefix_is_v4(a) != snap_prefix_is_v4(b))
		return false;
	return a->len <= b->len ? snap_prefix_has(a, &b->addr) : snap_prefix_has(b, &a->addr);
}

static void check_address(struct checker *c, unsigned i, unsigned j)
{
	const struct snap_prefix *p = &c->cfg->interfaces[i].addresses[j];
	const char *why = unusable(&p->addr);

	if (is_link_local(&p->addr))
		why = "link-local, which each interface makes for itself";
	/* RFC 4291 2.6.1; RFC 6164: a link of two has none. */
	else if (why == NULL && !snap_prefix_is_v4(p) && p->len < 127 && config_prefix_is_clean(p))
		why = "the anycast address of the link's routers";
	if (why != NULL) {
		FAIL(c, config_path("interfaces[%u].addresses[%u]", i, j), "is %s", why);
		return;
	}
	/* Two links with the same addresses: nobody could tell where a packet should go. */
	for (unsigned k = 0; k <= i; k++) {
		const struct config_interface *in = &c->cfg->interfaces[k];
		for (unsigned l = 0; l < (k == i ? j : in->nb_addresses); l++) {
			bool is_same =
				memcmp(&in->addresses[l].addr, &p->addr, sizeof(p->addr)) == 0;
			if (!is_same && (k == i || !is_overlap(&in->addresses[l], p)))
				continue;
			FAIL(c, config_path("interfaces[%u].addresses[%u]", i, j),
			     "%s interfaces[%u].addresses[%u]",
			     is_same ? "is the same address as" : "overlaps the prefix of", k, l);
		}
	}
}

static bool has_ip6(const struct config_interface *in)
{
	for (unsigned j = 0; j < in->nb_addresses; j++)
		if (!snap_prefix_is_v4(&in->addresses[j]))
			return true;
	return false;
}

/* Is there no interface before <idx> with the same device? */
static bool is_first_of_device(const struct config *cfg, unsigned idx)
{
	for (unsigned i = 0; i < idx; i++)
		if (strcmp(cfg->interfaces[i].device, cfg->interfaces[idx].device) == 0)
			return false;
	return true;
}

static void check_interfaces(struct checker *c)
{
	const struct config *cfg = c->cfg;
	unsigned nb_devices = 0, nb_addresses = 0;

	for (unsigned i = 0; i < cfg->nb_interfaces; i++) {
		const struct config_interface *in = &cfg->interfaces[i];
		add_name(c, &c->interfaces, in->name, i, CONFIG_AT("interfaces", i, ".name"));
		for (unsigned j = 0; j < i; j++) {
			const struct config_interface *other = &cfg->interfaces[j];
			if (strcmp(in->device, other->device) != 0)
				continue;
			if (in->vlan == other->vlan)
				FAIL(c, CONFIG_AT("interfaces", i, ".device"),
				     "interfaces[%u] has the same device and vlan", j);
			else if (in->mtu != other->mtu)
				FAIL(c, CONFIG_AT("interfaces", i, ".mtu"),
				     "must be that of interfaces[%u], which has the same device, "
				     "%u",
				     j, other->mtu);
		}
		for (unsigned j = 0; j < in->nb_addresses; j++)
			check_address(c, i, j);
		if (has_ip6(in) && in->mtu < IP6_MTU_MIN)
			FAIL(c, CONFIG_AT("interfaces", i, ".mtu"),
			     "must be at least %u for IPv6, not %u", IP6_MTU_MIN, in->mtu);
		nb_devices += is_first_of_device(cfg, i);
		nb_addresses += in->nb_addresses;
	}
	if (nb_devices > CONFIG_DEVICES_MAX)
		FAIL(c, config_path("interfaces"), "have %u devices, more than %u", nb_devices,
		     CONFIG_DEVICES_MAX);
	if (nb_addresses > CONFIG_ADDRESSES_MAX)
		FAIL(c, config_path("interfaces"), "have %u addresses, more than %u", nb_addresses,
		     CONFIG_ADDRESSES_MAX);
}

static int by_prefix_len(const void *a, const void *b)
{
	const struct config_route *x = a, *y = b;

	if (x->prefix.len != y->prefix.len)
		return (int)y->prefix.len - (int)x->prefix.len;
	return memcmp(x->prefix.addr.b, y->prefix.addr.b, sizeof(x->prefix.addr.b));
}

static void check_destination(struct checker *c, unsigned i)
{
	const struct snap_prefix *p = &c->cfg->routes[i].prefix;

	if (!config_prefix_is_clean(p))
		FAIL(c, CONFIG_AT("routes", i, ".prefix"), "has bits set beyond its length");
	else if (is_link_local(&p->addr))
		FAIL(c, CONFIG_AT("routes", i, ".prefix"), "is link-local: no route leads there");
	else if (p->addr.b[0] == 0xff)
		FAIL(c, CONFIG_AT("routes", i, ".prefix"),
		     "is multicast, which is not routed here");
}

/* Routers speak of themselves by their link-local address, which is on every link. */
static void check_link_local_via(struct checker *c, unsigned i)
{
	const struct config_route *r = &c->cfg->routes[i];

	if (r->interface_name == NULL)
		FAIL(c, CONFIG_AT("routes", i, ".via"),
		     "is link-local: interface must say on which link");
	else if (!has_ip6(&c->cfg->interfaces[r->interface]))
		FAIL(c, CONFIG_AT("routes", i, ".via"),
		     "is link-local, and interface \"%s\" has no IPv6 address", r->interface_name);
}

static void check_route(struct checker *c, unsigned i)
{
	const struct config *cfg = c->cfg;
	struct config_route *r = &cfg->routes[i];
	unsigned from = 0, end = cfg->nb_interfaces;
	const char *why = unusable(&r->via);

	check_destination(c, i);
	if (r->interface_name != NULL) {
		r->interface = resolve(c, &c->interfaces, r->interface_name,
				       CONFIG_AT("routes", i, ".interface"));
		if (r->interface == SNAP_NONE)
			return;
		from = r->interface;
		end = from + 1;
	}
	if (snap_prefix_is_v4(&r->prefix) != ip_addr_is_v4(&r->via))
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is %s, and prefix is not",
		     ip_addr_is_v4(&r->via) ? "IPv4" : "IPv6");
	else if (is_link_local(&r->via))
		check_link_local_via(c, i);
	else if (why != NULL)
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is %s", why);
	else if (owner_of(cfg, &r->via) != SNAP_NONE)
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is an address of this appliance");
	else if (link_of(cfg, &r->via, from, end) == SNAP_NONE)
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is on the link of %s",
		     r->interface_name != NULL ? "another interface or of none" : "no interface");
}

static void check_routes(struct checker *c)
{
	const struct config *cfg = c->cfg;

	for (unsigned i = 0; i < cfg->nb_routes; i++) {
		check_route(c, i);
		for (unsigned j = 0; j < i; j++)
			if (by_prefix_len(&cfg->routes[i], &cfg->routes[j]) == 0)
				FAIL(c, CONFIG_AT("routes", i, ".prefix"),
				     "routes[%u] is for the same prefix", j);
	}
	if (cfg->nb_routes > 1)
		qsort(cfg->routes, cfg->nb_routes, sizeof(*cfg->routes), by_prefix_len);
}

/* ---- EMS ---- */

static void check_ems(struct checker *c)
{
	const struct config *cfg = c->cfg;

	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		const struct config_ems *e = &cfg->ems[i];
		if (e->verifying_ca.path == NULL && !e->has_fingerprint)
			FAIL(c, CONFIG_AT("ems", i, ".verifying_ca"),
			     "missing: without it or fingerprint the server cannot be told from "
			     "an impostor");
		for (unsigned j = 0; j < i; j++) {
			if (cfg->ems[j].id == e->id)
				FAIL(c, CONFIG_AT("ems", i, ".id"), "ems[%u] has the same id", j);
			if (strcmp(cfg->ems[j].name, e->name) == 0)
				FAIL(c, CONFIG_AT("ems", i, ".name"), "ems[%u] has the same name",
				     j);
			/* The issuer CN of a device's certificate tells its EMS. */
			if (strcmp(cfg->ems[j].serial_number, e->serial_number) == 0)
				FAIL(c, CONFIG_AT("ems", i, ".serial_number"),
				     "ems[%u] has the same serial number", j);
		}
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
		add_name(c, names, h->name, j, below_proxy(i, "virtual_hosts", j, ".name"));
		if (h->certificate_name != NULL)
			h->certificate =
				resolve(c, &c->certificates, h->certificate_name,
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
		const char *why = unusable(&s->address);
		ip_addr_emit(&s->address, addr);
		if (why != NULL)
			config_error(c->errs, &at, "%s cannot be a real server: it is %s", addr,
				     why);
		else if (owner_of(c->cfg, &s->address) != SNAP_NONE)
			config_error(c->errs, &at,
				     "%s cannot be a real server: it is an address of this "
				     "appliance",
				     addr);
		else if (!is_reachable(c->cfg, &s->address))
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
		g->vhost =
			resolve(c, vhosts, g->vhost_name, below_proxy(i, list, j, ".virtual_host"));
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
	uint32_t owner = owner_of(cfg, &p->address);
	const char *why = unusable(&p->address);
	char addr[IP_ADDR_STRLEN];

	add_name(c, &c->proxies, p->name, i, CONFIG_AT("access_proxies", i, ".name"));
	p->certificate = resolve(c, &c->certificates, p->certificate_name,
				 CONFIG_AT("access_proxies", i, ".certificate"));
	p->interface = resolve(c, &c->interfaces, p->interface_name,
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
		    memcmp(&cfg->proxies[j].address, &p->address, sizeof(p->address)) == 0)
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
		idx[i] = resolve(c, n, names[i],
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
		add_name(c, &ids, id, i, CONFIG_AT("policies", i, ".id"));
		add_name(c, &names, p->name, i, CONFIG_AT("policies", i, ".name"));
		check_policy(c, i);
	}
	finish_names(c, &names);
	finish_names(c, &ids);
}

static void check_certificates(struct checker *c)
{
	for (unsigned i = 0; i < c->cfg->nb_certificates; i++)
		add_name(c, &c->certificates, c->cfg->certificates[i].name, i,
			 CONFIG_AT("certificates", i, ".name"));
}

int config_check(struct config *cfg, struct config_errors *errs)
{
	struct checker c = {.cfg = cfg, .errs = errs};

	config_names_init(&c.interfaces, "interface");
	config_names_init(&c.certificates, "certificate");
	config_names_init(&c.proxies, "access proxy");
	check_interfaces(&c);
	check_routes(&c);
	check_ems(&c);
	check_certificates(&c);
	check_proxies(&c);
	check_policies(&c);
	if (strlen(cfg->api.unix_path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		FAIL(&c, config_path("api.unix"),
		     "is longer than a socket's name can be, %zu bytes",
		     sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	finish_names(&c, &c.interfaces);
	finish_names(&c, &c.certificates);
	finish_names(&c, &c.proxies);
	return c.is_oom ? -ENOMEM : 0;
}
