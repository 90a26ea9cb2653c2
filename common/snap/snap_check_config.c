/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The configuration object. It is a tree of arrays whose offsets anybody may have written: each
 * array is within the object and aligned, each index within its table, each enum known. Arrays
 * may overlap, which is harmless to a reader but could make this check take for ever, so that all
 * arrays looked at together may not be larger than a few times the object.
 */

#include "common/snap/snap.h"
#include "common/snap/snap_priv.h"

#include <errno.h>
#include <stdalign.h>

#define BUDGET_FACTOR 8u
#define MAX_CORE 4096u
#define MAX_HEALTH (1u << 20)

struct cfg_check {
	const uint8_t *base;
	const struct snap_config *cfg;
	size_t len;
	uint64_t budget; /* bytes of arrays that may still be looked at */
	const char *why;
};

static bool refuse(struct cfg_check *c, const char *why)
{
	/* The innermost reason, which is reported first, says most. */
	if (c->why == NULL)
		c->why = why;
	return false;
}

static bool str_ok(const struct cfg_check *c, struct snap_str s)
{
	return (uint64_t)s.off + s.len <= c->len;
}

/* NULL and false when the array is not in the object. */
static bool arr_ok(struct cfg_check *c, struct snap_arr a, size_t size, const void **ret)
{
	uint64_t bytes = (uint64_t)a.count * size;

	if (a.off % 8 != 0 || a.off + bytes > c->len)
		return refuse(c, "array: range");
	if (bytes > c->budget)
		return refuse(c, "array: overlap");
	c->budget -= bytes;
	*ret = c->base + a.off;
	return true;
}

static bool is_index_or_none(uint32_t idx, uint32_t count)
{
	return idx == SNAP_NONE || idx < count;
}

static bool strs_ok(struct cfg_check *c, struct snap_arr a)
{
	const struct snap_str *s;

	if (!arr_ok(c, a, sizeof(*s), (const void **)&s))
		return false;
	for (uint32_t i = 0; i < a.count; i++)
		if (s[i].len == 0 || !str_ok(c, s[i]))
			return false;
	return true;
}

static bool indices_ok(struct cfg_check *c, struct snap_arr a, uint32_t count)
{
	const uint32_t *idx;

	if (!arr_ok(c, a, sizeof(*idx), (const void **)&idx))
		return false;
	for (uint32_t i = 0; i < a.count; i++)
		if (idx[i] >= count)
			return false;
	return true;
}

static bool prefixes_ok(struct cfg_check *c, struct snap_arr a)
{
	const struct snap_prefix *p;

	if (!arr_ok(c, a, sizeof(*p), (const void **)&p))
		return false;
	for (uint32_t i = 0; i < a.count; i++)
		if (p[i].len > 128)
			return false;
	return true;
}

static bool check_head(struct cfg_check *c)
{
	const struct snap_config *cfg = c->cfg;

	if (cfg->magic != SNAP_CONFIG_MAGIC || cfg->abi != SNAP_ABI || cfg->len != c->len)
		return refuse(c, "config: magic, ABI or length");
	if (cfg->nb_workers == 0 || cfg->nb_workers > SNAP_MAX_WORKERS)
		return refuse(c, "config: workers");
	for (uint32_t i = 0; i < cfg->nb_workers; i++)
		if (cfg->workers[i] >= MAX_CORE)
			return refuse(c, "config: worker core");
	if (cfg->idle > SNAP_IDLE_POLL || cfg->hugepages > SNAP_HUGE_OFF ||
	    cfg->offloads > SNAP_OFFLOADS_NONE)
		return refuse(c, "config: idle, huge pages or offloads");
	if (!str_ok(c, cfg->gateway_serial) || !str_ok(c, cfg->vdom))
		return refuse(c, "config: string");
	if (cfg->ems.count > SNAP_MAX_EMS || cfg->exprs.count > SNAP_MAX_EXPRS ||
	    cfg->tags.count > SNAP_MAX_TAGS || cfg->policies.count > SNAP_MAX_POLICIES ||
	    cfg->nb_health > MAX_HEALTH)
		return refuse(c, "config: count");
	return true;
}

static bool check_interfaces(struct cfg_check *c)
{
	const struct snap_interface *f;
	const struct snap_route *r;

	if (!arr_ok(c, c->cfg->interfaces, sizeof(*f), (const void **)&f))
		return false;
	for (uint32_t i = 0; i < c->cfg->interfaces.count; i++)
		if (!str_ok(c, f[i].name) || !str_ok(c, f[i].device) ||
		    !prefixes_ok(c, f[i].addresses) || f[i].vlan > 4094 ||
		    f[i].role > SNAP_ROLE_DMZ)
			return refuse(c, "interface");
	if (!arr_ok(c, c->cfg->routes, sizeof(*r), (const void **)&r))
		return false;
	for (uint32_t i = 0; i < c->cfg->routes.count; i++)
		if (r[i].prefix.len > 128 ||
		    !is_index_or_none(r[i].interface, c->cfg->interfaces.count))
			return refuse(c, "route");
	return true;
}

static bool check_ems(struct cfg_check *c)
{
	const struct snap_ems *e;

	if (!arr_ok(c, c->cfg->ems, sizeof(*e), (const void **)&e))
		return false;
	for (uint32_t i = 0; i < c->cfg->ems.count; i++)
		if (!str_ok(c, e[i].name) || !str_ok(c, e[i].serial_number) ||
		    !str_ok(c, e[i].tenant_id) || !strs_ok(c, e[i].ca))
			return refuse(c, "ems");
	return true;
}

static bool check_certificates(struct cfg_check *c)
{
	const struct snap_certificate *s;

	if (!arr_ok(c, c->cfg->certificates, sizeof(*s), (const void **)&s))
		return false;
	for (uint32_t i = 0; i < c->cfg->certificates.count; i++)
		if (!str_ok(c, s[i].name) || !strs_ok(c, s[i].chain) || s[i].chain.count == 0 ||
		    s[i].key_slot >= SNAP_MAX_KEYS)
			return refuse(c, "certificate");
	return true;
}

static bool check_vhosts(struct cfg_check *c)
{
	const struct snap_vhost *v;

	if (!arr_ok(c, c->cfg->vhosts, sizeof(*v), (const void **)&v))
		return false;
	for (uint32_t i = 0; i < c->cfg->vhosts.count; i++)
		if (!str_ok(c, v[i].name) || !str_ok(c, v[i].host) ||
		    !is_index_or_none(v[i].certificate, c->cfg->certificates.count) ||
		    v[i].host_type > SNAP_HOST_WILDCARD)
			return refuse(c, "vhost");
	return true;
}

static bool servers_ok(struct cfg_check *c, const struct snap_gateway *g)
{
	const struct snap_real_server *s;

	if (!arr_ok(c, g->servers, sizeof(*s), (const void **)&s))
		return false;
	for (uint32_t i = 0; i < g->servers.count; i++) {
		/* Forwarding takes the port from the request when the server names none. */
		if (s[i].port == 0 && g->service != SNAP_GW_TCP_FORWARDING)
			return refuse(c, "real server: port");
		if (s[i].weight == 0 || s[i].status > SNAP_SERVER_DISABLED ||
		    s[i].health >= c->cfg->nb_health || !str_ok(c, s[i].http_host))
			return refuse(c, "real server");
	}
	return true;
}

static bool gateways_ok(struct cfg_check *c, struct snap_arr gateways)
{
	const struct snap_gateway *g;

	if (!arr_ok(c, gateways, sizeof(*g), (const void **)&g))
		return false;
	for (uint32_t i = 0; i < gateways.count; i++)
		if (!is_index_or_none(g[i].vhost, c->cfg->vhosts.count) ||
		    !str_ok(c, g[i].url_map) || g[i].url_map_type > SNAP_URL_REGEX ||
		    g[i].service > SNAP_GW_TCP_FORWARDING ||
		    g[i].ldb_method > SNAP_LDB_FIRST_ALIVE || !servers_ok(c, &g[i]))
			return refuse(c, "gateway");
	return true;
}

static bool check_proxies(struct cfg_check *c)
{
	const struct snap_config *cfg = c->cfg;
	const struct snap_access_proxy *p;

	if (!arr_ok(c, cfg->proxies, sizeof(*p), (const void **)&p))
		return false;
	for (uint32_t i = 0; i < cfg->proxies.count; i++) {
		if (p[i].interface >= cfg->interfaces.count || p[i].port == 0 ||
		    p[i].certificate >= cfg->certificates.count || !str_ok(c, p[i].name))
			return refuse(c, "access proxy");
		if (p[i].client_cert > 1 || p[i].log_blocked > 1 ||
		    p[i].empty_cert_action > SNAP_EMPTY_ACCEPT_UNMANAGEABLE)
			return refuse(c, "access proxy: client certificate");
		if (p[i].patterns.off % 8 != 0 || !str_ok(c, p[i].patterns))
			return refuse(c, "access proxy: patterns");
		if (!indices_ok(c, p[i].vhosts, cfg->vhosts.count) ||
		    !gateways_ok(c, p[i].gateways))
			return refuse(c, "access proxy: vhost or gateway");
	}
	return true;
}

static bool check_policies(struct cfg_check *c)
{
	const struct snap_config *cfg = c->cfg;
	const struct snap_policy *p;

	if (!arr_ok(c, cfg->policies, sizeof(*p), (const void **)&p))
		return false;
	for (uint32_t i = 0; i < cfg->policies.count; i++) {
		if (!str_ok(c, p[i].name) || !str_ok(c, p[i].uuid))
			return refuse(c, "policy: string");
		if (!indices_ok(c, p[i].proxies, cfg->proxies.count) ||
		    !prefixes_ok(c, p[i].sources) ||
		    !indices_ok(c, p[i].interfaces, cfg->interfaces.count))
			return refuse(c, "policy: match");
		if (!is_index_or_none(p[i].expr, cfg->exprs.count) || p[i].action > SNAP_ACCEPT ||
		    p[i].log > SNAP_LOG_ALL || p[i].stale > SNAP_STALE_ALLOW_FOR)
			return refuse(c, "policy: action");
	}
	return true;
}

/* Bounded by SNAP_EXPR_DEPTH, and by the budget where runs of children are shared. */
static bool node_ok(struct cfg_check *c, const struct snap_node *n, unsigned depth)
{
	const struct snap_node *child;

	if (n->op == SNAP_NODE_TAG)
		return n->tag < c->cfg->tags.count && n->children.count == 0;
	if (n->op > SNAP_NODE_NONE || n->children.count == 0 || depth >= SNAP_EXPR_DEPTH ||
	    !arr_ok(c, n->children, sizeof(*child), (const void **)&child))
		return false;
	for (uint32_t i = 0; i < n->children.count; i++)
		if (!node_ok(c, &child[i], depth + 1))
			return false;
	return true;
}

static bool check_exprs(struct cfg_check *c)
{
	const struct snap_expr *e;
	const struct snap_tag *t;

	if (!arr_ok(c, c->cfg->tags, sizeof(*t), (const void **)&t))
		return false;
	for (uint32_t i = 0; i < c->cfg->tags.count; i++)
		if (!str_ok(c, t[i].name))
			return refuse(c, "tag");
	if (!arr_ok(c, c->cfg->exprs, sizeof(*e), (const void **)&e))
		return false;
	for (uint32_t i = 0; i < c->cfg->exprs.count; i++)
		if (!node_ok(c, &e[i].root, 1))
			return refuse(c, "expression");
	return true;
}

int snap_config_check(const void *config, size_t len, const char **ret_why)
{
	struct cfg_check c = {
		.base = config,
		.cfg = config,
		.len = len,
		.budget = (uint64_t)len * BUDGET_FACTOR,
	};
	bool is_ok = len >= sizeof(struct snap_config) && len <= UINT32_MAX &&
		     (uintptr_t)config % alignof(struct snap_config) == 0;

	if (!is_ok)
		c.why = "config: length or alignment";
	if (is_ok && check_head(&c) && check_interfaces(&c) && check_ems(&c) &&
	    check_certificates(&c) && check_vhosts(&c) && check_proxies(&c) && check_policies(&c) &&
	    check_exprs(&c))
		return 0;
	if (ret_why != NULL)
		*ret_why = c.why;
	return -EBADMSG;
}
