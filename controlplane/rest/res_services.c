/* SPDX-License-Identifier: BSD-3-Clause */

/* What is protected, and by which policies. */

#include "common/snap/snap.h"
#include "config/config.h"
#include "rest/rest_priv.h"

#include <string.h>

static void get_services(const struct rest_req *req, struct rest_res *res);
static void get_policies(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_service_routes[] = {
	{REST_GET, "/api/v1/services", get_services,
	 "access proxies with virtual hosts, API gateways and real servers"},
	{REST_GET, "/api/v1/policies", get_policies, "policies in order of evaluation"},
	{0},
};

static json_t *servers_json(const struct config_gateway *gw)
{
	static const char *const status[] = {"active", "standby", "disabled"};
	json_t *list = json_array();

	for (unsigned i = 0; i < gw->nb_servers; i++) {
		const struct config_real_server *s = &gw->servers[i];

		json_array_append_new(list, json_pack("{s:i,s:o,s:i,s:i,s:s}", "id", (int)s->id,
						      "address", rest_addr(&s->address), "port",
						      (int)s->port, "weight", (int)s->weight,
						      "status", status[s->status]));
	}
	return list;
}

static json_t *gateways_json(const struct config_access_proxy *ap)
{
	static const char *const type[] = {"sub-string", "wildcard", "regex"};
	static const char *const service[] = {"http", "https", "tcp-forwarding"};
	json_t *list = json_array();

	for (unsigned i = 0; i < ap->nb_gateways; i++) {
		const struct config_gateway *gw = &ap->gateways[i];

		json_array_append_new(
			list,
			json_pack("{s:i,s:o,s:s,s:s,s:o,s:o,s:o}", "id", (int)gw->id, "url_map",
				  rest_cstr(gw->url_map), "url_map_type", type[gw->url_map_type],
				  "service", service[gw->service], "virtual_host",
				  gw->vhost_name != NULL ? rest_cstr(gw->vhost_name) : json_null(),
				  "ldb_method", rest_cstr(gw->ldb_name), "real_servers",
				  servers_json(gw)));
	}
	return list;
}

static void get_services(const struct rest_req *req, struct rest_res *res)
{
	static const char *const empty[] = {"block", "accept", "accept-unmanageable"};
	const struct config *cfg = req->cp->config;
	json_t *list;

	if (rest_etag(req, res, "config-%llu", (unsigned long long)req->cp->nb_reloads))
		return;
	list = json_array();
	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		const struct config_access_proxy *ap = &cfg->proxies[i];
		json_t *vhosts = json_array();

		for (unsigned v = 0; v < ap->nb_vhosts; v++)
			json_array_append_new(vhosts,
					      json_pack("{s:o,s:o}", "name",
							rest_cstr(ap->vhosts[v].name), "host",
							rest_cstr(ap->vhosts[v].host)));
		json_array_append_new(list, json_pack("{s:o,s:o,s:o,s:i,s:b,s:s,s:o,s:o}", "name",
						      rest_cstr(ap->name), "interface",
						      rest_cstr(ap->interface_name), "address",
						      rest_addr(&ap->address), "port",
						      (int)ap->port, "client_cert",
						      ap->is_client_cert, "empty_cert_action",
						      empty[ap->empty_cert_action], "virtual_hosts",
						      vhosts, "api_gateways", gateways_json(ap)));
	}
	res->json = json_pack("{s:o}", "services", list);
}

static json_t *names_json(const char *const *names, unsigned nb)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < nb; i++)
		json_array_append_new(list, rest_cstr(names[i]));
	return list;
}

/* As documents have them, each in its family's own notation and length. */
static json_t *prefixes_json(const struct snap_prefix *p, unsigned nb)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < nb; i++) {
		const unsigned len = p[i].len - (snap_prefix_is_v4(&p[i]) ? 96u : 0);
		char text[IP_ADDR_STRLEN];

		ip_addr_emit(&p[i].addr, text);
		json_array_append_new(list, json_sprintf("%s/%u", text, len));
	}
	return list;
}

static void get_policies(const struct rest_req *req, struct rest_res *res)
{
	static const char *const stale[] = {"deny", "keep-existing", "allow-for"};
	static const char *const log[] = {"none", "denied", "all"};
	const struct config *cfg = req->cp->config;
	json_t *list;

	if (rest_etag(req, res, "config-%llu", (unsigned long long)req->cp->nb_reloads))
		return;
	list = json_array();
	for (unsigned i = 0; i < cfg->nb_policies; i++) {
		const struct config_policy *p = &cfg->policies[i];
		json_t *tags = p->tags != NULL && p->tags_text != NULL
				       ? json_loads(p->tags_text, JSON_DECODE_ANY, NULL)
				       : NULL;

		json_array_append_new(
			list,
			json_pack("{s:i,s:o,s:s,s:s,s:b,s:o,s:o,s:o,s:s,s:s}", "id", (int)p->id,
				  "name", rest_cstr(p->name), "uuid", p->uuid, "action",
				  p->action == SNAP_ACCEPT ? "accept" : "deny", "enabled",
				  p->is_enabled, "access_proxies",
				  names_json((const char *const *)p->proxy_names, p->nb_proxies),
				  "source", prefixes_json(p->sources, p->nb_sources), "tags",
				  tags != NULL ? tags : json_null(), "log", log[p->log],
				  "stale_posture", stale[p->stale]));
	}
	res->json = json_pack("{s:o}", "policies", list);
}
