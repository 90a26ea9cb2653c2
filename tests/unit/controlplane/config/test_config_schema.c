/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config_json.h"
#include "tests/unit/controlplane/config/document.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	struct edit edit;
	const char *path;
	const char *text;
} bad[] = {
	/* names and presence */
	{{"colour", "1"},
	 "colour",
	 "unknown name; here can be: dataplane, interfaces, routes, ems, gateway, certificates, "
	 "access_proxies, policies, timeouts, log, api, state"},
	{{"gateway/serial", "'X'"},
	 "gateway.serial",
	 "unknown name; here can be: serial_number, hostname, vdom"},
	{{"gateway/serial_number", NULL},
	 "gateway.serial_number",
	 "missing: Serial number under which EMS knows this gateway; logged as devid."},
	{{"access_proxies/0/port", NULL},
	 "access_proxies[0].port",
	 "missing: TCP port to listen on."},
	{{"ems/0/key", NULL},
	 "ems[0].key",
	 "missing: PEM file with its private key, without a passphrase."},
	/* types */
	{{"access_proxies/0/port", "'9043'"},
	 "access_proxies[0].port",
	 "must be an integer, not a string"},
	{{"access_proxies/0/port", "9043.0"},
	 "access_proxies[0].port",
	 "must be an integer, not a number"},
	{{"access_proxies/0/client_cert", "null"},
	 "access_proxies[0].client_cert",
	 "must be a boolean, not null"},
	{{"access_proxies/0/client_cert", "'enable'"},
	 "access_proxies[0].client_cert",
	 "must be a boolean, not a string"},
	{{"interfaces", "{}"}, "interfaces", "must be an array, not an object"},
	{{"policies/0", "[]"}, "policies[0]", "must be an object, not an array"},
	{{"policies/0/tags", "7"},
	 "policies[0].tags",
	 "must be a string or an object, not an integer"},
	{{"policies/0/stale_posture", "true"},
	 "policies[0].stale_posture",
	 "must be a string or an object, not a boolean"},
	/* bounds */
	{{"access_proxies/0/port", "0"}, "access_proxies[0].port", "must be 1 to 65535, not 0"},
	{{"access_proxies/0/port", "65536"},
	 "access_proxies[0].port",
	 "must be 1 to 65535, not 65536"},
	{{"access_proxies/0/port", "-9223372036854775808"},
	 "access_proxies[0].port",
	 "must be 1 to 65535, not -9223372036854775808"},
	{{"ems/0/id", "8"}, "ems[0].id", "must be 1 to 7, not 8"},
	{{"ems/0/out_of_sync_threshold", "9"},
	 "ems[0].out_of_sync_threshold",
	 "must be 10 to 3600, not 9"},
	{{"ems/0/call_timeout", "181"}, "ems[0].call_timeout", "must be 1 to 180, not 181"},
	{{"policies/0/id", "0"}, "policies[0].id", "must be 1 to 4294967294, not 0"},
	{{"dataplane/workers", "[]"}, "dataplane.workers", "must have 1 to 64 elements, not 0"},
	{{"dataplane/workers", "[1, 2, 1]"},
	 "dataplane.workers[2]",
	 "is in the list already, as [0]"},
	{{"interfaces/0/name", "''"}, "interfaces[0].name", "must not be empty"},
	{{"interfaces/0/name", "'0123456789abcdef'"},
	 "interfaces[0].name",
	 "must be 1 to 15 bytes long, not 16"},
	{{"access_proxies/0/api_gateways/0/real_servers/0/weight", "256"},
	 "access_proxies[0].api_gateways[0].real_servers[0].weight",
	 "must be 1 to 255, not 256"},
	{{"access_proxies/0/api_gateways/0/real_servers", "[]"},
	 "access_proxies[0].api_gateways[0].real_servers",
	 "must have 1 to 256 elements, not 0"},
	{{"policies/0/stale_posture", "{'allow-for': 0}"},
	 "policies[0].stale_posture.allow-for",
	 "must be 1 to 604800, not 0"},
	/* words */
	{{"dataplane/idle", "'sleep'"},
	 "dataplane.idle",
	 "must be one of \"adaptive\", \"poll\", not \"sleep\""},
	{{"policies/0/stale_posture", "'allow'"},
	 "policies[0].stale_posture",
	 "must be one of \"deny\", \"keep-existing\", not \"allow\""},
	{{"ems/0/status", "'enabled'"},
	 "ems[0].status",
	 "must be one of \"enable\", \"disable\", not \"enabled\""},
	/* conditions */
	{{"policies/0/tags", "{'any': []}"},
	 "policies[0].tags.any",
	 "must have 1 to 1024 elements, not 0"},
	{{"policies/0/tags", "{'any': ['a'], 'none': ['b']}"},
	 "policies[0].tags",
	 "must have exactly one of: any, all, none"},
	{{"policies/0/tags", "{'any': ['a', {'not': ['b']}]}"},
	 "policies[0].tags.any[1].not",
	 "unknown name; here can be: any, all, none"},
	{{"policies/0/tags", "{'any': ['a\\u001b[2J']}"},
	 "policies[0].tags.any[0]",
	 "must be a name without control bytes and without blanks around it, not \"a?[2J\""},
	/* formats */
	{{"interfaces/0/addresses/0", "'192.0.2.10'"},
	 "interfaces[0].addresses[0]",
	 "must be an IP address with its prefix length (address/length), not \"192.0.2.10\""},
	{{"interfaces/0/addresses/0", "'192.0.2.10/33'"},
	 "interfaces[0].addresses[0]",
	 "must be an IP address with its prefix length (address/length), not \"192.0.2.10/33\""},
	{{"routes/0/via", "'192.0.2.256'"},
	 "routes[0].via",
	 "must be an IP address, not \"192.0.2.256\""},
	{{"routes/0/via", "'2001:db8::1%wan'"},
	 "routes[0].via",
	 "must be an IP address, not \"2001:db8::1%wan\""},
	{{"routes/0/via", "'[2001:db8::1]'"},
	 "routes[0].via",
	 "must be an IP address, not \"[2001:db8::1]\""},
	{{"interfaces/0/addresses/0", "'2001:db8::1/129'"},
	 "interfaces[0].addresses[0]",
	 "must be an IP address with its prefix length (address/length), not \"2001:db8::1/129\""},
	{{"interfaces/0/addresses/0", "'::ffff:192.0.2.10/120'"},
	 "interfaces[0].addresses[0]",
	 "must be an IPv4 address in its own notation, not \"::ffff:192.0.2.10/120\""},
	{{"policies/0/source/0", "'::ffff:0:0/96'"},
	 "policies[0].source[0]",
	 "must be an IPv4 address in its own notation, not \"::ffff:0:0/96\""},
	{{"access_proxies/0/virtual_hosts/0/host", "'[2001:db8::10]:443'"},
	 "access_proxies[0].virtual_hosts[0].host",
	 "must be a host name, or part of one, with * and ? if wildcard, not "
	 "\"[2001:db8::10]:443\""},
	{{"access_proxies/0/api_gateways/0/real_servers/0/http_host", "'2001:db8::1:8080x'"},
	 "access_proxies[0].api_gateways[0].real_servers[0].http_host",
	 "must be a host with or without :port (an IPv6 address in brackets then), or empty, not "
	 "\"2001:db8::1:8080x\""},
	{{"gateway/serial_number", "'FPX 1'"},
	 "gateway.serial_number",
	 "must be a serial number of 1 to 16 letters and digits, not \"FPX 1\""},
	{{"certificates/0/key", "'-----BEGIN PRIVATE KEY-----\\nMIGHAgEA'"},
	 "certificates[0].key",
	 "must be a file name, not PEM text"},
	{{"api/mode", "'0666'"},
	 "api.mode",
	 "must be octal permissions with 6 or 7 for the owner and 0 for others, like 0660, "
	 "not \"0666\""},
	{{"ems/0/fingerprint", "'A1:B2'"},
	 "ems[0].fingerprint",
	 "must be a SHA-512 fingerprint: 64 bytes in hex, not \"A1:B2\""},
	{{"ems/0/server", "'ems/..'"},
	 "ems[0].server",
	 "must be a host name or an IP address, not \"ems/..\""},
	{{"access_proxies/0/api_gateways/0/url_map", "'/a b'"},
	 "access_proxies[0].api_gateways[0].url_map",
	 "must be printable ASCII without blanks, not \"/a b\""},
	{{"policies/0/uuid", "'17'"},
	 "policies[0].uuid",
	 "must be a UUID like 2d3f2b0c-7a5e-5b1a-9c39-0123456789ab, not \"17\""},
};

static void each_deviation_is_named_with_its_place_and_what_is_allowed(void **)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config_errors errs = {};
		assert_null(document_parse(&bad[i].edit, 1, &errs));
		assert_one_error(&errs, bad[i].path, bad[i].text);
	}
}

static void all_errors_are_reported_together(void **)
{
	static const struct edit edits[] = {
		{"access_proxies/0/port", "0"},
		{"ems/0/id", "8"},
		{"gateway/vdom", "3"},
	};
	struct config_errors errs = {};

	assert_null(document_parse(edits, 3, &errs));
	assert_int_equal(errs.nb_errors, 3);
	assert_non_null(find_error(&errs, "access_proxies[0].port"));
	assert_non_null(find_error(&errs, "ems[0].id"));
	assert_non_null(find_error(&errs, "gateway.vdom"));
}

static void errors_beyond_the_bound_are_counted_only(void **)
{
	struct config_errors errs = {};
	json_t *doc = document_new();
	json_t *routes = json_object_get(doc, "routes");

	for (unsigned i = 0; i < 200; i++)
		json_array_append_new(routes, json_integer(i));
	assert_int_equal(config_schema_check(doc, &errs), -EBADMSG);
	json_decref(doc);
	assert_int_equal(errs.nb, CONFIG_ERRORS_MAX);
	assert_int_equal(errs.nb_errors, 200);
	assert_int_equal(errs.nb_dropped, 150);
}

static void what_is_left_out_gets_the_default_of_the_schema(void **)
{
	static const struct edit edits[] = {
		{"dataplane", NULL},
		{"access_proxies/0/api_gateways/0/url_map", NULL},
		{"access_proxies/0/api_gateways/0/url_map_type", NULL},
		{"access_proxies/0/api_gateways/0/ldb_method", NULL},
		{"ems/0/https_port", NULL},
		{"ems/0/out_of_sync_threshold", NULL},
		{"gateway/vdom", NULL},
		{"api", NULL},
		{"log", NULL},
		{"policies/0/action", NULL},
		{"policies/0/log", NULL},
	};
	struct config_errors errs = {};

	struct config *cfg = document_parse(edits, 11, &errs);
	assert_non_null(cfg);
	assert_int_equal(cfg->dataplane.nb_workers, 1);
	assert_int_equal(cfg->dataplane.workers[0], 1);
	assert_int_equal(cfg->dataplane.idle, SNAP_IDLE_ADAPTIVE);
	assert_int_equal(cfg->dataplane.max_connections, 100000);
	assert_int_equal(cfg->dataplane.memory_mib, 256 + 64 + 100000 / 512);
	assert_string_equal(cfg->proxies[0].gateways[0].url_map, "/");
	assert_int_equal(cfg->proxies[0].gateways[0].url_map_type, SNAP_URL_SUB_STRING);
	assert_int_equal(cfg->proxies[0].gateways[0].ldb_method, SNAP_LDB_STATIC);
	assert_int_equal(cfg->ems[0].https_port, 443);
	assert_int_equal(cfg->ems[0].out_of_sync_s, 180);
	assert_true(cfg->ems[0].is_enabled);
	assert_true(cfg->ems[0].is_websocket);
	assert_true(cfg->ems[0].is_trust_ca_cn);
	assert_string_equal(cfg->vdom, "root");
	assert_string_equal(cfg->gateway_hostname, "FPXVULTM24000083");
	assert_string_equal(cfg->api.unix_path, "/run/tagwarden/api.sock");
	assert_int_equal(cfg->api.mode, 0660);
	assert_null(cfg->api.group);
	assert_null(cfg->log.traffic_path);
	assert_string_equal(cfg->state_dir, "/var/lib/tagwarden");
	assert_int_equal(cfg->policies[0].action, SNAP_DENY);
	assert_int_equal(cfg->policies[0].log, SNAP_LOG_ALL);
	assert_int_equal(cfg->policies[0].stale, SNAP_STALE_DENY);
	assert_true(cfg->policies[0].is_enabled);
	assert_int_equal(cfg->timeouts.handshake, 10);
	assert_int_equal(cfg->timeouts.device_pull, 3);
	config_free(cfg);
}

static void json_that_is_none_is_named_with_line_and_column(void **)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"{\n  \"a\": 1,\n  \"b\" 2\n}",
		 "line 3, column 7: not JSON: ':' expected near '2'"},
		{"{\n  \"ems\": [],\n  \"ems\": []\n}",
		 "line 3, column 7: not JSON: duplicate object key near '\"ems\"'"},
		{"", "line 1, column 0: not JSON: '[' or '{' expected near end of file"},
		{"{} x", "line 1, column 4: not JSON: end of file expected near 'x'"},
		{"{\"a\": \"\xff\"}",
		 "line 1, column 7: not JSON: unable to decode byte 0xff near '\"'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_errors errs = {};
		assert_null(document_parse_text(cases[i].text, &errs));
		assert_one_error(&errs, "", cases[i].error);
	}
	/* A NUL would cut the string short for whoever reads it next. */
	struct config_errors errs = {};
	assert_null(document_parse_text("{\"a\": \"\\u0000\"}", &errs));
	assert_int_equal(errs.nb_errors, 1);
}

static void nesting_is_bounded_before_anything_recurses(void **)
{
	struct config_errors errs = {};
	size_t depth = 100000;
	char *text = malloc(2 * depth + 1);

	assert_non_null(text);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[2 * depth] = '\0';
	assert_null(document_parse_text(text, &errs));
	assert_one_error(&errs, "", "line 1, column 65: nested deeper than 64");
	free(text);

	/* Brackets within strings are no nesting. */
	errs = (struct config_errors){};
	static const struct edit edit = {"policies/0/name", "'[[[[[[[[[[[[[[[[[\\\\\\\"[[[[['"};
	struct config *cfg = document_parse(&edit, 1, &errs);
	assert_non_null(cfg);
	config_free(cfg);
}

static void too_large_a_document_is_refused_unread(void **)
{
	struct config_errors errs = {};

	assert_null(config_parse("", CONFIG_DOCUMENT_MAX + 1, "x", &document_files, &errs));
	assert_one_error(&errs, "", "the document is larger than 16 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_deviation_is_named_with_its_place_and_what_is_allowed),
		cmocka_unit_test(all_errors_are_reported_together),
		cmocka_unit_test(errors_beyond_the_bound_are_counted_only),
		cmocka_unit_test(what_is_left_out_gets_the_default_of_the_schema),
		cmocka_unit_test(json_that_is_none_is_named_with_line_and_column),
		cmocka_unit_test(nesting_is_bounded_before_anything_recurses),
		cmocka_unit_test(too_large_a_document_is_refused_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
