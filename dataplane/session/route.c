/* SPDX-License-Identifier: BSD-3-Clause */

/* From a request head to virtual host, API gateway and real server. */

#include "session/session_priv.h"

#include <hs_runtime.h>

#include <errno.h>

static bool has_label_before(struct slice host, struct slice name)
{
	/* "*.shop.example" takes any labels before ".shop.example", but at least one byte. */
	const struct slice tail = slice_skip(host, 1);

	return name.len > tail.len &&
	       memcmp(name.ptr + name.len - tail.len, tail.ptr, tail.len) == 0;
}

bool route_host_matches(uint8_t host_type, struct slice host, struct slice name)
{
	switch ((enum snap_host_type)host_type) {
	case SNAP_HOST_SUB_STRING:
		return name.len > 0 && memmem(name.ptr, name.len, host.ptr, host.len) != NULL;
	case SNAP_HOST_WILDCARD:
		if (host.len > 0 && host.ptr[0] == '*')
			return has_label_before(host, name);
		return slice_is_equal(host, name);
	case SNAP_HOST_EXACT:
		return slice_is_equal(host, name);
	}
	return false;
}

/* The first virtual host of <ap> that takes <name>; SNAP_NONE: none does. */
static uint32_t find_vhost(const struct snap_view *v, const struct snap_access_proxy *ap,
			   struct slice name)
{
	const struct snap_vhost *vhost = snap_arr(v, v->config->vhosts);
	const uint32_t *idx = snap_arr(v, ap->vhosts);

	for (uint32_t i = 0; i < ap->vhosts.count; i++)
		if (route_host_matches(vhost[idx[i]].host_type, snap_str(v, vhost[idx[i]].host),
				       name))
			return idx[i];
	return SNAP_NONE;
}

struct match {
	const struct snap_gateway *gateway;
	uint32_t vhost;
	uint32_t best; /* lowest index so far */
};

/* Hyperscan reports in no order of ids: keep the first gateway in the operator's order. */
static int on_match(unsigned id, unsigned long long, unsigned long long, unsigned, void *user)
{
	struct match *m = user;
	const uint32_t vhost = m->gateway[id].vhost;

	if (id < m->best && (vhost == SNAP_NONE || vhost == m->vhost))
		m->best = id;
	return 0;
}

static void find_gateway(struct session_worker *sw, const struct service *svc, struct route *r)
{
	const struct snap_view *v = &sw->view;
	const struct snap_access_proxy *ap =
		(const struct snap_access_proxy *)snap_arr(v, v->config->proxies) + svc->proxy;
	struct match m = {
		.gateway = snap_arr(v, ap->gateways),
		.vhost = find_vhost(v, ap, r->host),
		.best = SNAP_NONE,
	};

	r->gateway = NULL;
	if (svc->patterns == NULL)
		return;
	if (hs_scan(svc->patterns, (const char *)r->path.ptr, (unsigned)r->path.len, 0, sw->scratch,
		    on_match, &m) != HS_SUCCESS)
		return;
	if (m.best >= ap->gateways.count)
		return;
	r->gateway = &m.gateway[m.best];
	r->gateway_idx = m.best;
}

int route_find(struct session_worker *sw, const struct service *svc, struct slice sni,
	       const struct h1_head *head, struct route *ret, enum outcome *ret_outcome)
{
	struct route r = {0};
	size_t len;

	if (h1_normalize_host(head->host, sw->host, sizeof(sw->host), &len) < 0) {
		*ret_outcome = OUTCOME_HTTP_BAD_HOST;
		return -EBADMSG;
	}
	r.host = slice_of(sw->host, len);
	if (sni.len > 0 && !slice_is_equal(sni, r.host)) {
		*ret_outcome = OUTCOME_HTTP_MISDIRECTED;
		return -EBADMSG;
	}
	if (h1_normalize_path(head->path, sw->path, sizeof(sw->path), &len) < 0) {
		*ret_outcome = OUTCOME_HTTP_BAD_TARGET;
		return -EBADMSG;
	}
	r.path = slice_of(sw->path, len);
	find_gateway(sw, svc, &r);
	*ret = r;
	return 0;
}

struct candidates {
	struct session_worker *sw;
	const struct snap_gateway *gw;
	const struct snap_real_server *server;
	struct tls_service *tls;
};

/*
 * The name of a real server to ask for and to verify, which is not the client's to choose. As
 * certificates have it: http_host without its port, an address without brackets. Into <buf> when
 * it has to be made.
 */
static struct slice tls_name_of(const struct candidates *c, const struct snap_real_server *rs,
				char buf[static SESSION_NAME_MAX])
{
	const struct snap_view *v = &c->sw->view;
	const struct slice name = snap_str(v, c->gw->server_name);
	const struct slice host = snap_str(v, rs->http_host);
	char address[IP_ADDR_STRLEN];
	size_t len;

	if (name.len > 0)
		return name;
	if (host.len > 0 && h1_normalize_host(host, buf, SESSION_NAME_MAX, &len) == 0)
		return buf[0] == '[' ? slice_of(buf + 1, len - 2) : slice_of(buf, len);
	ip_addr_emit(&rs->address, address);
	len = strlen(address);
	memcpy(buf, address, len);
	return slice_of(buf, len);
}

static struct upstream_server *server_of(const struct candidates *c,
					 const struct snap_real_server *rs)
{
	char buf[SESSION_NAME_MAX];
	const struct upstream_key key = {
		.address = rs->address,
		.port = rs->port,
		.tls = c->tls,
		.tls_name = c->tls == NULL ? SLICE_EMPTY : tls_name_of(c, rs, buf),
	};

	return upstream_server_get(c->sw->upstream, &key);
}

static bool is_usable(const struct candidates *c, uint32_t i, enum snap_server_status status,
		      bool take_down)
{
	if (c->server[i].status != status)
		return false;

	const struct upstream_server *us = server_of(c, &c->server[i]);

	return us != NULL && (take_down || !upstream_server_is_down(us, c->sw->now_us));
}

/* Smooth weighted round-robin: each turn every usable server gains its weight, the richest pays. */
static uint32_t pick_weighted(const struct candidates *c, enum snap_server_status status,
			      bool take_down)
{
	int32_t *cur = (int32_t *)c->sw->round_robin;
	uint32_t best = SNAP_NONE;
	int32_t total = 0;

	for (uint32_t i = 0; i < c->gw->servers.count; i++) {
		if (!is_usable(c, i, status, take_down))
			continue;

		const int32_t weight =
			c->gw->ldb_method == SNAP_LDB_WEIGHTED ? c->server[i].weight : 1;

		total += weight;
		cur[c->server[i].health] += weight;
		if (best == SNAP_NONE || cur[c->server[i].health] > cur[c->server[best].health])
			best = i;
	}
	if (best != SNAP_NONE)
		cur[c->server[best].health] -= total;
	return best;
}

static uint32_t pick_first(const struct candidates *c, enum snap_server_status status,
			   bool take_down)
{
	for (uint32_t i = 0; i < c->gw->servers.count; i++)
		if (is_usable(c, i, status, take_down))
			return i;
	return SNAP_NONE;
}

const struct snap_real_server *route_pick_server(struct session_worker *sw,
						 const struct snap_gateway *gw,
						 struct tls_service *tls, uint32_t attempt,
						 struct upstream_server **ret_server)
{
	const struct candidates c = {
		.sw = sw, .gw = gw, .server = snap_arr(&sw->view, gw->servers), .tls = tls};
	const bool is_turns =
		gw->ldb_method == SNAP_LDB_ROUND_ROBIN || gw->ldb_method == SNAP_LDB_WEIGHTED;
	uint32_t i = SNAP_NONE;

	if (attempt >= gw->servers.count)
		return NULL;
	/* Active before standby; those held down only when there is nothing else, and once. */
	for (int take_down = 0; take_down <= (attempt == 0) && i == SNAP_NONE; take_down++) {
		for (uint32_t st = SNAP_SERVER_ACTIVE; st <= SNAP_SERVER_STANDBY && i == SNAP_NONE;
		     st++)
			i = is_turns ? pick_weighted(&c, st, take_down)
				     : pick_first(&c, st, take_down);
	}
	if (i == SNAP_NONE)
		return NULL;
	*ret_server = server_of(&c, &c.server[i]);
	return &c.server[i];
}
