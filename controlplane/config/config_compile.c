/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * struct config to the configuration object of a snapshot (common/snap/snap_layout.h). Strings
 * and inner arrays go into the arena before the element that refers to them, since appending may
 * move everything: elements are filled on the stack and copied in, never held by pointer.
 */

#include "common/snap/snap_arena.h"
#include "config/config.h"

#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct compiler {
	const struct config *cfg;
	const struct config_env *env;
	struct snap_arena arena;
	int rc; /* the first failure; sticky, as the arena's is */

	json_t *expr_idx; /* condition as text -> index into <exprs> */
	struct snap_expr *exprs;
	uint32_t nb_exprs;
	uint32_t nb_tags; /* highest tag id in use + 1 */
	const char *tag_name[SNAP_MAX_TAGS];
	uint32_t nb_health;
};

static void fail(struct compiler *c, int rc)
{
	if (c->rc == 0)
		c->rc = rc;
}

static struct snap_str str(struct compiler *c, const char *s)
{
	return snap_arena_cstr(&c->arena, s);
}

/* Copy one element into the array reserved for it. */
static void store(struct compiler *c, struct snap_arr arr, size_t idx, const void *elem,
		  size_t size)
{
	void *p = snap_arena_at(&c->arena, arr, idx, size);

	if (p != NULL)
		memcpy(p, elem, size);
}

#define RESERVE(c, type, nb) snap_arena_reserve(&(c)->arena, nb, sizeof(type))
#define STORE(c, arr, idx, elem) store(c, arr, idx, &(elem), sizeof(elem))

static struct snap_arr ders(struct compiler *c, const struct slice *der, size_t nb)
{
	struct snap_arr arr = RESERVE(c, struct snap_str, nb);

	for (size_t i = 0; i < nb; i++) {
		struct snap_str s = snap_arena_str(&c->arena, der[i].ptr, der[i].len);
		STORE(c, arr, i, s);
	}
	return arr;
}

static struct snap_arr put_interfaces(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	struct snap_arr arr = RESERVE(c, struct snap_interface, cfg->nb_interfaces);

	for (unsigned i = 0; i < cfg->nb_interfaces; i++) {
		const struct config_interface *in = &cfg->interfaces[i];
		struct snap_interface si = {
			.name = str(c, in->name),
			.device = str(c, in->device),
			.addresses = snap_arena_arr(&c->arena, in->addresses, in->nb_addresses,
						    sizeof(*in->addresses)),
			.vlan = in->vlan,
			.mtu = in->mtu,
			.role = (uint8_t)in->role,
		};
		STORE(c, arr, i, si);
	}
	return arr;
}

static struct snap_arr put_routes(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	struct snap_arr arr = RESERVE(c, struct snap_route, cfg->nb_routes);

	for (unsigned i = 0; i < cfg->nb_routes; i++) {
		struct snap_route r = {
			.prefix = cfg->routes[i].prefix,
			.via = cfg->routes[i].via,
			.interface = cfg->routes[i].interface,
		};
		STORE(c, arr, i, r);
	}
	return arr;
}

static struct snap_arr put_zt_cas(struct compiler *c, const struct config_ems *e)
{
	const struct slice *learnt = NULL;
	size_t nb = 0;

	if (e->ztna_ca.path != NULL)
		return ders(c, e->ztna_ca.der, e->ztna_ca.nb_der);
	if (c->env->learnt_cas != NULL)
		nb = c->env->learnt_cas(c->env->user, e->id, &learnt);
	return ders(c, learnt, nb);
}

static struct snap_str put_serial(struct compiler *c, const struct config_ems *e)
{
	if (e->serial_number[0] == '\0' && c->env->learnt_serial != NULL)
		return str(c, c->env->learnt_serial(c->env->user, e->id));
	return str(c, e->serial_number);
}

static struct snap_arr put_ems(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	unsigned nb = 0, idx = 0;

	for (unsigned i = 0; i < cfg->nb_ems; i++)
		nb += cfg->ems[i].is_enabled;
	struct snap_arr arr = RESERVE(c, struct snap_ems, nb);
	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		const struct config_ems *e = &cfg->ems[i];
		if (!e->is_enabled)
			continue;
		struct snap_ems se = {
			.name = str(c, e->name),
			.serial_number = put_serial(c, e),
			.tenant_id = str(c, e->tenant_id),
			.ca = put_zt_cas(c, e),
			.id = e->id,
			.out_of_sync_s = e->out_of_sync_s,
		};
		STORE(c, arr, idx, se);
		idx++;
	}
	return arr;
}

static struct snap_arr put_certificates(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	struct snap_arr arr = RESERVE(c, struct snap_certificate, cfg->nb_certificates);

	for (unsigned i = 0; i < cfg->nb_certificates; i++) {
		const struct config_certificate *cert = &cfg->certificates[i];
		struct snap_certificate sc = {
			.name = str(c, cert->name),
			.chain = ders(c, cert->pair.chain, cert->pair.nb_chain),
		};
		int rc = c->env->key_slot(c->env->user, cert->pair.key_der, &sc.key_slot);
		if (rc < 0)
			fail(c, rc);
		STORE(c, arr, i, sc);
	}
	return arr;
}

/* ---- access proxies ---- */

static struct snap_arr put_servers(struct compiler *c, const struct config_gateway *g)
{
	struct snap_arr arr = RESERVE(c, struct snap_real_server, g->nb_servers);

	for (unsigned i = 0; i < g->nb_servers; i++) {
		const struct config_real_server *s = &g->servers[i];
		struct snap_real_server ss = {
			.id = s->id,
			.address = s->address,
			.port = s->port,
			.weight = s->weight,
			.status = (uint8_t)s->status,
			.http_host = str(c, s->http_host),
			.health = c->nb_health++,
		};
		STORE(c, arr, i, ss);
	}
	return arr;
}

/* <first_vhost>: where the access proxy's virtual hosts begin in the config's. */
static struct snap_arr put_gateways(struct compiler *c, const struct config_access_proxy *p,
				    uint32_t first_vhost)
{
	struct snap_arr arr = RESERVE(c, struct snap_gateway, p->nb_gateways);

	for (unsigned i = 0; i < p->nb_gateways; i++) {
		const struct config_gateway *g = &p->gateways[i];
		struct snap_gateway sg = {
			.id = g->id,
			.vhost = g->vhost == SNAP_NONE ? SNAP_NONE : first_vhost + g->vhost,
			.url_map = str(c, g->url_map),
			.url_map_type = (uint8_t)g->url_map_type,
			.service = (uint8_t)g->service,
			.ldb_method = (uint8_t)g->ldb_method,
			.verify_cert = g->service == SNAP_GW_HTTPS && g->is_verify_cert,
			.servers = put_servers(c, g),
			.server_ca = ders(c, g->server_ca.der, g->server_ca.nb_der),
			.server_name = str(c, g->server_name),
		};
		STORE(c, arr, i, sg);
	}
	return arr;
}

static struct snap_arr put_vhosts(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	unsigned nb = 0, idx = 0;

	for (unsigned i = 0; i < cfg->nb_proxies; i++)
		nb += cfg->proxies[i].nb_vhosts;
	struct snap_arr arr = RESERVE(c, struct snap_vhost, nb);
	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		for (unsigned j = 0; j < cfg->proxies[i].nb_vhosts; j++) {
			const struct config_vhost *h = &cfg->proxies[i].vhosts[j];
			struct snap_vhost sv = {
				.name = str(c, h->name),
				.host = str(c, h->host),
				.certificate = h->certificate,
				.host_type = (uint8_t)h->host_type,
			};
			STORE(c, arr, idx, sv);
			idx++;
		}
	}
	return arr;
}

static struct snap_arr put_proxies(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	struct snap_arr arr = RESERVE(c, struct snap_access_proxy, cfg->nb_proxies);
	uint32_t first_vhost = 0;

	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		const struct config_access_proxy *p = &cfg->proxies[i];
		struct snap_access_proxy sp = {
			.name = str(c, p->name),
			.interface = p->interface,
			.address = p->address,
			.port = p->port,
			.client_cert = p->is_client_cert,
			.empty_cert_action = (uint8_t)p->empty_cert_action,
			.certificate = p->certificate,
			.vhosts = RESERVE(c, uint32_t, p->nb_vhosts),
			.gateways = put_gateways(c, p, first_vhost),
			.patterns = snap_arena_blob(&c->arena, p->patterns.ptr, p->patterns.len),
			.log_blocked = p->is_log_blocked,
		};
		for (uint32_t j = 0; j < p->nb_vhosts; j++) {
			uint32_t vhost = first_vhost + j;
			STORE(c, sp.vhosts, j, vhost);
		}
		STORE(c, arr, i, sp);
		first_vhost += p->nb_vhosts;
	}
	return arr;
}

/* ---- policies ---- */

static uint32_t tag_id(struct compiler *c, const char *name)
{
	uint32_t id = 0;
	int rc = c->env->tag_id(c->env->user, name, &id);

	if (rc == 0 && id >= SNAP_MAX_TAGS)
		rc = -ENOSPC;
	if (rc < 0) {
		fail(c, rc);
		return 0;
	}
	c->tag_name[id] = name;
	if (id >= c->nb_tags)
		c->nb_tags = id + 1;
	return id;
}

/* Children before the node that names them; depth was bounded by config_check(). */
static struct snap_node put_cond(struct compiler *c, const struct config_cond *cond)
{
	struct snap_node n = {.op = (uint8_t)cond->op};

	if (cond->op == SNAP_NODE_TAG) {
		n.tag = tag_id(c, cond->tag);
		return n;
	}
	n.children = RESERVE(c, struct snap_node, cond->nb_children);
	for (unsigned i = 0; i < cond->nb_children; i++) {
		struct snap_node child = put_cond(c, &cond->children[i]);
		STORE(c, n.children, i, child);
	}
	return n;
}

/* Policies that ask for the same tags share an expression, hence a verdict bit. */
static uint32_t put_expr(struct compiler *c, const struct config_policy *p)
{
	if (p->tags == NULL)
		return SNAP_NONE;
	const json_t *known = json_object_get(c->expr_idx, p->tags_text);
	if (known != NULL)
		return (uint32_t)json_integer_value(known);
	if (c->nb_exprs == SNAP_MAX_EXPRS) {
		fail(c, -ENOSPC);
		return SNAP_NONE;
	}
	if (json_object_set_new(c->expr_idx, p->tags_text, json_integer(c->nb_exprs)) < 0)
		fail(c, -ENOMEM);
	c->exprs[c->nb_exprs].root = put_cond(c, p->tags);
	return c->nb_exprs++;
}

static struct snap_arr put_policies(struct compiler *c)
{
	const struct config *cfg = c->cfg;
	unsigned nb = 0, idx = 0;

	for (unsigned i = 0; i < cfg->nb_policies; i++)
		nb += cfg->policies[i].is_enabled;
	struct snap_arr arr = RESERVE(c, struct snap_policy, nb);
	for (unsigned i = 0; i < cfg->nb_policies; i++) {
		const struct config_policy *p = &cfg->policies[i];
		if (!p->is_enabled)
			continue;
		struct snap_policy sp = {
			.id = p->id,
			.name = str(c, p->name),
			.uuid = str(c, p->uuid),
			.proxies = snap_arena_arr(&c->arena, p->proxies, p->nb_proxies,
						  sizeof(*p->proxies)),
			.sources = snap_arena_arr(&c->arena, p->sources, p->nb_sources,
						  sizeof(*p->sources)),
			.interfaces = snap_arena_arr(&c->arena, p->interfaces, p->nb_interfaces,
						     sizeof(*p->interfaces)),
			.expr = put_expr(c, p),
			.stale_s = p->stale_s,
			.action = (uint8_t)p->action,
			.log = (uint8_t)p->log,
			.stale = (uint8_t)p->stale,
		};
		STORE(c, arr, idx, sp);
		idx++;
	}
	return arr;
}

static struct snap_arr put_tags(struct compiler *c)
{
	struct snap_arr arr = RESERVE(c, struct snap_tag, c->nb_tags);

	for (uint32_t i = 0; i < c->nb_tags; i++) {
		/* A tag in between that no policy names has no name here. */
		struct snap_tag t = {.name = str(c, c->tag_name[i])};
		STORE(c, arr, i, t);
	}
	return arr;
}

/* ---- the whole ---- */

/* FNV-1a: nobody gains by a collision here, and it cannot run out of memory. */
static uint64_t mix(uint64_t h, const void *ptr, size_t len)
{
	const uint8_t *p = ptr;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t config_dataplane_fingerprint(const struct config *cfg)
{
	const struct config_dataplane *d = &cfg->dataplane;
	const uint32_t head[] = {d->nb_workers,      d->hugepages,  d->offloads,
				 d->max_connections, d->memory_mib, cfg->nb_interfaces};
	uint64_t h = mix(UINT64_C(0xcbf29ce484222325), head, sizeof(head));

	h = mix(h, d->workers, d->nb_workers * sizeof(d->workers[0]));
	for (unsigned i = 0; i < cfg->nb_interfaces; i++) {
		const struct config_interface *in = &cfg->interfaces[i];
		h = mix(h, in->device, strlen(in->device) + 1);
		h = mix(h, &in->mtu, sizeof(in->mtu));
	}
	return h;
}

static void fill_scalars(const struct config *cfg, struct snap_config *out)
{
	const struct config_dataplane *d = &cfg->dataplane;
	const struct config_timeouts *t = &cfg->timeouts;

	memcpy(out->workers, d->workers, sizeof(out->workers));
	out->nb_workers = d->nb_workers;
	out->max_connections = d->max_connections;
	out->memory_mib = d->memory_mib;
	out->idle = (uint8_t)d->idle;
	out->hugepages = (uint8_t)d->hugepages;
	out->offloads = (uint8_t)d->offloads;
	out->dataplane_fingerprint = config_dataplane_fingerprint(cfg);
	out->handshake_ms = t->handshake * 1000;
	out->head_ms = t->head * 1000;
	out->idle_ms = t->idle * 1000;
	out->upstream_connect_ms = t->upstream_connect * 1000;
	out->upstream_ms = t->upstream * 1000;
	out->pull_ms = t->device_pull * 1000;
}

static void put_all(struct compiler *c)
{
	struct snap_config s = {};

	fill_scalars(c->cfg, &s);
	s.gateway_serial = str(c, c->cfg->gateway_serial);
	s.vdom = str(c, c->cfg->vdom);
	s.interfaces = put_interfaces(c);
	s.routes = put_routes(c);
	s.ems = put_ems(c);
	s.certificates = put_certificates(c);
	s.vhosts = put_vhosts(c);
	s.proxies = put_proxies(c);
	s.policies = put_policies(c);
	s.exprs = snap_arena_arr(&c->arena, c->exprs, c->nb_exprs, sizeof(*c->exprs));
	s.tags = put_tags(c);
	s.nb_health = c->nb_health;

	struct snap_config *out = snap_arena_config(&c->arena);
	if (out == NULL)
		return;
	s.magic = out->magic;
	s.abi = out->abi;
	*out = s;
}

static int finish(struct compiler *c, void **ret_obj, size_t *ret_len)
{
	const void *obj;
	size_t len;

	if (c->rc < 0)
		return c->rc;
	int rc = snap_arena_finish(&c->arena, &obj, &len);
	if (rc < 0)
		return rc;
	void *copy = malloc(len);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, obj, len);
	*ret_obj = copy;
	*ret_len = len;
	return 0;
}

int config_compile(const struct config *cfg, const struct config_env *env, void **ret_obj,
		   size_t *ret_len)
{
	int rc = -ENOMEM;

	struct compiler *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->cfg = cfg;
	c->env = env;
	c->expr_idx = json_object();
	/* At most one expression per policy. */
	size_t max = cfg->nb_policies < SNAP_MAX_EXPRS ? cfg->nb_policies : SNAP_MAX_EXPRS;
	c->exprs = calloc(max > 0 ? max : 1, sizeof(*c->exprs));
	if (c->expr_idx != NULL && c->exprs != NULL) {
		snap_arena_init(&c->arena);
		put_all(c);
		rc = finish(c, ret_obj, ret_len);
		snap_arena_fini(&c->arena);
	}
	free(c->exprs);
	json_decref(c->expr_idx);
	free(c);
	return rc;
}
