/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/snap/snap.h"
#include "common/snap/snap_build.h"
#include "tests/unit/controlplane/config/document.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAP_LEN (8u << 20)

/* ---- an environment like the control plane's, in a few arrays ---- */

struct registry {
	char tag[32][40];
	uint32_t nb_tags;
	uint32_t nb_slots;
	int slot_rc;
	struct slice learnt;
};

static int tag_id(void *user, const char *name, uint32_t *ret_id)
{
	struct registry *r = user;

	for (uint32_t i = 0; i < r->nb_tags; i++) {
		if (strcmp(r->tag[i], name) == 0) {
			*ret_id = i;
			return 0;
		}
	}
	if (r->nb_tags == 32)
		return -ENOSPC;
	(void)snprintf(r->tag[r->nb_tags], sizeof(r->tag[0]), "%s", name);
	*ret_id = r->nb_tags++;
	return 0;
}

static int key_slot(void *user, struct slice der, uint32_t *ret_slot)
{
	struct registry *r = user;

	assert_true(der.len > 100);
	if (r->slot_rc < 0)
		return r->slot_rc;
	*ret_slot = 7 + r->nb_slots++;
	return 0;
}

static size_t learnt_cas(void *user, unsigned ems_id, const struct slice **ret)
{
	struct registry *r = user;

	assert_int_equal(ems_id, 1);
	*ret = &r->learnt;
	return r->learnt.len > 0 ? 1 : 0;
}

/* ---- a published snapshot around the object ---- */

struct published {
	struct registry reg;
	uint8_t *map;
	struct snap_build *b;
	uint64_t root_off;
	struct snap_view view;
};

static int grow(void *, uint64_t len)
{
	return len <= MAP_LEN ? 0 : -ENOSPC;
}

static uint64_t publish(void *user, uint64_t root_off, uint64_t)
{
	((struct published *)user)->root_off = root_off;
	return 1;
}

static bool is_done(void *, uint64_t)
{
	return true;
}

static struct config_env env_of(struct registry *r)
{
	return (struct config_env){
		.tag_id = tag_id, .key_slot = key_slot, .learnt_cas = learnt_cas, .user = r};
}

static void publish_config(struct published *p, const struct config *cfg)
{
	static const uint64_t seed[2] = {1, 2};
	const struct snap_build_ops ops = {
		.grow = grow, .publish = publish, .is_done = is_done, .user = p};
	const struct config_env env = env_of(&p->reg);
	const char *why = NULL;
	void *obj;
	size_t len;

	assert_int_equal(config_compile(cfg, &env, &obj, &len), 0);
	p->map = aligned_alloc(SNAP_PAGE, MAP_LEN);
	assert_non_null(p->map);
	memset(p->map, 0, MAP_LEN);
	p->b = snap_build_new(p->map, MAP_LEN, 10, seed, 1, &ops);
	assert_non_null(p->b);
	assert_int_equal(snap_build_config(p->b, obj, len), 0);
	assert_int_equal(snap_build_publish(p->b, 1), 0);
	free(obj);
	if (snap_check(p->map, MAP_LEN, p->root_off, NULL, &p->view, &why) < 0)
		fail_msg("snap_check: %s", why == NULL ? "?" : why);
}

static void unpublish(struct published *p)
{
	snap_build_free(p->b);
	free(p->map);
}

static void assert_str(const struct published *p, struct snap_str s, const char *expected)
{
	struct slice got = snap_str(&p->view, s);

	if (!slice_is_equal(got, slice_str(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)got.len, (const char *)got.ptr, expected);
}

static void assert_ip(const struct ip_addr *a, const char *expected)
{
	char s[IP_ADDR_STRLEN];

	ip_addr_emit(a, s);
	assert_string_equal(s, expected);
}

static struct config *parse(const struct edit *edits, unsigned nb)
{
	struct config_errors errs = {};
	struct config *cfg = document_parse(edits, nb, &errs);

	for (unsigned i = 0; cfg == NULL && i < errs.nb; i++)
		print_message("%s: %s\n", errs.e[i].path.s, errs.e[i].text);
	assert_non_null(cfg);
	return cfg;
}

/* ---- tests ---- */

static void the_object_passes_the_check_and_says_what_the_document_says(void **)
{
	struct published p = {};
	struct config *cfg = parse(NULL, 0);

	publish_config(&p, cfg);
	const struct snap_config *c = p.view.config;
	assert_str(&p, c->gateway_serial, "FPXVULTM24000083");
	assert_str(&p, c->vdom, "root");
	assert_int_equal(c->nb_workers, 1);
	assert_int_equal(c->workers[0], 1);
	assert_int_equal(c->max_connections, 100000);
	assert_int_equal(c->handshake_ms, 10000);
	assert_int_equal(c->pull_ms, 3000);
	assert_int_equal(c->nb_health, 1);

	assert_int_equal(c->interfaces.count, 2);
	const struct snap_interface *in = snap_arr(&p.view, c->interfaces);
	assert_str(&p, in[0].name, "wan");
	assert_str(&p, in[0].device, "net_tap0,iface=tw-wan");
	const struct snap_prefix *own = snap_arr(&p.view, in[0].addresses);
	assert_ip(&own[0].addr, "192.0.2.10");
	assert_int_equal(own[0].len, 120);
	const struct snap_route *route = snap_arr(&p.view, c->routes);
	assert_int_equal(route[0].prefix.len, 96);
	assert_ip(&route[0].via, "192.0.2.1");
	assert_int_equal(route[0].interface, SNAP_NONE);

	const struct snap_ems *ems = snap_arr(&p.view, c->ems);
	assert_int_equal(c->ems.count, 1);
	assert_str(&p, ems[0].serial_number, "FCTEMS8823005021");
	assert_int_equal(ems[0].ca.count, 1);
	assert_int_equal(ems[0].out_of_sync_s, 180);
	const struct snap_certificate *cert = snap_arr(&p.view, c->certificates);
	assert_int_equal(cert[0].key_slot, 7);
	assert_int_equal(cert[0].chain.count, 2);

	const struct snap_access_proxy *px = snap_arr(&p.view, c->proxies);
	assert_str(&p, px[0].name, "ZTNA-webserver");
	assert_ip(&px[0].address, "192.0.2.10");
	assert_int_equal(px[0].port, 9043);
	assert_int_equal(px[0].client_cert, 1);
	assert_int_equal(px[0].empty_cert_action, SNAP_EMPTY_BLOCK);
	assert_int_equal(px[0].vhosts.count, 1);
	assert_true(px[0].patterns.len > 0);
	assert_int_equal(px[0].patterns.off % 8, 0);
	const struct snap_vhost *vh = snap_arr(&p.view, c->vhosts);
	assert_str(&p, vh[0].host, "*.shop.example");
	assert_int_equal(vh[0].certificate, SNAP_NONE);
	const struct snap_gateway *gw = snap_arr(&p.view, px[0].gateways);
	assert_int_equal(gw[0].id, 1);
	assert_int_equal(gw[0].service, SNAP_GW_HTTP);
	assert_int_equal(gw[0].ldb_method, SNAP_LDB_ROUND_ROBIN);
	assert_int_equal(gw[0].verify_cert, 0);
	const struct snap_real_server *rs = snap_arr(&p.view, gw[0].servers);
	assert_ip(&rs[0].address, "198.51.100.20");
	assert_int_equal(rs[0].port, 8080);

	const struct snap_policy *pol = snap_arr(&p.view, c->policies);
	assert_int_equal(c->policies.count, 1);
	assert_int_equal(pol[0].id, 17);
	assert_str(&p, pol[0].name, "ZTNA-webserver-allow");
	assert_str(&p, pol[0].uuid, cfg->policies[0].uuid);
	assert_int_equal(pol[0].action, SNAP_ACCEPT);
	assert_int_equal(pol[0].log, SNAP_LOG_ALL);
	assert_int_equal(pol[0].stale, SNAP_STALE_DENY);
	assert_int_equal(*(const uint32_t *)snap_arr(&p.view, pol[0].proxies), 0);
	const struct snap_prefix *src = snap_arr(&p.view, pol[0].sources);
	assert_int_equal(src[0].len, 96);
	assert_int_equal(pol[0].expr, 0);
	unpublish(&p);
	config_free(cfg);
}

static const struct snap_node *children(const struct published *p, const struct snap_node *n)
{
	return snap_arr(&p->view, n->children);
}

static void nested_tag_conditions_become_the_same_tree(void **)
{
	static const struct edit edit = {
		"policies/0/tags",
		"{'all': ['FortiAD', {'any': ['Low-Risk', {'all': ['CLASS_Low', 'FortiAD']}]},"
		" {'none': ['Infected']}]}"};
	struct published p = {};
	struct config *cfg = parse(&edit, 1);

	publish_config(&p, cfg);
	const struct snap_config *c = p.view.config;
	assert_int_equal(c->exprs.count, 1);
	const struct snap_expr *e = snap_arr(&p.view, c->exprs);
	assert_int_equal(e->root.op, SNAP_NODE_ALL);
	assert_int_equal(e->root.children.count, 3);
	const struct snap_node *all = children(&p, &e->root);
	assert_int_equal(all[0].op, SNAP_NODE_TAG);
	assert_string_equal(p.reg.tag[all[0].tag], "FortiAD");
	assert_int_equal(all[1].op, SNAP_NODE_ANY);
	const struct snap_node *any = children(&p, &all[1]);
	assert_string_equal(p.reg.tag[any[0].tag], "Low-Risk");
	assert_int_equal(any[1].op, SNAP_NODE_ALL);
	const struct snap_node *inner = children(&p, &any[1]);
	assert_string_equal(p.reg.tag[inner[0].tag], "CLASS_Low");
	assert_int_equal(inner[1].tag, all[0].tag);
	assert_int_equal(all[2].op, SNAP_NODE_NONE);
	assert_string_equal(p.reg.tag[children(&p, &all[2])[0].tag], "Infected");

	/* The names by id. */
	const struct snap_tag *tags = snap_arr(&p.view, c->tags);
	assert_int_equal(c->tags.count, p.reg.nb_tags);
	for (uint32_t i = 0; i < c->tags.count; i++)
		assert_str(&p, tags[i].name, p.reg.tag[i]);
	unpublish(&p);
	config_free(cfg);
}

static void conditions_may_be_sixteen_deep(void **)
{
	static const struct edit edit = {
		"policies/0/tags",
		"{'any':[{'all':[{'any':[{'all':[{'any':[{'all':[{'any':[{'all':[{'any':[{'all':[{'"
		"any':"
		"[{'all':[{'any':[{'all':[{'any':['a']}]}]}]}]}]}]}]}]}]}]}]}]}]}]}"};
	struct published p = {};
	struct config *cfg = parse(&edit, 1);

	publish_config(&p, cfg);
	unpublish(&p);
	config_free(cfg);
}

static void policies_with_the_same_tags_share_an_expression(void **)
{
	static const struct edit edits[] = {
		{"policies/-", "{'id': 1, 'name': 'b', 'tags': 'Low-Risk'}"},
		{"policies/-", "{'id': 2, 'name': 'c', 'tags': {'any': ['FortiAD', 'Low-Risk']}}"},
		{"policies/-", "{'id': 3, 'name': 'off', 'enabled': false, 'tags': 'Unused'}"},
		{"policies/-", "{'id': 4, 'name': 'e', 'stale_posture': {'allow-for': 60}}"},
	};
	struct published p = {};
	struct config *cfg = parse(edits, 4);

	publish_config(&p, cfg);
	const struct snap_config *c = p.view.config;
	const struct snap_policy *pol = snap_arr(&p.view, c->policies);
	assert_int_equal(c->policies.count, 4);
	assert_int_equal(c->exprs.count, 2);
	assert_int_equal(pol[0].expr, pol[2].expr);
	assert_int_not_equal(pol[0].expr, pol[1].expr);
	assert_int_equal(pol[3].id, 4);
	assert_int_equal(pol[3].expr, SNAP_NONE);
	assert_int_equal(pol[3].stale, SNAP_STALE_ALLOW_FOR);
	assert_int_equal(pol[3].stale_s, 60);
	assert_int_equal(c->tags.count, 2);
	unpublish(&p);
	config_free(cfg);
}

static void tags_keep_their_ids_among_others(void **)
{
	struct published p = {.reg = {.tag = {"x", "y", "Low-Risk"}, .nb_tags = 3}};
	struct config *cfg = parse(NULL, 0);

	publish_config(&p, cfg);
	const struct snap_config *c = p.view.config;
	const struct snap_tag *tags = snap_arr(&p.view, c->tags);
	assert_int_equal(c->tags.count, 4);
	assert_str(&p, tags[0].name, "");
	assert_str(&p, tags[2].name, "Low-Risk");
	assert_str(&p, tags[3].name, "FortiAD");
	unpublish(&p);
	config_free(cfg);
}

static void without_a_ztna_ca_the_learnt_one_is_taken(void **)
{
	static const struct edit edit = {"ems/0/ztna_ca", NULL};
	struct published p = {};
	struct config *cfg = parse(&edit, 1);

	publish_config(&p, cfg);
	const struct snap_ems *ems = snap_arr(&p.view, p.view.config->ems);
	assert_int_equal(ems[0].ca.count, 0);
	unpublish(&p);

	p = (struct published){.reg.learnt = cfg->ems[0].verifying_ca.der[0]};
	publish_config(&p, cfg);
	ems = snap_arr(&p.view, p.view.config->ems);
	assert_int_equal(ems[0].ca.count, 1);
	const struct snap_str *der = snap_arr(&p.view, ems[0].ca);
	assert_true(slice_is_equal(snap_str(&p.view, der[0]), p.reg.learnt));
	unpublish(&p);
	config_free(cfg);
}

static void a_disabled_ems_is_left_out(void **)
{
	static const struct edit edits[] = {
		{"ems/0/status", "'disable'"},
		{"ems/-", "{'id': 5, 'name': 'five', 'server': 'b', 'serial_number': 'B',"
			  " 'verifying_ca': 'ems-ca.pem', 'ztna_ca': 'ztna-ca.pem',"
			  " 'certificate': 'gateway.pem', 'key': 'gateway.key'}"},
	};
	struct published p = {};
	struct config *cfg = parse(edits, 2);

	publish_config(&p, cfg);
	const struct snap_ems *ems = snap_arr(&p.view, p.view.config->ems);
	assert_int_equal(p.view.config->ems.count, 1);
	assert_int_equal(ems[0].id, 5);
	assert_int_equal(config_ems_snap_idx(cfg, 5), 0);
	assert_int_equal(config_ems_snap_idx(cfg, 1), -ENOENT);
	assert_int_equal(config_ems_snap_idx(cfg, 6), -ENOENT);
	unpublish(&p);
	config_free(cfg);
}

static void virtual_hosts_of_several_proxies_keep_apart(void **)
{
	static const struct edit edits[] = {
		{"access_proxies/-",
		 "{'name': 'two', 'interface': 'wan', 'address': '192.0.2.10', 'port': 9044,"
		 " 'certificate': 'web', 'virtual_hosts': [{'name': 'a', 'host': 'a.example'},"
		 " {'name': 'shop', 'host': 'Shop.example', 'host_type': 'exact',"
		 "  'certificate': 'web'}],"
		 " 'api_gateways': [{'id': 1, 'virtual_host': 'shop', 'service': 'https',"
		 " 'server_ca': 'servers-ca.pem', 'server_name': 's.example',"
		 " 'real_servers': [{'id': 1, 'address': '198.51.100.20'},"
		 " {'id': 2, 'address': '198.51.100.21', 'http_host': 'h:81'}]}]}"},
	};
	struct published p = {};
	struct config *cfg = parse(edits, 1);

	publish_config(&p, cfg);
	const struct snap_config *c = p.view.config;
	const struct snap_access_proxy *px = snap_arr(&p.view, c->proxies);
	const struct snap_vhost *vh = snap_arr(&p.view, c->vhosts);
	assert_int_equal(c->vhosts.count, 3);
	const uint32_t *idx = snap_arr(&p.view, px[1].vhosts);
	assert_int_equal(idx[0], 1);
	assert_int_equal(idx[1], 2);
	assert_str(&p, vh[2].host, "shop.example");
	assert_int_equal(vh[2].certificate, 0);
	const struct snap_gateway *gw = snap_arr(&p.view, px[1].gateways);
	assert_int_equal(gw[0].vhost, 2);
	assert_int_equal(gw[0].verify_cert, 1);
	assert_int_equal(gw[0].server_ca.count, 1);
	assert_str(&p, gw[0].server_name, "s.example");
	const struct snap_real_server *rs = snap_arr(&p.view, gw[0].servers);
	assert_int_equal(c->nb_health, 3);
	assert_int_equal(rs[0].health, 1);
	assert_int_equal(rs[1].health, 2);
	assert_str(&p, rs[1].http_host, "h:81");
	unpublish(&p);
	config_free(cfg);
}

static void no_room_for_tags_or_keys_is_said(void **)
{
	struct registry full = {.nb_tags = 32}, no_slot = {.slot_rc = -ENOSPC};
	struct config_env env = env_of(&full);
	struct config *cfg = parse(NULL, 0);
	void *obj = &full;
	size_t len = 1;

	assert_int_equal(config_compile(cfg, &env, &obj, &len), -ENOSPC);
	env.user = &no_slot;
	assert_int_equal(config_compile(cfg, &env, &obj, &len), -ENOSPC);
	assert_ptr_equal(obj, &full);
	assert_int_equal(len, 1);
	config_free(cfg);
}

static void the_fingerprint_tells_what_only_a_restart_changes(void **)
{
	static const struct {
		struct edit edit;
		bool is_restart;
	} cases[] = {
		{{"dataplane/workers", "[2]"}, true},
		{{"dataplane/hugepages", "'off'"}, true},
		{{"dataplane/max_connections", "100001"}, true},
		{{"dataplane/memory_mib", "4096"}, true},
		{{"interfaces/0/device", "'net_tap2,iface=x'"}, true},
		{{"interfaces/0/mtu", "1400"}, true},
		{{"dataplane/idle", "'poll'"}, false},
		{{"interfaces/0/addresses/-", "'192.0.2.11/24'"}, false},
		{{"policies", "[]"}, false},
		{{"access_proxies/0/port", "443"}, false},
	};
	struct config *cfg = parse(NULL, 0);
	uint64_t before = config_dataplane_fingerprint(cfg);

	config_free(cfg);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg = parse(&cases[i].edit, 1);
		if ((config_dataplane_fingerprint(cfg) != before) != cases[i].is_restart)
			fail_msg("%s", cases[i].edit.at);
		config_free(cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_object_passes_the_check_and_says_what_the_document_says),
		cmocka_unit_test(nested_tag_conditions_become_the_same_tree),
		cmocka_unit_test(conditions_may_be_sixteen_deep),
		cmocka_unit_test(policies_with_the_same_tags_share_an_expression),
		cmocka_unit_test(tags_keep_their_ids_among_others),
		cmocka_unit_test(without_a_ztna_ca_the_learnt_one_is_taken),
		cmocka_unit_test(a_disabled_ems_is_left_out),
		cmocka_unit_test(virtual_hosts_of_several_proxies_keep_apart),
		cmocka_unit_test(no_room_for_tags_or_keys_is_said),
		cmocka_unit_test(the_fingerprint_tells_what_only_a_restart_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
