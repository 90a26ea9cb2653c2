/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/stats/outcome.h"
#include "logs/logs.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct ip_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip_addr){.b = {[10] = 0xff, 0xff, a, b, c, d}};
}

/* The records behind the two lines that the field's documentation shows. */
static struct record denied_record(void)
{
	struct record r = {
		.kind = RECORD_TRAFFIC,
		.flags = RECORD_F_CLIENT_CERT | RECORD_F_HAS_DEVICE | RECORD_F_EMS_ONLINE,
		.outcome = OUTCOME_POLICY_NO_TAGS,
		.code = 65,
		.time_us = 1742937461544682,
		.session_id = 2811,
		.client = v4(192, 168, 34, 43),
		.client_port = 56662,
		.vip = v4(192, 168, 34, 181),
		.vip_port = 443,
		.http_status = 403,
		.client_in = 3710,
		.client_out = 7061,
	};

	assert_int_equal(device_uid_parse("4197282468E54B0080CA170C8536A596", 32, &r.uid), 0);
	return r;
}

static struct logs_traffic denied(const struct record *r)
{
	return (struct logs_traffic){
		.r = r,
		.vdom = "root",
		.src_interface = "port1",
		.src_role = "undefined",
		.policy_name = "",
		.policy_uuid = "",
		.proxy = "ZTNA-server",
		.ems_serial = "FCTEMS8824093638",
		.tags = "CLASS_Windows-Endpoint/FortiAD/Windows10/all_registered_clients/CLASS_Low",
		.utc_offset_s = -7 * 3600,
	};
}

static void a_denial_has_the_fields_and_the_order_of_the_field(void **)
{
	const struct record r = denied_record();
	const struct logs_traffic t = denied(&r);
	char line[LOGS_LINE_MAX];

	const size_t len = logs_traffic_keyvalue(&t, line, sizeof(line));

	assert_int_equal(len, strlen(line));
	assert_string_equal(
		line,
		"date=2025-03-25 time=14:17:41 eventtime=1742937461544682000 tz=\"-0700\" "
		"logid=\"0005000024\" type=\"traffic\" subtype=\"ztna\" level=\"notice\" "
		"vd=\"root\" srcip=192.168.34.43 srcport=56662 srcintf=\"port1\" "
		"srcintfrole=\"undefined\" dstcountry=\"Reserved\" srccountry=\"Reserved\" "
		"dstip=192.168.34.181 dstport=443 dstintf=\"root\" dstintfrole=\"undefined\" "
		"sessionid=2811 service=\"HTTPS\" proxyapptype=\"http\" proto=6 action=\"deny\" "
		"policyid=0 policytype=\"policy\" trandisp=\"dnat\" tranip=192.168.34.181 "
		"tranport=443 appcat=\"unscanned\" duration=0 vip=\"ZTNA-server\" "
		"accessproxy=\"ZTNA-server\" "
		"clientdeviceid=\"4197282468E54B0080CA170C8536A596\" "
		"clientdevicemanageable=\"manageable\" clientdeviceems=\"FCTEMS8824093638\" "
		"clientdevicetags=\"CLASS_Windows-Endpoint/FortiAD/Windows10/"
		"all_registered_clients/CLASS_Low\" clientcert=\"yes\" emsconnection=\"online\" "
		"msg=\"Traffic denied because failed to match a policy or proxy-policy\" wanin=0 "
		"rcvdbyte=0 wanout=0 lanin=3710 sentbyte=3710 lanout=7061 "
		"fctuid=\"4197282468E54B0080CA170C8536A596\" crscore=30 craction=13107 "
		"crlevel=\"high\"");
}

/* There are no address objects here, so srcuuid of the field's line is not there either. */
static void an_accept_has_the_fields_and_the_order_of_the_field(void **)
{
	const struct record r = {
		.kind = RECORD_TRAFFIC,
		.flags = RECORD_F_ACCEPT,
		.outcome = OUTCOME_POLICY_ACCEPT,
		.time_us = 1736276220378088,
		.session_id = 8876,
		.client = v4(10, 0, 3, 2),
		.client_port = 17322,
		.vip = v4(10, 0, 3, 10),
		.vip_port = 9043,
		.policy_id = 17,
		.client_in = 1764,
		.client_out = 3049,
	};
	const struct logs_traffic t = {
		.r = &r,
		.vdom = "root",
		.src_interface = "port3",
		.src_role = "wan",
		.policy_name = "ZTNA-webserver-allow",
		.policy_uuid = "8065fc36-cd28-51ef-cd5a-84f5ae253c13",
		.proxy = "ZTNA-webserver",
		.ems_serial = "",
		.tags = "",
		.utc_offset_s = -8 * 3600,
	};
	char line[LOGS_LINE_MAX];

	(void)logs_traffic_keyvalue(&t, line, sizeof(line));
	assert_string_equal(
		line,
		"date=2025-01-07 time=10:57:00 eventtime=1736276220378088000 tz=\"-0800\" "
		"logid=\"0005000024\" type=\"traffic\" subtype=\"ztna\" level=\"notice\" "
		"vd=\"root\" srcip=10.0.3.2 srcport=17322 srcintf=\"port3\" srcintfrole=\"wan\" "
		"dstcountry=\"Reserved\" srccountry=\"Reserved\" dstip=10.0.3.10 dstport=9043 "
		"dstintf=\"root\" dstintfrole=\"undefined\" sessionid=8876 service=\"tcp/9043\" "
		"proxyapptype=\"http\" proto=6 action=\"accept\" policyid=17 "
		"policytype=\"policy\" poluuid=\"8065fc36-cd28-51ef-cd5a-84f5ae253c13\" "
		"policyname=\"ZTNA-webserver-allow\" appcat=\"unscanned\" duration=0 "
		"vip=\"ZTNA-webserver\" accessproxy=\"ZTNA-webserver\" "
		"clientdevicemanageable=\"unknown\" clientcert=\"no\" wanin=0 rcvdbyte=0 wanout=0 "
		"lanin=1764 sentbyte=1764 lanout=3049");
}

static void quotes_and_control_bytes_do_not_end_a_value(void **)
{
	const struct record r = denied_record();
	struct logs_traffic t = denied(&r);
	char line[LOGS_LINE_MAX];

	t.proxy = "a\" action=\"accept\\";
	t.tags = "x\n\033[2J\x7f";
	(void)logs_traffic_keyvalue(&t, line, sizeof(line));
	assert_non_null(strstr(line, " vip=\"a\\\" action=\\\"accept\\\\\" "));
	assert_non_null(strstr(line, "clientdevicetags=\"x\\u000a\\u001b[2J\\u007f\""));
	for (const char *p = line; *p != '\0'; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* Every shorter line is the whole one's beginning, and ends where a field ends. */
static void a_line_that_does_not_fit_ends_at_a_field(void **)
{
	const struct record r = denied_record();
	const struct logs_traffic t = denied(&r);
	char whole[LOGS_LINE_MAX], part[LOGS_LINE_MAX];
	const size_t len = logs_traffic_keyvalue(&t, whole, sizeof(whole));

	for (size_t cap = 1; cap <= len + 1; cap++) {
		const size_t n = logs_traffic_keyvalue(&t, part, cap);

		assert_true(n < cap);
		assert_memory_equal(part, whole, n);
		assert_true(n == 0 || whole[n] == ' ' || whole[n] == '\0');
	}
}

static void json_lines_are_json_at_any_size(void **)
{
	struct record r = denied_record();
	struct logs_traffic t = denied(&r);
	char line[LOGS_LINE_MAX];
	json_t *j;

	r.request_id[15] = 0xa5;
	t.proxy = "a\"b\\c\n";
	for (size_t cap = 64; cap < sizeof(line); cap += 41) {
		const size_t n = logs_traffic_json(&t, line, cap);

		assert_true(n < cap);
		j = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(j);
		json_decref(j);
	}
	j = json_loads(line, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "vip")), "a\"b\\c\n");
	assert_int_equal(json_integer_value(json_object_get(j, "code")), 65);
	assert_string_equal(json_string_value(json_object_get(j, "requestid")),
			    "000000000000000000000000000000a5");
	json_decref(j);
}

static void a_cut_session_is_a_denial_that_says_so(void **)
{
	struct record r = denied_record();
	const struct logs_traffic t = denied(&r);
	char line[LOGS_LINE_MAX];

	r.flags |= RECORD_F_ACCEPT | RECORD_F_CUT;
	(void)logs_traffic_keyvalue(&t, line, sizeof(line));
	assert_non_null(strstr(line, "action=\"deny\""));
	assert_non_null(
		strstr(line, "msg=\"Session ended because it no longer matches a policy\""));
}

static void the_id_of_a_decision_stands_behind_the_fields_of_the_field(void **)
{
	struct record r = denied_record();
	const struct logs_traffic t = denied(&r);
	char without[LOGS_LINE_MAX], with[LOGS_LINE_MAX];
	const size_t len = logs_traffic_keyvalue(&t, without, sizeof(without));

	r.request_id[0] = 0x5a;
	(void)logs_traffic_keyvalue(&t, with, sizeof(with));
	assert_memory_equal(with, without, len);
	assert_string_equal(with + len, " requestid=\"5a000000000000000000000000000000\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_id_of_a_decision_stands_behind_the_fields_of_the_field),
		cmocka_unit_test(a_denial_has_the_fields_and_the_order_of_the_field),
		cmocka_unit_test(an_accept_has_the_fields_and_the_order_of_the_field),
		cmocka_unit_test(quotes_and_control_bytes_do_not_end_a_value),
		cmocka_unit_test(a_line_that_does_not_fit_ends_at_a_field),
		cmocka_unit_test(json_lines_are_json_at_any_size),
		cmocka_unit_test(a_cut_session_is_a_denial_that_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
