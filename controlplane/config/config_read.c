/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From a valid JSON document to structs. Nothing here can be wrong with the document any more:
 * each value has its type, bounds and format, and its default when it was left out.
 */

#include "config/config_read.h"

#include "config/config_format.h"
#include "config/config_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct config *cfg;
	bool is_oom;
};

/* An array of the pool for the elements of the list <key>; <nb> and <arr> are set. */
#define READ_LIST(r, list, arr, nb)                                                                \
	do {                                                                                       \
		(nb) = (unsigned)json_array_size(list);                                            \
		(arr) = config_pool_alloc((r)->cfg, (nb), sizeof(*(arr)));                         \
		if ((arr) == NULL) {                                                               \
			(r)->is_oom = true;                                                        \
			(nb) = 0;                                                                  \
		}                                                                                  \
	} while (0)

static const char *keep(struct reader *r, const char *s)
{
	const char *p = s == NULL ? NULL : config_pool_str(r->cfg, s);

	if (s != NULL && p == NULL)
		r->is_oom = true;
	return p;
}

/* NULL when it is absent (or memory is). */
static const char *str(struct reader *r, const json_t *o, const char *key)
{
	return keep(r, json_string_value(json_object_get(o, key)));
}

static uint32_t num(const json_t *o, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(o, key));
}

static bool is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* Place of the string <key> in <words>, which lists the schema's enum in order. */
static unsigned word(const json_t *o, const char *key, const char *const *words)
{
	const char *s = json_string_value(json_object_get(o, key));
	unsigned i = 0;

	while (s != NULL && words[i] != NULL && strcmp(words[i], s) != 0)
		i++;
	return words[i] == NULL ? 0 : i;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* <s> relative to the document's folder. */
static const char *file(struct reader *r, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (s == NULL || s[0] == '/')
		return keep(r, s);
	size_t dir_len = strlen(r->cfg->dir), len = strlen(s);
	char *p = config_pool_alloc(r->cfg, dir_len + len + 2, 1);
	if (p == NULL) {
		r->is_oom = true;
		return NULL;
	}
	memcpy(p, r->cfg->dir, dir_len);
	p[dir_len] = '/';
	memcpy(p + dir_len + 1, s, len);
	return p;
}

static struct ip_addr ip(const json_t *o, const char *key)
{
	struct ip_addr a = {};

	(void)config_ip_parse(json_string_value(json_object_get(o, key)), &a);
	return a;
}

/*
 * A host as requests have it: an IPv6 address in brackets and as RFC 5952 has it, so that one is
 * one text.
 */
static const char *host(struct reader *r, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key)), *rest;
	char text[IP_PORT_STRLEN + 8];
	struct ip_addr a;

	if (s == NULL || config_literal_parse(s, &a, &rest) < 0)
		return keep(r, s);
	ip_port_emit(&a, 0, text);
	const size_t len = strlen(text);
	if (strlen(rest) >= sizeof(text) - len) /* a port is five digits at most */
		return NULL;
	memcpy(text + len, rest, strlen(rest) + 1);
	return keep(r, text);
}

static struct snap_prefix *prefixes(struct reader *r, const json_t *list, unsigned *ret_nb)
{
	struct snap_prefix *p;
	unsigned nb;

	READ_LIST(r, list, p, nb);
	for (unsigned i = 0; i < nb; i++)
		(void)config_prefix_parse(json_string_value(json_array_get(list, i)), &p[i]);
	*ret_nb = nb;
	return p;
}

static const char **strings(struct reader *r, const json_t *list, unsigned *ret_nb)
{
	const char **p;
	unsigned nb;

	READ_LIST(r, list, p, nb);
	for (unsigned i = 0; i < nb; i++)
		p[i] = keep(r, json_string_value(json_array_get(list, i)));
	*ret_nb = nb;
	return p;
}

static void read_dataplane(struct reader *r, const json_t *o)
{
	struct config_dataplane *d = &r->cfg->dataplane;
	const json_t *workers = json_object_get(o, "workers");

	d->nb_workers = (unsigned)json_array_size(workers);
	for (unsigned i = 0; i < d->nb_workers; i++)
		d->workers[i] = (uint16_t)json_integer_value(json_array_get(workers, i));
	d->idle = (enum snap_idle)word(o, "idle", WORDS("adaptive", "poll"));
	d->hugepages = (enum snap_hugepages)word(o, "hugepages", WORDS("auto", "on", "off"));
	d->offloads = (enum snap_offloads)word(o, "offloads", WORDS("auto", "none"));
	d->max_connections = num(o, "max_connections");
	d->memory_mib = num(o, "memory_mib");
	/* 2 KiB for a connection's state and queued packets, and what each worker has anyway. */
	if (d->memory_mib == 0)
		d->memory_mib = 256 + 64 * d->nb_workers + d->max_connections / 512;
}

static void read_interfaces(struct reader *r, const json_t *list)
{
	struct config *cfg = r->cfg;

	READ_LIST(r, list, cfg->interfaces, cfg->nb_interfaces);
	for (unsigned i = 0; i < cfg->nb_interfaces; i++) {
		const json_t *o = json_array_get(list, i);
		struct config_interface *in = &cfg->interfaces[i];
		in->name = str(r, o, "name");
		in->device = str(r, o, "device");
		in->addresses = prefixes(r, json_object_get(o, "addresses"), &in->nb_addresses);
		in->vlan = (uint16_t)num(o, "vlan");
		in->mtu = (uint16_t)num(o, "mtu");
		in->role = (enum snap_role)word(o, "role", WORDS("undefined", "wan", "lan", "dmz"));
	}
}

static void read_routes(struct reader *r, const json_t *list)
{
	struct config *cfg = r->cfg;

	READ_LIST(r, list, cfg->routes, cfg->nb_routes);
	for (unsigned i = 0; i < cfg->nb_routes; i++) {
		const json_t *o = json_array_get(list, i);
		struct config_route *rt = &cfg->routes[i];
		(void)config_prefix_parse(json_string_value(json_object_get(o, "prefix")),
					  &rt->prefix);
		rt->via = ip(o, "via");
		rt->interface_name = str(r, o, "interface");
		rt->interface = SNAP_NONE;
	}
}

/* {"tags": 11, ...} as a list. */
static void read_object_ids(struct reader *r, const json_t *o, struct config_ems *e)
{
	const char *name;
	json_t *id;

	e->object_ids = config_pool_alloc(r->cfg, json_object_size(o), sizeof(*e->object_ids));
	if (e->object_ids == NULL) {
		r->is_oom = true;
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)o, name, id)
	{
		struct config_object_id *oid = &e->object_ids[e->nb_object_ids++];

		oid->object = keep(r, name);
		oid->id = (unsigned)json_integer_value(id);
		if (oid->object == NULL)
			e->nb_object_ids--;
	}
}

static void read_ems(struct reader *r, const json_t *list)
{
	struct config *cfg = r->cfg;

	READ_LIST(r, list, cfg->ems, cfg->nb_ems);
	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		const json_t *o = json_array_get(list, i);
		const char *pin = json_string_value(json_object_get(o, "fingerprint"));
		const char *sn = json_string_value(json_object_get(o, "serial_number"));
		cfg->ems[i] = (struct config_ems){
			.id = num(o, "id"),
			.is_enabled = word(o, "status", WORDS("disable", "enable")) == 1,
			.name = str(r, o, "name"),
			.server = str(r, o, "server"),
			.https_port = (uint16_t)num(o, "https_port"),
			.verifying_ca.path = file(r, o, "verifying_ca"),
			.has_fingerprint = pin != NULL,
			.is_trust_ca_cn = is_true(o, "trust_ca_cn"),
			/* Who names neither CA nor serial number did not say whom to trust. */
			.is_confirm = is_true(o, "confirm") || sn == NULL ||
				      json_object_get(o, "verifying_ca") == NULL,
			.client.certificate_path = file(r, o, "certificate"),
			.client.key_path = file(r, o, "key"),
			.serial_number = keep(r, sn == NULL ? "" : sn),
			.tenant_id = str(r, o, "tenant_id"),
			.ztna_ca.path = file(r, o, "ztna_ca"),
			.is_websocket = is_true(o, "websocket"),
			.is_pull_sysinfo = is_true(o, "pull_sysinfo"),
			.is_pull_tags = is_true(o, "pull_tags"),
			.out_of_sync_s = num(o, "out_of_sync_threshold"),
			.call_timeout_s = num(o, "call_timeout"),
		};
		if (pin != NULL)
			(void)config_hex_parse(pin, cfg->ems[i].fingerprint,
					       CONFIG_FINGERPRINT_LEN);
		read_object_ids(r, json_object_get(o, "object_ids"), &cfg->ems[i]);
	}
}

static void read_certificates(struct reader *r, const json_t *list)
{
	struct config *cfg = r->cfg;

	READ_LIST(r, list, cfg->certificates, cfg->nb_certificates);
	for (unsigned i = 0; i < cfg->nb_certificates; i++) {
		const json_t *o = json_array_get(list, i);
		cfg->certificates[i].name = str(r, o, "name");
		cfg->certificates[i].pair.certificate_path = file(r, o, "certificate");
		cfg->certificates[i].pair.key_path = file(r, o, "key");
	}
}

static void read_vhosts(struct reader *r, const json_t *list, struct config_access_proxy *p)
{
	READ_LIST(r, list, p->vhosts, p->nb_vhosts);
	for (unsigned i = 0; i < p->nb_vhosts; i++) {
		const json_t *o = json_array_get(list, i);
		struct config_vhost *h = &p->vhosts[i];
		h->name = str(r, o, "name");
		char *c = (char *)host(r, o, "host");
		h->host = c;
		/* RFC 9110 4.2.3: hosts are compared without case; requests come lower case. */
		for (; c != NULL && *c != '\0'; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		h->host_type = (enum snap_host_type)word(o, "host_type",
							 WORDS("exact", "sub-string", "wildcard"));
		h->certificate_name = str(r, o, "certificate");
		h->certificate = SNAP_NONE;
	}
}

static void read_servers(struct reader *r, const json_t *list, struct config_gateway *g)
{
	READ_LIST(r, list, g->servers, g->nb_servers);
	for (unsigned i = 0; i < g->nb_servers; i++) {
		const json_t *o = json_array_get(list, i);
		g->servers[i] = (struct config_real_server){
			.id = num(o, "id"),
			.address = ip(o, "address"),
			.port = (uint16_t)num(o, "port"),
			.status = (enum snap_server_status)word(
				o, "status", WORDS("active", "standby", "disable")),
			.weight = (uint8_t)num(o, "weight"),
			.http_host = host(r, o, "http_host"),
		};
	}
}

static int by_gateway_id(const void *a, const void *b)
{
	uint32_t x = ((const struct config_gateway *)a)->id;
	uint32_t y = ((const struct config_gateway *)b)->id;

	return (x > y) - (x < y);
}

static void read_gateways(struct reader *r, const json_t *list, struct config_access_proxy *p)
{
	READ_LIST(r, list, p->gateways, p->nb_gateways);
	for (unsigned i = 0; i < p->nb_gateways; i++) {
		const json_t *o = json_array_get(list, i);
		struct config_gateway *g = &p->gateways[i];
		*g = (struct config_gateway){
			.id = num(o, "id"),
			.doc_idx = i,
			.vhost_name = str(r, o, "virtual_host"),
			.vhost = SNAP_NONE,
			.url_map = str(r, o, "url_map"),
			.url_map_type = (enum snap_url_map)word(
				o, "url_map_type", WORDS("sub-string", "wildcard", "regex")),
			.service = (enum snap_gateway_service)word(
				o, "service", WORDS("http", "https", "tcp-forwarding")),
			.ldb_name = str(r, o, "ldb_method"),
			.ldb_method = (enum snap_ldb)word(
				o, "ldb_method",
				WORDS("static", "round-robin", "weighted", "first-alive")),
			.is_verify_cert = is_true(o, "verify_cert"),
			.server_ca.path = file(r, o, "server_ca"),
			.server_name = str(r, o, "server_name"),
		};
		read_servers(r, json_object_get(o, "real_servers"), g);
	}
	if (p->nb_gateways > 1)
		qsort(p->gateways, p->nb_gateways, sizeof(*p->gateways), by_gateway_id);
}

static void read_proxies(struct reader *r, const json_t *list)
{
	struct config *cfg = r->cfg;

	READ_LIST(r, list, cfg->proxies, cfg->nb_proxies);
	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		const json_t *o = json_array_get(list, i);
		struct config_access_proxy *p = &cfg->proxies[i];
		*p = (struct config_access_proxy){
			.name = str(r, o, "name"),
			.interface_name = str(r, o, "interface"),
			.interface = SNAP_NONE,
			.address = ip(o, "address"),
			.port = (uint16_t)num(o, "port"),
			.certificate_name = str(r, o, "certificate"),
			.certificate = SNAP_NONE,
			.is_client_cert = is_true(o, "client_cert"),
			.empty_cert_action = (enum snap_empty_cert)word(
				o, "empty_cert_action",
				WORDS("block", "accept", "accept-unmanageable")),
			.is_log_blocked = is_true(o, "log_blocked_traffic"),
		};
		read_vhosts(r, json_object_get(o, "virtual_hosts"), p);
		read_gateways(r, json_object_get(o, "api_gateways"), p);
	}
}

static void read_cond(struct reader *r, const json_t *v, struct config_cond *ret)
{
	static const struct {
		const char *key;
		enum snap_node_op op;
	} ops[] = {{"any", SNAP_NODE_ANY}, {"all", SNAP_NODE_ALL}, {"none", SNAP_NODE_NONE}};

	if (json_is_string(v)) {
		ret->op = SNAP_NODE_TAG;
		ret->tag = keep(r, json_string_value(v));
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		const json_t *list = json_object_get(v, ops[i].key);
		if (list == NULL)
			continue;
		ret->op = ops[i].op;
		READ_LIST(r, list, ret->children, ret->nb_children);
		for (unsigned j = 0; j < ret->nb_children; j++)
			read_cond(r, json_array_get(list, j), &ret->children[j]);
	}
}

static void read_tags(struct reader *r, const json_t *v, struct config_policy *p)
{
	if (v == NULL)
		return;
	struct config_cond *root = config_pool_alloc(r->cfg, 1, sizeof(*root));
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	if (root == NULL || text == NULL) {
		r->is_oom = true;
	} else {
		read_cond(r, v, root);
		p->tags = root;
		p->tags_text = keep(r, text);
	}
	free(text);
}

static void read_policies(struct reader *r, const json_t *list)
{
	struct config *cfg = r->cfg;

	READ_LIST(r, list, cfg->policies, cfg->nb_policies);
	for (unsigned i = 0; i < cfg->nb_policies; i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *stale = json_object_get(o, "stale_posture");
		const char *uuid = json_string_value(json_object_get(o, "uuid"));
		struct config_policy *p = &cfg->policies[i];
		p->id = num(o, "id");
		p->name = str(r, o, "name");
		if (uuid != NULL)
			memcpy(p->uuid, uuid, sizeof(p->uuid) - 1);
		p->is_enabled = is_true(o, "enabled");
		p->proxy_names = strings(r, json_object_get(o, "access_proxies"), &p->nb_proxies);
		p->sources = prefixes(r, json_object_get(o, "source"), &p->nb_sources);
		p->interface_names =
			strings(r, json_object_get(o, "interfaces"), &p->nb_interfaces);
		read_tags(r, json_object_get(o, "tags"), p);
		p->action = (enum snap_action)word(o, "action", WORDS("deny", "accept"));
		p->log = (enum snap_log)word(o, "log", WORDS("none", "denied", "all"));
		p->stale =
			(enum snap_stale)word(o, "stale_posture", WORDS("deny", "keep-existing"));
		if (json_is_object(stale)) {
			p->stale = SNAP_STALE_ALLOW_FOR;
			p->stale_s = num(stale, "allow-for");
		}
	}
}

static enum config_role role(const json_t *o)
{
	return (enum config_role)(CONFIG_ROLE_READ +
				  word(o, "role", WORDS("read", "operate", "admin")));
}

static void read_tokens(struct reader *r, const json_t *list, struct config_api_tls *tls)
{
	READ_LIST(r, list, tls->tokens, tls->nb_tokens);
	for (unsigned i = 0; i < tls->nb_tokens; i++) {
		const json_t *o = json_array_get(list, i);
		const char *expires = json_string_value(json_object_get(o, "expires"));
		struct config_api_token *t = &tls->tokens[i];

		t->name = str(r, o, "name");
		t->role = role(o);
		(void)config_hex_parse(json_string_value(json_object_get(o, "sha256")), t->sha256,
				       sizeof(t->sha256));
		if (expires != NULL)
			(void)config_time_parse(expires, &t->expires_s);
	}
}

static void read_clients(struct reader *r, const json_t *list, struct config_api_tls *tls)
{
	READ_LIST(r, list, tls->clients, tls->nb_clients);
	for (unsigned i = 0; i < tls->nb_clients; i++) {
		const json_t *o = json_array_get(list, i);
		const char *pin = json_string_value(json_object_get(o, "fingerprint"));
		struct config_api_client *c = &tls->clients[i];

		c->cn = str(r, o, "cn");
		c->role = role(o);
		c->has_fingerprint = pin != NULL;
		if (pin != NULL)
			(void)config_hex_parse(pin, c->fingerprint, sizeof(c->fingerprint));
	}
}

static void read_api(struct reader *r, const json_t *api)
{
	const json_t *o = json_object_get(api, "tls");
	struct config_api_tls *tls = &r->cfg->api.tls;

	r->cfg->api.unix_path = file(r, api, "unix");
	(void)config_mode_parse(json_string_value(json_object_get(api, "mode")), &r->cfg->api.mode);
	r->cfg->api.group = str(r, api, "group");
	if (o == NULL)
		return;
	tls->is_on = true;
	tls->address = ip(o, "address");
	tls->port = (uint16_t)num(o, "port");
	tls->certificate_name = str(r, o, "certificate");
	tls->client_ca.path = file(r, o, "client_ca");
	read_tokens(r, json_object_get(o, "tokens"), tls);
	read_clients(r, json_object_get(o, "clients"), tls);
	tls->allow = prefixes(r, json_object_get(o, "allow"), &tls->nb_allow);
}

static void read_rest(struct reader *r, const json_t *doc)
{
	struct config *cfg = r->cfg;
	const json_t *t = json_object_get(doc, "timeouts");
	const json_t *gw = json_object_get(doc, "gateway");
	const json_t *traffic = json_object_get(json_object_get(doc, "log"), "traffic");
	const json_t *audit = json_object_get(json_object_get(doc, "log"), "audit");

	cfg->gateway_serial = str(r, gw, "serial_number");
	cfg->gateway_hostname = str(r, gw, "hostname");
	if (cfg->gateway_hostname != NULL && cfg->gateway_hostname[0] == '\0')
		cfg->gateway_hostname = cfg->gateway_serial;
	cfg->vdom = str(r, gw, "vdom");
	cfg->timeouts = (struct config_timeouts){
		.handshake = num(t, "handshake"),
		.head = num(t, "head"),
		.idle = num(t, "idle"),
		.upstream_connect = num(t, "upstream_connect"),
		.upstream = num(t, "upstream"),
		.device_pull = num(t, "device_pull"),
	};
	cfg->log.traffic_path = file(r, traffic, "path");
	cfg->log.is_json = word(traffic, "format", WORDS("keyvalue", "json")) == 1;
	cfg->log.max_size = (uint64_t)num(traffic, "max_size_mib") << 20;
	cfg->log.keep = num(traffic, "keep");
	cfg->log.audit_path = file(r, audit, "path");
	cfg->log.audit_max_size = (uint64_t)num(audit, "max_size_mib") << 20;
	cfg->log.audit_keep = num(audit, "keep");
	read_api(r, json_object_get(doc, "api"));
	cfg->state_dir = file(r, json_object_get(doc, "state"), "directory");
}

int config_read(struct config *cfg, const json_t *doc)
{
	struct reader r = {.cfg = cfg};

	read_dataplane(&r, json_object_get(doc, "dataplane"));
	read_interfaces(&r, json_object_get(doc, "interfaces"));
	read_routes(&r, json_object_get(doc, "routes"));
	read_ems(&r, json_object_get(doc, "ems"));
	read_certificates(&r, json_object_get(doc, "certificates"));
	read_proxies(&r, json_object_get(doc, "access_proxies"));
	read_policies(&r, json_object_get(doc, "policies"));
	read_rest(&r, doc);
	return r.is_oom ? -ENOMEM : 0;
}
