/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/unit/controlplane/config/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GW "access_proxies/0/api_gateways/0"
#define GW_AT "access_proxies[0].api_gateways[0]"
#define SECOND_PROXY(name, address, port)                                                          \
	"{'name': '" name "', 'interface': 'wan', 'address': '" address "', 'port': " port         \
	", 'certificate': 'web', 'api_gateways': [{'id': 1, 'service': 'http',"                    \
	" 'real_servers': [{'id': 1, 'address': '198.51.100.20'}]}]}"
#define SITE "0123456789ABCDEF0123456789ABCDEF"
#define SECOND_EMS(id, name, serial)                                                               \
	"{'id': " id ", 'name': '" name "', 'server': 'ems2.example', 'certificate':"              \
	" 'gateway.pem', 'key': 'gateway.key', 'serial_number': '" serial "',"                     \
	" 'verifying_ca': 'ems-ca.pem'}"
#define API_TLS(rest) "{'address': '203.0.113.5', 'port': 8444, " rest "}"
#define TOKEN(name, digit)                                                                         \
	"{'name': '" name "', 'role': 'read', 'sha256': '00000000000000000000000000000000"         \
	"0000000000000000000000000000000" digit "'}"

#define SECOND_SITE                                                                                \
	"{'id': 2, 'name': 'two', 'server': 'ems2.example', 'certificate': 'gateway.pem',"         \
	" 'key': 'gateway.key', 'serial_number': 'FCTEMS8823005021',"                              \
	" 'tenant_id': '0123456789abcdef0123456789abcdef', 'verifying_ca': 'ems-ca.pem'}"

static const struct {
	struct edit edit[2];
	const char *path;
	const char *text;
} bad[] = {
	/* the API */
	{{{"api/tls", API_TLS("'certificate': 'nix'")}},
	 "api.tls.certificate",
	 "there is no certificate \"nix\""},
	{{{"api/tls",
	   API_TLS("'certificate': 'web', 'tokens': [" TOKEN("a", "1") "," TOKEN("a", "2") "]")}},
	 "api.tls.tokens[1].name",
	 "token \"a\" is there already, as number [0]"},
	{{{"api/tls",
	   API_TLS("'certificate': 'web', 'tokens': [" TOKEN("a", "1") "," TOKEN("b", "1") "]")}},
	 "api.tls.tokens[1].sha256",
	 "tokens[0] is the same token"},
	{{{"api/tls", API_TLS("'certificate': 'web', 'tokens': [{'name': 'a', 'role': 'read', "
			      "'sha256': 'e3b0c44298fc1c149afbf4c8996fb924"
			      "27ae41e4649b934ca495991b7852b855'}]")}},
	 "api.tls.tokens[0].sha256",
	 "is the hash of an empty token"},
	{{{"api/tls", API_TLS("'certificate': 'web', 'clients': [{'cn': 'a', 'role': 'read'}]")}},
	 "api.tls.clients",
	 "cannot come without a client_ca"},
	{{{"api/tls", API_TLS("'certificate': 'web', 'client_ca': 'ems-ca.pem', 'clients': "
			      "[{'role': 'read'}]")}},
	 "api.tls.clients[0]",
	 "needs a cn or a fingerprint, and not both"},
	{{{"api/tls", API_TLS("'certificate': 'web', 'client_ca': 'ems-ca.pem', 'clients': "
			      "[{'role': 'read', 'cn': 'a'}, {'role': 'admin', 'cn': 'a'}]")}},
	 "api.tls.clients[1]",
	 "clients[0] is the same one"},
	{{{"api/tls", "{'address': '198.51.100.20', 'port': 8080, 'certificate': 'web', "
		      "'tokens': [" TOKEN("a", "1") "]}"}},
	 "access_proxies[0].api_gateways[0].real_servers[0].address",
	 "and port are those of the API, see api.tls"},
	/* interfaces */
	{{{"interfaces/1/device", "'net_tap0,iface=tw-wan'"}},
	 "interfaces[1].device",
	 "interfaces[0] has the same device and vlan"},
	{{{"interfaces/1/device", "'net_tap0,iface=tw-wan'"},
	  {"interfaces/1", "{'name': 'lan', 'device': 'net_tap0,iface=tw-wan', 'vlan': 5,"
			   " 'mtu': 9000, 'addresses': ['198.51.100.1/24']}"}},
	 "interfaces[1].mtu",
	 "must be that of interfaces[0], which has the same device, 1500"},
	{{{"interfaces/1/addresses/-", "'192.0.2.10/24'"}},
	 "interfaces[1].addresses[1]",
	 "is the same address as interfaces[0].addresses[0]"},
	{{{"interfaces/1/addresses/-", "'192.0.2.200/25'"}},
	 "interfaces[1].addresses[1]",
	 "overlaps the prefix of interfaces[0].addresses[0]"},
	{{{"interfaces/1/addresses/-", "'127.0.0.1/8'"}},
	 "interfaces[1].addresses[1]",
	 "is a loopback address"},
	{{{"interfaces/1/addresses/-", "'::1/128'"}},
	 "interfaces[1].addresses[1]",
	 "is a loopback address"},
	{{{"interfaces/1/addresses/-", "'::/64'"}},
	 "interfaces[1].addresses[1]",
	 "is unspecified (::)"},
	{{{"interfaces/1/addresses/-", "'::192.0.2.1/96'"}},
	 "interfaces[1].addresses[1]",
	 "is IPv4-compatible, which is deprecated"},
	{{{"interfaces/1/addresses/-", "'ff02::1/64'"}},
	 "interfaces[1].addresses[1]",
	 "is a multicast address"},
	{{{"interfaces/1/addresses/-", "'fe80::1/64'"}},
	 "interfaces[1].addresses[1]",
	 "is link-local, which each interface makes for itself"},
	{{{"interfaces/1/addresses/-", "'2001:db8::/64'"}},
	 "interfaces[1].addresses[1]",
	 "is the anycast address of the link's routers"},
	{{{"interfaces/0/addresses/-", "'2001:db8::10/64'"},
	  {"interfaces/1/addresses/-", "'2001:DB8:0::10/64'"}},
	 "interfaces[1].addresses[1]",
	 "is the same address as interfaces[0].addresses[1]"},
	{{{"interfaces/0/addresses/-", "'2001:db8::10/64'"},
	  {"interfaces/1/addresses/-", "'2001:db8::1:0:0:1/48'"}},
	 "interfaces[1].addresses[1]",
	 "overlaps the prefix of interfaces[0].addresses[1]"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"}, {"interfaces/1/mtu", "1279"}},
	 "interfaces[1].mtu",
	 "must be at least 1280 for IPv6, not 1279"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"},
	  {"routes/0", "{'prefix': '::/0', 'via': '192.0.2.1'}"}},
	 "routes[0].via",
	 "is IPv4, and prefix is not"},
	{{{"routes/0", "{'prefix': '0.0.0.0/0', 'via': '2001:db8::1'}"}},
	 "routes[0].via",
	 "is IPv6, and prefix is not"},
	{{{"routes/-", "{'prefix': '::/0', 'via': '2001:db8::1'}"}},
	 "routes[1].via",
	 "is on the link of no interface"},
	{{{"routes/-", "{'prefix': '::/0', 'via': 'fe80::1'}"}},
	 "routes[1].via",
	 "is link-local: interface must say on which link"},
	{{{"routes/-", "{'prefix': '::/0', 'via': 'fe80::1', 'interface': 'wan'}"}},
	 "routes[1].via",
	 "is link-local, and interface \"wan\" has no IPv6 address"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"},
	  {"routes/-", "{'prefix': 'fe80::/10', 'via': '2001:db8::2'}"}},
	 "routes[1].prefix",
	 "is link-local: no route leads there"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"},
	  {"routes/-", "{'prefix': 'ff00::/8', 'via': '2001:db8::2'}"}},
	 "routes[1].prefix",
	 "is multicast, which is not routed here"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"},
	  {"routes/-", "{'prefix': '2001:db8:1::1/48', 'via': '2001:db8::2'}"}},
	 "routes[1].prefix",
	 "has bits set beyond its length"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"},
	  {"routes/-", "{'prefix': '2001:db8:1::/48', 'via': '2001:db8::1'}"}},
	 "routes[1].via",
	 "is an address of this appliance"},
	/* routes */
	{{{"routes/0/via", "'203.0.113.1'"}}, "routes[0].via", "is on the link of no interface"},
	{{{"routes/0", "{'prefix': '0.0.0.0/0', 'via': '192.0.2.1', 'interface': 'lan'}"}},
	 "routes[0].via",
	 "is on the link of another interface or of none"},
	{{{"routes/0", "{'prefix': '0.0.0.0/0', 'via': '192.0.2.1', 'interface': 'dmz'}"}},
	 "routes[0].interface",
	 "there is no interface \"dmz\""},
	{{{"routes/0/via", "'192.0.2.10'"}}, "routes[0].via", "is an address of this appliance"},
	{{{"routes/0/prefix", "'10.0.0.1/8'"}},
	 "routes[0].prefix",
	 "has bits set beyond its length"},
	{{{"routes/-", "{'prefix': '0.0.0.0/0', 'via': '198.51.100.2'}"}},
	 "routes[1].prefix",
	 "routes[0] is for the same prefix"},
	/* EMS */
	{{{"ems/-", SECOND_EMS("1", "two", "FCTEMS2")}}, "ems[1].id", "ems[0] has the same id"},
	{{{"ems/-", SECOND_EMS("2", "emstest", "FCTEMS2")}},
	 "ems[1].name",
	 "ems[0] has the same name"},
	{{{"ems/-", SECOND_EMS("2", "two", "FCTEMS8823005021")}},
	 "ems[1].serial_number",
	 "ems[0] has the same serial number: then both need a tenant_id"},
	{{{"ems/0/tenant_id", "'" SITE "'"}, {"ems/-", SECOND_SITE}},
	 "ems[1].tenant_id",
	 "ems[0] has the same serial number and tenant_id"},
	{{{"ems/0/object_ids", "{'tags': 11, 'uid_tags': 11}"}},
	 "ems[0].object_ids",
	 "tags and uid_tags have the same number"},
	/* certificates */
	{{{"certificates/-", "{'name': 'web', 'certificate': 'web.pem', 'key': 'web.key'}"}},
	 "certificates[1].name",
	 "certificate \"web\" is there already, as number [0]"},
	/* access proxies */
	{{{"access_proxies/0/address", "'198.51.100.1'"}},
	 "access_proxies[0].address",
	 "198.51.100.1 is not an address of interface \"wan\""},
	{{{"access_proxies/0/address", "'fe80::1'"}},
	 "access_proxies[0].address",
	 "fe80::1 cannot be listened on: it is link-local, which means nothing beyond one link"},
	{{{"access_proxies/0/address", "'::'"}},
	 "access_proxies[0].address",
	 ":: cannot be listened on: it is unspecified (::)"},
	{{{"access_proxies/0/address", "'2001:DB8:0:0::10'"}},
	 "access_proxies[0].address",
	 "2001:db8::10 is not an address of interface \"wan\""},
	{{{"access_proxies/0/address", "'192.0.2.99'"}},
	 "access_proxies[0].address",
	 "192.0.2.99 is not an address of interface \"wan\""},
	{{{"access_proxies/0/interface", "'dmz'"}},
	 "access_proxies[0].interface",
	 "there is no interface \"dmz\""},
	{{{"access_proxies/0/certificate", "'none'"}},
	 "access_proxies[0].certificate",
	 "there is no certificate \"none\""},
	{{{"access_proxies/-", SECOND_PROXY("two", "192.0.2.10", "9043")}},
	 "access_proxies[1].port",
	 "access_proxies[0] listens on the same address and port"},
	{{{"access_proxies/-", SECOND_PROXY("ZTNA-webserver", "192.0.2.10", "9044")}},
	 "access_proxies[1].name",
	 "access proxy \"ZTNA-webserver\" is there already, as number [0]"},
	/* virtual hosts */
	{{{"access_proxies/0/virtual_hosts/-", "{'name': 'shop', 'host': 'b.example'}"}},
	 "access_proxies[0].virtual_hosts[1].name",
	 "virtual host \"shop\" is there already, as number [0]"},
	{{{"access_proxies/0/virtual_hosts/-",
	   "{'name': 'b', 'host': '*.shop.EXAMPLE', 'host_type': 'wildcard'}"}},
	 "access_proxies[0].virtual_hosts[1].host",
	 "virtual_hosts[0] has the same host"},
	{{{"access_proxies/0/virtual_hosts/0/host_type", "'exact'"}},
	 "access_proxies[0].virtual_hosts[0].host",
	 "has * or ?, which host_type wildcard alone understands"},
	{{{"access_proxies/0/virtual_hosts/0/certificate", "'none'"}},
	 "access_proxies[0].virtual_hosts[0].certificate",
	 "there is no certificate \"none\""},
	{{{GW "/virtual_host", "'none'"}},
	 GW_AT ".virtual_host",
	 "there is no virtual host \"none\""},
	/* gateways */
	{{{GW "/service", "'tcp-forwarding'"}},
	 GW_AT ".service",
	 "tcp-forwarding is not supported yet; supported: http, https"},
	{{{GW "/ldb_method", "'least-rtt'"}},
	 GW_AT ".ldb_method",
	 "least-rtt is not supported yet; supported: static, round-robin, weighted, first-alive"},
	{{{GW "/service", "'https'"}},
	 GW_AT ".server_ca",
	 "missing: verify_cert needs the CAs of the real servers"},
	{{{"access_proxies/0/api_gateways/-",
	   "{'id': 1, 'url_map': '/b', 'service': 'http',"
	   " 'real_servers': [{'id': 1, 'address': '198.51.100.20'}]}"}},
	 "access_proxies[0].api_gateways[1].id",
	 "api_gateways[0] has the same id"},
	/* real servers: never this appliance */
	{{{GW "/real_servers/0/address", "'127.0.0.1'"}},
	 GW_AT ".real_servers[0].address",
	 "127.0.0.1 cannot be a real server: it is a loopback address"},
	{{{GW "/real_servers/0/address", "'::ffff:127.0.0.1'"}},
	 GW_AT ".real_servers[0].address",
	 "must be an IPv4 address in its own notation, not \"::ffff:127.0.0.1\""},
	{{{GW "/real_servers/0/address", "'0.0.0.0'"}},
	 GW_AT ".real_servers[0].address",
	 "0.0.0.0 cannot be a real server: it is unspecified (0.0.0.0/8)"},
	{{{GW "/real_servers/0/address", "'239.1.2.3'"}},
	 GW_AT ".real_servers[0].address",
	 "239.1.2.3 cannot be a real server: it is a multicast address"},
	{{{GW "/real_servers/0/address", "'255.255.255.255'"}},
	 GW_AT ".real_servers[0].address",
	 "255.255.255.255 cannot be a real server: it is reserved or broadcast"},
	{{{GW "/real_servers/0/address", "'198.51.100.1'"}},
	 GW_AT ".real_servers[0].address",
	 "198.51.100.1 cannot be a real server: it is an address of this appliance"},
	{{{GW "/real_servers/0/address", "'192.0.2.10'"}},
	 GW_AT ".real_servers[0].address",
	 "192.0.2.10 cannot be a real server: it is an address of this appliance"},
	{{{GW "/real_servers/0/address", "'::1'"}},
	 GW_AT ".real_servers[0].address",
	 "::1 cannot be a real server: it is a loopback address"},
	{{{GW "/real_servers/0/address", "'fe80::20'"}},
	 GW_AT ".real_servers[0].address",
	 "fe80::20 cannot be a real server: it is link-local, which means nothing beyond one "
	 "link"},
	{{{GW "/real_servers/0/address", "'ff0e::1'"}},
	 GW_AT ".real_servers[0].address",
	 "ff0e::1 cannot be a real server: it is a multicast address"},
	{{{"interfaces/1/addresses/-", "'2001:db8::1/64'"},
	  {GW "/real_servers/0/address", "'2001:db8::1'"}},
	 GW_AT ".real_servers[0].address",
	 "2001:db8::1 cannot be a real server: it is an address of this appliance"},
	{{{GW "/real_servers/-", "{'id': 1, 'address': '198.51.100.21'}"}},
	 GW_AT ".real_servers[1].id",
	 "real_servers[0] has the same id"},
	/* policies */
	{{{"policies/-", "{'id': 17, 'name': 'two'}"}},
	 "policies[1].id",
	 "policy id \"17\" is there already, as number [0]"},
	{{{"policies/-", "{'id': 18, 'name': 'ZTNA-webserver-allow'}"}},
	 "policies[1].name",
	 "policy \"ZTNA-webserver-allow\" is there already, as number [0]"},
	{{{"policies/0/access_proxies/-", "'none'"}},
	 "policies[0].access_proxies[1]",
	 "there is no access proxy \"none\""},
	{{{"policies/0/interfaces", "['dmz']"}},
	 "policies[0].interfaces[0]",
	 "there is no interface \"dmz\""},
	{{{"policies/0/source/-", "'192.0.2.1/24'"}},
	 "policies[0].source[1]",
	 "has bits set beyond its length"},
	/* 17 deep */
	{{{"policies/0/tags",
	   "{'any':[{'all':[{'any':[{'all':[{'any':[{'all':[{'any':[{'all':[{'any':[{'all':[{'any':"
	   "[{'all':[{'any':[{'all':[{'any':[{'all':['a']}]}]}]}]}]}]}]}]}]}]}]}]}]}]}]}"}},
	 "policies[0].tags",
	 "conditions are nested deeper than 16"},
	{{{"api/unix",
	   "'0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
	   "567890123456789.sock'"}},
	 "api.unix",
	 "is longer than a socket's name can be, 107 bytes"},
};

static void what_does_not_fit_together_is_refused_with_its_place(void **)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config_errors errs = {};
		assert_null(document_parse(bad[i].edit, 2, &errs));
		assert_one_error(&errs, bad[i].path, bad[i].text);
	}
}

static const struct {
	struct edit edit;
	const char *path;
	const char *text;
} odd[] = {
	{{GW "/real_servers/0/address", "'203.0.113.9'"},
	 GW_AT ".real_servers[0].address",
	 NULL}, /* the default route leads there */
	{{"access_proxies/0/client_cert", "false"},
	 "policies[0].tags",
	 "never match: client_cert is false at all of its access proxies"},
	{{"access_proxies/0/api_gateways", "[]"},
	 "access_proxies[0].api_gateways",
	 "empty: no request will find a real server"},
	{{"access_proxies/0/api_gateways/-",
	  "{'id': 7, 'url_map': '/', 'service': 'http', 'virtual_host': 'shop',"
	  " 'real_servers': [{'id': 1, 'address': '198.51.100.20'}]}"},
	 "access_proxies[0].api_gateways[1].url_map",
	 "never matches: api_gateways[0] takes the same requests before"},
	{{GW "/server_ca", "'servers-ca.pem'"}, GW_AT ".server_ca", "service http does not use it"},
	{{"policies/0/source/-", "'2001:db8::/32'"},
	 "policies[0].source[1]",
	 "never matches: none of its access proxies has an IPv6 address"},
};

static void what_is_odd_but_harmless_is_a_warning(void **)
{
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct config_errors errs = {};
		struct config *cfg = document_parse(&odd[i].edit, 1, &errs);
		assert_non_null(cfg);
		assert_int_equal(errs.nb_errors, 0);
		const struct config_error *e = find_error(&errs, odd[i].path);
		if (odd[i].text == NULL) {
			assert_null(e);
		} else {
			assert_non_null(e);
			assert_true(e->is_warning);
			assert_string_equal(e->text, odd[i].text);
		}
		config_free(cfg);
	}
}

static void an_unreachable_real_server_is_a_warning(void **)
{
	static const struct edit edits[] = {{GW "/real_servers/0/address", "'203.0.113.9'"},
					    {"routes", "[]"}};
	struct config_errors errs = {};

	struct config *cfg = document_parse(edits, 2, &errs);
	assert_non_null(cfg);
	const struct config_error *e = find_error(&errs, GW_AT ".real_servers[0].address");
	assert_non_null(e);
	assert_string_equal(e->text, "203.0.113.9 is on no link and no route leads to it");
	config_free(cfg);
}

/* Tables of the data plane: what does not fit must not vanish there. */
static void more_than_the_data_plane_holds_is_refused(void **)
{
	struct config_errors errs = {};
	json_t *doc = document_new();
	json_t *interfaces = json_object_get(doc, "interfaces");
	json_t *gw = json_array_get(
		json_object_get(json_array_get(json_object_get(doc, "access_proxies"), 0),
				"api_gateways"),
		0);

	for (unsigned i = 0; i < 7; i++) {
		json_t *in = json_object();
		json_object_set_new(in, "name", json_sprintf("more%u", i));
		json_object_set_new(in, "device", json_sprintf("net_tap%u", i + 2));
		json_object_set_new(in, "addresses", json_array());
		json_array_append_new(interfaces, in);
	}
	for (unsigned i = 2; i <= 5; i++) {
		json_t *copy = json_deep_copy(gw);
		json_t *servers = json_object_get(copy, "real_servers");
		json_t *one = json_array_get(servers, 0);
		for (unsigned j = 2; j <= 256; j++) {
			json_t *s = json_deep_copy(one);
			json_object_set_new(s, "id", json_integer(j));
			json_array_append_new(servers, s);
		}
		json_object_set_new(copy, "id", json_integer(i));
		json_array_append_new(
			json_object_get(json_array_get(json_object_get(doc, "access_proxies"), 0),
					"api_gateways"),
			copy);
	}
	char *text = json_dumps(doc, 0);
	json_decref(doc);
	assert_null(document_parse_text(text, &errs));
	free(text);
	const struct config_error *e = find_error(&errs, "interfaces");
	assert_non_null(e);
	assert_string_equal(e->text, "have 9 devices, more than 8");
	e = find_error(&errs, "access_proxies");
	assert_non_null(e);
	assert_string_equal(e->text, "have 1025 real servers, more than 1024");
	assert_int_equal(errs.nb_errors, 2);
}

static void routes_come_out_longest_prefix_first(void **)
{
	static const struct edit edit = {
		"routes", "[{'prefix': '0.0.0.0/0', 'via': '192.0.2.1'},"
			  " {'prefix': '10.1.0.0/16', 'via': '198.51.100.2', 'interface': 'lan'},"
			  " {'prefix': '10.0.0.0/8', 'via': '198.51.100.3'}]"};
	struct config_errors errs = {};

	struct config *cfg = document_parse(&edit, 1, &errs);
	assert_non_null(cfg);
	assert_int_equal(cfg->nb_routes, 3);
	assert_int_equal(cfg->routes[0].prefix.len, 96 + 16);
	assert_int_equal(cfg->routes[0].interface, 1);
	assert_int_equal(cfg->routes[1].prefix.len, 96 + 8);
	assert_int_equal(cfg->routes[1].interface, SNAP_NONE);
	assert_int_equal(cfg->routes[2].prefix.len, 96);
	config_free(cfg);
}

/* The document of a site that has both families. */
static const struct edit both[] = {
	{"interfaces/0/addresses/-", "'2001:DB8:1:0::10/64'"},
	{"interfaces/1/addresses/-", "'2001:db8:2::1/64'"},
	{"routes/-", "{'prefix': '::/0', 'via': 'fe80::1', 'interface': 'wan'}"},
	{"routes/-", "{'prefix': '2001:db8:3::/48', 'via': '2001:db8:2::ff'}"},
	{"access_proxies/-", SECOND_PROXY("six", "2001:db8:1::10", "9043")},
	{GW "/real_servers/-", "{'id': 2, 'address': '2001:db8:3:0:0::20',"
			       " 'http_host': '[2001:DB8:3::20]:8080'}"},
	{GW "/real_servers/-", "{'id': 3, 'address': '2001:db8:3::21',"
			       " 'http_host': '2001:db8:3:0::21'}"},
	{"access_proxies/0/virtual_hosts/-", "{'name': 'six', 'host': '2001:DB8:1:0::10'}"},
	{"access_proxies/0/virtual_hosts/-", "{'name': 'seven', 'host': '[2001:DB8:1:0::11]'}"},
	{"policies/0/access_proxies/-", "'six'"},
	{"policies/0/source/-", "'2001:db8:ffff::/48'"},
};

static void both_families_stand_side_by_side(void **)
{
	struct config_errors errs = {};
	struct config *cfg = document_parse(both, sizeof(both) / sizeof(both[0]), &errs);
	char text[IP_ADDR_STRLEN];

	assert_non_null(cfg);
	assert_int_equal(errs.nb, 0);
	ip_addr_emit(&cfg->interfaces[0].addresses[1].addr, text);
	assert_string_equal(text, "2001:db8:1::10");
	assert_int_equal(cfg->interfaces[0].addresses[1].len, 64);
	/* Longest first, and the default routes of both are two. */
	assert_int_equal(cfg->nb_routes, 3);
	assert_int_equal(cfg->routes[0].prefix.len, 96);
	assert_int_equal(cfg->routes[1].prefix.len, 48);
	assert_int_equal(cfg->routes[2].prefix.len, 0);
	assert_int_equal(cfg->routes[2].interface, 0);
	assert_false(ip_addr_is_v4(&cfg->proxies[1].address));
	const struct config_gateway *g = &cfg->proxies[0].gateways[0];
	assert_string_equal(g->servers[1].http_host, "[2001:db8:3::20]:8080");
	assert_string_equal(g->servers[2].http_host, "[2001:db8:3::21]");
	assert_string_equal(cfg->proxies[0].vhosts[1].host, "[2001:db8:1::10]");
	assert_string_equal(cfg->proxies[0].vhosts[2].host, "[2001:db8:1::11]");
	config_free(cfg);
}

static void a_policy_keeps_its_uuid_over_reloads_and_renaming(void **)
{
	static const struct edit renamed[] = {
		{"policies/0/name", "'other'"},
		{"policies/-", "{'id': 1, 'name': 'two'}"},
	};
	struct config_errors errs = {};
	struct config *a = document_parse(NULL, 0, &errs);
	struct config *b = document_parse(renamed, 2, &errs);

	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(strlen(a->policies[0].uuid), 36);
	assert_int_equal(a->policies[0].uuid[14], '5');
	assert_string_equal(a->policies[0].uuid, b->policies[0].uuid);
	assert_string_not_equal(b->policies[0].uuid, b->policies[1].uuid);
	config_free(a);
	config_free(b);
}

static void relative_files_are_relative_to_the_document(void **)
{
	struct config_errors errs = {};
	struct config *cfg = document_parse(NULL, 0, &errs);

	assert_non_null(cfg);
	assert_string_equal(cfg->log.traffic_path, "/etc/tagwarden/traffic.log");
	assert_string_equal(cfg->ems[0].client.key_path, "/etc/tagwarden/gateway.key");
	assert_string_equal(cfg->api.unix_path, "/run/tagwarden/api.sock");
	config_free(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_together_is_refused_with_its_place),
		cmocka_unit_test(what_is_odd_but_harmless_is_a_warning),
		cmocka_unit_test(an_unreachable_real_server_is_a_warning),
		cmocka_unit_test(more_than_the_data_plane_holds_is_refused),
		cmocka_unit_test(routes_come_out_longest_prefix_first),
		cmocka_unit_test(both_families_stand_side_by_side),
		cmocka_unit_test(a_policy_keeps_its_uuid_over_reloads_and_renaming),
		cmocka_unit_test(relative_files_are_relative_to_the_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
